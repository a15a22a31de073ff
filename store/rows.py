"""Effects as rows of tables: plain dictionaries, nothing written. Called by store.save."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import msgspec

from domain.clocks import ClockRecord, nearest
from domain.decision import Decision
from domain.effects import Appended, Opened, Suppressed, Timer
from domain.facts import Fact
from domain.message import Message
from domain.ports import Ids
from domain.status import Status
from domain.ticket import UNASSIGNED, Ticket
from store import search

_NO_DUE = 253_402_300_799
_PREVIEW = 160
_BASE_FACT = {f.name for f in fields(Fact)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An outbox row: what the relay sends. ``data`` has every field of the fact, JSON values."""

    id: str
    fact: str
    data: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Rows:
    """A batch as rows by table, in the order in which they are inserted."""

    tickets: list[dict[str, Any]] = field(default_factory=list)
    participants: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    documents: list[search.Document] = field(default_factory=list)
    touched: list[dict[str, Any]] = field(default_factory=list)
    timers: list[dict[str, Any]] = field(default_factory=list)
    reclocked: dict[int, tuple[ClockRecord, ...]] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    retimed: dict[int, tuple[Timer, ...]] = field(default_factory=dict)


def opened(rows: Rows, effect: Opened, now: datetime, ids: Ids) -> None:
    ticket = effect.ticket
    rows.tickets.append(_ticket_row(ticket, effect.message, now))
    rows.participants.append({"number": ticket.number, "identity_id": ticket.requester, "role": "requester"})
    add_clocks(rows, ticket.number, ticket.clocks)
    add_timers(rows, ticket.number, effect.timers, ids)
    if effect.caused_by is not None:
        link = {"number": ticket.number, "other": effect.caused_by, "relation": "caused_by"}
        rows.links.append({**link, "by": effect.facts[0].by, "at": now})
    _message(rows, effect.message, effect.message_id, ticket.number, effect.author, ids)
    _decision(rows, effect.decision, effect.message_id, ticket.number, ids)


def add_clocks(rows: Rows, number: int, clocks: Iterable[ClockRecord]) -> None:
    for clock in clocks:
        rows.clocks.append(
            {
                "id": clock.id,
                "number": number,
                "target": clock.target,
                "state": clock.state,
                "calendar": clock.calendar,
                "cell": clock.cell,
                "goal_s": clock.goal_s,
                "started_at": clock.started_at,
                "due_at": clock.due_at,
                "consumed_s": clock.consumed_s,
                "warn": clock.warn,
                "fired": clock.fired,
            }
        )
        rows.segments.extend(
            {
                "clock_id": clock.id,
                "position": position,
                "start": s.start,
                "until": s.until,
                "kind": s.kind,
                "why": s.why,
            }
            for position, s in enumerate(clock.segments)
        )


def add_timers(rows: Rows, number: int, timers: Iterable[Timer], ids: Ids) -> None:
    rows.timers.extend(
        {
            "id": ids.new(),
            "number": number,
            "what": timer.what,
            "clock_id": timer.clock,
            "share": timer.share,
            "at": timer.at,
        }
        for timer in timers
    )


def due(clocks: Iterable[ClockRecord]) -> dict[str, Any]:
    """The columns by which queues are ordered."""
    first = nearest(clocks)
    return {
        "due_at": first.due_at if first else None,
        "due_target": first.target if first else None,
        "due_sort": int(first.due_at.timestamp()) if first else _NO_DUE,
    }


def place(flags: Collection[str]) -> int:
    """Before the others of its priority, or among them."""
    return 0 if UNASSIGNED in flags else 1


def appended(rows: Rows, effect: Appended, now: datetime, ids: Ids) -> None:
    if effect.silent:
        return
    rows.touched.append(
        {"n": effect.number, "new_status": effect.status, "now": now, "a": len(effect.message.attachments)}
    )
    if effect.clocks is not None:
        rows.reclocked[effect.number] = effect.clocks
    if effect.timers is not None:
        rows.retimed[effect.number] = effect.timers
    _message(rows, effect.message, effect.message_id, effect.number, effect.author, ids)
    _decision(rows, effect.decision, effect.message_id, effect.number, ids)


def _ticket_row(ticket: Ticket, message: Message, now: datetime) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "subject": ticket.subject,
        "status": ticket.status.value,
        "open": ticket.status is not Status.CLOSED,
        "substatus": ticket.substatus,
        "priority": ticket.priority.value,
        "impact": ticket.impact.value,
        "urgency": ticket.urgency.value,
        "channel": ticket.channel,
        "account": ticket.account,
        "requester_id": ticket.requester,
        "organization_id": ticket.organization,
        "plan": ticket.plan,
        "catalog": ticket.catalog,
        "kind": ticket.kind,
        "line": ticket.line,
        "group": ticket.group,
        "assignee_id": ticket.assignee,
        "policy_revision": ticket.policy_revision,
        "language": ticket.language,
        "fields": ticket.fields,
        "checks": (),
        "flags": ticket.flags,
        "audiences": sorted(ticket.audiences),
        "parent": ticket.parent,
        "preview": preview(message.text),
        "attachments": len(message.attachments),
        "created_at": ticket.created_at,
        "updated_at": now,
        "closed_at": None,
        "status_at": now,
        **due(ticket.clocks),
        "place": place(ticket.flags),
        "version": 1,
    }


def preview(text: str) -> str:
    """The first words, on one line, at most 160 characters."""
    return " ".join(text[: _PREVIEW * 4].split())[:_PREVIEW]


def _message(rows: Rows, message: Message, message_id: str, number: int, author: str, ids: Ids) -> None:
    rows.messages.append(
        {
            "id": message_id,
            "number": number,
            "envelope_id": message.envelope_id,
            "at": message.received_at,
            "direction": "inbound",
            "channel": message.channel,
            "account": message.account,
            "adapter": message.adapter,
            "author_id": author,
            "agent_id": None,
            "author_name": message.sender.name,
            "native_id": message.native_id,
            "subject": message.subject,
            "text": message.text,
            "quoted": message.quoted,
            "signature": message.signature,
            "full_text": message.full_text,
            "html": message.html,
            "language": message.language,
            "recipients": message.recipients,
            "flags": message.flags,
            "features": _features(message),
            "raw": message.raw,
            "size": message.size,
        }
    )
    rows.attachments.extend(
        {
            "id": ids.new(),
            "message_id": message_id,
            "position": position,
            "blob": a.blob,
            "name": a.name,
            "size": a.size,
            "media_type": a.media_type,
            "declared_type": a.declared_type,
            "content_id": a.content_id,
            "inline": a.inline,
        }
        for position, a in enumerate(message.attachments)
    )
    names = " ".join(a.name for a in message.attachments)
    values = " ".join(str(value) for value in message.fields.values())
    sender = f"{message.sender.name} {message.sender.address}"
    body = f"{message.subject}\n{message.text}\n{sender}\n{names}\n{values}"
    rows.documents.append(search.Document(message_id=message_id, number=number, body=body))


def _features(message: Message) -> dict[str, Any]:
    """What rules may ask about and has no column, empty values left out."""
    named = {
        "reply_to": message.reply_to,
        "references": message.references,
        "to": message.to,
        "cc": message.cc,
        "sent_at": message.sent_at,
        "automatic": message.automatic,
        "bounces": message.bounces,
        "authentication": message.authentication,
        "catalog": message.catalog,
        "fields": message.fields,
        "conversation": message.conversation,
        "key": message.key,
        "parent": message.parent,
        "choice": message.choice,
        "organization": message.organization,
        "call": message.call,
        "alert": message.alert,
    }
    return {name: value for name, value in named.items() if value}


def _decision(rows: Rows, decision: Decision, message_id: str, number: int, ids: Ids) -> None:
    rows.decisions.append(
        {
            "id": ids.new(),
            "number": number,
            "message_id": message_id,
            "revision": decision.revision,
            "decided_at": decision.decided_at,
            "steps": decision.steps,
            "snapshot": decision.snapshot,
        }
    )


def facts(rows: Rows, facts: Iterable[Fact], ids: Ids) -> Iterable[Outgoing]:
    for fact in facts:
        data = msgspec.to_builtins(fact)
        rows.facts.append(
            {
                "id": ids.new(),
                "number": fact.ticket,
                "at": fact.at,
                "fact": fact.NAME,
                "by": fact.by,
                "envelope_id": fact.envelope,
                "detail": {name: value for name, value in data.items() if name not in _BASE_FACT},
            }
        )
        out = Outgoing(id=ids.new(), fact=fact.NAME, data=data)
        rows.outbox.append({"id": out.id, "fact": out.fact, "payload": data, "created_at": fact.at})
        yield out


def held(effect: Suppressed, now: datetime, ids: Ids) -> dict[str, Any]:
    message = effect.message
    return {
        "id": ids.new(),
        "envelope_id": message.envelope_id,
        "outcome": effect.outcome.value,
        "channel": message.channel,
        "account": message.account,
        "at": now,
        "reason": effect.reason,
        "origin": f"message.{message.channel}",
        "subject": message.subject,
        "sender": message.sender.address,
        "raw": message.raw,
        "payload": message,
        "payload_blob": None,
        "detail": {"bounces": message.bounces} if message.bounces else {},
        "released_at": None,
        "released_by": None,
        "number": effect.number,
    }
