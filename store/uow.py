"""The unit of work: one transaction over a batch of messages, and the store that begins it.

A batch is some thirty statements. On PostgreSQL each is awaited. On SQLite, where each would be four visits to the
driver's thread and back, all of a step's statements are one visit: the same coroutines run there to their end, over a
connection that never makes them wait.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.calls import CallKept
from domain.effects import Changed, Effect, Firing
from domain.message import Message
from domain.outgoing import Correspondence
from domain.people import Agent, Leaving, Worker
from domain.ports import Ids
from domain.ticket import Incident, TicketState
from domain.unitofwork import Recollection
from domain.views import Scope
from store import calls, changes, correspondence, incidents, staff, timers
from store.engine import Engines, faults
from store.recall import recall
from store.rows import Outgoing
from store.save import save
from store.writer import Turn, Writer

T = TypeVar("T")
Step = Callable[[AsyncConnection], Coroutine[Any, Any, T]]


class _Inline:
    """What the steps use of an ``AsyncConnection``, over a plain one: nothing is ever waited for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.execute(statement, parameters)


def _finish(steps: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that never suspends."""
    try:
        steps.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    steps.close()
    raise RuntimeError("a step of the unit of work waited for something")


class _Visits:
    """A transaction on SQLite in a thread of its own. Awaiting takes one visit a step, whatever it does there."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread

    async def _there(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Perform"]:
        connection = await self._there(self._engine.connect)
        try:
            transaction = await self._there(connection.begin)
            inline = cast("AsyncConnection", _Inline(connection))

            async def perform(step: Step[Any]) -> Any:
                return await self._there(lambda: _finish(step(inline)))

            try:
                yield perform
            except BaseException:
                await self._there(transaction.rollback)
                raise
            await self._there(transaction.commit)
        finally:
            await self._there(connection.close)


Perform = Callable[[Step[Any]], Awaitable[Any]]


class SqlUnitOfWork:
    """See ``domain.unitofwork.UnitOfWork``. ``perform`` runs a step within the transaction."""

    def __init__(self, perform: Perform, ids: Ids) -> None:
        self._perform = perform
        self._ids = ids
        self.outgoing: tuple[Outgoing, ...] = ()

    async def recall(
        self, messages: Sequence[Message], now: datetime, tokens: Iterable[int] = (), month: datetime | None = None
    ) -> Recollection:
        with faults():
            known: Recollection = await self._perform(lambda c: recall(c, messages, now, tokens, month, self._ids))
        return known

    async def workers(self, lines: Collection[str]) -> Sequence[Worker]:
        with faults():
            found: Sequence[Worker] = await self._perform(lambda c: staff.workers(c, lines))
        return found

    async def incidents(self, most: int) -> Sequence[Incident]:
        with faults():
            found: Sequence[Incident] = await self._perform(lambda c: incidents.incidents(c, most))
        return found

    async def leaving(self, now: datetime, lines: Collection[str], most: int) -> Sequence[Leaving]:
        with faults():
            found: Sequence[Leaving] = await self._perform(lambda c: staff.leaving(c, now, lines, most))
        return found

    async def unassigned(self, lines: Collection[str], most: int) -> Sequence[int]:
        with faults():
            found: Sequence[int] = await self._perform(lambda c: staff.unassigned(c, lines, most))
        return found

    async def next_numbers(self, count: int) -> Sequence[int]:
        if count == 0:
            return ()
        with faults():
            numbers: Sequence[int] = await self._perform(lambda c: _next_numbers(c, count))
        return numbers

    async def save(self, effects: Sequence[Effect], now: datetime, kept: Sequence[CallKept] = ()) -> None:
        with faults():
            self.outgoing += await self._perform(lambda c: save(c, effects, kept, now, self._ids))

    async def overdue_calls(self, now: datetime, most: int) -> Sequence[Message]:
        with faults():
            found: Sequence[Message] = await self._perform(lambda c: calls.overdue(c, now, most))
        return found

    async def states(self, numbers: Sequence[int]) -> Mapping[int, TicketState]:
        if not numbers:
            return {}
        with faults():
            found: Mapping[int, TicketState] = await self._perform(lambda c: changes.states(c, numbers))
        return found

    async def open_children(self, numbers: Sequence[int]) -> Mapping[int, Sequence[int]]:
        with faults():
            found: Mapping[int, Sequence[int]] = await self._perform(lambda c: changes.open_children(c, numbers))
        return found

    async def visible(self, scope: Scope, number: int) -> bool:
        with faults():
            return bool(await self._perform(lambda c: changes.exists(c, scope, number)))

    async def agents(self, ids: Sequence[str]) -> Mapping[str, Agent]:
        if not ids:
            return {}
        with faults():
            found: Mapping[str, Agent] = await self._perform(lambda c: changes.agents(c, ids))
        return found

    async def correspondences(self, numbers: Collection[int], now: datetime) -> Mapping[int, Correspondence]:
        with faults():
            found: Mapping[int, Correspondence] = await self._perform(
                lambda c: correspondence.correspondences(c, numbers, now)
            )
        return found

    async def mailed(self, identities: Collection[str], now: datetime) -> Mapping[str, tuple[int, int]]:
        with faults():
            found: Mapping[str, tuple[int, int]] = await self._perform(
                lambda c: correspondence.mailed(c, identities, now)
            )
        return found

    async def fire(self, now: datetime, most: int) -> int:
        with faults():
            return int(await self._perform(lambda c: timers.fire(c, now, most)))

    async def firings(self, most: int) -> Sequence[Firing]:
        with faults():
            found: Sequence[Firing] = await self._perform(lambda c: timers.firings(c, most))
        return found

    async def done(self, ids: Sequence[str]) -> None:
        with faults():
            await self._perform(lambda c: timers.done(c, ids))

    async def next_timer(self) -> datetime | None:
        with faults():
            found: datetime | None = await self._perform(timers.next_at)
        return found

    async def change(self, changed: Sequence[Changed], now: datetime) -> None:
        if not changed:
            return
        with faults():
            self.outgoing += await self._perform(lambda c: changes.change(c, changed, now, self._ids))


async def _next_numbers(connection: AsyncConnection, count: int) -> Sequence[int]:
    if connection.dialect.name == "sqlite":
        statement = text("UPDATE ticket_numbers SET last = last + :count WHERE id = 1 RETURNING last")
        last = (await connection.execute(statement, {"count": count})).scalar_one()
        return range(last - count + 1, last + 1)
    statement = text("SELECT nextval('ticket_number') FROM generate_series(1, :count)")
    return [row[0] for row in await connection.execute(statement, {"count": count})]


class SqlStore:
    """See ``domain.unitofwork.Store``. ``committed`` is called with the outbox rows of each commit, in this process:
    the relay sends them at once and need not read them again."""

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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="uow")

    @asynccontextmanager
    async def begin(self, *, person: bool = False) -> AsyncIterator[SqlUnitOfWork]:
        async with self._writer.turn(Turn.PERSON if person else Turn.ROUTING):
            with faults():
                async with self._transaction() as perform:
                    uow = SqlUnitOfWork(perform, self._ids)
                    yield uow
        if uow.outgoing:
            self._committed(uow.outgoing)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Perform]:
        if self._engines.batches is not None:
            async with _Visits(self._engines.batches, self._thread).begin() as perform:
                yield perform
            return
        async with self._engines.write.begin() as connection:

            async def awaited(step: Step[Any]) -> Any:
                return await step(connection)

            yield awaited

    def close(self) -> None:
        if self._engines.batches is not None:
            self._thread.submit(self._engines.batches.dispose).result()
        self._thread.shutdown()
