"""What a plan's certificate is about, and the bounds that prices prove for it. Numeraire units throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import fsum

from router.certificate.profits import ROUND_OFF, Direction, Prices, profit
from router.errors import InputError
from router.fixed_point import PRICE_ONE, WAD
from router.plan import Plan
from router.snapshot import Snapshot, price_text_to_e36
from router.tokens import Address

BAND_SLACK = 1_000
"""How much more or less than one, times 10**18, the bands' ends may add up to by rounding."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is bounded: the value of the tokens held, wanted or reserved, reserved amounts aside.

    Attributes:
        price_e36: of all priced tokens, numeraire per raw unit times 10**36.
        before, after: value by such token.
        bands: least and most share, times 10**18, by such token.
        closed: directions left out, by pool.
    """

    snapshot: Snapshot
    price_e36: Mapping[Address, int]
    before: Mapping[Address, float]
    after: Mapping[Address, float]
    bands: Mapping[Address, tuple[int, int]]
    closed: Mapping[Address, frozenset[Direction]]

    @classmethod
    def of(cls, plan: Plan, snapshot: Snapshot) -> Subject:
        """The plan's prices count before the snapshot's.

        Raises:
            InputError: a token without a price, or bands that no shares fit into.
        """
        texts = {**snapshot.prices, **plan.prices}
        price_e36 = {
            token: price_text_to_e36(text, snapshot.tokens[token].decimals)
            for token, text in texts.items()
            if token in snapshot.tokens
        }
        tokens = _ends(plan)
        for token in tokens:
            if not price_e36.get(token):
                raise InputError(f"{token} has no price in plan and snapshot", path="prices")
        bands = {token: plan.bands.get(token, (0, 0)) for token in tokens}
        least, most = (sum(band[side] for band in bands.values()) for side in (0, 1))
        if least > WAD + BAND_SLACK or most < WAD - BAND_SLACK:
            raise InputError("no shares that add up to one are within them", path="bands")
        closed: dict[Address, frozenset[Direction]] = {}
        for each in plan.excluded:
            direction = each.token_in, each.token_out
            closed[each.pool] = closed.get(each.pool, frozenset()) | {direction}

        def values(holdings: Mapping[Address, int]) -> dict[Address, float]:
            left = {token: holdings.get(token, 0) - plan.reserved.get(token, 0) for token in tokens}
            return {token: amount * price_e36[token] / PRICE_ONE for token, amount in left.items()}

        before, after = values(plan.holdings_before), values(plan.holdings_after)
        return cls(snapshot, price_e36, before, after, bands, closed)

    @property
    def value_before(self) -> float:
        return fsum(self.before.values())

    @property
    def value_after(self) -> float:
        return fsum(self.after.values())

    @property
    def at_target(self) -> dict[Address, float]:
        """The value before, held in the middle of every band; the middles scaled to add up to one."""
        middles = {token: (least + most) / 2 for token, (least, most) in self.bands.items()}
        total = fsum(middles.values())
        return {token: self.value_before * middle / total for token, middle in middles.items()}


def _ends(plan: Plan) -> tuple[Address, ...]:
    """The tokens that are held, wanted or reserved."""
    mentioned = (plan.holdings_before, plan.targets_wad, plan.reserved)
    return tuple(sorted({token for amounts in mentioned for token, amount in amounts.items() if amount}))


@dataclass(frozen=True, slots=True)
class Proof:
    """Token prices, and what follows from them alone.

    Attributes:
        ratios: price as a multiple of the reference price, by token of the subject.
        unit: least cost of one unit of value with shares within the bands.
        profits: of every pool covered: all of its tokens have a price, and none keeps part of transfers.
    """

    ratios: Prices
    unit: float
    profits: Mapping[Address, float]

    @classmethod
    def of(cls, subject: Subject, nu: Prices, tick: float = 0.0) -> Proof:
        """`tick`: numeraire units that crossing an initialised tick costs."""
        ratios = {token: nu[token] / (subject.price_e36[token] / PRICE_ONE) for token in subject.bands}
        unit = least_cost(subject.bands, ratios)
        return cls(ratios, unit, profits(subject, nu, tick * unit))


def profits(subject: Subject, nu: Prices, tick: float = 0.0) -> dict[Address, float]:
    """The best profit of every pool that the prices cover, in the directions that are not left out."""
    taxed = {token for token, tax in subject.snapshot.transfer_tax_bps.items() if tax}
    return {
        pool.address: profit(
            pool, nu, {*permutations(pool.tokens, 2)} - subject.closed.get(pool.address, frozenset()), tick
        )
        for pool in subject.snapshot.pools
        if nu.keys() >= {*pool.tokens} and taxed.isdisjoint(pool.tokens)
    }


def least_cost(bands: Mapping[Address, tuple[int, int]], ratios: Prices) -> float:
    """Of one unit of final value with shares within the bands: every token gets its least, then the cheap
    ones all they may. Rounded down."""
    left = WAD - sum(least for least, _ in bands.values())
    share = {}
    for token in sorted(bands, key=lambda token: ratios[token]):
        least, most = bands[token]
        extra = max(0, min(most - least, left))
        share[token], left = least + extra, left - extra
    return fsum(share[token] / WAD * ratios[token] for token in bands) * (1 - ROUND_OFF)


@dataclass(frozen=True, slots=True)
class Fees:
    """What gas takes at the least: of any trade, of using each pool, of each initialised tick crossed."""

    base: float = 0.0
    pool: Mapping[Address, float] = field(default_factory=dict)
    tick: float = 0.0


def bound(held: Mapping[Address, float], proof: Proof, fees: Fees | None = None) -> float:
    """No trade leaves more value than this, net of fees; held in reference value. Rounded up."""
    fees = fees or Fees()
    owned = [proof.ratios[token] * value for token, value in held.items()]
    costs = {pool: fees.pool.get(pool, 0.0) * proof.unit for pool in proof.profits}
    gains = [max(0.0, most - costs[pool]) for pool, most in proof.profits.items()]
    terms = [*owned, *gains]
    return (fsum(terms) + ROUND_OFF * fsum(map(abs, terms))) / proof.unit - fees.base
