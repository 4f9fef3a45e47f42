from __future__ import annotations

import pytest
from hypothesis import given

from router.disassembler import describe
from router.fixed_point import MAX_U40, SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Swap,
    TokenBounds,
)
from router.tokens import Token, to_checksum
from tests.strategies_program import programs

WETH, USDC, OTHER = ("0x" + digit * 40 for digit in "abc")
POOL, LENDER = "0x" + "1" * 40, "0x" + "2" * 40
TOKENS = {WETH: Token(1, WETH, "WETH", 18), USDC: Token(1, USDC, "USDC", 6)}
V3 = Swap("uniswap_v3", POOL, WETH, USDC, AmountMode.LITERAL, 15 * 10**17)


def program(*steps, **fields) -> Program:
    bounds = (
        TokenBounds(
            WETH, 2 * 10**18, price_e36=2000 * 10**18, min_weight_pips=200_000, max_weight_pips=255_000
        ),
        TokenBounds(USDC, min_received=1_500_000, price_e36=10**30),
        TokenBounds(OTHER, 7),
    )
    start = {"deadline": 1_700_000_000, "min_value_change_e36": -25 * 10**35, "tokens": bounds}
    return Program(**start | {"steps": steps} | fields)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (Pull(WETH, 15 * 10**17), "pull 1.5 WETH from the owner"),
        (Pull(OTHER, 7), f"pull 7 raw units of {to_checksum(OTHER)} from the owner"),
        (Pull(USDC, None), "pull from the owner what the open loans still lack of USDC"),
        (Deliver(USDC), "deliver all USDC held to the owner"),
        (Check(), "check that the owner has received every minimum"),
        (
            Borrow("balancer_v2", LENDER, ((WETH, 10**18), (USDC, 5))),
            f"borrow 1 WETH and 0.000005 USDC from balancer_v2 {LENDER}, repaid after the last step",
        ),
        (V3, f"swap 1.5 WETH for USDC in uniswap_v3 {POOL}"),
        (
            Swap(
                "uniswap_v3",
                POOL,
                WETH,
                USDC,
                AmountMode.SHARE,
                SHARE_ONE // 8,
                Payer.EXECUTOR,
                Recipient.OWNER,
            ),
            f"swap 12.5% of the WETH held for USDC in uniswap_v3 {POOL}, to the owner",
        ),
        (
            Swap("uniswap_v2", POOL, WETH, USDC, AmountMode.REMAINDER, 0, Payer.PREPAID, Recipient.NEXT_POOL),
            f"swap the WETH it was paid for USDC in uniswap_v2 {POOL}, "
            "paid by the step before, to the pool of the next step",
        ),
    ],
)
def test_every_step_in_words(step, sentence):
    assert describe(program(step), TOKENS).steps == (sentence,)


def test_head_and_bounds():
    described = describe(program(first_block=5), TOKENS)
    assert described.head == (
        ("deadline", "1700000000 (2023-11-14 22:13:20 UTC)"),
        ("blocks", "from 5"),
        ("value change", "at least -2.5"),
    )
    assert described.bounds == (
        ("WETH", "2", "0", "2000", "20% to 25.5%"),
        ("USDC", "0", "1.5", "1", "any"),
        (to_checksum(OTHER), "7 raw", "0 raw", "none", "any"),
    )


@pytest.mark.parametrize(
    ("window", "text"), [((0, 0), "any"), ((5, 0), "from 5"), ((0, 9), "0 to 9"), ((5, 9), "5 to 9")]
)
def test_block_window(window, text):
    assert describe(program(first_block=window[0], last_block=window[1])).head[1] == ("blocks", text)


@pytest.mark.parametrize("symbol", ["", "\x1b[2J", "1 WETH or", " WETH", "0xdeadbeef"])
def test_symbols_that_could_mislead_give_way_to_addresses(symbol):
    assert describe(program(), {WETH: Token(1, WETH, symbol, 18)}).bounds[0][0] == to_checksum(WETH)


def test_symbols_that_are_shared_give_way_to_addresses():
    twins = {
        WETH: Token(1, WETH, "X", 18),
        USDC: Token(1, USDC, "X", 6),
        OTHER: Token(1, OTHER, "\x1b[2J", 0),
    }
    names = [row[0] for row in describe(program(), twins).bounds]
    assert names == [to_checksum(address) for address in (WETH, USDC, OTHER)]


def test_deadline_beyond_the_calendar_is_shown_raw():
    assert describe(program(deadline=MAX_U40)).head[0] == ("deadline", str(MAX_U40))


def test_text_has_one_line_per_row():
    described = describe(program(V3, Check()), TOKENS)
    assert len(str(described).splitlines()) == 3 + 1 + 3 + 2


@given(programs())
def test_every_legal_program_is_described(legal):
    described = describe(legal)
    assert len(described.steps) == len(legal.steps)
    assert str(described)
