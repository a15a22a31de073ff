"""The embedded bus: a real nats-server as a supervised child, bound to loopback, with an fsync on every publish.

Called by gateway.supervisor. The server dies with its parent (PR_SET_PDEATHSIG), is started again with back-off when it
ends by itself, and keeps its port over restarts, so that clients find it again.
"""

import asyncio
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import sysconfig
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import aiohttp

from domain.errors import Permanent, Unavailable
from gateway import logs

log = logs.get()

_PR_SET_PDEATHSIG = 1
_MAX_PAYLOAD = 8 * 1024 * 1024
_READY_WITHIN = 20.0
_LOOK_EVERY = 1.0
_DISK_FULL = b"no space left on device"
DISK_ROOM = 8 * 1024 * 1024
"""Bytes free below which the disk of the data folder counts as full."""


def die_with_parent() -> Callable[[], None]:
    """A ``preexec_fn``: the child gets SIGTERM when its parent is gone, however the parent went. Linux only; elsewhere
    an orphan is refused by the data folder's lock."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:
        return lambda: None
    parent = os.getpid()

    def apply() -> None:
        os.setpgrp()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return apply


def server_binary() -> str:
    """The nats-server that came with the installation, or the one on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise Permanent("nats-server is not installed: run `make setup`")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """``folder`` is the bus's own: configuration, streams, log. The server keeps no lock on it, so it inherits ours
    (``lock``, a file descriptor): as long as it lives, nobody else starts one on the same folder."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._port = free_port()
        self._monitor = free_port()
        self._password = secrets.token_hex(16)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"nats://priyom:{self._password}@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _configure(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps
        lines = (
            "host: 127.0.0.1",
            f"port: {self._port}",
            f"http: 127.0.0.1:{self._monitor}",
            "server_name: priyom",
            f"max_payload: {_MAX_PAYLOAD}",
            f"authorization {{ user: priyom, password: {text(self._password)} }}",
            f"jetstream {{ store_dir: {text(str(self._folder / 'store'))}, sync_interval: always, "
            "max_file_store: 1TB, max_memory_store: 256MB }",
            f"log_file: {text(str(self._folder / 'nats.log'))}",
            "logfile_size_limit: 10MB",
        )
        path = self._folder / "nats.conf"
        path.touch(mode=0o600, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    async def start(self) -> None:
        """Returns once the server answers. Raises ``Unavailable`` with the server's own last words."""
        self._process = await asyncio.create_subprocess_exec(
            server_binary(),
            "-c",
            str(await asyncio.to_thread(self._configure)),
            preexec_fn=die_with_parent(),
            pass_fds=(self._lock,),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._ready()

    async def _ready(self) -> None:
        url = f"http://127.0.0.1:{self._monitor}/healthz"
        ends = asyncio.get_running_loop().time() + _READY_WITHIN
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
            while asyncio.get_running_loop().time() < ends:
                if self._process is None or self._process.returncode is not None:
                    break
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.02)
        raise Unavailable("bus", reason=f"nats-server did not start: {await asyncio.to_thread(self._last_words)}")

    async def watch(self) -> None:
        """A stream that met a full disk takes nothing any more, also when there is room again, until its server is
        started anew. So the server is told to end once there is room; whoever waits for its end starts it again."""
        met = False
        read = await asyncio.to_thread(self._log_size)
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            read, found = await asyncio.to_thread(self._met_full_disk, read)
            met = met or found
            if met and await asyncio.to_thread(has_room, self._folder):
                log.error("bus.restarting", reason="its disk was full and has room again")
                met = False
                await self.stop()

    def _log_size(self) -> int:
        try:
            return (self._folder / "nats.log").stat().st_size
        except OSError:
            return 0

    def _met_full_disk(self, read: int) -> tuple[int, bool]:
        """How far the server's log is read now, and whether what is new in it tells of a full disk. A log that is
        shorter than what was read is another one."""
        try:
            with (self._folder / "nats.log").open("rb") as file:
                file.seek(read if read <= self._log_size() else 0)
                found = _DISK_FULL in file.read()
                return file.tell(), found
        except OSError:
            return read, False

    def _last_words(self) -> str:
        try:
            return (self._folder / "nats.log").read_text(encoding="utf-8", errors="replace")[-400:].strip()
        except OSError:
            return "it left no log"

    async def wait(self) -> int:
        """Until the server ends; its exit code."""
        if self._process is None:
            return 0
        return await self._process.wait()

    async def stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def has_room(folder: Path) -> bool:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= DISK_ROOM
