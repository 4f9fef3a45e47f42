"""Random baskets over the recorded Balancer pools of 2 to 8 tokens: each planned, each near its bound."""

from __future__ import annotations

from functools import cache

import pytest

from router.certificate import verify
from router.planner import plan
from router.snapshot import Snapshot
from scripts.bench.random_basket import random_basket
from scripts.bench.recorded import BALANCER, balancer
from scripts.bench.weighted import vouched

pytestmark = pytest.mark.skipif(not BALANCER.exists(), reason=f"{BALANCER} is absent")

HASH = "ba" * 32
GAP_BPS = 0.1
CASES = [
    *((seed, 4, share) for seed in range(7000, 7010) for share in (0.1, 1.0)),
    *((seed, 2, 1.0) for seed in range(7100, 7105)),
    *((seed, 6, 1.0) for seed in range(7200, 7205)),
    pytest.param(5026, 4, 0.1, id="flows that turn in circles again once small ones are left out"),
    pytest.param(5068, 4, 1.0, id="a target of millionths"),
    pytest.param(6234, 2, 1.0, id="prices that fall to nothing on the way"),
]
"""Seed, tokens held and tokens wanted, share of the shallower side's depth."""


@cache
def markets() -> tuple[Snapshot, Snapshot]:
    """All pools, and those whose prices several pools confirm."""
    found = balancer().snapshot
    return found, vouched(found)


@pytest.mark.parametrize(("seed", "side", "share"), CASES)
def test_a_random_basket_is_planned_within_a_tenth_of_a_basis_point(
    seed: int, side: int, share: float
) -> None:
    every, common = markets()
    tokens = {token for pool in common.pools for token in pool.tokens}
    owner = random_basket(common, share=share, seed=seed, held=side, wanted=side, among=len(tokens))
    made = plan(every, owner, snapshot_hash=HASH)
    assert made.certificate is not None
    assert 0 <= made.certificate.gap_bps <= GAP_BPS
    assert [finding for finding in verify(made, every, HASH).findings if not finding.ok] == []
