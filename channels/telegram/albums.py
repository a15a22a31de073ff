"""Albums: several messages of one chat with the same ``media_group_id``, without a count and without an end.

Parts that come within ``albums_s`` of one another, ten seconds in all at most, become one message. What an album
consists of is written down before it is accepted (``albums:<chat>``), since its key is that of its first part: taken
again after a kill, it has the same parts, and a part that came too late is a message of its own and not lost in a
duplicate. Called by receiver and webhook.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.telegram.account import LONGEST_ALBUM_S
from channels.telegram.chats import ADAPTER
from channels.telegram.updates import Update, read
from domain.ports import Bookmarks, Clock

INDEX = "albums"
"""Place of the chats that have parts waiting."""


@dataclass(slots=True)
class Album:
    """``whole``: its parts' ids, where these were written down before. Times are of a monotonic clock."""

    chat: int
    group: str
    quiet_s: float
    begun: float
    heard: float
    parts: list[Update] = field(default_factory=list)
    whole: frozenset[int] = frozenset()

    def takes(self, part: Update) -> bool:
        return part.album == self.group and (not self.whole or part.id in self.whole)

    def add(self, part: Update, now: float) -> None:
        if part.id not in {one.id for one in self.parts}:
            self.parts.append(part)
            self.parts.sort(key=lambda one: one.id or 0)
            self.heard = now

    def left(self, now: float) -> float:
        """Seconds until it counts as whole."""
        if self.whole and self.whole <= {one.id for one in self.parts}:
            return 0.0
        return max(0.0, min(self.heard + self.quiet_s, self.begun + LONGEST_ALBUM_S) - now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is written down of a chat's albums. ``group`` and ``ids``: the one that was accepted last, or is about to
    be; ``waiting`` and ``parts``: one that has not ended (webhook only)."""

    group: str = ""
    ids: tuple[int, ...] = ()
    waiting: str = ""
    parts: tuple[Any, ...] = ()

    @property
    def updates(self) -> list[Update]:
        return [read(part) for part in self.parts]


class AlbumBook:
    """Of one account. All of it raises ``Unavailable``."""

    def __init__(self, account: str, bookmarks: Bookmarks, clock: Clock) -> None:
        self._account = account
        self._bookmarks = bookmarks
        self._clock = clock

    async def page(self, chat: int) -> Page:
        value = await self._bookmarks.bookmark(ADAPTER, self._account, f"albums:{chat}") or {}
        return Page(
            group=value.get("group", ""),
            ids=tuple(value.get("ids", ())),
            waiting=value.get("waiting", ""),
            parts=tuple(value.get("parts", ())),
        )

    async def write(self, chat: int, page: Page) -> None:
        values: Mapping[str, Any] = {
            "group": page.group,
            "ids": list(page.ids),
            "waiting": page.waiting,
            "parts": list(page.parts),
        }
        kept = {name: value for name, value in values.items() if value}
        await self._bookmarks.set_bookmark(ADAPTER, self._account, f"albums:{chat}", kept, self._clock.now())

    async def index(self) -> list[int]:
        value = await self._bookmarks.bookmark(ADAPTER, self._account, INDEX) or {}
        return [int(chat) for chat in value.get("chats", ())]

    async def write_index(self, chats: Sequence[int]) -> None:
        kept = {"chats": sorted(chats)}
        await self._bookmarks.set_bookmark(ADAPTER, self._account, INDEX, kept, self._clock.now())


def begin(part: Update, page: Page, quiet_s: float, now: Callable[[], float]) -> Album:
    """With its first part. ``page``: what was written down of the chat."""
    known = page.group == part.album and part.id in page.ids
    whole = frozenset(page.ids) if known else frozenset()
    album = Album(part.chat, part.album, quiet_s, begun=now(), heard=now(), whole=whole)
    album.add(part, now())
    return album
