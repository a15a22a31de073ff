"""Lanes: the updates of one chat go one after the other, chats beside one another. Called by ``receiver``.

An album stands in its lane until it is whole, and what its chat says after it waits behind it. When something cannot be
kept, its lane ends there: that update and those behind it come again with the next batch, in their order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from channels.telegram.account import TelegramAccount
from channels.telegram.albums import Album, AlbumBook, Page, begin
from channels.telegram.updates import Update
from domain.errors import Temporary

Take = Callable[[Sequence[Update]], Awaitable[None]]


class _Lane:
    def __init__(self) -> None:
        self.items: deque[Update | Album] = deque()
        self.task: asyncio.Task[None] | None = None


class Lanes:
    """Of one account."""

    def __init__(self, take: Take, book: AlbumBook, account: TelegramAccount) -> None:
        self._take = take
        self._book = book
        self._account = account
        self._lanes: dict[int, _Lane] = {}
        self._in_hand: set[int] = set()
        self._settled: set[int] = set()
        self._trouble: Temporary | None = None

    @property
    def busy(self) -> bool:
        return bool(self._lanes)

    @property
    def trouble(self) -> Temporary | None:
        """Why something could not be kept since this was asked last."""
        fault, self._trouble = self._trouble, None
        return fault

    def is_settled(self, update: int) -> bool:
        return update in self._settled

    def enter(self, batch: Sequence[Update]) -> None:
        """What is neither settled nor in hand already."""
        for update in batch:
            if update.id is None or update.id in self._settled or update.id in self._in_hand:
                continue
            self._in_hand.add(update.id)
            lane = self._lanes.setdefault(update.chat, _Lane())
            self._put(lane, update)
            if lane.task is None:
                lane.task = asyncio.create_task(self._run(update.chat, lane))

    def _put(self, lane: _Lane, update: Update) -> None:
        if update.album and update.kind == "message" and update.private:
            for item in lane.items:
                if isinstance(item, Album) and item.takes(update):
                    item.add(update, _now())
                    return
            lane.items.append(begin(update, Page(), self._account.albums_s, _now))
            return
        lane.items.append(update)

    async def _run(self, chat: int, lane: _Lane) -> None:
        try:
            while lane.items:
                item = lane.items[0]
                if isinstance(item, Album):
                    parts = await self._whole(lane, item)
                else:
                    parts = [item]
                    await self._take(parts)
                lane.items.popleft()
                ids = {part.id for part in parts if part.id is not None}
                self._settled |= ids
                self._in_hand -= ids
        except Temporary as fault:
            self._trouble = fault
        finally:
            for item in lane.items:
                updates = item.parts if isinstance(item, Album) else [item]
                self._in_hand -= {one.id for one in updates if one.id is not None}
            del self._lanes[chat]

    async def _whole(self, lane: _Lane, album: Album) -> list[Update]:
        """Waits for its parts, writes down which they are, and has them accepted."""
        page = await self._book.page(album.chat)
        if page.group == album.group and album.parts[0].id in page.ids:
            album.whole = frozenset(page.ids)
        await _quiet(album)
        late = [part for part in album.parts if album.whole and part.id not in album.whole]
        parts = [part for part in album.parts if part not in late]
        if late:  # they came after it was written down: a message of their own, right behind it
            rest = begin(late[0], Page(), self._account.albums_s, _now)
            for part in late[1:]:
                rest.add(part, _now())
            lane.items.insert(1, rest)
        album.parts, album.whole = parts, frozenset(part.id for part in parts if part.id is not None)
        if page.group != album.group or set(page.ids) != album.whole:
            await self._book.write(album.chat, replace(page, group=album.group, ids=tuple(sorted(album.whole))))
        await self._take(parts)
        return parts

    async def rest(self, seconds: float) -> None:
        """Until nothing is in hand any more, or the time is up."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def finish(self) -> None:
        """Until nothing is in hand any more."""
        while self._lanes:
            await self.rest(1.0)

    def forget(self, listed: Sequence[int]) -> None:
        """What Telegram does not hand out any more will not be asked for again."""
        self._settled &= set(listed)

    async def close(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _quiet(album: Album) -> None:
    """Every further part begins the wait anew."""
    while left := album.left(_now()):  # noqa: ASYNC110 - no event would say when nothing happens
        await asyncio.sleep(left)


def _now() -> float:
    return asyncio.get_running_loop().time()
