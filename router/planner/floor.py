"""The best single path, found by exact quotes alone: what a plan must never fall below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from router.errors import PoolError
from router.pools.base import Pool
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
