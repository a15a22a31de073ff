"""Business time: calendars of working hours with time zones, and exact arithmetic over them.

Arrives: a ``Calendar`` (compiled by ``config``) and instants in UTC. Leaves: due times and business seconds, exact to
the microsecond. Called by the router's clocks, the timekeeper and the desk. Pure: the present is always an argument.

A shift is given in wall-clock time and belongs to the date it starts on; one that ends past midnight ends past 24:00
(``22:00-30:00``). Where the wall clock is moved, it is read as a clock that never runs backwards: an hour that is
shown twice counts as one long hour, and an hour that is skipped has no length.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType
from zoneinfo import ZoneInfo

DAY_S = 86_400
_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_LAST_YEAR = 9990

Span = tuple[int, int]
"""A shift of one day: seconds of wall-clock time from midnight; the end may lie past 86,400 (overnight)."""

Interval = tuple[int, int]
"""Open from, open until: microseconds since 1970 in UTC, the end not included."""


class NeverOpen(ValueError):
    """The calendar has no working time left after the instant that was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Working hours. ``week`` has the shifts of Monday to Sunday; ``exceptions`` replaces a date's shifts
    (empty: closed), which is how holidays, short days and transferred working days are written. With ``parts`` it is
    open whenever one of them is, each in its own zone, and has no hours of its own: offices that work in turn."""

    key: str
    zone: str = "UTC"
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    exceptions: Mapping[date, tuple[Span, ...]] = field(default_factory=lambda: MappingProxyType({}))
    parts: tuple["Calendar", ...] = ()

    def __hash__(self) -> int:
        # Cheap on purpose: the year tables are cached by calendar, and equality settles the rest.
        return hash((self.key, self.zone))

    @classmethod
    def always(cls, key: str) -> "Calendar":
        """Open around the clock, every day."""
        return cls(key=key, week=(((0, DAY_S),),) * 7)

    def add(self, start: datetime, seconds: int) -> datetime:
        """The earliest instant by which ``seconds`` of business time have passed since ``start``.

        0 gives ``start`` itself, open or not. Raises ``NeverOpen`` where that much time never comes."""
        wanted = seconds * _US
        if wanted <= 0:
            return start
        year = start.astimezone(UTC).year
        table = _year(self, year)
        wanted += table.open_before(_ticks(start))
        if wanted <= table.total:
            return _instant(table.at_open(wanted))
        found = _year_with(self, year, wanted)
        if found is not None:
            year, wanted = found
            return _instant(_year(self, year).at_open(wanted))
        raise NeverOpen(f"calendar {self.key} has no {seconds} s of business time after {start.isoformat()}")

    def between(self, start: datetime, end: datetime) -> int:
        """Whole seconds of business time from ``start`` until ``end``; 0 where ``end`` is not later."""
        begins, ends = _ticks(start), _ticks(end)
        if ends <= begins:
            return 0
        first, last = start.astimezone(UTC).year, end.astimezone(UTC).year
        open_us = _year(self, last).open_before(ends) - _year(self, first).open_before(begins)
        return (open_us + _open_over(self, first, last)) // _US

    def open_between(self, start: datetime, end: datetime) -> "Iterator[tuple[datetime, datetime]]":
        """The working intervals of a stretch of time, in order and cut to it; none where ``end`` is not later. One
        that lasts over a new year in UTC comes in two parts."""
        first, last = _ticks(start), _ticks(end)
        if last <= first:
            return
        for year in range(start.astimezone(UTC).year, end.astimezone(UTC).year + 1):
            table = _year(self, year)
            index = bisect_right(table.ends, first)
            for opens, closes in zip(table.starts[index:], table.ends[index:], strict=True):
                if opens >= last:
                    return
                yield _instant(max(opens, first)), _instant(min(closes, last))

    def next_open(self, at: datetime) -> datetime:
        """``at`` itself while open, else the next opening. Raises ``NeverOpen`` if there is none."""
        if self.is_open(at):
            return at
        ticks = _ticks(at)
        for table in _years_from(self, at):
            found = table.open_from(ticks)
            if found is not None:
                return _instant(found)
        raise NeverOpen(f"calendar {self.key} never opens after {at.isoformat()}")

    def is_open(self, at: datetime) -> bool:
        ticks = _ticks(at)
        return _year(self, at.astimezone(UTC).year).open_from(ticks) == ticks

    def day(self, at: datetime) -> date:
        """The date that the calendar's wall clock shows."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def month(self, at: datetime) -> datetime:
        """The instant at which the month began that the calendar's wall clock shows."""
        first = self.day(at).replace(day=1)
        return _placed(datetime(first.year, first.month, 1), ZoneInfo(self.zone))  # noqa: DTZ001

    def shifts(self, day: date) -> tuple[Span, ...]:
        """The shifts that start on a date, in wall-clock time."""
        special = self.exceptions.get(day)
        return self.week[day.weekday()] if special is None else special


@dataclass(frozen=True, slots=True)
class _Table:
    """One UTC year of a calendar: disjoint intervals in order, and the open time before each."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    before: tuple[int, ...]
    total: int

    def open_before(self, at: int) -> int:
        """Open time of this year that lies before ``at``."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0
        return self.before[index] + min(at, self.ends[index]) - self.starts[index]

    def at_open(self, wanted: int) -> int:
        """The earliest instant with ``wanted`` open time of this year before it, 0 < wanted <= total."""
        index = bisect_left(self.before, wanted) - 1
        return self.starts[index] + wanted - self.before[index]

    def open_from(self, at: int) -> int | None:
        """``at`` if open, else the next opening in this year."""
        index = bisect_right(self.ends, at)
        return max(at, self.starts[index]) if index < len(self.starts) else None


@lru_cache(maxsize=1024)
def _year(calendar: Calendar, year: int) -> _Table:
    begins = _ticks(datetime(year, 1, 1, tzinfo=UTC))
    ends = _ticks(datetime(year + 1, 1, 1, tzinfo=UTC))
    # A zone is at most a day away from UTC and a shift may reach into the next day, hence the margins.
    days = _dates(date(year, 1, 1) - timedelta(days=3), date(year + 1, 1, 1) + timedelta(days=2))
    kept = merged((max(start, begins), min(end, ends)) for start, end in _expanded(calendar, days))
    lengths = [end - start for start, end in kept]
    before = tuple(accumulate(lengths, initial=0))
    return _Table(tuple(s for s, _ in kept), tuple(e for _, e in kept), before[:-1], before[-1])


def _years_from(calendar: Calendar, at: datetime) -> Iterator[_Table]:
    """The tables from an instant's own year on, while working time may still come."""
    first = at.astimezone(UTC).year
    yield _year(calendar, first)
    for year in range(first + 1, _last_year(calendar) + 1):
        yield _year(calendar, year)


@lru_cache(maxsize=4096)
def _block(calendar: Calendar, first: int, size: int) -> int:
    """Open time of ``size`` years, a power of two, from a multiple of it on. Kept when the years' tables are not: a
    stretch of years is a few blocks, however long it is."""
    if size == 1:
        return _year(calendar, first).total
    half = size // 2
    return _block(calendar, first, half) + _block(calendar, first + half, half)


def _open_over(calendar: Calendar, first: int, last: int) -> int:
    """Open time from one year until before another."""
    total = 0
    while first < last:
        size = min(first & -first, 1 << ((last - first).bit_length() - 1))
        total += _block(calendar, first, size)
        first += size
    return total


def _year_with(calendar: Calendar, year: int, wanted: int) -> tuple[int, int] | None:
    """The year in which so much open time since the beginning of ``year`` is reached, and what of it lies in that one.
    None where it never is. Looks into blocks that grow until one has enough, then into its halves."""
    last = max(_last_year(calendar), year)
    size, growing = 1, True
    while year <= last:
        within = year + size - 1 <= last
        found = _block(calendar, year, size) if within else 0
        if within and found < wanted:
            wanted, year = wanted - found, year + size
            if growing and year % (2 * size) == 0:
                size *= 2
        elif size > 1:
            size, growing = size // 2, False
        else:
            return year, wanted
    return None


def _last_year(calendar: Calendar) -> int:
    """Without weekly hours nothing comes after the last exception, whose shift may reach into the next year."""
    if any(calendar.week):
        return _LAST_YEAR
    own = max((day.year + 1 for day in calendar.exceptions), default=0)
    return max([own, *map(_last_year, calendar.parts)])


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted and disjoint; what touches or overlaps is joined."""
    result: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _expanded(calendar: Calendar, days: Sequence[date]) -> Iterator[Interval]:
    for part in calendar.parts:
        yield from _expanded(part, days)
    zone = ZoneInfo(calendar.zone)
    for day in days:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (wall-clock time, placed in the zone below)
        for start, end in calendar.shifts(day):
            yield (
                _ticks(_placed(midnight + timedelta(seconds=start), zone)),
                _ticks(_placed(midnight + timedelta(seconds=end), zone)),
            )


def _placed(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clock shows ``wall`` or later."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # The clock skips this time: the instant sought is the one at which it is moved.
    late, early = instant, wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late


def _dates(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _ticks(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _instant(ticks: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ticks)
