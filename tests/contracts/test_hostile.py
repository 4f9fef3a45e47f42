"""Pools, lenders and tokens that misbehave: the program reverts, or the bounds hold."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import pytest

from router.program import Borrow, Program, Pull, Swap
from tests.contracts.chain import calldata, selector
from tests.contracts.steps import FROM_OWNER, REMAINDER, TO_OWNER, swap
from tests.contracts.world import OWNER, World, own

HOSTILE_7 = selector("Hostile(uint256)") + (7).to_bytes(32, "big")


class Pool(IntEnum):
    """Modes of HostilePool.sol."""

    NEVER_CALL_BACK = 0
    ASK_MORE = 1
    ASK_LESS = 2
    ASK_OTHER_TOKEN = 3
    ASK_BOTH = 4
    CALL_TWICE = 5
    OTHER_DATA = 6
    OTHER_CALLBACK = 7
    PAY_NOTHING = 8
    REVERT_WITH_DATA = 9


class Lender(IntEnum):
    """Modes of HostileLender.sol."""

    NEVER_CALL_BACK = 0
    SEND_LESS = 1
    CALL_TWICE = 2
    OTHER_DATA = 3
    OTHER_CALLBACK = 4
    HUGE_PREMIUM = 5
    TAKE_LESS = 6
    TAKE_MORE = 7
    OTHER_INITIATOR = 8
    OTHER_PREMIUM_COUNT = 9
    REVERT_WITH_DATA = 10
    HONEST = 11


# --- pools ---

V3_REFUSALS = {
    Pool.NEVER_CALL_BACK: "MissingCallback",
    Pool.ASK_MORE: "UnexpectedPayment",
    Pool.ASK_LESS: "PartialFill",
    Pool.ASK_OTHER_TOKEN: "UnexpectedPayment",
    Pool.ASK_BOTH: "UnexpectedPayment",
    Pool.CALL_TWICE: "UnexpectedCallback",
    Pool.OTHER_DATA: "UnexpectedCallbackData",
    Pool.OTHER_CALLBACK: "UnexpectedCallback",
    Pool.PAY_NOTHING: "InsufficientReceived",
    Pool.REVERT_WITH_DATA: "",
}
WRAPPED = {"UnexpectedCallback", "UnexpectedCallbackData", ""}


def hostile_trade(world: World, kind: str, mode: Pool, *, pancake: bool = False, **route: object) -> Program:
    pool = world.chain.create(own("HostilePool"), "(uint8,bool)", int(mode), pancake)
    world.pools["hostile"] = pool
    return world.program(
        [world.bounds("ETH", max_spent=10**18), world.bounds("USD", min_received=1)],
        Pull(world.tokens["ETH"], 10**17),
        replace(swap(world, kind, "ETH", "USD", 10**17), pool=pool, **route),
    )


@pytest.mark.parametrize("mode", Pool)
@pytest.mark.parametrize("route", [{}, FROM_OWNER], ids=["executor pays", "owner pays"])
@pytest.mark.parametrize("pancake", [False, True], ids=["uniswap", "pancakeswap"])
def test_hostile_v3_pool_is_refused(world: World, mode: Pool, route: dict, pancake: bool) -> None:
    program = hostile_trade(world, "uniswap_v3", mode, pancake=pancake, **route)
    before = world.balances()
    name = V3_REFUSALS[mode]
    if name in WRAPPED:
        with pytest.raises(Exception, match="Revert") as caught:
            world.execute(program)
        found, values = world.errors.decode(caught.value.data)  # type: ignore[attr-defined]
        assert (found, values["step"], values["reason"][0]) == ("StepFailed", 1, name)
        if not name:
            assert values["reason"][1]["data"] == HOSTILE_7
    else:
        with world.errors.expects(name):
            world.execute(program)
    assert world.balances() == before
    world.require_clean()


@pytest.mark.parametrize("mode", [Pool.PAY_NOTHING, Pool.REVERT_WITH_DATA])
def test_hostile_v2_pair_is_refused(world: World, mode: Pool) -> None:
    program = hostile_trade(world, "uniswap_v2", mode)
    before = world.balances()
    with world.errors.expects("InsufficientReceived" if mode == Pool.PAY_NOTHING else "StepFailed"):
        world.execute(program)
    assert world.balances() == before


@pytest.mark.parametrize("kind", ["uniswap_v2", "uniswap_v3"])
def test_pool_that_pays_nothing_costs_what_it_was_paid_at_most(world: World, kind: str) -> None:
    """With bounds of zero the owner loses what the program spends, and nothing else."""
    program = hostile_trade(world, kind, Pool.PAY_NOTHING)
    program = replace(program, tokens=(program.tokens[0], world.bounds("USD")))
    assert world.run(program) == {"ETH": -(10**17)}


def test_vault_that_takes_nothing_is_left_without_allowance(world: World) -> None:
    """A contract that answers everything, in the Vault's place."""
    lender = world.chain.create(own("PuppetAccount"))
    step = replace(swap(world, "balancer_v2_weighted", "ETH", "USD", 100), vault=lender)
    program = world.program(
        [world.bounds("ETH", max_spent=100), world.bounds("USD")], Pull(world.tokens["ETH"], 100), step
    )
    with world.errors.expects("StepFailed", step=1):
        world.execute(program)
    nowhere = "0x" + "77" * 20
    world.lenders["nowhere"] = nowhere
    program = replace(program, steps=(program.steps[0], replace(step, vault=nowhere)))
    world.execute(program)
    assert world.allowance("ETH", world.executor, nowhere) == 0


# --- lenders ---


def hostile_loan(world: World, kind: str, mode: Lender, amount: int = 1000) -> Program:
    lender = world.chain.create(own("HostileLender"), "(uint8)", int(mode))
    world.lenders["hostile"] = lender
    world.mint("ETH", lender, amount)
    return world.program(
        [world.bounds("ETH", max_spent=amount)],
        Borrow(kind, lender, ((world.tokens["ETH"], amount),)),
    )


@pytest.mark.parametrize(
    ("kind", "mode", "name"),
    [
        ("morpho_blue", Lender.NEVER_CALL_BACK, "MissingCallback"),
        ("morpho_blue", Lender.SEND_LESS, "ShortRepayment"),
        ("morpho_blue", Lender.CALL_TWICE, "UnexpectedCallback"),
        ("morpho_blue", Lender.OTHER_DATA, "UnexpectedCallbackData"),
        ("morpho_blue", Lender.OTHER_CALLBACK, "UnexpectedCallback"),
        ("morpho_blue", Lender.TAKE_MORE, "Error"),
        ("morpho_blue", Lender.REVERT_WITH_DATA, ""),
        ("aave_v3", Lender.HUGE_PREMIUM, "ShortRepayment"),
        ("aave_v3", Lender.OTHER_INITIATOR, "UnexpectedInitiator"),
        ("balancer_v2", Lender.OTHER_PREMIUM_COUNT, "PremiumCountMismatch"),
    ],
)
def test_hostile_lender_is_refused(world: World, kind: str, mode: Lender, name: str) -> None:
    program = hostile_loan(world, kind, mode)
    before = world.balances()
    with pytest.raises(Exception, match="Revert") as caught:
        world.execute(program)
    found, values = world.errors.decode(caught.value.data)  # type: ignore[attr-defined]
    assert (values["reason"][0] if found == "StepFailed" else found) == name
    assert values["step"] == 0
    assert world.balances() == before
    world.require_clean()


def test_honest_stand_in_for_a_lender_passes(world: World) -> None:
    assert world.run(hostile_loan(world, "morpho_blue", Lender.HONEST)) == {}


def test_lender_that_takes_less_keeps_no_allowance(world: World) -> None:
    """The wei that it leaves is the owner's to rescue."""
    world.execute(hostile_loan(world, "morpho_blue", Lender.TAKE_LESS))
    assert world.allowance("ETH", world.executor, world.lenders["hostile"]) == 0
    assert world.balance("ETH", world.executor) == 1
    world.chain.send(world.executor, "rescue(address)", world.tokens["ETH"], sender=OWNER)
    world.require_clean()


def test_premium_beyond_the_pull_limit_is_refused(world: World) -> None:
    program = hostile_loan(world, "aave_v3", Lender.HUGE_PREMIUM)
    program = replace(program, steps=(*program.steps, Pull(world.tokens["ETH"], None)))
    world.execute(program)
    assert world.balance("ETH", world.lenders["hostile"]) == 2000
    poorer = replace(program, tokens=(world.bounds("ETH", max_spent=999),))
    with world.errors.expects("PullExceedsMax", step=1, pulled=1000, maxSpent=999):
        world.execute(poorer)


# --- tokens ---


@pytest.fixture
def taxed(world: World) -> str:
    """A token that burns 1% of every transfer, and its pair with USD."""
    token = world.chain.create(own("FeeOnTransferToken"))
    world.tokens["FOT"] = token
    world.mint("FOT", OWNER, 10**24)
    world.approve("FOT", world.executor, 10**24)
    return token


def test_taxed_token_is_booked_as_it_arrives(world: World, taxed: str) -> None:
    program = world.program([world.bounds("FOT", max_spent=1000)], Pull(taxed, 1000))
    world.execute(program)
    assert world.balance("FOT") == 10**24 - 1000 + 990 - 9
    world.require_clean()


def test_taxed_token_cannot_spend_what_was_donated(world: World, taxed: str) -> None:
    world.mint("FOT", world.executor, 10**20)
    pool = world.pools["uniswap_v2:ETH-USD"]
    step = Swap("uniswap_v2", pool, taxed, world.tokens["USD"], REMAINDER["mode"])
    spend = replace(step, mode=type(REMAINDER["mode"]).LITERAL, amount=1000, fee_pips=3000)
    program = world.program(
        [world.bounds("FOT", max_spent=1000), world.bounds("USD")], Pull(taxed, 1000), spend
    )
    with world.errors.expects("LedgerTooLow", step=1, needed=1000, held=990):
        world.execute(program)


# --- tokens that lie in the executor ---


@pytest.mark.parametrize("donated", [1, 10**30])
def test_donations_change_nothing_and_are_not_spent(world: World, donated: int) -> None:
    for symbol in world.tokens:
        world.mint(symbol, world.executor, donated)
    amount = world.raw("ETH", 1000)
    program = world.program(
        [world.bounds("ETH", max_spent=2 * amount), world.bounds("USD", min_received=1), world.bounds("BTC")],
        world.borrow("aave_v3_multi", BTC=world.raw("BTC", 500)),
        Pull(world.tokens["ETH"], amount),
        swap(world, "uniswap_v3", "ETH", "USD", amount),
        swap(world, "uniswap_v2", "USD", "BTC", world.raw("USD", 10)),
        swap(world, "balancer_v2_weighted", "ETH", "USD", amount, **FROM_OWNER, **TO_OWNER),
    )
    clean = world.on(world.chain)
    changes = clean.run(program)
    assert changes["ETH"] == -2 * amount
    assert world.balances(world.executor) == dict.fromkeys(world.tokens, donated)


def test_donated_tokens_do_not_count_as_held(world: World) -> None:
    world.mint("ETH", world.executor, 10**18)
    program = world.program(
        [world.bounds("ETH"), world.bounds("USD")], swap(world, "uniswap_v2", "ETH", "USD", 1)
    )
    with world.errors.expects("LedgerTooLow", needed=1, held=0):
        world.execute(program)
    short = world.program([world.bounds("ETH")], world.borrow("aave_v3", ETH=10**18))
    with world.errors.expects("ShortRepayment", step=0):
        world.execute(short)


def test_what_is_donated_during_a_pull_goes_to_the_owner(world: World) -> None:
    token = world.chain.create(own("ReentrantToken"))
    donor = world.chain.create(own("PuppetAccount"))
    world.tokens["RE"] = token
    world.mint("RE", OWNER, 1000)
    world.mint("RE", donor, 7)
    world.approve("RE", world.executor, 1000)
    gift = calldata("transfer(address,uint256)", world.executor, 7)
    inner = calldata("perform(address[],bytes[])", [token], [gift])
    world.chain.send(token, "arm(address,bytes,uint256)", donor, inner, 0)
    program = world.program([world.bounds("RE", max_spent=100)], Pull(token, 100))
    assert world.run(program) == {"RE": 7}


# --- rescue ---


@pytest.mark.parametrize("symbol", ["ETH", "TETHER"])
def test_rescue_sends_the_whole_balance_to_the_owner(world: World, symbol: str) -> None:
    world.mint(symbol, world.executor, 123)
    before = world.balance(symbol)
    world.chain.send(world.executor, "rescue(address)", world.tokens[symbol], sender=OWNER)
    assert world.balance(symbol) == before + 123
    world.require_clean()
