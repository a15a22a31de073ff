"""Files that scripts send ahead of the message that names them."""

import re
import tempfile

import puremagic
from aiohttp import BodyPartReader, hdrs, web

from desk.api.problems import Refused
from domain.message import StoredFile
from domain.ports import Blobs

MAX_BYTES = 20_971_520
IN_MEMORY = 1_048_576
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


async def receive(request: web.Request, blobs: Blobs) -> StoredFile:
    """The multipart part ``file``, stored. Raises ``Refused`` 413, 415 or 422."""
    if not request.content_type.startswith("multipart/form-data"):
        raise Refused(415, "Send multipart/form-data with a part named file.")
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "file" and part.filename:
                return await _store(part, blobs)
    except (ValueError, AssertionError) as error:
        raise Refused(400, "The multipart body could not be read.") from error
    raise Refused(422, errors=(("file", "missing"),))


async def _store(part: BodyPartReader, blobs: Blobs) -> StoredFile:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        size = 0
        while chunk := await part.read_chunk(65536):
            size += len(chunk)
            if size > MAX_BYTES:
                raise Refused(413, errors=(("file", f"larger than {MAX_BYTES} bytes"),))
            spool.write(chunk)
        if not size:
            raise Refused(422, errors=(("file", "empty"),))
        spool.seek(0)
        content = spool.read()
    declared = part.headers.get(hdrs.CONTENT_TYPE, "")
    return StoredFile(
        blob=await blobs.put(content),
        name=safe_name(part.filename or ""),
        size=size,
        media_type=sniff(content, declared),
    )


def safe_name(name: str) -> str:
    """No path, no control or direction characters, never empty."""
    last = _UNSAFE.sub("", name).replace("\\", "/").rpartition("/")[2].strip(" .")
    return last[-150:] or "file"


def sniff(content: bytes, declared: str) -> str:
    """What the content says it is. Text has no signature: there, decoding as UTF-8 decides."""
    try:
        return str(puremagic.from_string(content[:262_144], mime=True)) or "application/octet-stream"
    except (puremagic.PureError, ValueError):
        pass
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(content[:4096]) - 3:
            return "application/octet-stream"
    return "text/plain" if b"\0" not in content[:4096] else "application/octet-stream"
