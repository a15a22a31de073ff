"""Reading, for a batch of messages, all that the router must know, in a fixed number of statements.

On PostgreSQL the batch's keys, conversation handles and senders are locked first (advisory locks of the transaction,
taken in one order), so that two routers never decide about the same conversation at once. SQLite needs none: its
writing transactions are one at a time.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Outcome, Settled
from domain.identity import Contract, Identity, Organization, mail_domain
from domain.message import Message
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Earlier, KnownTicket
from domain.unitofwork import Recollection
from store import calls, incidents
from store.dialect import insert
from store.tables import (
    ContractRow,
    ConversationRow,
    IdentityRow,
    KeyRow,
    LedgerEntryRow,
    MessageRow,
    OrganizationDomainRow,
    OrganizationGroupRow,
    OrganizationRow,
    ParticipantRow,
    PersonRow,
    TicketRow,
    WorkRow,
)
from store.tables.base import table

HANDLES_PER_MESSAGE = 12
"""A thread's nearest ids decide; more would only be more locks."""

_REPEATS_WITHIN = timedelta(days=30)
_REPEATS_READ = 500
_OF_KNOWN = ("number", "status", "line", "requester_id", "closed_at", "channel", "kind", "assignee_id")
DEPARTMENT = "department"
"""Role of a participant to whom the ticket was sent on."""
_OF_EARLIER = ("requester_id", "number", "created_at", "catalog", "kind", "line", "assignee_id")

ledger, keys, conversations, identities = (table(row) for row in (LedgerEntryRow, KeyRow, ConversationRow, IdentityRow))
messages_, tickets, participants, persons = (table(row) for row in (MessageRow, TicketRow, ParticipantRow, PersonRow))
groups_, work = table(OrganizationGroupRow), table(WorkRow)
organizations, domains, contracts = (table(row) for row in (OrganizationRow, OrganizationDomainRow, ContractRow))


async def recall(
    connection: AsyncConnection,
    batch: Sequence[Message],
    now: datetime,
    tokens: Iterable[int],
    month: datetime | None,
    ids: Ids,
) -> Recollection:
    """See ``domain.unitofwork.UnitOfWork.recall``."""
    await _lock(connection, batch)
    known = Recollection()
    spoken = {key for m in batch if m.call is not None for key in m.call.keys}
    # Before all else: what is read next is to be as whoever had these calls locked has left it.
    known.calls = await calls.read(connection, spoken) if spoken else {}
    await _read_books(connection, batch, known)
    batch = [*batch, *(event for call in known.calls.values() for event in call.events)]
    await _read_identities(connection, batch, known, now, ids)
    numbers = {*tokens, *known.conversations.values(), *known.natives.values()}
    numbers |= {call.number for call in known.calls.values() if call.number is not None}
    numbers |= {number for _, number in known.keys.values() if number is not None}
    await _read_tickets(connection, numbers, known)
    await _read_organizations(connection, batch, known)
    await _read_repeats(connection, known, now)
    await _read_used(connection, known, month)
    return known


async def _lock(connection: AsyncConnection, batch: Sequence[Message]) -> None:
    if connection.dialect.name != "postgresql":
        return
    names = {m.key for m in batch} | {h for m in batch for h in m.conversation[:HANDLES_PER_MESSAGE]}
    names |= {f"{m.sender.channel}:{m.sender.address}" for m in batch}
    await connection.execute(
        text(
            "SELECT pg_advisory_xact_lock(lock) FROM "
            "(SELECT DISTINCT hashtextextended(name, 0) AS lock FROM unnest(CAST(:names AS text[])) AS name "
            "ORDER BY lock) AS locks"
        ),
        {"names": sorted(names)},
    )


async def _read_books(connection: AsyncConnection, batch: Sequence[Message], known: Recollection) -> None:
    envelopes = [m.envelope_id for m in batch]
    for row in await connection.execute(select(ledger).where(ledger.c.envelope_id.in_(envelopes))):
        known.handled[row.envelope_id] = Settled(
            envelope_id=row.envelope_id, outcome=Outcome(row.outcome), ticket=row.number, reason=row.reason, at=row.at
        )
    wanted = {m.key for m in batch}
    for row in await connection.execute(select(keys).where(keys.c.key.in_(wanted))):
        known.keys[row.key] = (row.envelope_id, row.number)
    handles = {h for m in batch for h in m.conversation[:HANDLES_PER_MESSAGE]}
    for row in await connection.execute(select(conversations).where(conversations.c.handle.in_(handles))):
        known.conversations[row.handle] = row.number
    natives = {reference for m in batch for reference in m.references}
    natives |= {b.message_id for m in batch for b in m.bounces if b.message_id}
    natives |= {m.native_id for m in batch if m.native_id}
    if natives:
        found = select(messages_.c.native_id, messages_.c.number).where(messages_.c.native_id.in_(natives))
        for row in await connection.execute(found.order_by(messages_.c.number)):
            known.natives[row.native_id] = row.number


async def _read_identities(
    connection: AsyncConnection, batch: Sequence[Message], known: Recollection, now: datetime, ids: Ids
) -> None:
    senders = {(m.sender.channel, m.sender.address): m.sender for m in batch}
    await _select_identities(connection, set(senders), known)
    new = [
        {
            "id": ids.new(),
            "channel": s.channel,
            "address": s.address,
            "name": s.name,
            "verified": False,
            "created_at": now,
        }
        for place, s in sorted(senders.items())
        if place not in known.identities
    ]
    if new:
        await connection.execute(insert(connection, identities).on_conflict_do_nothing(), new)
        await _select_identities(connection, {(str(row["channel"]), str(row["address"])) for row in new}, known)


async def _select_identities(connection: AsyncConnection, places: set[tuple[str, str]], known: Recollection) -> None:
    addresses = {address for _, address in places}
    query = (
        select(
            identities,
            persons.c.organization_id,
            persons.c.vip,
            persons.c.contact,
            persons.c.language,
            persons.c.name.label("person"),
        )
        .join_from(identities, persons, isouter=True)
        .where(identities.c.address.in_(addresses))
    )
    back: list[str] = []
    for row in await connection.execute(query):
        if (row.channel, row.address) in places:
            if row.unreachable:
                back.append(row.id)
            known.identities[row.channel, row.address] = Identity(
                id=row.id,
                channel=row.channel,
                address=row.address,
                name=row.person or row.name,
                verified=row.verified,
                person_id=row.person_id,
                organization_id=row.organization_id,
                vip=bool(row.vip),
                contact=bool(row.contact),
                language=row.language,
            )
    if back:  # whoever writes from there can be reached there again
        await connection.execute(update(identities).where(identities.c.id.in_(back)).values(unreachable=""))


async def _read_tickets(connection: AsyncConnection, numbers: set[int], known: Recollection) -> None:
    if not numbers:
        return
    writers: dict[int, set[str]] = {}
    departments: dict[int, set[str]] = {}
    for row in await connection.execute(select(participants).where(participants.c.number.in_(numbers))):
        writers.setdefault(row.number, set()).add(row.identity_id)
        if row.role == DEPARTMENT:
            departments.setdefault(row.number, set()).add(row.identity_id)
    kin = identities.alias()
    own = (
        select(tickets.c.number, kin.c.id)
        .join_from(tickets, identities, tickets.c.requester_id == identities.c.id)
        .join(kin, kin.c.person_id == identities.c.person_id)
        .where(tickets.c.number.in_(numbers))
    )
    for row in await connection.execute(own):  # whoever is known to be the requester, on whatever channel
        writers.setdefault(row.number, set()).add(row.id)
    query = select(*(tickets.c[name] for name in _OF_KNOWN)).where(tickets.c.number.in_(numbers))
    if connection.dialect.name == "postgresql":
        query = query.order_by(tickets.c.number).with_for_update()
    rows = list(await connection.execute(query))
    watched = {row.number for row in rows if row.channel == incidents.CHANNEL}
    touched = await incidents.touched(connection, watched) if watched else frozenset()
    for row in rows:
        known.tickets[row.number] = KnownTicket(
            untouched=row.number in watched and row.assignee_id is None and row.number not in touched,
            kind=row.kind if row.number in watched else None,
            number=row.number,
            status=Status(row.status),
            line=row.line,
            requester=row.requester_id,
            participants=frozenset(writers.get(row.number, set()) | {row.requester_id}),
            departments=frozenset(departments.get(row.number, ())),
            closed_at=row.closed_at,
        )


async def _read_organizations(connection: AsyncConnection, batch: Sequence[Message], known: Recollection) -> None:
    wanted_domains = {d for m in batch if (d := mail_domain(m.sender.address))}
    for row in await connection.execute(select(domains).where(domains.c.domain.in_(wanted_domains))):
        known.domains[row.domain] = row.organization_id
    wanted = set(known.domains.values())
    wanted |= {m.organization for m in batch if m.organization is not None}
    wanted |= {i.organization_id for i in known.identities.values() if i.organization_id is not None}
    if not wanted:
        return
    owned: dict[str, list[Any]] = {}
    for row in await connection.execute(select(contracts).where(contracts.c.organization_id.in_(wanted))):
        owned.setdefault(row.organization_id, []).append(
            Contract(id=row.id, plan=row.plan, since=row.since, until=row.until)
        )
    named: dict[str, list[str]] = {}
    for row in await connection.execute(select(domains).where(domains.c.organization_id.in_(wanted))):
        named.setdefault(row.organization_id, []).append(row.domain)
    groups: dict[str, set[str]] = {}
    for row in await connection.execute(select(groups_).where(groups_.c.organization_id.in_(wanted))):
        groups.setdefault(row.organization_id, set()).add(row.group)
    for row in await connection.execute(select(organizations).where(organizations.c.id.in_(wanted))):
        known.organizations[row.id] = Organization(
            id=row.id,
            name=row.name,
            segment=row.segment,
            domains=tuple(sorted(named.get(row.id, ()))),
            groups=frozenset(groups.get(row.id, ())),
            engineer=row.engineer_id,
            department=row.department,
            contracts=tuple(sorted(owned.get(row.id, ()), key=lambda contract: (contract.since, contract.id))),
        )


async def _read_repeats(connection: AsyncConnection, known: Recollection, now: datetime) -> None:
    wanted = {identity.id for identity in known.identities.values()}
    query = (
        select(tickets)
        .with_only_columns(*(tickets.c[name] for name in _OF_EARLIER))
        .where(tickets.c.requester_id.in_(wanted), tickets.c.created_at >= now - _REPEATS_WITHIN)
        .order_by(tickets.c.created_at.desc())
        .limit(_REPEATS_READ)
    )
    for row in await connection.execute(query):
        earlier = Earlier(
            number=row.number,
            at=row.created_at,
            catalog=row.catalog,
            kind=row.kind,
            line=row.line,
            assignee=row.assignee_id,
        )
        known.repeats[row.requester_id] = (*known.repeats.get(row.requester_id, ()), earlier)


async def _read_used(connection: AsyncConnection, known: Recollection, month: datetime | None) -> None:
    if month is None or not known.organizations:
        return
    query = (
        select(tickets.c.organization_id, tickets.c.kind, func.count().label("requests"))
        .where(tickets.c.organization_id.in_(known.organizations), tickets.c.created_at >= month)
        .group_by(tickets.c.organization_id, tickets.c.kind)
    )
    for row in await connection.execute(query):
        known.used[row.organization_id, row.kind] = row.requests
    query = (
        select(tickets.c.organization_id, tickets.c.kind, func.sum(work.c.minutes).label("minutes"))
        .join_from(work, tickets, work.c.number == tickets.c.number)
        .where(tickets.c.organization_id.in_(known.organizations), work.c.at >= month)
        .group_by(tickets.c.organization_id, tickets.c.kind)
    )
    for row in await connection.execute(query):
        known.worked[row.organization_id, row.kind] = int(row.minutes)
