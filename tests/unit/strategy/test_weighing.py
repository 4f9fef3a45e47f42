"""A weighed trade, made again from what was recorded of it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite, nextafter

import numpy as np
import pytest

from router.errors import InputError
from router.strategy.costs import MarketCost
from router.strategy.decision import Aim, Decision, Reason, decide
from router.strategy.drift import DriftKind
from router.strategy.exact import digest_of, encode
from router.strategy.journal import Record, replay, tick
from router.strategy.observation import Observation
from router.strategy.triggers import Threshold, TriggerSpec
from router.strategy.weighing import SAME, Ruling, Weighing, rule, rulings_differ
from tests.unit.strategy.trade_cases import CASH, curve

HERE = ("clarabel 0", "a machine")
ELSEWHERE = ("clarabel 1", "a machine")
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SPEC = TriggerSpec(Threshold(DriftKind.ABSOLUTE, 0.05))
ASSETS = ("A", "B", CASH)
COVARIANCE = np.array([[0.49, 0.2, 0.0], [0.2, 0.36, 0.0], [0.0, 0.0, 0.0]])
TARGETS = (0.4, 0.3, 0.3)
DRIFTED = (0.55, 0.25, 0.2)
CASES = {
    "pays": (DRIFTED, {}, Reason.PAYS),
    "pays, with gas of each asset": (DRIFTED, {"legs": (1e-4, 1e-4, 0.0)}, Reason.PAYS),
    "at the target": (TARGETS, {}, Reason.AT_TARGET),
    "inside": ((0.4001, 0.2999, 0.3), {}, Reason.INSIDE_REGION),
    "too dear": (DRIFTED, {"fixed": 0.05}, Reason.BELOW_FIXED_COST),
    "broken limit": (DRIFTED, {"caps": {"A": 0.5}, "fixed": 0.05}, Reason.LIMIT_BROKEN),
}


def cost(**changes: object) -> MarketCost:
    drawn = np.random.default_rng(7)
    sides = [tuple(curve(drawn, 4) for _ in ASSETS) for _ in range(2)]
    return replace(MarketCost(ASSETS, *sides, fixed=3e-5), **changes)


def decided(weights: tuple[float, ...], caps: dict[str, float] | None = None, **changes: object) -> Decision:
    return decide(
        np.array(weights),
        np.array(TARGETS),
        COVARIANCE,
        cost(**changes),
        nav=1e6,
        risk_aversion=3.0,
        horizon_years=30 / 365,
        caps=caps,
    )


def recorded(case: str) -> Record:
    weights, terms, _ = CASES[case]
    record = tick(SPEC, None, Observation.of(ASSETS, weights, TARGETS, COVARIANCE, 1e6), NOW)
    return replace(record, weighing=Weighing.of(decided(weights, **terms), 3.0, HERE))


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_decision_replays_bit_for_bit_from_its_text(case: str) -> None:
    record = recorded(case)
    assert record.weighing is not None
    assert record.weighing.ruling.reason is CASES[case][2]
    again = Record.of_text(record.to_text())
    found = replay(again, HERE)
    assert (found.differences, found.to_the_bit) == ((), True)
    assert found.ruling == record.weighing.ruling
    assert again.to_text() == record.to_text()


def test_a_decision_is_told_whole() -> None:
    weights, terms, _ = CASES["pays"]
    decision = decided(weights, **terms)
    told = Ruling.of(decision)
    assert (told.trade, told.aim, told.proven) == (True, decision.aim, True)
    assert told.aim is not Aim.NONE
    assert told.landing == tuple(decision.landing.tolist())
    assert told.benefit.net == decision.benefit.net > 0
    assert told.break_even_drift == decision.break_even_drift
    assert isfinite(decision.break_even_drift)


def bit_up(text: str) -> str:
    return nextafter(float.fromhex(text), 2.0).hex()


@pytest.mark.parametrize(
    ("where", "field"),
    [
        (("ruling", "landing", 0), r"weighing.ruling.landing[0]"),
        (("ruling", "benefit", "gas"), "weighing.ruling.benefit.gas"),
        (("ruling", "break_even_drift"), "weighing.ruling.break_even_drift"),
        (("terms", "cost", "fixed"), "weighing.ruling.benefit.gas"),
        (("terms", "risk_aversion"), "weighing.ruling.benefit.tracking_error"),
    ],
)
def test_one_bit_of_what_went_in_or_came_out_shows(where: tuple[str | int, ...], field: str) -> None:
    document = json.loads(recorded("pays").to_text())
    holder = document["record"]["weighing"]
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = bit_up(holder[where[-1]])
    document["digest"] = digest_of(document["record"])
    found = replay(Record.of_text(json.dumps(document)), HERE)
    assert field in [each.partition(":")[0] for each in found.differences]


def test_elsewhere_figures_may_be_apart_a_little_and_what_was_decided_may_not() -> None:
    record = recorded("pays")
    weighing = record.weighing
    assert weighing is not None
    ruling = weighing.ruling
    moved = (ruling.landing[0] + SAME / 2, *ruling.landing[1:])
    near = replace(record, weighing=replace(weighing, ruling=replace(ruling, landing=moved, detail="other")))
    found = replay(near, ELSEWHERE)
    assert (found.differences, found.to_the_bit) == ((), False)
    assert replay(near, HERE).differences
    for change in (
        {"trade": False},
        {"reason": Reason.BELOW_FIXED_COST},
        {"aim": Aim.TARGET},
        {"landing": (ruling.landing[0] + 2 * SAME, *ruling.landing[1:])},
        {"break_even_drift": None},
    ):
        other = replace(ruling, **change)
        (difference,) = rulings_differ(other, ruling, to_the_bit=False)
        assert difference.startswith(f"weighing.ruling.{next(iter(change))}")


def test_a_weighing_of_another_look_is_refused() -> None:
    terms = recorded("pays").weighing.terms
    look = Observation.of(ASSETS, DRIFTED, TARGETS, COVARIANCE, 1e6)
    with pytest.raises(InputError, match=r"cost\.assets: are not those of the look"):
        rule(terms, replace(look, assets=("A", "C", CASH)))
    for missing in ("covariance", "nav"):
        with pytest.raises(InputError, match="weighed on a covariance and a value"):
            rule(terms, replace(look, **{missing: None}))
    with pytest.raises(InputError, match="caps: has 2 entries for 3 assets"):
        rule(replace(terms, caps=terms.caps[:2]), look)


def test_another_process_with_other_hashes_and_another_past_finds_the_same_bits() -> None:
    program = (
        "from tests.unit.strategy.test_weighing import *\n"
        "decided((0.3, 0.3, 0.4), {'A': 0.35})\n"
        "print(digest_of([encode(Ruling, recorded(case).weighing.ruling) for case in reversed(CASES)]))"
    )
    here = digest_of([encode(Ruling, recorded(case).weighing.ruling) for case in reversed(CASES)])
    environment = os.environ | {"PYTHONHASHSEED": "4242", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == here
