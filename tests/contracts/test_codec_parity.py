"""The executor's codecs read what the encoder wrote: recorded payloads, and any legal program."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from router.encoder import MalformedPayload, decode, encode
from router.program import Borrow, Check, Deliver, Program, Pull, Step, Swap
from router.wire import LOANS, SWAPS
from tests.contracts.chain import Chain, Reverted
from tests.contracts.world import ROOT, own
from tests.strategies_program import programs

VECTORS = json.loads((ROOT / "tests/vectors/payloads.json").read_text())
HEAD = "(uint256,uint256,uint256,int256,(address,uint256,uint256,uint256,uint256,uint256)[])"
STEPS = "((uint256,uint256,address,uint256[],uint256[],uint256)[])"
NOBODY = "0x" + "00" * 20


@pytest.fixture(scope="module")
def reader() -> tuple[Chain, str]:
    chain = Chain()
    return chain, chain.create(own("ProgramReader"))


def expected_head(program: Program) -> tuple[Any, ...]:
    tokens = tuple(
        (row.token, row.max_spent, row.min_received, row.price_e36, row.min_weight_pips, row.max_weight_pips)
        for row in program.tokens
    )
    return program.deadline, program.first_block, program.last_block, program.min_value_change_e36, tokens


def expected_step(step: Step, places: dict[str, int]) -> tuple[Any, ...]:
    """kind, route, contract called, token indices, amounts, extra."""
    match step:
        case Pull(token, amount):
            return (2 if amount is None else 1, 0, NOBODY, (places[token],), (amount or 0,), 0)
        case Deliver(token):
            return (3, 0, NOBODY, (places[token],), (0,), 0)
        case Check():
            return (4, 0, NOBODY, (), (), 0)
        case Borrow():
            indices = tuple(places[token] for token, _ in step.amounts)
            lent = tuple(amount for _, amount in step.amounts)
            return (LOANS[step.kind].code, 0, step.lender, indices, lent, 0)
        case Swap():
            route = step.payer | step.recipient << 2 | step.mode << 4
            traded = (places[step.token_in], places[step.token_out])
            extra = int(step.pool_id, 16) if step.pool_id else step.fee_pips
            return (SWAPS[step.kind].code, route, step.vault or step.pool, traded, (step.amount, 0), extra)
    raise AssertionError(step)


def decoded(payload: bytes) -> Program | None:
    try:
        return decode(payload)
    except MalformedPayload:
        return None


def require_parity(reader: tuple[Chain, str], payload: bytes, program: Program) -> None:
    chain, address = reader
    assert chain.send(address, "readHead(bytes)", payload, returns=HEAD) == expected_head(program)
    places = {bounds.token: place for place, bounds in enumerate(program.tokens)}
    expected = tuple(expected_step(step, places) for step in program.steps)
    assert chain.send(address, "readSteps(bytes)", payload, returns=STEPS) == expected


@pytest.mark.parametrize("name", VECTORS)
def test_recorded_payload_reads_as_its_program(reader: tuple[Chain, str], name: str) -> None:
    payload = bytes.fromhex(VECTORS[name]["payload"][2:])
    require_parity(reader, payload, decode(payload))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(program=programs())
def test_any_program_reads_as_it_was_encoded(reader: tuple[Chain, str], program: Program) -> None:
    require_parity(reader, encode(program), program)


@pytest.mark.parametrize("name", VECTORS)
def test_every_cut_of_a_recorded_payload_is_read_alike(reader: tuple[Chain, str], name: str) -> None:
    """What the Python side refuses to decode for its length, the executor refuses too, and the reverse."""
    chain, address = reader
    payload = bytes.fromhex(VECTORS[name]["payload"][2:])
    for length in range(len(payload)):
        cut = payload[:length]
        program = decoded(cut)
        if program is None:
            # readSteps checks the head too
            with pytest.raises(Reverted):
                chain.send(address, "readSteps(bytes)", cut)
        else:
            require_parity(reader, cut, program)
