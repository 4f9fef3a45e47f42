"""The plan as people read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.cli.views import MOST_STEPS, show_judgement, show_plan
from router.tokens import Token
from tests.unit.documents.test_plan_file import CERTIFICATE, PLAN, USDC, WETH
from tests.unit.report.plans import judged

TOKENS = {USDC: Token(1, USDC, "USDC", 6), WETH: Token(1, WETH, "WETH", 18)}
SCREEN_LINES = 50


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_certificate_shows_value_bound_gap_parts_arbitrage_and_exclusions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    proof = replace(CERTIFICATE, net_bound=50_001.0, gap_bps=0.2, arbitrage=1.25)
    show_plan(replace(PLAN, certificate=proof), TOKENS)
    text = shown(capsys)
    for figure in ("landing: band", "50,000.0000", "50,001.0000", "0.2000", "1.0000 + 0.7500 + -0.2500"):
        assert figure in text
    assert "1.2500" in text
    assert "0.2500" in text
    assert [line for line in text.splitlines() if "directions left out" in line and " 1 " in line]
    assert len(text.splitlines()) <= SCREEN_LINES


def test_plan_of_many_swaps_still_fits_a_screen_and_says_how_many_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_plan(replace(PLAN, swaps=PLAN.swaps[:1] * 40), TOKENS)
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) <= SCREEN_LINES
    assert f"and {40 - MOST_STEPS} more swaps" in captured.err


def test_plan_without_a_certificate_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(replace(PLAN, certificate=None), TOKENS)
    assert "Certificate" not in shown(capsys)


def test_what_other_assets_could_net_and_what_is_traded_are_told_where_they_are_something(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = judged(WETH, USDC)
    show_judgement(told, TOKENS, 1_000.0)
    captured = capsys.readouterr()
    assert "aim: edge, by trading WETH, USDC" in captured.err
    assert "other assets" not in captured.err
    show_judgement(replace(told, trade=False, aim="none", choice_gap_bps=0.0421), TOKENS, 1_000.0)
    captured = capsys.readouterr()
    assert "aim" not in captured.err
    assert "trading other assets would net at most 0.042 bp more" in captured.err


def test_weights_leave_out_what_is_reserved(capsys: pytest.CaptureFixture[str]) -> None:
    plan = replace(
        PLAN,
        holdings_before={USDC: 3_000_000_000},
        holdings_after={USDC: 2_000_000_000, WETH: 5 * 10**17},
        prices={USDC: "1", WETH: "2000"},
        reserved={USDC: 1_000_000_000},
    )
    show_plan(plan, TOKENS)
    rows = [line for line in shown(capsys).splitlines() if "USDC" in line or "WETH" in line]
    assert [row.count("50.000 %") for row in rows[:2]] == [1, 1]
