"""SLA clocks: a clock is its segments, recomputable from the ticket's history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
