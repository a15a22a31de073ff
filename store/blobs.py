"""Files with fsync, behind ``domain.ports.Blobs``.

A content-addressed blob is written under a temporary name, fsynced, renamed to its key and its folder fsynced, so that
a name never stands for half a content. Folders are sixteen, by the key's first hex digit: a batch then syncs few of
them, and a million blobs are 62,000 names in each. What is small and comes once lies in ``packs`` (``store.packs``).
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from domain.errors import NotFound, Unavailable
from domain.ids import BlobKey
from store.packs import PACKED_UP_TO, Packs, place_of, sync_folder

_KEY = re.compile("[0-9a-f]{64}")
_T = TypeVar("_T")
_R = TypeVar("_R")
_WORKERS = 4
"""Fsyncs that are under way at once share journal commits of the file system."""


def key_of(content: bytes) -> BlobKey:
    return BlobKey(hashlib.sha256(content).hexdigest())


class FileBlobs:
    """Blobs in a folder. ``open`` makes what is missing and must be called once before use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packs = Packs(root / "packs")
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="blobs")

    def open(self) -> None:
        with _storage_faults():
            for first in range(16):
                (self._root / f"{first:x}").mkdir(parents=True, exist_ok=True)
            (self._root / "incoming").mkdir(exist_ok=True)
            for left in (self._root / "incoming").iterdir():
                left.unlink(missing_ok=True)
            self._packs.open()

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._packs.close()

    async def put(self, content: bytes) -> BlobKey:
        key = key_of(content)
        await self.put_many({key: content})
        return key

    async def put_many(self, contents: Mapping[BlobKey, bytes]) -> None:
        if not contents:
            return
        items = list(contents.items())
        shares = [items[start::_WORKERS] for start in range(min(_WORKERS, len(items)))]
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, self._write, share) for share in shares))

    async def pack(self, contents: Mapping[BlobKey, bytes]) -> Mapping[BlobKey, BlobKey]:
        small = {key: content for key, content in contents.items() if len(content) <= PACKED_UP_TO}
        large = {key: content for key, content in contents.items() if key not in small}
        packed, _ = await asyncio.gather(self._in_thread(self._pack, small), self.put_many(large))
        return {**packed, **{key: key for key in large}}

    async def get(self, key: BlobKey) -> bytes:
        place = place_of(key)
        if place is not None:
            return await self._in_thread(self._packs.read, place)
        return await self._in_thread(_read, self._path(key))

    async def erase(self, key: BlobKey) -> None:
        place = place_of(key)
        if place is not None:
            await self._in_thread(self._packs.erase, place)
        else:
            await self._in_thread(_forget, self._path(key))

    async def _in_thread(self, work: Callable[[_T], _R], given: _T) -> _R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _translated, work, given)

    def _path(self, key: str) -> Path:
        return self._root / _checked(key)[0] / key

    def _pack(self, contents: Mapping[BlobKey, bytes]) -> Mapping[BlobKey, BlobKey]:
        for key in contents:
            _checked(key)
        return self._packs.write(contents) if contents else {}

    def _write(self, items: list[tuple[BlobKey, bytes]]) -> None:
        """Plain strings for paths: at hundreds of blobs a second pathlib's objects cost more than the system calls."""
        root = str(self._root)
        with _storage_faults():
            folders = set()
            for key, content in items:
                folder = f"{root}/{_checked(key)[0]}"
                folders.add(folder)
                if os.path.exists(f"{folder}/{key}"):
                    continue
                incoming = f"{root}/incoming/{uuid.uuid4().hex}"
                try:
                    _write_durably(incoming, content)
                    os.rename(incoming, f"{folder}/{key}")
                except OSError:
                    Path(incoming).unlink(missing_ok=True)
                    raise
            for folder in folders:
                sync_folder(folder)


def _write_durably(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise NotFound("No such file", reason="not a blob key")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound("No such file", reason="blob absent") from None


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(str(path.parent))


def _translated(work: Callable[[_T], _R], given: _T) -> _R:
    with _storage_faults():
        return work(given)


@contextlib.contextmanager
def _storage_faults():  # type: ignore[no-untyped-def]
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "disk full" if full else (error.strerror or type(error).__name__)
        raise Unavailable("blobs", reason=f"blobs: {reason}") from error
