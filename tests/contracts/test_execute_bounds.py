"""Every bound, met exactly and broken by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.encoder import encode
from router.program import Check, Program, Pull, TokenBounds
from tests.contracts.chain import Reverted, calldata
from tests.contracts.steps import FROM_OWNER, PREPAID, TO_NEXT_POOL, TO_OWNER, swap
from tests.contracts.world import MAX_U128, OWNER, STRANGER, World, own

PIPS = 10**6


def trade(world: World, eth: TokenBounds, usd: TokenBounds, **head: int) -> Program:
    return world.program(
        [eth, usd],
        swap(world, "uniswap_v2", "ETH", "USD", world.raw("ETH", 1000), **FROM_OWNER, **TO_OWNER),
        **head,
    )


@pytest.fixture
def sold(world: World) -> int:
    return world.raw("ETH", 1000)


@pytest.fixture
def bought(world: World, sold: int) -> int:
    """What the swap pays."""
    probe = world.cold()
    return probe.run(trade(probe, probe.bounds("ETH", max_spent=sold), probe.bounds("USD")))["USD"]


def test_min_received_met_exactly_passes(world: World, sold: int, bought: int) -> None:
    world.run(trade(world, world.bounds("ETH", max_spent=sold), world.bounds("USD", min_received=bought)))


def test_min_received_missed_by_one_reverts(world: World, sold: int, bought: int) -> None:
    least = bought + 1
    with world.errors.expects(
        "InsufficientReceived", token=world.tokens["USD"], received=bought, minReceived=least
    ):
        world.execute(
            trade(world, world.bounds("ETH", max_spent=sold), world.bounds("USD", min_received=least))
        )


def test_owner_payment_beyond_max_spent_reverts(world: World, sold: int) -> None:
    with world.errors.expects(
        "PullExceedsMax", step=0, token=world.tokens["ETH"], pulled=sold, maxSpent=sold - 1
    ):
        world.execute(trade(world, world.bounds("ETH", max_spent=sold - 1), world.bounds("USD")))


def test_pulls_of_one_token_add_up(world: World) -> None:
    eth = world.tokens["ETH"]
    program = world.program(
        [world.bounds("ETH", max_spent=100), world.bounds("USD")],
        Pull(eth, 60),
        swap(world, "uniswap_v3", "ETH", "USD", 41, **FROM_OWNER, **TO_OWNER),
    )
    with world.errors.expects("PullExceedsMax", step=1, token=eth, pulled=101, maxSpent=100):
        world.execute(program)


def test_token_that_takes_more_than_asked_is_spent_too_much(world: World) -> None:
    """Another account moves the owner's tokens by an approval of its own while the program runs."""
    token = world.chain.create(own("ReentrantToken"))
    world.tokens["RE"] = token
    world.mint("RE", OWNER, 1000)
    world.approve("RE", world.executor, 1000)
    thief = world.chain.create(own("PuppetAccount"))
    world.approve("RE", thief, 1000)
    steal = calldata("transferFrom(address,address,uint256)", OWNER, STRANGER, 5)
    inner = calldata("perform(address[],bytes[])", [token], [steal])
    world.chain.send(token, "arm(address,bytes,uint256)", thief, inner, 0)
    program = world.program([world.bounds("RE", max_spent=4)], Pull(token, 4))
    with world.errors.expects("SpentTooMuch", token=token, spent=5, maxSpent=4):
        world.execute(program)


def test_value_change_met_exactly_and_missed_by_one(world: World, sold: int, bought: int) -> None:
    eth = world.bounds("ETH", max_spent=sold, price_e36=world.price_e36("ETH"))
    usd = world.bounds("USD", price_e36=world.price_e36("USD"))
    change = bought * usd.price_e36 - sold * eth.price_e36
    assert change < 0
    program = trade(world, eth, usd, min_value_change_e36=change + 1)
    with world.errors.expects("ValueBelowMinimum", valueChange=change, minValueChange=change + 1):
        world.execute(program)
    assert world.execute(trade(world, eth, usd, min_value_change_e36=change)) == change


@pytest.mark.parametrize("symbol", ["ETH", "USD"])
def test_weights_hold_to_the_pip(world: World, sold: int, bought: int, symbol: str) -> None:
    eth = world.bounds("ETH", max_spent=sold, price_e36=world.price_e36("ETH"))
    usd = world.bounds("USD", price_e36=world.price_e36("USD"))
    values = {
        "ETH": (world.balance("ETH") - sold) * eth.price_e36,
        "USD": (world.balance("USD") + bought) * usd.price_e36,
    }
    floor = values[symbol] * PIPS // sum(values.values())
    cases = [(floor, floor + 1, True), (floor + 1, PIPS, False), (0, floor, False)]
    for least, most, holds in cases:
        bounded = {"ETH": eth, "USD": usd}
        bounded[symbol] = replace(bounded[symbol], min_weight_pips=least, max_weight_pips=most)
        program = trade(world, bounded["ETH"], bounded["USD"])
        if holds:
            probe = world.cold()
            probe.run(program)
            continue
        with world.errors.expects(
            "WeightOutOfBounds",
            token=world.tokens[symbol],
            weightPips=floor,
            minWeightPips=least,
            maxWeightPips=most,
        ):
            world.execute(program)


def test_weight_of_an_unpriced_token_is_zero(world: World) -> None:
    priced = world.bounds("USD", price_e36=1)
    program = world.program([priced, world.bounds("ETH", min_weight_pips=1)])
    with world.errors.expects("WeightOutOfBounds", token=world.tokens["ETH"], weightPips=0):
        world.execute(program)


def test_check_passes_once_the_bought_tokens_have_arrived(world: World, sold: int) -> None:
    program = world.program(
        [world.bounds("ETH", max_spent=sold), world.bounds("USD", min_received=1)],
        swap(world, "uniswap_v2", "ETH", "USD", sold, **FROM_OWNER, **TO_OWNER),
        Check(),
    )
    world.run(program)


def test_value_too_large_to_sum_is_refused(world: World) -> None:
    program = world.program([world.bounds("USD", price_e36=MAX_U128)])
    world.execute(program)
    world.mint("USD", OWNER, 1 << 110)
    with world.errors.expects("AmountTooLarge", token=world.tokens["USD"]):
        world.execute(program)


def test_weights_hold_at_the_largest_values(world: World) -> None:
    """Products with the widest weights that the bytes can carry do not wrap around."""
    world.mint("GOV", OWNER, (1 << 94) - 1 - world.balance("GOV"))
    bounds = world.bounds("GOV", price_e36=MAX_U128, min_weight_pips=PIPS)
    payload = bytearray(encode(world.program([bounds])))
    world.execute(bytes(payload))
    payload[-3:] = b"\xff\xff\xff"
    world.execute(bytes(payload))
    payload[-6:-3] = b"\xff\xff\xff"
    with world.errors.expects("WeightOutOfBounds", weightPips=PIPS, minWeightPips=0xFFFFFF):
        world.execute(bytes(payload))


def test_balance_too_large_to_hold_is_refused(world: World) -> None:
    world.mint("GOV", OWNER, 1 << 128)
    with world.errors.expects("AmountTooLarge", token=world.tokens["GOV"]):
        world.execute(world.program([world.bounds("GOV", max_spent=1)]))


def test_untouched_token_without_bounds_is_not_read(world: World) -> None:
    nowhere = TokenBounds("0x" + "77" * 20)
    world.execute(world.program([nowhere]))
    with world.errors.expects("UnreadableToken", token=nowhere.token):
        world.execute(world.program([replace(nowhere, price_e36=1)]))


def test_revert_changes_nothing(world: World, sold: int) -> None:
    """A long program whose very last bound fails."""
    program = world.program(
        [
            world.bounds("ETH", max_spent=sold),
            world.bounds("USD"),
            world.bounds("BTC", min_received=MAX_U128),
        ],
        world.borrow("balancer_v2", USD=world.raw("USD", 50)),
        swap(world, "uniswap_v2", "ETH", "USD", sold, **FROM_OWNER, **TO_NEXT_POOL),
        swap(world, "uniswap_v2", "USD", "BTC", **PREPAID),
    )
    accounts = [OWNER, world.executor, world.vault, *world.pools.values()]
    before = [world.balances(account) for account in accounts]
    with world.errors.expects("InsufficientReceived"):
        world.execute(program)
    assert [world.balances(account) for account in accounts] == before
    assert world.allowance("ETH", OWNER, world.executor) == MAX_U128


def test_sandwich_trips_the_bound(world: World, sold: int, bought: int) -> None:
    """The pool is moved against the program before it lands."""
    world.mint("ETH", world.pools["uniswap_v2:ETH-USD"], world.raw("ETH", 10_000))
    world.chain.send(world.pools["uniswap_v2:ETH-USD"], "sync()")
    with pytest.raises(Reverted) as caught:
        world.execute(
            trade(world, world.bounds("ETH", max_spent=sold), world.bounds("USD", min_received=bought))
        )
    assert world.errors.decode(caught.value.data)[0] == "InsufficientReceived"
