"""What a form accepts, and what becomes of it: checks, the signed page token, the body's hash, the Draft. No I/O."""

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from channels.formbody import Mistake, Submitted
from domain.message import StoredFile
from domain.policy import CatalogEntry, FormPolicy, Policy
from domain.ports import Draft

TOKEN_LIFE = timedelta(hours=8)
LIMITS = {"name": 200, "email": 254, "phone": 60, "subject": 250, "body": 100_000, "catalog": 200}
EXTRA_LIMIT = 4000
"""Characters of one of the form's extra answers."""
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\.]{2,}")
KEY = re.compile(r"[\x21-\x7e]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MAC = 26


def offered(policy: Policy, form: FormPolicy) -> list[CatalogEntry]:
    """The services of the form's list, in the catalog's order. A form that names none offers all that are meant for
    forms and for everybody: it does not know who its reader is. None offers what is retired."""
    wanted = [entry for entry in policy.catalog.values() if entry.form and not entry.retired]
    if form.catalogs:
        return [entry for entry in wanted if entry.path in form.catalogs]
    return [entry for entry in wanted if not entry.audiences]


def check(submitted: Submitted, form: FormPolicy, policy: Policy) -> list[Mistake]:
    """Everything that is wrong, each with its field."""
    values = {name: value.strip() for name, value in submitted.values.items()}
    found = [
        Mistake(name, "At most {limit} characters.", {"limit": limit})
        for name, limit in LIMITS.items()
        if len(values.get(name, "")) > limit
    ]
    found += _required(values)
    email, phone, catalog = values.get("email", ""), values.get("phone", ""), values.get("catalog", "")
    if email and not _EMAIL.fullmatch(email):
        found.append(Mistake("email", "This does not look like an e-mail address."))
    if phone and not 3 <= sum(c.isdigit() for c in phone) <= 20:
        found.append(Mistake("phone", "This does not look like a telephone number."))
    if catalog and catalog not in {entry.path for entry in offered(policy, form)}:
        found.append(Mistake("catalog", "Please choose one of the services listed."))
    found += _consent(values, form)
    if (key := values.get("idempotency_key", "")) and not KEY.fullmatch(key):
        found.append(Mistake("idempotency_key", "At most 200 printable ASCII characters without spaces."))
    if len(submitted.uploads) + len(submitted.stored) > form.max_files:
        found.append(Mistake("files", "At most {count} files can be sent.", {"count": form.max_files}))
    found += [
        Mistake(f"fields.{name[:80]}", "At most {limit} characters.", {"limit": EXTRA_LIMIT})
        for name, value in submitted.fields.items()
        if len(value) > EXTRA_LIMIT or len(name) > 80
    ]
    return found


def _required(values: dict[str, str]) -> list[Mistake]:
    found = []
    if not values.get("subject"):
        found.append(Mistake("subject", "Please say in a few words what it is about."))
    if not values.get("body"):
        found.append(Mistake("body", "Please describe your request."))
    if not values.get("email") and not values.get("phone"):
        found.append(Mistake("email", "Please leave an e-mail address or a telephone number, so that we can answer."))
    return found


def _consent(values: dict[str, str], form: FormPolicy) -> list[Mistake]:
    """Asked for wherever the form has a text for it. A version that is named must be the one that is shown now."""
    if not form.consent.en and not form.consent.ru:
        return []
    if not values.get("consent"):
        return [Mistake("consent", "We need your consent to handle this request.")]
    if values.get("consent_version", form.consent_version) != form.consent_version:
        return [Mistake("consent", "The text has changed. Please read it once more.")]
    return []


def make_token(secret: bytes, slug: str, now: datetime) -> str:
    """Says when this form's page was made: ``<seconds>.<mac>``, bound to the slug."""
    seconds = int(now.timestamp())
    mac = hmac.new(secret, f"form\0{slug}\0{seconds}".encode(), hashlib.sha256).hexdigest()[:_MAC]
    return f"{seconds}.{mac}"


def read_token(secret: bytes, slug: str, token: str) -> int | None:
    """The second the page was made; None for anything that is not ours."""
    seconds, _, _ = token.partition(".")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 13):
        return None
    mac = hmac.new(secret, f"form\0{slug}\0{int(seconds)}".encode(), hashlib.sha256).hexdigest()[:_MAC]
    return int(seconds) if hmac.compare_digest(f"{seconds}.{mac}".encode(), token.encode()) else None


def clean(text: str) -> str:
    """Line breaks as ``\\n``, without control characters or blank ends."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def content(form: FormPolicy, submitted: Submitted) -> dict[str, object]:
    """What the requester said: the part of the raw body that a repeat must have in common."""
    values = submitted.values
    return {
        "form": form.slug,
        "name": one_line(values.get("name", "")),
        "email": one_line(values.get("email", "")),
        "phone": one_line(values.get("phone", "")),
        "subject": one_line(values.get("subject", "")),
        "body": clean(values.get("body", "")),
        "catalog": values.get("catalog", "").strip() or None,
        "fields": {one_line(name): clean(value) for name, value in submitted.fields.items()},
    }


def body_hash(form: FormPolicy, submitted: Submitted, files: Sequence[StoredFile]) -> str:
    """The same for the same words and files, whatever the transport and the time."""
    said = {**content(form, submitted), "files": sorted(file.blob for file in files)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def draft(
    form: FormPolicy, submitted: Submitted, files: tuple[StoredFile, ...], *, receipt: str, now: datetime, peer: str
) -> Draft:
    """The raw body is JSON; ``consent`` keeps which text was agreed to, and when. Without a client's key the receipt is
    its own."""
    at = now.isoformat().replace("+00:00", "Z")
    locale = submitted.values.get("locale", "")
    given = bool(submitted.values.get("consent"))
    raw = {
        **content(form, submitted),
        "consent": {"version": form.consent_version, "at": at} if given else None,
        "locale": locale if locale in ("ru", "en") else None,
        "idempotency_key": submitted.values.get("idempotency_key", "").strip() or receipt,
    }
    return Draft(
        channel="form",
        account=form.slug,
        adapter="form",
        media_type="application/json",
        raw=json.dumps(raw, ensure_ascii=False).encode(),
        files=files,
        meta={"peer": peer, "locale": raw["locale"]},
        id=receipt,
    )


def is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
