"""The plain form to a Message: what an adapter says itself, where no format of others is to be parsed.
Called by the pipeline for the media type ``application/vnd.priyom.message+json``.

Arrives: one JSON object (``PLAIN_SCHEMA``). Leaves: a message. Raises ``Invalid`` with the field named.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from domain.errors import Invalid
from domain.message import Address, Attachment, Envelope, Message, Normalized
from normalizer import language
from normalizer.mail import caps, charsets, files
from normalizer.mail.headers import one_line

MEDIA_TYPE = "application/vnd.priyom.message+json"

Short = Annotated[str, msgspec.Meta(max_length=500)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class PlainSender(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``address`` is the channel's own, by which the same person is known again."""

    address: Id
    name: Short = ""


class Plain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message as an adapter says it. ``id``: the channel's own, the same each time that the same message comes.
    ``conversation``: what the channel calls a thread, by which the next message of the same sender joins; left out,
    each message is one of its own. ``in_reply_to``: the ``id`` (or our answer's own id) that it answers. ``fields``:
    data that came along. ``catalog``: a service that the sender has chosen."""

    id: Id
    sender: PlainSender
    text: str
    subject: str = ""
    conversation: Short = ""
    in_reply_to: Short = ""
    language: Annotated[str, msgspec.Meta(max_length=10)] = ""
    sent_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    catalog: Short = ""
    fields: dict[Short, Any] = {}


_DECODER = msgspec.json.Decoder(Plain)
_AT = " - at `$."


def normalize(envelope: Envelope, raw: bytes) -> Normalized:
    """The message that the object says. Ids and conversations are the account's own: two accounts may use the same."""
    given = _decoded(raw)
    channel, account = envelope.channel, envelope.account
    text = charsets.clean(given.text)
    flags: tuple[str, ...] = ()
    if len(text) > caps.TEXT:
        text, flags = text[: caps.TEXT], ("capped:text",)
    subject = one_line(charsets.clean(given.subject))[: caps.SUBJECT] or one_line(text)[:80]
    thread = given.conversation or given.id
    message = Message(
        envelope_id=envelope.id,
        channel=channel,
        account=account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=f"{channel}:{_hash(account, given.id)}",
        sender=Address(channel=channel, address=charsets.clean(given.sender.address), name=one_line(given.sender.name)),
        subject=subject,
        text=text.strip("\n"),
        raw=envelope.sha256,
        size=envelope.size,
        native_id=native_id(channel, account, given.id),
        references=(native_id(channel, account, given.in_reply_to),) if given.in_reply_to else (),
        conversation=(_hash(channel, account, thread, given.sender.address)[:32],),
        sent_at=given.sent_at.astimezone(UTC) if given.sent_at else None,
        language=given.language[:2].lower() or language.tell(text) or language.tell(f"{subject}\n{text}"),
        attachments=tuple(_attachment(number, file) for number, file in enumerate(envelope.files, 1)),
        catalog=given.catalog or None,
        fields={charsets.clean(name): _clean(value) for name, value in given.fields.items()},
        flags=flags,
    )
    return Normalized(message=message)


def native_id(channel: str, account: str, own: str) -> str:
    """What a sender of the same channel gives back as the id of an answer, for the next message to refer to."""
    return f"{channel}:{account}:{own}"


def _decoded(raw: bytes) -> Plain:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(_AT)
        raise Invalid(path.rstrip("`") or "message", why) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("message", "is not JSON") from error


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return charsets.clean(value)
    if depth > 8:
        return None
    if isinstance(value, list):
        return [_clean(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {charsets.clean(str(name)): _clean(one, depth + 1) for name, one in value.items()}
    return value


def _attachment(number: int, file: Any) -> Attachment:
    return Attachment(
        blob=file.blob,
        name=files.safe_name(file.name, file.media_type, number),
        size=file.size,
        media_type=file.media_type,
        declared_type=file.media_type,
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()
