"""What gateway hands to every bot, and how long pauses last. Called by receiver and webhook."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from domain.ports import AccountBook, Blobs, Bookmarks, Clock, Intake, OwnRequests, PolicySource


class Log(Protocol):
    """The structured logger's part that is used here."""

    def info(self, event: str, **detail: Any) -> Any: ...
    def warning(self, event: str, **detail: Any) -> Any: ...
    def error(self, event: str, **detail: Any) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramDeps:
    """``refused`` is told a fixed word for what was turned away, for metrics."""

    intake: Intake
    blobs: Blobs
    bookmarks: Bookmarks
    requests: OwnRequests
    policy: PolicySource
    book: AccountBook
    clock: Clock
    log: Log
    refused: Callable[[str], None] = lambda _reason: None


class Pause:
    """Between attempts: doubled each time up to the longest, and spread, so that bots do not come back all at once."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = 1.0

    def reset(self) -> None:
        self._next = 1.0

    async def take(self, stop: asyncio.Event, *, least: float = 0.0) -> None:
        seconds = self._next * random.uniform(0.75, 1.25)  # noqa: S311 - nothing is guarded by it
        self._next = min(self._next * 2, self._longest)
        await waited(stop, max(min(seconds, self._longest), least))


async def waited(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
