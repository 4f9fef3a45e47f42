"""What the flags of `backtest` say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from router.cli.backtest_inputs import (
    MOST_VALUES,
    parameter_sets,
    parse_amounts,
    parse_depth,
    parse_grid,
    read_prices,
    strategy_extra,
)
from router.errors import InputError, InsufficientHistory
from tests.unit.backtest.series import random_prices

PRICES = random_prices(1, rows=10)


def saved(folder: Path) -> Path:
    """The same as a file."""
    path = folder / "prices.csv"
    lines = [",".join(["time", *PRICES.assets])]
    lines += [
        ",".join([PRICES.at(row).isoformat(), *map(repr, PRICES.values[row].tolist())])
        for row in range(len(PRICES))
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_amounts_are_read_by_name() -> None:
    assert parse_amounts(" BTC = 0.4 ,ETH=3e-1", "targets") == {"BTC": 0.4, "ETH": 0.3}


@pytest.mark.parametrize(
    "text", ["", "BTC", "=1", "BTC=", "BTC=a", "BTC=nan", "BTC=inf", "A=1,A=1", "A=1e99"]
)
def test_amounts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="targets"):
        parse_amounts(text, "targets")


def test_depth_is_one_amount_or_one_by_asset() -> None:
    assert parse_depth("1e6") == 1_000_000
    assert parse_depth("A=1,B=2") == {"A": 1, "B": 2}


def test_grid_ends_at_its_stop_exactly() -> None:
    (values,) = parse_grid(("B=0.01:0.1:0.01",)).values()
    assert values == tuple(Decimal(each) / 100 for each in range(1, 11))
    assert parse_grid(("N=7:30:7",)) == {"N": (7, 14, 21, 28)}
    assert parse_grid(("fee-bps=5,30", "Gas=1")) == {"fee_bps": (5, 30), "gas": (1,)}


@pytest.mark.parametrize(
    "texts",
    [
        ("C=1",),
        ("B",),
        ("B=",),
        ("B=1:2",),
        ("B=1:2:0",),
        ("B=2:1:1",),
        ("B=1,1",),
        ("B=1", "B=2"),
        ("N=0",),
        ("N=1.5",),
        ("gas=0:1e20:1e-20",),
        (f"gas=1:{MOST_VALUES + 1}:1",),
        ("gas=1:2000:1", "gamma=1:2000:1"),
    ],
)
def test_grid_that_is_none_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="sweep"):
        parse_grid(texts)


def test_parameter_sets_fill_the_names_and_leave_other_policies_alone() -> None:
    found = parameter_sets(("hybrid_N_B_edge", "abs_band_B", "hold"), parse_grid(("N=1,7", "B=0.05,0.10")))
    assert [each.policy for each in found] == [
        "hybrid_1_0.05_edge",
        "hybrid_1_0.1_edge",
        "hybrid_7_0.05_edge",
        "hybrid_7_0.1_edge",
        "abs_band_0.05",
        "abs_band_0.1",
        "hold",
    ]
    assert found[0].values == {"N": 1, "B": Decimal("0.05")}
    assert found[-1].values == {}


def test_settings_are_swept_for_every_policy() -> None:
    found = parameter_sets(("hold", "calendar_N"), parse_grid(("N=1,2", "gas=5,6")))
    assert [(each.policy, each.values.get("gas")) for each in found] == [
        ("hold", 5),
        ("hold", 6),
        ("calendar_1", 5),
        ("calendar_1", 6),
        ("calendar_2", 5),
        ("calendar_2", 6),
    ]


@pytest.mark.parametrize(
    ("policies", "grid", "told"),
    [
        (("abs_band_B",), (), "--sweep B="),
        (("hybrid_N_B",), ("B=0.1",), "--sweep N="),
        (("hold",), ("N=1,2",), "calendar_N"),
    ],
)
def test_open_parameters_and_grids_must_match(
    policies: tuple[str, ...], grid: tuple[str, ...], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        parameter_sets(policies, parse_grid(grid))


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        (None, None, 10),
        ("2021-01-03", None, 8),
        (None, "2021-01-03", 3),
        ("2021-01-03", "2021-01-05", 3),
        ("2021-01-03T00:00:01", "2021-01-05T00:00:00Z", 2),
        ("2021-01-03T01:00+02:00", "2021-01-05T01:00+02:00", 2),
    ],
)
def test_window_counts_both_its_ends(tmp_path: Path, start: str | None, end: str | None, rows: int) -> None:
    assert len(read_prices(saved(tmp_path), None, start=start, end=end)) == rows


@pytest.mark.parametrize(
    ("start", "end"), [("2021-01-10", None), ("2022-01-01", None), ("2021-01-05", "2021-01-04")]
)
def test_window_of_fewer_than_two_rows_is_refused(tmp_path: Path, start: str, end: str | None) -> None:
    with pytest.raises(InsufficientHistory, match=r"its own are from 2021-01-01T00:00"):
        read_prices(saved(tmp_path), None, start=start, end=end)


def test_time_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="to: should be a time"):
        read_prices(saved(tmp_path), None, end="soon")


def test_missing_library_is_named_with_its_remedy() -> None:
    with (
        pytest.raises(InputError, match=r'absent_library: pip install "atomic-rebalance\[strategy\]"'),
        strategy_extra("x"),
    ):
        import absent_library  # noqa: F401


def test_fault_in_this_package_is_no_missing_library() -> None:
    with pytest.raises(ImportError), strategy_extra("x"):
        import router.absent  # noqa: F401
