"""One look at a portfolio: drift in every sense, bands, trigger and verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router.cli.journal import row_of
from router.errors import InputError, PriceJumped, SourcesDisagree
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.status import Standing, look, status_file
from router.strategy.discipline import Discipline
from router.strategy.drift import DriftKind
from router.strategy.feeds import OVERRULED
from router.strategy.journal import Record
from router.strategy.journal import replay as replay_record
from router.strategy.schedule import Cron
from router.strategy.state import completed
from router.strategy.triggers import AnyOf, Calendar, Gates, Threshold, TriggerSpec
from router.trigger_journal import read_accepted, replay_journal, solver_here
from tests.markets import portfolio, raw, snapshot, token, v2

CAREFUL = Discipline(3.0, 30.0, {token("ETH"): 0.8, token("BTC"): 0.6}, correlation=0.5)
POOLS = [v2(0, "USD", "ETH", 5e6), v2(1, "USD", "BTC", 5e6)]
HELD = {"USD": 3e4, "ETH": 5e4, "BTC": 2e4}
WANTED = {"USD": 0.3, "ETH": 0.35, "BTC": 0.35}
BAND = TriggerSpec(Threshold(DriftKind.ABSOLUTE, 0.05))
HOUR = 3_600


def market(**changes: Any) -> Snapshot:
    return snapshot(POOLS, **changes)


def owner(**changes: Any) -> Portfolio:
    return portfolio(HELD, WANTED, **changes)


def test_every_sense_of_drift_is_told_by_name() -> None:
    told = {each.measure: each for each in status_file(look(market(), owner(), BAND)).drifts}
    assert told["absolute"].value == pytest.approx(0.15)
    assert told["absolute"].numeraire == pytest.approx(1.5e4)
    assert told["relative"].value == pytest.approx(0.15 / 0.35)
    assert told["l1"].value == pytest.approx(0.3)
    assert told["l2"].value == pytest.approx(0.15 * 2**0.5)
    assert told["tracking_error"].value is None
    told = {
        each.measure: each for each in status_file(look(market(), owner(), BAND, discipline=CAREFUL)).drifts
    }
    assert told["tracking_error"].value == pytest.approx(0.15 * (0.64 + 0.36 - 2 * 0.24) ** 0.5)


def test_drift_is_told_in_money_by_token() -> None:
    rows = {row.symbol: row for row in status_file(look(market(), owner(), BAND)).tokens}
    assert {symbol: row.drift_value for symbol, row in rows.items()} == pytest.approx(
        {"USD": 0.0, "ETH": 1.5e4, "BTC": -1.5e4}, abs=0.1
    )


def test_a_token_held_with_no_target_has_no_relative_drift_to_tell() -> None:
    told = status_file(look(market(), portfolio(HELD, {"USD": 0.5, "ETH": 0.5}), BAND))
    assert next(row for row in told.tokens if row.symbol == "BTC").relative_drift is None
    assert next(each for each in told.drifts if each.measure == "relative").value is None


def test_the_verdict_needs_a_trigger_that_fires_and_a_trade_that_pays() -> None:
    wide = TriggerSpec(Threshold(DriftKind.ABSOLUTE, 0.2))
    dear = owner(gas_price_wei=10**13)
    told = [
        status_file(look(market(), who, spec, discipline=CAREFUL))
        for who, spec in ((owner(), BAND), (owner(), wide), (dear, BAND))
    ]
    assert [(each.due, each.verdict, each.reason) for each in told] == [
        (True, "trade", "pays"),
        (False, "hold", "within_band"),
        (True, "hold", "below_fixed_cost"),
    ]
    alone = status_file(look(market(), owner(), BAND))
    assert (alone.verdict, alone.reason, alone.judgement) == ("trade", "fired", None)


def test_bands_are_told_by_token_where_drift_has_a_price() -> None:
    rows = {row.symbol: row for row in status_file(look(market(), owner(), BAND, discipline=CAREFUL)).tokens}
    assert all(0 < (row.landing_bps or 0) <= (row.trigger_bps or 0) < 5_000 for row in rows.values())
    bare = status_file(look(market(), owner(), BAND))
    assert {row.trigger_bps for row in bare.tokens} == {None}


def test_the_next_date_is_that_of_the_calendar() -> None:
    spec = TriggerSpec(AnyOf((Calendar(Cron("0 9 * * mon")), Threshold(DriftKind.ABSOLUTE, 0.2))), Gates())
    told = status_file(look(market(), owner(), spec)).trigger
    assert not told.fires
    due = datetime.fromisoformat(told.next_due or "")
    assert (due.weekday(), due.hour) == (0, 9)
    said = "no journal, so calendars count from this look, and none fires"
    first = look(market(), owner(), spec)
    assert said in status_file(first).notes
    assert said not in status_file(look(market(), owner(), spec, state=first.record.after)).notes
    assert said not in status_file(look(market(), owner(), BAND)).notes
    assert timedelta() < due - datetime.fromisoformat(told.at) <= timedelta(days=7)


def test_a_gate_that_holds_back_is_the_reason() -> None:
    gated = TriggerSpec(BAND.when, Gates(gas_ceiling_wei=10**9))
    told = status_file(look(market(), owner(gas_price_wei=2 * 10**9), gated))
    assert (told.due, told.verdict, told.reason) == (False, "hold", "gas_above_ceiling")
    assert told.trigger.causes
    dear = market(base_fee_wei=2 * 10**9)
    assert look(dear, owner(gas_price_wei=10**8), gated).reason == "gas_above_ceiling"
    assert look(dear, owner(gas_price_wei=10**10), gated).record.observation.gas_price_wei == 10**10
    assert look(market(base_fee_wei=10**9), owner(gas_price_wei=None), gated).record.decision.fires


def test_old_prices_hold_a_trigger_back() -> None:
    gated = TriggerSpec(BAND.when, Gates(max_price_age=timedelta(hours=1)))
    then = datetime.fromtimestamp(market().timestamp, UTC)
    assert look(market(), owner(), gated, now=then).record.decision.fires
    late = look(market(), owner(), gated, now=then + timedelta(hours=2))
    assert late.reason == "prices_stale"


def test_the_age_of_a_price_is_that_of_its_feed_s_answer() -> None:
    gated = TriggerSpec(BAND.when, Gates(max_price_age=timedelta(hours=1)))
    old = replace(market(), priced_at={token("ETH"): market().timestamp - HOUR - 1})
    assert look(old, owner(), gated).reason == "prices_stale"
    assert look(old, owner(prices={token("ETH"): "2000"}), gated).record.decision.fires
    fresh = replace(market(), priced_at={token("ETH"): market().timestamp - HOUR})
    assert look(fresh, owner(), gated).record.decision.fires


def test_a_least_trade_is_asked_of_the_trade_that_is_decided_on() -> None:
    whole = look(market(), owner(), BAND).record.observation
    asked = TriggerSpec(BAND.when, Gates(min_trade=whole.traded(whole.drift()) - 1))
    assert look(market(), owner(), asked).record.decision.fires
    short = look(market(), owner(), asked, discipline=CAREFUL)
    assert short.reason == "trade_below_minimum"
    assert short.advice is not None
    changes = short.advice.decision.changes
    assert short.record.observation.trade == pytest.approx(-float(changes[changes < 0].sum()) * 1e5)


def test_a_tracking_error_is_told_where_no_trade_can_be_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.status.can_weigh", lambda: False)
    band = TriggerSpec(Threshold(DriftKind.TRACKING_ERROR, 0.05))
    standing = look(market(), owner(), band, discipline=CAREFUL)
    assert standing.record.decision.fires
    assert (standing.advice, standing.record.weighing) == (None, None)
    assert standing.drift.of(DriftKind.TRACKING_ERROR) > 0.05


def test_a_look_replays_from_its_record_and_goes_on_from_its_state() -> None:
    first: Standing = look(market(), owner(), BAND, discipline=CAREFUL)
    record = Record.of_text(first.record.to_text())
    assert replay_record(record, solver_here()).differences == ()
    again = look(market(), owner(), BAND, state=record.after)
    assert again.reason == "in_flight"
    said = [note for status in (first, again) for note in status_file(status).notes if "in flight" in note]
    assert len(said) == 1
    assert f"in flight since {record.now.isoformat()}" in said[0]
    done = completed(record.after, record.now + timedelta(minutes=1))
    later = look(market(), owner(), BAND, state=done, now=record.now + timedelta(minutes=2))
    assert later.record.decision.fires


@pytest.mark.parametrize(
    ("gas_price_wei", "told"),
    [
        (0, [("fired", "trade", "pays")]),
        (10**13, [("fired", "hold", "below_fixed_cost"), ("declined", None, "")]),
    ],
)
def test_what_a_look_weighed_is_in_its_journal_and_replays(
    tmp_path: Path, gas_price_wei: int, told: list[tuple[str, str | None, str]]
) -> None:
    path = tmp_path / "trigger.jsonl"
    standing = look(market(), owner(gas_price_wei=gas_price_wei), BAND, discipline=CAREFUL, journal=path)
    found = list(replay_journal(path))
    rows = [row_of(each) for each in found]
    assert [(row.what, row.weighed, row.weighed_reason) for row in rows] == told
    assert all(row.differences == () and row.compared == "exact" for row in rows)
    assert found[0].replayed.ruling is not None
    assert standing.advice is not None
    assert found[0].replayed.ruling.landing == tuple(standing.advice.decision.landing.tolist())
    assert rows[0].net_bps == standing.advice.decision.benefit.net * 1e4


def test_what_an_interrupted_look_fired_and_does_not_pay_is_declined_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    dear = owner(gas_price_wei=10**13)
    for _ in range(2):
        look(market(), dear, BAND, discipline=CAREFUL, journal=path)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]))
    told = [row_of(each) for each in replay_journal(path)]
    assert [row.what for row in told] == ["fired", "declined", "fired"]
    assert all(row.differences == () for row in told)


def test_a_look_without_a_discipline_weighs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    look(market(), owner(), BAND, journal=path)
    (found,) = replay_journal(path)
    assert (found.differences, found.replayed.ruling) == ((), None)
    assert row_of(found).weighed is None


JUMPED = {token("USD"): "1", token("ETH"): "1400", token("BTC"): "60000"}
FOLLOWED = [v2(0, "USD", "ETH", 5e6, skew=0.7), POOLS[1]]


def fallen(hours: float) -> Snapshot:
    """Later, ETH at 1400 where it was 2000, and pools that say so too."""
    start = market()
    return replace(start, timestamp=start.timestamp + int(hours * HOUR), pools=tuple(FOLLOWED), prices=JUMPED)


def test_a_look_at_prices_that_jumped_since_the_last_is_refused_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    look(market(), owner(), BAND, journal=path)
    before = path.read_bytes()
    with pytest.raises(PriceJumped, match=r"ETH is 1400, and 2000 was last accepted: one is 4286 bp above"):
        look(fallen(5), owner(), BAND, journal=path)
    assert path.read_bytes() == before

    told = look(fallen(5), owner(), BAND, journal=path, trade_broken_market=True)
    assert any(OVERRULED in note and "PriceJumped" in note for note in status_file(told).notes)
    accepted = look(fallen(6), owner(), BAND, journal=path)
    assert not any(OVERRULED in note for note in status_file(accepted).notes)
    assert [each.differences for each in replay_journal(path)] == [()] * 3


def test_the_longer_ago_the_last_look_the_further_prices_may_be(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    look(market(), owner(), BAND, journal=path)
    look(fallen(24 * 4), owner(), BAND, journal=path)
    assert len(list(replay_journal(path))) == 2


def test_each_token_is_held_to_the_last_look_that_had_it_in_the_same_numeraire(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    look(market(), owner(), BAND, journal=path)
    bare = portfolio({"USD": 1e4, "BTC": 1e4}, {"USD": 0.5, "BTC": 0.5})
    look(fallen(1), bare, BAND, journal=path)
    tokens = [token(symbol) for symbol in HELD]
    seen = read_accepted(path, token("USD"), tokens)
    assert {each: reading.price for each, reading in seen.items()} == {
        token("USD"): 1.0,
        token("ETH"): 2000.0,
        token("BTC"): 60000.0,
    }
    assert seen[token("BTC")].updated_at - seen[token("ETH")].updated_at == timedelta(hours=1)
    assert read_accepted(path, token("ETH"), tokens) == {}
    with pytest.raises(PriceJumped):
        look(fallen(2), owner(), BAND, journal=path)


def test_of_a_long_journal_only_the_end_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trigger.jsonl"
    for hours in range(20):
        later = replace(market(), timestamp=market().timestamp + hours * HOUR)
        look(later, owner(), BAND, journal=path)
    decoded: list[str] = []

    def counted(text: str) -> tuple[Record, str]:
        decoded.append(text)
        return of_any_text(text)

    of_any_text = Record.of_any_text
    monkeypatch.setattr(Record, "of_any_text", counted)
    assert read_accepted(path, token("USD"), [token(symbol) for symbol in HELD])
    assert len(decoded) == 1


def test_without_a_journal_it_is_said_that_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    said = "no journal, so prices are not held to those of an earlier look"
    assert said in status_file(look(market(), owner(), BAND)).notes
    assert said not in status_file(look(market(), owner(), BAND, journal=tmp_path / "j.jsonl")).notes


def test_the_journal_of_another_portfolio_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    look(market(), owner(), BAND, journal=path)
    before = path.read_bytes()
    other = replace(owner(), owner="0x" + "1e" * 20)
    told = r"trigger\.jsonl: is the journal of eip155:1:0x0e\w+, not of eip155:1:0x1e\w+"
    with pytest.raises(InputError, match=told):
        look(market(), other, BAND, journal=path)
    with pytest.raises(InputError, match=r"not of eip155:10:0x0e"):
        look(replace(market(), chain_id=10), owner(), BAND, journal=path)
    assert path.read_bytes() == before


def test_a_look_with_a_journal_needs_prices_that_the_guards_pass(tmp_path: Path) -> None:
    path = tmp_path / "trigger.jsonl"
    denied = replace(market(), prices={**market().prices, token("ETH"): "1900"})
    with pytest.raises(SourcesDisagree):
        look(denied, owner(), BAND, journal=path)
    assert path.read_bytes() == b""


def test_weights_are_those_after_the_cash_flows() -> None:
    flows = {token("USD"): raw("USD", 2e4)}
    told = status_file(look(market(), owner(cash_flows=flows), BAND))
    usd = next(row for row in told.tokens if row.symbol == "USD")
    assert usd.weight == pytest.approx(5 / 12)
    assert told.value == pytest.approx(1.2e5)
    assert any("cash flows" in note for note in told.notes)


def test_nothing_of_value_is_refused() -> None:
    with pytest.raises(InputError, match="nothing of value is held"):
        look(market(), portfolio({}, WANTED), BAND)
