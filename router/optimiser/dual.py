"""Token prices that prove how good a rebalance is.

    bound(prices) = (prices . held + sum of all pools' arbitrage at prices) / least cost of one unit of value

The cost of a unit of value is that of the cheapest mix of tokens whose shares the target's tolerance allows.
Any positive prices bound what any trade can reach; the search only makes the bound tight.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log

from router.errors import PoolError
from router.fixed_point import PIPS
from router.optimiser.arbitrage import Venue
from router.pools.base import Pool

MARGIN = 1e-12
"""What the bound is rounded up by for the sums of floats, as a share of itself."""
SWEEPS = 12
SWEEP_GAIN = 1e-8
"""A sweep over all tokens that lowers the bound by less than this share of it is the last."""
IMBALANCE = 1e-10
"""Value that a token's price may leave bought or sold too much, as a share of all that is held."""
FIRST_STEP = 1e-5
WIDEST_STEP = 4.0
NARROWING = 16
DEEPEST = 400.0
"""Largest |log price| that is tried, so that nothing overflows."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is held and wanted, by place of the token. All sequences are of equal length.

    Attributes:
        references: numeraire per raw unit, for the target's weights.
        held: raw units.
        least, most: share of the final value that each token may have; (0, 0) for one that may not stay.
        shares: the shares to be near, within these; they sum to 1.
    """

    references: tuple[float, ...]
    held: tuple[float, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]
    shares: tuple[float, ...]

    def cost_of(self, shares: Sequence[float], prices: Sequence[float]) -> float:
        """What one numeraire unit of a final portfolio with these shares costs at these prices."""
        terms = zip(shares, prices, self.references, strict=True)
        return sum(share * price / reference for share, price, reference in terms)

    def unit_cost(self, prices: Sequence[float]) -> float:
        """What one numeraire unit of the final portfolio costs at these prices, in its cheapest mix."""
        ranked = sorted(
            (price / reference, low, high)
            for price, reference, low, high in zip(
                prices, self.references, self.least, self.most, strict=True
            )
            if high
        )
        left = 1 - sum(low for _, low, _ in ranked)
        cost = 0.0
        for ratio, low, high in ranked:
            extra = min(high - low, max(left, 0.0))
            left -= extra
            cost += ratio * (low + extra)
        return cost


@dataclass(frozen=True, slots=True)
class Link:
    """One pool with its oracle. `trusted` pools may tell a price from another."""

    pool: Pool
    venue: Venue
    trusted: bool


def bound(ask: Ask, venues: Sequence[Venue], prices: Sequence[float]) -> float:
    """No trade over these pools leaves more value than this, in numeraire."""
    return _worth(ask, venues, prices) / ask.unit_cost(prices) * (1 + MARGIN)


def _worth(ask: Ask, venues: Sequence[Venue], prices: Sequence[float]) -> float:
    held = sum(price * amount for price, amount in zip(prices, ask.held, strict=True))
    return held + sum(venue.best(prices)[0] for venue in venues)


def search(
    ask: Ask, links: Sequence[Link], known: Mapping[int, float], *, sweeps: int = SWEEPS
) -> list[float]:
    """Prices, by place, that make the bound tight; scaled so that a unit of value costs 1.

    Args:
        known: prices to start from, of some tokens; those of the solution that the bound is for. Without
            any the search starts from the reference prices.
        sweeps: how often all tokens are gone through, at most.
    """
    venues = [link.venue for link in links]
    prices = _spread(ask, links, known)
    best, tightest = list(prices), bound(ask, venues, prices)
    touching = _touching(venues, len(prices))
    waiting = set(range(len(prices)))
    for _ in range(sweeps):
        value = tightest
        moved: set[int] = set()
        for k in sorted(waiting, key=lambda k: (len(touching[k]), k)):
            if _settle(ask, [venues[v] for v in touching[k]], prices, k, value):
                moved.add(k)
        now = bound(ask, venues, prices)
        gain = tightest - now
        if now < tightest:
            best, tightest = list(prices), now
        if gain < SWEEP_GAIN * tightest:
            break
        waiting = moved | {place for k in moved for v in touching[k] for place in venues[v].places}
    unit = ask.unit_cost(best)
    return [price / unit for price in best]


def _touching(venues: Sequence[Venue], tokens: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(tokens)]
    for v, venue in enumerate(venues):
        for place in venue.places:
            found[place].append(v)
    return found


def _spread(ask: Ask, links: Sequence[Link], known: Mapping[int, float]) -> list[float]:
    """Carries the known prices to the other tokens over the pools' own prices, the deepest first; what no
    trusted pool reaches keeps its reference price."""
    prices = dict(known)
    touching = _touching([link.venue for link in links], len(ask.references))
    queue: list[tuple[float, int, int, int]] = []

    def offer(place: int) -> None:
        for v in touching[place]:
            if links[v].trusted:
                for other in links[v].venue.places:
                    if other not in prices:
                        heapq.heappush(queue, (-_depth(links[v], ask.references), v, place, other))

    for place in sorted(known):
        offer(place)
    while queue:
        _, v, place, other = heapq.heappop(queue)
        if other in prices:
            continue
        rate = _mid(links[v], other, place)
        if rate is not None:
            prices[other] = prices[place] * rate
            offer(other)
    level = sum(prices[k] / ask.references[k] * share for k, share in enumerate(ask.shares) if k in prices)
    return [prices.get(k, reference * (level or 1.0)) for k, reference in enumerate(ask.references)]


def _depth(link: Link, references: Sequence[float]) -> float:
    """Value that moves the pool's price by about one percent: what its oracle trades at that offset."""
    places = link.venue.places
    prices = {k: references[k] for k in places} | {places[0]: references[places[0]] * 1.01}
    gains = link.venue.best(prices)[1]
    return sum(abs(gain) * references[k] for gain, k in zip(gains, places, strict=True))


def _mid(link: Link, token_in: int, token_out: int) -> float | None:
    """Raw units of one token per raw unit of another, without fee."""
    places, pool = link.venue.places, link.pool
    try:
        rate = pool.spot_price(pool.tokens[places.index(token_in)], pool.tokens[places.index(token_out)])
    except (PoolError, ArithmeticError):
        return None
    rate /= 1 - pool.fee_pips / PIPS
    return rate if isfinite(rate) and rate > 0 else None


def _settle(ask: Ask, venues: Sequence[Venue], prices: list[float], k: int, value: float) -> bool:
    """Moves one price to where its token is neither bought nor sold too much, all others fixed; whether it
    moved by more than dust."""
    wanted = ask.shares[k] / ask.references[k] * value
    dust = IMBALANCE * value
    started = log(prices[k])

    def imbalance(at: float) -> float:
        prices[k] = exp(at)
        net = ask.held[k] - wanted
        for venue in venues:
            net += venue.best(prices)[1][venue.places.index(k)]
        return net * ask.references[k]

    first = imbalance(started)
    if abs(first) <= dust:
        prices[k] = exp(started)
        return False
    prices[k] = exp(_root(imbalance, started, first, dust))
    return True


def _root(imbalance: Callable[[float], float], started: float, first: float, dust: float) -> float:
    """Where a rising function crosses zero: steps of growing size, then the Illinois rule."""
    side = -1.0 if first > 0 else 1.0
    near, near_value, step = started, first, FIRST_STEP
    while True:
        far = near + side * step
        far_value = imbalance(far)
        if far_value * first <= 0 or abs(far_value) <= dust:
            break
        near, near_value, step = far, far_value, 4 * step
        if step > WIDEST_STEP or abs(far) > DEEPEST:
            return near
    for _ in range(NARROWING):
        if abs(far_value) <= dust or far_value == near_value:
            break
        middle = far - far_value * (far - near) / (far_value - near_value)
        value = imbalance(middle)
        if value * far_value < 0:
            near, near_value = far, far_value
        else:
            near_value /= 2
        far, far_value = middle, value
    return far
