"""What `status` tells of the timing model: on which band, whether it is on, and when nothing is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router.advice import Advice, advise
from router.documents import load_portfolio_file, load_snapshot
from router.strategy.discipline import Discipline, Past
from router.strategy.drift import DriftKind
from router.strategy.schedule import Cron
from router.strategy.triggers import AnyOf, Calendar, Threshold, Trigger, TriggerSpec
from router.waiting import timing_told

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKET = load_snapshot(EXAMPLES / "market.json")
FILE = load_portfolio_file(EXAMPLES / "portfolio_live.toml")
FORECAST = FILE.discipline(MARKET)


def weighed(change: Callable[[Discipline], Discipline] = lambda each: each) -> Advice:
    assert FORECAST is not None
    advice = advise(MARKET, FILE.resolve(MARKET), change(FORECAST))
    assert advice is not None
    return advice


def spec(*parts: Trigger) -> TriggerSpec:
    return TriggerSpec(AnyOf(parts))


def band(size: float, **bands: float) -> Threshold:
    return Threshold(DriftKind.ABSOLUTE, size, tuple(sorted(bands.items())))


SLOT = Calendar(Cron("0 9 * * mon", "UTC"))


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        (spec(band(0.05)), "on a band of 5.00%"),
        (spec(band(0.06), band(0.04)), "on a band of 4.00%"),
        (spec(Threshold(DriftKind.L2, 0.03), SLOT, band(0.07, WETH=0.045)), "on a band of 4.50%"),
    ],
)
def test_the_band_is_the_trigger_s_narrowest_absolute_one(trigger: TriggerSpec, told: str) -> None:
    found = timing_told(weighed(), trigger)
    assert found is not None
    assert told in found
    assert "no plan waits for it" in found


@pytest.mark.parametrize("trigger", [spec(SLOT), spec(band(0.0001)), spec(Threshold(DriftKind.L1, 0.9))])
def test_without_a_wider_band_it_is_where_a_trade_breaks_even(trigger: TriggerSpec) -> None:
    advice = weighed()
    found = timing_told(advice, trigger)
    assert found is not None
    assert f"on a band of {advice.decision.break_even_drift:.2%} with" in found


def test_what_is_told_is_whether_the_model_would_wait_and_why_it_is_on_or_off() -> None:
    found = timing_told(weighed(), spec(band(0.05)))
    assert found is not None
    assert re.match(r"the timing model says (wait|go), waiting a row pays with \d+%; timing off: ", found)
    assert "bp a year against " in found


def with_past(past: Callable[[Past], Past | None]) -> Callable[[Discipline], Discipline]:
    def changed(discipline: Discipline) -> Discipline:
        assert discipline.past is not None
        return replace(discipline, past=past(discipline.past))

    return changed


@pytest.mark.parametrize(
    ("past", "told"),
    [
        (lambda past: None, None),
        (lambda past: replace(past, returns=past.returns[-250:]), "250 returns, more than 250 are needed"),
        (lambda past: replace(past, tokens=(past.tokens[0], "0x" + "9" * 40)), "no recorded prices of WBTC"),
        (lambda past: replace(past, returns=np.zeros_like(past.returns)), "the timing model is not fitted"),
    ],
)
def test_nothing_is_made_up(past: Callable[[Past], Past | None], told: str | None) -> None:
    found = timing_told(weighed(with_past(past)), spec(band(0.05)))
    assert (found is None) == (told is None)
    assert told is None or told in (found or "")


def test_a_band_beyond_the_drift_is_not_timed() -> None:
    assert "no band to time" in (timing_told(weighed(), spec(band(0.2))) or "")


def test_a_trade_that_does_not_pay_is_not_timed() -> None:
    advice = weighed(lambda each: replace(each, risk_aversion=1e-3))
    assert not advice.decision.trade
    assert timing_told(advice, spec(band(0.05))) is None


def test_a_library_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.waiting.find_spec", lambda _: None)
    found = timing_told(weighed(), spec(band(0.05)))
    assert found == "timing is not told: scikit-learn is not installed"
