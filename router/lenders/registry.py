"""The flash loans: one line each. The byte leads the step in the wire format; contracts/ has the mirror."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.errors import InputError, nearest
from router.lenders.aave_v3 import AaveV3
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.base import Lender
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash


@dataclass(frozen=True, slots=True)
class LoanKind:
    """One entry point of a lender.

    Attributes:
        name: `Borrow.kind`.
        code: its byte in payloads.
        max_tokens: the most that one step of this kind may carry.
    """

    name: str
    code: int
    max_tokens: int
    lender: type[Lender]


LOAN_KINDS = (
    LoanKind("morpho_blue", 0x10, 1, MorphoBlue),
    LoanKind("aave_v3", 0x11, 1, AaveV3),
    LoanKind("aave_v3_multi", 0x12, 255, AaveV3),
    LoanKind("balancer_v2", 0x13, 255, BalancerV2),
    LoanKind("uniswap_v3", 0x14, 2, UniswapV3Flash),
)

LENDER_KINDS: Mapping[str, type[Lender]] = {kind.lender.kind: kind.lender for kind in LOAN_KINDS}
"""Lenders by their kind in snapshot files."""


def lender_from_state(state: Mapping[str, Any]) -> Lender:
    """The lender that a validated snapshot-file entry describes.

    Raises:
        InputError: no lender of that kind.
    """
    kind = state["kind"]
    if kind not in LENDER_KINDS:
        raise InputError(f"unknown lender kind {kind!r}", path="kind", nearest=nearest(kind, LENDER_KINDS))
    return LENDER_KINDS[kind].from_state(state)
