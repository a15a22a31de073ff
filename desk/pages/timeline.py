"""SLA clocks drawn as bars: what ran, what was paused, when it is due. Plain numbers for an SVG; no script."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clocks import ClockRecord, SegmentKind, is_open

WIDTH = 300.0
"""Units of the drawing's own coordinates; the page scales it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    x: float
    width: float
    kind: SegmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    bars: tuple[Bar, ...]
    due_x: float
    now_x: float | None
    """None where the present lies outside, or the clock has stopped."""
    share: int
    """Per cent of the goal that is used up."""


def draw(clock: ClockRecord, now: datetime) -> Drawing:
    """From the start to the due time or the present, whichever is later, with a little air at the end."""
    stopped = not is_open(clock)
    last = max([clock.due_at, *(segment.until for segment in clock.segments if segment.until)])
    end = last if stopped else max(last, now)
    length = max((end - clock.started_at) * 1.04, timedelta(minutes=1))

    def place(at: datetime) -> float:
        return round(min(max((at - clock.started_at) / length, 0.0), 1.0) * WIDTH, 1)

    bars = tuple(
        Bar(x=place(segment.start), width=max(1.0, round(place(until) - place(segment.start), 1)), kind=segment.kind)
        for segment in clock.segments
        if (until := segment.until or min(now, end)) > segment.start
    )
    return Drawing(
        bars=bars,
        due_x=place(clock.due_at),
        now_x=None if stopped else place(now),
        share=min(999, round(100 * clock.consumed_s / clock.goal_s)) if clock.goal_s else 0,
    )
