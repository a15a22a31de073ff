"""Many contents in one file, durable for one sync a batch. ``store.blobs`` keeps by it what is small and comes once.

A pack is a file that one process appends batches to until it is full; then it is sealed. Nobody goes on with the pack
of another process, or of an earlier start. There is no index: the key of a content says where it lies, and is given
out only after the sync behind it. So what a crash leaves half-written at a pack's end is nobody's, and never read.

| a record's head | what follows            |
|-----------------|-------------------------|
| KEPT            | the content             |
| GONE            | zeros: it was erased    |
| DONE            | nothing: sealed         |

A batch begins on a block of its own: a block that holds durable bytes is never written again, but to erase them.
"""

import contextlib
import hashlib
import os
import re
import struct
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import NotFound
from domain.ids import BlobKey

PACKED_UP_TO = 256 * 1024
"""Bytes of the largest content that is packed: at this size a file of its own still costs twice as much."""

_FULL = 16 * 1024 * 1024
"""Bytes at which a pack is sealed. Its space is free again only when all of it is erased, so it is not endless."""

_BLOCK = 4096
_BUFFERS = 1024
"""Most buffers of one ``pwritev`` (IOV_MAX)."""

_HEAD = struct.Struct(">4sI32s")
_KEPT, _GONE, _DONE = b"KEPT", b"GONE", b"DONE"
_NUMBER = "(0|[1-9][0-9]{0,8})"
_KEY = re.compile(f"pack-([0-9a-f]{{32}})-{_NUMBER}-{_NUMBER}-([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a packed content lies: ``pack-<pack>-<offset>-<length>-<sha256>``."""

    pack: str
    offset: int
    length: int
    sha256: str

    @property
    def key(self) -> BlobKey:
        return BlobKey(f"pack-{self.pack}-{self.offset}-{self.length}-{self.sha256}")

    @property
    def head(self) -> bytes:
        return _HEAD.pack(_KEPT, self.length, bytes.fromhex(self.sha256))


def place_of(key: str) -> Place | None:
    """None for what is no key of a packed content."""
    found = _KEY.fullmatch(key)
    return Place(found[1], int(found[2]), int(found[3]), found[4]) if found else None


class Packs:
    """Packs in a folder. Called from threads; an ``OSError`` is the caller's to translate."""

    def __init__(self, folder: Path, *, full: int = _FULL) -> None:
        self._folder = folder
        self._full = full
        self._idle: deque[_Pack] = deque()

    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def write(self, contents: Mapping[BlobKey, bytes]) -> dict[BlobKey, BlobKey]:
        """Durable on return. Contents and answers by SHA-256. A batch has its pack for itself while it writes: two at
        once fill two, so that a sync answers for nobody else's bytes. A pack that failed once is not written again."""
        try:
            pack = self._idle.pop()
        except IndexError:
            pack = _Pack(self._folder)
        try:
            places = pack.append(contents)
        except OSError:
            pack.give_up()
            raise
        if pack.size < self._full:
            self._idle.append(pack)
        else:
            pack.close()
        return {BlobKey(place.sha256): place.key for place in places}

    def read(self, place: Place) -> bytes:
        """Raises ``NotFound`` for what is erased, too, and for bytes that are not those of the key."""
        try:
            handle = os.open(self._folder / place.pack, os.O_RDONLY)
        except FileNotFoundError:
            raise NotFound("No such file", reason="pack absent") from None
        try:
            record = os.pread(handle, _HEAD.size + place.length, place.offset)
        finally:
            os.close(handle)
        if record[: _HEAD.size] != place.head:
            raise NotFound("No such file", reason="blob absent")
        content = record[_HEAD.size :]
        if hashlib.sha256(content).hexdigest() != place.sha256:
            raise NotFound("No such file", reason="blob damaged")
        return content

    def erase(self, place: Place) -> None:
        """Zeros over hash and content, durable on return. What was cut off is made whole by erasing again. The last
        one of a sealed pack takes the file with it."""
        path = self._folder / place.pack
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            gone = _HEAD.pack(_GONE, place.length, b"")
            if os.pread(handle, _HEAD.size, place.offset) not in (place.head, gone):
                return
            _write(handle, [gone, bytes(place.length)], place.offset)
            os.fsync(handle)
            _remove_if_empty(handle, path)
        finally:
            os.close(handle)


class _Pack:
    """A pack that is being filled, by one batch at a time."""

    def __init__(self, folder: Path) -> None:
        self._name = uuid.uuid4().hex
        self._path = folder / self._name
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        try:
            sync_folder(str(folder))
        except OSError:
            self.give_up()
            raise

    def append(self, contents: Mapping[BlobKey, bytes]) -> Sequence[Place]:
        start = end = _next_block(self.size)
        places: list[Place] = []
        buffers: list[bytes] = []
        for key, content in contents.items():
            place = Place(self._name, end, len(content), key)
            places.append(place)
            buffers += (place.head, content)
            end += _HEAD.size + len(content)
        _write(self._handle, buffers, start)
        os.fdatasync(self._handle)
        self.size = end
        return places

    def close(self) -> None:
        """Seals. One that could not be sealed is only never removed."""
        with contextlib.suppress(OSError):
            _write(self._handle, [_HEAD.pack(_DONE, 0, b"")], _next_block(self.size))
            os.fdatasync(self._handle)
            _remove_if_empty(self._handle, self._path)
        os.close(self._handle)

    def give_up(self) -> None:
        """After a fault: what it held before stays, what was being written goes, and no empty files gather on a full
        disk."""
        with contextlib.suppress(OSError):
            if self.size == 0:
                self._path.unlink()
            os.ftruncate(self._handle, self.size)
        self.close()


def _next_block(offset: int) -> int:
    return -(-offset // _BLOCK) * _BLOCK


def _write(handle: int, buffers: Sequence[bytes], offset: int) -> None:
    for first in range(0, len(buffers), _BUFFERS):
        some = buffers[first : first + _BUFFERS]
        end = offset + sum(map(len, some))
        offset += os.pwritev(handle, some, offset)
        if offset < end:
            view = memoryview(b"".join(some))[offset - end :]
            while view:
                written = os.pwrite(handle, view, offset)
                view, offset = view[written:], offset + written


def _remove_if_empty(handle: int, path: Path) -> None:
    """Removes a pack that is sealed and has only erased records. One that is not sealed may still be written to."""
    offset = 0
    while True:
        kind, length = _record(handle, offset)
        if kind == _DONE:
            break
        if kind == _GONE:
            offset += _HEAD.size + length
        elif kind != _KEPT and offset % _BLOCK:
            offset = _next_block(offset)
        else:
            return
    path.unlink(missing_ok=True)
    sync_folder(str(path.parent))


def _record(handle: int, offset: int) -> tuple[bytes, int]:
    head = os.pread(handle, _HEAD.size, offset)
    if len(head) < _HEAD.size:
        return b"", 0
    kind, length, _ = _HEAD.unpack(head)
    return kind, length


def sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
