"""What is remembered of a chat between two messages: a bookmark ``chat:<id>``. Called by reception and dialogue.

It is a convenience and no promise: while the bookmarks are away, messages are taken as if nothing were remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.errors import Temporary
from domain.ports import Bookmarks, Clock

ADAPTER = "telegram"
REMEMBERED = timedelta(minutes=30)
"""A request that was chosen, or opened by /new, takes the messages that follow within this."""
_ASKED = 5
_NO_ASKED: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """``choice``: a request's number; ``thread``: the message that opened one, whose number is not known here; both
    count until ``until``. ``new``: the next message opens a request, of ``catalog`` and ``product`` where these were
    chosen. ``asked``: envelopes that wait for an answer to "which request?", each with its message."""

    choice: int | None = None
    thread: int | None = None
    until: datetime | None = None
    new: bool = False
    catalog: str = ""
    product: str = ""
    asked: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_bookmark(cls, value: Mapping[str, Any] | None) -> "Chat":
        if value is None:
            return cls()
        until = value.get("until")
        return cls(**{**value, "until": datetime.fromisoformat(until) if until else None})

    @property
    def bookmark(self) -> Mapping[str, Any]:
        """Only what is set."""
        values = {
            "choice": self.choice,
            "thread": self.thread,
            "until": self.until.isoformat() if self.until else None,
            "new": self.new,
            "catalog": self.catalog,
            "product": self.product,
            "asked": dict(self.asked),
        }
        return {name: value for name, value in values.items() if value}

    def at(self, now: datetime) -> "Chat":
        """Without what is over."""
        over = self.until is None or now >= self.until
        return replace(self, choice=None, thread=None, until=None) if over else self

    def chosen(self, choice: int | None, thread: int | None, now: datetime) -> "Chat":
        return replace(self, choice=choice, thread=thread, until=now + REMEMBERED)

    def asking(self, envelope: str, message: int) -> "Chat":
        return replace(self, asked=dict([*self.asked.items(), (envelope, message)][-_ASKED:]))

    def answered(self, envelope: str) -> "Chat":
        return replace(self, asked={key: value for key, value in self.asked.items() if key != envelope})


class Chats:
    """Of one account."""

    def __init__(self, account: str, bookmarks: Bookmarks, clock: Clock) -> None:
        self._account = account
        self._bookmarks = bookmarks
        self._clock = clock

    async def load(self, chat: int) -> Chat:
        """Raises ``Unavailable``."""
        kept = await self._bookmarks.bookmark(ADAPTER, self._account, f"chat:{chat}")
        return Chat.from_bookmark(kept).at(self._clock.now())

    async def save(self, chat: int, before: Chat, after: Chat) -> None:
        """Raises ``Unavailable``."""
        if after != before:
            await self._bookmarks.set_bookmark(
                ADAPTER, self._account, f"chat:{chat}", after.bookmark, self._clock.now()
            )

    async def recall(self, chat: int) -> Chat:
        """As ``load``, and an empty one while the bookmarks are away."""
        try:
            return await self.load(chat)
        except Temporary:
            return Chat()

    async def keep(self, chat: int, before: Chat, after: Chat) -> bool:
        """As ``save``; False while the bookmarks are away."""
        try:
            await self.save(chat, before, after)
        except Temporary:
            return False
        return True
