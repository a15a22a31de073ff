"""Business time against a naive stepper over minutes, and the laws that it keeps: on days when clocks are moved, in
zones of odd offsets, over unions of offices, and around holidays. Exact to the microsecond."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.calendars import compiled
from config.line_schema import CalendarDoc
from domain.businesstime import DAY_S, Calendar, NeverOpen, Span
from tests.domain.stepper import Stepper, offices_of

HOUR = 3600
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ZONES = (
    "Europe/Berlin",
    "Europe/Moscow",
    "Europe/Kaliningrad",
    "Asia/Irkutsk",
    "Asia/Kolkata",  # +05:30
    "Asia/Kathmandu",  # +05:45
    "Australia/Lord_Howe",  # moved by half an hour
    "America/St_Johns",  # -03:30, and moved
    "Pacific/Apia",  # had no 30 December 2011
    "UTC",
)
MOVED = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin, to summer time
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe
    datetime(2026, 3, 8, 5, 30, tzinfo=UTC),  # St. John's
    datetime(2014, 10, 25, 22, tzinfo=UTC),  # Moscow, for good
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia, over the date line
)
EDGES = (
    datetime(2026, 12, 31, 21, tzinfo=UTC),  # the new year
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2026, 11, 23, 12, tzinfo=UTC),
)

times = st.integers(0, 24 * 60 - 1).map(lambda n: n * 60)
spans = st.tuples(times, st.integers(1, 16 * 60).map(lambda n: n * 60)).map(lambda s: (s[0], s[0] + s[1]))
days_shifts = st.one_of(
    st.lists(spans, max_size=3).map(tuple),
    st.just(((9 * HOUR, 13 * HOUR), (14 * HOUR, 18 * HOUR))),
    st.just(((22 * HOUR, 30 * HOUR),)),
)
weeks = st.tuples(*[days_shifts] * 7).filter(any)


class Case(NamedTuple):
    calendar: Calendar
    stepper: Stepper
    start: datetime


@st.composite
def calendars(draw: st.DrawFn, near: datetime) -> Calendar:
    """Hours of a week in some zone, and dates of their own around an instant, closed ones among them."""
    own = st.integers(-4, 4).map(lambda n: (near + n * DAY).date())
    return Calendar(
        key="drawn",
        zone=draw(st.sampled_from(ZONES)),
        week=draw(weeks),
        exceptions=draw(st.dictionaries(own, days_shifts, max_size=3)),
    )


@st.composite
def unions(draw: st.DrawFn, near: datetime) -> Calendar:
    parts = tuple(draw(st.lists(calendars(near), min_size=2, max_size=3)))
    return Calendar(key="union", zone=parts[0].zone, parts=parts)


moments = st.tuples(st.integers(-2 * DAY_S, 2 * DAY_S), st.sampled_from((0, 0, 1, 500_000, 999_999))).map(
    lambda m: timedelta(seconds=m[0], microseconds=m[1])
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    near = draw(st.sampled_from((*MOVED, *EDGES)))
    calendar = draw(st.one_of(calendars(near), unions(near)))
    return Case(calendar, Stepper(offices_of(calendar), near), near + draw(moments))


# Russia by hand: what is a holiday by the Labour Code, what the government moved, and nothing of any library.
HOLIDAYS = {
    date(year, month, day)
    for year in (2025, 2026)
    for month, day in (*((1, n) for n in range(1, 9)), (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4))
} | {date(2027, 1, 1)}
OFF = {date(2025, *day) for day in ((5, 2), (5, 8), (6, 13), (11, 3), (12, 31))}
OFF |= {date(2026, *day) for day in ((1, 9), (3, 9), (5, 11), (12, 31))}
WORKED = {date(2025, 11, 1): date(2025, 11, 3)}
"""A Saturday that was worked, and the day that was off for it."""
NEAR = (
    date(2025, 1, 1),
    date(2025, 5, 8),
    date(2025, 11, 1),
    date(2025, 11, 4),
    date(2025, 12, 31),
    date(2026, 1, 9),
    date(2026, 2, 23),
    date(2026, 3, 8),
    date(2026, 5, 9),
    date(2026, 12, 31),
)
OWN = date(2026, 5, 8)


def russian(week: Sequence[Sequence[Span]], shorter: int, day: date) -> Sequence[Span]:
    """The shifts of a date, by hand."""
    if day == OWN:
        return ((10 * HOUR, 11 * HOUR),)
    if day.year not in (2025, 2026):
        return week[day.weekday()]
    if (day in HOLIDAYS or day in OFF) and day not in WORKED:
        return ()
    shifts = sorted(week[4] if day in WORKED else week[day.weekday()], key=lambda shift: shift[1])
    if shifts and not {day + DAY, WORKED.get(day, day) + DAY}.isdisjoint(HOLIDAYS):
        first, last = shifts.pop()
        if last - shorter > first:
            shifts.append((first, last - shorter))
    return shifts


@st.composite
def disjoint(draw: st.DrawFn) -> tuple[Span, ...]:
    """As a policy may have them: one or two shifts that do not overlap, the last perhaps over midnight."""
    cuts = sorted(draw(st.lists(st.integers(0, 24 * 12 - 1), min_size=3, max_size=3, unique=True)))
    first, last, night = (cut * 300 for cut in cuts)
    over = draw(st.integers(1, 60).map(lambda n: n * 300))
    return draw(st.sampled_from((((first, last),), ((first, last), (night, night + over)), ())))


@st.composite
def russian_cases(draw: st.DrawFn) -> Case:
    week = draw(st.tuples(*[disjoint()] * 7).filter(any))
    zone, shorter = draw(st.sampled_from(("Europe/Moscow", "Asia/Irkutsk"))), draw(st.sampled_from((1800, HOUR)))
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    document = CalendarDoc.model_validate(
        {
            "zone": zone,
            "week": {name: [_written(shift) for shift in shifts] for name, shifts in zip(names, week, strict=True)},
            "holidays": {"country": "RU", "years": [2025, 2026], "workdays_like": "fri"},
            "shorter_before_holidays": f"{shorter}s",
            "exceptions": {OWN.isoformat(): ["10:00-11:00"]},
        }
    )
    day = draw(st.sampled_from(NEAR))
    near = datetime(day.year, day.month, day.day, tzinfo=UTC)
    stepper = Stepper([(zone, lambda at: russian(week, shorter, at))], near)
    return Case(compiled("drawn", document), stepper, near + draw(moments))


def _written(shift: Span) -> str:
    return "-".join(f"{second // HOUR % 24:02}:{second % HOUR // 60:02}" for second in shift)


every = st.one_of(cases(), cases(), russian_cases())
lengths = st.timedeltas(timedelta(), 60 * timedelta(hours=1))


@settings(max_examples=100, deadline=None)
@given(every, lengths)
def test_between_is_what_the_stepper_counts(case: Case, length: timedelta) -> None:
    end = case.start + length
    assert case.calendar.between(case.start, end) == case.stepper.between(case.start, end) // SECOND


@settings(max_examples=120, deadline=None)
@given(every, st.integers(1, 30 * HOUR))
def test_add_arrives_where_the_stepper_does(case: Case, seconds: int) -> None:
    expected = case.stepper.add(case.start, seconds)
    assume(expected is not None)
    assert case.calendar.add(case.start, seconds) == expected


@settings(max_examples=100, deadline=None)
@given(every)
def test_next_open_is_where_the_stepper_first_finds_it_open(case: Case) -> None:
    expected = case.stepper.next_open(case.start)
    assume(expected is not None)
    found = case.calendar.next_open(case.start)
    assert found == expected
    assert case.calendar.is_open(case.start) is (expected == case.start)
    assert case.calendar.next_open(found) == found
    assert case.calendar.between(case.start, found) == 0


@settings(max_examples=80, deadline=None)
@given(every, lengths)
def test_the_open_intervals_are_the_open_minutes(case: Case, length: timedelta) -> None:
    end = case.start + length
    found = list(case.calendar.open_between(case.start, end))
    assert all(a < b for a, b in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert sum((b - a for a, b in found), timedelta()) == case.stepper.between(case.start, end)


def test_a_stretch_without_length_has_no_open_interval() -> None:
    noon = utc(2026, 11, 23, 12)
    office = at("UTC", (9 * HOUR, 17 * HOUR))
    assert list(office.open_between(noon, noon)) == []
    assert list(office.open_between(noon, noon - SECOND)) == []


@st.composite
def plain(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """Without a stepper: its days need not be walked where only the laws are looked at."""
    near = draw(st.sampled_from((*MOVED, *EDGES)))
    return draw(st.one_of(calendars(near), unions(near))), near + draw(moments)


seconds = st.integers(0, 500 * HOUR)


@settings(max_examples=120, deadline=None)
@given(plain(), seconds)
def test_what_was_added_lies_between(given_: tuple[Calendar, datetime], wanted: int) -> None:
    calendar, start = given_
    due = calendar.add(start, wanted)
    assert calendar.between(start, due) == wanted
    if wanted:
        assert calendar.between(start, due - timedelta(microseconds=1)) == wanted - 1
        assert calendar.add(start, calendar.between(start, due)) == due


@settings(max_examples=100, deadline=None)
@given(plain(), seconds, seconds)
def test_adding_twice_is_adding_once(given_: tuple[Calendar, datetime], first: int, second: int) -> None:
    calendar, start = given_
    assert calendar.add(calendar.add(start, first), second) == calendar.add(start, first + second)


@settings(max_examples=100, deadline=None)
@given(plain(), st.integers(0, 90 * DAY_S), st.integers(0, 90 * DAY_S))
def test_time_adds_up_and_never_runs_faster_than_the_clock(
    given_: tuple[Calendar, datetime], first: int, second: int
) -> None:
    calendar, start = given_
    middle, end = start + first * SECOND, start + (first + second) * SECOND
    parts = calendar.between(start, middle) + calendar.between(middle, end)
    # Each part is in whole seconds: a calendar opens at a whole one, and the start may lie within one.
    assert parts <= calendar.between(start, end) <= parts + 1
    if not start.microsecond:
        assert parts == calendar.between(start, end)
    assert calendar.between(start, end) <= first + second
    assert calendar.between(end, start) == 0 or start == end


@settings(max_examples=100, deadline=None)
@given(plain(), st.integers(1, 100 * HOUR), st.integers(1, 100 * HOUR))
def test_later_and_longer_is_never_due_sooner(given_: tuple[Calendar, datetime], wanted: int, more: int) -> None:
    calendar, start = given_
    later = start + more * SECOND
    assert start < calendar.add(start, wanted) < calendar.add(start, wanted + more)
    assert calendar.add(start, wanted) <= calendar.add(later, wanted)
    assert calendar.next_open(start) <= calendar.next_open(later)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from((*MOVED, *EDGES)), moments, st.integers(1, 100 * HOUR))
def test_a_union_is_open_where_a_part_is(data: st.DataObject, near: datetime, ago: timedelta, length: int) -> None:
    union, start = data.draw(unions(near)), near + ago
    end = start + length * SECOND
    assert union.is_open(start) is any(part.is_open(start) for part in union.parts)
    assert union.next_open(start) == min(part.next_open(start) for part in union.parts)
    alone = [part.between(start, end) for part in union.parts]
    assert max(alone) <= union.between(start, end) <= sum(alone) + len(alone)
    assert union.add(start, length) <= min(part.add(start, length) for part in union.parts)


CENTURY = Calendar(
    key="century",
    zone="Europe/Berlin",
    week=(((9 * HOUR, 17 * HOUR),),) * 5 + ((),) * 2,
    exceptions={date(year, month, day): () for year in range(1980, 2080) for month, day in ((1, 1), (12, 25))},
)
long_ago = st.datetimes(datetime(1985, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=40, deadline=None)
@given(long_ago, st.integers(1, 30 * 2000 * HOUR))
def test_decades_are_the_sum_of_their_days(start: datetime, wanted: int) -> None:
    due = CENTURY.add(start, wanted)
    walked = [closes - opens for opens, closes in CENTURY.open_between(start, due)]
    assert sum(walked, timedelta()) == wanted * SECOND
    assert CENTURY.between(start, due) == wanted
    assert walked[-1] > timedelta()


@pytest.mark.parametrize("year", range(2026, 2042))
def test_hours_that_lie_years_ahead_are_found_from_any_year(year: int) -> None:
    day = ((0, HOUR),)
    rare = Calendar(key="rare", exceptions={date(2043, 3, 1): day, date(2057, 1, 1): day, date(2058, 12, 31): day})
    start = utc(year, 6, 1)
    assert [rare.add(start, n * HOUR).year for n in (1, 2, 3)] == [2043, 2057, 2058]
    assert rare.between(start, utc(2059, 1, 1)) == 3 * HOUR
    with pytest.raises(NeverOpen):
        rare.add(start, 3 * HOUR + 1)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def at(zone: str, *shifts: Span) -> Calendar:
    return Calendar(key="fixed", zone=zone, week=(shifts,) * 7)


@pytest.mark.parametrize(
    ("calendar", "start", "seconds", "due"),
    [
        # Kolkata opens at 03:30 UTC and closes at 12:30.
        (at("Asia/Kolkata", (9 * HOUR, 18 * HOUR)), utc(2026, 11, 23, 12, 29, 59), 2, utc(2026, 11, 24, 3, 30, 1)),
        # Berlin's 02:00-03:00 does not come in spring, and lasts two hours in autumn.
        (at("Europe/Berlin", (2 * HOUR, 3 * HOUR)), utc(2026, 3, 28, 12), 1, utc(2026, 3, 30, 0, 0, 1)),
        (at("Europe/Berlin", (2 * HOUR, 3 * HOUR)), utc(2026, 10, 24, 12), 2 * HOUR, utc(2026, 10, 25, 2)),
        # A shift that ends within the hour that is skipped ends when the clock is moved: 01:30 to 02:00 of 01:30-02:30.
        (at("Europe/Berlin", (5400, 9000)), utc(2026, 3, 28, 12), 1801, utc(2026, 3, 29, 23, 30, 1)),
        # Lord Howe is put back by half an hour at 02:00.
        (at("Australia/Lord_Howe", (HOUR, 3 * HOUR)), utc(2026, 4, 4, 12), 9000, utc(2026, 4, 4, 16, 30)),
        # Apia went from Thursday 29 to Saturday 31 December 2011.
        (at("Pacific/Apia", (9 * HOUR, 17 * HOUR)), utc(2011, 12, 30, 3), HOUR, utc(2011, 12, 30, 20)),
        # Over a leap day, and over the year's last second.
        (at("UTC", (0, DAY_S)), utc(2028, 2, 28, 23, 59, 59), DAY_S + 1, utc(2028, 3, 1)),
        (at("UTC", (22 * HOUR, 30 * HOUR)), utc(2026, 12, 31, 23, 59, 59), 6 * HOUR + 2, utc(2027, 1, 1, 22, 0, 1)),
    ],
)
def test_due_to_the_second(calendar: Calendar, start: datetime, seconds: int, due: datetime) -> None:
    assert calendar.add(start, seconds) == due
    assert calendar.between(start, due) == seconds
