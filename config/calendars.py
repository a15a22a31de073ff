"""Calendar documents -> compiled calendars: public holidays expanded, own days laid over them.

Called by ``config.compiler`` and ``config.lint``. No clock: holidays are expanded over fixed years, so that a revision
means the same whenever it is compiled.
"""

from datetime import date
from types import MappingProxyType

import holidays

from config.schema import WEEKDAYS, CalendarDoc, HolidaysDoc, parse_days
from domain.businesstime import Calendar, Span

DEFAULT_YEARS = (2020, 2040)
"""First and last year expanded where ``holidays.years`` does not say otherwise."""


def compiled(key: str, document: CalendarDoc) -> Calendar:
    if document.always:
        return Calendar.always(key)
    week: list[tuple[Span, ...]] = [()] * 7
    for days, shifts in document.week.items():
        for weekday in parse_days(days):
            week[weekday] = tuple(shifts)
    exceptions = holiday_exceptions(document.holidays, week) if document.holidays else {}
    exceptions |= {day: tuple(shifts) for day, shifts in document.exceptions.items()}
    return Calendar(
        key=key, zone=document.zone, week=tuple(week), exceptions=MappingProxyType(dict(sorted(exceptions.items())))
    )


def holiday_exceptions(document: HolidaysDoc, week: list[tuple[Span, ...]]) -> dict[date, tuple[Span, ...]]:
    """Closed on every public holiday; a day off that was made a working day gets the hours of a usual one."""
    first, last = document.years or DEFAULT_YEARS
    days = holidays.country_holidays(document.country, subdiv=document.subdivision, years=range(first, last + 1))
    exceptions: dict[date, tuple[Span, ...]] = dict.fromkeys(days, ())
    usual = week[WEEKDAYS.index(document.workdays_like)]
    exceptions |= dict.fromkeys(days.weekend_workdays, usual)
    return exceptions


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
