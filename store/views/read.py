"""``domain.ports.Views``: each call is one short reading transaction."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.decision import Decision
from domain.ids import BlobKey
from domain.message import Call, Message
from domain.people import Worker
from domain.views import (
    AttachmentView,
    Filter,
    HeldRow,
    LedgerRow,
    LineCount,
    Page,
    Past,
    QueueRow,
    Receipt,
    Scope,
    Sort,
    TicketView,
)
from store import staff
from store.engine import Engines, faults
from store.views import books, past, queue, ticket


class SqlViews:
    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with faults():
            async with self._engines.read.connect() as connection:
                yield connection

    async def queue(
        self, scope: Scope, wanted: Filter, *, sort: Sort = "urgency", cursor: str | None = None, limit: int = 50
    ) -> Page:
        async with self._reading() as connection:
            return await queue.queue(connection, scope, wanted, sort, cursor, limit)

    async def rows(self, scope: Scope, numbers: Sequence[int]) -> Sequence[QueueRow]:
        async with self._reading() as connection:
            return await queue.rows(connection, scope, numbers)

    async def counts(self, scope: Scope, now: datetime) -> Sequence[LineCount]:
        async with self._reading() as connection:
            return await queue.counts(connection, scope, now)

    async def ticket(self, scope: Scope, number: int) -> TicketView:
        async with self._reading() as connection:
            return await ticket.ticket(connection, scope, number)

    async def opening_message(self, scope: Scope, number: int) -> tuple[Message, Decision]:
        """What explaining a ticket starts from: its first message and the decision. Raises ``NotFound``."""
        async with self._reading() as connection:
            return await ticket.opening_message(connection, scope, number)

    async def workers(self, lines: Collection[str]) -> Sequence[Worker]:
        """The active agents of these lines with what they have in hand."""
        async with self._reading() as connection:
            return await staff.seen_workers(connection, lines)

    async def past_keys(self, since: datetime, until: datetime | None = None) -> Sequence[str]:
        """Keys of the decisions made since, in the order in which they were made."""
        async with self._reading() as connection:
            return await past.keys(connection, since, until)

    async def past(self, first: str, last: str, since: datetime) -> Sequence[Past]:
        """The decisions from one key to another, both included; those older than ``since`` are left out."""
        async with self._reading() as connection:
            return await past.past(connection, first, last, since)

    async def attachment(self, scope: Scope, attachment_id: str) -> AttachmentView:
        async with self._reading() as connection:
            return await ticket.attachment(connection, scope, attachment_id)

    async def raw_key(self, scope: Scope, message_id: str) -> BlobKey:
        async with self._reading() as connection:
            return await ticket.raw_key(connection, scope, message_id)

    async def call(self, scope: Scope, message_id: str) -> tuple[str, Call]:
        async with self._reading() as connection:
            return await ticket.call(connection, scope, message_id)

    async def message_html(self, scope: Scope, message_id: str) -> tuple[str, Sequence[AttachmentView]]:
        async with self._reading() as connection:
            return await ticket.message_html(connection, scope, message_id)

    async def held(
        self, scope: Scope, *, outcome: str | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[HeldRow]:
        async with self._reading() as connection:
            return await books.held_list(connection, scope, outcome, limit, before)

    async def held_one(self, scope: Scope, held_id: str) -> HeldRow:
        async with self._reading() as connection:
            return await books.held_one(connection, scope, held_id)

    async def receipt(self, envelope_id: str) -> Receipt | None:
        async with self._reading() as connection:
            return await books.receipt(connection, envelope_id)

    async def ledger(self) -> Sequence[LedgerRow]:
        async with self._reading() as connection:
            return await books.ledger_sums(connection)
