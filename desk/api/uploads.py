"""Files that scripts send ahead of the message that names them."""

import tempfile

from aiohttp import BodyPartReader, web

from desk.api.problems import Refused
from desk.deps import Desk
from domain.message import StoredFile

MAX_BYTES = 20_971_520
IN_MEMORY = 1_048_576


async def receive(request: web.Request, desk: Desk) -> StoredFile:
    """The multipart part ``file``, stored. Raises ``Refused`` 413, 415 or 422."""
    if not request.content_type.startswith("multipart/form-data"):
        raise Refused(415, "Send multipart/form-data with a part named file.")
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "file" and part.filename:
                return await _store(part, desk)
    except (ValueError, AssertionError) as error:
        raise Refused(400, "The multipart body could not be read.") from error
    raise Refused(422, errors=(("file", "missing"),))


async def _store(part: BodyPartReader, desk: Desk) -> StoredFile:
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
    name, media_type = desk.describe(part.filename or "", content)
    return StoredFile(blob=await desk.blobs.put(content), name=name, size=size, media_type=media_type)
