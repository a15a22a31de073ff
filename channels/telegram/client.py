"""The Bot API of one account: python-telegram-bot's client, with updates as they came and reasons without secrets.

Called by receiver, webhook, dialogue and sender. The library's own ``get_updates`` makes objects of all updates of a
batch at once, so that one that it cannot read would keep back its neighbours; here they stay what they are.
"""

import logging
import warnings
from typing import Any

from telegram.error import (
    BadRequest,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from channels.telegram.account import TelegramAccount

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
LIMIT = 100
"""Updates of one answer at most."""
_CONNECTIONS = 32


class Client(ExtBot[Any]):
    """``raw_updates`` beside all that the library's client has."""

    async def raw_updates(self, offset: int | None, wait_s: int, patience: float) -> list[Any]:
        """Updates from ``offset`` on; those below are confirmed by asking. Raises ``TelegramError``."""
        data = {"offset": offset, "limit": LIMIT, "timeout": wait_s, "allowed_updates": list(ALLOWED_UPDATES)}
        found = await self._post("getUpdates", data, read_timeout=wait_s + patience)
        if not isinstance(found, list):
            raise TelegramError("Invalid server response")
        return found


def connect(account: TelegramAccount) -> Client:
    """Opens nothing yet."""
    # httpx names each address at INFO, with the token in it; the library quotes what it was sent.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("telegram").setLevel(logging.CRITICAL)
    # The library warns of its own use of it.
    warnings.filterwarnings("ignore", ".*retry_after.*", PTBDeprecationWarning)
    base = account.api_url.rstrip("/")
    seconds = account.timeout
    polling, other = (
        HTTPXRequest(
            connection_pool_size=size,
            read_timeout=seconds,
            write_timeout=seconds,
            connect_timeout=seconds,
            pool_timeout=seconds,
            media_write_timeout=seconds * 3,
        )
        for size in (2, _CONNECTIONS)
    )
    return Client(
        account.token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=other,
        get_updates_request=polling,
        rate_limiter=AIORateLimiter(max_retries=0),
    )


def retry_after(error: RetryAfter) -> float:
    """Seconds. The library gives a number, and will give a timedelta one day."""
    seconds = error.retry_after
    return float(seconds) if isinstance(seconds, int) else seconds.total_seconds()


def reason(error: TelegramError) -> str:
    """For an operator and the log: neither the token, which some of the library's texts have, nor people's words."""
    match error:
        case InvalidToken() | EndPointNotFound():
            return "Telegram rejects the token (401)"
        case Conflict():
            return "another program receives the updates of this bot, or a webhook is set (409)"
        case RetryAfter():
            return f"Telegram asks to wait {retry_after(error):.0f} s (429)"
        case Forbidden():
            return "the person has blocked the bot (403)"
        case BadRequest():
            return f"Telegram refuses the request (400): {error.message[:100]}"
        case TimedOut():
            return "Telegram does not answer in time"
        case NetworkError():
            cause = error.__cause__
            return f"Telegram cannot be reached: {type(cause).__name__}" if cause else f"Telegram: {error.message[:60]}"
        case _:
            return f"what Telegram's server says is no answer: {type(error).__name__}"
