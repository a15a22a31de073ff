"""Takes one update, or the parts of an album: answers what is the bot's own to answer, accepts what is a message.

Arrives: updates from ``receiver`` and ``webhook``, those of one chat one after the other. Leaves: a ``Draft`` for
intake with the update as it came, its files in the blobs, and what the bot knows of where it belongs (``placing``).

``take`` returns when nothing of it can be lost any more, and raises ``Unavailable`` when nothing of it was kept: only
intake and blobs decide that. Whatever fails around them (what is remembered, what is asked, what is said) costs comfort
and no message. An update that cannot be read is accepted as it is: the normaliser rejects it where people see it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from channels.telegram import files, placing
from channels.telegram.account import TelegramAccount
from channels.telegram.chats import ADAPTER, Chat, Chats
from channels.telegram.client import Client
from channels.telegram.dialogue import Dialogue
from channels.telegram.files import Fetched, Files
from channels.telegram.parts import TelegramDeps
from channels.telegram.placing import Placed
from channels.telegram.updates import Update
from channels.telegram.voice import Voice
from domain.errors import Permanent, Temporary
from domain.ports import Draft

CHANNEL = "telegram"
MEDIA_TYPE = "application/vnd.telegram.update+json"


class Reception:
    """Of one account."""

    def __init__(
        self,
        name: str,
        account: TelegramAccount,
        client: Client,
        deps: TelegramDeps,
        *,
        pauses: Sequence[float] = files.PAUSES,
    ) -> None:
        self._name = name
        self._account = account
        self._deps = deps
        self._chats = Chats(name, deps.bookmarks, deps.clock)
        self._files = Files(client, deps.blobs, account.max_file, pauses)
        self.voice = Voice(name, client, deps.clock, deps.log)
        self._dialogue = Dialogue(account, self._chats, self.voice, deps)

    async def take(self, parts: Sequence[Update]) -> None:
        """``parts``: one update; or an album's, in their order. Raises ``Unavailable``."""
        try:
            await self._take(parts)
        except Temporary:
            raise
        except Permanent as fault:  # intake will never have it
            self._deps.log.error("telegram.refused", account=self._name, update=parts[0].id, reason=fault.reason)
            self._deps.refused("intake")
        except Exception as error:  # a fault of ours on something odd: it must not keep back what comes after it
            self._deps.log.error("telegram.broken", account=self._name, update=parts[0].id, error=type(error).__name__)
            await self._accept_plain(parts)

    async def _take(self, parts: Sequence[Update]) -> None:
        first = parts[0]
        if first.kind == "foreign":
            self._deps.log.info("telegram.ignored", account=self._name, update=first.id)
        elif first.kind == "unreadable":
            await self._accept_plain(parts)
        elif first.kind == "member":
            self._deps.log.info("telegram.member", account=self._name, private=first.private)
        elif not first.private:
            await self._dialogue.elsewhere(first)
        elif await self._dialogue.handled(first):
            return
        elif first.kind == "edit":
            await self._accept(parts, Placed(after=Chat()))
        else:
            await self._message(parts)

    async def _message(self, parts: Sequence[Update]) -> None:
        first, deps = parts[0], self._deps
        before = await self._chats.recall(first.chat)
        placed = await placing.place(first, before, deps.requests, deps.clock.now())
        envelope = await self._accept(parts, placed)
        after = placed.after.asking(envelope, first.message) if placed.ask else placed.after
        if not await self._chats.keep(first.chat, before, after):
            deps.log.warning("telegram.forgotten", account=self._name, envelope=envelope)
        if placed.ask:
            await self._dialogue.ask(first, envelope, placed.ask)

    async def _accept(self, parts: Sequence[Update], placed: Placed) -> str:
        first = parts[0]
        wanted = [one for part in parts for one in files.of(part.body or {}, part.message)]
        fetched = await self._files.fetch(wanted) if wanted else Fetched()
        meta = dict(placed.meta)
        if fetched.missing:
            meta["missing"] = [{"name": name, "why": why} for name, why in fetched.missing]
        envelope = await self._deps.intake.accept(self._draft(parts, meta, fetched))
        for why in dict.fromkeys(why for _, why in fetched.missing):
            await self._dialogue.tell_missing(first, why)
        return envelope

    async def _accept_plain(self, parts: Sequence[Update]) -> None:
        try:
            await self._deps.intake.accept(self._draft(parts, {}, Fetched()))
        except Permanent as fault:
            self._deps.log.error("telegram.refused", account=self._name, update=parts[0].id, reason=fault.reason)
            self._deps.refused("intake")

    def _draft(self, parts: Sequence[Update], meta: Mapping[str, Any], fetched: Fetched) -> Draft:
        first = parts[0]
        album = bool(first.album) and first.kind == "message"
        return Draft(
            channel=CHANNEL,
            account=self._name,
            adapter=ADAPTER,
            media_type=MEDIA_TYPE,
            raw=_bytes([part.raw for part in parts] if album else first.raw),
            files=fetched.files,
            meta={
                "bot_id": self._account.bot_id,
                "update_id": first.id,
                "kind": "album" if album else first.kind,
                **meta,
            },
        )


def _bytes(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no UTF-8 has
        return json.dumps(value, separators=(",", ":")).encode()
