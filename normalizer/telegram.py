"""A Telegram update, or an album of them, to a Message. Called by the pipeline.

Arrives: the JSON of one ``Update`` of the Bot API, or a list of them that share a ``media_group_id``, as
``channels.telegram`` accepted it; files went into the blobs before, and the meta says what the bot knew of where the
message belongs. Leaves: a message whose conversation handles have the bot, the chat and the writer in them. Raises
``Invalid`` where no update of a person can be read.

| the update | becomes |
|---|---|
| a message, a caption | its text, entities as plain text; the first line is the subject |
| an edited message | a message flagged ``edited`` that refers to the one it replaces |
| a forwarded message | its text as quoted, with who wrote it |
| a contact, a place, a poll, a dice | a line of text, and fields |
| a pin, a changed timer and the like | automatic: it is kept, and makes no ticket |
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

from domain.errors import Invalid
from domain.message import (
    AWAITS_CHOICE,
    NEW_REQUEST,
    Address,
    Attachment,
    Automatic,
    Envelope,
    Message,
    Normalized,
    StoredFile,
)
from normalizer import language
from normalizer.mail import caps, charsets, files
from normalizer.mail.headers import one_line

_SUBJECT = 80
_FIELD = 200
_SERVICE = frozenset(
    {
        "boost_added",
        "chat_background_set",
        "chat_shared",
        "connected_website",
        "delete_chat_photo",
        "forum_topic_closed",
        "forum_topic_created",
        "gift",
        "group_chat_created",
        "left_chat_member",
        "message_auto_delete_timer_changed",
        "migrate_from_chat_id",
        "migrate_to_chat_id",
        "new_chat_members",
        "new_chat_photo",
        "new_chat_title",
        "pinned_message",
        "proximity_alert_triggered",
        "refunded_payment",
        "successful_payment",
        "unique_gift",
        "users_shared",
        "video_chat_ended",
        "video_chat_started",
        "web_app_data",
        "write_access_allowed",
    }
)
"""Members of a message that tell what happened to the chat instead of what somebody says."""
_LABELS: Mapping[str, tuple[str, str]] = {
    "contact": ("Контакт", "Contact"),
    "location": ("Место", "Location"),
    "venue": ("Место", "Venue"),
    "poll": ("Опрос", "Poll"),
    "forwarded": ("Переслано от", "Forwarded from"),
}


def normalize(envelope: Envelope, raw: bytes) -> Normalized:
    """The message of one update or album."""
    updates = _updates(raw)
    first, edited = _message(updates[0])
    messages = [first, *(_message(one)[0] for one in updates[1:])]
    bot, chat, number = _bot(envelope), _id(_part(first, "chat"), "id"), _id(first, "message_id")
    user = _part(first, "from")
    who = _id(user, "id")
    speaks = _text(user, "language_code")[:2].lower()
    labels = "ru" if speaks == "ru" else "en"
    text, fields, odd = _content(messages, labels)
    flags = (*(("edited",) if edited else ()), *_flags(envelope), *odd)
    if len(text) > caps.TEXT:
        text, flags = text[: caps.TEXT], (*flags, "capped:text")
    forwarded = _forwarded(first, text, labels)
    own = f"tg:{bot}:{chat}:{number}"
    answered = _part(first, "reply_to_message").get("message_id")
    references = (own,) if edited else (f"tg:{bot}:{chat}:{answered}",) if isinstance(answered, int) else ()
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=_key(bot, updates),
        sender=Address(channel="telegram", address=str(who), name=_name(user)),
        subject=_subject(text, envelope.files),
        text="" if forwarded else text,
        raw=envelope.sha256,
        size=envelope.size,
        native_id=None if edited else own,
        references=references,
        conversation=_conversation(envelope, (bot, chat, who), number, answered, edited=edited),
        sent_at=_moment(first, "edit_date") or _moment(first, "date"),
        language=speaks if speaks in ("ru", "en") else language.tell(text),
        quoted=forwarded or _quote(first),
        full_text=text if forwarded else None,
        attachments=tuple(_attachment(number, file) for number, file in enumerate(envelope.files, 1)),
        automatic=_service(first),
        catalog=_meta_text(envelope, "catalog")[:_FIELD] or None,
        fields={**fields, **_asked(envelope, text)},
        flags=tuple(dict.fromkeys(flags)),
        choice=_choice(envelope),
    )
    return Normalized(message=message)


def _updates(raw: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Invalid("update", "is not JSON") from error
    updates = given if isinstance(given, list) else [given]
    if not updates or not all(isinstance(one, Mapping) and _is_id(one.get("update_id")) for one in updates):
        raise Invalid("update_id", "is not there")
    return updates


def _message(update: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """And whether it is an edited one."""
    edited = "edited_message" in update
    found = update.get("edited_message" if edited else "message")
    if not isinstance(found, Mapping):
        raise Invalid("message", "is not there")
    return found, edited


def _bot(envelope: Envelope) -> int:
    bot = envelope.meta.get("bot_id")
    if not _is_id(bot):
        raise Invalid("bot_id", "is not there")
    return bot


def _key(bot: int, updates: Sequence[Mapping[str, Any]]) -> str:
    """Of an album: its first update and the group, so that it has the same key when it comes again."""
    first = updates[0]
    group = _text(_message(first)[0], "media_group_id")
    own = f"telegram:{bot}:{first['update_id']}"
    return f"{own}:{group[:64]}" if group and "message" in first else own


def handle(place: tuple[int, int, int], message: int | None) -> str:
    """A conversation handle: of the chat, or of one message in it; bound to bot, chat and writer."""
    bot, chat, who = place
    text = f"telegram|{bot}|{chat}|{who}" + ("" if message is None else f"|{message}")
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _conversation(
    envelope: Envelope, place: tuple[int, int, int], number: int, answered: Any, *, edited: bool
) -> tuple[str, ...]:
    """The message's own handle, and that of what it goes on with: the message that it answers, the message that opened
    the request which the bot was told to go on with, else the chat. An edit goes where its original is."""
    own = handle(place, number)
    if edited:
        return (own,)
    thread = envelope.meta.get("thread")
    if envelope.meta.get("reply") is True and isinstance(answered, int):
        return (own, handle(place, answered))
    return tuple(dict.fromkeys((own, handle(place, thread if isinstance(thread, int) else None))))


# -- what it says


def _content(messages: Sequence[Mapping[str, Any]], labels: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """Text, fields, and a flag for what we cannot show."""
    texts: list[str] = []
    fields: dict[str, Any] = {}
    for message in messages:
        text = charsets.clean(_text(message, "text") or _text(message, "caption")).strip()
        lines, more = _lines(message, labels)
        texts += [part for part in (text, *lines) if part]
        fields |= more
    empty = not texts and not any(_has_file(message) for message in messages) and _service(messages[0]) is None
    return "\n".join(texts), fields, ("unsupported_content",) if empty else ()


def _lines(message: Mapping[str, Any], labels: str) -> tuple[list[str], dict[str, Any]]:
    lines: list[str] = []
    fields: dict[str, Any] = {}
    if contact := _part(message, "contact"):
        named = " ".join(part for part in (_line(contact, "first_name"), _line(contact, "last_name")) if part)
        told = ", ".join(part for part in (named, _line(contact, "phone_number")) if part)
        lines.append(f"{_label('contact', labels)}: {told}")
        fields["contact"] = told
    if venue := _part(message, "venue"):
        told = ", ".join(part for part in (_line(venue, "title"), _line(venue, "address")) if part)
        lines.append(f"{_label('venue', labels)}: {told}")
        fields["venue"] = told
    place = _part(message, "location") or _part(_part(message, "venue"), "location")
    if place and (where := _degrees(place)):
        lines.append(f"{_label('location', labels)}: {where}")
        fields["location"] = where
    if poll := _part(message, "poll"):
        lines.append(f"{_label('poll', labels)}: {_line(poll, 'question')}")
    if emoji := _line(_part(message, "dice"), "emoji") or _line(_part(message, "sticker"), "emoji"):
        lines.append(emoji)
    return lines, fields


def _degrees(place: Mapping[str, Any]) -> str:
    """``55.75583, 37.61730``, as maps take it."""
    both = [place.get(name) for name in ("latitude", "longitude")]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) <= 180 for one in both):
        return ""
    return ", ".join(f"{one:.5f}" for one in both)


def _forwarded(message: Mapping[str, Any], text: str, labels: str) -> str:
    """What somebody else wrote, under their name. Empty for a message that is not forwarded."""
    origin = _part(message, "forward_origin")
    if not origin:
        return ""
    user, chat = _part(origin, "sender_user"), _part(origin, "sender_chat") or _part(origin, "chat")
    author = _name(user) or _line(origin, "sender_user_name") or _line(chat, "title") or "?"
    return f"{_label('forwarded', labels)} {author[: caps.NAME]}:\n{text}"


def _quote(message: Mapping[str, Any]) -> str:
    """The part of another message that its writer picked out to answer."""
    return charsets.clean(_text(_part(message, "quote"), "text")).strip()[: caps.TEXT]


def _subject(text: str, attached: Sequence[StoredFile]) -> str:
    """Chats have none: the first line, or the first file."""
    first = next((line for part in text.split("\n") if (line := one_line(part))), "")
    if not first and attached:
        first = one_line(attached[0].name)
    return first if len(first) <= _SUBJECT else f"{first[:_SUBJECT].rpartition(' ')[0] or first[:_SUBJECT]}…"


def _service(message: Mapping[str, Any]) -> Automatic | None:
    what = next((name for name in sorted(_SERVICE) if name in message), None)
    return Automatic(kind="auto_reply", because=f"Telegram's own message: {what}") if what else None


def _has_file(message: Mapping[str, Any]) -> bool:
    kinds = ("photo", "document", "audio", "video", "voice", "video_note", "animation", "sticker")
    return any(kind in message for kind in kinds)


# -- what the bot knew


def _flags(envelope: Envelope) -> tuple[str, ...]:
    missing = envelope.meta.get("missing")
    whys = [one.get("why") for one in missing if isinstance(one, Mapping)] if isinstance(missing, list) else []
    known = {"too_large": "file_too_large", "file_missing": "file_missing"}
    asks = (AWAITS_CHOICE,) if envelope.meta.get("ask") is True else ()
    alone = (NEW_REQUEST,) if envelope.meta.get("new") is True else ()
    return (*asks, *alone, *(known[why] for why in whys if why in known))


def _asked(envelope: Envelope, text: str) -> dict[str, Any]:
    """A product that a link named, and what came with a /start that was not the bot's own to answer."""
    found = {}
    if product := _meta_text(envelope, "product"):
        found["product"] = product[:_FIELD]
    command, _, payload = text.partition(" ")
    if command == "/start" and payload.strip():
        found["start"] = one_line(payload)[:_FIELD]
    return found


def _choice(envelope: Envelope) -> int | None:
    found = envelope.meta.get("choice")
    return found if _is_id(found) else None


def _meta_text(envelope: Envelope, name: str) -> str:
    found = envelope.meta.get(name)
    return one_line(found) if isinstance(found, str) else ""


def _attachment(number: int, file: StoredFile) -> Attachment:
    return Attachment(
        blob=file.blob,
        name=files.safe_name(file.name, file.media_type, number),
        size=file.size,
        media_type=file.media_type,
        declared_type=file.media_type,
    )


# -- reading


def _label(name: str, labels: str) -> str:
    return _LABELS[name][labels == "en"]


def _name(user: Mapping[str, Any]) -> str:
    whole = " ".join(part for part in (_line(user, "first_name"), _line(user, "last_name")) if part)
    return whole[: caps.NAME]


def _moment(message: Mapping[str, Any], name: str) -> datetime | None:
    seconds = message.get(name)
    if not _is_id(seconds) or seconds >= 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""


def _line(values: Mapping[str, Any], name: str) -> str:
    return one_line(_text(values, name))[:_FIELD]


def _id(values: Mapping[str, Any], name: str) -> int:
    found = values.get(name)
    if not _is_id(found):
        raise Invalid(f"message.{name}", "is not there")
    return found


def _is_id(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
