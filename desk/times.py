"""Times as people read them: exact in the reader's zone, relative to now, spans of business time."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime, format_time

from desk.i18n import gettext as _
from desk.i18n import speaking

ZONE_COOKIE = "priyom_zone"
SOON = timedelta(hours=1)
"""A target that is due within this is shown as urgent."""

zone: ContextVar[tzinfo] = ContextVar("zone")


def zone_of(name: str | None, default: str) -> tzinfo:
    """The browser's zone if it named a real one."""
    for candidate in (name, default):
        if candidate and len(candidate) < 64 and "/" in candidate:
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")


def exact(at: datetime) -> str:
    """``3 Nov 2026, 14:05`` / ``3 нояб. 2026, 14:05``."""
    pattern = "d MMM y, HH:mm" if speaking.get() == "en" else "d MMM y 'г'., HH:mm"
    return format_datetime(at.astimezone(zone.get()), pattern, locale=speaking.get())


def short(at: datetime, now: datetime) -> str:
    """The time alone today, otherwise day and time; the year only where it is another."""
    here, today = at.astimezone(zone.get()), now.astimezone(zone.get())
    if here.date() == today.date():
        return format_time(here, "HH:mm", locale=speaking.get())
    pattern = "d MMM, HH:mm" if here.year == today.year else "d MMM y, HH:mm"
    return format_datetime(here, pattern, locale=speaking.get())


def span(seconds: float) -> str:
    """At most two units: ``2 d 4 h``, ``3 h 10 min``, ``45 min``, ``under a minute``."""
    minutes = int(abs(seconds)) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return _join((days, _("d")), (hours, _("h")))
    if hours:
        return _join((hours, _("h")), (rest, _("min")))
    return f"{rest}\u00a0{_('min')}" if rest else _("under a minute")


def _join(first: tuple[int, str], second: tuple[int, str]) -> str:
    return " ".join(f"{count}\u00a0{unit}" for count, unit in (first, second) if count)


def one_unit(seconds: float) -> str:
    """For narrow columns: ``5 min``, ``3 h``, ``12 d``; nothing under a minute."""
    minutes = int(abs(seconds)) // 60
    for size, unit in ((1440, _("d")), (60, _("h")), (1, _("min"))):
        if minutes >= size:
            return f"{minutes // size}\u00a0{unit}"
    return ""


def age(at: datetime, now: datetime) -> str:
    return one_unit(max(0.0, (now - at).total_seconds())) or _("now")


def ago(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    return _("just now") if seconds < 60 else _("{} ago").format(span(seconds))


def due(at: datetime, now: datetime) -> str:
    return _due((at - now).total_seconds(), span)


def due_brief(at: datetime, now: datetime) -> str:
    return _due((at - now).total_seconds(), one_unit)


def _due(left: float, spelled: Callable[[float], str]) -> str:
    if abs(left) < 60:
        return _("in under a minute") if left >= 0 else _("overdue just now")
    return (_("in {}") if left >= 0 else _("{} overdue")).format(spelled(left))


def urgency(at: datetime, now: datetime) -> str:
    """``late``, ``soon`` or ``calm``: the class of a due time. Its words say the same without colour."""
    if at < now:
        return "late"
    return "soon" if at - now <= SOON else "calm"


def ticking_words() -> dict[str, str]:
    """What the page's module needs to keep relative times true between loads."""
    return {
        "d": _("d"),
        "h": _("h"),
        "min": _("min"),
        "now": _("now"),
        "moment": _("under a minute"),
        "nearly": _("in under a minute"),
        "past": _("overdue just now"),
        "in": _("in {}"),
        "late": _("{} overdue"),
        "just": _("just now"),
        "ago": _("{} ago"),
    }
