"""Short-lived signed values: inline images of a sandboxed frame (which has no cookies), and CSRF for visitors."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from domain.ids import BlobKey

INLINE_LIFE = timedelta(minutes=10)


class InlineImage(msgspec.Struct, frozen=True, array_like=True):
    """A blob that may be shown to whoever holds the URL until ``until`` (seconds since the epoch)."""

    blob: str
    media_type: str
    until: int


def _mac(secret: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.new(secret, purpose.encode() + b"\0" + payload, hashlib.sha256).digest()[:16]


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpack(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def sign_inline(secret: bytes, blob: BlobKey, media_type: str, now: datetime) -> str:
    """The last path segment of ``/desk/inline/...``. The time is rounded up to a minute, so that browsers may cache."""
    until = (int((now + INLINE_LIFE).timestamp()) // 60 + 1) * 60
    payload = msgspec.json.encode(InlineImage(blob=blob, media_type=media_type, until=until))
    return f"{_pack(payload)}.{_pack(_mac(secret, 'inline', payload))}"


def read_inline(secret: bytes, token: str, now: datetime) -> InlineImage | None:
    """None for anything forged or expired."""
    head, _, tail = token.partition(".")
    payload, mac = _unpack(head), _unpack(tail)
    if payload is None or mac is None or not hmac.compare_digest(mac, _mac(secret, "inline", payload)):
        return None
    image = msgspec.json.decode(payload, type=InlineImage)
    return image if now.timestamp() < image.until else None


def visitor_csrf(secret: bytes, visitor: str) -> str:
    """The token that a visitor without a session must send back; bound to their cookie."""
    return _pack(_mac(secret, "visitor", visitor.encode()))
