"""The shape of the policy files, one model a file. Strict: a key that is not here is refused.

Arrives: plain values of ``config.documents``. Leaves: the models that ``config.lint`` checks against each other and
``config.compiler`` makes the policy of. ``json_schemas`` describes the same shapes to editors.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from config.rule_schema import RulesFile, Strict, TextDoc, Words
from domain.businesstime import DAY_S, Span

_DURATION = re.compile(r"^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$")
_SHIFT = re.compile(r"^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
LevelName = Literal["high", "medium", "low"]
PriorityName = Literal["p1", "p2", "p3", "p4"]


def parse_duration(value: Any) -> int:
    """``4h``, ``30m``, ``1h30m``, ``90s`` -> seconds. Days are refused: a business day has no fixed length."""
    found = _DURATION.match(value) if isinstance(value, str) else None
    seconds = sum(int(n or 0) * unit for n, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0
    if seconds <= 0:
        raise ValueError("is not a duration: write hours, minutes and seconds like 4h, 30m or 1h30m")
    return seconds


def _parse_goal(value: Any) -> int | None:
    return None if value == "none" else parse_duration(value)


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


Duration = Annotated[
    int, BeforeValidator(parse_duration), WithJsonSchema({"type": "string", "pattern": _DURATION.pattern})
]
GoalDoc = Annotated[
    int | None, BeforeValidator(_parse_goal), WithJsonSchema({"type": "string", "examples": ["4h", "none"]})
]
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
Domain = Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
Mailbox = Annotated[str, Field(pattern=r"^[^@\sA-Z]+@[a-z0-9.-]+$")]


class DefaultsDoc(Strict):
    """What a request gets where nothing says otherwise."""

    catalog: str
    kind: Slug
    plan: Slug
    line: Slug


class PolicyFile(Strict):
    name: TextDoc
    defaults: DefaultsDoc
    matrix: dict[LevelName, dict[LevelName, PriorityName]]
    """impact -> urgency -> priority."""
    reopen_days: int = Field(default=14, ge=0, le=3650)
    repeat_days: int = Field(default=7, ge=0, le=30)


class LineDoc(Strict):
    order: int = Field(ge=1)
    title: TextDoc
    calendar: Slug
    stay: Duration | None = None
    writes_to_customers: bool = True
    groups: dict[Slug, TextDoc] = Field(default={})


class LinesFile(Strict):
    lines: dict[Slug, LineDoc]


class HolidaysDoc(Strict):
    """Public holidays by country; ``workdays_like``: whose hours a transferred working day has."""

    country: str
    subdivision: str | None = None
    years: tuple[int, int] | None = None
    workdays_like: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("years"), list):
            return {**value, "years": tuple(value["years"])}
        return value


class CalendarDoc(Strict):
    always: bool = False
    zone: Annotated[str, _checked(_zone)] = "UTC"
    week: dict[Days, Shifts] = Field(default={})
    holidays: HolidaysDoc | None = None
    exceptions: dict[Day, Shifts] = Field(default={})

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.always and (self.week or self.holidays or self.exceptions):
            raise ValueError("is always open, so it has no week, holidays or exceptions")
        if not self.always and not self.week:
            raise ValueError("has no working hours: write week, or always: true")
        return self


class CalendarsFile(Strict):
    calendars: dict[Slug, CalendarDoc]


class TargetsDoc(Strict):
    first_response: dict[PriorityName, GoalDoc]
    resolution: dict[PriorityName, GoalDoc]


class PlanDoc(Strict):
    title: TextDoc
    calendar: Slug
    targets: TargetsDoc
    raises_priority: int = Field(default=0, ge=0, le=3)
    entitlements: list[TextDoc] = Field(default=[])


class PlansFile(Strict):
    plans: dict[Slug, PlanDoc]


class CatalogDoc(Strict):
    """What is left out comes from the entry above."""

    title: TextDoc
    line: Slug | None = None
    group: Slug | None = None
    kind: Slug | None = None
    form: bool | None = None
    children: dict[Slug, "CatalogDoc"] = Field(default={})


class CatalogFile(Strict):
    catalog: dict[Slug, CatalogDoc]


class KindDoc(Strict):
    type: Slug
    title: TextDoc
    impact: LevelName
    urgency: LevelName
    regulation: TextDoc
    line: Slug | None = None


class KindsFile(Strict):
    kinds: dict[Slug, KindDoc]


class AddressDoc(Strict):
    catalog: str | None = None


class MailDoc(Strict):
    domains: list[Domain] = Field(min_length=1)
    addresses: dict[Mailbox, AddressDoc]
    authserv_ids: list[str] = Field(default=[])
    sender_verification: Literal["when_present", "required"] = "when_present"
    public_domains: list[Domain] = Field(default=[])
    max_size: int = Field(default=26_214_400, ge=65_536)


class MailFile(Strict):
    mail: MailDoc


class FormDoc(Strict):
    title: TextDoc
    intro: TextDoc
    consent: TextDoc
    consent_version: Words
    catalogs: list[str] = Field(default=[])
    min_seconds: int = Field(default=3, ge=0)
    max_files: int = Field(default=10, ge=0)
    max_file_bytes: int = Field(default=20_971_520, ge=0)
    max_total_bytes: int = Field(default=26_214_400, ge=0)
    embed_origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = Field(default=[])


class FormsFile(Strict):
    forms: dict[Slug, FormDoc]


class LetterDoc(Strict):
    subject: TextDoc
    body: TextDoc
    enabled: bool = True


class LettersFile(Strict):
    letters: dict[Slug, LetterDoc]


FILES: dict[str, type[BaseModel]] = {
    "policy.yaml": PolicyFile,
    "lines.yaml": LinesFile,
    "calendars.yaml": CalendarsFile,
    "plans.yaml": PlansFile,
    "catalog.yaml": CatalogFile,
    "kinds.yaml": KindsFile,
    "rules.yaml": RulesFile,
    "mail.yaml": MailFile,
    "forms.yaml": FormsFile,
    "letters.yaml": LettersFile,
}
"""Every file of a policy folder, all required."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each file, by file name."""
    return {file: model.model_json_schema(by_alias=True) for file, model in FILES.items()}
