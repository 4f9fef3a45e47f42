"""Whether a due trade had better wait for one more row of recorded prices: told, and acted on by nobody.

What the model is scored on is a band with a way back to the target, walked along the recorded rows at today's
costs. A plan lands where the one-shot decision says, which may be short of the target: that a score was good
for the one says little for the other.
"""

from __future__ import annotations

from importlib.util import find_spec
from math import isfinite

import numpy as np

from router.advice import ONE_WAY, Advice
from router.errors import Unsolved
from router.strategy.drift import DriftKind
from router.strategy.triggers import Threshold, TriggerSpec, leaves


def timing_told(advice: Advice, spec: TriggerSpec) -> str | None:
    """What the timing model says of a trade, and whether it is on; None where there are no recorded prices
    or nothing is to be traded.

    The band is the trigger's narrowest absolute one, or where a trade breaks even if that is wider.
    """
    past, decision, valuation = advice.discipline.past, advice.decision, advice.valuation
    if past is None or not decision.trade:
        return None
    steady = valuation.snapshot.numeraire
    if lacking := [valuation.symbol(t) for t in advice.tokens if t not in past.tokens and t != steady]:
        return f"timing is not told: no recorded prices of {', '.join(lacking)}"
    band = _band(advice, spec)
    if not 0 < band < decision.drift:
        return "timing is not told: no band to time is found below the drift"
    if find_spec("sklearn") is None:
        return "timing is not told: scikit-learn is not installed"
    from router.strategy.timing import Timing, TimingRule

    cost, problem = advice.cost, decision.problem
    pairs = zip(cost.buys, cost.sells, strict=True)
    rule = TimingRule(
        targets=problem.targets,
        band=band,
        rates=np.array([(buy.slope(0.0) + sell.slope(0.0)) / ONE_WAY for buy, sell in pairs]),
        fixed=cost.fixed,
        risk_aversion=advice.discipline.risk_aversion,
        periods_per_year=past.periods_per_year,
    )
    if len(past.returns) <= rule.least_rows:
        return f"timing is not told: {len(past.returns)} returns, more than {rule.least_rows} are needed"
    places = [past.tokens.index(token) if token in past.tokens else None for token in advice.tokens]
    timing = Timing(rule)
    for row in past.returns.tolist():
        timing.observe([0.0 if place is None else row[place] for place in places])
    found = timing.advise(problem.weights)
    said = "is not fitted" if found.probability is None else f"says {'wait' if found.likely else 'go'}"
    chance = "" if found.probability is None else f", waiting a row pays with {found.probability:.0%}"
    walked = f"on a band of {band:.2%} with a way back to the target"
    return f"the timing model {said}{chance}; {found.score.reason}, {walked}; no plan waits for it"


def _band(advice: Advice, spec: TriggerSpec) -> float:
    bands = [
        each
        for _, leaf in leaves(spec.when)
        if isinstance(leaf, Threshold) and leaf.measure is DriftKind.ABSOLUTE
        for each in (leaf.band, *(band for _, band in leaf.bands))
        if each is not None
    ]
    try:
        pays = advice.decision.break_even_drift
    except Unsolved:
        pays = 0.0
    return max(min(bands, default=0.0), pays if isfinite(pays) else 0.0)
