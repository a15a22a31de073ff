"""Receives updates that Telegram posts: ``POST /hooks/telegram/{account}`` for accounts in the mode ``webhook``.

Arrives: one update a request, with the account's secret in ``X-Telegram-Bot-Api-Secret-Token``. Leaves: a draft for
intake (``reception``), then 200; what comes again gets 200 and has one effect, by its key. Called by the web role.

Failures, as problem documents (RFC 9457): 404 for an account that is not there, 401 for a secret that is missing or
wrong, 413 over 1 MiB, 422 for what is no update, 503 with Retry-After while nothing can be kept.

Albums: Telegram posts the next update of a chat only after it has its 200 for the one before (``WebhookActor`` of its
server), so that a 200 held back until the album is whole would keep the rest of it away. Each part is therefore written
down in the store before its 200 (``albums``), and the album is accepted when it has been quiet for ``albums_s``, or
something else is said in its chat. What a process that was killed left waiting is taken up at the next start. So in
this mode an album's parts need the database as well: 503 while it is away.
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from http import HTTPStatus

from aiohttp import web
from telegram.error import TelegramError

from channels.health import Health
from channels.telegram.account import LONGEST_ALBUM_S, TelegramAccount
from channels.telegram.albums import AlbumBook, Page
from channels.telegram.chats import ADAPTER
from channels.telegram.client import ALLOWED_UPDATES, Client, connect, reason
from channels.telegram.parts import Pause, TelegramDeps, waited
from channels.telegram.reception import CHANNEL, Reception
from channels.telegram.updates import Update, read
from domain.errors import Temporary

MAX_BODY = 1024 * 1024
RETRY_S = 10
_LOOK_EVERY = 60.0
_LONGEST_PAUSE = 60.0
_AGAIN_S = 5.0


class _Bot:
    """One account. Updates of one chat go one after the other."""

    def __init__(self, name: str, account: TelegramAccount, deps: TelegramDeps) -> None:
        self.account = account
        self.client = connect(account)
        self.reception = Reception(name, account, self.client, deps)
        self.health = Health(deps.book, deps.clock, adapter=ADAPTER, account=name, channel=CHANNEL)
        self._name = name
        self._deps = deps
        self._book = AlbumBook(name, deps.bookmarks, deps.clock)
        self._locks: dict[int, asyncio.Lock] = {}
        self._begun: dict[int, float] = {}
        self._timers: dict[int, asyncio.Task[None]] = {}
        self._index = asyncio.Lock()

    async def take(self, update: Update) -> None:
        """Raises ``Unavailable``."""
        async with self._turn(update.chat):
            if update.album and update.kind == "message" and update.private:
                await self._part(update)
                return
            if update.chat in self._begun:
                await self._flush(update.chat)
            await self.reception.take([update])

    def _turn(self, chat: int) -> asyncio.Lock:
        lock = self._locks.setdefault(chat, asyncio.Lock())
        if len(self._locks) > 10_000:
            self._locks = {key: kept for key, kept in self._locks.items() if kept.locked() or key == chat}
        return lock

    # -- albums

    async def _part(self, update: Update) -> None:
        page = await self._book.page(update.chat)
        if page.waiting and (page.waiting != update.album or _is_closed(page)):
            await self._flush(update.chat)
            page = await self._book.page(update.chat)
        if page.group == update.album and update.id in page.ids:
            return  # accepted already
        if update.id not in {part.id for part in page.updates}:
            if not page.waiting:
                await self._note(update.chat, waits=True)
            kept = replace(page, waiting=update.album, parts=(*page.parts, update.raw))
            await self._book.write(update.chat, kept)
        self._wait(update.chat)

    def _wait(self, chat: int) -> None:
        """Until it has been quiet for long enough, counted anew from every part, ten seconds in all."""
        now = asyncio.get_running_loop().time()
        begun = self._begun.setdefault(chat, now)
        if (timer := self._timers.get(chat)) is not None:
            timer.cancel()
        seconds = min(self.account.albums_s, max(0.0, begun + LONGEST_ALBUM_S - now))
        self._timers[chat] = asyncio.create_task(self._later(chat, seconds))

    async def _later(self, chat: int, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            async with self._turn(chat):
                # Whoever cancels a timer does so before it has the turn: what is begun here is not cut off.
                if self._timers.get(chat) is not asyncio.current_task():
                    return
                try:
                    await self._flush(chat)
                except Temporary as fault:
                    self._deps.log.warning("telegram.postponed", account=self._name, reason=fault.reason)
                    seconds = _AGAIN_S
                else:
                    return

    async def _flush(self, chat: int) -> None:
        """Has the waiting album of a chat accepted. Raises ``Unavailable``; the album then waits as before."""
        page = await self._book.page(chat)
        parts = sorted(page.updates, key=lambda part: part.id or 0)
        if parts:
            if not _is_closed(page):
                earlier = page.ids if page.group == page.waiting else ()
                ids = (*earlier, *(part.id for part in parts if part.id is not None))
                page = replace(page, group=page.waiting, ids=ids)
                await self._book.write(chat, page)
            await self.reception.take(parts)
            await self._book.write(chat, Page(group=page.group, ids=page.ids))
        await self._note(chat, waits=False)
        self._begun.pop(chat, None)
        self._timers.pop(chat, None)

    async def _note(self, chat: int, *, waits: bool) -> None:
        async with self._index:
            chats = await self._book.index()
            if (chat in chats) != waits:
                await self._book.write_index([*chats, chat] if waits else [one for one in chats if one != chat])

    async def take_up(self) -> None:
        """What was left waiting."""
        for chat in await self._book.index():
            async with self._turn(chat):
                if chat not in self._begun:
                    self._wait(chat)

    async def close(self) -> None:
        for timer in list(self._timers.values()):
            timer.cancel()
        await asyncio.gather(*self._timers.values(), return_exceptions=True)
        await self.client.shutdown()


class TelegramWebhooks:
    """``base_url``: of the pages as people, and Telegram, reach them. ``add_routes`` puts it on an application."""

    def __init__(self, accounts: Mapping[str, TelegramAccount], deps: TelegramDeps, base_url: str) -> None:
        self._accounts = {name: account for name, account in accounts.items() if account.mode == "webhook"}
        self._deps = deps
        self._base_url = base_url.rstrip("/")
        self._bots: dict[str, _Bot] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hooks/telegram/{account:[a-z0-9_-]+}", self.post)
        app.cleanup_ctx.append(self._running)

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        stop = asyncio.Event()
        self._bots = {name: _Bot(name, account, self._deps) for name, account in self._accounts.items()}
        tasks = [asyncio.create_task(self._look_after(name, bot, stop)) for name, bot in self._bots.items()]
        yield
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._telling, return_exceptions=True)
        await asyncio.gather(*(bot.close() for bot in self._bots.values()), return_exceptions=True)

    async def post(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        bot = self._bots.get(name)
        if bot is None:
            return _problem(404, "There is no such account.")
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), bot.account.secret.encode()):
            return self._refuse(name, "secret", 401, "The secret is missing or wrong.")
        body = await _body(request)
        if body is None:
            return self._refuse(name, "size", 413, f"An update may have {MAX_BODY} bytes.")
        update = _update(body)
        if update is None:
            return self._refuse(name, "malformed", 422, "This is no update: a JSON object with an update_id.")
        try:
            await bot.take(update)
        except Temporary as fault:
            self._deps.log.warning("telegram.postponed", account=name, reason=fault.reason)
            answer = self._refuse(name, "unavailable", 503, "Nothing was kept; please send it again.")
            answer.headers["Retry-After"] = str(RETRY_S)
            return answer
        self._heard(bot)
        return web.Response(status=200)

    def _heard(self, bot: _Bot) -> None:
        """Tells that the account works, beside the answer."""
        bot.health.took()
        task = asyncio.create_task(bot.health.connected())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _refuse(self, name: str, why: str, status: int, detail: str) -> web.Response:
        self._deps.log.warning("telegram.turned_away", account=name, reason=why)
        self._deps.refused(why)
        return _problem(status, detail)

    # -- what Telegram is told of us

    async def _look_after(self, name: str, bot: _Bot, stop: asyncio.Event) -> None:
        """Sets the webhook, and looks now and then what Telegram says of it."""
        pause = Pause(_LONGEST_PAUSE)
        is_set, taken_up = False, False
        while True:
            try:
                if not taken_up:
                    await bot.take_up()
                    taken_up = True
                if not is_set:
                    await bot.client.initialize()
                    await bot.reception.voice.name_commands()
                    await self._set(name, bot.account, bot.client)
                    is_set = True
                await self._look(name, bot)
            except TelegramError as error:
                self._deps.log.warning("telegram.failing", account=name, reason=reason(error))
                await bot.health.failing(reason(error))
            except Temporary as fault:
                self._deps.log.warning("telegram.postponed", account=name, reason=fault.reason)
            else:
                pause.reset()
                await waited(stop, _LOOK_EVERY)
                continue
            await pause.take(stop)

    def _url(self, name: str) -> str:
        return f"{self._base_url}/hooks/telegram/{name}"

    async def _set(self, name: str, account: TelegramAccount, client: Client) -> None:
        if not self._base_url.startswith("https://"):
            why = "base_url is not https, so Telegram is not told where to post"
            self._deps.log.warning("telegram.webhook_not_set", account=name, reason=why)
            return
        await client.set_webhook(
            self._url(name), secret_token=account.secret, allowed_updates=list(ALLOWED_UPDATES), max_connections=40
        )
        self._deps.log.info("telegram.webhook_set", account=name)

    async def _look(self, name: str, bot: _Bot) -> None:
        info = await bot.client.get_webhook_info()
        recent = info.last_error_date is not None and (
            (self._deps.clock.now() - info.last_error_date).total_seconds() < 2 * _LOOK_EVERY
        )
        if not info.url:
            await bot.health.failing("no webhook is set with Telegram")
        elif self._base_url.startswith("https://") and info.url != self._url(name):
            await bot.health.failing("the webhook is set to another address")
        elif recent and info.pending_update_count:
            await bot.health.failing(f"Telegram cannot post: {(info.last_error_message or '')[:120]}")
        else:
            await bot.health.connected()


def _is_closed(page: Page) -> bool:
    """Its waiting parts are known to be all: what comes now is not one of them."""
    return bool(page.parts) and page.waiting == page.group and page.updates[0].id in page.ids


async def _body(request: web.Request) -> bytes | None:
    """None: over the limit."""
    if (request.content_length or 0) > MAX_BODY:
        return None
    body = bytearray()
    async for chunk in request.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _update(body: bytes) -> Update | None:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        return None
    update = read(raw)
    return update if update.id is not None else None


def _problem(status: int, detail: str) -> web.Response:
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return web.json_response(document, status=status, content_type="application/problem+json")
