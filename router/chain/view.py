"""One pinned block, and the questions asked at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from router.chain.abi import Call
from router.chain.head import read_head
from router.chain.multicall import Caller
from router.chain.rpc import RpcClient
from router.errors import InconsistentAnswer, MissingCode, Reorganised, RpcFailure
from router.tokens import Address

_ZERO_ADDRESS = "0x" + "0" * 40


@dataclass(frozen=True, slots=True)
class PinnedBlock:
    """A block, fixed by its hash.

    Attributes:
        by_hash: the node takes a block hash as the block of a call (EIP-1898); else the number is used. The
            hash is compared at the end in either case.
        base_fee_wei: None before EIP-1559.
    """

    number: int
    hash: str
    timestamp: int
    base_fee_wei: int | None
    by_hash: bool

    @property
    def parameter(self) -> Any:
        return {"blockHash": self.hash} if self.by_hash else hex(self.number)


def pin_block(client: RpcClient, block: int | str = "latest") -> PinnedBlock:
    """Fixes a block, named as `read_head` takes it."""
    head = read_head(client, block)
    by_hash = _takes_hashes(client, head.hash)
    return PinnedBlock(head.number, head.hash, head.timestamp, head.base_fee_wei, by_hash)


def check_still_there(client: RpcClient, block: PinnedBlock) -> None:
    """Raises Reorganised when the chain holds another block at this height."""
    header = client.call("eth_getBlockByNumber", hex(block.number), False)
    found = header.get("hash") if isinstance(header, dict) else None
    if found != block.hash:
        raise Reorganised(
            f"block {block.number} was {block.hash} when the read began, now it is {found or 'gone'}"
        )


def _takes_hashes(client: RpcClient, block_hash: str) -> bool:
    try:
        client.call("eth_getCode", _ZERO_ADDRESS, {"blockHash": block_hash})
    except RpcFailure:
        return False
    return True


class View:
    """Typed answers at one block; see `Answers`."""

    def __init__(self, client: RpcClient, block: PinnedBlock, caller: Caller) -> None:
        self.client, self.block, self._caller = client, block, caller

    def ask(self, calls: Iterable[Call], what: str) -> Answers:
        """Asks all calls in few requests; `what` is for the progress callback."""
        return Answers(self, self._caller.answer(calls, what))

    def has_code(self, address: Address) -> bool:
        """True when a contract stands at the address."""
        code = self.client.call("eth_getCode", address, self.block.parameter)
        return isinstance(code, str) and len(code) > 2


@dataclass(frozen=True, slots=True)
class Answers:
    """What the contracts said. Every call must be one that was asked."""

    view: View
    raw: Mapping[Call, bytes | None]

    def values(self, call: Call) -> tuple[Any, ...]:
        """The values that a call returned; addresses in lower case.

        Raises:
            MissingCode: no contract stands at the target.
            InconsistentAnswer: it reverted, or returned something else; names contract and function.
        """
        if (values := self.maybe(call)) is not None:
            return values
        if not self.view.has_code(call.target):
            raise MissingCode(
                f"{call}: no contract stands at {call.target} at block {self.view.block.number}"
            )
        answer = self.raw[call]
        if answer is None:
            raise InconsistentAnswer(f"{call}: it reverted, so {call.target} is not what it should be")
        raise InconsistentAnswer(f"{call}: the {len(answer)} bytes returned are not {call.function.returns}")

    def one(self, call: Call) -> Any:
        """The single value that a call returned; see `values`."""
        return self.values(call)[0]

    def maybe(self, call: Call) -> tuple[Any, ...] | None:
        """The values that a call returned; None where it reverted or returned something else."""
        answer = self.raw[call]
        return None if not answer else call.decode(answer)
