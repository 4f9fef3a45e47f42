"""Program <-> the bytes that `RebalanceExecutor.execute(bytes)` runs; `router.wire` describes them.

`decode` accepts exactly what `encode` writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from eth_utils.crypto import keccak

from router.errors import InputError
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Payer,
    Program,
    Pull,
    Recipient,
    Step,
    Swap,
    TokenBounds,
)
from router.tokens import Address
from router.wire import (
    CHECK,
    DELIVER,
    LOANS,
    PULL,
    PULL_OWED,
    SWAPS,
    VERSION,
    EncodingError,
    check_head,
    check_pool_id,
    check_step,
)

_LOAN_NAMES = {kind.code: kind.name for kind in LOANS.values()}
_SWAP_NAMES = {kind.code: kind.name for kind in SWAPS.values()}
EXECUTE_SELECTOR = keccak(text="execute(bytes)")[:4]
_WORD = 32


class MalformedPayload(InputError):  # noqa: N818 - named for the condition
    """Bytes that are not a program.

    Attributes:
        offset: where in the bytes the fault was found: the field, or the head or step that breaks a rule.
    """

    def __init__(self, message: str, offset: int) -> None:
        self.offset = offset
        super().__init__(message, path=f"byte {offset}")


def encode(program: Program) -> bytes:
    """The wire form of a program.

    Raises:
        EncodingError: a value out of range, an unknown kind, or a route that the executor refuses.
    """
    check_head(program)
    for index in range(len(program.steps)):
        check_step(program, index)
        check_pool_id(program, index)
    places = {bounds.token: place for place, bounds in enumerate(program.tokens)}
    return b"".join(
        (
            VERSION.to_bytes(1, "big"),
            program.deadline.to_bytes(5, "big"),
            program.first_block.to_bytes(5, "big"),
            program.last_block.to_bytes(5, "big"),
            program.min_value_change_e36.to_bytes(32, "big", signed=True),
            len(program.tokens).to_bytes(1, "big"),
            *(encode_bounds(bounds) for bounds in program.tokens),
            *(encode_step(step, places) for step in program.steps),
        )
    )


def encode_bounds(bounds: TokenBounds) -> bytes:
    """What one token adds to the payload."""
    return b"".join(
        (
            _hex(bounds.token),
            bounds.max_spent.to_bytes(16, "big"),
            bounds.min_received.to_bytes(16, "big"),
            bounds.price_e36.to_bytes(16, "big"),
            bounds.min_weight_pips.to_bytes(3, "big"),
            bounds.max_weight_pips.to_bytes(3, "big"),
        )
    )


def encode_step(step: Step, places: Mapping[Address, int]) -> bytes:
    """What one step adds to the payload.

    Args:
        places: of the tokens in the program.
    """
    match step:
        case Pull(token, None):
            return bytes((PULL_OWED, places[token]))
        case Pull(token, int(amount)):
            return bytes((PULL, places[token])) + amount.to_bytes(16, "big")
        case Deliver(token):
            return bytes((DELIVER, places[token]))
        case Check():
            return bytes((CHECK,))
        case Borrow():
            rows = (bytes((places[token],)) + amount.to_bytes(16, "big") for token, amount in step.amounts)
            return b"".join(
                (bytes((LOANS[step.kind].code,)), _hex(step.lender), bytes((len(step.amounts),)), *rows)
            )
        case Swap():
            return _encode_swap(step, places)
    raise AssertionError(step)


def _encode_swap(swap: Swap, places: Mapping[Address, int]) -> bytes:
    route = swap.payer | swap.recipient << 2 | swap.mode << 4
    fixed = bytes((SWAPS[swap.kind].code, route, places[swap.token_in], places[swap.token_out]))
    called, extra = swap.pool, b""
    if swap.kind == "uniswap_v2":
        extra = swap.fee_pips.to_bytes(3, "big")
    elif swap.kind == "balancer_v2_weighted":
        called, extra = swap.vault, _hex(swap.pool_id)
    return fixed + swap.amount.to_bytes(16, "big") + _hex(called) + extra


def _hex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


# --- bytes -> program ---


def decode(payload: bytes) -> Program:
    """The exact inverse of `encode`.

    Raises:
        MalformedPayload: bytes that `encode` never writes.
    """
    reader = _Reader(payload)
    version = reader.uint(1, "version")
    if version != VERSION:
        raise MalformedPayload(f"version {version}; this package reads version {VERSION}", 0)
    deadline, first_block, last_block = (reader.uint(5, n) for n in ("deadline", "first_block", "last_block"))
    min_value_change = int.from_bytes(reader.take(32, "min_value_change_e36"), "big", signed=True)
    tokens = tuple(_read_bounds(reader) for _ in range(reader.uint(1, "token count")))
    reader.tokens = tuple(bounds.token for bounds in tokens)
    offsets, steps = [], []
    while reader.offset < len(payload):
        offsets.append(reader.offset)
        steps.append(_read_step(reader))
    program = Program(
        deadline=deadline,
        first_block=first_block,
        last_block=last_block,
        min_value_change_e36=min_value_change,
        tokens=tokens,
        steps=tuple(steps),
    )
    offset = 0
    try:
        check_head(program)
        for index, offset in enumerate(offsets):  # noqa: B007 - read by the handler
            check_step(program, index)
    except EncodingError as error:
        raise MalformedPayload(str(error), offset) from None
    return program


class _Reader:
    """A cursor over the payload that refuses to run past its end."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.offset = 0
        self.tokens: tuple[Address, ...] = ()

    def take(self, length: int, what: str) -> bytes:
        start, end = self.offset, self.offset + length
        if end > len(self.payload):
            raise MalformedPayload(
                f"{what} needs {length} bytes, {len(self.payload) - start} are left", start
            )
        self.offset = end
        return self.payload[start:end]

    def uint(self, length: int, what: str) -> int:
        return int.from_bytes(self.take(length, what), "big")

    def hex(self, length: int, what: str) -> str:
        return "0x" + self.take(length, what).hex()

    def token(self) -> Address:
        place = self.uint(1, "token index")
        if place >= len(self.tokens):
            raise MalformedPayload(f"token index {place} of {len(self.tokens)}", self.offset - 1)
        return self.tokens[place]


def _read_bounds(reader: _Reader) -> TokenBounds:
    return TokenBounds(
        token=reader.hex(20, "token"),
        max_spent=reader.uint(16, "max_spent"),
        min_received=reader.uint(16, "min_received"),
        price_e36=reader.uint(16, "price_e36"),
        min_weight_pips=reader.uint(3, "min_weight_pips"),
        max_weight_pips=reader.uint(3, "max_weight_pips"),
    )


def _read_step(reader: _Reader) -> Step:
    start = reader.offset
    kind = reader.uint(1, "step kind")
    if kind == PULL:
        return Pull(reader.token(), reader.uint(16, "amount"))
    if kind == PULL_OWED:
        return Pull(reader.token(), None)
    if kind == DELIVER:
        return Deliver(reader.token())
    if kind == CHECK:
        return Check()
    if kind in _LOAN_NAMES:
        lender, count = reader.hex(20, "lender"), reader.uint(1, "number of tokens")
        amounts = tuple((reader.token(), reader.uint(16, "amount")) for _ in range(count))
        return Borrow(_LOAN_NAMES[kind], lender, amounts)
    if kind in _SWAP_NAMES:
        return _read_swap(reader, _SWAP_NAMES[kind])
    raise MalformedPayload(f"unknown step kind 0x{kind:02x}", start)


def _read_swap(reader: _Reader, kind: str) -> Swap:
    route = reader.uint(1, "route")
    try:
        payer, recipient, mode = Payer(route & 3), Recipient(route >> 2 & 3), AmountMode(route >> 4)
    except ValueError:
        raise MalformedPayload(f"unknown route 0b{route:08b}", reader.offset - 1) from None
    token_in, token_out, amount = reader.token(), reader.token(), reader.uint(16, "amount")
    pool, vault, pool_id, fee_pips = reader.hex(20, "pool"), "", "", 0
    if kind == "uniswap_v2":
        fee_pips = reader.uint(3, "fee_pips")
    elif kind == "balancer_v2_weighted":
        vault, pool_id = pool, reader.hex(32, "pool_id")
        pool = pool_id[:42]
    return Swap(kind, pool, token_in, token_out, mode, amount, payer, recipient, fee_pips, vault, pool_id)


# --- transaction data ---


def execute_calldata(payload: bytes) -> bytes:
    """Transaction data that calls `execute(bytes)` with this payload, ABI-encoded."""
    offset, length = _WORD.to_bytes(_WORD, "big"), len(payload).to_bytes(_WORD, "big")
    return EXECUTE_SELECTOR + offset + length + payload + bytes(-len(payload) % _WORD)


def payload_from_calldata(calldata: bytes) -> bytes:
    """The exact inverse of `execute_calldata`.

    Raises:
        MalformedPayload: another function, or not the canonical ABI form.
    """
    if calldata[:4] != EXECUTE_SELECTOR:
        raise MalformedPayload(f"selector 0x{calldata[:4].hex()} is not execute(bytes)", 0)
    head = 4 + 2 * _WORD
    payload = calldata[head : head + int.from_bytes(calldata[4 + _WORD : head], "big")]
    if execute_calldata(payload) != calldata:
        raise MalformedPayload("not the canonical ABI form of one bytes argument", 4)
    return payload
