"""Every lender this package knows: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import InputError, nearest
from router.lenders.aave_v3 import AaveV3
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.base import Lender
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash

LENDER_KINDS: Mapping[str, type[Lender]] = {
    lender.kind: lender
    for lender in (
        MorphoBlue,
        AaveV3,
        BalancerV2,
        UniswapV3Flash,
    )
}


def lender_from_state(state: Mapping[str, Any]) -> Lender:
    """The lender that a validated snapshot-file entry describes.

    Raises:
        InputError: no lender of that kind.
    """
    kind = state["kind"]
    if kind not in LENDER_KINDS:
        raise InputError(f"no lender of kind {kind!r}", path="kind", nearest=nearest(kind, LENDER_KINDS))
    return LENDER_KINDS[kind].from_state(state)
