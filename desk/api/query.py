"""Query parameters of the API: declared once, checked by the declaration, described from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from desk.api.problems import Refused
from desk.pages.queue import SORTS
from desk.words import PRIORITY, STATUS

GROUPS = ("status", "priority", "channel", "line", "group", "assignee", "kind", "catalog", "organization", "plan")
MAX_PAGE = 200
TEXT_CAP = 200


def _text(value: str) -> str:
    if len(value) > TEXT_CAP:
        raise ValueError(f"longer than {TEXT_CAP} characters")
    return value


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise ValueError("not a date or an RFC 3339 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _limit(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MAX_PAGE:
        raise ValueError(f"not a number from 1 to {MAX_PAGE}")
    return int(value)


def _switch(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("neither 0 nor 1")
    return value == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """``many``: may be repeated or hold several values with commas between."""

    name: str
    about: str
    read: Callable[[str], Any] = _text
    known: Sequence[str] = ()
    many: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string", "maxLength": TEXT_CAP})

    def check(self, value: str) -> Any:
        if self.known and value not in self.known:
            raise ValueError(f"not one of {', '.join(self.known)}")
        return self.read(value)


_MOMENT = {"type": "string", "format": "date-time"}
_SWITCH = {"type": "string", "enum": ["0", "1"]}
TICKETS = (
    Parameter(name="line", about="Key of a support line", many=True),
    Parameter(name="assignee", about="Agent id, or none for tickets of nobody", many=True),
    Parameter(name="status", about="Status", known=tuple(STATUS), many=True),
    Parameter(name="priority", about="Priority", known=tuple(PRIORITY), many=True),
    Parameter(name="channel", about="Channel", many=True),
    Parameter(name="catalog", about="Catalog path; entries below it are included"),
    Parameter(name="kind", about="Kind of request", many=True),
    Parameter(
        name="customer",
        about="Id or address of a requester, whatever channel they wrote from; or id or name of an organisation",
    ),
    Parameter(name="q", about="Words to search for, or a ticket number"),
    Parameter(name="created_from", about="Opened at this time or later", read=_moment, schema=_MOMENT),
    Parameter(name="created_to", about="Opened before this time", read=_moment, schema=_MOMENT),
    Parameter(name="sort", about="Order of the list", known=SORTS),
    Parameter(name="group", about="Adds counts by this attribute over the first 1,000 tickets", known=GROUPS),
    Parameter(name="cursor", about="The next of an earlier answer"),
    Parameter(
        name="limit",
        about="Tickets in one answer",
        read=_limit,
        schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50},
    ),
)
EXPLAIN = (
    Parameter(
        name="explain", about="1 adds the rules that were tried and the clocks' segments", read=_switch, schema=_SWITCH
    ),
)
HELD = (
    Parameter(name="outcome", about="Only these", known=("quarantined", "suppressed")),
    Parameter(name="before", about="The next of an earlier answer"),
    Parameter(
        name="limit",
        about="Messages in one answer",
        read=_limit,
        schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50},
    ),
)


def read_query(given: Sequence[tuple[str, str]], allowed: Sequence[Parameter]) -> dict[str, Any]:
    """Values by name: a tuple where several are allowed. Raises ``Refused`` 422 that names every parameter at fault."""
    by_name = {parameter.name: parameter for parameter in allowed}
    values: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for name, text in given:
        parameter = by_name.get(name)
        if parameter is None:
            errors.append((name, "unknown parameter"))
        elif text:
            _take(parameter, text, values, errors)
    if errors:
        raise Refused(422, errors=errors)
    return values


def _take(parameter: Parameter, text: str, values: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    try:
        if parameter.many:
            parts = tuple(parameter.check(part) for part in text.split(",") if part)
            values[parameter.name] = values.get(parameter.name, ()) + parts
        elif parameter.name in values:
            errors.append((parameter.name, "given more than once"))
        else:
            values[parameter.name] = parameter.check(text)
    except ValueError as error:
        errors.append((parameter.name, str(error)))
