"""An update as the adapter reads it: only what receiving and talking need. Pure; reads anything, raises nothing.

What an update means as a message is the normaliser's to say; here is told who it is of, and whether it is a command.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["message", "edit", "callback", "member", "foreign", "unreadable"]
"""``foreign``: a kind of update that we do not ask for. ``unreadable``: nothing that could be an update at all."""

_MESSAGES: Mapping[str, Kind] = {"message": "message", "edited_message": "edit"}
_NOT_OURS = frozenset(
    {
        "business_connection",
        "business_message",
        "channel_post",
        "chat_boost",
        "chat_join_request",
        "chat_member",
        "chosen_inline_result",
        "deleted_business_messages",
        "edited_business_message",
        "edited_channel_post",
        "inline_query",
        "message_reaction",
        "message_reaction_count",
        "poll",
        "poll_answer",
        "pre_checkout_query",
        "purchased_paid_media",
        "removed_chat_boost",
        "shipping_query",
    }
)
_LARGEST = 2**52
"""Ids of Telegram's have at most 52 significant bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """``user``: who wrote or pressed; ``chat``: where. ``language``: what their Telegram is set to (``ru``). ``reply``:
    the message that it answers, ``data`` and ``query``: of a pressed button."""

    raw: Any
    id: int | None = None
    kind: Kind = "unreadable"
    chat: int = 0
    private: bool = False
    user: int = 0
    name: str = ""
    language: str = ""
    message: int = 0
    text: str = ""
    album: str = ""
    body: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    data: str = ""
    query: str = ""

    @property
    def command(self) -> tuple[str, str] | None:
        """``/start secret`` -> ``("start", "secret")``."""
        if self.kind not in ("message", "edit") or not self.text.startswith("/"):
            return None
        first, _, rest = self.text.partition(" ")
        return first[1:].partition("@")[0].lower(), rest.strip()


def read(raw: Any) -> Update:
    given = _part(raw)
    number = _id(given, "update_id")
    for name, kind in _MESSAGES.items():
        if name in given:
            return _message(raw, number, kind, _part(given[name]))
    if "callback_query" in given:
        return _callback(raw, number, _part(given["callback_query"]))
    if "my_chat_member" in given:
        member = _part(given["my_chat_member"])
        return Update(raw=raw, id=number, kind="member", **_where(member))
    known = bool(_NOT_OURS & given.keys())
    return Update(raw=raw, id=number, kind="foreign" if known else "unreadable")


def _message(raw: Any, number: int | None, kind: Kind, body: Mapping[str, Any]) -> Update:
    where, message = _where(body), _id(body, "message_id")
    if not where["chat"] or message is None or (where["private"] and not where["user"]):
        return Update(raw=raw, id=number)
    reply = _part(body.get("reply_to_message"))
    return Update(
        raw=raw,
        id=number,
        kind=kind,
        message=message,
        text=_text(body, "text"),
        album=_text(body, "media_group_id")[:64],
        body=body,
        reply=reply or None,
        **where,
    )


def _callback(raw: Any, number: int | None, query: Mapping[str, Any]) -> Update:
    below = _part(query.get("message"))
    where = {**_where(below), **_who(query)}
    return Update(
        raw=raw,
        id=number,
        kind="callback",
        message=_id(below, "message_id") or 0,
        data=_text(query, "data"),
        query=_text(query, "id"),
        **where,
    )


def _where(body: Mapping[str, Any]) -> dict[str, Any]:
    chat = _part(body.get("chat"))
    return {"chat": _id(chat, "id") or 0, "private": chat.get("type") == "private", **_who(body)}


def _who(body: Mapping[str, Any]) -> dict[str, Any]:
    user = _part(body.get("from"))
    name = " ".join(part for part in (_text(user, "first_name"), _text(user, "last_name")) if part)
    return {"user": _id(user, "id") or 0, "name": name[:200], "language": _text(user, "language_code")[:2].lower()}


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""


def _id(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if -_LARGEST < found < _LARGEST else None
