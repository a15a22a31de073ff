"""Which request does a message belong to? What the bot knows of it before the message is accepted. Called by reception.

| the chat | the message goes |
|---|---|
| it answers a message of a request | there, by its references |
| /new came before | into a new one, and what follows too, for 30 minutes |
| a request was chosen within 30 minutes | there |
| one request is open | there |
| several are open | it is accepted, waits, and its sender is asked |
| none | into a new one, and what follows too |

A closed request is reopened by a reply to one of its messages. The router checks it all again. While the store is away
nothing is known: the message is accepted, and its conversation decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from channels.telegram import words
from channels.telegram.chats import ADAPTER, Chat
from channels.telegram.updates import Update
from domain.errors import Temporary
from domain.ports import OwnRequests
from domain.views import RequestBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """``meta`` goes with the message. ``ask``: between which requests its sender is to choose. ``after``: what is to be
    remembered of the chat once the message is accepted."""

    after: Chat
    meta: Mapping[str, Any] = field(default_factory=dict)
    ask: tuple[RequestBrief, ...] = ()


async def place(update: Update, chat: Chat, requests: OwnRequests, now: datetime) -> Placed:
    if _answers(update):
        return Placed(after=chat, meta={"reply": True})
    chosen = {name: value for name, value in (("product", chat.product), ("catalog", chat.catalog)) if value}
    after = replace(chat, new=False, product="", catalog="")
    if chat.new:
        return Placed(
            after=after.chosen(None, update.message, now), meta={**chosen, "new": True, "thread": update.message}
        )
    if chat.choice is not None:
        return Placed(after=after.chosen(chat.choice, None, now), meta={**chosen, "choice": chat.choice})
    if chat.thread is not None:
        return Placed(after=after.chosen(None, chat.thread, now), meta={**chosen, "thread": chat.thread})
    return await _by_what_is_open(update, after, chosen, requests, now)


async def _by_what_is_open(
    update: Update, after: Chat, chosen: Mapping[str, Any], requests: OwnRequests, now: datetime
) -> Placed:
    """A request that was closed lately has the chat's conversation still: a new one has to begin its own."""
    address = str(update.user)
    try:
        found = tuple(await requests.open(ADAPTER, address))
        lately = None if found else await requests.closed_lately(ADAPTER, address)
    except Temporary:
        return Placed(after=after, meta=chosen)
    if len(found) == 1:
        return Placed(after=after, meta={**chosen, "choice": found[0].number})
    if found:
        return Placed(after=after, meta={**chosen, "ask": True}, ask=found)
    if lately is None:
        return Placed(after=after, meta=chosen)
    return Placed(after=after.chosen(None, update.message, now), meta={**chosen, "thread": update.message})


def _answers(update: Update) -> bool:
    """A reply to what the bot says by itself answers no request."""
    if update.reply is None:
        return False
    author, text = update.reply.get("from"), update.reply.get("text")
    by_bot = isinstance(author, Mapping) and author.get("is_bot") is True
    return not (by_bot and isinstance(text, str) and words.is_ours(text))
