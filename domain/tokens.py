"""Ticket tokens: the capability that lets a mail join a ticket. A number alone is guessable and grants nothing.

A token is ``t<number>.<mac>`` where mac is the first 128 bits of HMAC-SHA256(secret, "ticket:<number>") in lower-case
base32 without padding (26 characters), so that it survives mail systems that fold case. It travels as a plus-tag in our
address (``support+t123.k3...@example.org``) and as the left part of our own Message-IDs (``t123.k3....<unique>@...``).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

_TOKEN = re.compile(r"(?<![a-z0-9])t(\d{1,18})\.([a-z2-7]{26})(?![a-z0-9])", re.IGNORECASE)


def sign_ticket(number: int, secret: bytes) -> str:
    mac = hmac.new(secret, b"ticket:%d" % number, hashlib.sha256).digest()[:16]
    return f"t{number}.{base64.b32encode(mac).decode().rstrip('=').lower()}"


def find_tokens(texts: Iterable[str]) -> tuple[str, ...]:
    """Everything that looks like a token, lower-cased, in order, without repeats. Nothing is verified."""
    found = (match[0].lower() for text in texts for match in _TOKEN.finditer(text))
    return tuple(dict.fromkeys(found))


def verify_ticket(token: str, secret: bytes) -> int | None:
    """The ticket's number if the token is ours, else None. Constant-time in the mac."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    number = int(match[1])
    return number if hmac.compare_digest(sign_ticket(number, secret), token.lower()) else None
