"""The tokens and pools of one problem in value units, with curves sampled when first needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from router.optimiser.curve import Curve, sample
from router.pools.base import Pool
from router.tokens import Address


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One direction of one pool.

    Attributes:
        source, sink: places of the token in and the token out in the market's tokens.
        rate: marginal rate at zero, in value per value.
        depth: value in per unit of relative rate loss, near zero.
        gas_cost: what opening the pool costs, in numeraire value.
        limit: the most value in that the curve needs to cover.
    """

    pool: Pool
    token_in: Address
    token_out: Address
    source: int
    sink: int
    price_in: float
    price_out: float
    rate: float
    depth: float
    gas_cost: float
    limit: float
    _cache: list[Curve | None] = field(default_factory=list, repr=False)

    @property
    def name(self) -> tuple[Address, Address, Address]:
        """What tells this edge from all others."""
        return self.pool.address, self.token_in, self.token_out

    @property
    def curve(self) -> Curve | None:
        """The sampled curve; None for a pool that pays nothing."""
        if not self._cache:
            self._cache.append(
                sample(self.pool, self.token_in, self.token_out, self.price_in, self.price_out, self.limit)
            )
        return self._cache[0]


@dataclass(frozen=True, slots=True)
class Market:
    """Tokens with prices (numeraire per raw unit), and the directed pools between them."""

    tokens: tuple[Address, ...]
    prices: tuple[float, ...]
    edges: tuple[Edge, ...]

    def with_edges(self, edges: Iterable[Edge]) -> Market:
        """The same tokens with fewer (or re-sampled) edges."""
        return Market(self.tokens, self.prices, tuple(edges))


@dataclass(frozen=True, slots=True)
class Goal:
    """What is held and wanted, per token of a market.

    Attributes:
        held: value that may be traded away.
        weights: share of the final value of all that is held here; they sum to 1.
        scale: value that has to be sold, about; tolerances are shares of it.
    """

    held: tuple[float, ...]
    weights: tuple[float, ...]
    scale: float

    @property
    def value(self) -> float:
        return sum(self.held)


@dataclass(frozen=True, slots=True)
class Flow:
    """Value through one edge."""

    edge: Edge
    value_in: float
    value_out: float


def gas_of(flows: Sequence[Flow]) -> float:
    """Gas cost of the pools that these flows open, in numeraire value."""
    return sum(flow.edge.gas_cost for flow in flows)
