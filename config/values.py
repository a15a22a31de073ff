"""The small languages that policy files are written in: durations, shifts, days, keys, words in two languages."""

import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from domain.businesstime import DAY_S, Span
from domain.policy import Text

_DURATION = re.compile(r"^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$")
_SHIFT = re.compile(r"^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Strict(BaseModel):
    """No coercion, no unknown keys, no change after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


class TextDoc(Strict):
    """The same words in both languages."""

    ru: Words
    en: Words


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Choice = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""A value of a field that is chosen: ``blocker``, ``3.1``."""
LevelName = Literal["high", "medium", "low"]
PriorityName = Literal["p1", "p2", "p3", "p4"]
StatusName = Literal["classification", "in_progress", "waiting_requester", "internal", "feedback", "closed"]
Steps = Annotated[int, Field(ge=0, le=3)]
Share = Annotated[int, Field(ge=1, le=99)]
"""Per cent of a goal."""


def parse_duration(value: Any) -> int:
    """``4h``, ``30m``, ``1h30m``, ``90s`` -> seconds. Days are refused: a business day has no fixed length."""
    found = _DURATION.match(value) if isinstance(value, str) else None
    seconds = sum(int(n or 0) * unit for n, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0
    if seconds <= 0:
        raise ValueError("is not a duration: write hours, minutes and seconds like 4h, 30m or 1h30m")
    return seconds


def duration(seconds: int) -> str:
    """The way back: 5400 -> ``1h30m``."""
    parts = ((seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _parse_goal(value: Any) -> int | Literal["none"]:
    return "none" if value == "none" else parse_duration(value)


def parse_shift(value: Any) -> Span:
    """``09:00-18:00`` -> seconds from midnight; an end before the start is on the next day."""
    found = _SHIFT.match(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("is not a shift: write it like 09:00-18:00")
    h1, m1, h2, m2 = (int(part) for part in found.groups())
    if max(m1, m2) > 59 or h1 > 23 or h2 > 24 or (h2 == 24 and m2):
        raise ValueError("is not a time of day: hours go to 24:00, minutes to 59")
    start, end = h1 * 3600 + m1 * 60, h2 * 3600 + m2 * 60
    return (start, end if end > start else end + DAY_S)


def parse_days(text: str) -> tuple[int, ...]:
    """``mon`` -> (0,), ``mon-fri`` -> (0, 1, 2, 3, 4), ``sat-mon`` -> (5, 6, 0)."""
    first, _, last = text.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise ValueError("is not a day or a range of days: write mon or mon-fri")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return tuple((start + n) % 7 for n in range((end - start) % 7 + 1))


def _checked(check: Callable[[str], Any]) -> AfterValidator:
    """Validates by a parser and keeps the text."""

    def keep(text: str) -> str:
        check(text)
        return text

    return AfterValidator(keep)


def _parse_date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as fault:
        raise ValueError("is not a date: write it like 2026-12-31") from fault


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as fault:
        raise ValueError(f"is not a time zone: {name}") from fault


def _closed(value: Any) -> Any:
    return [] if value == "closed" else value


def _ascending(shares: list[int]) -> list[int]:
    if any(later <= sooner for sooner, later in pairwise(shares)):
        raise ValueError("must rise: write it like [50, 80]")
    return shares


Duration = Annotated[
    int, BeforeValidator(parse_duration), WithJsonSchema({"type": "string", "pattern": _DURATION.pattern})
]
GoalDoc = Annotated[
    int | Literal["none"], BeforeValidator(_parse_goal), WithJsonSchema({"type": "string", "examples": ["4h", "none"]})
]
"""Seconds, or ``none``: promised is nothing, and that is said."""
Warn = Annotated[list[Share], AfterValidator(_ascending)]
Shift = Annotated[Span, BeforeValidator(parse_shift), WithJsonSchema({"type": "string", "pattern": _SHIFT.pattern})]
Shifts = Annotated[
    list[Shift],
    BeforeValidator(_closed),
    WithJsonSchema(
        {"anyOf": [{"const": "closed"}, {"type": "array", "items": {"type": "string", "pattern": _SHIFT.pattern}}]}
    ),
]
Days = Annotated[str, _checked(parse_days)]
Day = Annotated[date, BeforeValidator(_parse_date), WithJsonSchema({"type": "string", "format": "date"})]
Zone = Annotated[str, _checked(_zone)]
Domain = Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
Mailbox = Annotated[str, Field(pattern=r"^[^@\sA-Z]+@[a-z0-9.-]+$")]


def text(document: TextDoc) -> Text:
    return Text(ru=document.ru.strip(), en=document.en.strip())
