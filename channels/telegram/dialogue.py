"""Commands, buttons and telephone numbers: what the bot answers itself, and what never becomes a message.

Called by reception. Everything is asked of ``OwnRequests`` with the sender's own id, so that a number or a button of
somebody else's grants nothing. While the store is away the bot says "later" and forgets the command: it is typed again
more easily than it is guessed what it meant by then.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from channels.support import SlidingWindow
from channels.telegram import keyboards, words
from channels.telegram.account import TelegramAccount
from channels.telegram.chats import ADAPTER, Chats
from channels.telegram.keyboards import Catalog, Close, To
from channels.telegram.parts import TelegramDeps
from channels.telegram.updates import Update
from channels.telegram.voice import Voice
from channels.telegram.words import Tongue
from domain.errors import Fault
from domain.ids import format_number
from domain.views import RequestBrief

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(?:@\w+)?")
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_LINK = "link_"
_STILL_COMING = (1.0, 2.0)
"""Seconds after which a choice is tried again: the message that it is about may be on its way yet."""
_ONCE_A = timedelta(hours=12)


class Dialogue:
    """Of one account."""

    def __init__(self, account: TelegramAccount, chats: Chats, voice: Voice, deps: TelegramDeps) -> None:
        self._account = account
        self._chats = chats
        self._voice = voice
        self._deps = deps
        self._told_elsewhere = SlidingWindow(1, _ONCE_A)

    def tongue(self, update: Update) -> Tongue:
        return words.tongue(update.language, self._account.language)

    async def handled(self, update: Update) -> bool:
        """Whether this update of a private chat was the bot's own to answer."""
        if update.kind == "callback":
            await self._guarded(update, self._press(update))
        elif _is_command(update):
            await self._guarded(update, self._command(update))
        elif update.kind == "message" and _own_contact(update) is not None:
            await self._guarded(update, self._share(update))
        else:
            return False
        return True

    async def elsewhere(self, update: Update) -> None:
        """In a group or a channel: one sentence now and then, and nothing is taken."""
        if update.kind == "callback":
            await self._voice.answer(update.query, words.say("not_yours", self.tongue(update)))
        elif update.kind == "message" and not self._told_elsewhere.wait(update.chat, self._deps.clock.now()):
            await self._say(update, "privately")

    async def ask(self, update: Update, envelope: str, briefs: Sequence[RequestBrief]) -> None:
        """Which of their requests an accepted message belongs to."""
        language = self.tongue(update)
        await self._voice.say(update.chat, words.say("which", language), keyboards.which(envelope, briefs, language))

    async def tell_missing(self, update: Update, why: str) -> None:
        await self._say(update, why, **({"mb": self._account.max_file // 1024**2} if why == "too_large" else {}))

    async def _guarded(self, update: Update, work: Any) -> None:
        try:
            await work
        except Fault as fault:
            self._deps.log.warning("telegram.unanswered", reason=fault.reason)
            later = words.say("later", self.tongue(update))
            if update.kind == "callback":
                await self._voice.answer(update.query, later)
            else:
                await self._voice.say(update.chat, later)

    async def _say(self, update: Update, sentence: str, markup: Any = None, **values: Any) -> None:
        await self._voice.say(update.chat, words.say(sentence, self.tongue(update), **values), markup)

    # -- commands

    async def _command(self, update: Update) -> None:
        name, payload = update.command or ("", "")
        match name:
            case "start":
                await self._start(update, payload)
            case "new":
                await self._new(update)
            case "status":
                await self._status(update)
            case "close":
                await self._ask_close(update)
            case "email":
                await self._send_code(update, payload)
            case "code":
                known = await self._deps.requests.prove(ADAPTER, str(update.user), payload, update.name)
                await self._say(update, "linked" if known else "not_proved")
            case "help":
                await self._say(update, "help")
            case _:
                await self._say(update, "unknown")

    async def _start(self, update: Update, payload: str) -> None:
        if not _PAYLOAD.fullmatch(payload):
            await self._say(update, "greeting", keyboards.share(self.tongue(update)))
            return
        if payload.startswith(_LINK):
            secret = payload.removeprefix(_LINK)
            known = await self._deps.requests.link(ADAPTER, str(update.user), secret, update.name)
            await self._say(update, "linked" if known else "not_linked")
            return
        before = await self._chats.load(update.chat)
        await self._chats.save(update.chat, before, replace(before, new=True, product=payload, catalog=""))
        await self._say(update, "product")

    async def _send_code(self, update: Update, mail: str) -> None:
        if not _MAIL.fullmatch(mail):
            await self._say(update, "email_how")
            return
        sent = await self._deps.requests.send_code(ADAPTER, str(update.user), mail, self.tongue(update))
        await self._say(update, "code_sent" if sent else "code_refused")

    async def _new(self, update: Update) -> None:
        before = await self._chats.load(update.chat)
        await self._chats.save(update.chat, before, replace(before, new=True, product="", catalog=""))
        entries = keyboards.top(self._deps.policy.current)
        if entries:
            await self._say(update, "catalog", keyboards.catalog(entries, self.tongue(update)))
        else:
            await self._say(update, "new")

    async def _status(self, update: Update) -> None:
        language = self.tongue(update)
        found = await self._deps.requests.open(ADAPTER, str(update.user))
        lines = [f"{keyboards.label(one)} — {words.status(one.status, language)}" for one in found]
        text = "\n".join([words.say("yours", language), *lines]) if lines else words.say("none_open", language)
        await self._voice.say(update.chat, text)

    async def _ask_close(self, update: Update) -> None:
        found = await self._deps.requests.open(ADAPTER, str(update.user))
        if found:
            await self._say(update, "which_close", keyboards.closing(found))
        else:
            await self._say(update, "none_open")

    async def _share(self, update: Update) -> None:
        await self._deps.requests.shared_number(ADAPTER, str(update.user), _own_contact(update) or "", update.name)
        await self._say(update, "number_kept")

    # -- buttons

    async def _press(self, update: Update) -> None:
        language = self.tongue(update)
        if not update.chat or update.user != update.chat:
            await self._voice.answer(update.query, words.say("not_yours" if update.chat else "stale", language))
            return
        match keyboards.parse(update.data):
            case To() as to:
                await self._place(update, to, language)
            case Close(number):
                done = await self._deps.requests.close(ADAPTER, str(update.user), number)
                text = words.say("closed" if done else "not_closed", language)
                await self._settle(update, f"{format_number(number)}\n{text}" if done else text, text)
            case Catalog(entry):
                await self._choose_entry(update, entry, language)
            case _:
                await self._voice.answer(update.query, words.say("stale", language))

    async def _place(self, update: Update, to: To, language: Tongue) -> None:
        before = await self._chats.load(update.chat)
        message = before.asked.get(to.envelope)
        placed = await self._placed(update, to, patient=message is not None)
        after = before.answered(to.envelope)
        if placed:
            after = after.chosen(to.number, None if to.number is not None else message, self._deps.clock.now())
        await self._chats.keep(update.chat, before, after)
        sentence = "placed_already" if not placed else "placed" if to.number is not None else "placed_new"
        text = words.say(sentence, language)
        # Who presses twice sees what the first press did, not that the second did nothing.
        shown = None if not placed and message is None else text
        await self._settle(update, shown, text)

    async def _placed(self, update: Update, to: To, *, patient: bool) -> bool:
        for pause in (*_STILL_COMING, None) if patient else (None,):
            if await self._deps.requests.place(ADAPTER, str(update.user), to.envelope, to.number):
                return True
            if pause is not None:
                await asyncio.sleep(pause)
        return False

    async def _choose_entry(self, update: Update, hashed: str, language: Tongue) -> None:
        policy = self._deps.policy.current
        before = await self._chats.load(update.chat)
        if not before.new:  # the message is written already
            await self._settle(update, None, words.say("stale", language))
            return
        if hashed in ("-", "="):
            catalog = "" if hashed == "-" else before.catalog
            await self._chats.save(update.chat, before, replace(before, catalog=catalog))
            text = words.say("chosen" if catalog else "new", language)
            await self._settle(update, text, text)
            return
        entry = keyboards.entry_of(policy, hashed)
        if entry is None:
            await self._settle(update, None, words.say("stale", language))
            return
        await self._chats.save(update.chat, before, replace(before, catalog=entry.path))
        below = keyboards.children(policy, entry.path)
        text = words.say("deeper" if below else "chosen", language)
        await self._voice.answer(update.query)
        markup = keyboards.catalog(below, language, below=True) if below else None
        await self._voice.replace(update.chat, update.message, f"{text}\n{entry.title.in_language(language)}", markup)

    async def _settle(self, update: Update, shown: str | None, told: str) -> None:
        """Ends the question: ``shown`` in its place, without buttons."""
        await self._voice.answer(update.query, told)
        if shown is not None and update.message:
            await self._voice.replace(update.chat, update.message, shown)


def _is_command(update: Update) -> bool:
    """One of ours, with whatever follows; or a lone word that looks like one. A path in a sentence is neither."""
    command = update.command
    if command is None:
        return False
    return command[0] in (*words.COMMANDS, "start") or _COMMAND.fullmatch(update.text) is not None


def _own_contact(update: Update) -> str | None:
    """The shared number as E.164, which Telegram vouches to be theirs. None: no contact, or the card of somebody else,
    which is a message like others."""
    contact = (update.body or {}).get("contact")
    if not isinstance(contact, Mapping):
        return None
    digits = re.sub(r"\D", "", str(contact.get("phone_number") or ""))
    if contact.get("user_id") == update.user and 5 <= len(digits) <= 15:
        return f"+{digits}"
    return None
