"""Snapshots under stress: prices moved, liquidity scaled, gas dearer, and a plan and portfolio tried on them.

Pools follow prices as arbitrage without a fee would move them: the product of balances, the weighted product,
or the liquidity by ranges stays, and every pool keeps whatever distance from the market it had. So a shock
brings no arbitrage of its own. Liquidity is scaled exactly, rounded down to whole units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache, partial
from itertools import accumulate, pairwise
from math import exp, floor, isqrt, log

from numpy.typing import ArrayLike

from router import planner
from router.errors import ExecutionReverted, InputError
from router.fixed_point import BPS, WAD, div_up
from router.lenders.base import Lender
from router.market_guards import check_market, check_trade
from router.plan import Plan
from router.planner.valuation import Valuation
from router.pools.balancer_v2_weighted import MAX_BALANCE, BalancerV2WeightedPool
from router.pools.base import Pool
from router.pools.tick_ladder import TickLadder
from router.pools.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, tick_at_sqrt_ratio
from router.pools.uniswap_v2 import MAX_RESERVE, UniswapV2Pool
from router.pools.uniswap_v3 import UniswapV3Pool
from router.portfolio import Portfolio
from router.program import Program
from router.replay import replay
from router.snapshot import Snapshot
from router.strategy.feeds import described
from router.strategy.scenarios import Scenario
from router.strategy.stress import Debt, Stressed, stress
from router.tokens import Address

PRICE_DIGITS = 30
"""Significant digits of a moved price."""
UNMOVED = Fraction(1)

Factors = Mapping[Address, Fraction]
"""What each token's price is multiplied by; 1 where a token is missing."""


def _product(pool: UniswapV2Pool, factors: Factors, share: Fraction) -> UniswapV2Pool:
    """Reserves move by the roots of the price ratio: x y is kept."""
    first, second = (factors.get(token, UNMOVED) for token in pool.tokens)
    reserves = (
        min(_root(pool.reserves[0], second / first, share), MAX_RESERVE),
        min(_root(pool.reserves[1], first / second, share), MAX_RESERVE),
    )
    return replace(pool, reserves=reserves)


def _ranges(pool: UniswapV3Pool, factors: Factors, share: Fraction) -> UniswapV3Pool:
    """The price moves along the ladder; what is provided in each range stays where it is."""
    ladder = _thinned(pool.ladder, share)
    zero, one = (factors.get(token, UNMOVED) for token in pool.tokens)
    if zero == one or not pool.sqrt_price_x96:
        return replace(pool, ladder=ladder, liquidity=floor(pool.liquidity * share))
    moved = _root(pool.sqrt_price_x96, zero / one, UNMOVED)
    price = min(max(moved, MIN_SQRT_RATIO), MAX_SQRT_RATIO - 1)
    tick = tick_at_sqrt_ratio(price)
    return replace(
        pool, ladder=ladder, sqrt_price_x96=price, tick=tick, liquidity=max(ladder.liquidity_at(tick), 0)
    )


def _thinned(ladder: TickLadder, share: Fraction) -> TickLadder:
    """Sums are scaled, not nets: so the liquidity of each range is the floor of its share, and ends at 0."""
    if share == 1:
        return ladder
    sums = [floor(each * share) for each in accumulate(ladder.nets, initial=ladder.base_liquidity)]
    nets = tuple(after - before for before, after in pairwise(sums))
    return TickLadder(ladder.tick_spacing, ladder.fee_pips, ladder.ticks, nets, sums[0])


def _weighted(pool: BalancerV2WeightedPool, factors: Factors, share: Fraction) -> BalancerV2WeightedPool:
    """Balances move so that each keeps its weight of the value, and the weighted product is kept."""
    moves = [factors.get(token, UNMOVED) for token in pool.tokens]
    if len(set(moves)) == 1:
        changes = [share] * len(moves)
    else:
        value = exp(sum(w / WAD * log(move) for w, move in zip(pool.weights, moves, strict=True)))
        changes = [Fraction(value) / move * share for move in moves]
    moved = (floor(balance * change) for balance, change in zip(pool.balances, changes, strict=True))
    return replace(pool, balances=tuple(min(balance, MAX_BALANCE) for balance in moved))


SHOCKS: Mapping[str, Callable[..., Pool]] = {
    UniswapV2Pool.kind: _product,
    UniswapV3Pool.kind: _ranges,
    BalancerV2WeightedPool.kind: _weighted,
}
"""By kind of pool: how it follows prices and loses liquidity. One line per AMM."""


def shocked(
    snapshot: Snapshot,
    moves: Mapping[Address, float],
    liquidity: Fraction = UNMOVED,
    gas: Fraction = UNMOVED,
) -> Snapshot:
    """A snapshot after prices moved, with a share of its liquidity and dearer gas.

    Args:
        moves: simple returns by token, above -1; a token that is missing keeps its price.
        liquidity: share that is left of all that pools hold and lenders lend.
        gas: multiple of the base fee, of what pools cost in wei, and of a rollup's data fee; rounded up.

    Raises:
        InputError: a move of the numeraire, in which prices count, or to nothing; a share or multiple that is
            not positive.
    """
    if moves.get(snapshot.numeraire, 0.0) != 0:
        raise InputError(
            "prices count in the numeraire, which cannot move", path=f"moves.{snapshot.numeraire}"
        )
    if liquidity <= 0 or gas <= 0:
        raise InputError(f"should be positive, are {liquidity} and {gas}", path="liquidity, gas")
    factors = {token: 1 + Fraction(move) for token, move in moves.items() if move}
    for token, factor in factors.items():
        if factor <= 0:
            raise InputError(f"should be above -1, is {moves[token]}", path=f"moves.{token}")
    return replace(
        snapshot,
        pools=tuple(SHOCKS[pool.kind](pool, factors, liquidity) for pool in snapshot.pools),
        lenders=tuple(_lending(lender, liquidity) for lender in snapshot.lenders),
        prices=_moved(snapshot.prices, factors),
        price_source=f"{snapshot.price_source}, stressed".lstrip(", "),
        base_fee_wei=None if snapshot.base_fee_wei is None else _dearer(snapshot.base_fee_wei, gas),
        pool_gas_cost_wei={pool: _dearer(wei, gas) for pool, wei in snapshot.pool_gas_cost_wei.items()},
        l1_fee_wei_per_byte=_dearer(snapshot.l1_fee_wei_per_byte, gas),
        block_hash="",
    )


def shocked_portfolio(
    portfolio: Portfolio, moves: Mapping[Address, float], gas: Fraction = UNMOVED
) -> Portfolio:
    """The owner's own prices and gas price moved likewise."""
    factors = {token: 1 + Fraction(move) for token, move in moves.items()}
    own = portfolio.gas_price_wei
    return replace(
        portfolio,
        prices=_moved(portfolio.prices, factors),
        gas_price_wei=None if own is None else _dearer(own, gas),
    )


def stress_plan(
    snapshot: Snapshot,
    portfolio: Portfolio,
    scenarios: Sequence[Scenario],
    *,
    plan: Plan | None = None,
    classes: Mapping[str, str] | None = None,
    covariance: ArrayLike | None = None,
    debt: Debt | None = None,
    trade_broken_market: bool = False,
) -> tuple[Stressed, ...]:
    """The portfolio under each scenario: its value and drift, the cost of the plan that the planner would
    make, what the owner's guards refuse of it, and whether a plan made before holds. The owner's tolerance
    and most cost are the measure.

    Prices are not held to those before the stress: a crash may take days.

    Args:
        scenarios: of tokens by symbol, and of classes. The numeraire stays; a token that is neither held nor
            wanted and that a scenario does not know keeps its price.
        plan: of this snapshot.
        classes: of tokens, by symbol.
        covariance: annual, of the tokens held or wanted, in order of their addresses.
        debt: its tokens by symbol.
        trade_broken_market: overrules the guards, which are then not asked.

    Raises:
        InputError: nothing of value is held, or a token that a scenario does not know.
    """
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    tokens, numeraire = valuation.tokens, valuation.symbol(snapshot.numeraire)
    fixed = [replace(each, moves={numeraire: 0.0, **each.moves}) for each in scenarios]

    @cache
    def under(scenario: Scenario) -> tuple[Snapshot, Portfolio]:
        found = {token: scenario.find_move(valuation.symbol(token), classes) for token in snapshot.tokens}
        moves = {token: move for token, move in found.items() if move is not None}
        return (
            shocked(snapshot, moves, scenario.liquidity, scenario.gas),
            shocked_portfolio(portfolio, moves, scenario.gas),
        )

    @cache
    def way_back(scenario: Scenario) -> Plan:
        return planner.plan(*under(scenario))

    def refusals(scenario: Scenario) -> tuple[str, ...]:
        market, owner = under(scenario)
        faults = check_market(market, owner, trade_broken_market=True)
        faults += check_trade(way_back(scenario), market, owner.guards, trade_broken_market=True)
        return described(faults)

    def broken_bound(made: Plan, program: Program, scenario: Scenario) -> str:
        try:
            replay(program, under(scenario)[0], made.holdings_before)
        except ExecutionReverted as error:
            return error.reason
        return ""

    return stress(
        [valuation.symbol(token) for token in tokens],
        [valuation.value({token: valuation.tradable.get(token, 0)}) for token in tokens],
        [valuation.target(token) for token in tokens],
        fixed,
        tolerance=portfolio.tolerance_bps / BPS,
        max_cost=portfolio.max_cost_bps / BPS,
        covariance=covariance,
        classes=classes,
        cost_to_target=lambda scenario: way_back(scenario).cost.total,
        find_refusals=None if trade_broken_market else refusals,
        find_broken_bound=None
        if plan is None or plan.program is None
        else partial(broken_bound, plan, plan.program),
        debt=debt,
    )


def _root(amount: int, ratio: Fraction, share: Fraction) -> int:
    """share * amount * sqrt(ratio), rounded down."""
    square = (amount * share) ** 2 * ratio
    return isqrt(square.numerator // square.denominator)


def _dearer(wei: int, multiple: Fraction) -> int:
    return div_up(wei * multiple.numerator, multiple.denominator)


def _lending(lender: Lender, share: Fraction) -> Lender:
    left = {token: floor(amount * share) for token, amount in lender.available.items()}
    changed: Lender = replace(lender, available=left)  # type: ignore[type-var]
    return changed


def _moved(prices: Mapping[Address, str], factors: Factors) -> dict[Address, str]:
    return {
        token: _text(Fraction(text) * factors[token]) if factors.get(token, UNMOVED) != 1 else text
        for token, text in prices.items()
    }


def _text(price: Fraction) -> str:
    digits = Context(prec=PRICE_DIGITS).divide(Decimal(price.numerator), Decimal(price.denominator))
    return format(digits, "f")
