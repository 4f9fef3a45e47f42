"""One net-benefit decision as text that proves itself: what it was made of, on what, and what it came to.

The weights, targets, covariance and value that it was made on are those of the look that it belongs to. With
the program and the machine that it names, making it again gives the same bits. Elsewhere sums may be taken
in another order, and a solver may stop at another point within its tolerance: what was decided still has to
be the same, and figures agree to SAME.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose
from typing import Any

import numpy as np

from router.errors import InputError, Unsolved
from router.strategy.costs import MarketCost
from router.strategy.decision import Aim, Decision, NetBenefit, Reason, decide
from router.strategy.exact import differences, encode
from router.strategy.observation import Observation

SAME = 1e-6
"""How far two figures of one decision may be apart on different machines, shares of net asset value: a few
times what Clarabel's loosest tolerance leaves of a weight."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trade was weighed by, beside the look itself.

    Attributes:
        cost: of trading, by size.
        risk_aversion, horizon_years: what tracking error costs.
        floors, caps: by asset, least and most weight after a trade.
    """

    cost: MarketCost
    risk_aversion: float
    horizon_years: float
    floors: tuple[float, ...]
    caps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a weighing came to; see `Decision`.

    Attributes:
        break_even_drift: infinite where no drift that way pays; None where a program had no answer.
    """

    trade: bool
    reason: Reason
    aim: Aim
    proven: bool
    proposal: tuple[float, ...]
    landing: tuple[float, ...]
    benefit: NetBenefit
    break_even_drift: float | None
    detail: str

    @classmethod
    def of(cls, decision: Decision) -> Ruling:
        try:
            needed: float | None = decision.break_even_drift
        except Unsolved:
            needed = None
        return cls(
            decision.trade,
            decision.reason,
            decision.aim,
            decision.proven,
            tuple(decision.proposal.tolist()),
            tuple(decision.landing.tolist()),
            decision.benefit,
            needed,
            decision.detail,
        )


@dataclass(frozen=True, slots=True)
class Weighing:
    """A decision, with all that it takes to make it again.

    Attributes:
        solver: program, libraries and machine, one each, that its figures depend on to the last bit.
    """

    terms: Terms
    solver: tuple[str, ...]
    ruling: Ruling

    @classmethod
    def of(cls, decision: Decision, risk_aversion: float, solver: tuple[str, ...]) -> Weighing:
        problem = decision.problem
        terms = Terms(
            problem.cost,
            risk_aversion,
            decision.horizon_years,
            tuple(problem.floors.tolist()),
            tuple(problem.caps.tolist()),
        )
        return cls(terms, solver, Ruling.of(decision))


def rule(terms: Terms, observation: Observation) -> Ruling:
    """The decision on a look's portfolio.

    Raises:
        InputError: a look without a covariance or a value, costs of other assets, or as `decide`.
        InfeasibleWeights: as `decide`.
    """
    assets = observation.assets
    if terms.cost.assets != assets:
        raise InputError("are not those of the look", path="cost.assets")
    if observation.covariance is None or observation.nav is None:
        raise InputError("a trade is weighed on a covariance and a value", path="observation")
    for name in ("floors", "caps"):
        if len(limits := getattr(terms, name)) != len(assets):
            raise InputError(f"has {len(limits)} entries for {len(assets)} assets", path=name)
    return Ruling.of(
        decide(
            np.array(observation.weights),
            np.array(observation.targets),
            np.array(observation.covariance),
            terms.cost,
            nav=observation.nav,
            risk_aversion=terms.risk_aversion,
            horizon_years=terms.horizon_years,
            floors=dict(zip(assets, terms.floors, strict=True)),
            caps=dict(zip(assets, terms.caps, strict=True)),
        )
    )


def rulings_differ(recorded: Ruling, replayed: Ruling, *, to_the_bit: bool) -> tuple[str, ...]:
    """Where two rulings differ.

    Args:
        to_the_bit: else figures may be apart by SAME, and the solver's own words are not compared.
    """
    if to_the_bit:
        return differences(encode(Ruling, recorded), encode(Ruling, replayed), "weighing.ruling")
    alike = replace(replayed, detail=recorded.detail)
    return differences(encode(Ruling, recorded), encode(Ruling, alike), "weighing.ruling", _close)


def _close(recorded: Any, replayed: Any) -> bool:
    """Equal, or both the exact text of floats that nearly are."""
    if recorded == replayed:
        return True
    try:
        old, new = float.fromhex(recorded), float.fromhex(replayed)
    except (TypeError, ValueError):
        return False
    return isclose(old, new, rel_tol=0.0, abs_tol=SAME)
