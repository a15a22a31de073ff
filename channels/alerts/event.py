"""One alert as every dialect is read into it. No I/O.

It travels beside the raw bytes, so everything in it has a limit; the raw bytes have all. What is over a limit is cut,
not refused: no alert is lost for a long annotation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from channels.hooks import mistake

T = TypeVar("T")

Id = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
Moment = Annotated[datetime, Meta(tz=True)]

TEXT, LINE = 40_000, 500
_MOST_LABELS = 50
_LABEL = 100
_FIRST_YEAR, _LAST_YEAR = 1971, 9998
"""Outside of these a time means that there is none: Alertmanager writes year 1 for what has not ended."""


class AlertEvent(Struct, kw_only=True):
    """``event_id`` tells this event from others of the same fingerprint: the same for a repeat. ``source``: who sends
    it (a receiver's name); ``links``: where to look, by what they are."""

    fingerprint: str
    event_id: str
    status: Literal["firing", "resolved"]
    title: str
    text: str = ""
    severity: str = ""
    product: str = ""
    host: str = ""
    source: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    links: dict[str, str] = {}
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON values, with every member."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


@dataclass(frozen=True, slots=True)
class Read:
    """One alert of a request: what it says, and its own bytes."""

    event: AlertEvent
    raw: bytes


def converted(values: Any, shape: type[T]) -> T:
    """Raises ``Malformed`` with the member's path."""
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        raise mistake(error) from error


def instant(moment: datetime | None) -> datetime | None:
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    return moment.astimezone(UTC)


def event_id(occurrence: str, status: str, ended_at: datetime | None) -> str:
    """``occurrence``: what one beginning of the trouble has for itself, a time or an id."""
    return f"{occurrence}:{status}" + (f":{ended_at.isoformat()}" if status == "resolved" and ended_at else "")


def line(text: str) -> str:
    return text[:LINE]


def pairs(given: Mapping[str, str]) -> dict[str, str]:
    return {name[:_LABEL]: value[:LINE] for name, value in list(given.items())[:_MOST_LABELS]}


def first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((line(labels[name]) for name in names if labels.get(name)), "")


def json_schema(shape: type[Struct]) -> dict[str, Any]:
    """Of a dialect's body, for ``docs/schemas``."""
    (schema,), components = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": components}
