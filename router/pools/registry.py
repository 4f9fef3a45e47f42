"""The AMMs: one line each. The byte is the step's kind in the wire format; contracts/ has the mirror."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.errors import InputError, nearest
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.uniswap_v2 import UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool


@dataclass(frozen=True, slots=True)
class PoolKind:
    """One AMM: its name in files, its byte in payloads, its arithmetic."""

    name: str
    code: int
    pool: type[Pool]


POOL_KINDS = (
    PoolKind("uniswap_v2", 0x20, UniswapV2Pool),
    PoolKind("uniswap_v3", 0x21, UniswapV3Pool),
    PoolKind("balancer_v2_weighted", 0x22, BalancerV2WeightedPool),
)
UNROUTED_KINDS = frozenset({"balancer_v2_stable"})
"""Kinds that snapshot files may hold and that no plan uses; loaders count and skip them."""

BY_NAME: Mapping[str, PoolKind] = {kind.name: kind for kind in POOL_KINDS}
BY_CODE: Mapping[int, PoolKind] = {kind.code: kind for kind in POOL_KINDS}


def pool_from_state(state: Mapping[str, Any]) -> Pool:
    """The pool of a validated snapshot-file entry, by its `kind`.

    Raises:
        InputError: an unknown kind, or a state that the AMM cannot have.
    """
    kind = BY_NAME.get(state["kind"])
    if kind is None:
        raise InputError(
            f"unknown pool kind {state['kind']!r}", path="kind", nearest=nearest(state["kind"], BY_NAME)
        )
    return kind.pool.from_state(state)
