"""How far a plan can be from the best one: prices for every token that its pools trade, and the bound they
give.

The bound is on the value of the final holdings of all held or wanted tokens, over every trade that ends
within the target's tolerance and uses any pool whose tokens are all priced, allowed and untaxed, in any
direction that does not pay MISPRICED_CAP more than the reference prices; gas, loan premiums and the limits
that an AMM sets to one swap are left out. So it includes what arbitrage between those pools would pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from router.errors import PoolError
from router.fixed_point import BPS
from router.graph import MISPRICED_CAP
from router.optimiser.arbitrage import venue
from router.optimiser.dual import Ask, Link, bound, search
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.tokens import Address

ARBITRAGE_SWEEPS = 1
"""Enough from the reference prices: more of them lower that bound by less than half."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A bound in numeraire units, and the prices (numeraire per raw unit) that prove it.

    Attributes:
        gap_bps: how far the plan's final value is below the bound, of that value.
        same_weights: the bound for trades that end at the plan's own weights.
        arbitrage: the bound with nothing held: what the pools alone could be made to pay, by prices of its
            own.
        value: what the plan reaches.
    """

    upper_bound: float
    gap_bps: float
    dual_prices: Mapping[Address, float]
    same_weights: float
    arbitrage: float
    value: float

    @property
    def note(self) -> str:
        own = (self.same_weights / self.value - 1) * BPS
        return (
            f"gas left out, no trade that ends at the same weights is worth over {own:.4f} bp more, none "
            f"within tolerance over {self.gap_bps:.4f} bp; with nothing held, arbitrage between the pools "
            f"would pay at most {self.arbitrage:.4g}"
        )


def certify(
    valuation: Valuation, holdings: Mapping[Address, int], known: Mapping[Address, float]
) -> Certificate | None:
    """The certificate of a plan that ends with these holdings; None where floats can't hold the figures.

    Args:
        known: prices of the tokens that the plan trades, numeraire per raw unit, from its solution.
    """
    admitted = _admitted(valuation)
    tokens = tuple(sorted({token for pool in admitted for token in pool.tokens} | set(valuation.tokens)))
    place = {token: k for k, token in enumerate(tokens)}
    links = list(_links(admitted, place, valuation.prices))
    ask, value = _ask(valuation, tokens, holdings)
    venues = [link.venue for link in links]
    try:
        prices = search(ask, links, {place[token]: price for token, price in known.items() if token in place})
        upper = bound(ask, venues, prices)
        own = upper * ask.unit_cost(prices) / ask.cost_of(ask.shares, prices)
        nothing = replace(ask, held=(0.0,) * len(tokens))
        arbitrage = bound(nothing, venues, search(nothing, links, {}, sweeps=ARBITRAGE_SWEEPS))
    except (ArithmeticError, ValueError):
        return None
    dual_prices = dict(zip(tokens, prices, strict=True))
    return Certificate(upper, (upper / value - 1) * BPS, dual_prices, own, arbitrage, value)


def _links(
    pools: Iterable[Pool], place: Mapping[Address, int], prices: Mapping[Address, float]
) -> Iterator[Link]:
    for pool in pools:
        allowed = _directions(pool, prices)
        found = venue(pool, place, allowed)
        if found is not None:
            yield Link(pool, found, all(allowed.values()))


def _ask(
    valuation: Valuation, tokens: tuple[Address, ...], holdings: Mapping[Address, int]
) -> tuple[Ask, float]:
    """What is held and wanted, and the value reached in held or wanted tokens."""
    tolerance = valuation.portfolio.tolerance_bps / BPS
    value = valuation.value({token: holdings.get(token, 0) for token in valuation.tokens})
    ends = [token in valuation.tokens for token in tokens]
    prices = valuation.prices
    ask = Ask(
        references=tuple(prices[token] for token in tokens),
        held=tuple(
            float(valuation.portfolio.holdings.get(token, 0)) if end else 0.0
            for token, end in zip(tokens, ends, strict=True)
        ),
        least=tuple(max(valuation.target(token) - tolerance, 0.0) for token in tokens),
        most=tuple(
            min(valuation.target(token) + tolerance, 1.0) if end else 0.0
            for token, end in zip(tokens, ends, strict=True)
        ),
        shares=tuple(
            prices[token] * holdings.get(token, 0) / value if end else 0.0
            for token, end in zip(tokens, ends, strict=True)
        ),
    )
    return ask, value


def _admitted(valuation: Valuation) -> list[Pool]:
    """Every pool that the portfolio's policy admits. Policies name tokens, so that whoever has the tokens of
    the dual prices knows the pools: all of these tokens, untaxed. A held token that the policy bars brings
    its pools back, which makes the bound larger, never smaller."""
    portfolio, pools = valuation.portfolio, valuation.snapshot.pools
    taxed = {token for token, tax in valuation.snapshot.transfer_tax_bps.items() if tax}
    barred = portfolio.deny_tokens | taxed
    usable = (portfolio.allow_tokens or valuation.prices.keys()) & valuation.prices.keys() - barred
    known = {token for pool in pools if usable.issuperset(pool.tokens) for token in pool.tokens}
    tokens = known.union(valuation.tokens) - taxed
    return [pool for pool in pools if tokens.issuperset(pool.tokens)]


def _directions(pool: Pool, prices: Mapping[Address, float]) -> dict[tuple[Address, Address], bool]:
    """(token in, token out) -> whether that direction pays no more than the planner believes."""
    pairs = ((one, other) for one in pool.tokens for other in pool.tokens if one != other)
    return {(one, other): _fair(pool, one, other, prices) for one, other in pairs}


def _fair(pool: Pool, token_in: Address, token_out: Address, prices: Mapping[Address, float]) -> bool:
    try:
        rate = pool.spot_price(token_in, token_out) * prices[token_out] / prices[token_in]
    except (PoolError, ArithmeticError):
        return False
    return 0 < rate <= 1 + MISPRICED_CAP
