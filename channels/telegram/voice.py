"""The bot's own words to a chat: said as far as Telegram lets us. Called by dialogue and reception.

What could not be said is logged and let go: nothing that was received depends on it.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from telegram import BotCommand, InlineKeyboardMarkup, ReplyKeyboardMarkup
from telegram.error import BadRequest, RetryAfter, TelegramError

from channels.support import SlidingWindow
from channels.telegram import words
from channels.telegram.client import Client, reason, retry_after
from channels.telegram.parts import Log
from domain.ports import Clock

_A_MINUTE = 30
"""Answers to one chat in a minute: who types faster than that is no person, or needs none."""
_LONGEST_WAIT = 10.0


class Voice:
    """Of one account."""

    def __init__(self, account: str, client: Client, clock: Clock, log: Log) -> None:
        self._account = account
        self._client = client
        self._clock = clock
        self._log = log
        self._pace = SlidingWindow(_A_MINUTE, timedelta(minutes=1))

    async def say(self, chat: int, text: str, markup: InlineKeyboardMarkup | ReplyKeyboardMarkup | None = None) -> bool:
        if self._pace.wait(chat, self._clock.now()):
            self._log.warning("telegram.unsaid", account=self._account, reason="too many answers to one chat")
            return False
        try:
            await self._send(chat, text, markup)
        except RetryAfter as error:
            if retry_after(error) > _LONGEST_WAIT:
                return self._unsaid(error)
            await asyncio.sleep(retry_after(error))
            return await self._tried(self._send(chat, text, markup))
        except TelegramError as error:
            return self._unsaid(error)
        return True

    async def _send(self, chat: int, text: str, markup: Any) -> None:
        await self._client.send_message(chat, text, reply_markup=markup)

    async def answer(self, query: str, text: str = "") -> None:
        """Ends the waiting that a pressed button shows."""
        await self._tried(self._client.answer_callback_query(query, text=text or None))

    async def replace(self, chat: int, message: int, text: str, markup: InlineKeyboardMarkup | None = None) -> None:
        """Puts other words, and other buttons or none, in the place of a question."""
        try:
            await self._client.edit_message_text(text, chat_id=chat, message_id=message, reply_markup=markup)
        except BadRequest:  # it says so already, or is gone: a second press
            return
        except TelegramError as error:
            self._unsaid(error)

    async def name_commands(self) -> None:
        """Raises ``TelegramError``."""
        for language in ("en", "ru"):
            told = [BotCommand(name, about) for name, about in words.commands(language)]
            await self._client.set_my_commands(told, language_code=language if language == "ru" else None)

    async def _tried(self, request: Awaitable[Any]) -> bool:
        try:
            await request
        except TelegramError as error:
            return self._unsaid(error)
        return True

    def _unsaid(self, error: TelegramError) -> bool:
        self._log.warning("telegram.unsaid", account=self._account, reason=reason(error))
        return False
