"""What the tests of the normaliser share: envelopes, and messages as plain values to compare."""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.ids import BlobKey
from domain.message import Envelope, Message, Normalized
from normalizer.pipeline import normalize

SAMPLES = Path(__file__).parents[1] / "samples" / "email"
NOON = datetime(2025, 1, 3, 12, 0, tzinfo=UTC)
_UNTOLD = ("envelope_id", "channel", "account", "adapter", "received_at", "raw", "size")


def envelope(raw: bytes, channel: str = "email", **meta: Any) -> Envelope:
    return Envelope(
        id="01JGN000000000000000000000",
        channel=channel,
        account="support",
        adapter="smtp" if channel == "email" else channel,
        received_at=NOON,
        media_type="message/rfc822" if channel == "email" else "application/json",
        size=len(raw),
        sha256=BlobKey(hashlib.sha256(raw).hexdigest()),
        raw=raw,
        meta=meta,
    )


def mail(raw: bytes | str, **meta: Any) -> Normalized:
    data = raw.encode() if isinstance(raw, str) else raw
    return normalize(envelope(data, **meta), data)


def form(raw: bytes, **meta: Any) -> Normalized:
    return normalize(envelope(raw, "form", **meta), raw)


def message(raw: bytes | str, **meta: Any) -> Message:
    return mail(raw, **meta).message


def plain(body: str, subject: str = "Вопрос", extra: str = "") -> str:
    """A simple mail around a body."""
    return (
        f"From: Иван Петров <ivan@client.example>\nTo: support@priyom.example\nSubject: {subject}\n"
        f"Message-ID: <m1@client.example>\nContent-Type: text/plain; charset=utf-8\n{extra}\n{body}"
    )


def outcome(normalized: Normalized) -> dict[str, Any]:
    """Every field of a message that the mail decides and that is not empty, as JSON values."""
    values = asdict(normalized.message)
    told = {
        name: value for name, value in values.items() if name not in _UNTOLD and value not in (None, "", (), {}, [])
    }
    if "sent_at" in told:
        told["sent_at"] = told["sent_at"].isoformat()
    for attachment in told.get("attachments", ()):
        assert hashlib.sha256(normalized.contents[attachment["blob"]]).hexdigest() == attachment["blob"]
        attachment["blob"] = attachment["blob"][:12]
    return told
