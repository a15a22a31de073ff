"""Deliveries as senders take them in hand and settle them, and as agents have them sent once more."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.facts import DeliverySettled
from domain.ids import BlobKey
from domain.message import StoredFile
from domain.outgoing import REPEATABLE, Correspondent, Delivery, DeliveryView, Notice, Result
from domain.ports import Ids
from domain.views import Scope
from store import letters
from store import rows as rows_of
from store.dialect import insert
from store.engine import Engines, faults
from store.letters import deliveries
from store.recall import identities, messages_, persons, tickets
from store.rows import Outgoing
from store.save import attachments, facts_, outbox
from store.tables import AgentRow
from store.tables.base import table
from store.views.scope import visible
from store.writer import Turn, Writer

_agents = table(AgentRow)

_THREAD = 20
"""Native ids of a conversation that go along: what mail programs follow."""


class SqlDeliveries:
    """``committed`` as in ``store.uow``."""

    def __init__(self, engines: Engines, writer: Writer, ids: Ids, committed: Any) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids
        self._committed = committed

    async def claim(self, channel: str, now: datetime, lease: timedelta, most: int) -> Sequence[Delivery]:
        """Takes in hand what waits to be sent on a channel, the oldest first. Two processes never get the same."""
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    query = (
                        select(deliveries.c.id)
                        .where(
                            deliveries.c.state == "queued", deliveries.c.next_at <= now, deliveries.c.channel == channel
                        )
                        .order_by(deliveries.c.next_at, deliveries.c.id)
                        .limit(most)
                        .with_for_update(skip_locked=True)
                    )
                    ids = [row.id for row in await connection.execute(query)]
                    if not ids:
                        return []
                    taken = update(deliveries).where(deliveries.c.id.in_(ids))
                    await connection.execute(
                        taken.values(state="sending", attempts=deliveries.c.attempts + 1, leased_until=now + lease)
                    )
                    return await _read(connection, ids)

    async def waiting(self, now: datetime) -> Mapping[str, tuple[int, datetime | None]]:
        """Channel -> how many wait to be sent, and since when the oldest that is due does."""
        query = (
            select(deliveries.c.channel, func.count().label("how_many"), func.min(deliveries.c.next_at).label("since"))
            .where(deliveries.c.state == "queued")
            .group_by(deliveries.c.channel)
        )
        with faults():
            async with self._engines.read.connect() as connection:
                rows = await connection.execute(query)
                return {row.channel: (row.how_many, row.since if row.since <= now else None) for row in rows}

    async def expire(self, now: datetime, repeated: Collection[str]) -> int:
        """Deliveries whose process is not heard of any more: on a channel where sending twice does no harm they wait
        again, on others nobody knows whether they arrived. Returns how many."""
        query = select(deliveries.c.id, deliveries.c.channel).where(
            deliveries.c.state == "sending", deliveries.c.leased_until < now
        )
        with faults():
            async with self._engines.read.connect() as connection:
                lost = list(await connection.execute(query))
        why = "the process that sent it ended before it was told what became of it"
        results = [
            Result(delivery=row.id, state="queued", at=now, error=f"{why}; it is sent again", retry_at=now)
            if row.channel in repeated
            else Result(delivery=row.id, state="unknown", at=now, error=why)
            for row in lost
        ]
        await self.settle(results)
        return len(results)

    async def hold(self, ids: Collection[str], until: datetime) -> None:
        """Keeps what is in hand a while longer."""
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    held = update(deliveries).where(deliveries.c.id.in_(ids), deliveries.c.state == "sending")
                    await connection.execute(held.values(leased_until=until))

    async def settle(self, results: Sequence[Result]) -> None:
        """Writes what became of attempts, with the facts that tell of it."""
        if not results:
            return
        outgoing: list[Outgoing] = []
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    rows = rows_of.Rows()
                    for result in results:
                        outgoing += await _settle(connection, rows, result, self._ids)
                    await _insert(connection, rows)
        self._committed(outgoing)

    async def notify(self, notices: Sequence[Notice], now: datetime) -> None:
        """Letters that are no messages; those that are there already are left as they are."""
        if not notices:
            return
        rows = rows_of.Rows()
        woken: list[Outgoing] = []
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    for notice in notices:
                        statement = insert(connection, deliveries).values(letters.notice(notice, now))
                        new = await connection.execute(statement.on_conflict_do_nothing().returning(deliveries.c.id))
                        if new.first() is not None:
                            woken.append(letters.wake(rows, notice.delivery, notice.number, "email", now, self._ids))
                    await _insert(connection, rows)
        self._committed(woken)

    async def redirect(self, delivery: str, person: Correspondent, now: datetime) -> None:
        """The same message once more, to another identity."""
        rows = rows_of.Rows()
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    query = select(deliveries).where(deliveries.c.id == delivery)
                    first = (await connection.execute(query)).one()
                    woken = await _again(connection, rows, first, person, now, self._ids)
        self._committed(woken)

    async def repeat(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        """Has one sent once more that failed, is unknown or was muted; False where it is none of these. Not there, or
        not for this reader: None of it happens and the answer is False too."""
        rows = rows_of.Rows()
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    row = await _of_ticket(connection, scope, number, delivery)
                    if row is None or row.state not in REPEATABLE:
                        return False
                    values = {"state": "queued", "attempts": 0, "next_at": now, "error": "", "settled_at": None}
                    await connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(**values))
                    woken = [letters.wake(rows, delivery, number, row.channel, now, self._ids)]
                    await _insert(connection, rows)
        self._committed(woken)
        return True

    async def called(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        """Somebody has telephoned; False where there was nothing to telephone about."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    row = await _of_ticket(connection, scope, number, delivery)
                    if row is None or row.state != "call_back":
                        return False
                    where = update(deliveries).where(deliveries.c.id == delivery)
                    await connection.execute(where.values(state="called_back", settled_at=now))
        return True


async def _of_ticket(connection: AsyncConnection, scope: Scope, number: int, delivery: str) -> Any:
    query = (
        select(deliveries)
        .join_from(deliveries, tickets, deliveries.c.number == tickets.c.number)
        .where(visible(scope), deliveries.c.number == number, deliveries.c.id == delivery)
    )
    return (await connection.execute(query)).first()


async def _read(connection: AsyncConnection, ids: Collection[str]) -> list[Delivery]:
    query = (
        select(
            deliveries,
            identities.c.address.label("own_address"),
            identities.c.name.label("own_name"),
            persons.c.name.label("person_name"),
            _agents.c.email.label("agent_address"),
            _agents.c.name.label("agent_name"),
            messages_.c.subject.label("message_subject"),
            messages_.c.text.label("message_text"),
            messages_.c.full_text.label("message_full"),
            messages_.c.author_name.label("message_author"),
        )
        .join_from(deliveries, identities, deliveries.c.identity_id == identities.c.id, isouter=True)
        .join(persons, identities.c.person_id == persons.c.id, isouter=True)
        .join(_agents, deliveries.c.agent_id == _agents.c.id, isouter=True)
        .join(messages_, deliveries.c.message_id == messages_.c.id, isouter=True)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.next_at, deliveries.c.id)
    )
    rows = list(await connection.execute(query))
    named = await _files(connection, [row.message_id for row in rows if row.message_id])
    threads = await _threads(connection, {row.number for row in rows})
    found = []
    for row in rows:
        thread = threads.get((row.number, row.channel), _Thread()) if row.message_id else _Thread()
        found.append(
            Delivery(
                id=row.id,
                message=row.message_id,
                number=row.number,
                channel=row.channel,
                account=row.account,
                address=row.address or row.own_address or row.agent_address or "",
                name=row.person_name or row.own_name or row.agent_name or "",
                subject=row.message_subject if row.subject is None else row.subject,
                text=(row.message_full or row.message_text) if row.text is None else row.text,
                automatic=row.automatic,
                attempt=row.attempts,
                created_at=row.created_at,
                letter=row.letter,
                language=row.language,
                files=named.get(row.message_id, ()),
                recipients=thread.recipients,
                references=tuple(thread.natives[-_THREAD:]),
                quoted=thread.quoted,
                identity=row.identity_id,
                author=row.message_author or "",
            )
        )
    return found


class _Thread:
    """What of a ticket's conversation on one channel goes along with a message."""

    def __init__(self) -> None:
        self.natives: list[str] = []
        self.recipients: tuple[str, ...] = ()
        self.quoted = ""


async def _threads(connection: AsyncConnection, numbers: Collection[int]) -> Mapping[tuple[int, str], _Thread]:
    columns = ("number", "channel", "native_id", "direction", "recipients", "text")
    query = (
        select(*(messages_.c[name] for name in columns))
        .where(messages_.c.number.in_(numbers), messages_.c.direction != "note")
        .order_by(messages_.c.at, messages_.c.id)
    )
    found: dict[tuple[int, str], _Thread] = {}
    for row in await connection.execute(query):
        thread = found.setdefault((row.number, row.channel), _Thread())
        if row.native_id:
            thread.natives.append(row.native_id)
        if row.direction == "inbound":
            thread.recipients, thread.quoted = tuple(row.recipients), row.text
    return found


async def _files(connection: AsyncConnection, messages: Collection[str]) -> Mapping[str, tuple[StoredFile, ...]]:
    query = select(attachments).where(attachments.c.message_id.in_(messages)).order_by(attachments.c.position)
    found: dict[str, tuple[StoredFile, ...]] = {}
    for row in await connection.execute(query):
        file = StoredFile(blob=BlobKey(row.blob), name=row.name, size=row.size, media_type=row.media_type)
        found[row.message_id] = (*found.get(row.message_id, ()), file)
    return found


async def of_messages(connection: AsyncConnection, messages: Collection[str]) -> Mapping[str, tuple[DeliveryView, ...]]:
    """By message, the latest last."""
    if not messages:
        return {}
    query = (
        select(deliveries, identities.c.address.label("own_address"))
        .join_from(deliveries, identities, deliveries.c.identity_id == identities.c.id, isouter=True)
        .where(deliveries.c.message_id.in_(messages))
        .order_by(deliveries.c.created_at, deliveries.c.id)
    )
    found: dict[str, tuple[DeliveryView, ...]] = {}
    for row in await connection.execute(query):
        view = DeliveryView(
            id=row.id,
            message=row.message_id,
            channel=row.channel,
            address=row.address or row.own_address or "",
            state=row.state,
            attempts=row.attempts,
            error=row.error,
            automatic=row.automatic,
            letter=row.letter,
            next_at=row.next_at if row.state == "queued" else None,
            settled_at=row.settled_at,
        )
        found[row.message_id] = (*found.get(row.message_id, ()), view)
    return found


async def _settle(connection: AsyncConnection, rows: rows_of.Rows, result: Result, ids: Ids) -> Iterable[Outgoing]:
    query = (
        select(deliveries, tickets.c.line)
        .join_from(deliveries, tickets, deliveries.c.number == tickets.c.number)
        .where(deliveries.c.id == result.delivery)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return ()
    waits = result.state == "queued"
    values: dict[str, Any] = {
        "state": result.state,
        "error": result.error,
        "leased_until": None,
        "settled_at": None if waits else result.at,
    }
    if waits:
        values["next_at"] = result.retry_at or result.at
    if result.native_id is not None:
        values["native_id"] = result.native_id
        own = update(messages_).where(messages_.c.id == row.message_id, messages_.c.native_id.is_(None))
        await connection.execute(own.values(native_id=result.native_id))
    await connection.execute(update(deliveries).where(deliveries.c.id == result.delivery).values(**values))
    if result.unreachable and row.identity_id is not None:
        where = update(identities).where(identities.c.id == row.identity_id)
        await connection.execute(where.values(unreachable=result.error))
    if waits or (row.automatic and result.state == "sent"):
        return ()  # nothing that anybody waits to see
    if result.state in ("failed", "unknown") and row.message_id is not None and not row.automatic:
        await letters.mark_undelivered(connection, row.number, result.at)
    fact = DeliverySettled(
        ticket=row.number,
        at=result.at,
        by="outbound",
        line=row.line,
        delivery=row.id,
        channel=row.channel,
        state=result.state,
        message=row.message_id,
        error=result.error,
    )
    return list(rows_of.facts(rows, [fact], ids))


async def _again(
    connection: AsyncConnection, rows: rows_of.Rows, first: Any, person: Correspondent, now: datetime, ids: Ids
) -> list[Outgoing]:
    by_voice = person.channel == "phone"
    values = dict(first._mapping) | {
        "id": ids.new(),
        "channel": person.channel,
        "account": person.account,
        "identity_id": person.id,
        "address": person.address,
        "state": "call_back" if by_voice else "queued",
        "attempts": 0,
        "next_at": now,
        "leased_until": None,
        "error": "",
        "native_id": None,
        "created_at": now,
        "settled_at": None,
    }
    await connection.execute(plain_insert(deliveries).values(**values))
    if by_voice:
        return []
    woken = [letters.wake(rows, values["id"], first.number, person.channel, now, ids)]
    await _insert(connection, rows)
    return woken


async def _insert(connection: AsyncConnection, rows: rows_of.Rows) -> None:
    for target, values in ((facts_, rows.facts), (outbox, rows.outbox)):
        if values:
            await connection.execute(plain_insert(target), values)
