"""A running clock, looked at."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from config.loader import SAMPLE, compile_policy, load_folder
from domain.businesstime import Calendar
from domain.clocks import ClockRecord, Segment, as_of

MOSCOW = compile_policy(load_folder(SAMPLE), 1).calendars["moscow"]
FRIDAY = datetime(2026, 3, 13, 14, 30, tzinfo=UTC)  # 17:30 in Moscow, half an hour before closing
MONDAY = datetime(2026, 3, 16, 6, 0, tzinfo=UTC)  # 9:00 in Moscow


def clock(*segments: Segment, **changes: object) -> ClockRecord:
    values: dict[str, object] = {
        "id": "C1",
        "target": "resolution",
        "state": "running",
        "calendar": "moscow",
        "cell": "standard/p3",
        "goal_s": 14_400,
        "started_at": FRIDAY,
        "due_at": MONDAY + timedelta(hours=3),
        "segments": segments,
    }
    return ClockRecord(**{**values, **changes})  # type: ignore[arg-type]


def running(start: datetime, until: datetime | None = None) -> Segment:
    return Segment(start=start, until=until, kind="running", why="opened")


def closed(start: datetime, until: datetime | None) -> Segment:
    return Segment(start=start, until=until, kind="closed_hours", why="calendar moscow")


def test_a_weekend_is_cut_out_and_not_consumed() -> None:
    seen = as_of(clock(running(FRIDAY)), MOSCOW, MONDAY + timedelta(minutes=10))
    evening = FRIDAY + timedelta(minutes=30)
    assert seen.consumed_s == 40 * 60
    assert seen.segments == (running(FRIDAY, evening), closed(evening, MONDAY), running(MONDAY))


def test_at_night_the_open_segment_is_one_of_closed_hours() -> None:
    evening = FRIDAY + timedelta(minutes=30)
    seen = as_of(clock(running(FRIDAY)), MOSCOW, FRIDAY + timedelta(hours=5))
    assert (seen.consumed_s, seen.segments) == (1800, (running(FRIDAY, evening), closed(evening, None)))


def test_a_pause_stays_and_consumes_nothing() -> None:
    pause = Segment(start=FRIDAY + timedelta(minutes=10), until=MONDAY, kind="paused", why="waiting")
    before, after = running(FRIDAY, FRIDAY + timedelta(minutes=10)), running(MONDAY)
    seen = as_of(clock(before, pause, after), MOSCOW, MONDAY + timedelta(minutes=5))
    assert (seen.consumed_s, seen.segments) == (15 * 60, (before, pause, after))


def test_a_clock_that_has_not_begun_has_consumed_nothing() -> None:
    later = clock(running(MONDAY))
    assert as_of(later, MOSCOW, FRIDAY) == later


def test_a_clock_that_is_met_stays_as_it_was_kept() -> None:
    met = clock(running(FRIDAY, MONDAY), state="met", consumed_s=99)
    assert as_of(met, MOSCOW, MONDAY) == met


@given(st.integers(0, 5_000_000), st.integers(0, 5_000_000))
def test_segments_follow_one_another_and_their_running_time_is_what_was_consumed(begin: int, length: int) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=begin)
    now = start + timedelta(seconds=length)
    for calendar in (MOSCOW, Calendar.always("always")):
        seen = as_of(clock(running(start), started_at=start), calendar, now)
        edges = [(s.start, s.until or max(now, start)) for s in seen.segments]
        assert edges[0][0] == start
        assert edges[-1][1] == now or length == 0
        assert all(left[1] == right[0] for left, right in itertools.pairwise(edges))
        ran = sum(
            (b - a).total_seconds() for (a, b), s in zip(edges, seen.segments, strict=True) if s.kind == "running"
        )
        assert seen.consumed_s == calendar.between(start, now) == ran
