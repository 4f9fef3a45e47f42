"""Replay and executor agree on outcomes, errors and figures: random programs on the real protocols."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from router.errors import ExecutionReverted
from router.fixed_point import SHARE_ONE
from router.lenders.aave_v3 import AaveV3, Rounding
from router.lenders.balancer_v2 import BalancerV2
from router.lenders.base import Lender
from router.lenders.morpho_blue import MorphoBlue
from router.lenders.uniswap_v3 import UniswapV3Flash
from router.pools.base import Pool
from router.pools.registry import pool_from_state
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
)
from router.replay import replay
from router.reverts import StepFailed, decode_revert
from router.snapshot import Snapshot
from router.tokens import Token
from tests.contracts.chain import Account, Chain, Reverted
from tests.contracts.world import AAVE_PREMIUM_BPS, AAVE_RESERVES, DECIMALS, OWNER, World

SYMBOLS = ("ETH", "USD", "BTC", "TETHER")
SEEDS, PROGRAMS_PER_SEED = range(8), 125
V3_FULL_RANGE_TICK = {500: 887_270, 3000: 887_220}
V3_TICK_SPACING = {500: 10, 3000: 60}


@pytest.fixture(scope="module")
def shared(pristine: tuple[World, tuple[Account, ...]]) -> World:
    """One chain for all programs here: each is undone by a checkpoint."""
    built, accounts = pristine
    return built.on(Chain.thaw(accounts))


@pytest.fixture(scope="module")
def market(shared: World) -> Snapshot:
    tokens = {shared.tokens[name]: Token(1, shared.tokens[name], name, DECIMALS[name]) for name in SYMBOLS}
    weth = shared.tokens["ETH"]
    pools = tuple(_pools(shared))
    return Snapshot(1, 1000, 0, weth, weth, tokens, pools, tuple(_lenders(shared, pools)))


def _pools(world: World) -> Iterator[Pool]:
    for name, address in world.pools.items():
        kind = name.partition(":")[0]
        if kind == "uniswap_v2":
            pair = [world.chain.read(address, f"token{side}()", returns="(address)") for side in (0, 1)]
            *reserves, _ = world.chain.read(address, "getReserves()", returns="(uint112,uint112,uint32)")
            state = {"tokens": pair, "reserves": reserves, "fee_pips": 3000}
        elif kind == "uniswap_v3":
            state = _v3_state(world, address)
        else:
            state = _weighted_state(world)
        yield pool_from_state({"kind": kind, "address": address} | state)


def _v3_state(world: World, address: str) -> dict[str, object]:
    read = world.chain.read
    price, tick, *_ = read(address, "slot0()", returns="(uint160,int24,uint16,uint16,uint16,uint8,bool)")
    fee, liquidity = read(address, "fee()"), read(address, "liquidity()")
    edge = V3_FULL_RANGE_TICK[fee]
    return {
        "tokens": [read(address, f"token{side}()", returns="(address)") for side in (0, 1)],
        "fee_pips": fee,
        "tick_spacing": V3_TICK_SPACING[fee],
        "sqrt_price_x96": price,
        "tick": tick,
        "liquidity": liquidity,
        "ticks": [[-edge, liquidity], [edge, -liquidity]],
    }


def _weighted_state(world: World) -> dict[str, object]:
    tokens, balances, _ = world.chain.read(
        world.vault, "getPoolTokens(bytes32)", bytes.fromhex(world.pool_id[2:]),
        returns="(address[],uint256[],uint256)",
    )  # fmt: skip
    decimals = {address: DECIMALS[symbol] for symbol, address in world.tokens.items()}
    return {
        "pool_id": world.pool_id,
        "vault": world.vault,
        "tokens": list(tokens),
        "balances": list(balances),
        "weights": [10**18 // len(tokens)] * len(tokens),
        "decimals": [decimals[token] for token in tokens],
        "fee_pips": 2000,
    }


def _lenders(world: World, pools: tuple[Pool, ...]) -> Iterator[Lender]:
    def held(by: str) -> dict[str, int]:
        return {world.tokens[name]: world.balance(name, by) for name in SYMBOLS if world.balance(name, by)}

    yield MorphoBlue(world.lenders["morpho_blue"], held(world.lenders["morpho_blue"]))
    reserves = {world.tokens[name]: world.raw(name, 10**6) for name in AAVE_RESERVES}
    yield AaveV3(world.lenders["aave_v3"], reserves, AAVE_PREMIUM_BPS, Rounding.HALF_UP)
    yield BalancerV2(world.vault, held(world.vault))
    flash = next(pool for pool in pools if pool.address == world.lenders["uniswap_v3"])
    first, second = flash.tokens
    yield UniswapV3Flash(flash.address, (first, second), held(flash.address), flash.fee_pips)


class Draw:
    """Random programs, some of which fail."""

    def __init__(self, world: World, market: Snapshot, seed: int) -> None:
        self.world, self.market, self.random = world, market, random.Random(seed)

    def program(self) -> Program:
        steps: list[Step] = self._steps() if self.random.random() < 0.3 else []
        loans = [self._borrow() for _ in range(self.random.choice((0, 0, 1, 1, 2)))]
        steps += loans
        for _ in range(self.random.randint(1, 5)):
            steps += self._steps()
        if loans:
            steps += [Pull(self.world.tokens[name], None) for name in SYMBOLS if self.random.random() < 0.9]
        return self.world.program([self._bounds(name) for name in SYMBOLS], *steps)

    def _bounds(self, name: str):
        spent = self.world.raw(name, self.random.choice((10, 10**4, 10**6, 10**6, 10**6)))
        least = self.world.raw(name, 1) if self.random.random() < 0.05 else 0
        price = self.world.price_e36(name) if self.random.random() < 0.8 else 0
        low = self.random.choice((0, 0, 0, 0, 0, 200_000))
        return self.world.bounds(
            name, max_spent=spent, min_received=least, price_e36=price, min_weight_pips=low
        )

    def _raw(self, token: str) -> int:
        name = next(name for name, address in self.world.tokens.items() if address == token)
        return 1 + self.world.raw(
            name, self.random.choice((0, 1, 50, 2000, 2000, 30_000, 2 * 10**5)) * self.random.random()
        )

    def _steps(self) -> list[Step]:
        token = self.world.tokens[self.random.choice(SYMBOLS)]
        match self.random.randint(0, 9):
            case 0 | 1 | 2:
                return [Pull(token, self._raw(token)), self._swap(token, Payer.EXECUTOR)]
            case 3:
                return [Deliver(token)]
            case 4:
                return [Check()]
            case 5 | 6:
                return [self._swap(token, Payer.OWNER)]
            case 7 | 8:
                return self._chain(token)
        return [self._swap(token, Payer.EXECUTOR)]

    def _swap(self, token_in: str, payer: Payer, kind: str = "", avoid: str = "") -> Swap:
        pool = self.random.choice(
            [
                pool
                for pool in self.market.pools
                if token_in in pool.tokens and pool.kind.startswith(kind) and pool.address != avoid
            ]
        )
        token_out = self.random.choice([token for token in pool.tokens if token != token_in])
        mode = {Payer.OWNER: AmountMode.LITERAL, Payer.PREPAID: AmountMode.REMAINDER}.get(
            payer, self.random.choice((AmountMode.LITERAL, AmountMode.SHARE, AmountMode.REMAINDER))
        )
        amount = {AmountMode.LITERAL: self._raw(token_in), AmountMode.REMAINDER: 0}.get(
            mode, self.random.randint(1, SHARE_ONE)
        )
        recipient = self.random.choice((Recipient.EXECUTOR, Recipient.OWNER))
        weighted = pool.kind == "balancer_v2_weighted"
        return Swap(
            pool.kind, pool.address, token_in, token_out, mode, amount, payer, recipient,
            fee_pips=3000 if pool.kind == "uniswap_v2" else 0,
            vault=self.world.vault if weighted else "",
            pool_id=self.world.pool_id if weighted else "",
        )  # fmt: skip

    def _chain(self, token: str) -> list[Step]:
        first = self._swap(token, Payer.OWNER)
        try:
            second = self._swap(first.token_out, Payer.PREPAID, "uniswap_v2", first.pool)
        except IndexError:
            return [first]
        return [replace(first, recipient=Recipient.NEXT_POOL), second]

    def _borrow(self) -> Borrow:
        lender = self.random.choice(self.market.lenders)
        count = self.random.randint(1, min(lender.max_tokens, len(lender.available), 3))
        lent = sorted(self.random.sample(sorted(lender.available), count))
        return Borrow(
            lender.loan_kind(count), lender.address, tuple((token, self._raw(token)) for token in lent)
        )


def _executed(world: World, program: Program) -> object:
    before = world.balances()
    checkpoint = world.chain.evm.snapshot()
    try:
        world.execute(program)
        after = world.balances()
        return {
            world.tokens[name]: after[name] - before[name] for name in SYMBOLS if after[name] != before[name]
        }
    except Reverted as reverted:
        return _comparable(decode_revert(reverted.data) or reverted)
    finally:
        world.chain.evm.revert(checkpoint)


def _replayed(world: World, market: Snapshot, program: Program) -> object:
    holdings = {world.tokens[name]: world.balance(name, OWNER) for name in SYMBOLS}
    try:
        return dict(replay(program, market, holdings).balance_changes)
    except ExecutionReverted as reverted:
        return _comparable(reverted)


def _comparable(error: Exception) -> object:
    """Name and figures; only the step where a pool, lender or token refuses in its own words."""
    if isinstance(error, StepFailed):
        inner = decode_revert(error.figures["reason"])
        return ("StepFailed", error.figures["step"], str(inner) if inner else "foreign")
    return str(error)


@pytest.mark.parametrize("seed", SEEDS)
def test_replay_equals_execution(shared: World, market: Snapshot, seed: int) -> None:
    draw = Draw(shared, market, seed)
    for _ in range(PROGRAMS_PER_SEED):
        program = draw.program()
        assert _replayed(shared, market, program) == _executed(shared, program), program
