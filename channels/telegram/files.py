"""The files of a message: fetched from Telegram and put into the blobs before the message is accepted.

Called by reception. What is over the limit, or cannot be had after some attempts, is left out and told of: a message is
never kept waiting for good by one of its files. Blobs that are away are another matter, and raise ``Unavailable``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from channels.support import describe
from channels.telegram.client import Client, retry_after
from domain.message import StoredFile
from domain.ports import Blobs

Why = Literal["too_large", "file_missing"]

PAUSES = (1.0, 3.0)
"""Seconds before a further attempt."""
_LONGEST_WAIT = 15.0
_SMALL_STICKER = 512 * 1024
_KINDS = ("document", "audio", "video", "voice", "video_note", "animation", "sticker")
_ENDINGS: Mapping[str, str] = {"voice": "ogg", "video_note": "mp4", "video": "mp4", "animation": "mp4", "audio": "mp3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``size`` 0: unknown."""

    id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    files: tuple[StoredFile, ...] = ()
    missing: tuple[tuple[str, Why], ...] = ()


class TooLarge(Exception):
    """Over the account's limit, or the Bot API's."""


def of(body: Mapping[str, Any], message: int) -> list[Wanted]:
    """What of a message can be fetched. An animation is told of as a document too: once is enough."""
    found: list[Wanted] = []
    photos = body.get("photo")
    sizes = [one for one in photos if isinstance(one, Mapping)] if isinstance(photos, list) else []
    if sizes:
        largest = max(sizes, key=lambda one: (_number(one, "width"), _number(one, "file_size")))
        found += _wanted(largest, f"photo-{message}.jpg")
    for kind in _KINDS:
        part = body.get(kind)
        if not isinstance(part, Mapping) or (kind == "document" and "animation" in body):
            continue
        if kind == "sticker":
            if 0 < _number(part, "file_size") <= _SMALL_STICKER:
                found += _wanted(part, f"sticker-{message}.{_sticker_ending(part)}")
            continue
        name = part.get("file_name")
        usual = f"{kind}-{message}.{_ENDINGS.get(kind, 'bin')}"
        found += _wanted(part, name if isinstance(name, str) and name.strip() else usual)
    return found


def _wanted(part: Mapping[str, Any], name: str) -> list[Wanted]:
    given = part.get("file_id")
    return [Wanted(id=given, name=name, size=_number(part, "file_size"))] if isinstance(given, str) and given else []


def _sticker_ending(part: Mapping[str, Any]) -> str:
    return "tgs" if part.get("is_animated") else "webm" if part.get("is_video") else "webp"


def _number(values: Mapping[str, Any], name: str) -> int:
    found = values.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


class Files:
    """Of one account."""

    def __init__(self, client: Client, blobs: Blobs, max_size: int, pauses: Sequence[float] = PAUSES) -> None:
        self._client = client
        self._blobs = blobs
        self._max_size = max_size
        self._pauses = pauses

    async def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """One after the other: a message's files together may be large. Raises ``Unavailable`` of the blobs."""
        files: list[StoredFile] = []
        missing: list[tuple[str, Why]] = []
        for one in wanted:
            try:
                content = await self._content(one)
            except TooLarge:
                missing.append((describe(one.name, b"")[0], "too_large"))
                continue
            except TelegramError:
                missing.append((describe(one.name, b"")[0], "file_missing"))
                continue
            name, media_type = describe(one.name, content)
            blob = await self._blobs.put(content)
            files.append(StoredFile(blob=blob, name=name, size=len(content), media_type=media_type))
        return Fetched(files=tuple(files), missing=tuple(missing))

    async def _content(self, wanted: Wanted) -> bytes:
        if wanted.size > self._max_size:
            raise TooLarge
        for pause in (*self._pauses, None):
            try:
                return await self._attempt(wanted)
            except (BadRequest, Forbidden, InvalidToken) as error:
                if "too big" in error.message:
                    raise TooLarge from error
                raise
            except TelegramError as error:
                if pause is None:
                    raise
                asked = retry_after(error) if isinstance(error, RetryAfter) else 0.0
                if asked > _LONGEST_WAIT:
                    raise
                await asyncio.sleep(max(pause, asked))
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, wanted: Wanted) -> bytes:
        file = await self._client.get_file(wanted.id)
        path = file.file_path or ""
        # A path on our own disk is what only a server of one's own in local mode names, or a dishonest one.
        if not path.startswith(f"{self._client.base_file_url}/"):
            raise BadRequest("no way to the file")
        if (file.file_size or 0) > self._max_size:
            raise TooLarge
        content = await self._client.request.retrieve(path)
        if len(content) > self._max_size:
            raise TooLarge
        return bytes(content)
