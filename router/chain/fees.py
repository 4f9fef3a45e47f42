"""What a transaction may cost: EIP-1559 fees under a cap, and a gas limit with a margin."""

from __future__ import annotations

from dataclasses import dataclass

from router.chain.calls import Node, to_int
from router.chain.head import Head
from router.errors import GuardRefused
from router.tokens import Address, format_amount

GWEI = 10**9
_GWEI_DECIMALS = 9
_ETHER_DECIMALS = 18
_BASE_FEE_FACTOR = 2
"""Covers five full blocks in a row, each of which raises the base fee by an eighth."""


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """Limits in wei per gas.

    Attributes:
        max_fee: the most ever paid per gas; a block whose base fee and tip exceed it is refused.
        tip: paid to the block's builder, within `max_fee`.
    """

    max_fee: int = 100 * GWEI
    tip: int = GWEI // 10


@dataclass(frozen=True, slots=True)
class Fees:
    """Both fields of an EIP-1559 transaction, in wei per gas."""

    max_fee: int
    max_priority_fee: int


def choose_fees(head: Head, policy: FeePolicy) -> Fees:
    """Fees that stay valid for some blocks to come, and under the cap.

    Raises:
        GuardRefused: the next block's base fee and the tip are above the cap.
    """
    base = head.next_base_fee_wei
    if base + policy.tip > policy.max_fee:
        raise GuardRefused(
            f"the base fee is {_gwei(base)} gwei; with a tip of {_gwei(policy.tip)} that is above the cap of "
            f"{_gwei(policy.max_fee)} gwei"
        )
    return Fees(min(_BASE_FEE_FACTOR * base + policy.tip, policy.max_fee), policy.tip)


def require_funds(node: Node, account: Address, gas_limit: int, fees: Fees, value: int = 0) -> None:
    """Requires the account to hold what the transaction can cost at most.

    Raises:
        GuardRefused: it does not; says both figures.
    """
    needed = gas_limit * fees.max_fee + value
    held = to_int(node.call("eth_getBalance", account, "latest"), "eth_getBalance")
    if held < needed:
        raise GuardRefused(
            f"{account} holds {format_amount(held, _ETHER_DECIMALS)} of the native coin, and the transaction "
            f"can cost {format_amount(needed, _ETHER_DECIMALS)}"
        )


def _gwei(wei: int) -> str:
    return format_amount(wei, _GWEI_DECIMALS)
