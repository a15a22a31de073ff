"""Receives a bot's updates by long polling: Telegram is told that it may forget one only after intake has it.

Arrives: batches of updates. Leaves: drafts for intake (``reception``); the bookmark ``updates`` moves over what is
settled, and then the offset that the next question names. Called by gateway's role ``telegram``, one receiver an
account, for as long as the process lives.

Failure policy:
- the order is accept, bookmark, offset: whatever is cut off in between comes again, and is seen by its key to be a
  duplicate;
- chats are taken beside one another, what is of one chat in its order (``lanes``); the offset never passes an update
  that is not settled, an album's parts among them, and while some wait the same batch is asked for again;
- intake, blobs or the bookmarks are away: the offset stays, and what is not settled is tried again after a pause;
- an update that cannot be read is accepted as it is, and goes its way without its neighbours (``reception``);
- Telegram is away, rejects the token, or another program polls: the account is told to be failing, and is tried again
  after 1 s, then longer, at most 60 s; no other account notices;
- update ids may begin anew anywhere, which they do after a week of silence: what Telegram hands out is what is new.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from telegram.error import RetryAfter, TelegramError

from channels.health import Health
from channels.telegram.account import TelegramAccount
from channels.telegram.albums import AlbumBook
from channels.telegram.chats import ADAPTER
from channels.telegram.client import Client, connect, reason, retry_after
from channels.telegram.lanes import Lanes
from channels.telegram.parts import Pause, TelegramDeps
from channels.telegram.reception import CHANNEL, Reception
from channels.telegram.updates import Update, read
from domain.errors import Temporary

PLACE = "updates"
_LONGEST_PAUSE = 60.0
_OUR_LONGEST_PAUSE = 15.0
_BREATH = 0.3
"""Seconds after which it is looked whether there is more, while some of a batch is still in hand."""


class TelegramReceiver:
    """Of one account in the mode ``polling``."""

    def __init__(self, name: str, account: TelegramAccount, deps: TelegramDeps) -> None:
        self._name = name
        self._account = account
        self._deps = deps
        self._health = Health(deps.book, deps.clock, adapter=ADAPTER, account=name, channel=CHANNEL)
        self._offset: int | None = None
        self._kept: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; what is in hand is finished then."""
        client = connect(self._account)
        reception = Reception(self._name, self._account, client, self._deps)
        lanes = Lanes(reception.take, AlbumBook(self._name, self._deps.bookmarks, self._deps.clock), self._account)
        try:
            await self._until(stop, client, reception, lanes)
        finally:
            await lanes.close()
            await client.shutdown()

    async def _until(self, stop: asyncio.Event, client: Client, reception: Reception, lanes: Lanes) -> None:
        """What is in hand goes on, and what is settled stays settled, while Telegram is away."""
        pause = Pause(_LONGEST_PAUSE)
        while not stop.is_set():
            least = 0.0
            try:
                await self._greet(client, reception)
                await self._poll(client, lanes, pause, stop)
            except TelegramError as error:
                least = retry_after(error) if isinstance(error, RetryAfter) else 0.0
                await self._fails(reason(error))
            except Temporary as fault:  # the bookmark cannot be read, so nobody knows where to begin
                self._deps.log.warning("telegram.postponed", account=self._name, reason=fault.reason)
            except Exception as error:  # whatever it is, neither the other accounts nor the front may end by it
                self._deps.log.error("telegram.broken", account=self._name, error=type(error).__name__)
                await self._fails(f"a fault of ours: {type(error).__name__}")
            if not stop.is_set():
                await pause.take(stop, least=least)

    async def _fails(self, why: str) -> None:
        self._deps.log.warning("telegram.failing", account=self._name, reason=why)
        await self._health.failing(why)

    async def _greet(self, client: Client, reception: Reception) -> None:
        await client.initialize()
        await client.delete_webhook(drop_pending_updates=False)
        await reception.voice.name_commands()
        self._deps.log.info("telegram.connected", account=self._name)

    async def _poll(self, client: Client, lanes: Lanes, pause: Pause, stop: asyncio.Event) -> None:
        ours = Pause(_OUR_LONGEST_PAUSE)
        if self._offset is None:
            kept = await self._deps.bookmarks.bookmark(ADAPTER, self._name, PLACE)
            self._offset = self._kept = kept.get("offset") if kept else None
        batch: Sequence[Update] = ()
        while not stop.is_set():
            asked = await self._ask(client, 0 if lanes.busy else self._account.poll_s, stop)
            if asked is None:
                break
            batch = asked
            pause.reset()
            await self._health.connected(oldest_at=_oldest(batch))
            lanes.enter(batch)
            await lanes.rest(_BREATH)
            if await self._settle(lanes, batch):
                ours.reset()
            else:
                await ours.take(stop)
        await lanes.finish()
        await self._settle(lanes, batch)

    async def _ask(self, client: Client, wait_s: int, stop: asyncio.Event) -> Sequence[Update] | None:
        """None: it is told to stop. A question that is cut off confirms no more than it said."""
        asking = asyncio.ensure_future(client.raw_updates(self._offset, wait_s, self._account.timeout))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            batch = [read(raw) for raw in asking.result()] if asking.done() else None
        finally:
            stopping.cancel()
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        if any(update.id is None for update in batch or ()):  # it could never be confirmed
            raise TelegramError("Invalid server response")
        return batch

    async def _settle(self, lanes: Lanes, batch: Sequence[Update]) -> bool:
        """Moves over what is settled. False where something has to be tried again later."""
        fault = lanes.trouble
        ids = [update.id for update in batch if update.id is not None]
        waiting = [one for one in ids if not lanes.is_settled(one)]
        offset = min(waiting) if waiting else max(ids) + 1 if ids else self._offset
        try:
            if offset is not None and offset != self._kept:
                await self._deps.bookmarks.set_bookmark(
                    ADAPTER, self._name, PLACE, {"offset": offset}, self._deps.clock.now()
                )
                self._kept = offset
                self._health.took()
            self._offset = offset
        except Temporary as error:
            fault = error
        lanes.forget(ids)
        if fault is not None:
            self._deps.log.warning("telegram.postponed", account=self._name, reason=fault.reason)
        return fault is None


def _oldest(batch: Sequence[Update]) -> datetime | None:
    """When the oldest message that waits was written."""
    dates = [date for update in batch if (date := _date(update.body)) is not None]
    return min(dates, default=None)


def _date(body: Any) -> datetime | None:
    seconds = (body or {}).get("date")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)
