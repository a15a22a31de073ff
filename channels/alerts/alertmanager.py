"""Prometheus Alertmanager's webhook, version 4: one request holds a group of alerts -> an event each.

How sure this is. The members stand in the vendor's documents and in recorded payloads that were read; nothing here was
tried against a running Alertmanager. Grafana's alerting posts the same shape with version 1 and members of its own,
which are let pass.

An alert's raw bytes are the request as it came with this alert alone, so that its group's context is kept with it. The
fingerprint is a hash of the labels; an old version that sends none gets one made of them here. ``repeat_interval``
sends what still fires again and again: the same fingerprint, beginning and status, which is the same event.
"""

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from channels.alerts.account import AlertAccount
from channels.alerts.event import TEXT, AlertEvent, Id, Moment, Read, converted, event_id, first, instant, line, pairs

MOST = 2000
"""Alerts of one request."""
_CONTEXT = 32_768
"""Bytes of what a group says beside its alerts, which each of them keeps; larger members are left out."""
_TITLES = ("summary", "title")
_TEXTS = ("description", "message")
_HOSTS = ("host", "instance", "node", "hostname")


class Part(Struct, kw_only=True):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    startsAt: Moment  # noqa: N815 - the vendor's names
    annotations: dict[str, str] = {}
    endsAt: Moment | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815
    fingerprint: Id = ""


class Group(Struct, kw_only=True):
    version: Literal["4", "1"]
    alerts: Annotated[list[Part], Meta(min_length=1, max_length=MOST)]
    receiver: str = ""
    groupKey: str = ""  # noqa: N815
    externalURL: str = ""  # noqa: N815


def read(account: AlertAccount, values: Any, _raw: bytes) -> tuple[Read, ...]:
    """Raises ``Malformed``."""
    group = converted(values, Group)
    context = _context({name: value for name, value in values.items() if name != "alerts"})
    return tuple(
        Read(_event(account, group, part), msgspec.json.encode({**context, "alerts": [own]}))
        for part, own in zip(group.alerts, values["alerts"], strict=True)
    )


def _context(given: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    room = _CONTEXT
    for name, value in given.items():
        size = len(name) + len(msgspec.json.encode(value))
        if size <= room:
            kept[name] = value
            room -= size
    return kept


def _event(account: AlertAccount, group: Group, part: Part) -> AlertEvent:
    labels, notes = part.labels, part.annotations
    started_at = instant(part.startsAt)
    ended_at = instant(part.endsAt) if part.status == "resolved" else None
    named = first(labels, ("alertname",))
    links = {"source": part.generatorURL, "alertmanager": group.externalURL}
    return AlertEvent(
        fingerprint=part.fingerprint or _fingerprint(labels),
        event_id=event_id(started_at.isoformat() if started_at else "", part.status, ended_at),
        status=part.status,
        title=first(notes, _TITLES) or named or "Alert",
        text=next((notes[name][:TEXT] for name in _TEXTS if notes.get(name)), ""),
        severity=first(labels, ("severity",)),
        product=first(labels, account.product_labels),
        host=first(labels, _HOSTS),
        source=line(group.receiver),
        labels=pairs(labels),
        annotations=pairs({name: text for name, text in notes.items() if name not in (*_TITLES, *_TEXTS)}),
        links={name: url for name, url in pairs(links).items() if url},
        started_at=started_at,
        ended_at=ended_at,
    )


def _fingerprint(labels: dict[str, str]) -> str:
    told = "\n".join(f"{name}\t{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]
