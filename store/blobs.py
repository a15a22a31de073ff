"""Content-addressed files with fsync, behind ``domain.ports.Blobs``.

A blob is written under a temporary name, fsynced, renamed to its key and its folder fsynced, so that a name never
stands for half a content. Folders are sixteen, by the key's first hex digit: a batch then syncs few of them, and a
million blobs are 62,000 names in each.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from domain.errors import NotFound, Unavailable
from domain.ids import BlobKey

_KEY = re.compile(r"^[0-9a-f]{64}$")
_WORKERS = 4
"""Fsyncs that are under way at once share journal commits of the file system."""


def key_of(content: bytes) -> BlobKey:
    return BlobKey(hashlib.sha256(content).hexdigest())


class FileBlobs:
    """Blobs in a folder. ``open`` makes what is missing and must be called once before use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="blobs")

    def open(self) -> None:
        with _storage_faults():
            for first in range(16):
                (self._root / f"{first:x}").mkdir(parents=True, exist_ok=True)
            (self._root / "incoming").mkdir(exist_ok=True)
            for left in (self._root / "incoming").iterdir():
                left.unlink(missing_ok=True)

    def close(self) -> None:
        self._threads.shutdown(wait=True)

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

    async def get(self, key: BlobKey) -> bytes:
        path = self._path(key)
        return await asyncio.get_running_loop().run_in_executor(self._threads, _read, path)

    async def erase(self, key: BlobKey) -> None:
        path = self._path(key)
        await asyncio.get_running_loop().run_in_executor(self._threads, _forget, path)

    def _path(self, key: str) -> Path:
        if not _KEY.match(key):
            raise NotFound("No such file", reason="not a blob key")
        return self._root / key[0] / key

    def _write(self, items: list[tuple[BlobKey, bytes]]) -> None:
        """Plain strings for paths: at hundreds of blobs a second pathlib's objects cost more than the system calls."""
        root = str(self._root)
        with _storage_faults():
            folders = set()
            for key, content in items:
                if not _KEY.match(key):
                    raise NotFound("No such file", reason="not a blob key")
                folder = f"{root}/{key[0]}"
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
                _sync_folder(folder)


def _write_durably(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound("No such file", reason="blob absent") from None
    except OSError as error:
        raise Unavailable("blobs", reason=f"blobs: {error.strerror}") from error


def _forget(path: Path) -> None:
    with _storage_faults():
        path.unlink(missing_ok=True)
        _sync_folder(str(path.parent))


@contextlib.contextmanager
def _storage_faults():  # type: ignore[no-untyped-def]
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "disk full" if full else (error.strerror or type(error).__name__)
        raise Unavailable("blobs", reason=f"blobs: {reason}") from error
