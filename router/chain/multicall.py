"""Many view calls at one pinned block in few requests, by whichever means the node offers.

In order of preference: `Multicall3.aggregate3` where the contract is there; a JSON-RPC batch of eth_calls,
which needs no deployed helper; single eth_calls over a few threads, for nodes that refuse batches. The size
of a request halves whenever the node finds one too large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from router.chain.abi import Call
from router.chain.rpc import CallReverted, Request, RpcClient, TooMuchAsked
from router.errors import RpcFailure
from router.tokens import Address

Progress = Callable[[str, int, int], None]
"""Told what is being read, how many calls are answered, and how many there are."""

AGGREGATE3_SELECTOR = bytes.fromhex("82ad56cb")
"""aggregate3((address,bool,bytes)[])"""
MULTICALL_CHUNK = 2000
BATCH_CHUNK = 500
THREADS = 8
_WORD = 32


class Transport(Protocol):
    """One way to have calls answered; None stands for a call that reverted."""

    chunk: int

    def send(self, calls: Sequence[Call]) -> list[bytes | None]: ...


@dataclass
class Multicall3:
    """One eth_call of `aggregate3` per chunk.

    A call that ran out of the node's gas looks like one that reverted, so those that failed are asked once
    more, without the helper.
    """

    client: RpcClient
    block: Any
    address: Address
    chunk: int = MULTICALL_CHUNK

    def send(self, calls: Sequence[Call]) -> list[bytes | None]:
        data = f"0x{encode_aggregate3(calls).hex()}"
        try:
            answer = self.client.call("eth_call", {"to": self.address, "data": data}, self.block)
        except CallReverted as error:  # out of gas within the helper
            raise TooMuchAsked(str(error)) from None
        answers = decode_aggregate3(_bytes("eth_call", answer), len(calls))
        failed = [index for index, data in enumerate(answers) if data is None]
        if failed:
            again = Singly(self.client, self.block).send([calls[index] for index in failed])
            for index, answered in zip(failed, again, strict=True):
                answers[index] = answered
        return answers


@dataclass
class Batch:
    """One JSON-RPC batch per chunk."""

    client: RpcClient
    block: Any
    chunk: int = BATCH_CHUNK

    def send(self, calls: Sequence[Call]) -> list[bytes | None]:
        answers = self.client.batch([_request(call, self.block) for call in calls])
        for answer in answers:
            if isinstance(answer, RpcFailure) and not isinstance(answer, CallReverted):
                raise answer
        return [None if isinstance(answer, RpcFailure) else _bytes("eth_call", answer) for answer in answers]


@dataclass
class Singly:
    """One request per call, a few at a time."""

    client: RpcClient
    block: Any
    chunk: int = BATCH_CHUNK

    def send(self, calls: Sequence[Call]) -> list[bytes | None]:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self._one, calls))

    def _one(self, call: Call) -> bytes | None:
        request = _request(call, self.block)
        try:
            return _bytes("eth_call", self.client.call(request.method, *request.params))
        except CallReverted:
            return None


class Store(Protocol):
    """Where answers are kept between runs; see `router.chain.cache`."""

    def get(self, calls: Iterable[Call]) -> dict[Call, bytes | None]: ...
    def put(self, answers: Mapping[Call, bytes | None]) -> None: ...


@dataclass
class Caller:
    """Answers calls at one block, each only once.

    Attributes:
        multicall3: the helper's address, or None to do without.
    """

    client: RpcClient
    block: Any
    multicall3: Address | None = None
    store: Store | None = None
    progress: Progress | None = None
    _known: dict[Call, bytes | None] = field(default_factory=dict)
    _transports: list[Transport] = field(default_factory=list)

    def __post_init__(self) -> None:
        batches: list[Transport] = [Batch(self.client, self.block), Singly(self.client, self.block)]
        helper = [Multicall3(self.client, self.block, self.multicall3)] if self.multicall3 else []
        self._transports = [*helper, *batches]

    def answer(self, calls: Iterable[Call], what: str) -> dict[Call, bytes | None]:
        """The raw answers; None where the call reverted.

        Args:
            what: for the progress callback.

        Raises:
            RpcFailure: no means of asking worked.
        """
        wanted = list(dict.fromkeys(calls))
        missing = [call for call in wanted if call not in self._known]
        if self.store and missing:
            self._known |= self.store.get(missing)
            missing = [call for call in missing if call not in self._known]
        done = len(wanted) - len(missing)
        self._tell(what, done, len(wanted))
        while missing:
            chunk, answers = self._send(missing)
            found = dict(zip(missing[:chunk], answers, strict=True))
            if self.store:
                self.store.put(found)
            self._known |= found
            missing = missing[chunk:]
            done += chunk
            self._tell(what, done, len(wanted))
        return {call: self._known[call] for call in wanted}

    def _send(self, calls: Sequence[Call]) -> tuple[int, list[bytes | None]]:
        """Answers of the first calls, as many as the node takes; steps down when a transport fails."""
        while True:
            transport = self._transports[0]
            chunk = min(transport.chunk, len(calls))
            try:
                return chunk, transport.send(calls[:chunk])
            except TooMuchAsked:
                if chunk > 1:
                    transport.chunk = chunk // 2
                elif len(self._transports) > 1:
                    self._transports.pop(0)
                else:
                    raise

    def _tell(self, what: str, done: int, total: int) -> None:
        if self.progress:
            self.progress(what, done, total)


def encode_aggregate3(calls: Sequence[Call]) -> bytes:
    """Calldata of `aggregate3` with every call allowed to fail."""
    heads, tails, offset = [], [], len(calls) * _WORD
    for call in calls:
        padded = call.data + bytes(-len(call.data) % _WORD)
        tail = b"".join(
            (
                bytes(12) + bytes.fromhex(call.target[2:]),
                _word(1),
                _word(3 * _WORD),
                _word(len(call.data)),
                padded,
            )
        )
        heads.append(_word(offset))
        tails.append(tail)
        offset += len(tail)
    return b"".join((AGGREGATE3_SELECTOR, _word(_WORD), _word(len(calls)), *heads, *tails))


def decode_aggregate3(answer: bytes, count: int) -> list[bytes | None]:
    """The bytes that each call returned; None where it failed.

    Raises:
        RpcFailure: not the answer of `aggregate3` to this many calls.
    """
    if _int(answer, 0) != _WORD or _int(answer, _WORD) != count:
        raise RpcFailure("eth_call: the answer is not of Multicall3.aggregate3")
    start = 2 * _WORD
    results: list[bytes | None] = []
    for index in range(count):
        at = start + _int(answer, start + index * _WORD)
        length = _int(answer, at + 2 * _WORD)
        data = answer[at + 3 * _WORD : at + 3 * _WORD + length]
        if len(data) != length:
            raise RpcFailure("eth_call: the answer of Multicall3.aggregate3 is cut short")
        results.append(data if _int(answer, at) else None)
    return results


def _word(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def _int(data: bytes, at: int) -> int:
    word = data[at : at + _WORD]
    if len(word) != _WORD:
        raise RpcFailure("eth_call: the answer of Multicall3.aggregate3 is cut short")
    return int.from_bytes(word, "big")


def _request(call: Call, block: Any) -> Request:
    return Request("eth_call", ({"to": call.target, "data": f"0x{call.data.hex()}"}, block))


def _bytes(method: str, answer: Any) -> bytes:
    try:
        return bytes.fromhex(str(answer).removeprefix("0x"))
    except ValueError:
        raise RpcFailure(f"{method}: {str(answer)[:40]!r} is not hex") from None
