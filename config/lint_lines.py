"""Checks of ``lines.yaml`` and ``calendars.yaml``: places, calendars, hours, days without anybody."""

from collections.abc import Iterator
from itertools import pairwise

from config.bundle import Bundle
from config.calendars import closed_stretches, compiled_all, holiday_faults
from config.line_schema import CalendarDoc
from config.names import Fault, Names
from config.problems import Path
from config.values import duration, parse_days
from domain.businesstime import Calendar

LONGEST_GAP_DAYS = 14


def lines(bundle: Bundle, names: Names) -> Iterator[Fault]:
    orders: dict[int, str] = {}
    for key, line in bundle.lines.lines.items() if bundle.lines else ():
        yield from names.refer("lines.yaml", ("lines", key, "calendar"), "calendar", line.calendar)
        first = orders.setdefault(line.order, key)
        if first != key:
            yield "lines.yaml", ("lines", key, "order"), f"has the place of line {first}: {line.order}"


def calendars(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, calendar in bundle.calendars.calendars.items() if bundle.calendars else ():
        path: Path = ("calendars", key)
        for found, message in _faults(calendar):
            yield "calendars.yaml", (*path, *found), message
        yield from names.refer_all("calendars.yaml", (*path, "union"), "calendar", calendar.union)
        for index, part in enumerate(calendar.union):
            other = bundle.calendars.calendars.get(part) if bundle.calendars else None
            if other is not None and other.union:
                yield "calendars.yaml", (*path, "union", index), f"is a union itself; name what it is of: {part}"


def _faults(calendar: CalendarDoc) -> Iterator[tuple[Path, str]]:
    if calendar.week and not any(calendar.week.values()):
        yield ("week",), "has no working hours at all"
    given: dict[int, str] = {}
    for days in calendar.week:
        for weekday in parse_days(days):
            if given.setdefault(weekday, days) != days:
                yield ("week", days), f"says a day again that {given[weekday]} says"
    for part, rows in (("week", calendar.week), ("exceptions", calendar.exceptions)):
        for day, shifts in rows.items():
            if any(later[0] < sooner[1] for sooner, later in pairwise(sorted(shifts))):
                yield (part, str(day)), "has shifts that overlap"
    if calendar.holidays is not None:
        for field, message in holiday_faults(calendar.holidays):
            yield ("holidays", field), message
    shorter = calendar.shorter_before_holidays
    if shorter is not None:
        lengths = [max(shifts, key=lambda shift: shift[1]) for shifts in calendar.week.values() if shifts]
        if any(end - start <= shorter for start, end in lengths):
            yield ("shorter_before_holidays",), f"is as long as a whole shift: {duration(shorter)}"


def gaps(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """Lines and plans whose clocks would stand still for weeks."""
    file = bundle.calendars
    if file is None or next(calendars(bundle, names), None) is not None:
        return
    closed = {key: _longest(calendar) for key, calendar in compiled_all(file).items()}
    for where, part, rows in (
        ("lines.yaml", "lines", bundle.lines.lines if bundle.lines else {}),
        ("plans.yaml", "plans", bundle.plans.plans if bundle.plans else {}),
    ):
        for key, each in rows.items():
            found = closed.get(each.calendar)
            if found:
                yield where, (part, key, "calendar"), f"has a calendar that is closed for {found}: {each.calendar}"


def _longest(calendar: Calendar) -> str | None:
    """``17 days from 2027-01-01``, the first of the longest."""
    stretches = list(closed_stretches(calendar, LONGEST_GAP_DAYS))
    if not stretches:
        return None
    day, length = max(stretches, key=lambda stretch: stretch[1])
    return f"{length} days from {day}"
