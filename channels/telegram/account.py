"""What an operator may say of one bot: ``[channels.telegram.<account>]``. See docs/channels/telegram.md."""

import re
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,64}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
LONGEST_ALBUM_S = 10.0
"""Seconds that an album is waited for at most, whatever ``albums_s`` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramAccount:
    """``token``: as BotFather gave it. ``secret``: what Telegram sends with each request to the webhook. ``language``:
    of the bot's own words to people whose Telegram speaks neither Russian nor English. ``albums_s``: quiet seconds
    after which an album counts as whole. ``max_file``: bytes; ``poll_s`` and ``timeout``: seconds that a long poll
    lasts, and that any other answer of Telegram's may take. Raises ``ValueError`` with a sentence that has no secret
    in it."""

    token: str = field(repr=False)
    mode: Literal["polling", "webhook"] = "polling"
    secret: str = field(default="", repr=False)
    api_url: str = "https://api.telegram.org"
    language: Literal["ru", "en"] = "ru"
    albums_s: float = 1.5
    max_file: int = 20 * 1024 * 1024
    poll_s: int = 30
    timeout: float = 20.0

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("token is not what BotFather gives: digits, a colon, then letters, digits, - and _")
        if self.mode == "webhook" and not _SECRET.fullmatch(self.secret):
            raise ValueError("secret is needed for mode = webhook: 16 to 256 of A-Z, a-z, 0-9, - and _")
        if not self.api_url.startswith(("https://", "http://")):
            raise ValueError("api_url begins with https:// or http://")
        if not 0.1 <= self.albums_s <= LONGEST_ALBUM_S:
            raise ValueError(f"albums_s is from 0.1 to {LONGEST_ALBUM_S:.0f} seconds")
        if self.max_file < 1:
            raise ValueError("max_file is at least 1 byte")
        if not 0 <= self.poll_s <= 50:
            raise ValueError("poll_s is from 0 to 50 seconds")
        if not 1 <= self.timeout <= 120:
            raise ValueError("timeout is from 1 to 120 seconds")

    @property
    def bot_id(self) -> int:
        """The first part of the token."""
        return int(self.token.partition(":")[0])
