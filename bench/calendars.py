"""Business time of ``domain.businesstime`` beside two libraries: workclock, in Rust, and businesstimedelta, in Python.

Each gets what it can say of a calendar: one shift on the days of the week, and the dates on which nobody works. Neither
knows a working Saturday nor a short day before a holiday; where a stretch of time has one, they must differ from us.
Called by ``bench.router``.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import businesstimedelta
import pytz
import workclock

from bench.stopwatch import Stopwatch, compared
from domain.businesstime import Calendar

_FIRST, _LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC)
_HOURS = (1, 2, 4, 8, 16, 40)
"""Goals of a service level agreement."""
_INPUTS = 1000
_SECONDS = 1.0

Add = Callable[[datetime, int], datetime]
Between = Callable[[datetime, datetime], int]


@dataclass(frozen=True, slots=True)
class Contender:
    add: Add
    between: Between


@dataclass(frozen=True, slots=True)
class Input:
    """``start`` plus ``seconds`` of business time; and from ``start`` until ``end``."""

    start: datetime
    seconds: int
    end: datetime


def side_by_side(calendar: Calendar) -> Sequence[str]:
    """Lines of a report."""
    inputs = _inputs(random.Random(1))
    ours = Contender(calendar.add, calendar.between)
    others = {"workclock": _workclock(calendar), "businesstimedelta": _businesstimedelta(calendar)}
    lines = [
        f"Calendar arithmetic on `{calendar.key}`, {_INPUTS:,} inputs from {_FIRST.year} to {_LAST.year}, goals of "
        f"{_HOURS[0]} to {_HOURS[-1]} hours, stretches of up to 30 days:",
        "",
        "| | `add` a second | by processor time | `between` a second | by processor time | agrees | cannot say it "
        "| differs otherwise |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, contender in {"domain.businesstime": ours, **others}.items():
        found = Counter(_compared(calendar, contender, each) for each in inputs)
        watches = compared({"add": _adding(contender, inputs), "between": _measuring(contender, inputs)}, _SECONDS)
        figures = " | ".join(f"{watch.rate:,.0f} | {watch.cpu_rate:,.0f}" for watch in watches.values())
        lines.append(f"| {name} | {figures} | {found['same']:,} | {found['unsaid']:,} | {found['other']:,} |")
    return lines


def _inputs(rng: random.Random) -> Sequence[Input]:
    span = int((_LAST - _FIRST).total_seconds())
    starts = [_FIRST + timedelta(seconds=rng.randrange(span)) for _ in range(_INPUTS)]
    return [
        Input(at, rng.choice(_HOURS) * 3600, at + timedelta(seconds=rng.randrange(1, 30 * 86_400))) for at in starts
    ]


def _compared(calendar: Calendar, other: Contender, each: Input) -> str:
    """``unsaid``: the answers differ, and the stretch has a day that the library has no words for."""
    due, span = calendar.add(each.start, each.seconds), calendar.between(each.start, each.end)
    theirs, their_span = other.add(each.start, each.seconds), other.between(each.start, each.end)
    if (due, span) == (theirs, their_span):
        return "same"
    added = due != theirs and not _unsaid(calendar, each.start, max(due, theirs))
    measured = span != their_span and not _unsaid(calendar, each.start, each.end)
    return "other" if added or measured else "unsaid"


def _unsaid(calendar: Calendar, start: datetime, end: datetime) -> bool:
    day, last = calendar.day(start), calendar.day(end)
    while day <= last:
        if calendar.exceptions.get(day):
            return True
        day += timedelta(days=1)
    return False


def _adding(contender: Contender, inputs: Sequence[Input]) -> Callable[[Stopwatch], None]:
    def one(watch: Stopwatch) -> None:
        with watch.running(len(inputs)):
            for each in inputs:
                contender.add(each.start, each.seconds)

    return one


def _measuring(contender: Contender, inputs: Sequence[Input]) -> Callable[[Stopwatch], None]:
    def one(watch: Stopwatch) -> None:
        with watch.running(len(inputs)):
            for each in inputs:
                contender.between(each.start, each.end)

    return one


def _week(calendar: Calendar) -> tuple[time, time, Sequence[int]]:
    """The one shift of a plain week, and its days."""
    (shift,) = {shifts for shifts in calendar.week if shifts}
    ((begins, ends),) = shift
    return _clock(begins), _clock(ends), [day for day, shifts in enumerate(calendar.week) if shifts]


def _clock(seconds: int) -> time:
    return time(seconds // 3600, seconds % 3600 // 60)


def _closed(exceptions: Mapping[date, object]) -> frozenset[date]:
    return frozenset(day for day, shifts in exceptions.items() if not shifts)


def _workclock(calendar: Calendar) -> Contender:
    begins, ends, days = _week(calendar)
    hours, closed = workclock.WorkDay(begins, ends, days), workclock.Holidays(_closed(calendar.exceptions))
    schedule = workclock.Schedule([hours, closed], time_zone=calendar.zone)

    def between(start: datetime, end: datetime) -> int:
        return int(schedule.between(start, end).total_seconds())

    return Contender(lambda start, seconds: schedule.add(start, seconds=seconds), between)


def _businesstimedelta(calendar: Calendar) -> Contender:
    begins, ends, days = _week(calendar)
    zone = pytz.timezone(calendar.zone)
    hours = businesstimedelta.WorkDayRule(start_time=begins, end_time=ends, working_days=days, tz=zone)
    closed = businesstimedelta.HolidayRule(_closed(calendar.exceptions), tz=zone)
    rules = businesstimedelta.Rules([hours, closed], tz=zone)

    def add(start: datetime, seconds: int) -> datetime:
        due: datetime = start + businesstimedelta.BusinessTimeDelta(rules, seconds=seconds)
        return due

    def between(start: datetime, end: datetime) -> int:
        return int(rules.difference(start, end).timedelta.total_seconds())

    return Contender(add, between)
