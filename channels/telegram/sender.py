"""Out to Telegram: a parcel becomes messages in the customer's private chat.

Arrives: ``domain.outgoing.Parcel`` from ``gateway.outbound``. Leaves: its text in parts of at most 4,096 UTF-16 units,
as plain text, then its files. The subject of a letter is not shown: chats have none, and the text stands by itself.

| Telegram | means |
|---|---|
| 429 | ``Temporary``, with the seconds that it asks for; between two parts these are waited for, if they are few |
| 403, or "chat not found" | ``Permanent``, unreachable |
| any other 400 | ``Permanent`` |
| 401 | ``Temporary``, and the account is failing |
| not connected, nothing sent yet | ``Temporary`` |
| silence or a broken connection once a request was on its way; any failure after the first part | ``Uncertain`` |

A request that was on its way is never repeated by itself: Telegram has no id by which it could tell a repeat.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from telegram import Message, ReplyParameters
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from channels.health import Health
from channels.telegram.account import TelegramAccount
from channels.telegram.client import Client, connect, reason, retry_after
from domain.errors import Fault, Permanent, Temporary, Uncertain
from domain.message import StoredFile
from domain.outgoing import Delivery, Parcel, Sent

LONGEST_TEXT = 4096
"""UTF-16 units, which is how Telegram counts."""
_PHOTO_BYTES = 5 * 1024 * 1024
_PHOTOS = ("image/jpeg", "image/png", "image/webp")
_LARGEST_FILE = 50 * 1024 * 1024
_EVERY = 1.0
"""Seconds between two messages to one chat."""
_SHORT_WAIT = 30.0
_CHATS = 10_000
_REMEMBERED = 50_000
_NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""Causes (of httpx) that say that the request never left."""
_GONE = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
_NATIVE = re.compile(r"tg:(\d+):(-?\d+):(\d+)")


class TelegramSender:
    """``domain.ports.Sender`` for one account."""

    repeatable = False

    def __init__(self, account: TelegramAccount, health: Health) -> None:
        self._account = account
        self._health = health
        self._client: Client | None = None
        self._pace = _Pace()
        self._ours: dict[str, None] = {}

    async def send(self, parcel: Parcel) -> Sent:
        """See ``domain.ports.Sender.send``."""
        delivery = parcel.delivery
        try:
            chat = int(delivery.address)
        except ValueError as error:
            raise Permanent("This is no address in Telegram", reason="the address is no chat's number") from error
        texts = split(delivery.text)
        if not texts and not parcel.files:
            raise Permanent("There is nothing to send", reason="neither text nor files")
        if any(len(content) > _LARGEST_FILE for _, content in parcel.files):
            raise Permanent("A file is too large for Telegram", reason="a file is over 50 MB")
        sending = _Sending(self._connected(), self._pace, chat, self._answers(delivery, chat))
        try:
            await sending.all(texts, parcel.files)
        except TelegramError as error:
            raise await self._fault(error, sending) from error
        last = sending.last
        native = f"tg:{self._account.bot_id}:{last.chat.id}:{last.message_id}"
        self._remember(native)
        return Sent(native_id=native, detail={"migrated_to": sending.chat} if sending.chat != chat else {})

    def _remember(self, native: str) -> None:
        self._ours[native] = None
        if len(self._ours) > _REMEMBERED:
            del self._ours[next(iter(self._ours))]

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.shutdown()

    def _connected(self) -> Client:
        """Made with the first parcel: its pools belong to the loop that runs then."""
        if self._client is None:
            self._client = connect(self._account)
        return self._client

    def _answers(self, delivery: Delivery, chat: int) -> int | None:
        """The customer's last message in this chat, if it is known. References name our own messages too, alike: those
        that this process has sent are passed over."""
        for reference in reversed(delivery.references):
            found = None if reference in self._ours else _NATIVE.fullmatch(reference)
            if found and int(found[1]) == self._account.bot_id and int(found[2]) == chat:
                return int(found[3])
        return None

    async def _fault(self, error: TelegramError, sending: "_Sending") -> Fault:
        why = reason(error)
        if isinstance(error, InvalidToken):
            await self._health.failing(why)
        if sending.sent:
            return Uncertain("A part of it has arrived, the rest has not", reason=f"{sending.sent} parts sent; {why}")
        match error:
            case RetryAfter():
                return Temporary("Telegram asks us to wait", reason=why, retry_after=retry_after(error))
            case Forbidden():
                return Permanent("The person has blocked the bot", reason=why, unreachable=True)
            case BadRequest():
                gone = any(words in error.message.lower() for words in _GONE)
                return Permanent("Telegram does not take it", reason=why, unreachable=gone)
            case InvalidToken():
                return Temporary("Telegram refuses us", reason=why)
            case NetworkError() if type(error.__cause__).__name__ in _NOT_SENT:
                return Temporary("Telegram cannot be reached", reason=why)
            case _:
                return Uncertain("Nobody can say whether it arrived", reason=why)


class _Pace:
    """One message a second for each chat, which the library's limits leave out."""

    def __init__(self) -> None:
        self._next: dict[int, float] = {}

    async def wait(self, chat: int) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next.get(chat, 0.0))
        self._next[chat] = at + _EVERY
        if len(self._next) > _CHATS:
            self._next = {key: then for key, then in self._next.items() if then > now}
        await asyncio.sleep(at - now)


class _Sending:
    """One parcel on its way. ``sent``: how many of its parts Telegram has."""

    def __init__(self, client: Client, pace: _Pace, chat: int, answers: int | None) -> None:
        self._client = client
        self._pace = pace
        self._answers = answers
        self._last: Message | None = None
        self.chat = chat
        self.sent = 0

    @property
    def last(self) -> Message:
        assert self._last is not None
        return self._last

    async def all(self, texts: Sequence[str], files: Sequence[tuple[StoredFile, bytes]]) -> None:
        for text in texts:
            await self._part("send_message", text=text)
        for file, content in files:
            small = file.media_type in _PHOTOS and len(content) <= _PHOTO_BYTES
            if small and await self._photo(file, content):
                continue
            await self._part("send_document", document=content, filename=file.name)

    async def _photo(self, file: StoredFile, content: bytes) -> bool:
        """False for a picture that Telegram does not take as one: too long, too narrow, broken."""
        try:
            await self._part("send_photo", photo=content, filename=file.name)
        except BadRequest as error:
            if any(words in error.message.lower() for words in _GONE):
                raise
            return False
        return True

    async def _part(self, method: str, **content: Any) -> None:
        reply = None
        if self._answers is not None and not self.sent:
            reply = ReplyParameters(self._answers, allow_sending_without_reply=True)
        try:
            self._last = await self._once(method, reply, content)
        except ChatMigrated as error:
            self.chat = error.new_chat_id
            self._last = await self._once(method, None, content)
        except RetryAfter as error:
            if not self.sent or retry_after(error) > _SHORT_WAIT:
                raise
            await asyncio.sleep(retry_after(error))
            self._last = await self._once(method, reply, content)
        self.sent += 1

    async def _once(self, method: str, reply: ReplyParameters | None, content: dict[str, Any]) -> Message:
        await self._pace.wait(self.chat)
        message: Message = await getattr(self._client, method)(self.chat, reply_parameters=reply, **content)
        return message


def split(text: str) -> list[str]:
    """At the ends of paragraphs, else of lines, else between words, else anywhere but inside a character."""
    parts: list[str] = []
    rest = text.strip()
    while _units(rest) > LONGEST_TEXT:
        window = _head(rest, LONGEST_TEXT)
        # What stands before a border has to be worth a message of its own.
        ends = (window.rfind(border, len(window) // 4) for border in ("\n\n", "\n", " "))
        end = next((found for found in ends if found > 0), len(window))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [part for part in (*parts, rest) if part]


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _head(text: str, units: int) -> str:
    """As many characters as so many units hold."""
    taken = 0
    for position, char in enumerate(text):
        taken += 2 if char > "\uffff" else 1
        if taken > units:
            return text[:position]
    return text
