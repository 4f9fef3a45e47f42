"""Recorded markets and the questions asked of them; all of it lies outside the repository."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from router.documents.snapshot_file import load_snapshot
from router.fixed_point import WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.base import Pool
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("REBALANCE_SHARED_DATA", str(ROOT / "../shared/data")))
MAINNET = DATA / "snapshots" / "mainnet-24721407.json.gz"
BALANCER = DATA / "snapshots" / "balancer-1280.json.gz"
PEERS = DATA / "fynd" / "peers.json"
RECORDED_OUTPUTS = DATA / "fynd" / "recorded_outputs.json"
OWNER = "0x" + "11" * 20


@dataclass(frozen=True)
class Market:
    """A recorded block. `peers` is what other routers were once seen to answer on it."""

    snapshot: Snapshot
    peers: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @cached_property
    def addresses(self) -> dict[str, Address]:
        """By symbol; where several tokens share one, the one with the most pools."""
        uses = Counter(token for pool in self.snapshot.pools for token in pool.tokens)
        tokens = sorted(self.snapshot.tokens.values(), key=lambda token: (uses[token.address], token.address))
        return {token.symbol: token.address for token in tokens}

    @cached_property
    def allowed(self) -> frozenset[Address]:
        """The tokens that the recorded routers used."""
        return frozenset(self.addresses[symbol] for symbol in self.peers["tokens"])

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """The pools between those tokens."""
        return self.pools_among(self.allowed)

    def pools_among(self, tokens: Iterable[Address]) -> tuple[Pool, ...]:
        allowed = frozenset(tokens)
        return tuple(pool for pool in self.snapshot.pools if allowed.issuperset(pool.tokens))

    def raw(self, symbol: str, text: str) -> int:
        """Whole tokens -> raw units."""
        return int(Decimal(text) * 10 ** self.snapshot.tokens[self.addresses[symbol]].decimals)

    def portfolio(self, held: Mapping[str, str], wanted: Mapping[str, Any], **more: Any) -> Portfolio:
        """Whole tokens by symbol to shares by symbol, at gas price 0."""
        holdings = {self.addresses[symbol]: self.raw(symbol, text) for symbol, text in held.items()}
        targets = {self.addresses[symbol]: int(Decimal(str(share)) * WAD) for symbol, share in wanted.items()}
        return Portfolio(OWNER, holdings, targets, **{"gas_price_wei": 0, **more})


def mainnet() -> Market:
    """Ethereum at block 24,721,407."""
    return Market(load_snapshot(MAINNET), json.loads(PEERS.read_text()))


def balancer() -> Market:
    """1,250 Balancer v2 weighted pools. The recording has no pool ids, so they get made-up ones."""
    snapshot = load_snapshot(BALANCER)
    pools = tuple(
        replace(pool, pool_id=f"{pool.address}{place:024x}")
        for place, pool in enumerate(snapshot.pools)
        if isinstance(pool, BalancerV2WeightedPool)
    )
    return Market(replace(snapshot, pools=pools))
