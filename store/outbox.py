"""The outbox as the relay uses it: what a commit left to be sent, and forgetting it once the bus has it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from store.engine import Engines, faults
from store.rows import Outgoing
from store.save import outbox
from store.writer import Turn, Writer


class SqlOutbox:
    def __init__(self, engines: Engines, writer: Writer) -> None:
        self._engines = engines
        self._writer = writer

    async def left(self, before: datetime, limit: int) -> Sequence[Outgoing]:
        """Rows older than ``before``, oldest first: their commit's own process did not get to send them."""
        query = select(outbox).where(outbox.c.created_at < before).order_by(outbox.c.id).limit(limit)
        with faults():
            async with self._engines.read.connect() as connection:
                rows = await connection.execute(query)
                return [Outgoing(id=row.id, fact=row.fact, data=row.payload) for row in rows]

    async def sent(self, ids: Sequence[str]) -> None:
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    await connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))

    async def waiting(self) -> tuple[int, datetime | None]:
        """How many rows wait, and since when the oldest does."""
        query = select(func.count(), func.min(outbox.c.created_at)).select_from(outbox)
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(query)).one()
                return row[0], row[1]
