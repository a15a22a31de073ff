"""Messages of ours as rows, and what a letter rests on. Steps of the unit of work."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Suppressed
from domain.ids import BlobKey
from domain.message import Bounce, StoredFile
from domain.outgoing import Correspondence, Correspondent, Notice, Outgoing
from domain.ports import Ids
from store import rows as rows_of
from store import search
from store.dialect import insert
from store.recall import DEPARTMENT, identities, messages_, organizations, participants, persons, tickets
from store.tables import AgentRow, AttachmentRow, DeliveryRow
from store.tables.base import table

deliveries = table(DeliveryRow)
_agents, _files = table(AgentRow), table(AttachmentRow)

REPLY = "reply"
"""What an outbox row is called whose delivery waits for a sender; it goes to the subject of its channel."""

UNDELIVERED = "undelivered"
"""Flag of a ticket something of which did not arrive."""
NOBODY_THERE = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes (RFC 3463) that say so: nothing else that is sent to the address arrives."""
_COUNTED_FOR = timedelta(days=1)
_HOUR = timedelta(hours=1)


def add(
    rows: rows_of.Rows, number: int, letters: Iterable[Outgoing], now: datetime, ids: Ids
) -> list[rows_of.Outgoing]:
    """Writes them down; returns the outbox rows that wake the senders."""
    woken = []
    for letter in letters:
        rows.messages.append(_message(number, letter, now))
        rows.attachments.extend(files(letter.id, letter.files, ids))
        names = " ".join(file.name for file in letter.files)
        document = search.Document(
            message_id=letter.id, number=number, body=f"{letter.subject}\n{letter.text}\n{names}"
        )
        rows.documents.append(document)
        state = "muted" if letter.muted else "call_back" if letter.channel == "phone" else "queued"
        rows.deliveries.append(_delivery(number, letter, state, now))
        if state == "queued":
            woken.append(wake(rows, letter.delivery, number, letter.channel, now, ids))
    return woken


def wake(rows: rows_of.Rows, delivery: str, number: int, channel: str, now: datetime, ids: Ids) -> rows_of.Outgoing:
    data = {"delivery": delivery, "ticket": number, "channel": channel}
    out = rows_of.Outgoing(id=ids.new(), fact=REPLY, data=data)
    rows.outbox.append({"id": out.id, "fact": REPLY, "payload": data, "created_at": now})
    return out


def _message(number: int, letter: Outgoing, now: datetime) -> dict[str, Any]:
    own = letter.text if letter.words is None else letter.words
    return {
        "id": letter.id,
        "number": number,
        "envelope_id": None,
        "at": now,
        "direction": "outbound",
        "channel": letter.channel,
        "account": letter.account,
        "adapter": "",
        "author_id": None,
        "agent_id": letter.author.agent,
        "author_name": letter.author.name,
        "native_id": None,
        "subject": letter.subject,
        "text": own,
        "quoted": "",
        "signature": "",
        "full_text": None if own == letter.text else letter.text,
        "html": None,
        "language": letter.language,
        "recipients": [],
        "flags": ["automatic"] if letter.automatic else [],
        "features": {"letter": letter.letter} if letter.letter else {},
        "raw": None,
        "size": len(letter.text.encode()),
    }


def files(message_id: str, given: Iterable[StoredFile], ids: Ids) -> list[dict[str, Any]]:
    """Attachments of a message that was written here."""
    return [
        {
            "id": ids.new(),
            "message_id": message_id,
            "position": position,
            "blob": file.blob,
            "name": file.name,
            "size": file.size,
            "media_type": file.media_type,
            "declared_type": file.media_type,
            "content_id": None,
            "inline": False,
        }
        for position, file in enumerate(given)
    ]


def _delivery(number: int, letter: Outgoing, state: str, now: datetime) -> dict[str, Any]:
    return {
        "id": letter.delivery,
        "message_id": letter.id,
        "number": number,
        "channel": letter.channel,
        "account": letter.account,
        "identity_id": letter.to,
        "agent_id": None,
        "address": letter.address,
        "letter": letter.letter,
        "automatic": letter.automatic,
        "subject": None,
        "text": None,
        "language": letter.language,
        "state": state,
        "attempts": 0,
        "next_at": now,
        "leased_until": None,
        "error": letter.muted,
        "native_id": None,
        "created_at": now,
        "settled_at": now if letter.muted else None,
    }


def notice(given: Notice, now: datetime) -> dict[str, Any]:
    """The delivery of a letter to an agent."""
    return {
        "id": given.delivery,
        "message_id": None,
        "number": given.number,
        "channel": "email",
        "account": "",
        "identity_id": None,
        "agent_id": given.agent,
        "address": "",
        "letter": given.letter,
        "automatic": True,
        "subject": given.subject,
        "text": given.text,
        "language": given.language,
        "state": "queued",
        "attempts": 0,
        "next_at": now,
        "leased_until": None,
        "error": "",
        "native_id": None,
        "created_at": now,
        "settled_at": None,
    }


async def introduced(
    connection: AsyncConnection, letters: Iterable[Outgoing], now: datetime, ids: Ids
) -> tuple[Outgoing, ...]:
    """Departments that are written to for the first time are identities from then on: the policy vouches for them."""
    known = []
    for letter in letters:
        if letter.to is None:
            values = {"channel": letter.channel, "address": letter.address, "name": "", "verified": True}
            new = insert(connection, identities).values(id=ids.new(), **values, unreachable="", created_at=now)
            await connection.execute(new.on_conflict_do_nothing())
            where = (identities.c.channel == letter.channel, identities.c.address == letter.address)
            identity = (await connection.execute(select(identities.c.id).where(*where))).scalar_one()
            known.append(replace(letter, to=identity, address=""))
        else:
            known.append(letter)
    return tuple(known)


def departments(number: int, written: Iterable[Outgoing], sent: Iterable[Outgoing]) -> list[dict[str, Any]]:
    """Whoever was introduced takes part in the ticket. ``sent``: the same letters as ``introduced`` gave them back."""
    return [
        {"number": number, "identity_id": after.to, "role": DEPARTMENT}
        for before, after in zip(written, sent, strict=True)
        if before.to is None
    ]


async def returned(connection: AsyncConnection, reports: Iterable[Suppressed], now: datetime) -> None:
    """What came back: the delivery that it was shows so, and so does its ticket."""
    for effect in reports:
        for bounce in effect.message.bounces:
            if effect.number is None or bounce.action not in ("failed", "delayed"):
                continue
            row = await _returned(connection, effect.number, bounce)
            if row is None:
                continue
            said = " ".join(part for part in (bounce.status, bounce.diagnostic) if part) or "it came back"
            if bounce.action == "delayed":
                values: dict[str, Any] = {"error": f"delayed: {said}"}
            else:
                values = {"state": "failed", "error": said, "settled_at": now}
                await mark_undelivered(connection, effect.number, now)
            await connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
            if bounce.action == "failed" and bounce.status in NOBODY_THERE and row.identity_id is not None:
                gone = update(identities).where(identities.c.id == row.identity_id)
                await connection.execute(gone.values(unreachable=said))


async def _returned(connection: AsyncConnection, number: int, bounce: Bounce) -> Any:
    """By the id of what was returned; where the report does not say it, the last that went to the recipient."""
    query = (
        select(deliveries.c.id, deliveries.c.identity_id)
        .join_from(deliveries, identities, deliveries.c.identity_id == identities.c.id, isouter=True)
        .where(deliveries.c.number == number, deliveries.c.channel == "email", deliveries.c.state == "sent")
        .order_by(deliveries.c.created_at.desc())
        .limit(1)
    )
    if bounce.message_id:
        found = (await connection.execute(query.where(deliveries.c.native_id == bounce.message_id))).first()
        if found is not None:
            return found
    to = bounce.recipient.lower()
    mine = or_(deliveries.c.address == to, and_(deliveries.c.address == "", identities.c.address == to))
    return (await connection.execute(query.where(mine))).first()


async def mark_undelivered(connection: AsyncConnection, number: int, now: datetime) -> None:
    """The ticket shows that something of it did not arrive."""
    flags = (await connection.execute(select(tickets.c.flags).where(tickets.c.number == number))).scalar_one()
    if UNDELIVERED in flags:
        return
    values = {"flags": [*flags, UNDELIVERED], "updated_at": now, "version": tickets.c.version + 1}
    await connection.execute(update(tickets).where(tickets.c.number == number).values(**values))


async def correspondences(
    connection: AsyncConnection, numbers: Collection[int], now: datetime
) -> Mapping[int, Correspondence]:
    """See ``domain.unitofwork.UnitOfWork.correspondences``."""
    if not numbers:
        return {}
    people = await _people(connection, numbers)
    heads = await _heads(connection, numbers)
    words = await _last_words(connection, numbers)
    openings = await _openings(connection, numbers)
    everybody = {person.id for group in people.values() for person in group}
    counts = await mailed(connection, everybody, now)
    reminded = await _written(connection, numbers)
    return {
        number: Correspondence(
            people=tuple(people.get(number, ())),
            organization=heads.get(number, ("", "", ""))[0],
            agent=heads.get(number, ("", "", ""))[1],
            last_words=words.get(number, ""),
            opening=openings.get(number, ("", ()))[0],
            opening_files=openings.get(number, ("", ()))[1],
            department=heads.get(number, ("", "", ""))[2],
            mailed={person.id: counts[person.id] for person in people.get(number, ()) if person.id in counts},
            written=reminded.get(number, {}),
        )
        for number in numbers
    }


async def mailed(connection: AsyncConnection, people: Collection[str], now: datetime) -> dict[str, tuple[int, int]]:
    """Letters that were written by themselves to each identity within the last hour and the last day; who had none is
    left out."""
    if not people:
        return {}
    lately = case((deliveries.c.created_at >= now - _HOUR, 1), else_=0)
    query = (
        select(deliveries.c.identity_id, func.sum(lately).label("hour"), func.count().label("day"))
        .where(
            deliveries.c.identity_id.in_(people),
            deliveries.c.created_at >= now - _COUNTED_FOR,
            deliveries.c.automatic,
            deliveries.c.state != "muted",
        )
        .group_by(deliveries.c.identity_id)
    )
    return {row.identity_id: (int(row.hour), int(row.day)) for row in await connection.execute(query)}


async def _people(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, list[Correspondent]]:
    """The requester, who else wrote, and the further identities of the requester's person; who wrote last stands
    first."""
    requested = {
        row.number: row
        for row in await connection.execute(
            select(tickets.c.number, tickets.c.requester_id, tickets.c.account, identities.c.person_id)
            .join_from(tickets, identities, tickets.c.requester_id == identities.c.id)
            .where(tickets.c.number.in_(numbers))
        )
    }
    wrote = await _writers(connection, numbers)
    taking_part: dict[int, set[str]] = {number: {row.requester_id} for number, row in requested.items()}
    for row in await connection.execute(select(participants).where(participants.c.number.in_(numbers))):
        taking_part.setdefault(row.number, set()).add(row.identity_id)
    owners = {row.person_id for row in requested.values() if row.person_id is not None}
    wanted = {identity for group in taking_part.values() for identity in group} | {i for _, i in wrote}
    query = (
        select(identities, persons.c.name.label("person_name"))
        .join_from(identities, persons, isouter=True)
        .where(or_(identities.c.id.in_(wanted), identities.c.person_id.in_(owners)))
    )
    known = list(await connection.execute(query))
    found: dict[int, list[Correspondent]] = {}
    for number, ticket in requested.items():
        for row in known:
            own = ticket.person_id is not None and row.person_id == ticket.person_id
            takes_part = row.id in taking_part[number]
            if not (own or takes_part):
                continue
            last = wrote.get((number, row.id))
            found.setdefault(number, []).append(
                Correspondent(
                    id=row.id,
                    channel=row.channel,
                    account=last[1] if last else ticket.account,
                    name=row.person_name or row.name,
                    address=last[2] if last else "",
                    wrote=last is not None,
                    verified=row.verified,
                    requester=own or row.id == ticket.requester_id,
                    unreachable=row.unreachable,
                )
            )
        last_wrote = {who: at.timestamp() for (of, who), (at, _, _) in wrote.items() if of == number}
        found[number].sort(key=lambda person: (-last_wrote.get(person.id, 0.0), person.id))
    return found


async def _writers(
    connection: AsyncConnection, numbers: Collection[int]
) -> dict[tuple[int, str], tuple[datetime, str, str]]:
    """(ticket, identity) -> when they last wrote, to which account, and where they want the answer, if elsewhere."""
    columns = ("number", "author_id", "at", "account", "features")
    query = (
        select(*(messages_.c[name] for name in columns))
        .where(messages_.c.number.in_(numbers), messages_.c.direction == "inbound", messages_.c.author_id.is_not(None))
        .order_by(messages_.c.at, messages_.c.id)
    )
    found: dict[tuple[int, str], tuple[datetime, str, str]] = {}
    for row in await connection.execute(query):
        elsewhere = (row.features.get("reply_to") or {}).get("address", "")
        found[row.number, row.author_id] = (row.at, row.account, elsewhere)
    return found


async def _openings(
    connection: AsyncConnection, numbers: Collection[int]
) -> dict[int, tuple[str, tuple[StoredFile, ...]]]:
    """What each ticket's requester wrote first, and the files with it."""
    query = (
        select(messages_.c.number, messages_.c.id, messages_.c.text)
        .where(messages_.c.number.in_(numbers), messages_.c.direction == "inbound")
        .order_by(messages_.c.at.desc(), messages_.c.id.desc())
    )
    first = {row.number: (row.id, row.text) for row in await connection.execute(query)}
    query = (
        select(_files)
        .where(_files.c.message_id.in_([message for message, _ in first.values()]), ~_files.c.inline)
        .order_by(_files.c.position)
    )
    files: dict[str, tuple[StoredFile, ...]] = {}
    for row in await connection.execute(query):
        file = StoredFile(blob=BlobKey(row.blob), name=row.name, size=row.size, media_type=row.media_type)
        files[row.message_id] = (*files.get(row.message_id, ()), file)
    return {number: (text, files.get(message, ())) for number, (message, text) in first.items()}


async def _heads(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, tuple[str, str, str]]:
    """The names of each ticket's organisation and agent, and the address of the organisation's department."""
    query = (
        select(
            tickets.c.number,
            organizations.c.name.label("organization"),
            organizations.c.department,
            _agents.c.name.label("agent"),
        )
        .join_from(tickets, organizations, tickets.c.organization_id == organizations.c.id, isouter=True)
        .join(_agents, tickets.c.assignee_id == _agents.c.id, isouter=True)
        .where(tickets.c.number.in_(numbers))
    )
    rows = await connection.execute(query)
    return {row.number: (row.organization or "", row.agent or "", row.department or "") for row in rows}


async def _last_words(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, str]:
    """What an agent last wrote to the requester of each ticket."""
    query = (
        select(messages_.c.number, messages_.c.text)
        .where(
            messages_.c.number.in_(numbers),
            messages_.c.direction == "outbound",
            messages_.c.agent_id.is_not(None),
        )
        .order_by(messages_.c.at, messages_.c.id)
    )
    return {row.number: row.text for row in await connection.execute(query)}


async def _written(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, dict[str, datetime]]:
    """When each of the policy's letters was last written on each ticket."""
    query = (
        select(deliveries.c.number, deliveries.c.letter, func.max(deliveries.c.created_at).label("at"))
        .where(deliveries.c.number.in_(numbers), deliveries.c.letter.is_not(None))
        .group_by(deliveries.c.number, deliveries.c.letter)
    )
    found: dict[int, dict[str, datetime]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.number, {})[row.letter] = row.at
    return found
