"""Transient words lie where their names say, and are zero again after every call."""

from __future__ import annotations

import re

import pytest
from eth_utils.crypto import keccak

from router.program import Pull
from tests.contracts.steps import swap
from tests.contracts.world import ROOT, World

SLOTS = {"Ledger": "atomic-rebalance.ledger", "CallbackGuard": "atomic-rebalance.callback"}


def erc7201(name: str) -> int:
    """keccak256(keccak256(name) - 1), last byte zero (ERC-7201)."""
    inner = int.from_bytes(keccak(text=name), "big") - 1
    return int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF


@pytest.mark.parametrize("library", SLOTS)
def test_base_slot_is_the_erc7201_location(library: str) -> None:
    source = (ROOT / "contracts/libraries" / f"{library}.sol").read_text()
    assert SLOTS[library] in source
    literals = [int(text, 16) for text in re.findall(r"0x[0-9a-f]{64}", source)]
    assert literals == [erc7201(SLOTS[library])]


def test_transient_words_are_zero_after_a_program(world: World) -> None:
    amount = world.raw("ETH", 100)
    program = world.program(
        [world.bounds("ETH", max_spent=2 * amount), world.bounds("USD", min_received=1)],
        world.borrow("aave_v3", ETH=amount),
        world.borrow("morpho_blue", USD=1),
        Pull(world.tokens["ETH"], amount),
        swap(world, "uniswap_v3", "ETH", "USD", amount),
        Pull(world.tokens["ETH"], None),
    )
    world.execute(program)
    journal = world.chain.evm.journal_str
    transient = journal[journal.index("transient_storage: {") :].split("}", 1)[0]
    words = re.findall(r"\((0x[0-9a-f]{40}), (\d+)\): (\d+)", transient)
    assert [word for word in words if word[0] == world.executor and int(word[2])] == []
