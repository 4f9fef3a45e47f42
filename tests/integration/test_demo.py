"""The demonstration, as `make demo` runs it, and what its report proves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.operator import check_document, process


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, localnet: object) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("demo") / "new" / "report.json"
    done = process("demo", "--report", path, timeout=240)
    assert done.code == 0, done.stderr
    return dict(json.loads(path.read_text()))


def test_the_report_is_valid(report: dict[str, Any]) -> None:
    check_document(report)


def test_both_settlements_land_and_the_second_on_a_loan(report: dict[str, Any]) -> None:
    assert [run["settlement"] for run in report["runs"]] == ["pull-first", "deliver-first"]
    assert not report["runs"][0]["loans"]
    assert report["runs"][1]["loans"]
    for run in report["runs"]:
        assert all(check["ok"] for check in run["verification"])
        assert all(len(each) == 66 for each in run["transactions"])


def test_planned_simulated_and_executed_are_equal_integers(report: dict[str, Any]) -> None:
    for run in report["runs"]:
        assert len(run["amounts"]) >= 5
        for row in run["amounts"]:
            assert row["equal"]
            assert row["planned"] == row["simulated"] == row["executed"]
            assert int(row["planned"])


def test_gas_simulated_is_gas_used(report: dict[str, Any]) -> None:
    for run in report["runs"]:
        assert run["gas"]["simulated"] == run["gas"]["used"]


def test_certificates_verify_and_bound_what_was_reached(report: dict[str, Any]) -> None:
    for run in report["runs"]:
        (proof,) = [check for check in run["verification"] if check["name"] == "certificate"]
        assert proof["ok"]
        assert run["value_after"] - run["cost"]["gas"] <= run["net_bound"] * (1 + 1e-9)
        assert 0 <= run["gap_bps"] < 1
        assert f"{run['gap_bps']:.4f} bp" in proof["found"]


def test_weights_reach_their_targets(report: dict[str, Any]) -> None:
    for run in report["runs"]:
        assert len(run["weights"]) >= 5
        assert max(abs(row["before"] - row["target"]) for row in run["weights"]) > 0.01
        assert all(abs(row["after"] - row["target"]) < 0.0025 for row in run["weights"])


def test_both_refusals_change_nothing(report: dict[str, Any]) -> None:
    simulation, executor = report["refusals"]
    assert simulation["refused_by"] == "simulation"
    assert simulation["exit_code"] in (4, 5)
    assert "transaction" not in simulation or simulation["transaction"] is None
    assert executor["refused_by"] == "executor"
    assert executor["exit_code"] == 5
    assert len(executor["transaction"]) == 66
    assert executor["revert"]["name"] == executor["error"]
    assert simulation["balances_unchanged"] is executor["balances_unchanged"] is True
