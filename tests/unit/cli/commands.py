"""What tests of commands share: a document, a refusal."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from router.cli.main import group, run
from router.documents.schemas import export_schemas


def document_of(words: list[str]) -> dict[str, Any]:
    """What a command prints with `--json`, which its schema allows."""
    done = CliRunner().invoke(group, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, export_schemas()[words[0]])
    return found


def refusal(capsys: pytest.CaptureFixture[str], words: list[str]) -> dict[str, Any]:
    """The error that a command prints with `--json`."""
    assert run([*words, "--json"]) == 2
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found
