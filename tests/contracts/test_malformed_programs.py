"""Bytes that are not a program, or not quite: they revert with an error of ours, or keep to the bounds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.encoder import encode
from router.fixed_point import SHARE_ONE
from router.program import AmountMode, Check, Deliver, Pull
from tests.contracts.chain import Account, Chain, Reverted
from tests.contracts.steps import FROM_OWNER, PREPAID, REMAINDER, TO_NEXT_POOL, TO_OWNER, swap
from tests.contracts.world import World

HEAD, TOKEN = 49, 74
Pristine = tuple[World, tuple[Account, ...]]
EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def thawed(pristine: Pristine) -> World:
    built, accounts = pristine
    return built.on(Chain.thaw(accounts))


def full_program(world: World) -> bytes:
    """One step of nearly every kind."""
    eth, usd = world.raw("ETH", 100), world.raw("USD", 100)
    return encode(
        world.program(
            [
                world.bounds("ETH", max_spent=2 * eth, price_e36=world.price_e36("ETH")),
                world.bounds("USD", max_spent=2 * usd, price_e36=world.price_e36("USD")),
                world.bounds("BTC", min_received=1),
            ],
            Pull(world.tokens["ETH"], eth),
            swap(world, "uniswap_v3", "ETH", "USD", SHARE_ONE // 2, mode=AmountMode.SHARE),
            world.borrow("balancer_v2", ETH=eth, USD=usd),
            world.borrow("morpho_blue", USD=usd),
            swap(world, "uniswap_v2", "ETH", "USD", eth, **FROM_OWNER, **TO_NEXT_POOL),
            swap(world, "uniswap_v2", "USD", "BTC", **PREPAID, **TO_OWNER),
            swap(world, "uniswap_v2", "USD", "BTC", usd // 2),
            swap(world, "uniswap_v3", "BTC", "USD", **REMAINDER),
            Deliver(world.tokens["BTC"]),
            Check(),
            Pull(world.tokens["ETH"], None),
            Pull(world.tokens["USD"], None),
        )
    )


def maxima(payload: bytes) -> dict[str, int]:
    """max_spent by token address, read as the contract reads it."""
    count = payload[HEAD - 1]
    rows = (payload[HEAD + TOKEN * i :][:TOKEN] for i in range(count))
    return {"0x" + row[:20].hex(): int.from_bytes(row[20:36], "big") for row in rows}


def refusal(world: World, payload: bytes) -> Reverted | None:
    try:
        world.execute(payload)
    except Reverted as reverted:
        return reverted
    return None


def require_harmless(world: World, payload: bytes) -> None:
    """It reverts and changes nothing, or the owner loses no more than its maxima and nothing stays behind."""
    before = world.balances()
    reverted = refusal(world, payload)
    if reverted is not None:
        assert world.balances() == before
        assert world.errors.decode(reverted.data)[0], f"no error of ours: {reverted}"
        return
    after = world.balances()
    allowed = maxima(payload)
    for symbol, address in world.tokens.items():
        assert before[symbol] - after[symbol] <= allowed.get(address, 0)
    world.require_clean()


def test_the_program_itself_runs(world: World) -> None:
    world.execute(full_program(world))
    world.require_clean()


@EXAMPLES
@given(data=st.data())
def test_mutated_programs_are_harmless(
    pristine: tuple[World, tuple[Account, ...]], data: st.DataObject
) -> None:
    built, accounts = pristine
    world = built.on(Chain.thaw(accounts))
    payload = bytearray(full_program(world))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place] = data.draw(st.integers(0, 255))
    require_harmless(world, bytes(payload))


@EXAMPLES
@given(steps=st.binary(max_size=120))
def test_random_steps_behind_a_valid_head_are_harmless(pristine: Pristine, steps: bytes) -> None:
    world = thawed(pristine)
    head = full_program(world)[: HEAD + 3 * TOKEN]
    require_harmless(world, head + steps)


@EXAMPLES
@given(payload=st.binary(max_size=300))
def test_random_bytes_are_harmless(pristine: Pristine, payload: bytes) -> None:
    require_harmless(thawed(pristine), payload)


def test_every_truncation_is_harmless(pristine: Pristine) -> None:
    """Cut inside a step it reverts; cut between two it is another program."""
    world = thawed(pristine)
    payload = full_program(world)
    for length in range(len(payload)):
        require_harmless(thawed(pristine), payload[:length])
    with world.errors.expects("TruncatedProgram", needed=len(payload), length=len(payload) - 1):
        world.execute(payload[:-1])


def test_trailing_bytes_revert(world: World) -> None:
    payload = full_program(world)
    with world.errors.expects("UnknownStep", step=12, kind=0):
        world.execute(payload + b"\0")
    with world.errors.expects("TruncatedProgram", needed=len(payload) + 18, length=len(payload) + 3):
        world.execute(payload + b"\1\0\0")


@pytest.mark.parametrize("kind", [0x00, 0x05, 0x0F, 0x15, 0x1F, 0x23, 0xFF])
def test_unknown_step_reverts(world: World, kind: int) -> None:
    head = full_program(world)[: HEAD + 3 * TOKEN]
    with world.errors.expects("UnknownStep", step=1, kind=kind):
        world.execute(head + bytes([3, 0, kind]) + bytes(80))


def test_unknown_version_reverts(world: World) -> None:
    payload = b"\2" + full_program(world)[1:]
    with world.errors.expects("UnsupportedVersion", version=2):
        world.execute(payload)


def test_token_index_out_of_range_reverts(world: World) -> None:
    head = full_program(world)[: HEAD + 3 * TOKEN]
    for step in (
        b"\1\3" + bytes(16),
        b"\2\3",
        b"\3\3",
        b"\x20\0\3\0" + bytes(39),
        b"\x10" + bytes(20) + b"\1\3" + bytes(16),
    ):
        with world.errors.expects("UnknownToken", step=0, index=3, tokenCount=3):
            world.execute(head + step)


def test_duplicate_token_reverts(world: World) -> None:
    payload = bytearray(full_program(world))
    payload[HEAD + 2 * TOKEN : HEAD + 2 * TOKEN + 20] = payload[HEAD : HEAD + 20]
    with world.errors.expects("DuplicateToken", index=2, token=world.tokens["ETH"]):
        world.execute(bytes(payload))


def test_addresses_that_share_a_low_byte_are_not_duplicates(world: World) -> None:
    from router.program import TokenBounds

    others = [TokenBounds("0x" + f"{high:02x}" + "00" * 18 + "ab") for high in range(1, 20)]
    world.execute(encode(world.program(others)))
