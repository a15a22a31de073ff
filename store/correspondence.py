"""What a letter rests on: who is written to, what was last said, how much was mailed. Steps of the unit of work."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import BlobKey
from domain.message import StoredFile
from domain.outgoing import Correspondence, Correspondent
from store.letters import deliveries
from store.recall import identities, messages_, organizations, participants, persons, tickets
from store.tables import AgentRow, AttachmentRow
from store.tables.base import table

_agents, _files = table(AgentRow), table(AttachmentRow)
_COUNTED_FOR = timedelta(days=1)
_HOUR = timedelta(hours=1)


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
    """Letters written by themselves within the last hour and the last day to each identity, or to any other of
    the same person; who had none is left out."""
    if not people:
        return {}
    one, other = identities.alias(), identities.alias()
    same = or_(other.c.id == one.c.id, other.c.person_id == one.c.person_id)
    lately = case((deliveries.c.created_at >= now - _HOUR, 1), else_=0)
    query = (
        select(one.c.id, func.sum(lately).label("hour"), func.count().label("day"))
        .join_from(one, other, same)
        .join(deliveries, deliveries.c.identity_id == other.c.id)
        .where(
            one.c.id.in_(people),
            deliveries.c.created_at >= now - _COUNTED_FOR,
            deliveries.c.automatic,
            deliveries.c.state != "muted",
        )
        .group_by(one.c.id)
    )
    return {row.id: (int(row.hour), int(row.day)) for row in await connection.execute(query)}


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
