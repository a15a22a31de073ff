"""A clock, looked at and changed."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from config.loader import SAMPLE, compile_policy, load_folder
from domain.businesstime import Calendar
from domain.clocks import (
    ClockRecord,
    Segment,
    as_of,
    breached,
    due_of,
    ended,
    is_open,
    nearest,
    paused,
    resumed,
    retargeted,
)

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


def test_a_clock_that_has_ended_is_not_consumed_any_further() -> None:
    met = clock(running(FRIDAY, FRIDAY + timedelta(minutes=10)), state="met", consumed_s=600)
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


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_a_pause_moves_the_due_time_by_the_business_time_it_lasted() -> None:
    stopped = paused(clock(running(FRIDAY)), MOSCOW, FRIDAY + minutes(10), "waiting")
    again = resumed(stopped, MOSCOW, MONDAY + minutes(60), "the requester wrote")
    assert (stopped.state, stopped.consumed_s, stopped.due_at) == ("paused", 600, MONDAY + timedelta(hours=3))
    assert (again.state, again.consumed_s) == ("running", 600)
    assert again.due_at == MOSCOW.add(MONDAY + minutes(60), 14_400 - 600)
    assert [segment.kind for segment in again.segments] == ["running", "paused", "running"]


def test_what_is_ended_in_time_is_met_and_what_is_late_is_breached() -> None:
    due = clock(running(FRIDAY)).due_at
    assert ended(clock(running(FRIDAY)), MOSCOW, due).state == "met"
    assert ended(clock(running(FRIDAY)), MOSCOW, due + timedelta(seconds=1)).state == "breached"


def test_a_breached_clock_goes_on_until_the_promise_is_kept() -> None:
    late = breached(clock(running(FRIDAY)))
    assert (late.state, is_open(late)) == ("breached", True)
    done = ended(late, MOSCOW, MONDAY + timedelta(hours=4))
    assert (done.state, is_open(done), done.consumed_s) == ("breached", False, 1800 + 4 * 3600)


def test_a_clock_that_is_paused_past_its_due_time_is_not_late() -> None:
    stopped = paused(clock(running(FRIDAY)), MOSCOW, FRIDAY + minutes(10), "waiting")
    assert ended(stopped, MOSCOW, MONDAY + timedelta(days=30)).state == "met"


def test_a_clock_stopped_before_its_calendar_opens_has_consumed_nothing() -> None:
    night = FRIDAY + timedelta(hours=8)
    waiting = clock(running(MONDAY), started_at=night)
    stopped = paused(waiting, MOSCOW, night + minutes(5), "waiting")
    assert (stopped.consumed_s, [segment.kind for segment in stopped.segments]) == (0, ["paused"])


def test_a_shorter_goal_counts_what_was_consumed_and_a_longer_one_takes_a_breach_back() -> None:
    start = MONDAY
    shorter = retargeted(clock(running(start)), MOSCOW, 3600, "premium/p1", start + minutes(30), "cell premium/p1")
    assert (shorter.due_at, shorter.goal_s, shorter.cell) == (start + minutes(60), 3600, "premium/p1")
    late = breached(clock(running(start), goal_s=3600, due_at=start + minutes(60)))
    longer = retargeted(late, MOSCOW, 7200, "standard/p3", start + minutes(90), "cell standard/p3")
    assert (longer.state, longer.due_at) == ("running", start + minutes(120))


def test_the_nearest_clock_is_the_one_that_runs_and_is_due_first() -> None:
    early = clock(running(FRIDAY), id="early", due_at=MONDAY)
    stopped = paused(clock(running(FRIDAY), id="paused", due_at=FRIDAY), MOSCOW, FRIDAY, "waiting")
    assert nearest([clock(running(FRIDAY), id="later"), early, stopped]) == early
    assert nearest([stopped]) is None


MOVES = st.lists(st.tuples(st.sampled_from(["pause", "resume", "goal"]), st.integers(1, 400_000)), max_size=12)


@given(st.integers(0, 3_000_000), MOVES)
def test_consumed_and_due_follow_from_the_segments_alone(begin: int, moves: list[tuple[str, int]]) -> None:
    """Its sums are those of its segments, and its due time is where they reach the goal, whatever happens to it."""
    now = MOSCOW.next_open(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=begin))
    seen = clock(running(now), started_at=now, due_at=MOSCOW.add(now, 14_400))
    for name, length in moves:
        now += timedelta(seconds=length)
        match name:
            case "pause":
                seen = paused(seen, MOSCOW, now, "waiting")
            case "resume":
                seen = resumed(seen, MOSCOW, now, "again")
            case _:
                seen = retargeted(seen, MOSCOW, 3600 + length % 30_000, "cell", now, "cell")
    ran = [s for s in seen.segments if s.kind == "running" and s.until is not None]
    assert seen.consumed_s == sum(MOSCOW.between(s.start, s.until) for s in ran if s.until)
    assert all(left.until == right.start for left, right in itertools.pairwise(seen.segments))
    assert seen.segments[-1].until is None
    if seen.state == "running":
        assert seen.due_at == due_of(seen, MOSCOW)
