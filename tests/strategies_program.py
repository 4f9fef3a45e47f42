"""Hypothesis strategies for legal programs: every step kind, every route, neighbours that fit."""

from __future__ import annotations

from hypothesis import strategies as st

from router.fixed_point import MAX_U40, MAX_U128, PIPS, SHARE_ONE
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Step,
    Swap,
    TokenBounds,
)
from router.wire import LOANS, PREPAYABLE, SWAPS

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
amounts = st.integers(0, MAX_U128) | st.sampled_from((0, 1, MAX_U128))
seconds = st.integers(0, MAX_U40)


@st.composite
def token_bounds(draw, token: str) -> TokenBounds:
    weights = sorted((draw(st.integers(0, PIPS)), draw(st.integers(0, PIPS))))
    return TokenBounds(token, draw(amounts), draw(amounts), draw(amounts), *weights)


@st.composite
def borrows(draw, tokens: tuple[str, ...]) -> Borrow:
    kind = draw(st.sampled_from(sorted(LOANS)))
    most = min(LOANS[kind].max_tokens, len(tokens))
    lent = draw(st.lists(st.sampled_from(tokens), min_size=1, max_size=most, unique=True))
    return Borrow(
        kind, draw(addresses), tuple((token, draw(st.integers(1, MAX_U128))) for token in sorted(lent))
    )


@st.composite
def swap_chains(draw, tokens: tuple[str, ...]) -> tuple[Swap, ...]:
    """One swap, or several where each but the last pays the next pool."""
    length = draw(st.integers(1, 3))
    chain: list[Swap] = []
    for place in range(length):
        prepaid, pays_next = place > 0, place < length - 1
        kind = PREPAYABLE if prepaid else draw(st.sampled_from(sorted(SWAPS)))
        pool = draw(addresses.filter(lambda found: not chain or found != chain[-1].pool))
        token_in = chain[-1].token_out if prepaid else draw(st.sampled_from(tokens))
        token_out = draw(st.sampled_from([token for token in tokens if token != token_in]))
        if prepaid:
            payer, mode = Payer.PREPAID, AmountMode.REMAINDER
        else:
            payer = draw(st.sampled_from((Payer.EXECUTOR, Payer.OWNER)))
            mode = AmountMode.LITERAL if payer is Payer.OWNER else draw(st.sampled_from(AmountMode))
        highest = {AmountMode.LITERAL: MAX_U128, AmountMode.SHARE: SHARE_ONE, AmountMode.REMAINDER: 0}[mode]
        weighted = kind == "balancer_v2_weighted"
        chain.append(
            Swap(
                kind,
                pool,
                token_in,
                token_out,
                mode,
                draw(st.integers(0, highest)),
                payer,
                Recipient.NEXT_POOL if pays_next else draw(st.sampled_from(tuple(Recipient)[:2])),
                fee_pips=draw(st.integers(0, PIPS - 1)) if kind == "uniswap_v2" else 0,
                vault=draw(addresses) if weighted else "",
                pool_id=pool + draw(st.binary(min_size=12, max_size=12)).hex() if weighted else "",
            )
        )
    return tuple(chain)


@st.composite
def programs(draw) -> Program:
    tokens = tuple(draw(st.lists(addresses, min_size=2, max_size=6, unique=True)))
    listed = st.sampled_from(tokens)
    single: st.SearchStrategy[tuple[Step, ...]] = st.one_of(
        st.builds(lambda token, amount: (Pull(token, amount),), listed, st.none() | amounts),
        st.builds(lambda token: (Deliver(token),), listed),
        st.just((Check(),)),
        st.builds(lambda borrow: (borrow,), borrows(tokens)),
        swap_chains(tokens),
    )
    steps = sum(draw(st.lists(single, max_size=6)), start=())
    last_block = draw(st.just(0) | st.integers(1, MAX_U40))
    return Program(
        deadline=draw(seconds),
        min_value_change_e36=draw(st.integers(-(1 << 255), (1 << 255) - 1)),
        tokens=tuple(draw(token_bounds(token)) for token in tokens),
        steps=steps,
        first_block=draw(st.integers(0, last_block or MAX_U40)),
        last_block=last_block,
    )
