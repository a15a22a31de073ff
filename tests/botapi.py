"""A Bot API for tests, over HTTP as Telegram speaks it: ``/bot<token>/<method>``, ``/file/bot<token>/<path>``.

It stands for what cannot be had: Telegram's own servers. It runs in a thread of its own, so that tests with and without
a loop use it. Updates wait until ``getUpdates`` names a higher offset, or a webhook answered 2xx for them; those of one
chat are posted one after the other, as Telegram's server does. What was sent is in ``sent``; people are ``person``s.
"""

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web

TOKEN = "700001:AAFakeFakeFakeFakeFakeFakeFakeFake_123"
BOT = 700001
_QUIET = frozenset({"getUpdates", "getMe", "getWebhookInfo"})
_KINDS = ("message", "edited_message", "callback_query", "my_chat_member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request of the bot's. ``params``: objects in it decoded; ``files``: field -> (name, content)."""

    method: str
    params: Mapping[str, Any]
    files: Mapping[str, tuple[str, bytes]]
    result: Any = None
    at: float = 0.0

    @property
    def text(self) -> str:
        return str(self.params.get("text", ""))

    @property
    def chat(self) -> int:
        return int(self.params.get("chat_id", 0))

    @property
    def message_id(self) -> int:
        return int(self.result["message_id"])

    @property
    def buttons(self) -> dict[str, str]:
        """Words on a button -> its data, of an inline keyboard."""
        rows = (self.params.get("reply_markup") or {}).get("inline_keyboard", ())
        return {button["text"]: button.get("callback_data", "") for row in rows for button in row}


@dataclass(slots=True)
class Person:
    """Somebody in a private chat with the bot, whose id is the chat's."""

    api: "BotApi"
    id: int
    first_name: str = "Анна"
    last_name: str = "Петрова"
    language: str = "ru"

    @property
    def user(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "language_code": self.language,
        }

    def message(self, **parts: Any) -> dict[str, Any]:
        """A message that is not sent yet."""
        chat = {"id": self.id, "type": "private", "first_name": self.first_name}
        return self.api.keep({"from": self.user, "chat": chat, "date": int(time.time()), **parts})

    def say(self, **parts: Any) -> dict[str, Any]:
        message = self.message(**parts)
        self.api.update(message=message)
        return message

    def write(self, text: str, *, reply_to: int | None = None, **parts: Any) -> dict[str, Any]:
        if reply_to is not None:
            parts["reply_to_message"] = self.api.messages[self.id, reply_to]
        return self.say(text=text, **parts)

    def send_document(self, name: str, content: bytes, **parts: Any) -> dict[str, Any]:
        return self.say(document={**self.api.file(content), "file_name": name}, **parts)

    def send_photo(self, content: bytes, **parts: Any) -> dict[str, Any]:
        return self.say(photo=self.api.photo(content), **parts)

    def send_album(self, contents: Sequence[bytes], caption: str = "", *, group: str | None = None) -> list[Any]:
        """All parts at once."""
        group = group or f"g{next(self.api.numbers)}"
        parts = [self.message(photo=self.api.photo(content), media_group_id=group) for content in contents]
        if caption:
            parts[0]["caption"] = caption
        with self.api.together():
            for part in parts:
                self.api.update(message=part)
        return parts

    def edit(self, message_id: int, text: str) -> None:
        """The text, or the caption of what has one."""
        old = self.api.messages[self.id, message_id]
        where = "text" if "text" in old else "caption"
        new = {**old, where: text, "edit_date": int(time.time())}
        self.api.messages[self.id, message_id] = new
        self.api.update(edited_message=new)

    def press(self, call: Call, words: str, *, by: "Person | None" = None) -> str:
        """The button with these words below what the bot sent; returns the query's id."""
        found = next(data for text, data in call.buttons.items() if words in text)
        return self.press_data(call.message_id, found, by=by)

    def press_data(self, message_id: int, data: str, *, by: "Person | None" = None) -> str:
        query = f"q{next(self.api.numbers)}"
        below = self.api.messages[self.id, message_id]
        user = (by or self).user
        self.api.update(
            callback_query={"id": query, "from": user, "message": below, "chat_instance": "1", "data": data}
        )
        return query


@dataclass
class BotApi:
    token: str = TOKEN
    url: str = ""
    sent: list[Call] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    posted: list[tuple[int, int]] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=dict)
    allowed: tuple[str, ...] = _KINDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._news: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._faults: dict[str, deque[Any]] = defaultdict(deque)
        self._contents: dict[str, bytes] = {}
        self._ids = itertools.count(1000)
        self._message_ids = itertools.count(1)
        self._held = 0
        self._poll = 0
        self._posting: set[int] = set()
        self.stopped = False

    # -- what tests do

    def person(self, number: int, **names: Any) -> Person:
        return Person(self, number, **names)

    def keep(self, message: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            kept = {"message_id": next(self._message_ids), **message}
            self.messages[kept["chat"]["id"], kept["message_id"]] = kept
            return kept

    def update(self, *, update_id: int | None = None, **parts: Any) -> int:
        """An update for the bot; its id."""
        with self._lock:
            number = next(self._ids) if update_id is None else update_id
            self.pending.append({"update_id": number, **parts})
        self._wake()
        return number

    def load(self, updates: Sequence[dict[str, Any]]) -> None:
        """Ready-made updates, as they are and in this order."""
        with self._lock:
            self.pending += updates
        self._wake()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Updates of this block are handed out at its end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._wake()

    def file(self, content: bytes, *, size: int | None = None) -> dict[str, Any]:
        number = f"f{next(self.numbers)}"
        self._contents[number] = content
        told = len(content) if size is None else size
        return {"file_id": number, "file_unique_id": f"u{number}", "file_size": told}

    def photo(self, content: bytes) -> list[dict[str, Any]]:
        """In two sizes, the larger one with the content."""
        small = {**self.file(b"small"), "width": 90, "height": 60}
        return [small, {**self.file(content), "width": 900, "height": 600}]

    def forget_file(self, file_id: str) -> None:
        del self._contents[file_id]

    def fail(self, method: str, code: int, description: str = "refused", **parameters: Any) -> None:
        """The next request of this method is answered so."""
        envelope: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
        self._faults[method].append({**envelope, "parameters": parameters} if parameters else envelope)

    def break_off(self, method: str, *, after: bool = False) -> None:
        """The next connection with this method is lost: before it has an effect, or after."""
        self._faults[method].append("after" if after else "before")

    def calls(self, method: str, chat: int | None = None) -> list[Call]:
        with self._lock:
            return [one for one in self.sent if one.method == method and chat in (None, one.chat)]

    def texts(self, chat: int) -> list[str]:
        return [call.text for call in self.calls("sendMessage", chat)]

    # -- the server

    def _wake(self) -> None:
        if self._loop is not None and self._news is not None:
            self._loop.call_soon_threadsafe(self._news.set)

    async def serve(self, ready: Callable[[str], None], end: asyncio.Event, port: int) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/bot{token}/{method}", self._method)
        app.router.add_get("/file/bot{token}/{path}", self._file)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        assert site._server is not None
        ready(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")  # type: ignore[attr-defined]
        posting = asyncio.create_task(self._post_all())
        await end.wait()
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await runner.cleanup()

    async def _method(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _envelope(401, "Unauthorized")
        method = request.match_info["method"]
        params, files = await _params(request)
        fault = self._faults[method].popleft() if self._faults[method] else None
        if fault == "before":
            return _lost(request)
        if isinstance(fault, dict):
            return web.json_response(fault, status=fault["error_code"])
        if method == "getUpdates":
            return await self._updates(params)
        with self._lock:
            code, result = self._do(method, params)
            if code == 200 and method not in _QUIET:
                call = Call(method=method, params=params, files=files, result=result, at=time.monotonic())
                self.sent.append(call)
        if fault == "after":
            return _lost(request)
        if code != 200:
            return _envelope(code, str(result))
        return web.json_response({"ok": True, "result": result})

    def _do(self, method: str, params: Mapping[str, Any]) -> tuple[int, Any]:
        match method:
            case "getMe":
                return 200, {"id": BOT, "is_bot": True, "first_name": "Priyom", "username": "priyom_bot"}
            case "sendMessage" | "sendDocument" | "sendPhoto":
                return 200, self._sent_message(params)
            case "editMessageText" | "editMessageReplyMarkup":
                return self._edit(params)
            case "setWebhook":
                self.webhook = dict(params)
                self._wake()
                return 200, True
            case "deleteWebhook":
                self.webhook = {}
                return 200, True
            case "getWebhookInfo":
                count = len(self.pending)
                return 200, {
                    "url": self.webhook.get("url", ""),
                    "has_custom_certificate": False,
                    "pending_update_count": count,
                }
            case "getFile":
                content = self._contents.get(str(params.get("file_id")))
                if content is None:
                    return 400, "Bad Request: wrong file_id or the file is temporarily unavailable"
                number = params["file_id"]
                told = {"file_id": number, "file_unique_id": f"u{number}", "file_size": len(content)}
                return 200, {**told, "file_path": f"content-{number}"}
            case "answerCallbackQuery" | "setMyCommands":
                return 200, True
        return 404, "Not Found"

    def _sent_message(self, params: Mapping[str, Any]) -> dict[str, Any]:
        author = {"id": BOT, "is_bot": True, "first_name": "Priyom"}
        parts = {name: params[name] for name in ("text", "caption") if name in params}
        chat = {"id": int(params["chat_id"]), "type": "private"}
        return self.keep({"from": author, "chat": chat, "date": int(time.time()), **parts})

    def _edit(self, params: Mapping[str, Any]) -> tuple[int, Any]:
        place = int(params["chat_id"]), int(params["message_id"])
        old = self.messages.get(place)
        if old is None:
            return 400, "Bad Request: message to edit not found"
        new = {**old, **({"text": params["text"]} if "text" in params else {})}
        markup = params.get("reply_markup")
        if new == old and markup is None and "markup" not in old:
            return 400, "Bad Request: message is not modified"
        self.messages[place] = new
        return 200, new

    # -- updates

    def _offered(self, offset: int | None, limit: int) -> list[dict[str, Any]]:
        with self._lock:
            if offset is not None and offset > 0:
                self.pending = [one for one in self.pending if one["update_id"] >= offset]
            return [] if self._held else self.pending[:limit]

    async def _updates(self, params: Mapping[str, Any]) -> web.StreamResponse:
        if self.webhook.get("url"):
            return _envelope(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        assert self._news is not None
        self.asked.append(dict(params))
        self._poll += 1
        mine = self._poll
        ends = time.monotonic() + int(params.get("timeout", 0))
        offset = params.get("offset")
        while True:
            self._news.clear()
            found = self._offered(offset, int(params.get("limit", 100)))
            if found or time.monotonic() >= ends:
                return web.json_response({"ok": True, "result": found})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(0.2, max(0.0, ends - time.monotonic()))):
                    await self._news.wait()
            if mine != self._poll:
                return _envelope(409, "Conflict: terminated by other getUpdates request; only one may run")

    async def _post_all(self) -> None:
        """To the webhook; of one chat one after the other."""
        async with ClientSession() as session, asyncio.TaskGroup() as posts:
            while True:
                await asyncio.sleep(0.02)
                if not self.webhook.get("url") or self._held:
                    continue
                with self._lock:
                    for update in self.pending:
                        chat = _chat_of(update)
                        if chat not in self._posting:
                            self._posting.add(chat)
                            posts.create_task(self._post(session, chat, update))

    async def _post(self, session: ClientSession, chat: int, update: dict[str, Any]) -> None:
        headers = {}
        if secret := self.webhook.get("secret_token"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        status = 0
        try:
            async with session.post(self.webhook["url"], json=update, headers=headers) as answer:
                status = answer.status
        except OSError:
            await asyncio.sleep(0.2)
        with self._lock:
            self.posted.append((update["update_id"], status))
            if 200 <= status < 300:
                self.pending.remove(update)
        if not 200 <= status < 300:
            await asyncio.sleep(0.2)
        self._posting.discard(chat)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _envelope(401, "Unauthorized")
        fault = self._faults["file"].popleft() if self._faults["file"] else None
        if fault is not None:
            return _lost(request) if isinstance(fault, str) else web.json_response(fault, status=fault["error_code"])
        content = self._contents.get(request.match_info["path"].removeprefix("content-"))
        return web.Response(body=content) if content is not None else _envelope(404, "Not Found")


def _chat_of(update: Mapping[str, Any]) -> int:
    for kind in _KINDS:
        if isinstance(part := update.get(kind), Mapping):
            below = part.get("message", part) if kind == "callback_query" else part
            return int(below.get("chat", {}).get("id", 0))
    return 0


async def _params(request: web.Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    params: dict[str, Any] = {}
    files: dict[str, tuple[str, bytes]] = {}
    if request.content_type == "application/json":
        params = await request.json()
    elif request.method == "POST":
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = (value.filename, value.file.read())
            else:
                params[name] = value
    params |= request.query
    return {name: _decoded(name, value) for name, value in params.items()}, files


def _decoded(name: str, value: Any) -> Any:
    if name in ("text", "caption", "url", "secret_token") or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _envelope(code: int, description: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": code, "description": description}, status=code)


def _lost(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@contextlib.contextmanager
def botapi(*, port: int = 0) -> Iterator[BotApi]:
    """Listens until it is left."""
    api = BotApi()
    started, ended = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def ready(url: str) -> None:
        api.url = url
        started.set()

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        await api.serve(ready, ended, port)

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield api
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(20)
