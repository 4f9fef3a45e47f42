"""Replays recorded on-chain quotes through our pools and demands equality.

    python scripts/parity.py --quotes FOLDER --states FOLDER [--json]

A quote file has `chain_id`, `block_number` and `entries`: `pool|function|direction|amount` -> the answer; a
recorded revert must be refused by ours too. States are matched by chain, pool and block. Exit codes: 0 all
equal, 1 a quote differs, 2 nothing to replay or a file that cannot be read.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recorded_states import EXACT_OUTPUT, RecordedPool, UnsupportedError, load_states, pool_key, read_state

from router.errors import PoolError

Answer = int | None  # None: the contract reverted
REVERT_KEYS = ("error", "revert", "reverted")


@dataclass
class FileReport:
    """What became of one quote file."""

    file: str
    tried: int = 0
    equal: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unequal: list[str] = field(default_factory=list)


class States:
    """The state files of a folder, read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = load_states(folder)
        self._read = cache(read_state)

    def find(self, chain_id: int | None, pool: str, block: int | None) -> RecordedPool:
        """The pool's state at the block.

        Raises:
            UnsupportedError: there is none, or none of an AMM that we have.
        """
        paths = self._paths.get((chain_id, pool_key(pool)), [])
        if not paths:
            raise UnsupportedError("no recorded state of this pool")
        found = [self._read(path) for path in paths]
        for state in found:
            if block is None or state.block in (None, block):
                return state
        raise UnsupportedError(f"no recorded state at block {block}, only at {found[0].block}")


def parse_key(key: str) -> tuple[str, str, str, str, int]:
    """`pool|function|direction...|amount` -> (pool, function or swap kind, token in, token out, amount).

    Raises:
        UnsupportedError: another form, or a direction that is neither A->B nor i=M|j=N.
    """
    if not re.fullmatch(r"[^|]+(\|[^|]+){2,}\|\d+", key):
        raise UnsupportedError(f"malformed key {key!r}")
    pool, function, *middle, amount = key.split("|")
    if middle and middle[0] in ("GIVEN_IN", "GIVEN_OUT"):
        function, middle = middle[0], middle[1:]
    if len(middle) == 1 and middle[0].count("->") == 1:
        middle = middle[0].split("->")
    if len(middle) != 2:
        raise UnsupportedError(f"direction {'|'.join(middle)!r}")
    return pool, function, middle[0].strip(), middle[1].strip(), int(amount)


def recorded_answer(value: Any, function: str) -> Answer:
    """The recorded amount, or None for a recorded revert.

    Raises:
        UnsupportedError: no answer was recorded.
    """
    if isinstance(value, dict):
        if any(value.get(key) for key in REVERT_KEYS):
            return None
        value = value.get("value")
    if isinstance(value, list) and value:
        value = value[0 if function in EXACT_OUTPUT else -1]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UnsupportedError("no recorded answer")
    return int(value)


def replay(path: Path, states: States) -> FileReport:
    """Asks our pools every question of a quote file."""
    body = json.loads(path.read_text())
    report = FileReport(path.name)
    if not isinstance(body, dict) or not isinstance(body.get("entries"), dict):
        report.skipped["not a quote file"] += 1
        return report
    for key, value in body["entries"].items():
        try:
            pool, function, token_in, token_out, amount = parse_key(key)
            expected = recorded_answer(value, function)
            state = states.find(body.get("chain_id"), pool, body.get("block_number"))
            got = _ask(state, function, token_in, token_out, amount, partial_out=expected is not None)
        except UnsupportedError as reason:
            report.skipped[str(reason)] += 1
            continue
        report.tried += 1
        if got == expected:
            report.equal += 1
        else:
            report.unequal.append(f"{key}: recorded {expected}, ours {got}")
    return report


def _ask(
    state: RecordedPool, function: str, token_in: str, token_out: str, amount: int, *, partial_out: bool
) -> Answer:
    try:
        return state.quote(function, token_in, token_out, amount, partial_out=partial_out)
    except PoolError:
        return None


def print_table(reports: list[FileReport]) -> None:
    """One line per file, and one per reason to skip."""
    width = max(len(report.file) for report in reports)
    print(f"{'file':{width}}  tried  equal  skipped")
    for report in reports:
        print(f"{report.file:{width}}  {report.tried:5}  {report.equal:5}  {report.skipped.total():7}")
        for reason, count in report.skipped.items():
            print(f"{'':{width}}  {count} skipped: {reason}")
    total_tried, total_equal = sum(r.tried for r in reports), sum(r.equal for r in reports)
    total_skipped = sum(r.skipped.total() for r in reports)
    print(f"{'total':{width}}  {total_tried:5}  {total_equal:5}  {total_skipped:7}")


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Replay recorded on-chain quotes through our pools.")
    parser.add_argument("--quotes", type=Path, required=True, help="folder of quote files")
    parser.add_argument("--states", type=Path, required=True, help="folder of pool states")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    for folder in (arguments.quotes, arguments.states):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    try:
        states = States(arguments.states)
        reports = [replay(path, states) for path in sorted(arguments.quotes.rglob("*.json"))]
    except ValueError as error:
        parser.error(f"a file cannot be read: {error}")
    if not reports:
        parser.error(f"no quote files in {arguments.quotes}")
    if arguments.json:
        rows = [vars(report) | {"skipped": dict(report.skipped)} for report in reports]
        totals = {"tried": sum(r.tried for r in reports), "equal": sum(r.equal for r in reports)}
        print(json.dumps({"files": rows, **totals}, indent=2))
    else:
        print_table(reports)
    for report in reports:
        for line in report.unequal:
            print(f"UNEQUAL {report.file} {line}", file=sys.stderr)
    return 1 if any(report.unequal for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
