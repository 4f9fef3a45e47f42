"""Names of policies: what they mean, and what is said where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backtest import Costs, compare, kernel, policy_of, run
from router.backtest.policies import NamedPolicy
from router.errors import InputError
from tests.unit.backtest.series import prices_of, random_prices, study_of


@pytest.mark.parametrize(
    ("name", "kind", "aim", "every", "band"),
    [
        ("hold", kernel.HOLD, kernel.TO_TARGET, 1, 0.0),
        ("calendar_30", kernel.CALENDAR, kernel.TO_TARGET, 30, 0.0),
        ("calendar_30_half", kernel.CALENDAR, kernel.TO_HALF, 30, 0.0),
        ("abs_band_0.05", kernel.ABSOLUTE, kernel.TO_TARGET, 1, 0.05),
        ("abs_band_.05_edge", kernel.ABSOLUTE, kernel.TO_EDGE, 1, 0.05),
        ("rel_band_1.5_half", kernel.RELATIVE, kernel.TO_HALF, 1, 1.5),
        ("hybrid_7_0.05_target", kernel.HYBRID, kernel.TO_TARGET, 7, 0.05),
    ],
)
def test_a_name_says_all(name: str, kind: int, aim: int, every: int, band: float) -> None:
    assert policy_of(name) == NamedPolicy(name, kind, aim, every, band)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("abs_bnd_0.05", "no policy 'abs_bnd_0.05'.*did you mean 'abs_band_B'"),
        ("calender_30", "did you mean 'calendar_N'"),
        ("calendar_0", "no policy"),
        ("calendar_30_edge", "no policy"),
        ("hold_edge", "no policy"),
        ("abs_band_0", "a band is a share between 0 and 1, not 0"),
        ("abs_band_5", "a band is a share between 0 and 1, not 5"),
        ("hybrid_7_1.0", "a band is a share between 0 and 1, not 1"),
        ("defalt", "did you mean 'default'"),
        ("", "no policy"),
    ],
)
def test_what_is_no_policy_is_told_with_the_nearest(name: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        policy_of(name)


def test_a_calendar_counts_rows_from_the_first() -> None:
    study = study_of(random_prices(1, rows=25))
    assert run(study, "calendar_10").ledger.rows.tolist() == [0, 10, 20]
    assert run(study, "hold").ledger.rows.tolist() == [0]


def test_a_band_is_left_only_beyond_it() -> None:
    """Target one half: 1 -> 1.5 makes 0.6, exactly 0.1 off."""
    at_edge = study_of(prices_of([[1.0], [1.5]]), (0.5,))
    beyond = study_of(prices_of([[1.0], [1.5001]]), (0.5,))
    for name in ("abs_band_0.1", "rel_band_0.2", "hybrid_1_0.1"):
        assert run(at_edge, name).rebalances + run(beyond, name).rebalances == 3
    assert run(beyond, "hybrid_2_0.1").rebalances == 1


@given(seed=st.integers(0, 500), band=st.floats(0.01, 0.2))
def test_where_a_trade_lands(seed: int, band: float) -> None:
    study = study_of(random_prices(seed, rows=60), costs=Costs())
    names = [f"abs_band_{band:.6f}{aim}" for aim in ("", "_edge", "_half")]
    target, edge, half = compare(study, names)
    for result in (target, edge):
        assert result.drift.max() <= float(f"{band:.6f}") + 1e-9
    if len(target.ledger.rows) > 1:
        row = int(target.ledger.rows[1])  # all are the same until then
        assert target.drift[row] <= 1e-12
        assert edge.drift[row] == pytest.approx(float(f"{band:.6f}"))
        moved = np.abs(half.ledger.traded[1])
        assert moved == pytest.approx(np.abs(target.ledger.traded[1]) / 2, rel=1e-6, abs=1e-6)


def test_an_asset_without_target_is_left_alone() -> None:
    result = run(study_of(random_prices(2), (0.5, 0.0, 0.3)), "rel_band_0.1")
    assert (result.units[:, 1] == 0).all()
    assert result.rebalances > 1
