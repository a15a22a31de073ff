"""Which mail this is and which it answers: ids, conversation handles, tokens, idempotency key. Called by the pipeline
and by the fallback, so that a mail that could not be parsed has the key that it would have had.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from domain.tokens import find_tokens
from normalizer.mail import caps
from normalizer.mail.headers import Headers
from normalizer.mail.parties import Parties

_ID = re.compile(r"<\s*([^<>\s]{1,512})\s*>")
_BARE_ID = re.compile(r"[^<>\s,;\"]+@[^<>\s,;\"]+")
_BLANKS = re.compile(rb"\s+")
_SIGNED_FIELDS = ("from", "to", "cc", "subject", "date", "message-id")
"""What the sender wrote; fields that relays add or change are not in the key."""


@dataclass(frozen=True, slots=True)
class Thread:
    key: str
    native_id: str | None
    references: tuple[str, ...]
    conversation: tuple[str, ...]
    tokens: tuple[str, ...]


NONE = Thread("", None, (), (), ())


def read(headers: Headers, body: bytes, parties: Parties) -> Thread:
    """``body`` is everything below the header block, as it came."""
    content = content_hash(headers, body)
    native_id = _own_id(headers)
    references = _references(headers, native_id)
    addressed = (*parties.recipients, *(one.address for one in (*parties.to, *parties.cc)))
    chain = (native_id or f"{content[:32]}@priyom.invalid", *references)
    return Thread(
        key=_key(native_id, content),
        native_id=native_id,
        references=references,
        conversation=tuple(dict.fromkeys(handle(one, parties.sender.address) for one in chain)),
        tokens=find_tokens((*addressed, *references)),
    )


def _key(native_id: str | None, content: str) -> str:
    digest = hashlib.sha256(f"{native_id or ''}\n{content}".encode("utf-8", "replace")).hexdigest()
    return f"email:{digest}"


def content_hash(headers: Headers, body: bytes) -> str:
    """SHA-256 over what the sender wrote, the same for CRLF and LF, for folded and unfolded fields."""
    digest = hashlib.sha256()
    for name in _SIGNED_FIELDS:
        for value in headers.all(name):
            digest.update(name.encode() + b":" + _BLANKS.sub(b" ", value) + b"\n")
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    digest.update(body.rstrip(b"\n \t"))
    return digest.hexdigest()


def handle(message_id: str, sender: str) -> str:
    """A conversation handle: one id of the thread bound to one sender, so that knowing an id grants a stranger
    nothing. Of the mailbox it is free, since one thread may reach two of ours."""
    return hashlib.sha256(f"email|{message_id}|{sender}".encode("utf-8", "replace")).hexdigest()[:32]


def _own_id(headers: Headers) -> str | None:
    value = headers.plain("message-id")
    found = _ID.search(value)
    if found:
        return _plain(found[1])
    bare = "".join(value.split()).strip("<>")
    return _plain(bare) if bare and len(bare) <= caps.MESSAGE_ID else None


def _plain(message_id: str) -> str:
    return "".join(char for char in message_id if char.isprintable()) or "-"


def _references(headers: Headers, own: str | None) -> tuple[str, ...]:
    """The ids that it answers, nearest parent first: In-Reply-To, then References from the end (RFC 5322, 3.6.4)."""
    parents = ids(headers.plain("in-reply-to"))
    earlier = ids(headers.plain("references"))
    nearest = dict.fromkeys([*parents, *reversed(earlier)])
    return tuple(one for one in nearest if one != own)[: caps.REFERENCES]


def ids(field: str) -> list[str]:
    """The Message-IDs in a field; without brackets if it has none in brackets. A phrase is no id."""
    if not field:
        return []
    found: list[str] = _ID.findall(field)
    if not found:
        found = [one[: caps.MESSAGE_ID] for one in _BARE_ID.findall(field[:4096])]
    return [_plain(one) for one in found]


def sent_at(headers: Headers) -> datetime | None:
    """The Date field in UTC, or None if it is missing or no date."""
    value = headers.plain("date")[:200]
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError, AttributeError):
        return None
    return found if 1980 <= found.year <= 2200 else None
