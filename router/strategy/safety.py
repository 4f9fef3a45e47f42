"""How near a debt is to liquidation, and what brings it away from there.

With collateral values C_i, liquidation thresholds L_i and a debt B, in one unit of value:

    W = sum C_i L_i        HF = W / B        liquidated where HF < 1

Values are ints in any one unit, as a lending pool counts them (Aave: dollars times 10**8), and results are
exact: rounded so that the health factor asked for is reached and never missed by a unit.

Source: Aave documentation, health factor and liquidations; the rest is algebra on the line above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from router.errors import HealthTooLow, Infeasible, InputError
from router.fixed_point import BPS, PIPS, div_up, mul_div_down


@dataclass(frozen=True, slots=True)
class Collateral:
    """One asset that secures the debt. `threshold_bps`: share of its value that counts."""

    token: str
    value: int
    threshold_bps: int


@dataclass(frozen=True, slots=True)
class Position:
    """Collateral, and what is owed.

    Raises:
        InputError: no debt, a negative value, a threshold that is no share, or a token twice.
    """

    collateral: tuple[Collateral, ...]
    debt: int

    def __post_init__(self) -> None:
        if self.debt <= 0:
            raise InputError(f"should be positive, is {self.debt}", path="debt")
        for place, asset in enumerate(self.collateral):
            if asset.value < 0:
                raise InputError(
                    f"should not be negative, is {asset.value}", path=f"collateral[{place}].value"
                )
            if not 0 <= asset.threshold_bps < BPS:
                raise InputError(
                    f"should be from 0 to below {BPS}, is {asset.threshold_bps}",
                    path=f"collateral[{place}].threshold_bps",
                )
        if len({asset.token for asset in self.collateral}) < len(self.collateral):
            raise InputError("has a token twice", path="collateral")

    @property
    def weighted_bps(self) -> int:
        """W, in hundredths of a percent of a unit of value."""
        return sum(asset.value * asset.threshold_bps for asset in self.collateral)

    @property
    def health_factor(self) -> Fraction:
        return Fraction(self.weighted_bps, self.debt * BPS)

    @property
    def fall_to_liquidation(self) -> Fraction:
        """Share of all collateral's value that may be lost before the health factor is below 1; 0 where it
        is."""
        return max(1 - 1 / self.health_factor, Fraction(0)) if self.weighted_bps else Fraction(0)

    def of(self, token: str) -> Collateral:
        """Raises InputError where the token is no collateral here."""
        for asset in self.collateral:
            if asset.token == token:
                return asset
        raise InputError(f"{token} is no collateral of this debt", path="collateral")

    def moved(self, moves: Mapping[str, float], debt_move: float = 0.0) -> Position:
        """After prices have moved: collateral rounded down, debt up.

        Args:
            moves: simple returns by token, at least -1; a token that is missing has not moved.
            debt_move: of what is owed, above -1.
        """
        collateral = tuple(
            replace(asset, value=floor(asset.value * (1 + Fraction(moves.get(asset.token, 0.0)))))
            for asset in self.collateral
        )
        debt = self.debt * (1 + Fraction(debt_move))
        return Position(collateral, div_up(debt.numerator, debt.denominator))

    def repaid(self, token: str, repay: int, collateral_out: int) -> Position:
        """After some of the debt has been repaid out of one collateral.

        Raises:
            InputError: all of the debt or more, or more collateral than there is.
        """
        collateral = tuple(
            replace(asset, value=asset.value - collateral_out) if asset.token == token else asset
            for asset in self.collateral
        )
        return Position(collateral, self.debt - repay)


@dataclass(frozen=True, slots=True)
class Repayment:
    """What to repay, and what to sell for it, in the position's unit of value.

    The collateral is rounded down, so that the health factor asked for is reached; its sale may bring up to
    one unit less than the repayment needs, which the payer adds.
    """

    token: str
    repay_up: int
    collateral_out_down: int


def repay_to_reach(position: Position, token: str, target: Fraction, cost_pips: int = 0) -> Repayment:
    """The least repayment, paid for by selling collateral, after which the health factor is the target.

        r = (target B - W) / (target - L (1 + c))        collateral out = r (1 + c)

    Args:
        token: the collateral to sell.
        target: health factor to reach.
        cost_pips: of the sale, in millionths of what it brings.

    Raises:
        Infeasible: the sale takes more health than its repayment gives (the health factor is at most
            L (1 + c)), or more collateral or debt than there is.
        InputError: a cost or target that is negative, or a token that is no collateral.
    """
    if cost_pips < 0 or target <= 0:
        raise InputError(f"should be positive, is {target}; the cost is {cost_pips}", path="target")
    sold = position.of(token)
    health = position.health_factor
    if health >= target:
        return Repayment(token, 0, 0)
    drain = Fraction(sold.threshold_bps * (PIPS + cost_pips), BPS * PIPS)
    if health <= drain:
        raise Infeasible(
            f"selling {token} takes {float(drain):.4f} of health for each unit repaid, and the health factor "
            f"is {float(health):.4f}: it would only fall",
            path="target",
        )
    exact = (target * position.debt - Fraction(position.weighted_bps, BPS)) / (target - drain)
    repay = div_up(exact.numerator, exact.denominator)
    out = mul_div_down(repay, PIPS + cost_pips, PIPS)
    if out > sold.value or repay >= position.debt:
        raise Infeasible(
            f"a health factor of {float(target):.4f} takes {out} of {token} to repay {repay}: {sold.value} "
            f"is there, and {position.debt} is owed",
            path="target",
        )
    return Repayment(token, repay, out)


def liquidation_heals(health_factor: Fraction, threshold_bps: int, bonus_bps: int) -> bool:
    """Whether a liquidation raises the health factor: above L (1 + bonus) it does, below it each one makes
    the next one larger."""
    return health_factor > Fraction(threshold_bps * (BPS + bonus_bps), BPS * BPS)


def health_change(position: Position, token: str, repay: int, bonus_bps: int) -> Fraction:
    """What a liquidator's repayment does to the health factor: r (HF - L (1 + bonus)) / (B - r).

    Raises:
        InputError: all of the debt or more.
    """
    if not 0 <= repay < position.debt:
        raise InputError(f"should be from 0 to below {position.debt}, is {repay}", path="repay")
    drain = Fraction(position.of(token).threshold_bps * (BPS + bonus_bps), BPS * BPS)
    return repay * (position.health_factor - drain) / (position.debt - repay)


def require_health(position: Position, least: Fraction) -> None:
    """To be asked after each leg of a trade that touches the position, at adverse prices.

    Raises:
        HealthTooLow: with both figures.
    """
    found = position.health_factor
    if found < least:
        raise HealthTooLow(
            f"the health factor is {float(found):.6f}, below {float(least):.6f}",
            found=float(found),
            limit=float(least),
        )
