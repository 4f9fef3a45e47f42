from __future__ import annotations

import re
from pathlib import Path

import pytest

from router import reverts
from router.errors import ExecutionReverted
from router.reverts import ExecutorRevert, InsufficientReceived, NotOwner, StepFailed, decode_revert

INTERFACE = Path(__file__).parents[2] / "interfaces" / "IRebalanceExecutor.sol"
ERRORS = ExecutorRevert.__subclasses__()
TOKEN = "0x" + "ab" * 20
SAMPLES = {"address": TOKEN, "uint256": 7, "int256": -7, "bytes": b"\x08\xc3", "bytes32": bytes(range(32))}


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


def test_names_types_and_figures_are_those_of_the_interface():
    declared = {
        name: ", ".join(snake_case(figure) for figure in figures.split(", ") if figure)
        for name, figures in re.findall(r"^    error (\w+)\(([^)]*)\);", INTERFACE.read_text(), re.MULTILINE)
    }
    assert {error.__name__: error.declared for error in ERRORS} == declared


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_decode_inverts_the_revert_data(error):
    thrown = error(*(SAMPLES[kind] for kind in error.types()))
    decoded = decode_revert(thrown.data)
    assert type(decoded) is error
    assert decoded.figures == thrown.figures
    assert str(decoded) == str(thrown)


def test_text_carries_name_and_figures():
    error = InsufficientReceived(TOKEN, 5, 9)
    assert str(error) == f"InsufficientReceived(token={TOKEN}, received=5, min_received=9)"
    assert isinstance(error, ExecutionReverted)
    assert error.exit_code == 5


def test_reason_is_shown_as_a_sentence_where_it_is_one():
    assert str(StepFailed(2, b"no liquidity")) == "StepFailed(step=2, reason=no liquidity)"
    assert str(StepFailed(2, b"\x08\xc3\x79\xa0")) == "StepFailed(step=2, reason=0x08c379a0)"


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xde\xad\xbe\xef" + bytes(32), NotOwner.selector() + b"\x01"]
)
def test_foreign_or_damaged_data_is_not_decoded(data):
    assert decode_revert(data) is None


def test_every_error_class_is_public_in_the_module():
    assert all(getattr(reverts, error.__name__) is error for error in ERRORS)
