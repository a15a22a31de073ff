"""SLA clocks: a clock is its segments, recomputable from the ticket's history."""

from collections.abc import Iterator
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

    ``calendar`` drives it; ``cell`` names the place in the SLA matrix that gave the goal (``standard/p2``).
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


def as_of(clock: ClockRecord, calendar: Calendar, now: datetime) -> ClockRecord:
    """A running clock as it stands now: what it has consumed, and its segments with the closed hours cut out. What is
    kept of a clock changes only with its ticket; the time that merely passes is worked out when somebody looks."""
    if clock.state != "running":
        return clock
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
