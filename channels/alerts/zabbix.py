"""Zabbix: one event a request, posted by a webhook media type whose script is in ``docs/channels/alerts.md``, after
``docs/schemas/alert-zabbix.v1.json``.

How sure this is. Zabbix has no wire format of its own here: the script makes the body of the macros that the vendor
documents. The trigger is the trouble, the problem's event id its occurrence; a recovery has value 0 and the problem's
event id. What Zabbix sends about an update of a problem (a comment, an acknowledgement) has the same id and value as
the problem: the same event. A macro that Zabbix does not know comes as it is written, or as ``*UNKNOWN*``: refused in
an id, left out elsewhere.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from channels.alerts.account import AlertAccount
from channels.alerts.event import TEXT, AlertEvent, Read, converted, event_id, first, line, pairs

Number = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
_SEVERITIES = ("not-classified", "information", "warning", "average", "high", "disaster")
_MOST_TAGS = 200


class ZabbixEvent(Struct, kw_only=True):
    """``event_value``: 1 for a problem, 0 for its recovery. ``severity``: its name, or its number from 0 to 5.
    ``tags``: what ``{EVENT.TAGSJSON}`` gives, as text or as JSON."""

    event_id: Number
    event_value: Literal["0", "1", 0, 1]
    trigger_id: Number
    trigger_name: Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"\S")]
    severity: Annotated[str, Meta(max_length=100)] | Annotated[int, Meta(ge=0, le=5)] = ""
    host: Annotated[str, Meta(max_length=500)] = ""
    item_value: Annotated[str, Meta(max_length=65_536)] | int | float | None = None
    update_status: Literal["0", "1", 0, 1] = 0
    message: Annotated[str, Meta(max_length=500_000)] = ""
    tags: str | list[dict[str, str]] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""


def read(account: AlertAccount, values: Any, raw: bytes) -> tuple[Read, ...]:
    """Raises ``Malformed``."""
    given = converted(values, ZabbixEvent)
    status: Literal["firing", "resolved"] = "firing" if int(given.event_value) else "resolved"
    tags = _tags(given.tags)
    value = "" if given.item_value is None else _known(str(given.item_value))
    event = AlertEvent(
        fingerprint=str(given.trigger_id),
        event_id=event_id(str(given.event_id), status, None),
        status=status,
        title=line(given.trigger_name),
        text=_known(given.message)[:TEXT],
        severity=_severity(given.severity),
        product=first(tags, account.product_labels),
        host=line(_known(given.host)),
        labels=pairs(tags),
        annotations=pairs({"value": value} if value else {}),
        links={"source": line(given.url)} if _known(given.url) else {},
    )
    return (Read(event, raw),)


def _severity(given: str | int) -> str:
    text = _known(str(given)).strip()
    return _SEVERITIES[int(text)] if text in tuple("012345") else line(text)


def _known(text: str) -> str:
    """Without what is a macro still."""
    bare = text.strip()
    return "" if bare == "*UNKNOWN*" or (bare.startswith("{") and bare.endswith("}") and " " not in bare) else text


def _tags(given: str | list[dict[str, str]]) -> dict[str, str]:
    """``[{"tag": "service", "value": "cash"}]``; of tags with one name the first. What is no such list is left out."""
    try:
        listed = msgspec.json.decode(given, type=list[dict[str, str]]) if isinstance(given, str) else given
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    found: dict[str, str] = {}
    for each in listed[:_MOST_TAGS]:
        if each.get("tag"):
            found.setdefault(each["tag"], each.get("value", ""))
    return found
