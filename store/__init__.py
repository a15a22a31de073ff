"""The only room that knows SQL. ``Database`` is all that the rest of the house sees of it."""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import text

from domain.ports import Clock, Ids
from store import schema
from store.accounts import SqlAccounts
from store.books import Dead, Release, SqlBooks
from store.channels import SqlChannels
from store.deliveries import SqlDeliveries
from store.engine import Engines, faults
from store.identities import SqlIdentities
from store.letters import REPLY
from store.outbox import SqlOutbox
from store.people import SqlPeople
from store.revisions import Revision, SqlRevisions
from store.rows import Outgoing
from store.uow import SqlStore
from store.uploads import SqlUploads
from store.views.read import SqlViews
from store.writer import Writer

__all__ = ["REPLY", "Database", "Dead", "Outgoing", "Release", "Revision", "SqlStore"]


class Database:
    """Everything kept in SQL, opened by URL (``sqlite:///path`` or ``postgresql://...``). Opens nothing until used."""

    def __init__(
        self,
        url: str,
        *,
        ids: Ids,
        clock: Clock,
        committed: Callable[[Sequence[Outgoing]], None] = lambda _rows: None,
    ) -> None:
        self.engines = Engines(url)
        writer = Writer(single=self.engines.sqlite)
        self.store = SqlStore(self.engines, writer, ids, committed)
        self.views = SqlViews(self.engines)
        self.accounts = SqlAccounts(self.engines, writer, ids, clock)
        self.outbox = SqlOutbox(self.engines, writer)
        self.books = SqlBooks(self.engines, writer, ids)
        self.uploads = SqlUploads(self.engines, writer, ids)
        self.revisions = SqlRevisions(self.engines, writer)
        self.channels = SqlChannels(self.engines, writer)
        self.deliveries = SqlDeliveries(self.engines, writer, ids, committed)
        self.identities = SqlIdentities(self.engines, writer, ids)
        self.people = SqlPeople(self.engines, writer, ids)

    async def upgrade(self) -> tuple[str | None, str]:
        """Migrates to this program's version; returns (before, after). See ``store.schema.upgrade``."""
        return await schema.upgrade(self.engines)

    async def check(self) -> None:
        """Raises ``Permanent`` unless the database is at this program's version, ``Unavailable`` if it is away."""
        await schema.check(self.engines)

    async def ping(self) -> None:
        """Raises ``Unavailable`` if the database does not answer."""
        with faults():
            async with self.engines.read.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await asyncio.to_thread(self.store.close)
        await self.engines.close()
