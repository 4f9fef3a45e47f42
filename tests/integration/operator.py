"""The command line as an operator uses it: in this process where that is the same, else as its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from router.cli.main import run
from router.documents.schemas import export_schemas
from router.localnet import Localnet
from router.localnet.workspace import PASSWORD, write_workspace

COMMAND = str(Path(sys.executable).with_name("rebalance"))
SCHEMA_ERROR = "rebalance-error/1"


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout, valid by its exported schema."""
        document = json.loads(self.stdout)
        check_document(document)
        return dict(document)


@cache
def _validators() -> dict[str, jsonschema.Draft202012Validator]:
    """By the `schema` that documents name."""
    found = {}
    for schema in export_schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)
        name = schema["properties"]["schema"]
        found[name["const"]] = jsonschema.Draft202012Validator(schema)
    return found


def check_document(document: Any) -> None:
    """Raises where a document is not what the schema that it names says."""
    _validators()[document["schema"]].validate(document)


def rebalance(*arguments: str | Path) -> Run:
    """Runs a command in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = run([str(each) for each in arguments])
    return Run(code, stdout.getvalue(), stderr.getvalue())


def process(
    *arguments: str | Path, folder: Path | None = None, timeout: float = 180, **environment: str
) -> Run:
    """Runs a command as a process, with nobody at its stdin."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    return Run(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Workspace:
    """A folder as `rebalance localnet --out` writes it, on a running chain."""

    net: Localnet
    folder: Path

    @classmethod
    def on(cls, net: Localnet, folder: Path) -> Workspace:
        write_workspace(net, folder)
        return cls(net, folder)

    @property
    def config(self) -> Path:
        return self.folder / "rebalance.toml"

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan.json"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.net.owner.private_key.removeprefix("0x"), PASSWORD + "\n")

    def run(self, command: str, *arguments: str | Path) -> Run:
        """Runs a command with this folder's config."""
        return rebalance(command, *arguments, "--config", self.config)

    def plan(self, *arguments: str | Path) -> dict[str, Any]:
        """Plans and saves; the plan."""
        done = self.run("plan", "--out", self.plan_file, "--json", *arguments)
        assert done.code == 0, done.stderr
        return done.document

    def send(self, *arguments: str | Path) -> Run:
        """Sends the saved plan without asking."""
        password = ("--password-file", self.folder / "password")
        return self.run("send", self.plan_file, *password, "--yes", *arguments)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces text in one of the files."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def balances(self) -> dict[str, int]:
        """Everything that the owner holds."""
        tokens = [token["address"] for token in self.net.deployment["tokens"]]
        return {token: self.net.balance_of(token, self.net.owner.address) for token in tokens}

    def nonce(self) -> int:
        """How many transactions the owner has sent."""
        return int(self.net.rpc.call("eth_getTransactionCount", self.net.owner.address, "latest"), 16)
