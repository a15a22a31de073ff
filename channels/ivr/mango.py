"""Mango Office: the events of its virtual PBX -> canonical events. One account posts to several paths below its own.

How sure this is. The fields stand in the vendor's API document, which was read as third parties quote it, and in their
code; nothing here was tried against the vendor's machines. ``sign`` is hex SHA-256(key + json + salt), no HMAC, and is
checked on the text as it came. Third parties report that the cabinet's button that checks the connection posts an
empty request: it is answered with 200, and nothing is kept. Recalled: that a number as time is seconds since 1970,
whatever the document says of UTC+3; a time as text is read as UTC+3.

Nothing that is signed says when it was sent, so there is no window: an event that comes again has the same id and no
second effect. Events come in any order: ``seq`` counts them within a leg. The transcript does not come by itself; it
would have to be asked for at the vendor's.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from channels.hooks import Malformed, decoded
from channels.ivr.account import IvrAccount
from channels.ivr.event import BadSignature, Event, Posted, checked

BELOW = True
_ZONE = timezone(timedelta(hours=3))
_DIRECTIONS = {"0": "internal", "1": "inbound", "2": "outbound"}
_MOST_FIELDS = 20

Given = Mapping[str, Any]


def check(account: IvrAccount, posted: Posted) -> None:
    """Raises ``BadSignature``. An empty request is nobody's event, and needs no signature."""
    if not posted.body:
        return
    fields = _form(posted.body)
    key, text, given = (fields.get(name, "") for name in ("vpbx_api_key", "json", "sign"))
    if not given:
        raise BadSignature("missing")
    signed = f"{account.key}{text}{account.secret}".encode("utf-8", "surrogateescape")
    wanted = hashlib.sha256(signed).hexdigest()
    same_key = hmac.compare_digest(account.key.encode(), key.encode("utf-8", "surrogateescape"))
    same_sign = hmac.compare_digest(wanted.encode(), given.lower().encode("utf-8", "surrogateescape"))
    if not (same_key and same_sign):
        raise BadSignature("signature")


def read(account: IvrAccount, posted: Posted) -> Event | None:
    """None for events that say nothing of a caller's request. Raises ``Malformed``."""
    reader = _READERS.get(posted.below)
    if not posted.body or reader is None:
        return None
    text = _form(posted.body).get("json", "")
    given = decoded(text.encode("utf-8", "surrogateescape"), "json")
    if not isinstance(given, dict):
        raise Malformed("json", "is not a JSON object")
    if not _text(given, "entry_id") and not _text(given, "call_id"):
        raise Malformed("entry_id", "is needed")
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    values = {
        "schema": "ivr.v1",
        "event": "call.updated",
        "event_id": f"{posted.below.removeprefix('events/')}:{digest}",
        "seq": _whole(given, "seq") or 0,
        "provider": "mango",
        "occurred_at": _moment(given, "timestamp"),
    }
    return checked(values | reader(given))


def received(account: IvrAccount, posted: Posted, envelope: str, *, new: bool) -> web.Response:
    """200 for what is new and for what came before: the provider knows no other."""
    return web.Response(status=200)


def _call(given: Given) -> dict[str, Any]:
    """A leg changed its state. The call is over with its summary, not with its first leg."""
    to = _part(given, "to")
    return {
        "call": {
            **_ids(given),
            "from_raw": _party(_part(given, "from")),
            "to": _text(to, "line_number") or _party(to),
            "status": _text(given, "call_state").lower(),
        },
        "ivr": {"path": _way(_text(given, "location"))},
    }


def _summary(given: Given) -> dict[str, Any]:
    start, end = _moment(given, "create_time"), _moment(given, "end_time")
    lasted = datetime.fromisoformat(end) - datetime.fromisoformat(start) if start and end else None
    line = _text(given, "line_number")
    direction = _DIRECTIONS.get(_text(given, "call_direction"), "inbound")
    callee = _party(_part(given, "to"))
    return {
        "event": "call.completed",
        "occurred_at": end,
        "call": {
            **_ids(given),
            "direction": direction,
            "from_raw": _party(_part(given, "from")),
            # Of a call that comes in, the line that was dialled says more than who picked up.
            "to": (line or callee) if direction == "inbound" else callee,
            "started_at": start,
            "duration_s": max(0, round(lasted.total_seconds())) if lasted is not None else None,
            "status": "completed" if _text(given, "entry_result") == "1" else "missed",
        },
    }


def _dtmf(given: Given) -> dict[str, Any]:
    return {
        "call": {
            **_ids(given),
            "from_raw": _text(given, "from_number") or _text(given, "initiator"),
            "to": _text(given, "line_number") or _text(given, "to_number"),
        },
        "ivr": {"path": _way(_text(given, "location")), "digits": _text(given, "dtmf")},
    }


def _record(given: Given) -> dict[str, Any]:
    """The recording has no address of its own: it is fetched by its id, with a signed request."""
    if not _text(given, "recording_id"):
        raise Malformed("recording_id", "is needed")
    return {"call": _ids(given), "recording": {"id": _text(given, "recording_id")}}


_READERS: Mapping[str, Callable[[Given], dict[str, Any]]] = {
    "events/call": _call,
    "events/summary": _summary,
    "events/dtmf": _dtmf,
    "events/record/added": _record,
}


def _ids(given: Given) -> dict[str, Any]:
    entry, leg = _text(given, "entry_id"), _text(given, "call_id")
    return {"id": entry or leg, "leg_id": leg if entry and leg else None}


def _way(location: str) -> list[str]:
    """``ivr.2`` is the second item of the menu; elsewhere (``queue``, ``abonent``) the caller is past the menu."""
    steps = [step for step in location.split(".") if step]
    return steps if steps[:1] == ["ivr"] else []


def _party(part: Given) -> str:
    return _text(part, "number") or _text(part, "extension")


def _part(given: Given, name: str) -> Given:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(name, "is not an object")
    return value


def _text(given: Given, name: str) -> str:
    """Numbers come as numbers or as text."""
    value = given.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Malformed(name, "is neither text nor a number")
    return str(value)


def _whole(given: Given, name: str) -> int | None:
    value = _text(given, name).strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise Malformed(name, "is not a whole number")
    return int(value[:15])


def _moment(given: Given, name: str) -> str | None:
    """0 and nothing mean that it did not happen."""
    value = _text(given, name).strip()
    if value in ("", "0"):
        return None
    try:
        if value.isascii() and value.isdigit():
            return datetime.fromtimestamp(int(value[:15]), tz=UTC).isoformat()
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=_ZONE)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(name, "is not a time") from error


def _form(body: bytes) -> dict[str, str]:
    """What is no form has no signature."""
    try:
        fields = parse_qs(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
