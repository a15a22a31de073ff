"""Business time worked out in the most naive way: minute by minute, with a watch in hand.

An oracle for the tests of ``domain.businesstime``, which shares nothing with it but what a shift is. Arrives: the
shifts of a date, office by office, each on the clock of its own zone. Nobody ever puts the watch back: where
the clock on the wall is, the watch stands until the wall has caught up.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.businesstime import Calendar, Span

MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_BEFORE, _AFTER = 3, 6
"""Days that are walked before and after an instant."""
_SEEN_BEFORE = timedelta(hours=4)
"""How long the watch is looked at before it is needed, to have seen any turn of the clock."""

Office = tuple[str, Callable[[date], Sequence[Span]]]
"""A zone, and the shifts that start on a date there."""


class Stepper:
    """The minutes of a few days around an instant, each open or not. Zones are whole minutes away from UTC and shifts
    begin at whole minutes, so that no minute is open in part."""

    def __init__(self, offices: Sequence[Office], around: datetime) -> None:
        self.begins = around.replace(hour=0, minute=0, second=0, microsecond=0) - _BEFORE * _DAY
        hours = [_minutes(shifts, _watch(zone, self.begins)) for zone, shifts in offices]
        self.minutes = [any(each) for each in zip(*hours, strict=True)]

    def pieces(self, start: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """(from, until, open) from an instant on: the rest of its minute, then one minute after the other."""
        first = (start - self.begins) // MINUTE
        at, until = start, self.begins + first * MINUTE
        for is_open in self.minutes[first:]:
            until += MINUTE
            yield at, until, is_open
            at = until

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Raises ``StopIteration`` where the days that are walked do not last for it."""
        total, pieces, reached = timedelta(), self.pieces(start), start
        while reached < end:
            begins, reached, is_open = next(pieces)
            total += (min(reached, end) - begins) * is_open
        return total

    def add(self, start: datetime, seconds: int) -> datetime | None:
        """None where the days that are walked do not last for it."""
        left = timedelta(seconds=seconds)
        for begins, ends, is_open in self.pieces(start):
            if is_open and ends - begins >= left:
                return begins + left
            left -= (ends - begins) * is_open
        return None

    def next_open(self, start: datetime) -> datetime | None:
        return next((begins for begins, _, is_open in self.pieces(start) if is_open), None)


def offices_of(calendar: Calendar) -> list[Office]:
    return [(part.zone, part.shifts) for part in calendar.parts or (calendar,)]


def _minutes(shifts: Callable[[date], Sequence[Span]], watch: Sequence[int]) -> list[bool]:
    """Whether the watch shows a minute of a shift: of one that begins on the date it shows, or of one before."""
    first, last = (date.fromordinal(minute // 1440) for minute in (watch[0], watch[-1]))
    worked: set[int] = set()
    for ordinal in range(first.toordinal() - 2, last.toordinal() + 1):
        for begins, ends in shifts(date.fromordinal(ordinal)):
            worked.update(range(ordinal * 1440 + begins // 60, ordinal * 1440 + ends // 60))
    return [minute in worked for minute in watch]


@lru_cache(maxsize=256)
def _watch(zone: str, begins: datetime) -> tuple[int, ...]:
    """What the watch shows at each minute: minutes since the calendar's first midnight."""
    at, wall = begins - _SEEN_BEFORE, ZoneInfo(zone)
    shown, highest = [], 0
    while at < begins + (_BEFORE + _AFTER) * _DAY:
        local = at.astimezone(UTC).astimezone(wall)
        highest = max(highest, local.toordinal() * 1440 + local.hour * 60 + local.minute)
        if at >= begins:
            shown.append(highest)
        at += MINUTE
    return tuple(shown)
