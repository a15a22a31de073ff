"""Telephone calls: read with a batch, and written with it. Steps of the unit of work; see ``domain.calls``.

A batch that has none runs no statement here. Locks: the batch has locked its own keys (``store.recall``), and the rows
of calls are locked here, so that two routers that meet in one call over different keys go one after the other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.calls import CallKept, KnownCall
from domain.message import Message
from store.dialect import insert
from store.tables import CallEventRow, CallKeyRow, CallRow, FactRow
from store.tables.base import table

calls, call_keys, call_events, _facts = (table(row) for row in (CallRow, CallKeyRow, CallEventRow, FactRow))

_PASSED_ON = ("ticket.escalated", "ticket.returned")


async def read(connection: AsyncConnection, keys: Iterable[str]) -> dict[str, KnownCall]:
    """The calls of these keys, locked, with all that is known of them."""
    wanted = sorted(set(keys))
    found = await _ids(connection, wanted)
    if connection.dialect.name == "postgresql":
        locked: set[str] = set()
        # While it waited for the lock, another router may have found that two calls are one.
        while not found <= locked:
            await connection.execute(
                select(calls.c.id).where(calls.c.id.in_(found)).order_by(calls.c.id).with_for_update()
            )
            locked, found = found, await _ids(connection, wanted)
    if not found:
        return {}
    rows = list(await connection.execute(select(calls).where(calls.c.id.in_(found))))
    names: dict[str, set[str]] = {}
    for row in await connection.execute(select(call_keys).where(call_keys.c.call_id.in_(found))):
        names.setdefault(row.call_id, set()).add(row.key)
    events: dict[str, list[Message]] = {}
    query = (
        select(call_events)
        .where(call_events.c.call_id.in_(found))
        .order_by(call_events.c.at, call_events.c.envelope_id)
    )
    for row in await connection.execute(query):
        events.setdefault(row.call_id, []).append(msgspec.convert(row.payload, Message))
    touched = await _touched(connection, [row.number for row in rows if row.number is not None])
    return {
        row.id: KnownCall(
            id=row.id,
            account=row.account,
            keys=frozenset(names.get(row.id, ())),
            number=row.number,
            wait_until=row.wait_until,
            events=tuple(events.get(row.id, ())),
            touched=row.number in touched,
        )
        for row in rows
    }


async def _ids(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    query = select(call_keys.c.call_id).where(call_keys.c.key.in_(keys)).distinct()
    return {row.call_id for row in await connection.execute(query)}


async def _touched(connection: AsyncConnection, numbers: Sequence[int]) -> set[int]:
    """Tickets that a person or a program of theirs has done something to, or that stood on another line."""
    if not numbers:
        return set()
    people = or_(_facts.c.by.like("agent:%"), _facts.c.by.like("token:%"), _facts.c.fact.in_(_PASSED_ON))
    query = select(_facts.c.number).where(_facts.c.number.in_(numbers), people).distinct()
    return {row.number for row in await connection.execute(query)}


async def overdue(connection: AsyncConnection, now: datetime, most: int) -> Sequence[Message]:
    """See ``domain.unitofwork.UnitOfWork.overdue_calls``."""
    due = select(calls.c.id).where(calls.c.wait_until <= now).order_by(calls.c.wait_until, calls.c.id).limit(most)
    ids = [row.id for row in await connection.execute(due)]
    if not ids:
        return ()
    first = select(func.min(call_events.c.envelope_id)).where(call_events.c.call_id.in_(ids))
    query = select(call_events).where(call_events.c.envelope_id.in_(first.group_by(call_events.c.call_id)))
    found = {row.call_id: row.payload for row in await connection.execute(query)}
    return [msgspec.convert(found[each], Message) for each in ids if each in found]


async def keep(connection: AsyncConnection, kept: Sequence[CallKept], now: datetime) -> None:
    """Rows of calls, their keys and their events."""
    if not kept:
        return
    statement = insert(connection, calls)
    changing = ("state", "number", "wait_until", "revision")
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_={name: statement.excluded[name] for name in changing}
    )
    await connection.execute(statement, [_row(call, now) for call in kept])
    for call in kept:
        if call.absorbed:
            for target in (call_keys, call_events):
                moved = update(target).where(target.c.call_id.in_(call.absorbed)).values(call_id=call.id)
                await connection.execute(moved)
            await connection.execute(delete(calls).where(calls.c.id.in_(call.absorbed)))
    names = [{"key": key, "call_id": call.id} for call in kept for key in call.keys]
    await connection.execute(insert(connection, call_keys).on_conflict_do_nothing(), names)
    events = [
        {"envelope_id": event.envelope_id, "call_id": call.id, "at": now, "payload": event}
        for call in kept
        for event in call.events
    ]
    if events:
        await connection.execute(plain_insert(call_events), events)


def _row(call: CallKept, now: datetime) -> dict[str, Any]:
    return {
        "id": call.id,
        "account": call.account,
        "state": "waiting" if call.number is None else "ticketed",
        "number": call.number,
        "wait_until": call.wait_until,
        "revision": call.revision,
        "at": now,
    }
