"""The relay: facts from the outbox to the bus, at least once, each under a stable id.

Woken by each commit of its own process with the rows just written; the timekeeper sweeps what any process left behind
(it was killed, or the bus was away).
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

from domain.errors import Temporary
from domain.ports import Clock
from gateway import codec, logs, metrics
from gateway.bus import Bus
from gateway.publishing import Outbound
from gateway.topology import SUBJECT_BY_NAME, reply_subject
from store import REPLY, Database, Outgoing

log = logs.get()

_TOGETHER = 256
_KEPT = 20_000
"""Rows kept in memory while the bus is away; the sweep finds the others."""
_SWEEP_AFTER = timedelta(seconds=5)


class Relay:
    """``push`` is the store's ``committed`` hook."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: list[Outgoing] = []
        self._woken = asyncio.Event()

    def push(self, rows: Sequence[Outgoing]) -> None:
        if len(self._waiting) < _KEPT:
            self._waiting.extend(rows)
        self._woken.set()

    async def run(self, database: Database, stop: asyncio.Event) -> None:
        """Sends what is pushed until told to stop; what is in hand is sent before it returns."""
        while not (stop.is_set() and not self._waiting):
            if not self._waiting:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await self._woken.wait()
                continue
            batch, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            try:
                await send(self._bus, database, batch, way="commit")
            except Temporary as error:
                log.warning("relay.postponed", rows=len(batch), reason=error.reason)
                if stop.is_set():
                    return
                await asyncio.sleep(0.5)


async def send(bus: Bus, database: Database, rows: Sequence[Outgoing], *, way: str) -> None:
    """Publishes the rows in order of their subjects' streams and forgets them once all are acknowledged."""
    await bus.publish_many([_outbound(row) for row in rows])
    await database.outbox.sent([row.id for row in rows])
    metrics.RELAYED.labels(way=way).inc(len(rows))


def _outbound(row: Outgoing) -> Outbound:
    if row.fact == REPLY:
        reply = codec.ReplyPayload(id=row.id, **row.data)
        return Outbound(reply_subject(reply.channel), codec.encode(reply), row.id, None)
    payload = codec.encode(codec.FactPayload(id=row.id, fact=row.fact, data=row.data))
    return Outbound(SUBJECT_BY_NAME[row.fact], payload, row.id, row.data.get("envelope"))


async def sweep(bus: Bus, database: Database, clock: Clock) -> int:
    """Sends rows that nobody sent within five seconds of their commit; returns how many."""
    rows = await database.outbox.left(clock.now() - _SWEEP_AFTER, _TOGETHER)
    if rows:
        await send(bus, database, rows, way="sweep")
    return len(rows)
