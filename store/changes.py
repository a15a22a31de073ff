"""Tickets as commands find them, and what commands did to them. Steps of the unit of work."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Changed, Note
from domain.message import StoredFile
from domain.people import Agent
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Level, Priority, TicketState
from domain.views import Scope
from store import letters, search
from store import rows as rows_of
from store.cards import agents_, read_agents
from store.clocks import read_clocks
from store.dialect import insert
from store.recall import messages_, organizations, participants, tickets
from store.save import attachments, facts_, outbox, rewrite_clocks, rewrite_timers, timers_
from store.tables import TicketLinkRow, UploadRow, WorkRow
from store.tables.base import table
from store.views.scope import visible

links, uploads, work_ = table(TicketLinkRow), table(UploadRow), table(WorkRow)

_ON_LINES = ("ticket.assigned", "ticket.escalated", "ticket.returned")


async def states(connection: AsyncConnection, numbers: Collection[int]) -> Mapping[int, TicketState]:
    """See ``domain.unitofwork.UnitOfWork.states``."""
    if not numbers:
        return {}
    query = (
        select(tickets, organizations.c.engineer_id)
        .join_from(tickets, organizations, tickets.c.organization_id == organizations.c.id, isouter=True)
        .where(tickets.c.number.in_(numbers))
        .order_by(tickets.c.number)
    )
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(of=tickets)
    found = list(await connection.execute(query))
    clocks = await read_clocks(connection, [row.number for row in found])
    visits, holders = await _ways(connection, [row.number for row in found])
    return {
        row.number: TicketState(
            number=row.number,
            version=row.version,
            subject=row.subject,
            status=Status(row.status),
            substatus=row.substatus,
            priority=Priority(row.priority),
            impact=Level(row.impact),
            urgency=Level(row.urgency),
            channel=row.channel,
            requester=row.requester_id,
            organization=row.organization_id,
            plan=row.plan,
            catalog=row.catalog,
            kind=row.kind,
            line=row.line,
            group=row.group,
            assignee=row.assignee_id,
            policy_revision=row.policy_revision,
            created_at=row.created_at,
            closed_at=row.closed_at,
            fields=row.fields,
            flags=tuple(row.flags),
            clocks=clocks.get(row.number, ()),
            visits=visits.get(row.number, (row.line,)),
            checks=frozenset(row.checks),
            parent=row.parent,
            language=row.language,
            status_at=row.status_at,
            engineer=row.engineer_id,
            held_by=holders.get(row.number, {}),
            audiences=frozenset(row.audiences),
        )
        for row in found
    }


async def _ways(
    connection: AsyncConnection, numbers: Collection[int]
) -> tuple[Mapping[int, tuple[str, ...]], Mapping[int, Mapping[str, str]]]:
    """The lines that each ticket has stood on, in order, and who had it there last: told from its history."""
    query = select(facts_.c.number, facts_.c.detail).where(facts_.c.number.in_(numbers), facts_.c.fact.in_(_ON_LINES))
    lines: dict[int, list[str]] = {}
    holders: dict[int, dict[str, str]] = {}
    for row in await connection.execute(query.order_by(facts_.c.number, facts_.c.at, facts_.c.id)):
        stood = lines.setdefault(row.number, [])
        if not stood or stood[-1] != row.detail["line"]:
            stood.append(row.detail["line"])
        if row.detail.get("assignee"):
            holders.setdefault(row.number, {})[row.detail["line"]] = row.detail["assignee"]
    return {number: tuple(stood) for number, stood in lines.items()}, holders


async def open_children(connection: AsyncConnection, numbers: Collection[int]) -> Mapping[int, Sequence[int]]:
    """See ``domain.unitofwork.UnitOfWork.open_children``."""
    query = select(tickets.c.parent, tickets.c.number).where(tickets.c.parent.in_(numbers), tickets.c.open)
    found: dict[int, list[int]] = {}
    for row in await connection.execute(query.order_by(tickets.c.number)):
        found.setdefault(row.parent, []).append(row.number)
    return found


async def exists(connection: AsyncConnection, scope: Scope, number: int) -> bool:
    query = select(tickets.c.number).where(visible(scope), tickets.c.number == number)
    return (await connection.execute(query)).first() is not None


async def agents(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Agent]:
    if not ids:
        return {}
    return {agent.id: agent for agent in await read_agents(connection, agents_.c.id.in_(ids))}


async def change(
    connection: AsyncConnection, changes: Sequence[Changed], now: datetime, ids: Ids
) -> tuple[rows_of.Outgoing, ...]:
    """Writes what commands did; returns the outbox rows for the relay."""
    rows = rows_of.Rows()
    outgoing: list[rows_of.Outgoing] = []
    for changed in changes:
        if changed.after != changed.before or changed.note or changed.link or changed.letters:
            await _write(connection, changed, now)  # a fact alone leaves the ticket at the version that people see
        if changed.timers is not None:
            await rewrite_timers(connection, changed.after.number, changed.timers, ids)
        rows_of.add_timers(rows, changed.after.number, changed.events, ids)
        if changed.note is not None:
            await _add_note(connection, rows, changed.after, changed.note, now, ids)
        if changed.work is not None:
            await _work(connection, changed, now, ids)
        if changed.link is not None:
            await _link(connection, changed, now)
        outgoing.extend(rows_of.facts(rows, changed.facts, ids))
        if changed.letters:
            sent = await letters.introduced(connection, changed.letters, now, ids)
            outgoing.extend(letters.add(rows, changed.after.number, sent, now, ids))
            joining = letters.departments(changed.after.number, changed.letters, sent)
            if joining:
                await connection.execute(insert(connection, participants).on_conflict_do_nothing(), joining)
            await _forget_uploads(connection, [file for letter in changed.letters for file in letter.files])
    for target, values in (
        (messages_, rows.messages),
        (attachments, rows.attachments),
        (facts_, rows.facts),
        (outbox, rows.outbox),
        (timers_, rows.timers),
        (letters.deliveries, rows.deliveries),
    ):
        if values:
            await connection.execute(plain_insert(target), values)
    await search.index(connection, rows.documents)
    return tuple(outgoing)


async def _write(connection: AsyncConnection, changed: Changed, now: datetime) -> None:
    after = changed.after
    values: dict[str, Any] = {
        "subject": after.subject,
        "status": after.status.value,
        "open": after.status is not Status.CLOSED,
        "substatus": after.substatus,
        "priority": after.priority.value,
        "impact": after.impact.value,
        "urgency": after.urgency.value,
        "requester_id": after.requester,
        "organization_id": after.organization,
        "plan": after.plan,
        "catalog": after.catalog,
        "kind": after.kind,
        "line": after.line,
        "group": after.group,
        "assignee_id": after.assignee,
        "fields": after.fields,
        "checks": sorted(after.checks),
        "flags": after.flags,
        "place": rows_of.place(after.flags),
        "status_at": after.status_at,
        "closed_at": after.closed_at,
        "updated_at": now,
        "version": tickets.c.version + 1,
    }
    if after.assignee is not None and after.assignee != changed.before.assignee:
        given = update(agents_).where(agents_.c.id == after.assignee)
        await connection.execute(given.values(assigned_at=now))
    added = sum(len(letter.files) for letter in changed.letters) + (len(changed.note.files) if changed.note else 0)
    if added:
        values["attachments"] = tickets.c.attachments + added
    if after.requester != changed.before.requester:
        await _other_requester(connection, changed)
    if after.clocks != changed.before.clocks:
        values |= rows_of.due(after.clocks)
        await rewrite_clocks(connection, after.number, after.clocks)
    await connection.execute(update(tickets).where(tickets.c.number == after.number).values(**values))


async def _other_requester(connection: AsyncConnection, changed: Changed) -> None:
    """It has turned out who it is from: they take the place of whom it was opened for."""
    number, old, new = changed.after.number, changed.before.requester, changed.after.requester
    here = participants.c.number == number
    await connection.execute(delete(participants).where(here, participants.c.identity_id.in_([old, new])))
    await connection.execute(plain_insert(participants), [{"number": number, "identity_id": new, "role": "requester"}])


async def _add_note(
    connection: AsyncConnection, rows: rows_of.Rows, ticket: TicketState, note: Note, now: datetime, ids: Ids
) -> None:
    rows.messages.append(
        {
            "id": note.id,
            "number": ticket.number,
            "envelope_id": None,
            "at": now,
            "direction": "note",
            "channel": ticket.channel,
            "account": "",
            "adapter": "",
            "author_id": None,
            "agent_id": note.author.agent,
            "author_name": note.author.name,
            "native_id": None,
            "subject": "",
            "text": note.text,
            "quoted": "",
            "signature": "",
            "full_text": None,
            "html": None,
            "language": None,
            "recipients": [],
            "flags": [],
            "features": {},
            "raw": None,
            "size": len(note.text.encode()),
        }
    )
    rows.attachments.extend(letters.files(note.id, note.files, ids))
    names = " ".join(file.name for file in note.files)
    document = search.Document(message_id=note.id, number=ticket.number, body=f"{note.text}\n{names}", note=True)
    rows.documents.append(document)
    await _forget_uploads(connection, note.files)


async def _forget_uploads(connection: AsyncConnection, files: Sequence[StoredFile]) -> None:
    """What a message names waits for none any more."""
    if files:
        await connection.execute(delete(uploads).where(uploads.c.blob.in_([file.blob for file in files])))


async def _work(connection: AsyncConnection, changed: Changed, now: datetime, ids: Ids) -> None:
    assert changed.work is not None
    author = changed.work.author
    values = {
        "id": ids.new(),
        "number": changed.after.number,
        "minutes": changed.work.minutes,
        "by": author.id,
        "agent_id": author.agent,
        "text": changed.work.text,
        "at": now,
    }
    await connection.execute(plain_insert(work_).values(**values))


async def _link(connection: AsyncConnection, changed: Changed, now: datetime) -> None:
    assert changed.link is not None
    values = {"number": changed.after.number, "other": changed.link.other, "relation": changed.link.relation}
    statement = insert(connection, links).values(**values, by=changed.facts[0].by, at=now)
    await connection.execute(statement.on_conflict_do_nothing())
