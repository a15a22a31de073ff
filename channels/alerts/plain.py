"""Our own dialect: one alert a request, after ``docs/schemas/alert-plain.v1.json``. For scripts, cron jobs and systems
that have none of the others.

``fingerprint`` names the trouble, the same each time; ``id`` one occurrence of it. One of the two will do, and stands
in for the other; without both, ``started_at`` tells occurrences apart.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from channels.alerts.account import AlertAccount
from channels.alerts.event import TEXT, AlertEvent, Id, Moment, Read, converted, event_id, first, instant, line, pairs
from channels.hooks import Malformed

Line = Annotated[str, Meta(max_length=500)]


class PlainAlert(Struct, kw_only=True):
    """Members that are not named here are let pass. Times are RFC 3339 with a zone."""

    status: Literal["firing", "resolved"]
    title: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
    id: Id = ""
    fingerprint: Id = ""
    text: Annotated[str, Meta(max_length=500_000)] = ""
    severity: Line = ""
    product: Line = ""
    host: Line = ""
    labels: Annotated[dict[str, str | bool | int | float | None], Meta(max_length=100)] = {}
    url: Annotated[str, Meta(max_length=2000)] = ""
    started_at: Moment | None = None
    ended_at: Moment | None = None


def read(account: AlertAccount, values: Any, raw: bytes) -> tuple[Read, ...]:
    """Raises ``Malformed``."""
    given = converted(values, PlainAlert)
    fingerprint = given.fingerprint or given.id
    if not fingerprint:
        raise Malformed("fingerprint", "is needed, or id in its place")
    started_at = instant(given.started_at)
    occurrence = given.id if given.id and given.fingerprint else started_at.isoformat() if started_at else ""
    if not occurrence:
        raise Malformed("started_at", "is needed, or an id of this occurrence beside the fingerprint")
    ended_at = instant(given.ended_at)
    labels = {name: _text(value) for name, value in given.labels.items() if value is not None}
    event = AlertEvent(
        fingerprint=fingerprint,
        event_id=event_id(occurrence, given.status, ended_at),
        status=given.status,
        title=given.title,
        text=given.text[:TEXT],
        severity=given.severity or first(labels, ("severity",)),
        product=given.product or first(labels, account.product_labels),
        host=given.host or first(labels, ("host",)),
        labels=pairs(labels),
        links={"source": line(given.url)} if given.url else {},
        started_at=started_at,
        ended_at=ended_at if given.status == "resolved" else None,
    )
    return (Read(event, raw),)


def _text(value: str | bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
