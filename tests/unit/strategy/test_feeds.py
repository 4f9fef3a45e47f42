"""Price guards: what is refused, by name and with its figures, and what only an explicit word lets pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, isfinite, nan
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import (
    BrokenMarket,
    GuardRefused,
    InputError,
    InvalidPrice,
    PriceJumped,
    SequencerDown,
    SourcesDisagree,
    StalePrice,
    TooFewSources,
)
from router.strategy.feeds import (
    DAILY_HEARTBEAT,
    FeedLimits,
    PriceCheck,
    PriceReading,
    SequencerStatus,
    check_prices,
    described,
    find_disagreement,
    find_invalid,
    find_jump,
    find_outage,
    find_stale,
    require,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOURCES = ("chainlink", "pyth", "redstone", "uniswap", "coinbase")


def reading(source: str, price: float, token: str = "ETH", age: timedelta = SECOND) -> PriceReading:
    return PriceReading(source, token, price, NOW - age)


def readings(*prices: float) -> list[PriceReading]:
    return [reading(source, price) for source, price in zip(SOURCES, prices, strict=False)]


prices = st.floats(1e-12, 1e12)
bad_prices = st.sampled_from((0.0, -1.0, nan, inf, -inf))


# --- one price


@given(prices, st.lists(st.floats(-50, 50), min_size=2, max_size=5), st.randoms())
def test_sources_that_agree_give_their_median_in_any_order(
    price: float, offsets_bps: list[float], shuffler: Random
) -> None:
    given_prices = [price * (1 + offset / 1e4) for offset in offsets_bps]
    said = readings(*given_prices)
    expected = check_prices(["ETH"], said, NOW)
    shuffler.shuffle(said)
    assert check_prices(["ETH"], said, NOW) == expected
    assert expected.prices == {"ETH": median(given_prices)}
    assert not expected.faults


@pytest.mark.parametrize("price", [0.0, -5.0, nan, inf])
def test_what_is_no_price_is_refused(price: float) -> None:
    with pytest.raises(InvalidPrice, match="the price of ETH from pyth is") as caught:
        check_prices(["ETH"], readings(2000.0, price, 2000.0), NOW)
    assert (caught.value.token, caught.value.source) == ("ETH", "pyth")
    assert isinstance(caught.value, GuardRefused)


def test_a_price_from_the_future_is_refused() -> None:
    said = [*readings(2000.0, 2000.0), reading("uniswap", 2000.0, age=-SECOND)]
    with pytest.raises(InvalidPrice, match="1 seconds in the future"):
        check_prices(["ETH"], said, NOW)


# --- age


def test_a_reading_is_stale_only_beyond_its_age() -> None:
    assert find_stale(reading("pyth", 1.0, age=DAILY_HEARTBEAT), NOW) is None
    fault = find_stale(reading("pyth", 1.0, age=DAILY_HEARTBEAT + SECOND), NOW)
    assert isinstance(fault, StalePrice)
    assert (fault.found, fault.limit) == (90_001, 90_000)
    with pytest.raises(StalePrice, match="90001 seconds old, more than 90000"):
        require([fault])


def test_each_feed_has_its_own_heartbeat() -> None:
    said = [reading("chainlink", 2000.0, age=timedelta(hours=2)), *readings(2000.0, 2000.0, 2000.0)[1:]]
    assert check_prices(["ETH"], said, NOW).prices == {"ETH": 2000.0}
    limits = FeedLimits(heartbeats={("chainlink", "ETH"): timedelta(hours=1)})
    with pytest.raises(StalePrice, match="7200 seconds old, more than 3600"):
        check_prices(["ETH"], said, NOW, limits)
    other = FeedLimits(heartbeats={("chainlink", "BTC"): timedelta(hours=1)})
    assert check_prices(["ETH"], said, NOW, other).prices == {"ETH": 2000.0}


def test_a_stale_reading_is_not_counted_as_a_source() -> None:
    said = [reading("chainlink", 2000.0), reading("pyth", 2000.0, age=timedelta(days=3))]
    with pytest.raises(
        StalePrice, match="needs 2 usable sources of its price and has 1: chainlink"
    ) as caught:
        check_prices(["ETH"], said, NOW)
    assert [type(fault) for fault in caught.value.also] == [TooFewSources]


# --- sources


def test_a_token_without_enough_sources_is_refused() -> None:
    with pytest.raises(TooFewSources, match="has 1: chainlink") as caught:
        check_prices(["ETH"], readings(2000.0), NOW)
    assert (caught.value.found, caught.value.limit) == (1, 2)
    with pytest.raises(TooFewSources, match=r"BTC needs 2 .* has 0: none"):
        check_prices(["ETH", "BTC"], readings(2000.0, 2000.0), NOW)
    with pytest.raises(TooFewSources):
        check_prices(["ETH"], [], NOW, FeedLimits(min_sources=0))


def test_a_source_cannot_agree_with_itself() -> None:
    with pytest.raises(InputError, match="a second time") as caught:
        check_prices(["ETH"], [reading("pyth", 1.0), reading("pyth", 1.0)], NOW)
    assert caught.value.path == "readings[1]"


def test_of_three_sources_the_one_that_is_off_is_named() -> None:
    fault = find_disagreement(readings(2000.0, 2100.0, 2001.0), 200)
    assert isinstance(fault, SourcesDisagree)
    assert fault.source == "pyth"
    assert fault.found == pytest.approx((2100 / 2001 - 1) * 1e4)
    assert "chainlink" not in str(fault)


def test_of_two_sources_both_are_named_and_their_distance_counts() -> None:
    assert find_disagreement(readings(2000.0, 2039.0), 200) is None
    fault = find_disagreement(readings(2000.0, 2041.0), 200)
    assert isinstance(fault, SourcesDisagree)
    assert fault.source == "chainlink, pyth"
    assert fault.found == pytest.approx(41 / 2020.5 * 1e4)


@given(st.lists(st.floats(0.999, 1.001), min_size=3, max_size=4), st.floats(1e-9, 1e9), st.integers(0, 4))
def test_one_liar_among_many_moves_no_accepted_price_beyond_the_honest(
    honest: list[float], lie: float, place: int
) -> None:
    told = [*honest]
    told.insert(place, lie)
    check = check_prices(["ETH"], readings(*told), NOW, trade_broken_market=True)
    assert min(honest) <= check.prices["ETH"] <= max(honest)
    if not 0.97 < lie < 1.03:
        assert [type(fault) for fault in check.faults] == [SourcesDisagree]
        assert check.faults[0].source == readings(*told)[min(place, len(honest))].source


# --- jumps


def test_a_jump_from_the_price_last_accepted_is_refused_up_or_down_alike() -> None:
    last = {"ETH": reading("median", 2000.0, age=timedelta(hours=1))}
    for fine in (2599.0, 2001 / 1.3):
        check_prices(["ETH"], readings(fine, fine), NOW, last_accepted=last)
    for far in (2601.0, 1999 / 1.3):
        with pytest.raises(PriceJumped, match="2000 was last accepted") as caught:
            check_prices(["ETH"], readings(far, far), NOW, last_accepted=last)
        assert caught.value.limit == pytest.approx(3_000)
        assert caught.value.found == pytest.approx(max(far / 2000, 2000 / far) * 1e4 - 1e4)


@pytest.mark.parametrize(("days", "most"), [(-4, 1.3**2), (0, 1.3), (1, 1.3), (4, 1.3**2), (25, 1.3**5)])
def test_a_price_may_move_further_the_longer_it_was_not_looked_at(days: int, most: float) -> None:
    last = {"ETH": reading("median", 2000.0, age=timedelta(days=days))}
    for move in (most, 1 / most):
        near, far = (2000 * move**far for far in (0.999, 1.001))
        check_prices(["ETH"], readings(near, near), NOW, last_accepted=last)
        with pytest.raises(PriceJumped):
            check_prices(["ETH"], readings(far, far), NOW, last_accepted=last)


def test_a_wrong_decimal_place_is_a_jump_after_a_month_without_a_look() -> None:
    last = {"ETH": reading("median", 2000.0, age=timedelta(days=30))}
    with pytest.raises(PriceJumped):
        check_prices(["ETH"], readings(200.0, 200.0), NOW, last_accepted=last)


@given(prices, prices, st.floats(0, 1e5), st.floats(0, 1e6))
def test_a_jump_is_found_where_it_is_too_far_and_its_figures_are_numbers(
    price: float, last: float, most: float, windows: float
) -> None:
    fault = find_jump("ETH", price, last, most, windows)
    assert (fault is None) == (find_jump("ETH", last, price, most, windows) is None)
    if fault is not None:
        assert fault.found is not None
        assert fault.limit is not None
        assert isfinite(fault.found)
        assert fault.found >= fault.limit >= most * (1 - 1e-9)


# --- sequencer


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (SequencerStatus(False, NOW - timedelta(minutes=5)), "has been down for 300 seconds"),
        (SequencerStatus(True, NOW - timedelta(hours=1) + SECOND), "up for 3599 seconds, less than 3600"),
        (SequencerStatus(True, NOW + SECOND), "up for -1 seconds"),
        (SequencerStatus(True, None), "not been written"),
        (SequencerStatus(False, None), "not been written"),
    ],
)
def test_a_rollup_that_is_down_or_only_just_back_is_refused(status: SequencerStatus, message: str) -> None:
    with pytest.raises(SequencerDown, match=message):
        check_prices(["ETH"], readings(2000.0, 2000.0), NOW, sequencer=status)


def test_a_sequencer_counts_as_back_once_the_grace_period_is_over() -> None:
    since = NOW - timedelta(hours=1)
    assert find_outage(SequencerStatus(True, since), NOW, timedelta(hours=1)) is None
    assert find_outage(SequencerStatus(False, since - timedelta(days=9)), NOW, timedelta(hours=1))


# --- what is asked wrongly


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"now": NOW.replace(tzinfo=None)}, "now"),
        (
            {"readings": [PriceReading("pyth", "ETH", 1.0, NOW.replace(tzinfo=None))]},
            "readings[0].updated_at",
        ),
        ({"last_accepted": {"ETH": reading("median", 0.0)}}, "last_accepted.ETH.price"),
        ({"last_accepted": {"ETH": reading("median", nan)}}, "last_accepted.ETH.price"),
        (
            {"last_accepted": {"ETH": PriceReading("m", "ETH", 1.0, NOW.replace(tzinfo=None))}},
            "last_accepted.ETH.updated_at",
        ),
        ({"sequencer": SequencerStatus(True, NOW.replace(tzinfo=None))}, "sequencer.since"),
    ],
)
def test_times_without_a_zone_and_accepted_prices_that_are_none_are_told(
    change: dict[str, object], path: str
) -> None:
    fine = {"tokens": ["ETH"], "readings": readings(1.0, 1.0), "now": NOW}
    with pytest.raises(InputError) as caught:
        check_prices(**{**fine, **change})
    assert caught.value.path == path


def test_a_window_of_no_length_is_refused() -> None:
    with pytest.raises(InputError, match="jump_window: should be a time"):
        FeedLimits(jump_window=timedelta())


@pytest.mark.parametrize("limit", ["max_deviation_bps", "max_jump_bps", "min_sources"])
def test_limits_that_would_refuse_nothing_are_refused(limit: str) -> None:
    for value in (nan, -1.0):
        with pytest.raises(InputError) as caught:
            FeedLimits(**{limit: value})
        assert caught.value.path == limit


# --- overruling


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, object]:
    said = []
    for token in ("ETH", "BTC"):
        for source in draw(st.sets(st.sampled_from(SOURCES))):
            price = draw(st.one_of(st.floats(90, 110), prices, bad_prices))
            age = timedelta(seconds=draw(st.integers(-10, 200_000)))
            said.append(reading(source, price, token, age))
    last = {"ETH": reading("median", 100.0, age=timedelta(seconds=draw(st.integers(0, 200_000))))}
    sequencer = draw(
        st.none()
        | st.builds(
            SequencerStatus, st.booleans(), st.none() | st.just(NOW - SECOND) | st.just(NOW - timedelta(9))
        )
    )
    return {
        "tokens": ["ETH", "BTC"],
        "readings": said,
        "now": NOW,
        "last_accepted": last,
        "sequencer": sequencer,
    }


def outcome(world: dict[str, object], **told: bool) -> PriceCheck | BrokenMarket:
    try:
        return check_prices(**world, **told)
    except BrokenMarket as error:
        return error


@given(worlds())
def test_a_fault_refuses_unless_told_to_trade_and_is_then_told(world: dict[str, object]) -> None:
    refused, told = outcome(world), outcome(world, trade_broken_market=True)
    if isinstance(told, BrokenMarket):  # some token has no price at all, and its fault comes first
        assert str(refused) == str(told)
        valid = [each for each in world["readings"] if find_invalid(each, NOW) is None]
        assert told.token not in {each.token for each in valid}
        return
    assert set(told.prices) == {"ETH", "BTC"}
    assert all(0 < price < inf for price in told.prices.values())
    assert len(described(told.faults)) == len(told.faults)
    if told.faults:
        assert isinstance(refused, BrokenMarket)
        assert sorted(each.message for each in (refused, *refused.also)) == sorted(
            fault.message for fault in told.faults
        )
    else:
        assert refused == told


def test_no_word_makes_a_price_where_there_is_none() -> None:
    with pytest.raises(InvalidPrice):
        check_prices(["ETH"], readings(nan, 0.0), NOW, trade_broken_market=True)
    with pytest.raises(TooFewSources):
        check_prices(["ETH"], [], NOW, trade_broken_market=True)


def test_told_to_trade_the_price_is_of_usable_readings_first() -> None:
    said = [reading("pyth", 1900.0), reading("chainlink", 2000.0, age=timedelta(days=9))]
    assert check_prices(["ETH"], said, NOW, trade_broken_market=True).prices == {"ETH": 1900.0}
    told = check_prices(["ETH"], said[1:], NOW, trade_broken_market=True)
    assert told.prices == {"ETH": 2000.0}
    assert [type(fault) for fault in told.faults] == [StalePrice, TooFewSources]
