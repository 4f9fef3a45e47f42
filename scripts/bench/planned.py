"""Plans made and timed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from router.cli.console import say
from router.errors import RouterError
from router.fixed_point import WAD
from router.plan import Plan
from router.planner import plan
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import Address
from scripts.bench.random_basket import raw_price
from scripts.bench.report import seconds


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the median seconds of making it; no plan where the planner refused, with its reason."""

    plan: Plan | None
    seconds: float
    refusal: str = ""

    @property
    def gap_bps(self) -> float | None:
        """From the plan to the bound of its own certificate."""
        certificate = self.plan.certificate if self.plan else None
        return certificate.gap_bps if certificate else None

    @property
    def legs(self) -> str:
        return str(len(self.plan.swaps)) if self.plan else self.refusal

    def received(self, token: Address) -> int:
        return self.plan.holdings_after.get(token, 0) if self.plan else 0


def exact_value(snapshot: Snapshot, made: Plan) -> float:
    """Numeraire units of the largest portfolio of exactly the target weights inside the final holdings."""
    return min(
        made.holdings_after.get(token, 0) * raw_price(snapshot, token) * WAD / share
        for token, share in made.targets_wad.items()
        if share
    )


def plan_all(
    snapshot: Snapshot, portfolios: Sequence[Portfolio], runs: int, *, prove: bool = False
) -> list[Planned]:
    """Each portfolio's plan; they take turns, so that none is planned from its own last solution."""
    planned = partial(plan, snapshot, prove=prove)
    made: list[Plan | RouterError] = []
    for portfolio in portfolios:
        try:
            made.append(planned(portfolio))
        except RouterError as error:
            say(f"no plan: {type(error).__name__}: {error}", markup=False)
            made.append(error)
    spent: list[list[float]] = [[] for _ in portfolios]
    for _ in range(runs):
        for place, portfolio in enumerate(portfolios):
            if isinstance(made[place], Plan):
                spent[place].append(seconds(partial(planned, portfolio)))
    return [
        Planned(each, statistics.median(times) if times else 0.0)
        if isinstance(each, Plan)
        else Planned(None, 0.0, type(each).__name__)
        for each, times in zip(made, spent, strict=True)
    ]
