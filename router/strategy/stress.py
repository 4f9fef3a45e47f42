"""A portfolio, its plan and its debt under stressed markets, a row for each.

Only values are moved here. What needs pools, the cost of going back to the target and whether a plan made
before still runs, is asked of functions that the caller gives; `router.shocks` has them for a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from router.errors import GuardRefused, Infeasible, InputError, NotFinite, NothingToDo, PoolError
from router.strategy.drift import DriftKind, drift_of
from router.strategy.safety import Position
from router.strategy.scenarios import Scenario


class StressVerdict(StrEnum):
    """How the portfolio stands, the worst that is true."""

    LIQUIDATED = "liquidated"
    """The health factor is below 1."""
    UNREACHABLE = "unreachable"
    """No trade reaches the target any more."""
    REFUSED = "refused"
    """The owner's guards refuse the trade that goes back to the target."""
    COSTLY = "costly"
    """Going back to the target takes more than allowed."""
    DRIFTED = "drifted"
    """Outside its tolerance, and the way back is affordable where its cost was asked for."""
    HOLDS = "holds"
    """Within tolerance."""


@dataclass(frozen=True, slots=True)
class Stressed:
    """One scenario's row.

    Attributes:
        value_before, value_after: numeraire.
        value_change: share of value_before.
        drift: largest absolute deviation from the target, a share of value_after.
        tracking_error: annual, under the scenario's correlation; None without a covariance.
        cost_to_target: numeraire; None where it was not asked for, or nothing reaches the target.
        cost_share: the same as a share of value_after.
        plan_holds: whether the plan made before still runs within its bounds; None without a plan. One that
            does not reverts and changes nothing.
        broken_bound: why it would revert; "" elsewhere.
        refused: what the owner's guards refuse of the way back; empty where nothing.
        health_factor: None without a debt.
        reason: the verdict in words.
    """

    scenario: str
    source: str
    value_before: float
    value_after: float
    value_change: float
    drift: float
    tracking_error: float | None
    cost_to_target: float | None
    cost_share: float | None
    plan_holds: bool | None
    broken_bound: str
    refused: tuple[str, ...]
    health_factor: float | None
    verdict: StressVerdict
    reason: str

    def to_record(self) -> dict[str, Any]:
        """Flat, by name of the column."""
        return {**asdict(self), "verdict": str(self.verdict)}


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed against collateral. `asset`: what is owed, which a scenario moves like any other."""

    position: Position
    asset: str


def stress(
    assets: Sequence[str],
    values: ArrayLike,
    targets: ArrayLike,
    scenarios: Sequence[Scenario],
    *,
    tolerance: float,
    max_cost: float,
    covariance: ArrayLike | None = None,
    classes: Mapping[str, str] | None = None,
    cost_to_target: Callable[[Scenario], float] | None = None,
    find_refusals: Callable[[Scenario], Sequence[str]] | None = None,
    find_broken_bound: Callable[[Scenario], str] | None = None,
    debt: Debt | None = None,
) -> tuple[Stressed, ...]:
    """One row for each scenario, in their order.

    Args:
        values: (n,) of each asset in the numeraire.
        targets: (n,) weights.
        tolerance: largest absolute drift that needs no trade, a share of value.
        max_cost: of going back to the target, a share of the stressed value.
        covariance: annual, (n, n).
        classes: of assets, for scenarios that speak of those.
        cost_to_target: numeraire, of the trade that the stressed portfolio would make in the stressed market;
            an Infeasible, PoolError or GuardRefused of its becomes the verdict, NothingToDo costs nothing.
        find_refusals: what guards refuse of that trade; asked only where it has a cost.
        find_broken_bound: why the plan made before the stress would revert; "" where it runs.
        debt: with collateral among any assets that the scenarios know.

    Raises:
        InputError: figures that don't match, or an asset that a scenario does not know.
    """
    held = np.asarray(values, np.float64)
    if held.shape != (len(assets),) or not np.isfinite(held).all() or (held < 0).any() or not held.sum() > 0:
        raise InputError("should be one value per asset, none negative, and not all 0", path="values")
    for name, limit in (("tolerance", tolerance), ("max_cost", max_cost)):
        if not limit >= 0:
            raise InputError(f"should not be negative, is {limit}", path=name)
    measured = None if covariance is None else np.asarray(covariance, np.float64)
    rows = []
    for scenario in scenarios:
        after = held * (1 + np.array([scenario.move_of(asset, classes) for asset in assets]))
        total = float(after.sum())
        drift = drift_of(
            after / total, targets, None if measured is None else scenario.covariance(measured), nav=total
        )
        off = drift.of(DriftKind.ABSOLUTE)
        health = None if debt is None else _health(debt, scenario, classes)
        cost, refusal = (None, "") if cost_to_target is None else _cost(cost_to_target, scenario)
        faults = () if cost is None or find_refusals is None else tuple(find_refusals(scenario))
        broken = None if find_broken_bound is None else find_broken_bound(scenario)
        share = None if cost is None else cost / total
        verdict, reason = _judge(health, refusal, faults, share, max_cost, off, tolerance)
        rows.append(
            Stressed(
                scenario=scenario.name,
                source=scenario.source,
                value_before=float(held.sum()),
                value_after=total,
                value_change=total / float(held.sum()) - 1,
                drift=off,
                tracking_error=drift.tracking_error,
                cost_to_target=cost,
                cost_share=share,
                plan_holds=None if broken is None else not broken,
                broken_bound=broken or "",
                refused=faults,
                health_factor=health,
                verdict=verdict,
                reason=reason,
            )
        )
    return tuple(rows)


def _health(debt: Debt, scenario: Scenario, classes: Mapping[str, str] | None) -> float:
    moves = {asset.token: scenario.move_of(asset.token, classes) for asset in debt.position.collateral}
    return float(debt.position.moved(moves, scenario.move_of(debt.asset, classes)).health_factor)


def _cost(ask: Callable[[Scenario], float], scenario: Scenario) -> tuple[float | None, str]:
    """(cost, why there is none)."""
    try:
        cost = ask(scenario)
        if not isfinite(cost):
            raise NotFinite(f"the way back costs {cost}", path=scenario.name)
        return cost, ""
    except NothingToDo:
        return 0.0, ""
    except (Infeasible, PoolError, GuardRefused) as error:
        return None, str(error)


def _judge(
    health: float | None,
    refusal: str,
    faults: Sequence[str],
    share: float | None,
    max_cost: float,
    off: float,
    tolerance: float,
) -> tuple[StressVerdict, str]:
    if health is not None and health < 1:
        return StressVerdict.LIQUIDATED, f"the health factor is {health:.4f}"
    if refusal:
        return StressVerdict.UNREACHABLE, refusal
    if faults:
        return StressVerdict.REFUSED, "; ".join(faults)
    if share is not None and share > max_cost:
        return (
            StressVerdict.COSTLY,
            f"the way back costs {share:.2%} of the value, {max_cost:.2%} are allowed",
        )
    if off > tolerance:
        return StressVerdict.DRIFTED, f"{off:.2%} from the target, {tolerance:.2%} are tolerated"
    return StressVerdict.HOLDS, f"{off:.2%} from the target, within {tolerance:.2%}"
