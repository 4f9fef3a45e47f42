"""The best single path, found by exact quotes alone, and what it is worth as the program that a planner would
make of it. Plans are compared with it, so it shares no search with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from router.errors import PoolError
from router.planner.bounds import Window, bounded, draft
from router.planner.flows import Leg
from router.planner.gas import bill, gas_price_of
from router.planner.steps import swap_steps
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.portfolio import Portfolio
from router.replay import replay
from router.snapshot import Snapshot
from router.tokens import Address

MAX_HOPS = 4
Direction = tuple[Address, Address, Address]
"""Pool, token in, token out."""


@dataclass(frozen=True, slots=True)
class Path:
    """Raw amount out, what its pools cost in numeraire units, the pools in order, and what each pays."""

    amount_out: int
    gas: float
    pools: tuple[Address, ...] = ()
    tokens: tuple[Address, ...] = ()


def best_single_path(
    pools: Iterable[Pool],
    token_in: Address,
    token_out: Address,
    amount_in: int,
    price: Callable[[Address], float],
    pool_gas: Callable[[Pool], float],
    refused: Collection[Direction] = (),
) -> Path | None:
    """The path of at most MAX_HOPS swaps whose value less gas is largest; no pool and no token twice.

    Keeps the best way to each token for each number of hops, which is exact but for pools that two hops
    would share.

    Args:
        price: numeraire units per raw unit; only to weigh gas against amounts.
        pool_gas: numeraire units that one swap through the pool costs.
        refused: directions that are not to be used.
    """
    edges: dict[Address, list[Pool]] = defaultdict(list)
    for pool in pools:
        for token in pool.tokens:
            edges[token].append(pool)
    reached: Mapping[Address, Path] = {token_in: Path(amount_in, 0.0)}
    found: list[Path] = []
    for _ in range(MAX_HOPS):
        longer: dict[Address, Path] = {}
        for token, path in reached.items():
            for pool, other, amount in _quotes(edges[token], token, token_in, path, refused):
                spent = path.gas + pool_gas(pool)
                candidate = Path(amount, spent, (*path.pools, pool.address), (*path.tokens, other))
                known = longer.get(other)
                if known is None or _net(candidate, price(other)) > _net(known, price(other)):
                    longer[other] = candidate
        if token_out in longer:
            found.append(longer.pop(token_out))
        reached = {token: path for token, path in longer.items() if len(edges[token]) > 1}
    return max(found, key=lambda path: _net(path, price(token_out)), default=None)


def _quotes(
    pools: Iterable[Pool], token: Address, start: Address, path: Path, refused: Collection[Direction]
) -> Iterable[tuple[Pool, Address, int]]:
    for pool in pools:
        if pool.address in path.pools:
            continue
        for other in pool.tokens:
            if other in (token, start, *path.tokens) or (pool.address, token, other) in refused:
                continue
            try:
                amount = pool.quote_exact_in(token, other, path.amount_out)
            except PoolError:
                continue
            if amount:
                yield pool, other, amount


def _net(path: Path, price: float) -> float:
    return path.amount_out * price - path.gas


def value_net_of_its_bill(snapshot: Snapshot, portfolio: Portfolio, path: Path) -> float:
    """Numeraire units that the path leaves of a portfolio of one token, less the bill of the program that a
    planner would make of it."""
    valuation = Valuation(snapshot, portfolio)
    ((sold, amount),) = portfolio.holdings.items()
    legs, token, paid = [], sold, amount
    for address, other in zip(path.pools, path.tokens, strict=True):
        pool = snapshot.pool_by_address[address]
        received = pool.quote_exact_in(token, other, paid)
        legs.append(Leg(pool, token, other, float(paid), float(received)))
        token, paid = other, received
    window = Window(snapshot.timestamp + 1)
    steps = swap_steps(legs, {sold: amount}, {token}, False)
    outcome = replay(draft(steps, {sold: amount}, window), snapshot, portfolio.holdings)
    program = bounded(steps, outcome.pulls, outcome.balance_changes, valuation, window, final=None)
    spent = bill(program, outcome, snapshot, (), gas_price_of(valuation))
    return valuation.value({token: outcome.balance_changes[token]}) - spent.cost
