"""The books of intake as the gateway keeps them: quarantine, release, what the reconciler asks, and purges."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert as plain_insert
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Outcome
from domain.errors import Conflict, NotFound
from domain.ports import Ids
from store.dialect import insert
from store.engine import Engines, faults
from store.recall import ledger
from store.save import add_to_counters, counted, counters, held, set_counter
from store.writer import Turn, Writer

RAW_LOG = "*"
"""Stands for the channel in counters that are about the raw log as a whole."""
_RELEASE_AGAIN = timedelta(minutes=1)
"""A release whose message has not come through within this time may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A message that a consumer gave up. ``origin`` is the subject it was taken from, ``payload_blob`` its bytes."""

    envelope_id: str
    channel: str
    account: str
    origin: str
    reason: str
    payload_blob: str
    subject: str = ""
    sender: str = ""
    raw: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What to send through again: JSON of the subject's own form, or the blob that holds its bytes."""

    envelope_id: str
    origin: str
    payload: Any
    payload_blob: str | None


class SqlBooks:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids

    async def quarantine(self, dead: Dead, now: datetime) -> bool:
        """Holds a dead letter and settles its envelope; False where it had been settled before (nothing changes)."""
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    return await self._quarantine(connection, dead, now)

    async def _quarantine(self, connection: AsyncConnection, dead: Dead, now: datetime) -> bool:
        line = {
            "envelope_id": dead.envelope_id,
            "channel": dead.channel,
            "account": dead.account,
            "outcome": Outcome.QUARANTINED.value,
            "reason": dead.reason,
            "number": None,
            "at": now,
        }
        statement = insert(connection, ledger).values(line).on_conflict_do_nothing().returning(ledger.c.envelope_id)
        if (await connection.execute(statement)).first() is None:
            return False
        row = {name: getattr(dead, name) for name in Dead.__slots__}
        row |= {"id": self._ids.new(), "outcome": Outcome.QUARANTINED.value, "at": now, "payload": None}
        row |= {"released_at": None, "released_by": None, "number": None}
        await connection.execute(plain_insert(held), row)
        await add_to_counters(connection, {(dead.channel, Outcome.QUARANTINED.value): 1})
        return True

    async def claim_release(self, held_id: str, by: str, now: datetime) -> Release:
        """Marks a held message as released. Raises ``NotFound``, ``Conflict`` where it was released already."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    row = (await connection.execute(select(held).where(held.c.id == held_id))).first()
                    if row is None:
                        raise NotFound("No such message")
                    fresh = row.released_at is not None and row.released_at > now - _RELEASE_AGAIN
                    if fresh or (row.released_at is not None and row.number is not None):
                        raise Conflict("This message has been released already")
                    values = {"released_at": now, "released_by": by}
                    await connection.execute(update(held).where(held.c.id == held_id).values(**values))
        return Release(
            envelope_id=row.envelope_id, origin=row.origin, payload=row.payload, payload_blob=row.payload_blob
        )

    async def settled(self, envelopes: Collection[str]) -> set[str]:
        """Which of these envelopes have a ledger line."""
        query = select(ledger.c.envelope_id).where(ledger.c.envelope_id.in_(list(envelopes)))
        with faults():
            async with self._engines.read.connect() as connection:
                return {row[0] for row in await connection.execute(query)}

    async def line(self, envelope_id: str) -> Mapping[str, Any] | None:
        """The ledger line of an envelope, as plain values."""
        query = select(ledger).where(ledger.c.envelope_id == envelope_id)
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(query)).mappings().first()
                return dict(row) if row else None

    async def floor(self) -> int:
        """The raw log's sequence up to which every message is settled."""
        return await self._mark("floor")

    async def purged_below(self) -> int:
        """The sequence below which the raw log's messages are counted as purged."""
        return await self._mark("purged_below")

    async def _mark(self, name: str) -> int:
        with faults():
            async with self._engines.read.connect() as connection:
                return (await counted(connection, [(RAW_LOG, name)])).get((RAW_LOG, name), 0)

    async def set_floor(self, sequence: int) -> None:
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    await set_counter(connection, RAW_LOG, "floor", sequence)

    async def count_purged(self, sums: Mapping[str, int], *, below: int) -> None:
        """Remembers, per channel, how many settled messages are about to leave the raw log, and up to where."""
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    await add_to_counters(connection, {(channel, "purged"): n for channel, n in sums.items()})
                    await set_counter(connection, RAW_LOG, "purged_below", below)

    async def begin_raw_log(self, settled: Mapping[str, int], *, floor: int) -> None:
        """The raw log is another one than before (the bus's folder was lost): what the old one had settled counts as
        purged from now on. ``settled``: what the new one holds of settled messages, by channel. What the old one held
        unsettled is gone, and no book can tell of it."""
        outcomes = [outcome.value for outcome in Outcome]
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    sums: Counter[str] = Counter()
                    for row in await connection.execute(select(counters).where(counters.c.name.in_(outcomes))):
                        sums[row.channel] += row.value
                    for channel, value in sums.items():
                        await set_counter(connection, channel, "purged", value - settled.get(channel, 0))
                    await set_counter(connection, RAW_LOG, "floor", floor)
                    await set_counter(connection, RAW_LOG, "purged_below", 0)
