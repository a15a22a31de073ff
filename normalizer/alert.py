"""A monitoring system's alert to a Message. Called by the pipeline.

Arrives: an envelope whose meta holds the alert as ``channels.alerts`` read it in whatever dialect. Leaves: a message
with an ``Alert``; all that one trouble sends has one conversation handle, made of account and fingerprint, by which it
joins the open ticket. Raises ``Invalid`` where the alert is not there or has no fingerprint.

The sender is the account: the system that watches, not who is concerned.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.errors import Invalid
from domain.message import Address, Alert, Envelope, Message, Normalized, WhenResolved, alert_key
from normalizer import language
from normalizer.mail import caps, charsets
from normalizer.mail.headers import one_line

FLAGS = {"firing": "alert_firing", "resolved": "alert_resolved"}
_SUBJECT = 200
_MOST_FIELDS = 30
_NAME, _VALUE = 100, 500
_BLANKS = re.compile(r"[\s_]+")
_NOT_ASKED = frozenset({"alertname", "severity", "product", "host"})
"""Labels that are fields under a name of their own, or the subject."""
_WHEN: Mapping[str, WhenResolved] = {"close": "close", "note": "note"}


def normalize(envelope: Envelope, _raw: bytes) -> Normalized:
    """The message of one alert."""
    told = _told(envelope)
    alert = _alert(envelope, told)
    title = one_line(_text(told, "title"))[:_SUBJECT] or alert.fingerprint
    words, flags = _words(told, alert)
    source = one_line(_text(told, "source"))
    handle = hashlib.sha256(f"alert|{envelope.account}|{alert.fingerprint}".encode("utf-8", "replace")).hexdigest()
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=alert_key(envelope.account, alert.fingerprint, _text(told, "event_id")),
        sender=Address(channel="alert", address=envelope.account, name=(source or alert.host)[: caps.NAME]),
        subject=title,
        text=words,
        raw=envelope.sha256,
        size=envelope.size,
        native_id=alert.fingerprint,
        conversation=(handle[:32],),
        sent_at=alert.ended_at or alert.started_at,
        language=language.tell(_text(told, "text")) or language.tell(f"{title}\n{words}"),
        catalog=envelope.meta.get("catalog") if isinstance(envelope.meta.get("catalog"), str) else None,
        fields=_fields(told, alert),
        flags=(*flags, FLAGS[alert.status]),
        alert=alert,
    )
    return Normalized(message=message)


def _told(envelope: Envelope) -> Mapping[str, Any]:
    told = envelope.meta.get("alert")
    if not isinstance(told, Mapping):
        raise Invalid("alert", "is not there")
    return told


def _alert(envelope: Envelope, told: Mapping[str, Any]) -> Alert:
    fingerprint = one_line(_text(told, "fingerprint"))
    if not fingerprint:
        raise Invalid("alert.fingerprint", "is needed")
    return Alert(
        fingerprint=fingerprint,
        status="resolved" if told.get("status") == "resolved" else "firing",
        severity=_BLANKS.sub("-", one_line(_text(told, "severity")).lower()),
        product=one_line(_text(told, "product")),
        host=one_line(_text(told, "host")),
        started_at=_moment(told, "started_at"),
        ended_at=_moment(told, "ended_at"),
        when_resolved=_WHEN.get(str(envelope.meta.get("when_resolved")), "policy"),
    )


def _words(told: Mapping[str, Any], alert: Alert) -> tuple[str, tuple[str, ...]]:
    """What it says in words, then what it says in names and values: readable in any language."""
    known = {"status": alert.status, "severity": alert.severity, "product": alert.product, "host": alert.host}
    times = {"started_at": alert.started_at, "ended_at": alert.ended_at}
    listed = {name: value for name, value in known.items() if value}
    listed |= {name: f"{at:%Y-%m-%d %H:%M:%S} UTC" for name, at in times.items() if at is not None}
    blocks = (
        charsets.clean(_text(told, "text")).strip(),
        _listed(listed),
        _listed(_pairs(told, "annotations")),
        _listed(_pairs(told, "labels")),
        _listed(_pairs(told, "links")),
    )
    text = "\n\n".join(block for block in blocks if block)
    return (text[: caps.TEXT], ("capped:text",)) if len(text) > caps.TEXT else (text, ())


def _fields(told: Mapping[str, Any], alert: Alert) -> dict[str, Any]:
    """What rules may ask for and agents look at: the known ones, and every other label."""
    known = {"severity": alert.severity, "product": alert.product, "host": alert.host}
    others = [(name, value) for name, value in _pairs(told, "labels").items() if name not in _NOT_ASKED]
    return {name: value for name, value in known.items() if value} | dict(others[:_MOST_FIELDS])


def _listed(values: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _pairs(told: Mapping[str, Any], name: str) -> dict[str, str]:
    given = told.get(name)
    if not isinstance(given, Mapping):
        return {}
    cleaned = ((one_line(str(key))[:_NAME], one_line(str(value))[:_VALUE]) for key, value in given.items())
    return {key: value for key, value in cleaned if key and value}


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _moment(told: Mapping[str, Any], name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(told, name))
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
