"""Reads the body of a form's POST: JSON, multipart or urlencoded -> Submitted. Limits hold while reading.

Called by ``channels.form``. Files are spooled to disk where large, hashed on the way, and stored by nobody yet.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import IO, Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from channels.support import safe_name
from domain.policy import FormPolicy

MAX_TEXT = 262_144
"""Bytes of all fields together."""
MAX_FIELDS = 100
IN_MEMORY = 524_288
CHUNK = 65_536
N_FILES = "files"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a field. ``why`` is an English sentence with ``{names}`` from ``values``; pages translate."""

    field: str
    why: str
    values: Mapping[str, object] = default(default_factory=dict)

    def __str__(self) -> str:
        return self.why.format(**self.values)


@dataclass(slots=True)
class Upload:
    name: str
    size: int
    sha256: str
    content: IO[bytes]


@dataclass(slots=True)
class Submitted:
    """A body as read. ``values`` are texts by field name; ``fields`` the form's extra answers; ``stored`` ids of files
    that went up before; ``too_large`` says that reading stopped at a limit."""

    values: dict[str, str] = default(default_factory=dict)
    fields: dict[str, str] = default(default_factory=dict)
    uploads: list[Upload] = default(default_factory=list)
    stored: list[str] = default(default_factory=list)
    mistakes: list[Mistake] = default(default_factory=list)
    too_large: bool = False

    def close(self) -> None:
        for upload in self.uploads:
            upload.content.close()

    def put(self, name: str, value: str) -> None:
        if name.startswith("fields[") and name.endswith("]"):
            self.fields[name[7:-1]] = value
        else:
            self.values[name] = value


class Unreadable(Exception):
    """The body is not what its type says (400)."""


class WrongType(Exception):
    """A media type that forms do not take (415)."""


class TooLarge(Exception):
    """The fields alone are over the limit (413)."""


async def read(request: web.Request, form: FormPolicy) -> Submitted:
    match request.content_type:
        case "application/json":
            return from_json(await _capped(request))
        case "application/x-www-form-urlencoded":
            return _from_urlencoded(await _capped(request))
        case "multipart/form-data":
            return await _from_multipart(request, form)
    raise WrongType


async def _capped(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > MAX_TEXT:
            raise TooLarge
    return bytes(body)


def _from_urlencoded(body: bytes) -> Submitted:
    submitted = Submitted()
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Unreadable from error
    for name, value in pairs:
        submitted.put(name, value)
    return submitted


TEXTS = ("name", "email", "phone", "subject", "body", "catalog", "idempotency_key", "locale")


def from_json(body: bytes) -> Submitted:
    """Members that are not the contract's are mistakes: a misspelt one must not vanish."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable from error
    if not isinstance(document, dict):
        raise Unreadable
    submitted = Submitted()
    for name, value in document.items():
        _take_member(submitted, str(name), value)
    return submitted


def _take_member(submitted: Submitted, name: str, value: Any) -> None:
    match name, value:
        case _, None:
            return
        case ("consent", bool()):
            submitted.values["consent"] = "1" if value else ""
        case ("consent", str()):
            submitted.values["consent"] = "1" if value.lower() in ("1", "true", "on", "yes") else ""
        case ("consent", {"version": str(version)}):
            submitted.values |= {"consent": "1", "consent_version": version}
        case ("fields", dict()) if len(value) <= MAX_FIELDS:
            submitted.fields = {str(key): _scalar(each) for key, each in value.items()}
        case ("files", list()) if all(isinstance(each, str) for each in value):
            submitted.stored = list(value)
        case (str(), str()) if name in TEXTS:
            submitted.values[name] = value
        case _:
            known = name in (*TEXTS, "consent", "fields", "files")
            why = "This value has the wrong type." if known else "There is no such field."
            submitted.mistakes.append(Mistake(name, why))


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _from_multipart(request: web.Request, form: FormPolicy) -> Submitted:
    submitted = Submitted()
    text_left, file_left, count = MAX_TEXT, form.max_total_bytes, 0
    try:
        async for part in await request.multipart():
            count += 1
            if not isinstance(part, BodyPartReader) or part.name is None or count > MAX_FIELDS:
                raise Unreadable
            if part.filename is None:
                text_left = await _read_text(part, submitted, text_left)
            elif part.filename or part.name == N_FILES:
                file_left = await _read_file(part, submitted, form, file_left)
            if submitted.too_large:
                break
    except (ValueError, AssertionError, LookupError) as error:
        submitted.close()
        raise Unreadable from error
    except BaseException:
        submitted.close()
        raise
    return submitted


async def _read_text(part: BodyPartReader, submitted: Submitted, left: int) -> int:
    value = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        value += chunk
        if len(value) > left:
            raise TooLarge
    submitted.put(part.name or "", value.decode("utf-8", "replace"))
    return left - len(value)


async def _read_file(part: BodyPartReader, submitted: Submitted, form: FormPolicy, left: int) -> int:
    """Spools one file. Over a limit, reading goes on for a while without keeping anything, since a browser that is cut
    off in the middle of its upload shows an error of its own instead of our page."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed by Submitted.close)
    digest, size, over = hashlib.sha256(), 0, len(submitted.uploads) >= form.max_files
    drain = form.max_total_bytes
    while chunk := await part.read_chunk(CHUNK):
        size += len(chunk)
        over = over or size > form.max_file_bytes or size > left
        if over:
            drain -= len(chunk)
            if drain < 0:
                break
            continue
        digest.update(chunk)
        spool.write(chunk)
    name = safe_name(part.filename or "")
    if over:
        spool.close()
        submitted.too_large = True
        submitted.mistakes.append(_too_much(name, size, form, len(submitted.uploads)))
    elif size or part.filename:
        submitted.uploads.append(Upload(name=name, size=size, sha256=digest.hexdigest(), content=spool))
    return left - size


def _too_much(name: str, size: int, form: FormPolicy, count: int) -> Mistake:
    megabyte = 1_048_576
    if count >= form.max_files:
        return Mistake(N_FILES, "At most {count} files can be sent.", {"count": form.max_files})
    if size > form.max_file_bytes:
        limit = {"name": name, "limit": form.max_file_bytes // megabyte}
        return Mistake(N_FILES, "{name} is too large: a file may have {limit} MB.", limit)
    limit = {"limit": form.max_total_bytes // megabyte}
    return Mistake(N_FILES, "All files together may have {limit} MB.", limit)
