"""A plan's page: whole without a network, true to the plan, and deaf to what symbols say."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from router.plan import Exclusion, Plan
from router.report import plan_page
from router.snapshot import Snapshot
from router.tokens import format_amount, to_checksum
from tests.markets import OWNER, address
from tests.unit.report.page import Page
from tests.unit.report.plans import ETH, MARKET, PROGRAMS, PROOF, USD, holding_fields, judged, planned

EVIL = "<script>alert(1)</script>"
EXCLUDED = (Exclusion(address(9), USD, ETH, "pays 3 % more than <b>the prices</b>"),) * 3


def page_of(name: str = "pull-first", market: Snapshot = MARKET, **changes: Any) -> tuple[Plan, Page]:
    plan = planned(PROGRAMS[name], **changes)
    return plan, Page(plan_page(plan, market))


def named(symbol: str) -> Snapshot:
    """The market with a token that calls itself so."""
    return replace(MARKET, tokens={**MARKET.tokens, ETH: replace(MARKET.tokens[ETH], symbol=symbol)})


@pytest.mark.parametrize("name", PROGRAMS)
def test_page_needs_nothing_but_itself(name: str) -> None:
    _, page = page_of(name)
    assert page.fetched == []
    assert len(page.scripts) == 2
    assert "plotly.js" in page.scripts[0][:200]
    assert set(page.figures) == {"flows", "weights", "cost"} <= set(page.ids)


def test_whether_it_pays_is_told_where_the_owner_said_what_drift_costs() -> None:
    told = judged(ETH, USD, explanation="avoids 7.00 bp")
    _, page = page_of(judgement=told)
    assert "Does it pay?" in page.text
    assert "5.1250" in page.text
    assert "a trade pays beyond" not in page.text
    assert "other assets" not in page.text
    told = replace(told, choice_gap_bps=0.25)
    _, page = page_of(judgement=replace(told, break_even_drift=0.03, explanation=EVIL))
    assert "Trading other assets would net at most 0.25 bp more." in page.text
    assert "a trade pays beyond 3.0000 %" in page.text
    assert EVIL in page.text
    assert len(page.scripts) == 2
    assert "Does it pay?" not in page_of()[1].text


def test_policy_lets_only_the_page_own_scripts_run_and_nothing_be_fetched() -> None:
    _, page = page_of()
    policy = next(meta["content"] for meta in page.metas if "http-equiv" in meta) or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "connect-src" not in rules


def test_title_and_heading_say_verdict_block_and_owner() -> None:
    _, page = page_of()
    assert page.titles == [f"Rebalance: trade (chain 1, block 1000, owner {to_checksum(OWNER)})"]
    assert "Rebalance: trade" in page.text
    assert "ETH is +1000.0 bp from its target, beyond 50 bp." in page.text


@pytest.mark.parametrize("name", PROGRAMS)
def test_sankey_has_every_swap_and_conserves_value_per_token(name: str) -> None:
    plan, page = page_of(name)
    trace = page.figures["flows"]["data"][0]
    node, link = trace["node"], trace["link"]
    lengths = {len(link[key]) for key in ("source", "target", "value", "customdata", "color")}
    assert len(lengths) == 1
    swaps = [text for text in link["customdata"] if text.startswith("step ")]
    assert len(swaps) == len(plan.swaps)
    for swap, text in zip(plan.swaps, swaps, strict=True):
        token = MARKET.tokens[swap.token_out]
        assert f"{swap.kind} {to_checksum(swap.pool)}" in text
        assert f"fee {MARKET.pool_by_address[swap.pool].fee_pips / 10_000:g} %" in text
        assert f"{format_amount(swap.amount_out, token.decimals)} {token}" in text.replace(",", "")
    balance: dict[str, float] = defaultdict(float)
    for source, target, value in zip(link["source"], link["target"], link["value"], strict=True):
        balance[node["label"][source]] -= value
        balance[node["label"][target]] += value
    tokens = [name for name in balance if name.split(" (")[0] in ("USD", "ETH", "BTC")]
    assert len(tokens) >= 3
    assert all(abs(balance[name]) < 1e-6 for name in tokens)


def test_loans_show_in_the_flows_and_in_the_steps() -> None:
    plan, page = page_of("deliver-first")
    labels = page.figures["flows"]["data"][0]["node"]["label"]
    lender = to_checksum(plan.loans[0].lender)
    short = f"{lender[:6]}…{lender[-4:]}"
    assert {f"lender lends {short}", f"lender repaid {short}", "owner gives"} <= set(labels)
    assert page.row(f"morpho_blue {lender}")[1:] == ["10,000 USD", "0 USD"]


def test_steps_show_exact_amounts() -> None:
    plan, page = page_of()
    table = next(table for table in page.tables if table[0][:3] == ["step", "pool", "fee"])
    for swap, row in zip(plan.swaps, table[1:], strict=True):
        paid = format_amount(swap.amount_in, MARKET.tokens[swap.token_in].decimals)
        assert row[0] == str(swap.index)
        assert row[3].replace(",", "") == f"{paid} {MARKET.tokens[swap.token_in]}"


def test_weights_come_before_at_the_target_with_its_band_and_after() -> None:
    _, page = page_of(bands={USD: (45 * 10**16, 60 * 10**16)})
    before, target, after = page.figures["weights"]["data"]
    assert before["y"] == target["y"] == after["y"] == ["USD", "ETH", "BTC"]
    assert before["x"] == pytest.approx([50, 50, 0])
    assert target["x"] == [50, 25, 25]
    assert target["error_x"]["arrayminus"] == pytest.approx([5, 0.5, 0.5])
    assert target["error_x"]["array"] == pytest.approx([10, 0.5, 0.5])
    assert sum(after["x"]) == pytest.approx(100)
    table = next(table for table in page.tables if "band" in table[0])
    assert table[1][5] == "45.0000 % to 60.0000 %"


def test_what_is_reserved_stays_out_of_the_weights() -> None:
    held = holding_fields()["holdings_before"]
    _, page = page_of(reserved={USD: held[USD]})
    assert page.figures["weights"]["data"][0]["x"] == pytest.approx([100, 0, 0])
    assert "kept out of the weights: 50,000 USD." in page.text


def test_cost_is_split_in_numeraire_and_bp() -> None:
    _, page = page_of()
    assert page.row("pool fees") == ["pool fees", "30", "3.0000"]
    assert page.row("price impact") == ["price impact", "12.5", "1.2500"]
    assert page.row("gas") == ["gas", "1.25", "0.1250"]
    assert page.row("total")[2] == "4.3750"
    assert page.figures["cost"]["data"][0]["x"] == pytest.approx([3, 1.25, 0, 0.125])


def test_certificate_shows_bound_gap_and_its_parts() -> None:
    _, page = page_of(certificate=PROOF)
    assert page.row("bound on the net value")[1] == "100,004.00"
    assert page.row("gap to it, bp of the net value")[2] == "1.7500"
    parts = [float(page.row(f"… of it due to {part}")[2]) for part in ("gas", "integers and their order")]
    assert parts == [1.0, 0.5]
    assert page.row("arbitrage: what the pools would pay with no portfolio, at most")[1] == "3.125"
    assert page.row("BTC")[-1] != ""


def test_a_plan_without_certificate_says_so() -> None:
    _, page = page_of()
    assert "None: nothing is proven about this plan." in page.text


def test_excluded_directions_are_counted_by_reason_and_listed() -> None:
    _, page = page_of(certificate=PROOF, excluded=EXCLUDED)
    assert f"3 x {EXCLUDED[0].reason}" in page.text
    table = next(table for table in page.tables if table[0][0] == "pool" and "reason" in table[0])
    assert table[1:] == [[to_checksum(address(9)), "USD", "ETH", EXCLUDED[0].reason]] * 3


def test_bounds_that_the_executor_enforces_are_listed() -> None:
    _, page = page_of()
    assert page.row("deadline")[1].startswith("1700001200 (2023-11-14")
    assert any(table[0][:3] == ["token", "spends at most", "receives at least"] for table in page.tables)


def test_a_plan_that_holds_shows_weights_and_why() -> None:
    page = Page(plan_page(Plan(**holding_fields(), notes=("prices: test",)), MARKET))
    assert page.titles[0].startswith("Rebalance: hold, nothing to do (chain 1, block 1000")
    assert set(page.figures) == {"weights"}
    assert "every weight is within 50 bp of its target." in page.text
    assert "prices: test" in page.text
    assert "Certificate" not in page.text


@pytest.mark.parametrize("symbol", ["<script>", EVIL, '"><img/src=x>', "</script><b>", "&lt;x", "%{y}"])
def test_a_symbol_is_text_wherever_it_stands(symbol: str) -> None:
    market = named(symbol)
    plan = planned(PROGRAMS["cycle"], certificate=PROOF, excluded=EXCLUDED, notes=(f"{symbol} is dear",))
    text = plan_page(plan, market)
    page = Page(text)
    assert len(page.scripts) == 2
    assert page.fetched == []
    assert f"{symbol} is dear" in page.text
    if "<" in symbol:
        assert text.count(symbol) == (len(page.scripts) if symbol == "<script>" else 0)
    labels = page.figures["flows"]["data"][0]["node"]["label"]
    assert not any("<" in label for label in labels)


@pytest.mark.parametrize("symbol", ["USD", "two words", "", "0xdead", "dne\u202eevil", "x" * 25])
def test_a_symbol_that_misleads_gives_way_to_the_address(symbol: str) -> None:
    page = Page(plan_page(planned(PROGRAMS["cycle"]), named(symbol)))
    labels = page.figures["weights"]["data"][0]["y"]
    assert to_checksum(ETH) in labels
    assert symbol not in labels


def test_a_token_that_has_no_price_carries_no_value() -> None:
    market = replace(MARKET, prices={USD: "1", ETH: "2000"})
    plan = planned(PROGRAMS["pull-first"], prices={USD: "1", ETH: "2000"})
    page = Page(plan_page(plan, market))
    assert page.row("BTC")[3] == "0.0000 %"


def test_an_unknown_property_is_refused_where_the_figure_is_made() -> None:
    from router.report.page import figure

    with pytest.raises(ValueError, match="colour"):
        figure("bad", [{"type": "bar", "colour": "red"}], {"height": 1})


def test_equal_plans_give_equal_pages() -> None:
    plan = planned(PROGRAMS["cycle"], certificate=PROOF)
    assert plan_page(plan, MARKET) == plan_page(plan, MARKET)
