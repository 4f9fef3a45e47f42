"""The block that a simulation starts from, and the one after it that the transactions would be in."""

from __future__ import annotations

from dataclasses import dataclass

from router.chain.calls import Node, to_address, to_bytes, to_int, to_mapping
from router.errors import ChainIdMismatch, InconsistentAnswer, InputError
from router.tokens import Address

BLOCK_SECONDS = 12
_ELASTICITY = 2
_CHANGE_DENOMINATOR = 8
_HASH_CHARACTERS = 66


@dataclass(frozen=True, slots=True)
class Head:
    """One block's header.

    Attributes:
        calldata_floor: the block is of Prague or later (it carries a requests hash), so EIP-7623 is in force.
        base_fee_wei: None before EIP-1559.
    """

    number: int
    hash: str
    timestamp: int
    base_fee_wei: int | None
    gas_limit: int
    gas_used: int
    coinbase: Address
    calldata_floor: bool

    @property
    def next_base_fee_wei(self) -> int:
        """Base fee of the block after this one (EIP-1559); 0 where there is none."""
        target = self.gas_limit // _ELASTICITY
        if not self.base_fee_wei or not target or self.gas_used == target:
            return self.base_fee_wei or 0
        moved = self.base_fee_wei * abs(self.gas_used - target) // target // _CHANGE_DENOMINATOR
        return self.base_fee_wei + max(moved, 1) if self.gas_used > target else self.base_fee_wei - moved


def read_head(node: Node, block: int | str = "latest") -> Head:
    """A block's header, by number (as text too), tag or hash.

    Raises:
        InputError: no such block.
        InconsistentAnswer: another block, or a field is missing or malformed.
    """
    if isinstance(block, str) and block.isdigit():
        block = int(block)
    by_hash = isinstance(block, str) and len(block) == _HASH_CHARACTERS
    method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
    answer = node.call(method, hex(block) if isinstance(block, int) else block, False)
    if answer is None:
        raise InputError(f"the node has no block {block}", path="block")
    header = to_mapping(answer, method)
    number = to_int(header.get("number"), method)
    if isinstance(block, int) and number != block:
        raise InconsistentAnswer(f"{method}: asked for block {block}, got {number}")
    base_fee = header.get("baseFeePerGas")
    return Head(
        number=number,
        hash="0x" + to_bytes(header.get("hash"), method).hex(),
        timestamp=to_int(header.get("timestamp"), method),
        base_fee_wei=None if base_fee is None else to_int(base_fee, method),
        gas_limit=to_int(header.get("gasLimit"), method),
        gas_used=to_int(header.get("gasUsed"), method),
        coinbase=to_address(header.get("miner"), method),
        calldata_floor=header.get("requestsHash") is not None,
    )


def require_chain(node: Node, chain_id: int) -> None:
    """Requires the node to serve this chain.

    Raises:
        ChainIdMismatch: it serves another.
    """
    found = to_int(node.call("eth_chainId"), "eth_chainId")
    if found != chain_id:
        raise ChainIdMismatch(f"the node serves chain {found}, not chain {chain_id}")
