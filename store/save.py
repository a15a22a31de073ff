"""Turning effects into rows, a table at a time, so that a batch of messages is a dozen statements."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.decision import Decision
from domain.effects import Appended, Effect, Opened, Repeated, Suppressed
from domain.facts import Fact
from domain.message import RELEASED, UNPROVEN, Message
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Ticket
from store import search
from store.dialect import insert
from store.recall import HANDLES_PER_MESSAGE, conversations, keys, ledger, messages_, participants, tickets
from store.tables import (
    AttachmentRow,
    ClockRow,
    ClockSegmentRow,
    CounterRow,
    DecisionRow,
    FactRow,
    HeldRow,
    OutboxRow,
)
from store.tables.base import table

_NO_DUE = 253_402_300_799
_PREVIEW = 160

counters, held, outbox, facts_ = (table(row) for row in (CounterRow, HeldRow, OutboxRow, FactRow))
clocks, segments, decisions, attachments = (
    table(row) for row in (ClockRow, ClockSegmentRow, DecisionRow, AttachmentRow)
)
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
    documents: list[search.Document] = field(default_factory=list)
    touched: list[dict[str, Any]] = field(default_factory=list)


async def save(connection: AsyncConnection, effects: Sequence[Effect], now: datetime, ids: Ids) -> tuple[Outgoing, ...]:
    """Writes the batch; returns the outbox rows for the relay, which may send them once the transaction stands."""
    rows = Rows()
    outgoing: list[Outgoing] = []
    for effect in effects:
        match effect:
            case Opened():
                _opened(rows, effect, now, ids)
            case Appended():
                _appended(rows, effect, now, ids)
            case Suppressed():
                rows.held.append(_held(effect, now, ids))
            case Repeated():
                await _add_recipients(connection, effect)
        outgoing.extend(_facts(rows, effect.facts, ids))
    for target, values in (
        (tickets, rows.tickets),
        (participants, rows.participants),
        (messages_, rows.messages),
        (attachments, rows.attachments),
        (clocks, rows.clocks),
        (segments, rows.segments),
        (decisions, rows.decisions),
        (facts_, rows.facts),
        (outbox, rows.outbox),
        (held, rows.held),
    ):
        if values:
            await connection.execute(plain_insert(target), values)
    await _touch(connection, rows.touched)
    await search.index(connection, rows.documents)
    await _claim_conversations(connection, effects, now)
    await _keep_books(connection, effects, now)
    return tuple(outgoing)


def _opened(rows: Rows, effect: Opened, now: datetime, ids: Ids) -> None:
    ticket = effect.ticket
    rows.tickets.append(_ticket_row(ticket, effect.message, now))
    rows.participants.append({"number": ticket.number, "identity_id": ticket.requester, "role": "requester"})
    for clock in ticket.clocks:
        rows.clocks.append(
            {
                "id": clock.id,
                "number": ticket.number,
                "target": clock.target,
                "state": clock.state,
                "calendar": clock.calendar,
                "cell": clock.cell,
                "goal_s": clock.goal_s,
                "started_at": clock.started_at,
                "due_at": clock.due_at,
                "consumed_s": clock.consumed_s,
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
    _message(rows, effect.message, effect.message_id, ticket.number, effect.author, ids)
    _decision(rows, effect.decision, effect.message_id, ticket.number, ids)


def _appended(rows: Rows, effect: Appended, now: datetime, ids: Ids) -> None:
    rows.touched.append(
        {"n": effect.number, "new_status": effect.status, "now": now, "a": len(effect.message.attachments)}
    )
    _message(rows, effect.message, effect.message_id, effect.number, effect.author, ids)
    _decision(rows, effect.decision, effect.message_id, effect.number, ids)


def _ticket_row(ticket: Ticket, message: Message, now: datetime) -> dict[str, Any]:
    first = min(ticket.clocks, key=lambda clock: clock.due_at, default=None)
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
        "flags": ticket.flags,
        "preview": preview(message.text),
        "attachments": len(message.attachments),
        "created_at": ticket.created_at,
        "updated_at": now,
        "closed_at": None,
        "due_at": first.due_at if first else None,
        "due_target": first.target if first else None,
        "due_sort": int(first.due_at.timestamp()) if first else _NO_DUE,
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


def _facts(rows: Rows, facts: Iterable[Fact], ids: Ids) -> Iterable[Outgoing]:
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


def _held(effect: Suppressed, now: datetime, ids: Ids) -> dict[str, Any]:
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


async def _add_recipients(connection: AsyncConnection, effect: Repeated) -> None:
    """The first copy's message learns which further addresses of ours were written to."""
    where = messages_.c.envelope_id == effect.first_envelope
    row = (await connection.execute(select(messages_.c.id, messages_.c.recipients).where(where))).first()
    if row is None:
        return
    merged = list(dict.fromkeys([*row.recipients, *effect.message.recipients]))
    if merged != row.recipients:
        await connection.execute(update(messages_).where(messages_.c.id == row.id).values(recipients=merged))


async def _touch(connection: AsyncConnection, touched: Sequence[Mapping[str, Any]]) -> None:
    if not touched:
        return
    common = {
        "updated_at": bindparam("now"),
        "attachments": tickets.c.attachments + bindparam("a"),
        "version": tickets.c.version + 1,
    }
    same = [{k: v for k, v in row.items() if k != "new_status"} for row in touched if row["new_status"] is None]
    moved = [
        {**row, "new_status": row["new_status"].value, "is_open": row["new_status"] is not Status.CLOSED}
        for row in touched
        if row["new_status"] is not None
    ]
    statement = update(tickets).where(tickets.c.number == bindparam("n"))
    if same:
        await connection.execute(statement.values(**common), same)
    if moved:
        moving = {**common, "status": bindparam("new_status"), "open": bindparam("is_open"), "closed_at": None}
        await connection.execute(statement.values(**moving), moved)


async def _claim_conversations(connection: AsyncConnection, effects: Sequence[Effect], now: datetime) -> None:
    """A handle is a ticket's until that ticket is closed; a sender who is not believed claims none."""
    rows: dict[str, dict[str, Any]] = {}
    for effect in effects:
        if isinstance(effect, (Opened, Appended)) and not UNPROVEN.intersection(effect.message.flags):
            number = effect.ticket.number if isinstance(effect, Opened) else effect.number
            for handle in effect.message.conversation[:HANDLES_PER_MESSAGE]:
                rows.setdefault(handle, {"handle": handle, "number": number, "at": now})
    if not rows:
        return
    statement = insert(connection, conversations)
    closed = select(~tickets.c.open).where(tickets.c.number == conversations.c.number).scalar_subquery()
    statement = statement.on_conflict_do_update(
        index_elements=["handle"], set_={"number": statement.excluded.number, "at": statement.excluded.at}, where=closed
    )
    await connection.execute(statement, list(rows.values()))


async def _keep_books(connection: AsyncConnection, effects: Sequence[Effect], now: datetime) -> None:
    """Ledger lines, idempotency keys and the durable counters: the last statements, since others wait on counters."""
    released = [e.message.envelope_id for e in effects if RELEASED in e.message.flags]
    earlier = await _take_back(connection, released)
    sums: Counter[tuple[str, str]] = Counter(earlier)
    lines: list[dict[str, Any]] = []
    key_rows: dict[str, dict[str, Any]] = {}
    for effect in effects:
        message = effect.message
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        sums[message.channel, effect.outcome.value] += 1
        lines.append(
            {
                "envelope_id": message.envelope_id,
                "channel": message.channel,
                "account": message.account,
                "outcome": effect.outcome.value,
                "reason": effect.reason if isinstance(effect, Suppressed) else "",
                "number": number,
                "at": now,
            }
        )
        if not isinstance(effect, Repeated):
            led_to = None if isinstance(effect, Suppressed) else number
            row = {"key": message.key, "envelope_id": message.envelope_id, "number": led_to, "at": now}
            key_rows.setdefault(message.key, row)
        if RELEASED in message.flags:
            await connection.execute(
                update(held).where(held.c.envelope_id == message.envelope_id).values(number=number)
            )
    if lines:
        await connection.execute(plain_insert(ledger), lines)
    if key_rows:
        statement = insert(connection, keys)
        statement = statement.on_conflict_do_update(
            index_elements=["key"], set_={"number": statement.excluded.number}, where=keys.c.number.is_(None)
        )
        await connection.execute(statement, list(key_rows.values()))
    await add_to_counters(connection, sums)


async def _take_back(connection: AsyncConnection, envelopes: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """Removes the first settling of released messages; returns what the counters owe for it."""
    owed: Counter[tuple[str, str]] = Counter()
    if not envelopes:
        return owed
    where = ledger.c.envelope_id.in_(envelopes)
    for row in await connection.execute(select(ledger.c.channel, ledger.c.outcome).where(where)):
        owed[row.channel, row.outcome] -= 1
    await connection.execute(ledger.delete().where(where))
    return owed


async def add_to_counters(connection: AsyncConnection, sums: Mapping[tuple[str, str], int]) -> None:
    """Adds to the durable counters, in one order in every process."""
    rows = [
        {"channel": channel, "name": name, "value": value} for (channel, name), value in sorted(sums.items()) if value
    ]
    if not rows:
        return
    statement = insert(connection, counters)
    statement = statement.on_conflict_do_update(
        index_elements=["channel", "name"], set_={"value": counters.c.value + statement.excluded.value}
    )
    await connection.execute(statement, rows)


async def set_counter(connection: AsyncConnection, channel: str, name: str, value: int) -> None:
    statement = insert(connection, counters).values(channel=channel, name=name, value=value)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["channel", "name"], set_={"value": statement.excluded.value})
    )


async def counted(connection: AsyncConnection, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """Values of the named counters; those never counted are left out."""
    query = select(counters).where(tuple_(counters.c.channel, counters.c.name).in_(names))
    return {(row.channel, row.name): row.value for row in await connection.execute(query)}
