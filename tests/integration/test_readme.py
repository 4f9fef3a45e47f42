"""Every fenced block of README.md runs as it stands.

`sh`: commands, one per line, run in a folder with a copy of examples/. `python`: executed there.
`toml` and `json`: checked against the schema that their `schema` names. `text`: output, not looked at.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.operator import COMMAND, check_document, process

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SKIPPED = ("make ", "pip ", "git ", "cd ", "brownie ")
"""Commands that other checks run: set-up and make targets."""
LANGUAGES = {"sh", "python", "toml", "json", "text"}


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line that it starts at."""

    line: int
    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command; comments are left out."""
        lines = (line.removeprefix("$ ") for line in self.text.splitlines())
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text()
    return [
        Block(text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in FENCE.finditer(text)
    ]


def of(*languages: str) -> list[Block]:
    return [block for block in blocks() if block.language in languages]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the blocks run."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "build").mkdir()
    return folder


@pytest.fixture(scope="module")
def chains(folder: Path) -> Iterator[None]:
    """The local chains that the blocks start, each ready when its workspace is written."""
    running = []
    for command in (words for block in of("sh") for words in block.commands if words[1:2] == ["localnet"]):
        process_ = subprocess.Popen(
            [COMMAND, *command[1:]], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        running.append(process_)
        ready = folder / command[command.index("--out") + 1] / "rebalance.toml"
        give_up = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < give_up:
            time.sleep(0.1)
        assert ready.exists()
    yield
    for each in running:
        each.send_signal(signal.SIGTERM)
        assert each.wait(20) == 0


def test_every_block_says_what_it_is() -> None:
    assert blocks()
    for block in blocks():
        assert block.language in LANGUAGES, f"README.md:{block.line}"
    assert (ROOT / "README.md").read_text().count("```") == 2 * len(blocks())


def test_shell_blocks_run_in_their_order(folder: Path, chains: None) -> None:
    ran = 0
    for block in of("sh"):
        for words in block.commands:
            line = shlex.join(words)
            if line.startswith(SKIPPED) or words[:2] == ["rebalance", "localnet"]:
                continue
            assert words[0] == "rebalance", f"README.md:{block.line}: {line}"
            done = process(*words[1:], folder=folder, timeout=240)
            assert done.code == 0, f"README.md:{block.line}: {line}\n{done.stderr}"
            ran += 1
    assert ran


@pytest.mark.parametrize("block", of("python"), ids=lambda block: f"line {block.line}")
def test_python_block(block: Block, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block.text],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"README.md:{block.line}\n{done.stderr}"


@pytest.mark.parametrize("block", of("toml", "json"), ids=lambda block: f"line {block.line}")
def test_document_block(block: Block) -> None:
    document = tomllib.loads(block.text) if block.language == "toml" else json.loads(block.text)
    check_document(document)


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in of("sh"):
        for words in block.commands:
            assert words[0] != "make" or not words[1:] or words[1] in targets, f"README.md:{block.line}"
