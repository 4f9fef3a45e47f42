"""The recorded payloads that the contract tests read are what the encoder writes."""

from __future__ import annotations

import json

import pytest

from router.encoder import decode
from router.program import AmountMode, Borrow, Check, Deliver, Payer, Pull, Recipient, Swap
from router.wire import LOANS, SWAPS
from scripts.record_vectors import FILE, PROGRAMS, vectors

STEPS = [step for program in PROGRAMS.values() for step in program.steps]
SWAPPED = [step for step in STEPS if isinstance(step, Swap)]


def test_file_is_fresh():
    assert json.loads(FILE.read_text()) == vectors(), "run: python scripts/record_vectors.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_payload_decodes_to_the_program(name):
    payload = json.loads(FILE.read_text())[name]["payload"]
    assert decode(bytes.fromhex(payload[2:])) == PROGRAMS[name]


def test_every_step_kind_and_route_occurs():
    assert {type(step) for step in STEPS} == {Pull, Deliver, Check, Borrow, Swap}
    assert {step.amount is None for step in STEPS if isinstance(step, Pull)} == {True, False}
    assert {step.kind for step in STEPS if isinstance(step, Borrow)} == set(LOANS)
    assert {step.kind for step in SWAPPED} == set(SWAPS)
    assert {step.payer for step in SWAPPED} == set(Payer)
    assert {step.recipient for step in SWAPPED} == set(Recipient)
    assert {step.mode for step in SWAPPED} == set(AmountMode)
