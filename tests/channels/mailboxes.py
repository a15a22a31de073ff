"""What the tests of IMAP stand on: an intake that keeps what it is given, bookmarks and states in memory, and a
receiver that runs beside the test."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from channels.health import Health
from channels.imap import ImapAccount, ImapReceiver
from domain.accounts import AccountState
from domain.ports import Draft
from gateway.system import SystemClock
from tests.dovecot import PASSWORD, Dovecot

PATIENCE = 40.0
"""Seconds: only ever spent in full by a test that fails."""


async def until(what: str, look: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """The first true answer of ``look``, which may block."""
    ends = time.monotonic() + within
    while not (found := await asyncio.to_thread(look)):
        assert time.monotonic() < ends, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return found


def mail(number: int, body: str = "hello") -> bytes:
    return f"From: a@client.example\r\nSubject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\n{body}\r\n".encode()


@dataclass
class Intake:
    """Keeps drafts. ``error``: raised for a draft instead; ``gate``: holds every acceptance until it is set;
    ``takes``: seconds of each."""

    kept: list[Draft] = field(default_factory=list)
    error: Callable[[Draft], Exception | None] = lambda _draft: None
    gate: asyncio.Event | None = None
    takes: float = 0.0
    entered: int = 0

    async def accept(self, draft: Draft) -> str:
        self.entered += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.takes)
        if (error := self.error(draft)) is not None:
            raise error
        self.kept.append(draft)
        return f"E{len(self.kept)}"

    @property
    def mails(self) -> list[bytes]:
        return [draft.raw for draft in self.kept]


@dataclass
class Bookmarks:
    """``error`` is raised instead of keeping."""

    kept: dict[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)
    error: Exception | None = None

    async def bookmark(self, adapter: str, account: str, place: str) -> Mapping[str, Any] | None:
        return self.kept.get((adapter, account, place))

    async def set_bookmark(
        self, adapter: str, account: str, place: str, value: Mapping[str, Any], now: datetime
    ) -> None:
        if self.error is not None:
            raise self.error
        self.kept[adapter, account, place] = value


@dataclass
class Book:
    """Every state as it was told."""

    told: list[AccountState] = field(default_factory=list)

    async def tell(self, state: AccountState) -> None:
        self.told.append(state)

    async def states(self) -> Sequence[AccountState]:
        return self.told[-1:]

    @property
    def conditions(self) -> list[str]:
        """Each change."""
        all_of_them = [state.condition for state in self.told]
        return [one for at, one in enumerate(all_of_them) if at == 0 or one != all_of_them[at - 1]]

    @property
    def error(self) -> str:
        return self.told[-1].error if self.told else ""

    @property
    def connected(self) -> bool:
        return bool(self.told) and self.told[-1].condition == "connected"


@dataclass
class Box:
    """One account, and what became of it over any number of runs of its receiver."""

    settings: ImapAccount
    intake: Intake = field(default_factory=Intake)
    bookmarks: Bookmarks = field(default_factory=Bookmarks)
    book: Book = field(default_factory=Book)
    refused: list[str] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def receiver(self) -> ImapReceiver:
        clock = SystemClock()
        health = Health(self.book, clock, adapter="imap", account="support", channel="email")
        log = structlog.wrap_logger(None, processors=[self._write])
        return ImapReceiver(
            "support", self.settings, self.intake, self.bookmarks, health, clock, log, refused=self.refused.append
        )

    def _write(self, _logger: Any, _method: str, line: Any) -> Any:
        self.lines.append(dict(line))
        raise structlog.DropEvent

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Told to stop at the end, and waited for."""
        stop = asyncio.Event()
        task = asyncio.create_task(self.receiver().run(stop))
        try:
            yield task
        finally:
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.timeout(PATIENCE):
                    await task


def box(server: Dovecot, user: str, **changed: Any) -> Box:
    """An account on that server, without TLS unless asked for."""
    usual = {"host": "localhost", "port": server.port, "security": "none", "username": user, "password": PASSWORD}
    return Box(ImapAccount(**{**usual, "poll_s": 1.0, **changed}))
