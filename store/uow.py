"""The unit of work: one transaction over a batch of messages, and the store that begins it."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Effect
from domain.message import Message
from domain.ports import Ids, Recollection
from store.engine import Engines, faults
from store.recall import recall
from store.rows import Outgoing
from store.save import save
from store.writer import Turn, Writer


class SqlUnitOfWork:
    """See ``domain.ports.UnitOfWork``."""

    def __init__(self, connection: AsyncConnection, ids: Ids) -> None:
        self._connection = connection
        self._ids = ids
        self.outgoing: tuple[Outgoing, ...] = ()

    async def recall(self, messages: Sequence[Message], now: datetime, tokens: Iterable[int] = ()) -> Recollection:
        with faults():
            return await recall(self._connection, messages, now, tokens, self._ids)

    async def next_numbers(self, count: int) -> Sequence[int]:
        if count == 0:
            return ()
        with faults():
            if self._connection.dialect.name == "sqlite":
                statement = text("UPDATE ticket_numbers SET last = last + :count WHERE id = 1 RETURNING last")
                last = (await self._connection.execute(statement, {"count": count})).scalar_one()
                return range(last - count + 1, last + 1)
            statement = text("SELECT nextval('ticket_number') FROM generate_series(1, :count)")
            return [row[0] for row in await self._connection.execute(statement, {"count": count})]

    async def save(self, effects: Sequence[Effect], now: datetime) -> None:
        with faults():
            self.outgoing += await save(self._connection, effects, now, self._ids)


class SqlStore:
    """See ``domain.ports.Store``. ``committed`` is called with the outbox rows of each commit, in this process: the
    relay sends them at once and need not read them again."""

    def __init__(
        self,
        engines: Engines,
        writer: Writer,
        ids: Ids,
        committed: Callable[[Sequence[Outgoing]], None] = lambda _rows: None,
    ) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids
        self._committed = committed

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlUnitOfWork]:
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    uow = SqlUnitOfWork(connection, self._ids)
                    yield uow
        if uow.outgoing:
            self._committed(uow.outgoing)
