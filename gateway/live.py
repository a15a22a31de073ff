"""The live feed: facts from the bus to the desk's open pages, fanned out inside the process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from domain.errors import Permanent, Temporary
from domain.ports import LiveEvent
from gateway import codec, logs
from gateway.bus import Bus

log = logs.get()

_QUEUED = 1_000


class BusLiveFeed:
    """``domain.ports.LiveFeed``. A reader that falls 1,000 events behind loses the oldest."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._readers: set[asyncio.Queue[LiveEvent]] = set()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(_QUEUED)
        self._readers.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._readers.discard(queue)

    async def run(self, stop: asyncio.Event) -> None:
        listening = asyncio.create_task(self._listen())
        try:
            await stop.wait()
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _listen(self) -> None:
        while True:
            try:
                async for message in self._bus.listen("ticket.*"):
                    if self._readers:
                        self._tell(message.data)
            except Temporary as error:
                log.warning("live.interrupted", reason=error.reason)
            await asyncio.sleep(0.5)

    def _tell(self, payload: bytes) -> None:
        try:
            fact = codec.decode_fact(payload)
            event = LiveEvent(
                fact=fact.fact,
                ticket=int(fact.data["ticket"]),
                line=fact.data.get("line"),
                at=datetime.fromisoformat(fact.data["at"]).astimezone(UTC),
            )
        except (Permanent, KeyError, ValueError) as error:
            log.warning("live.unreadable", error=type(error).__name__)
            return
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)


async def _drain(queue: asyncio.Queue[LiveEvent]) -> AsyncIterator[LiveEvent]:
    while True:
        yield await queue.get()
