"""What a rebalance costs to execute: gas by step and by tick crossed, and a rollup's fee for its bytes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from router.encoder import encode, encode_bounds, encode_step
from router.errors import PoolError
from router.plan import Outcome
from router.planner.settlement import Loan
from router.planner.steps import swap_through
from router.planner.valuation import Valuation
from router.pools.base import Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.program import AmountMode, Borrow, Check, Deliver, Program, Pull, Swap, TokenBounds
from router.snapshot import Snapshot
from router.tokens import Address

BASE_GAS = 21_000
PULL_GAS = 35_000
DELIVER_GAS = 30_000
CHECK_GAS = 5_000
BOUND_GAS = 6_000
"""Gas per token whose balance is read before and after."""
TICK_GAS = 22_000
"""Gas of crossing one initialised tick: four words of its record are read, three of them rewritten."""
ZERO_BYTE_GAS, BYTE_GAS = 4, 16
"""Calldata, EIP-2028."""
POOL_ID_LENGTH = len("0x") + 2 * 32


@dataclass(frozen=True, slots=True)
class GasPrice:
    """Numeraire units per unit of gas, and per byte of calldata on a rollup.

    Attributes:
        per_wei: numeraire units.
        notes: what was assumed, for people.
    """

    per_gas: float
    per_byte: float
    per_wei: float
    notes: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        return self.per_gas == 0 == self.per_byte


def wei_per_gas(valuation: Valuation) -> int | None:
    """The portfolio's gas price, or the snapshot's base fee; None where neither is known."""
    asked = valuation.portfolio.gas_price_wei
    return valuation.snapshot.base_fee_wei if asked is None else asked


def gas_price_of(valuation: Valuation) -> GasPrice:
    """The same in the numeraire; free, and saying so, where it is unknown."""
    snapshot, asked, wei = valuation.snapshot, valuation.portfolio.gas_price_wei, wei_per_gas(valuation)
    native = valuation.prices.get(snapshot.native_token, 0.0)
    if wei is None:
        return GasPrice(
            0.0, 0.0, native, ("gas counts as free: neither a gas price nor a base fee is known",)
        )
    if wei and not native:
        return GasPrice(0.0, 0.0, 0.0, ("gas counts as free: the native token has no price",))
    per_byte = snapshot.l1_fee_wei_per_byte if asked != 0 else 0
    return GasPrice(wei * native, per_byte * native, native)


def least_cost(pool: Pool, price: GasPrice, snapshot: Snapshot) -> float:
    """What one swap through a pool costs at the least, numeraire units."""
    if price.free:
        return 0.0
    token_in, token_out, *_ = pool.tokens
    swap = _with_whole_id(swap_through(pool, token_in, token_out, AmountMode.LITERAL))
    calldata = _calldata(encode_step(swap, {token_in: 0, token_out: 1}), price)
    own = snapshot.pool_gas_cost_wei.get(pool.address)
    return calldata + (pool.gas * price.per_gas if own is None else own * price.per_wei)


def least_base_cost(ends: Iterable[Address], moved: int, price: GasPrice) -> float:
    """What any trade costs beside its pools.

    Args:
        ends: tokens that may be sold or bought.
        moved: how many of them must be.
    """
    if price.free:
        return 0.0
    head = _calldata(encode(Program(0, 0, (), ())), price)
    bounds = sorted(_calldata(encode_bounds(TokenBounds(token, max_weight_pips=0)), price) for token in ends)
    return BASE_GAS * price.per_gas + head + sum(bounds[:moved]) + BOUND_GAS * moved * price.per_gas


def _calldata(payload: bytes, price: GasPrice) -> float:
    return _calldata_gas(payload) * price.per_gas + len(payload) * price.per_byte


def _calldata_gas(payload: bytes) -> int:
    return BYTE_GAS * len(payload) - (BYTE_GAS - ZERO_BYTE_GAS) * payload.count(0)


@dataclass(frozen=True, slots=True)
class GasBill:
    """Gas of one transaction, all that it costs in numeraire units, and the initialised ticks it crosses."""

    gas: int
    cost: float
    ticks: int


def bill(
    program: Program, outcome: Outcome, snapshot: Snapshot, loans: Sequence[Loan], price: GasPrice
) -> GasBill:
    """What executing a program costs, from its steps and the ticks that its swaps cross."""
    payload = encode(_with_whole_ids(program))
    gas = BASE_GAS + _calldata_gas(payload)
    gas += BOUND_GAS * sum(bool(row.max_spent or row.min_received or row.price_e36) for row in program.tokens)
    gas += sum(loan.gas for loan in loans)
    extra, ticks = len(payload) * price.per_byte, 0
    pools: dict[Address, Pool] = {}
    amounts = iter(outcome.swaps)
    for step in program.steps:
        match step:
            case Swap():
                amount_in, _ = next(amounts)
                pool = pools.get(step.pool, snapshot.pool_by_address[step.pool])
                crossed, pools[step.pool] = _crossed(pool, step, amount_in)
                own = snapshot.pool_gas_cost_wei.get(step.pool)
                ticks += crossed
                if own is None or price.free:
                    gas += pool.gas
                else:
                    gas += round(own * price.per_wei / price.per_gas) if price.per_gas else 0
                    extra += 0.0 if price.per_gas else own * price.per_wei
            case Pull(_, int()):
                gas += PULL_GAS
            case Deliver():
                gas += DELIVER_GAS
            case Check():
                gas += CHECK_GAS
            case Borrow() | Pull(_, None):
                pass  # in the lender's gas
    gas += TICK_GAS * ticks
    return GasBill(gas, gas * price.per_gas + extra, ticks)


def _with_whole_ids(program: Program) -> Program:
    steps = tuple(_with_whole_id(step) if isinstance(step, Swap) else step for step in program.steps)
    return replace(program, steps=steps)


def _with_whole_id(swap: Swap) -> Swap:
    """The swap with its pool id filled up to the 32 bytes that a payload has room for: recorded data names
    some pools by their address alone, and their calldata costs as much."""
    return replace(swap, pool_id=swap.pool_id.ljust(POOL_ID_LENGTH, "0")) if swap.pool_id else swap


def _crossed(pool: Pool, step: Swap, amount_in: int) -> tuple[int, Pool]:
    """(initialised ticks crossed, the pool after the swap)."""
    if not isinstance(pool, UniswapV3Pool):
        return 0, pool
    try:
        _, after = pool.swap(step.token_in, step.token_out, amount_in)
    except PoolError:
        return 0, pool
    low, high = sorted((pool.tick, after.tick))
    return bisect_right(pool.ladder.ticks, high) - bisect_right(pool.ladder.ticks, low), after
