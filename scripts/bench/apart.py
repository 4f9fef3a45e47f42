"""Time and peak memory of processes. What the system says was a process's most memory starts from what its
parent had when it began, so neither comes from a parent as large as a benchmark.

    python -m scripts.bench.apart COMMAND [ARGUMENT ...]     prints a command's seconds and MiB as JSON
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STATUS = Path("/proc/self/status")
PEAK = "VmHWM:"


def peak_mib() -> float:
    """Most memory that this process has had; of Linux alone without its parent's."""
    if STATUS.exists():
        rows = (row.split() for row in STATUS.read_text().splitlines())
        return next(int(row[1]) for row in rows if row[0] == PEAK) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Seconds, and peak memory in MiB, of a command that ends well.

    Args:
        environment: variables beside those of this process.

    Raises:
        SystemExit: the command failed.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.bench.apart", *command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with exit code {ended.returncode}: {ended.stderr[-500:]}"
        )
    spent, peak = json.loads(ended.stdout)
    return float(spent), float(peak)


def main(command: Sequence[str]) -> int:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps((time.perf_counter() - start, usage.ru_maxrss / 1024)))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
