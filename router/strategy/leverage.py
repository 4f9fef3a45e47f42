"""Keeping a leveraged position near its target leverage: how far to go, in which pieces, and when.

With collateral of value C and a debt of value B, in one unit of value as in `safety`:

    leverage = C / (C - B)
    next = max(minimum, min(maximum, leverage (1 - speed) + target speed))

Buying or selling collateral against the debt leaves the equity C - B as it is, so that a leverage L takes
collateral of L (C - B). Ratios are exact fractions, values ints.

Source: Index Coop, Flexible Leverage Index strategy contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import floor

from router.errors import InputError

MOST_PIECES = 10_000


@dataclass(frozen=True, slots=True)
class LeverageRule:
    """Where leverage should be, and how it returns there.

    Attributes:
        minimum, target, maximum: beyond the outer two the rebalance does not wait for its interval.
        speed: share of the way to the target that one rebalance goes, above 0 to 1.
        ripcord: from this leverage on, at least the maximum, it is brought down at once.
        interval_s: between rebalances.
        cooldown_s: between the pieces of one; at most the interval.
        ripcord_cooldown_s: the same above the ripcord; at most the cooldown.

    Raises:
        InputError: what is not in this order, or out of its range.
    """

    minimum: Fraction
    target: Fraction
    maximum: Fraction
    ripcord: Fraction
    speed: Fraction
    interval_s: int
    cooldown_s: int
    ripcord_cooldown_s: int

    def __post_init__(self) -> None:
        _ordered(1, self.minimum, self.target, self.maximum, self.ripcord)
        if not 0 < self.speed <= 1:
            raise InputError(f"should be above 0 and at most 1, is {self.speed}", path="speed")
        times = (self.ripcord_cooldown_s, self.cooldown_s, self.interval_s)
        if not 0 <= times[0] <= times[1] <= times[2]:
            raise InputError(
                f"ripcord cooldown, cooldown and interval should ascend from 0, are {times}",
                path="interval_s",
            )

    def recentred(self, leverage: Fraction) -> Fraction:
        """The leverage that one rebalance leads to."""
        way = leverage * (1 - self.speed) + self.target * self.speed
        return max(self.minimum, min(self.maximum, way))


class LeverageAction(StrEnum):
    """What is due. `CONTINUE`: a rebalance in pieces goes on. `RIPCORD`: down to the maximum, at once."""

    NONE = "none"
    REBALANCE = "rebalance"
    CONTINUE = "continue"
    RIPCORD = "ripcord"


def leverage_of(collateral_value: int, debt_value: int) -> Fraction:
    """C / (C - B).

    Raises:
        InputError: a negative debt, or no equity.
    """
    if debt_value < 0:
        raise InputError(f"should not be negative, is {debt_value}", path="debt_value")
    if collateral_value <= debt_value:
        raise InputError(
            f"collateral of {collateral_value} leaves no equity above a debt of {debt_value}",
            path="collateral_value",
        )
    return Fraction(collateral_value, collateral_value - debt_value)


def action_due(
    rule: LeverageRule, leverage: Fraction, elapsed_s: int, under_way: Fraction | None = None
) -> LeverageAction:
    """As the contract's `shouldRebalance`: the ripcord comes before all else, and a time has passed strictly
    after its last second.

    Args:
        elapsed_s: since the last trade.
        under_way: the leverage that a rebalance in pieces leads to, None where there is none. It counts for
            nothing once it has `arrived`.

    Raises:
        InputError: a negative time.
    """
    if elapsed_s < 0:
        raise InputError(f"should not be negative, is {elapsed_s}", path="elapsed_s")
    if leverage >= rule.ripcord:
        return LeverageAction.RIPCORD if elapsed_s > rule.ripcord_cooldown_s else LeverageAction.NONE
    if under_way is not None and not arrived(rule, leverage, under_way):
        return LeverageAction.CONTINUE if elapsed_s > rule.cooldown_s else LeverageAction.NONE
    outside = not rule.minimum <= leverage <= rule.maximum
    if outside or (elapsed_s > rule.interval_s and leverage != rule.target):
        return LeverageAction.REBALANCE
    return LeverageAction.NONE


def arrived(rule: LeverageRule, leverage: Fraction, under_way: Fraction) -> bool:
    """Whether a rebalance in pieces has nothing left to do: leverage is as near to the target, or past it."""
    if under_way < rule.target:
        return leverage >= under_way
    if under_way > rule.target:
        return leverage <= under_way
    return leverage == under_way


def trade_to(collateral_value: int, debt_value: int, leverage: Fraction) -> int:
    """Value of the collateral to buy with new debt, or, where negative, to sell for repayment.

    Rounded down, a purchase to less and a sale to more, so that the leverage asked for is never exceeded.

    Raises:
        InputError: a leverage below 1, a negative debt, or no equity.
    """
    if leverage < 1:
        raise InputError(f"should be at least 1, is {leverage}", path="leverage")
    now = leverage_of(collateral_value, debt_value)
    return floor((leverage - now) * (collateral_value - debt_value))


def pieces(notional: int, largest: int) -> tuple[int, ...]:
    """The trade in pieces of at most `largest`, whole ones first; signs as the whole's. () for nothing.

    Raises:
        InputError: `largest` is not above 0, or so small that the pieces are more than `MOST_PIECES`.
    """
    _above_nothing(largest)
    sign = 1 if notional > 0 else -1
    whole, rest = divmod(abs(notional), largest)
    if whole > MOST_PIECES:
        raise InputError(f"{largest} makes {whole} pieces, more than {MOST_PIECES}", path="largest")
    return (sign * largest,) * whole + ((sign * rest,) if rest else ())


def ripcord_trade(rule: LeverageRule, collateral_value: int, debt_value: int, largest: int) -> int:
    """The first piece of the sale that brings leverage down to the maximum; 0 below the ripcord.

    Raises:
        InputError: as `trade_to`, or `largest` is not above 0.
    """
    _above_nothing(largest)
    if leverage_of(collateral_value, debt_value) < rule.ripcord:
        return 0
    return max(trade_to(collateral_value, debt_value, rule.maximum), -largest)


def _above_nothing(largest: int) -> None:
    if largest <= 0:
        raise InputError(f"should be above 0, is {largest}", path="largest")


def _ordered(least: int, *ratios: Fraction) -> None:
    names = ("minimum", "target", "maximum", "ripcord")
    before: Fraction | int = least
    for name, ratio in zip(names, ratios, strict=True):
        if ratio < before:
            raise InputError(f"should be at least {before}, is {ratio}", path=name)
        before = ratio
