"""Bus payloads: versioned JSON of domain values, and their JSON Schemas (written to docs/schemas by ``make docs``).

Every payload is ``{"v": 1, "type": ..., ...}``. A payload of another version or type, or one that does not fit its
type, raises ``Permanent``: it can never be read. Bytes travel as base64.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import Permanent
from domain.ids import BlobKey
from domain.message import Envelope, Message

VERSION = 1


class EnvelopePayload(msgspec.Struct, frozen=True, tag_field="type", tag="envelope"):
    """``intake.<channel>`` and ``drive.<channel>``: raw bytes as accepted."""

    envelope: Envelope
    v: int = VERSION


class MessagePayload(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """``message.<channel>``: the normalised message."""

    message: Message
    v: int = VERSION


class MessageClaim(msgspec.Struct, frozen=True, tag_field="type", tag="message_claim"):
    """``message.<channel>`` for a message too large for the bus: the blob holds its MessagePayload."""

    blob: BlobKey
    v: int = VERSION


class FactPayload(msgspec.Struct, frozen=True, tag_field="type", tag="fact"):
    """``ticket.<fact>``: what happened. ``data`` has the fact's own fields. ``id`` is stable over resends."""

    id: str
    fact: str
    data: Mapping[str, Any]
    v: int = VERSION


class ReplyPayload(msgspec.Struct, frozen=True, tag_field="type", tag="reply"):
    """``reply.<channel>``: a delivery waits to be sent. What it says stands in the store. ``id`` is stable over
    resends."""

    id: str
    delivery: str
    ticket: int
    channel: str
    v: int = VERSION


class DeadPayload(msgspec.Struct, frozen=True, tag_field="type", tag="dead"):
    """``dead.<subject>``: what could not be handled, whole, with where it came from and why it was given up."""

    origin: str
    reason: str
    payload: bytes
    envelope_id: str
    channel: str
    attempts: int
    v: int = VERSION


_ENCODER = msgspec.json.Encoder()
_ENVELOPE = msgspec.json.Decoder(EnvelopePayload)
_MESSAGE = msgspec.json.Decoder(MessagePayload | MessageClaim)
_FACT = msgspec.json.Decoder(FactPayload)
_DEAD = msgspec.json.Decoder(DeadPayload)

SCHEMAS: tuple[type[msgspec.Struct], ...] = (
    EnvelopePayload,
    MessagePayload,
    MessageClaim,
    FactPayload,
    ReplyPayload,
    DeadPayload,
)


def encode(payload: msgspec.Struct) -> bytes:
    return _ENCODER.encode(payload)


def _decode(decoder: Any, kind: str, data: bytes) -> Any:
    try:
        payload = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Permanent("Unreadable payload", reason=f"not a {kind} payload: {error}") from error
    if payload.v != VERSION:
        raise Permanent("Unreadable payload", reason=f"{kind} payload of version {payload.v}, known is {VERSION}")
    return payload


def decode_envelope(data: bytes) -> Envelope:
    envelope: Envelope = _decode(_ENVELOPE, "envelope", data).envelope
    if (envelope.raw is None) == (envelope.blob is None):
        raise Permanent("Unreadable payload", reason="an envelope has exactly one of raw and blob")
    return envelope


def decode_message(data: bytes) -> MessagePayload | MessageClaim:
    payload: MessagePayload | MessageClaim = _decode(_MESSAGE, "message", data)
    return payload


def decode_fact(data: bytes) -> FactPayload:
    fact: FactPayload = _decode(_FACT, "fact", data)
    return fact


def decode_dead(data: bytes) -> DeadPayload:
    dead: DeadPayload = _decode(_DEAD, "dead", data)
    return dead


def message_from_builtins(value: Any) -> Message:
    """A message out of plain JSON values (as the store keeps it)."""
    return msgspec.convert(value, Message)


def json_schemas() -> Mapping[str, Any]:
    """JSON Schema of each payload by its tag."""
    found = {}
    for struct in SCHEMAS:
        (schema,), components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
        tag = str(struct.__struct_config__.tag)
        found[tag] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": components}
    return found
