"""What the tests of Telegram stand on: ports in memory, a stranger's own requests; a receiver, a webhook and a sender
that run beside the test against the Bot API of ``tests.botapi``."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.health import Health
from channels.telegram import TelegramAccount, TelegramDeps, TelegramReceiver, TelegramSender, TelegramWebhooks
from domain.errors import Unavailable
from domain.message import StoredFile
from domain.outgoing import Delivery, Parcel
from domain.ports import Draft
from domain.views import RequestBrief
from tests.botapi import TOKEN, BotApi
from tests.channels.mailboxes import PATIENCE, Book, Bookmarks, Intake, until
from tests.fakes_desk import FakeBlobs, FakeClock, FakePolicySource
from tests.fakes_desk_data import NOON

__all__ = ["Bot", "Requests", "brief", "meta", "parcel", "until", "update_of"]

SECRET = "a-secret-of-the-webhook"


def brief(number: int, subject: str = "Касса не печатает", status: str = "in_progress") -> RequestBrief:
    return RequestBrief(number=number, subject=subject, status=status, created_at=NOON, updated_at=NOON)


@dataclass
class Requests:
    """``domain.ports.OwnRequests``: the same for everybody who asks; what was asked is in ``done``."""

    opened: list[RequestBrief] = field(default_factory=list)
    lately: RequestBrief | None = None
    waiting: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    done: list[tuple[Any, ...]] = field(default_factory=list)
    away: bool = False

    def _there(self) -> None:
        if self.away:
            raise Unavailable("database")

    async def open(self, channel: str, address: str) -> Sequence[RequestBrief]:
        self._there()
        return list(self.opened)

    async def closed_lately(self, channel: str, address: str) -> RequestBrief | None:
        self._there()
        return self.lately

    async def close(self, channel: str, address: str, number: int) -> bool:
        self._there()
        self.done.append(("close", channel, address, number))
        known = [one for one in self.opened if one.number == number]
        self.opened = [one for one in self.opened if one.number != number]
        return bool(known)

    async def place(self, channel: str, address: str, envelope_id: str, number: int | None) -> bool:
        self._there()
        self.done.append(("place", channel, address, envelope_id, number))
        if envelope_id not in self.waiting:
            return False
        self.waiting.discard(envelope_id)
        return True

    async def link(self, channel: str, address: str, secret: str, name: str) -> bool:
        self._there()
        self.done.append(("link", channel, address, secret, name))
        return secret in self.secrets

    async def send_code(self, channel: str, address: str, mail: str, language: str) -> bool:
        self._there()
        self.done.append(("send_code", channel, address, mail, language))
        return len([one for one in self.done if one[0] == "send_code"]) < 3

    async def prove(self, channel: str, address: str, code: str, name: str) -> bool:
        self._there()
        self.done.append(("prove", channel, address, code, name))
        return code in self.secrets

    async def shared_number(self, channel: str, address: str, number: str, name: str) -> None:
        self._there()
        self.done.append(("number", channel, address, number, name))


@dataclass
class Bot:
    """One account, and what became of it over any number of runs."""

    api: BotApi
    changed: dict[str, Any] = field(default_factory=dict)
    intake: Intake = field(default_factory=Intake)
    bookmarks: Bookmarks = field(default_factory=Bookmarks)
    book: Book = field(default_factory=Book)
    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    requests: Requests = field(default_factory=Requests)
    policy: FakePolicySource = field(default_factory=FakePolicySource)
    clock: FakeClock = field(default_factory=FakeClock)
    refused: list[str] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> TelegramAccount:
        usual = {"token": TOKEN, "api_url": self.api.url, "albums_s": 0.4, "poll_s": 1, "timeout": 5.0}
        return TelegramAccount(**{**usual, **self.changed})

    @property
    def deps(self) -> TelegramDeps:
        return TelegramDeps(
            intake=self.intake,
            blobs=self.blobs,
            bookmarks=self.bookmarks,
            requests=self.requests,
            policy=self.policy,
            book=self.book,
            clock=self.clock,
            log=structlog.wrap_logger(None, processors=[self._write]),
            refused=self.refused.append,
        )

    def _write(self, _logger: Any, _method: str, line: Any) -> Any:
        self.lines.append(dict(line))
        raise structlog.DropEvent

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    @property
    def drafts(self) -> list[Draft]:
        return self.intake.kept

    @property
    def texts(self) -> list[str]:
        return [update_of(draft)["message"].get("text", "") for draft in self.drafts]

    @property
    def offset(self) -> int | None:
        kept = self.bookmarks.kept.get(("telegram", "support", "updates"))
        return None if kept is None else kept["offset"]

    async def took(self, count: int) -> list[Draft]:
        await until(f"{count} drafts are taken", lambda: len(self.drafts) >= count)
        return self.drafts

    async def said(self, chat: int, count: int) -> list[str]:
        """What the bot said to a chat, once it said so much."""
        await until(f"{count} sentences are said", lambda: len(self.api.texts(chat)) >= count)
        return self.api.texts(chat)

    def pass_(self, **span: float) -> None:
        self.clock.moment += timedelta(**span)

    @contextlib.asynccontextmanager
    async def polling(self) -> AsyncIterator[asyncio.Task[None]]:
        """Told to stop at the end, and waited for."""
        stop = asyncio.Event()
        task = asyncio.create_task(TelegramReceiver("support", self.account, self.deps).run(stop))
        try:
            yield task
        finally:
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.timeout(PATIENCE):
                    await task

    @contextlib.asynccontextmanager
    async def hooked(self, base_url: str = "http://127.0.0.1") -> AsyncIterator[TestServer]:
        """The webhook of the account ``support``, served."""
        self.changed = {"mode": "webhook", "secret": SECRET, **self.changed}
        app = web.Application()
        TelegramWebhooks({"support": self.account}, self.deps, base_url).add_routes(app)
        async with TestServer(app) as server:
            yield server

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[TelegramSender]:
        health = Health(self.book, self.clock, adapter="telegram", account="support", channel="telegram")
        sender = TelegramSender(self.account, health)
        try:
            yield sender
        finally:
            await sender.close()


def update_of(draft: Draft) -> Any:
    return json.loads(draft.raw)


def meta(draft: Draft) -> dict[str, Any]:
    """Without what every draft has."""
    return {name: value for name, value in draft.meta.items() if name not in ("bot_id", "update_id", "kind")}


def parcel(text: str, address: str, *files: tuple[StoredFile, bytes], **changed: Any) -> Parcel:
    usual: dict[str, Any] = {
        "id": "D1",
        "message": "M1",
        "number": 123,
        "channel": "telegram",
        "account": "support",
        "address": address,
        "name": "Анна",
        "subject": "Касса",
        "text": text,
        "automatic": False,
        "attempt": 1,
        "created_at": NOON,
    }
    return Parcel(delivery=Delivery(**{**usual, **changed}), token="t123.x", files=files)
