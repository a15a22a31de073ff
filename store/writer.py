"""SQLite has one writer. Inside a process its turns are given by priority, so that an agent's click does not wait
behind a backlog of mail; between processes SQLite's own lock and its busy timeout decide.

On PostgreSQL turns are not needed and cost nothing.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum


class Turn(IntEnum):
    """Lower goes first."""

    PERSON = 0
    ROUTING = 1
    HOUSEKEEPING = 2


class Writer:
    def __init__(self, *, single: bool) -> None:
        self._single = single
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @asynccontextmanager
    async def turn(self, priority: Turn) -> AsyncIterator[None]:
        if not self._single:
            yield
            return
        await self._take(priority)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, priority: Turn) -> None:
        if not self._busy:
            self._busy = True
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._pass_on()  # the turn was given in the moment of cancelling
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._busy = False
