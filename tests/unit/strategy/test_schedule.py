"""Slots on the wall clock and in elapsed time, through gaps and folds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError
from router.strategy.schedule import Cron, Interval

MOMENT = timedelta(microseconds=1)
ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)

CHANGES = [
    ("Europe/London", datetime(2024, 3, 31, 1, tzinfo=UTC)),
    ("Europe/London", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2024, 3, 10, 5, tzinfo=UTC)),  # midnight itself is skipped
    ("America/Havana", datetime(2024, 11, 3, 5, tzinfo=UTC)),  # and repeated
    ("Australia/Lord_Howe", datetime(2024, 4, 6, 15, tzinfo=UTC)),  # half an hour
    ("Antarctica/Troll", datetime(2024, 10, 27, 1, tzinfo=UTC)),  # two hours
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a whole day
    ("Asia/Kathmandu", datetime(2024, 7, 1, tzinfo=UTC)),  # no change
]
EXPRESSIONS = ["30 1 * * *", "0 0 * * *", "0 * * * *", "*/20 */2 * * *", "15,45 0-3 * * *", "0 2 L * *"]


def walls(expression: str, zone: str, start: datetime, count: int) -> list[str]:
    schedule, at, found = Cron(expression, zone), start, []
    for _ in range(count):
        at = schedule.following(at, ORIGIN)
        assert at is not None
        found.append(at.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z"))
    return found


def test_fixed_hour_in_a_gap_comes_when_the_clock_jumps():
    start = datetime(2024, 3, 30, 12, tzinfo=UTC)
    assert walls("30 1 * * *", "Europe/London", start, 2) == ["31 02:00+0100", "01 01:30+0100"]


def test_fixed_hours_in_a_gap_that_meet_are_one_slot():
    start = datetime(2024, 3, 31, 0, tzinfo=UTC)
    found = walls("0,20,40 1,2 * * *", "Europe/London", start, 4)
    assert found == ["31 02:00+0100", "31 02:20+0100", "31 02:40+0100", "01 01:00+0100"]


def test_fixed_hour_that_is_repeated_comes_the_first_time_alone():
    start = datetime(2024, 10, 26, 12, tzinfo=UTC)
    assert walls("30 1 * * *", "Europe/London", start, 2) == ["27 01:30+0100", "28 01:30+0000"]


def test_any_hour_follows_elapsed_time_through_gap_and_fold():
    start = datetime(2024, 3, 31, 0, tzinfo=UTC)
    assert walls("30 * * * *", "Europe/London", start, 3) == [
        "31 00:30+0000",
        "31 02:30+0100",
        "31 03:30+0100",
    ]
    start = datetime(2024, 10, 26, 23, 45, tzinfo=UTC)
    found = walls("30 * * * *", "Europe/London", start, 3)
    assert found == ["27 01:30+0100", "27 01:30+0000", "27 02:30+0000"]


def test_a_day_that_never_was_gives_one_slot_at_the_jump():
    start = datetime(2011, 12, 29, 21, tzinfo=UTC)
    found = walls("0 9 * * *", "Pacific/Apia", start, 3)
    assert found == ["31 00:00+1400", "31 09:00+1400", "01 09:00+1400"]


def test_the_same_wall_time_all_year_in_a_place_with_summer_time():
    schedule = Cron("0 9 * * 1", "Europe/Zurich")
    winter = schedule.following(datetime(2024, 1, 2, tzinfo=UTC), ORIGIN)
    summer = schedule.following(datetime(2024, 7, 2, tzinfo=UTC), ORIGIN)
    assert winter == datetime(2024, 1, 8, 8, tzinfo=UTC)
    assert summer == datetime(2024, 7, 8, 7, tzinfo=UTC)


def by_the_minute(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Every minute whose wall time matches; of a fixed hour's, the first of two, and the jump over others."""
    any_hour = expression.split()[1].startswith("*")
    found, at, last = [], begin, None
    while at <= end:
        wall = at.astimezone(ZoneInfo(zone))
        naive = wall.replace(tzinfo=None, fold=0)
        skipped = []
        if last is not None and not any_hour:
            gap = last + timedelta(minutes=1)
            while gap < naive:
                skipped.append(gap)
                gap += timedelta(minutes=1)
        again = bool(wall.fold) and not any_hour
        if any(croniter.match(expression, each) for each in [*skipped, naive]) and not again:
            found.append(at)
        last, at = naive, at + timedelta(minutes=1)
    return found


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_slots_are_the_matching_minutes_whichever_way_one_looks(expression, zone, change):
    schedule = Cron(expression, zone)
    begin, end = change - timedelta(minutes=130), change + timedelta(minutes=130)
    slots, at = [], begin - MOMENT
    while (at := schedule.following(at, ORIGIN)) <= end:
        slots.append(at)
    back, at = [], end
    while (at := schedule.previous(at, ORIGIN)) >= begin:
        back.append(at)
        at -= MOMENT
    assert slots == back[::-1] == by_the_minute(expression, zone, begin, end)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from([zone for zone, _ in CHANGES]),
    st.datetimes(datetime(2005, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC)),
)
def test_nothing_lies_between_a_slot_and_the_next(expression, zone, at):
    schedule = Cron(expression, zone)
    before, after = schedule.previous(at, ORIGIN), schedule.following(at, ORIGIN)
    assert before <= at < after
    assert schedule.following(before, ORIGIN) == after
    assert schedule.previous(after, ORIGIN) == after
    assert schedule.previous(after - MOMENT, ORIGIN) == before


@pytest.mark.parametrize(
    ("expression", "zone", "path", "says"),
    [
        ("0 9 * *", "UTC", "cron", "five fields"),
        ("0 9 * * * *", "UTC", "cron", "has 6"),
        ("@daily", "UTC", "cron", "five fields"),
        ("61 9 * * *", "UTC", "cron", "out of range"),
        ("0 9 * * FUNDAY", "UTC", "cron", "is no cron expression"),
        ("0 0 30 2 *", "UTC", "cron", "never comes"),
        ("0 9 10,15 * fri#2", "UTC", "cron", "use two calendars"),
        ("0 9 13 * L5", "UTC", "cron", "use two calendars"),
        ("R 9 * * *", "UTC", "cron", "H and R don't"),
        ("0 h(1-5) * * *", "UTC", "cron", "H and R don't"),
        ("0 9 * * 1", "Europe/Zuerich", "timezone", "did you mean 'Europe/Zurich'"),
        ("0 9 * * 1", "../etc/passwd", "timezone", "no time zone"),
        ("0 9 * * 1", "", "timezone", "no time zone"),
    ],
)
def test_cron_refuses_and_says_why(expression, zone, path, says):
    with pytest.raises(InputError, match=says) as caught:
        Cron(expression, zone)
    assert caught.value.path == path


def test_a_day_field_that_begins_with_a_star_narrows_the_other():
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert walls("0 9 */2 * mon", "UTC", start, 3) == ["15 09:00+0000", "29 09:00+0000", "05 09:00+0000"]
    assert walls("0 9 */2 * fri#2", "UTC", start, 2) == ["09 09:00+0000", "09 09:00+0000"]
    assert walls("0 9 1,3 * mon", "UTC", start, 3) == ["03 09:00+0000", "08 09:00+0000", "15 09:00+0000"]


def test_names_of_days_and_months_with_the_letters_h_and_r_are_fine():
    assert Cron("0 9 * MAR-APR FRI,THU").following(ORIGIN, ORIGIN) == datetime(2024, 3, 1, 9, tzinfo=UTC)


def test_interval_counts_elapsed_time_from_its_anchor():
    schedule = Interval(timedelta(days=1), datetime(2024, 3, 30, 12, tzinfo=ZoneInfo("Europe/London")))
    at = datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert schedule.previous(at, ORIGIN) == at
    assert schedule.previous(at - MOMENT, ORIGIN) == at - timedelta(days=1)
    assert schedule.following(at, ORIGIN) == at + timedelta(days=1)


def test_interval_without_an_anchor_counts_from_where_it_was_armed():
    schedule = Interval(timedelta(hours=7))
    assert schedule.following(ORIGIN, ORIGIN) == ORIGIN + timedelta(hours=7)
    assert schedule.previous(ORIGIN - MOMENT, ORIGIN) is None


def test_interval_before_its_anchor_has_no_slot_yet():
    schedule = Interval(timedelta(days=7), ORIGIN + timedelta(days=100))
    assert schedule.previous(ORIGIN, ORIGIN) is None
    assert schedule.following(ORIGIN, ORIGIN) == ORIGIN + timedelta(days=100)


@pytest.mark.parametrize(
    "every", [timedelta(), -timedelta(days=1), timedelta(days=40_000), timedelta.resolution]
)
def test_interval_of_an_impossible_length_is_refused(every):
    with pytest.raises(InputError, match="every"):
        Interval(every)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "3000-01-01T00:00Z"])
def test_interval_with_an_anchor_that_nobody_means_is_refused(text):
    with pytest.raises(InputError, match="anchor: should be from 1900 to 2999, is") as caught:
        Interval(timedelta(days=1), datetime.fromisoformat(text))
    assert caught.value.path == "anchor"


def test_interval_with_an_anchor_that_could_be_anybodys_is_refused():
    with pytest.raises(InputError, match="should carry a time zone"):
        Interval(timedelta(days=1), datetime(2024, 1, 1))
