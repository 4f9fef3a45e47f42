"""One anvil process: started on a free port, ready when returned, gone when closed."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import platform
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from router.errors import InputError, RpcFailure
from router.localnet.accounts import COUNT, MNEMONIC

READY_SECONDS = 20.0
STOP_SECONDS = 5.0
GAS_LIMIT = 60_000_000
_LISTENING = "Listening on "
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class AnvilProcess:
    """A running node. `url` is what it listens on."""

    url: str
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def close(self) -> None:
        """Ends the process and waits for it; does nothing the second time."""
        atexit.unregister(self.close)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(ValueError):
                    stream.close()


def find_anvil(root: Path) -> Path:
    """The platform's anvil out of npm, or the one on PATH.

    The binary itself rather than npm's wrapper, which would leave it running when the wrapper is ended.

    Raises:
        InputError: there is neither.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    name = "anvil.exe" if sys.platform == "win32" else "anvil"
    packaged = root / f"node_modules/@foundry-rs/anvil-{sys.platform}-{machine}/bin/{name}"
    found = packaged if packaged.is_file() else shutil.which(name)
    if found is None:
        raise InputError(f"no anvil: {packaged} is missing and none is on PATH (run `make setup`)")
    return Path(found)


def start_anvil(
    binary: Path, chain_id: int, hardfork: str, port: int = 0, block_time: int | None = None
) -> AnvilProcess:
    """Starts a node on 127.0.0.1 and waits until it listens.

    Args:
        port: 0 lets the system choose a free one.
        block_time: seconds between blocks; None mines one block per transaction.

    Raises:
        RpcFailure: it ended or did not listen in time; carries what it said.
    """
    command = [str(binary), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id)]
    command += ["--hardfork", hardfork, "--gas-limit", str(GAS_LIMIT), "--no-request-size-limit"]
    command += ["--mnemonic", MNEMONIC, "--accounts", str(COUNT)]
    if block_time is not None:
        command += ["--block-time", str(block_time)]
    # A session of its own, so that Ctrl-C reaches this process first and the node is ended in order.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_end_with_parent(),  # noqa: PLW1509 - one system call, no lock is taken
    )
    try:
        return _when_listening(process)
    except BaseException:
        AnvilProcess("", process).close()
        raise


def _when_listening(process: subprocess.Popen[str]) -> AnvilProcess:
    assert process.stdout is not None
    said: list[str] = []
    listening: list[str] = []
    ready = threading.Event()
    threading.Thread(target=_read, args=(process.stdout, said, listening, ready), daemon=True).start()
    if not ready.wait(READY_SECONDS) or not listening:
        raise RpcFailure(f"anvil did not start: {' '.join(said[-5:]) or 'no output'}")
    running = AnvilProcess(f"http://{listening[0]}", process)
    atexit.register(running.close)
    return running


def _read(stream: IO[str], said: list[str], listening: list[str], ready: threading.Event) -> None:
    """Reads the node's output until it ends, so that its pipe never fills."""
    with contextlib.suppress(ValueError):
        for line in stream:
            if ready.is_set():
                continue
            if line.startswith(_LISTENING):
                listening.append(line.removeprefix(_LISTENING).strip())
                ready.set()
            elif line.strip():
                said.append(line.strip())
    ready.set()


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, ends the node when the thread that started it dies without a chance to close it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
