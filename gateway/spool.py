"""The local spool: accepted envelopes while the bus cannot take them, one fsynced file each, forwarded in order.

Used only where the folder is on storage that survives the process (the embedded default; a cluster opts in for a
persistent volume). A file is named by its place in the order and its envelope; it is written under a temporary name,
fsynced, renamed, and its folder fsynced, before the peer hears "received".
"""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.errors import Permanent, Temporary, Unavailable
from gateway import logs, metrics

log = logs.get()

_SUFFIX = ".envelope"
_REFUSED = ".refused"
Forward = Callable[[str, str, bytes], Awaitable[None]]
"""(subject, envelope id, payload): returns when the bus has it; raises ``Unavailable`` while it cannot."""


class Spool:
    """``open`` finds what an earlier run left. ``busy`` while anything waits: new envelopes queue behind it."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._bytes = 0
        self._count = 0
        self._places = itertools.count()
        self._filled = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def busy(self) -> bool:
        return self._count > 0

    @property
    def count(self) -> int:
        return self._count

    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("*.part"):
            left.unlink()
        waiting = self._waiting()
        self._count = len(waiting)
        self._bytes = sum(path.stat().st_size for path in waiting)
        last = int(waiting[-1].name.split(".")[0]) if waiting else 0
        self._places = itertools.count(last + 1)
        self._tell()

    def _waiting(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def _tell(self) -> None:
        metrics.SPOOLED.set(self._count)
        if self._count:
            self._filled.set()

    async def append(self, subject: str, envelope: str, payload: bytes) -> None:
        """Returns when the payload is durable. Raises ``Unavailable`` when the spool is full or its disk fails."""
        async with self._writing:
            if self._bytes + len(payload) > self._limit:
                raise Unavailable("bus", reason="bus: away, and the spool is full")
            name = f"{next(self._places):016d}.{envelope}.{subject}{_SUFFIX}"
            try:
                await asyncio.to_thread(self._write, name, payload)
            except OSError as error:
                raise Unavailable("bus", reason=f"bus: away, and the spool failed: {error.strerror}") from error
            self._count += 1
            self._bytes += len(payload)
            self._tell()

    def _write(self, name: str, payload: bytes) -> None:
        part = self._folder / f"{name}.part"
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                view = memoryview(payload)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            part.rename(self._folder / name)
            self._sync()
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    async def drain(self, forward: Forward, stop: asyncio.Event) -> None:
        """Forwards what waits, oldest first, for as long as the process lives."""
        while not stop.is_set():
            waiting = await asyncio.to_thread(self._waiting)
            if not waiting:
                self._filled.clear()
                if self._count == 0:
                    await _either(self._filled, stop)
                continue
            try:
                for path in waiting:
                    await self._forward(path, forward)
                    if stop.is_set():
                        return
            except Temporary:
                await _either(stop, timeout=0.5)

    async def _forward(self, path: Path, forward: Forward) -> None:
        _, envelope, subject = path.name.removesuffix(_SUFFIX).split(".", 2)
        payload = await asyncio.to_thread(path.read_bytes)
        try:
            await forward(subject, envelope, payload)
        except Permanent as error:
            log.error("spool.refused", envelope=envelope, reason=error.reason)
            await asyncio.to_thread(path.rename, path.with_suffix(_REFUSED))
        else:
            await asyncio.to_thread(path.unlink)
        self._count -= 1
        self._bytes -= len(payload)
        self._tell()


async def _either(*events: asyncio.Event, timeout: float | None = None) -> None:
    """Until one of the events is set or the time is up."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def spooled_in(folder: Path) -> dict[str, int]:
    """How many accepted envelopes lie below a folder of spools, by channel: those that wait, and those that the bus
    refused for good (``*.refused``). For the ledger, which counts both as accepted and in flight."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.suffix in (_SUFFIX, _REFUSED):
            channel = path.name.removesuffix(path.suffix).rpartition(".")[2]
            found[channel] = found.get(channel, 0) + 1
    return found
