"""SLA clocks: a clock is its segments, recomputable from the ticket's history."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from domain.businesstime import Calendar

Target = Literal["first_response", "next_response", "resolution", "line_stay"]
ClockState = Literal["running", "paused", "met", "breached"]
SegmentKind = Literal["running", "paused", "closed_hours"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a clock's life; ``until`` is None while it lasts."""

    start: datetime
    until: datetime | None
    kind: SegmentKind
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRecord:
    """One target of one ticket. Times are UTC; ``goal_s`` and ``consumed_s`` are seconds of business time.

    ``calendar`` drives it; ``cell`` names the place in the SLA matrix that gave the goal (``standard/p2``). ``warn``:
    shares of the goal, in per cent, at which it warns; ``fired``: those that it has, and 100 once it was overdue.
    """

    id: str
    target: Target
    state: ClockState
    calendar: str
    cell: str
    goal_s: int
    started_at: datetime
    due_at: datetime
    consumed_s: int = 0
    segments: tuple[Segment, ...] = ()
    warn: tuple[int, ...] = ()
    fired: tuple[int, ...] = ()


def is_open(clock: ClockRecord) -> bool:
    """Whether it still runs or is paused. One that is breached stays open until what was promised is done."""
    return bool(clock.segments) and clock.segments[-1].until is None


def paused(clock: ClockRecord, calendar: Calendar, now: datetime, why: str) -> ClockRecord:
    """Stands still from ``now``; ``due_at`` stays as it was until it is resumed."""
    if not is_open(clock) or clock.segments[-1].kind == "paused":
        return clock
    stopped = _stopped(clock, calendar, now)
    pause = Segment(start=_last(clock, now), until=None, kind="paused", why=why)
    return replace(stopped, state=_kept(clock, "paused"), segments=(*stopped.segments, pause))


def resumed(clock: ClockRecord, calendar: Calendar, now: datetime, why: str) -> ClockRecord:
    """Runs on; what is left of the goal gives the new due time. One that is overdue keeps the one it missed."""
    if not is_open(clock) or clock.segments[-1].kind != "paused":
        return clock
    stopped = _stopped(clock, calendar, now)
    segment = Segment(start=_last(clock, now), until=None, kind="running", why=why)
    again = replace(stopped, state=_kept(clock, "running"), segments=(*stopped.segments, segment))
    return replace(again, due_at=due_of(again, calendar) or clock.due_at)


def ended(clock: ClockRecord, calendar: Calendar, now: datetime) -> ClockRecord:
    """What was promised is done (or no longer owed): met if that was in time."""
    if not is_open(clock):
        return clock
    stopped = _stopped(clock, calendar, now)
    late = clock.state == "breached" or (clock.segments[-1].kind == "running" and now > clock.due_at)
    return replace(stopped, state="breached" if late else "met")


def breached(clock: ClockRecord) -> ClockRecord:
    """The due time has come and the promise is not kept; the clock goes on, to say by how much."""
    return replace(clock, state="breached") if is_open(clock) else clock


DUE = 100
"""The share of a goal at which a clock is due."""


def points(clock: ClockRecord, calendar: Calendar) -> tuple[tuple[int, datetime], ...]:
    """(share, moment) of what the clock has still to tell while it runs on: its warnings, and that it is due."""
    if not is_open(clock) or clock.segments[-1].kind != "running":
        return ()
    found = []
    for share in sorted({*clock.warn, DUE} - set(clock.fired)):
        at = due_of(replace(clock, goal_s=clock.goal_s * share // DUE), calendar)
        if at is not None:
            found.append((share, at))
    return tuple(found)


def told(clock: ClockRecord, share: int) -> ClockRecord:
    """It has told of a share; at 100 it is breached."""
    noted = replace(clock, fired=tuple(sorted({*clock.fired, share})))
    return breached(noted) if share >= DUE else noted


def _stopped(clock: ClockRecord, calendar: Calendar, now: datetime) -> ClockRecord:
    *earlier, last = clock.segments
    until = _last(clock, now)
    if until > last.start:
        earlier.append(replace(last, until=until))
    spent = calendar.between(last.start, until) if last.kind == "running" else 0
    return replace(clock, consumed_s=clock.consumed_s + spent, segments=tuple(earlier))


def _last(clock: ClockRecord, now: datetime) -> datetime:
    """A clock that waits for its calendar to open may be stopped before it has begun."""
    return max(now, clock.segments[-1].start)


def _kept(clock: ClockRecord, state: ClockState) -> ClockState:
    return "breached" if clock.state == "breached" else state


def as_of(clock: ClockRecord, calendar: Calendar, now: datetime) -> ClockRecord:
    """A clock as it stands now: what it has consumed, and its segments with the closed hours cut out. What is kept of a
    clock changes only with its ticket; the time that merely passes is worked out when somebody looks."""
    segments: list[Segment] = []
    consumed = 0
    for segment in clock.segments:
        if segment.kind != "running":
            segments.append(segment)
            continue
        until = max(segment.until or now, segment.start)
        consumed += calendar.between(segment.start, until)
        parts = list(_parts(segment, calendar, until))
        if segment.until is None and parts:
            parts[-1] = replace(parts[-1], until=None)
        segments.extend(parts or [segment])
    return replace(clock, consumed_s=consumed, segments=tuple(segments))


def _parts(segment: Segment, calendar: Calendar, until: datetime) -> Iterator[Segment]:
    reached = segment.start
    for opens, closes in calendar.open_between(segment.start, until):
        if opens > reached:
            yield Segment(start=reached, until=opens, kind="closed_hours", why=f"calendar {calendar.key}")
        yield replace(segment, start=opens, until=closes)
        reached = closes
    if reached < until:
        yield Segment(start=reached, until=until, kind="closed_hours", why=f"calendar {calendar.key}")


def due_of(clock: ClockRecord, calendar: Calendar) -> datetime | None:
    """When the goal is used up, counted over the clock's segments from its start. None while it is paused short of
    that: nobody can say before it runs again."""
    left = clock.goal_s
    for segment in clock.segments:
        if segment.kind != "running":
            continue
        if segment.until is None:
            return calendar.add(segment.start, left)
        spent = calendar.between(segment.start, segment.until)
        if spent >= left:
            return calendar.add(segment.start, left)
        left -= spent
    return None


def retargeted(clock: ClockRecord, calendar: Calendar, goal_s: int, cell: str, now: datetime, why: str) -> ClockRecord:
    """Another goal for a clock that is open, counted over all that it has consumed. A new segment marks the place.

    A due time that this moves into the past is a breach that the timekeeper will find; one that it moves into the
    future takes a breach back."""
    if not is_open(clock):
        return clock
    last = clock.segments[-1]
    if last.kind == "running" and now > last.start:
        halted = _stopped(clock, calendar, now)
        clock = replace(halted, segments=(*halted.segments, Segment(start=now, until=None, kind="running", why=why)))
    changed = replace(clock, goal_s=goal_s, cell=cell, fired=())
    due_at = due_of(changed, calendar) or clock.due_at
    state: ClockState = "paused" if last.kind == "paused" else "running"
    if clock.state == "breached" and due_at <= now:
        state = "breached"
    again = {share for share, at in points(changed, calendar) if at > now}
    return replace(changed, due_at=due_at, state=state, fired=tuple(s for s in clock.fired if s not in again))


def nearest(clocks: Iterable[ClockRecord]) -> ClockRecord | None:
    """The running clock that is due first, or was due and still is not kept: what queues are ordered by."""
    running = (clock for clock in clocks if is_open(clock) and clock.segments[-1].kind == "running")
    return min(running, key=lambda clock: clock.due_at, default=None)
