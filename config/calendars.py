"""Calendar documents -> compiled calendars: public holidays expanded, own days laid over them.

Called by ``config.compiler`` and the checks. No clock: holidays are expanded over fixed years, so that a revision means
the same whenever it is compiled.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

import holidays

from config.line_schema import CalendarDoc, CalendarsFile, HolidaysDoc
from config.values import WEEKDAYS, parse_days
from domain.businesstime import Calendar, Span

DEFAULT_YEARS = (2020, 2040)
"""First and last year expanded where ``holidays.years`` does not say otherwise."""
_DAY = timedelta(days=1)


def compiled_all(file: CalendarsFile) -> dict[str, Calendar]:
    """In the order of the file. A union is in the zone of the first calendar that it names."""
    plain = {key: compiled(key, each) for key, each in file.calendars.items() if not each.union}
    return {key: plain[key] if key in plain else _union(key, each, plain) for key, each in file.calendars.items()}


def _union(key: str, document: CalendarDoc, plain: Mapping[str, Calendar]) -> Calendar:
    parts = tuple(plain[part] for part in document.union)
    return Calendar(key=key, zone=parts[0].zone, parts=parts)


def compiled(key: str, document: CalendarDoc) -> Calendar:
    """A calendar with hours of its own."""
    if document.always:
        return Calendar.always(key)
    week: list[tuple[Span, ...]] = [()] * 7
    for days, shifts in document.week.items():
        for weekday in parse_days(days):
            week[weekday] = tuple(sorted(shifts))
    exceptions: dict[date, tuple[Span, ...]] = {}
    if document.holidays is not None:
        exceptions = holiday_exceptions(document.holidays, week, document.shorter_before_holidays or 0)
    exceptions |= {day: tuple(sorted(shifts)) for day, shifts in document.exceptions.items()}
    return Calendar(
        key=key, zone=document.zone, week=tuple(week), exceptions=MappingProxyType(dict(sorted(exceptions.items())))
    )


def holiday_exceptions(
    document: HolidaysDoc, week: Sequence[tuple[Span, ...]], shorter_s: int = 0
) -> dict[date, tuple[Span, ...]]:
    """Closed on every public holiday; a day off that was made a working day gets the hours of a usual one; where the
    next day is a public holiday, the last shift ends ``shorter_s`` sooner.

    A day off that was moved to its date is closed like a holiday and makes the day before it no shorter. A working day
    has the length of the date that its day off was moved to: it is short where that one would have been."""
    first, last = document.years or DEFAULT_YEARS
    public = _public(document.country, document.subdivision, first, last)
    usual = week[WEEKDAYS.index(document.workdays_like)]
    exceptions: dict[date, tuple[Span, ...]] = dict.fromkeys(public.closed, ())
    exceptions |= dict.fromkeys(public.worked, usual)
    if shorter_s:
        for eve in public.eves():
            shifts = exceptions.get(eve, week[eve.weekday()])
            if shifts:
                exceptions[eve] = shortened(shifts, shorter_s)
    return {day: shifts for day, shifts in exceptions.items() if first <= day.year <= last}


def shortened(shifts: tuple[Span, ...], seconds: int) -> tuple[Span, ...]:
    """The last shift ends so much sooner; one that is no longer than that falls out."""
    *others, (start, end) = sorted(shifts, key=lambda shift: shift[1])
    return (*others, *(((start, end - seconds),) if end - seconds > start else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Public:
    """``closed``: public holidays, and days off that were moved to their date; ``moved``: the latter, and where they
    came from as far as it is known; ``worked``: days off that were made working days."""

    closed: frozenset[date]
    moved: Mapping[date, date | None]
    worked: frozenset[date]

    def eves(self) -> frozenset[date]:
        """The dates before a holiday proper, and the working days that stand in for one."""
        before = {day - _DAY for day in self.closed if day not in self.moved}
        return frozenset(before | {came for day, came in self.moved.items() if day in before and came in self.worked})


@lru_cache(maxsize=64)
def _public(country: str, subdivision: str | None, first: int, last: int) -> _Public:
    """Of all these years, and of the one after: its first days decide about the last days here."""
    days = holidays.country_holidays(country, subdiv=subdivision, years=range(first, last + 2))
    return _Public(closed=frozenset(days), moved=_moved(days), worked=frozenset(days.weekend_workdays))


def _moved(days: holidays.HolidayBase) -> dict[date, date | None]:
    """Days off that were moved: from a date by the government, or because a holiday fell on a day off. The library
    says so in their names and nowhere else. Where no government moves days, what is given for a holiday on a weekend
    is a public holiday itself."""
    if not days.has_substituted_holidays:
        return {}
    from_date, from_holiday = _named(days, days.substituted_label), _named(days, getattr(days, "observed_label", ""))
    written = days.tr(days.substituted_date_format)
    moved: dict[date, date | None] = {}
    for day in days:
        names = days.get_list(day)
        came = [found[1] for name in names if (found := from_date.fullmatch(name))]
        if len(came) == len(names):
            moved[day] = datetime.strptime(came[0], written).date()  # noqa: DTZ007  (a date has no zone)
        elif all(from_holiday.fullmatch(name) for name in names):
            moved[day] = None
    return moved


def _named(days: holidays.HolidayBase, label: str) -> re.Pattern[str]:
    """Matches the names that the library makes by a label of its own, as the country's language has it."""
    return re.compile(re.escape(days.tr(label) if label else "").replace("%s", "(.+)"))


def holiday_faults(document: HolidaysDoc) -> list[tuple[str, str]]:
    """(key, message) of what the holidays library does not know or cannot span."""
    known = holidays.list_supported_countries()
    if document.country not in known:
        return [("country", f"is not a country whose holidays are known: {document.country}")]
    faults = []
    if document.subdivision is not None and document.subdivision not in known[document.country]:
        faults.append(("subdivision", f"is not a part of {document.country}: {document.subdivision}"))
    first, last = document.years or DEFAULT_YEARS
    if first > last or last - first > 50 or first < 1990:
        faults.append(("years", "must be the first and the last year, at most 50 apart, from 1990 on"))
    return faults


def closed_stretches(calendar: Calendar, days: int) -> Iterator[tuple[date, int]]:
    """(first day, how many) of each stretch of more than ``days`` dates without a shift, in the years that its
    exceptions span. A week that has hours and no exceptions has none."""
    parts = calendar.parts or (calendar,)
    named = [day for part in parts for day in part.exceptions]
    if not named:
        return
    day, end, begun = date(min(named).year, 1, 1), date(max(named).year, 12, 31), None
    while day <= end + _DAY:
        if day <= end and not any(part.shifts(day) for part in parts):
            begun = begun or day
        elif begun is not None:
            if (day - begun).days > days:
                yield begun, (day - begun).days
            begun = None
        day += _DAY
