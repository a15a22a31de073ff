"""The web form's JSON to a Message, and that of a request which was filed by the API. Called by the pipeline.

Arrives: one JSON object as ``channels.form`` or the API accepted it; files went into the blobs before.
Leaves: a message whose fields keep everything that was given. Raises ``Invalid`` with the field named.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from domain.errors import Invalid
from domain.message import Address, Attachment, Envelope, Message, Normalized, StoredFile
from normalizer import language
from normalizer.mail import addresses, caps, charsets, files
from normalizer.mail.headers import one_line

_TEXTS = ("name", "email", "phone", "subject", "body", "catalog", "locale", "idempotency_key", "filed_by")
_NOT_PHONE = re.compile(r"[^\d+]+")
_LONGEST = 100_000


def normalize(envelope: Envelope, raw: bytes) -> Normalized:
    """The message of one submitted form."""
    given = _parse(raw)
    texts = {name: _text(given, name) for name in _TEXTS}
    sender = _sender(envelope, texts)
    body = texts["body"]
    flags: tuple[str, ...] = ()
    if len(body) > caps.TEXT:
        body, flags = body[: caps.TEXT], ("capped:text",)
    subject = one_line(texts["subject"])[: caps.SUBJECT] or one_line(body)[:80]
    key = texts["idempotency_key"].strip() or envelope.id
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=f"{envelope.channel}:{envelope.account}:{key[:200]}",
        sender=sender,
        subject=subject,
        text=body.strip("\n"),
        raw=envelope.sha256,
        size=envelope.size,
        conversation=(hashlib.sha256(f"form|{envelope.id}".encode()).hexdigest()[:32],),
        language=language.tell(body) or language.tell(f"{subject}\n{body}"),
        attachments=tuple(_attachment(number, file) for number, file in enumerate(envelope.files, 1)),
        catalog=texts["catalog"].strip()[:200] or None,
        fields=_fields(given, texts),
        flags=flags,
        parent=_parent(envelope),
    )
    return Normalized(message=message)


def _parent(envelope: Envelope) -> int | None:
    """Said by the API alone, in what it vouches for; whatever a form writes about it is one of its fields."""
    parent = envelope.meta.get("parent") if envelope.adapter == "api" else None
    return parent if isinstance(parent, int) else None


def _parse(raw: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Invalid("form", "is not JSON") from error
    if not isinstance(given, dict):
        raise Invalid("form", "is not a JSON object")
    return given


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(name, "is not a text")
    return charsets.clean(value)


def _sender(envelope: Envelope, texts: Mapping[str, str]) -> Address:
    """By address, else by telephone number, else nobody in particular: each such form is a person of its own."""
    name = one_line(texts["name"])[: caps.NAME]
    if texts["email"].strip():
        address = addresses.normalize(texts["email"])
        if not address:
            raise Invalid("email", "is not an address")
        return Address(channel="email", address=address, name=name)
    phone = phone_number(texts["phone"])
    if phone:
        return Address(channel="phone", address=phone, name=name)
    return Address(channel="form", address=f"anonymous:{envelope.id}", name=name)


def phone_number(text: str) -> str:
    """A number as E.164 as far as its digits tell: ``8 (916) 123-45-67`` is Russian; ``""`` if it is no number."""
    digits = _NOT_PHONE.sub("", text)
    international = digits.startswith("+")
    digits = digits.replace("+", "")
    if not 5 <= len(digits) <= 15:
        return ""
    if not international and len(digits) == 11 and digits[0] in "78":
        return f"+7{digits[1:]}"
    if not international and len(digits) == 10 and digits[0] == "9":
        return f"+7{digits}"
    return f"+{digits}" if international or len(digits) > 10 else digits


def _attachment(number: int, file: StoredFile) -> Attachment:
    return Attachment(
        blob=file.blob,
        name=files.safe_name(file.name, file.media_type, number),
        size=file.size,
        media_type=file.media_type,
        declared_type=file.media_type,
    )


def _fields(given: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The form's own questions, and what was given beside them under names of their own."""
    answers = given.get("fields")
    answers = {} if answers is None else answers
    if not isinstance(answers, dict):
        raise Invalid("fields", "is not an object")
    consent = given.get("consent")
    if consent is not None and not isinstance(consent, dict | bool | str):
        raise Invalid("consent", "is not an object")
    kept: dict[str, Any] = {charsets.clean(str(name))[:100]: _clean(value) for name, value in answers.items()}
    for name in ("name", "email", "phone", "locale", "filed_by"):
        if texts[name].strip():
            kept.setdefault(name, texts[name].strip()[: caps.SUBJECT])
    if consent is not None:
        kept.setdefault("consent", _clean(consent))
    return kept


def _clean(value: Any, depth: int = 0) -> Any:
    """JSON values without what no store takes: NUL, control characters, lone surrogates, endless nesting."""
    if isinstance(value, str):
        return charsets.clean(value)[:_LONGEST]
    if depth > 8:
        return None
    if isinstance(value, list):
        return [_clean(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {charsets.clean(str(name))[:100]: _clean(one, depth + 1) for name, one in value.items()}
    return value
