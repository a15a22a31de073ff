"""Business time against an oracle that walks the minutes one by one."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.businesstime import DAY_S, Calendar, NeverOpen, merged

HOUR = 3600
OFFICE = ((9 * HOUR, 18 * HOUR),)
MINUTE = timedelta(minutes=1)
ZONES = ("Europe/Berlin", "America/New_York", "Europe/Moscow", "Asia/Yekaterinburg", "UTC", "Australia/Lord_Howe")
TURNS = (
    datetime(2026, 3, 29, 0, 0, tzinfo=UTC),  # Berlin goes to summer time
    datetime(2026, 10, 25, 0, 0, tzinfo=UTC),  # and back
    datetime(2026, 3, 8, 6, 0, tzinfo=UTC),  # New York
    datetime(2026, 11, 1, 5, 0, tzinfo=UTC),
    datetime(2011, 3, 26, 23, 0, tzinfo=UTC),  # Moscow and Yekaterinburg for the last time
    datetime(2014, 10, 25, 22, 0, tzinfo=UTC),  # Moscow moves back for good
    datetime(2026, 12, 31, 20, 0, tzinfo=UTC),  # the year's edge
)


def open_minutes(calendar: Calendar, start: datetime, count: int) -> list[bool]:
    """Whether each minute from ``start`` on is open: by a wall clock that is never put back."""
    zone = ZoneInfo(calendar.zone)
    shown = start - timedelta(hours=3)  # long enough before to have seen any turn of the clock
    highest = shown.astimezone(zone).replace(tzinfo=None)
    result = []
    while len(result) < count:
        highest = max(highest, shown.astimezone(zone).replace(tzinfo=None))
        if shown >= start:
            result.append(_in_shift(calendar, highest))
        shown += MINUTE
    return result


def _in_shift(calendar: Calendar, wall: datetime) -> bool:
    for days_ago in (0, 1):
        day = wall.date() - timedelta(days=days_ago)
        second = wall.hour * HOUR + wall.minute * 60 + wall.second + days_ago * DAY_S
        if any(first <= second < last for first, last in calendar.shifts(day)):
            return True
    return False


quarter = st.integers(0, 24 * 4 - 1).map(lambda n: n * 900)
spans = st.tuples(quarter, st.integers(1, 16 * 4).map(lambda n: n * 900)).map(lambda s: (s[0], s[0] + s[1]))
shifts = st.lists(spans, max_size=2).map(tuple)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    near = draw(st.sampled_from(TURNS)).date()
    days = st.integers(-3, 3).map(lambda n: near + timedelta(days=n))
    return Calendar(
        key="drawn",
        zone=draw(st.sampled_from(ZONES)),
        week=tuple(draw(shifts) for _ in range(7)),
        exceptions=draw(st.dictionaries(days, shifts, max_size=3)),
    )


starts = st.tuples(st.sampled_from(TURNS), st.integers(-36 * 60, 36 * 60)).map(lambda t: t[0] + t[1] * MINUTE)


@settings(max_examples=80, deadline=None)
@given(calendars(), starts, st.integers(1, 60 * 60))
def test_between_counts_the_open_minutes(calendar: Calendar, start: datetime, minutes: int) -> None:
    walked = open_minutes(calendar, start, minutes)
    assert calendar.between(start, start + minutes * MINUTE) == 60 * sum(walked)


@settings(max_examples=80, deadline=None)
@given(calendars(), starts, st.integers(1, 20 * 60))
def test_add_arrives_when_the_open_minutes_are_used_up(calendar: Calendar, start: datetime, wanted: int) -> None:
    walked = open_minutes(calendar, start, 60 * 60)
    assume(sum(walked) >= wanted)
    left, position = wanted, 0
    while left:
        left -= walked[position]
        position += 1
    assert calendar.add(start, wanted * 60) == start + position * MINUTE


@settings(max_examples=80, deadline=None)
@given(calendars(), starts)
def test_next_open_is_the_first_open_minute(calendar: Calendar, start: datetime) -> None:
    walked = open_minutes(calendar, start, 60 * 60)
    assume(any(walked))
    assert calendar.next_open(start) == start + walked.index(True) * MINUTE
    assert calendar.is_open(start) is walked[0]


@settings(max_examples=200, deadline=None)
@given(calendars(), starts, st.integers(0, 40 * 24 * HOUR), st.integers(0, 999_999))
def test_what_was_added_lies_between(calendar: Calendar, start: datetime, seconds: int, microseconds: int) -> None:
    assume(any(calendar.week))
    start += timedelta(microseconds=microseconds)
    assert calendar.between(start, calendar.add(start, seconds)) == seconds


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, st.integers(1, 400 * HOUR), st.integers(1, 400 * HOUR))
def test_more_time_is_never_due_sooner(calendar: Calendar, start: datetime, sooner: int, more: int) -> None:
    assume(any(calendar.week))
    assert start < calendar.add(start, sooner) < calendar.add(start, sooner + more)
    assert calendar.add(start, sooner) <= calendar.add(start + timedelta(seconds=more), sooner)


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, st.integers(0, 300 * HOUR), st.integers(0, 300 * HOUR))
def test_time_adds_up_over_any_cut(calendar: Calendar, start: datetime, first: int, second: int) -> None:
    middle = start + timedelta(seconds=first)
    end = middle + timedelta(seconds=second)
    assert calendar.between(start, end) == calendar.between(start, middle) + calendar.between(middle, end)


MOSCOW = Calendar(
    key="moscow",
    zone="Europe/Moscow",
    week=(OFFICE,) * 5 + ((),) * 2,
    exceptions={date(2026, 11, 4): (), date(2026, 11, 7): OFFICE, date(2026, 12, 31): ()},
)


def utc(month: int, day: int, hour: int = 0, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        (utc(11, 23, 7), 4, utc(11, 23, 11)),
        (utc(11, 23, 14), 4, utc(11, 24, 9)),  # an hour today, three tomorrow
        (utc(11, 23, 11), 4, utc(11, 23, 15)),  # due at closing time, not at the next opening
        (utc(11, 3, 14), 2, utc(11, 5, 7)),  # over a holiday
        (utc(11, 6, 14), 2, utc(11, 7, 7)),  # a Saturday that was made a working day
        (utc(12, 30, 14), 2, utc(1, 1, 7, year=2027)),  # over the year's edge
        (utc(11, 21, 20), 1, utc(11, 23, 7)),  # written at the weekend
    ],
)
def test_moscow_office_hours(start: datetime, hours: int, due: datetime) -> None:
    assert MOSCOW.add(start, hours * HOUR) == due


def test_a_night_shift_is_longer_when_the_clock_goes_back_and_shorter_when_it_goes_forward() -> None:
    night = Calendar(key="night", zone="Europe/Berlin", week=(((22 * HOUR, 30 * HOUR),),) * 7)
    hours = [night.between(utc(m, d, 12), utc(m, d + 1, 12)) / HOUR for m, d in ((10, 24), (3, 28), (6, 1))]
    assert hours == [9, 7, 8]


def test_the_always_open_calendar_counts_plain_time() -> None:
    always = Calendar.always("always")
    start = utc(12, 31, 23, 59)
    assert always.add(start, 10 * 24 * HOUR) == start + timedelta(days=10)
    assert always.between(start, start + timedelta(days=800, seconds=7)) == 800 * DAY_S + 7
    assert always.next_open(start) == start


def test_a_calendar_without_hours_never_opens() -> None:
    empty = Calendar(key="empty", exceptions={date(2026, 5, 1): OFFICE})
    assert empty.add(utc(4, 1), 9 * HOUR) == utc(5, 1, 18)
    with pytest.raises(NeverOpen, match="empty"):
        empty.add(utc(4, 1), 9 * HOUR + 1)
    with pytest.raises(NeverOpen, match="empty"):
        empty.next_open(utc(5, 2))


def test_a_date_belongs_to_the_calendars_own_zone() -> None:
    assert MOSCOW.day(utc(11, 23, 22)) == date(2026, 11, 24)


def test_calendars_are_equal_by_value_and_hash_alike() -> None:
    twin = Calendar(key="moscow", zone="Europe/Moscow", week=MOSCOW.week, exceptions=dict(MOSCOW.exceptions))
    assert (twin, hash(twin)) == (MOSCOW, hash(MOSCOW))
    assert twin != Calendar(key="moscow", zone="Europe/Moscow", week=MOSCOW.week)


def test_intervals_that_touch_or_overlap_are_joined() -> None:
    assert merged([(5, 9), (1, 3), (3, 4), (8, 12), (20, 20)]) == [(1, 4), (5, 12)]
