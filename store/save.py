"""Turning effects into rows, a table at a time, so that a batch of messages is a dozen statements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, literal_column, select, tuple_, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.calls import CallKept
from domain.clocks import ClockRecord
from domain.effects import EVENTS, Appended, Effect, Opened, Outcome, Repeated, Suppressed, Timer
from domain.message import RELEASED, UNPROVEN, Message
from domain.ports import Ids
from domain.status import Status
from store import calls, letters, search
from store import rows as rows_of
from store.dialect import insert
from store.recall import HANDLES_PER_MESSAGE, conversations, keys, ledger, messages_, participants, tickets
from store.tables import (
    AgentRow,
    AttachmentRow,
    ClockRow,
    ClockSegmentRow,
    CounterRow,
    DecisionRow,
    FactRow,
    FiringRow,
    HeldRow,
    OutboxRow,
    TicketLinkRow,
    TimerRow,
)
from store.tables.base import table

agents_ = table(AgentRow)
timers_, firings, links_ = table(TimerRow), table(FiringRow), table(TicketLinkRow)
counters, held, outbox, facts_ = (table(row) for row in (CounterRow, HeldRow, OutboxRow, FactRow))
clocks, segments, decisions, attachments = (
    table(row) for row in (ClockRow, ClockSegmentRow, DecisionRow, AttachmentRow)
)


async def save(
    connection: AsyncConnection, effects: Sequence[Effect], kept: Sequence[CallKept], now: datetime, ids: Ids
) -> tuple[rows_of.Outgoing, ...]:
    """Writes the batch; returns the outbox rows for the relay, which may send them once the transaction stands."""
    rows = rows_of.Rows()
    outgoing: list[rows_of.Outgoing] = []
    for effect in effects:
        match effect:
            case Opened():
                rows_of.opened(rows, effect, now, ids)
                if effect.letters:
                    sent = await letters.introduced(connection, effect.letters, now, ids)
                    outgoing.extend(letters.add(rows, effect.ticket.number, sent, now, ids))
                    joining = letters.departments(effect.ticket.number, effect.letters, sent)
                    rows.participants.extend(p for p in joining if p["identity_id"] != effect.ticket.requester)
            case Appended():
                rows_of.appended(rows, effect, now, ids)
            case Suppressed():
                rows.held.append(rows_of.held(effect, now, ids))
            case Repeated():
                await _add_recipients(connection, effect)
        outgoing.extend(rows_of.facts(rows, effect.facts, ids))
    for target, values in (
        (tickets, rows.tickets),
        (participants, rows.participants),
        (messages_, rows.messages),
        (attachments, rows.attachments),
        (clocks, rows.clocks),
        (segments, rows.segments),
        (timers_, rows.timers),
        (decisions, rows.decisions),
        (links_, rows.links),
        (facts_, rows.facts),
        (outbox, rows.outbox),
        (held, rows.held),
        (letters.deliveries, rows.deliveries),
    ):
        if values:
            await connection.execute(plain_insert(target), values)
    await _touch(connection, rows.touched, now)
    for number, standing in rows.reclocked.items():
        await rewrite_clocks(connection, number, standing)
        await connection.execute(update(tickets).where(tickets.c.number == number).values(**rows_of.due(standing)))
    for number, timers in rows.retimed.items():
        await rewrite_timers(connection, number, timers, ids)
    await search.index(connection, rows.documents)
    given = {effect.ticket.assignee for effect in effects if isinstance(effect, Opened)} - {None}
    if given:
        await connection.execute(update(agents_).where(agents_.c.id.in_(given)).values(assigned_at=now))
    await letters.returned(connection, (e for e in effects if isinstance(e, Suppressed) and e.number), now)
    await _claim_conversations(connection, effects, now)
    await calls.keep(connection, kept, now)
    for call in kept:
        if call.preview is not None:
            words = update(tickets).where(tickets.c.number == call.number)
            await connection.execute(words.values(preview=rows_of.preview(call.preview)))
    await _keep_books(connection, effects, kept, now)
    return tuple(outgoing)


async def _add_recipients(connection: AsyncConnection, effect: Repeated) -> None:
    """The first copy's message learns which further addresses of ours were written to."""
    where = messages_.c.envelope_id == effect.first_envelope
    row = (await connection.execute(select(messages_.c.id, messages_.c.recipients).where(where))).first()
    if row is None:
        return
    merged = list(dict.fromkeys([*row.recipients, *effect.message.recipients]))
    if merged != row.recipients:
        await connection.execute(update(messages_).where(messages_.c.id == row.id).values(recipients=merged))


async def _touch(connection: AsyncConnection, touched: Sequence[Mapping[str, Any]], now: datetime) -> None:
    if not touched:
        return
    common = {
        "updated_at": bindparam("now"),
        "attachments": tickets.c.attachments + bindparam("a"),
        "version": tickets.c.version + 1,
    }
    same = [{k: v for k, v in row.items() if k != "new_status"} for row in touched if row["new_status"] is None]
    moved = [
        {
            **row,
            "new_status": row["new_status"].value,
            "is_open": row["new_status"] is not Status.CLOSED,
            "closed": now if row["new_status"] is Status.CLOSED else None,
        }
        for row in touched
        if row["new_status"] is not None
    ]
    statement = update(tickets).where(tickets.c.number == bindparam("n"))
    if same:
        await connection.execute(statement.values(**common), same)
    if moved:
        moving: dict[str, Any] = {**common, "status": bindparam("new_status"), "open": bindparam("is_open")}
        moving |= {"closed_at": bindparam("closed"), "status_at": bindparam("now"), "substatus": None}
        await connection.execute(statement.values(**moving), moved)


async def rewrite_clocks(connection: AsyncConnection, number: int, standing: Sequence[ClockRecord]) -> None:
    """A ticket's clocks and their segments, as they are now."""
    rows = rows_of.Rows()
    rows_of.add_clocks(rows, number, standing)
    if not rows.clocks:
        return
    statement = insert(connection, clocks)
    kept = ("state", "cell", "goal_s", "due_at", "consumed_s", "warn", "fired")
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_={name: statement.excluded[name] for name in kept}
    )
    await connection.execute(statement, rows.clocks)
    await connection.execute(segments.delete().where(segments.c.clock_id.in_([row["id"] for row in rows.clocks])))
    if rows.segments:
        await connection.execute(plain_insert(segments), rows.segments)


async def rewrite_timers(connection: AsyncConnection, number: int, timers: Sequence[Timer], ids: Ids) -> None:
    """A ticket's timers, as they are now. One that has fired and waits for what follows is not set again; events
    stay."""
    lasting = timers_.c.what.not_in(sorted(EVENTS))
    await connection.execute(delete(timers_).where(timers_.c.number == number, lasting))
    fired = select(firings.c.what, firings.c.clock_id, firings.c.share).where(firings.c.number == number)
    waiting = {tuple(row) for row in await connection.execute(fired)}
    rows = rows_of.Rows()
    rows_of.add_timers(rows, number, (t for t in timers if (t.what, t.clock, t.share) not in waiting), ids)
    if rows.timers:
        await connection.execute(plain_insert(timers_), rows.timers)


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
    # The row that stands there already, named as text: as a column the subquery would join the whole table to itself.
    standing: Any = literal_column("conversations.number")
    closed = select(~tickets.c.open).where(tickets.c.number == standing).scalar_subquery()
    statement = statement.on_conflict_do_update(
        index_elements=["handle"], set_={"number": statement.excluded.number, "at": statement.excluded.at}, where=closed
    )
    await connection.execute(statement, list(rows.values()))


async def _keep_books(
    connection: AsyncConnection, effects: Sequence[Effect], kept: Sequence[CallKept], now: datetime
) -> None:
    """Ledger lines, idempotency keys and the durable counters: the last statements, since others wait on counters."""
    released = [e.message.envelope_id for e in effects if RELEASED in e.message.flags]
    gathered = {event.envelope_id: (event, call) for call in kept for event in call.gathered}
    earlier = await _take_back(connection, [*released, *gathered])
    if gathered:  # these are of a ticket now, and nobody has to look at them any more
        await connection.execute(delete(held).where(held.c.envelope_id.in_(gathered.keys() - set(released))))
    sums: Counter[tuple[str, str]] = Counter(earlier)
    lines: list[dict[str, Any]] = []
    key_rows: dict[str, dict[str, Any]] = {}
    for event, call in [gathered[each] for each in gathered.keys() - {e.message.envelope_id for e in effects}]:
        sums[event.channel, Outcome.APPENDED.value] += 1
        lines.append(_line(event, Outcome.APPENDED, call.number, now))
        key_rows[event.key] = {"key": event.key, "envelope_id": event.envelope_id, "number": call.number, "at": now}
    for effect in effects:
        message = effect.message
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        sums[message.channel, effect.outcome.value] += 1
        reason = effect.reason if isinstance(effect, Suppressed) else ""
        lines.append(_line(message, effect.outcome, number, now, reason))
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


def _line(message: Message, outcome: Outcome, number: int | None, now: datetime, reason: str = "") -> dict[str, Any]:
    return {
        "envelope_id": message.envelope_id,
        "channel": message.channel,
        "account": message.account,
        "outcome": outcome.value,
        "reason": reason,
        "number": number,
        "at": now,
    }


async def _take_back(connection: AsyncConnection, envelopes: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """Removes the first settling of messages that are settled anew; returns what the counters owe for it."""
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
