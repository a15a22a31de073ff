"""``priyom up``: the embedded instance. One command, and four processes under one supervisor: the nats-server, a front
process that always answers (pages, SMTP), and two that may be busy: one parses (normalizer), one works (router,
timekeeper).

The supervisor holds the data folder's lock and the listening sockets, starts again with back-off whatever ends by
itself, and on SIGTERM or SIGINT stops the front first, the bus last.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import aiohttp

from domain.errors import Permanent, Unavailable
from gateway import demo as demonstration
from gateway import logs
from gateway.broker import Broker, die_with_parent
from gateway.policies import apply, differs
from gateway.roles import FRONT, PARSE, WORK
from gateway.settings import Settings
from gateway.sockets import READY_VARIABLE, VARIABLE, bind
from gateway.system import SystemClock, UlidIds
from store import Database

log = logs.get()

_LOCK_MARGIN = 10.0
_READY_WITHIN = 60.0
_FIRST_BACKOFF = 0.2
_LONGEST_BACKOFF = 10.0
_STEADY_AFTER = 30.0

Say = Callable[[str], None]


def lock(folder: Path, patience: float) -> int:
    """The folder's lock as a file descriptor. ``patience``: seconds that the children of a killed instance may take to
    end."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    ends = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            running = bool(holder) and Path(f"/proc/{holder}").exists()
            if running or time.monotonic() > ends:
                os.close(handle)
                raise Permanent(
                    f"{folder}: this data folder is in use by another Priyom (process {holder or 'unknown'})"
                ) from None
            time.sleep(0.1)
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            os.set_inheritable(handle, True)
            return handle


class Child:
    """A process of roles under supervision."""

    def __init__(self, name: str, roles: tuple[str, ...], environment: Mapping[str, str], inherited: tuple[int, ...]):
        self.name = name
        self._roles = roles
        self._environment = environment
        self._inherited = inherited
        self.process: Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.process",
            *self._roles,
            env={**_inherited_environment(), **self._environment},
            pass_fds=self._inherited,
            preexec_fn=die_with_parent(),
            stdin=asyncio.subprocess.DEVNULL,
        )

    async def wait(self) -> int:
        return await self.process.wait() if self.process else 0

    async def stop(self, grace: float) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace + 5):
                await self.process.wait()
        except TimeoutError:
            log.error("child.killed", child=self.name)
            self.process.kill()
            await self.process.wait()


def _inherited_environment() -> dict[str, str]:
    """Ours, less the address for operations: the front process serves them with its pages, for both."""
    return {name: value for name, value in os.environ.items() if name != "PRIYOM_OPS"}


class Supervisor:
    """``policy``: documents to begin with (and to compare with, where ``given``). ``say`` prints for the operator."""

    def __init__(self, settings: Settings, documents: Mapping[str, str], *, given: bool, demo: bool, say: Say) -> None:
        self._settings = settings
        self._documents = documents
        self._given = given
        self._demo = demo
        self._say = say
        self._run = settings.data_dir / "run"
        self._children: list[Child] = []
        self._stopping = False

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises ``Permanent`` with one sentence for what keeps it from starting."""
        handle = await asyncio.to_thread(lock, self._settings.data_dir, self._settings.grace + _LOCK_MARGIN)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, handle)
            listening = self._bind(stack)
            await asyncio.to_thread(self._clean)
            broker = Broker(self._settings.data_dir / "bus", handle)
            await broker.start()
            try:
                await self._serve(broker, listening, handle)
            finally:
                self._stopping = True
                for child in self._children:
                    await child.stop(self._settings.grace)
                await broker.stop()
                await asyncio.to_thread(self._forget)

    def _bind(self, stack: contextlib.ExitStack) -> dict[str, socket.socket]:
        wanted = {"http": self._settings.http, "smtp": self._settings.smtp, "lmtp": self._settings.lmtp}
        found = {}
        for name, address in wanted.items():
            if address is not None:
                found[name] = bind(name, address)
                stack.callback(found[name].close)
        return found

    def _clean(self) -> None:
        self._forget()
        self._run.mkdir(parents=True)
        (self._run / "metrics").mkdir()

    def _forget(self) -> None:
        shutil.rmtree(self._run, ignore_errors=True)
        (self._settings.data_dir / "endpoints.json").unlink(missing_ok=True)

    async def _serve(self, broker: Broker, listening: Mapping[str, socket.socket], handle: int) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        url_file = self._run / "nats.url"
        url_file.touch(mode=0o600)
        url_file.write_text(broker.url, encoding="ascii")
        async with self._database() as database:
            await self._prepare(database)
        self._children = self._processes(listening, handle)
        for child in self._children:
            await child.start()
        watching = [asyncio.create_task(self._keep(child.name, child.wait, child.start)) for child in self._children]
        watching.append(asyncio.create_task(self._keep("nats-server", broker.wait, broker.start)))
        watching.append(asyncio.create_task(broker.watch()))
        try:
            endpoints = self._endpoints(broker, listening)
            if await self._all_ready(endpoints["http"], stop):
                await self._announce(endpoints)
            await stop.wait()
        finally:
            self._stopping = True
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _database(self) -> AsyncIterator[Database]:
        database = Database(self._settings.database, ids=UlidIds(), clock=SystemClock())
        try:
            yield database
        finally:
            await database.close()

    async def _prepare(self, database: Database) -> None:
        """Migrations, and the first revision of the policy; a folder that differs from the head changes nothing."""
        await database.upgrade()
        number = await database.revisions.head_number()
        head = await database.revisions.get(number)
        if head is None:
            comment = "the policy the instance began with"
            await apply(database, None, self._documents, author="up", comment=comment, clock=SystemClock())
        elif self._given and (changed := differs(self._documents, head)):
            self._say(
                f"policy    revision {number} runs; the folder differs in {', '.join(changed)}. "
                "Nothing was changed: `priyom policy apply DIR` makes it the next revision"
            )
        if self._demo:
            await demonstration.add_people(database, UlidIds(), SystemClock())

    def _processes(self, listening: Mapping[str, socket.socket], handle: int) -> list[Child]:
        environment = {
            **self._overrides(),
            "PRIYOM_DATA_DIR": str(self._settings.data_dir.absolute()),
            READY_VARIABLE: str((self._run).absolute()),
            "PROMETHEUS_MULTIPROC_DIR": str((self._run / "metrics").absolute()),
        }
        handed = {name: s.fileno() for name, s in listening.items()}
        front = {**environment, VARIABLE: json.dumps(handed)}
        return [
            Child("front", FRONT, front, (handle, *handed.values())),
            Child("parse", PARSE, environment, (handle,)),
            Child("work", WORK, environment, (handle,)),
        ]

    def _overrides(self) -> dict[str, str]:
        """Settings that came from the command line, for the children's environment."""
        named = {"PRIYOM_HTTP": self._settings.http, "PRIYOM_SMTP": self._settings.smtp}
        if self._settings.lmtp is not None:
            named["PRIYOM_LMTP"] = self._settings.lmtp
        return {**named, "PRIYOM_LOG_LEVEL": self._settings.log_level}

    async def _keep(self, name: str, wait: Callable[[], object], start: Callable[[], object]) -> None:
        """Starts again what ends by itself; the pause grows while it ends soon after each start."""
        pause = _FIRST_BACKOFF
        while True:
            began = time.monotonic()
            code = await wait()  # type: ignore[misc]
            if self._stopping:
                return
            if time.monotonic() - began > _STEADY_AFTER:
                pause = _FIRST_BACKOFF
            log.error("child.ended", child=name, code=code, again_in_s=round(pause, 1))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_BACKOFF)
            try:
                await start()  # type: ignore[misc]
            except Unavailable as error:
                log.error("child.not_started", child=name, reason=error.reason)

    def _endpoints(self, broker: Broker, listening: Mapping[str, socket.socket]) -> dict[str, str]:
        found = {}
        for name, sock in listening.items():
            host, port = sock.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            found[name] = f"http://{shown}:{port}" if name == "http" else f"{shown}:{port}"
        return {**found, "nats": broker.url}

    async def _all_ready(self, url: str, stop: asyncio.Event) -> bool:
        """Whether everything serves; False when told to stop meanwhile."""
        ends = time.monotonic() + _READY_WITHIN
        behind = [self._run / "-".join(names) for names in (PARSE, WORK)]
        why = "nothing answered"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while not stop.is_set():
                try:
                    async with session.get(f"{url}/health/ready") as answer:
                        why = await answer.text()
                        if answer.status == 200 and all(path.exists() for path in behind):
                            return True
                except (aiohttp.ClientError, TimeoutError):
                    pass
                if time.monotonic() > ends:
                    raise Permanent(f"Not ready within {_READY_WITHIN:.0f} s: {why}")
                await asyncio.sleep(0.05)
        return False

    async def _announce(self, endpoints: Mapping[str, str]) -> None:
        path = self._settings.data_dir / "endpoints.json"
        await asyncio.to_thread(path.touch, mode=0o600)
        await asyncio.to_thread(path.write_text, json.dumps(endpoints) + "\n", encoding="utf-8")
        self._say(f"desk      {endpoints['http']}/desk")
        self._say(f"form      {endpoints['http']}/form/default")
        for name in ("smtp", "lmtp"):
            if name in endpoints:
                self._say(f"{name}      {endpoints[name]}")
        self._say(f"data      {self._settings.data_dir.absolute()}")
        if self._demo:
            async with self._database() as database:
                link = await demonstration.sign_in_link(database, endpoints["http"], SystemClock())
            self._say(f"sign in   {link}")
            await demonstration.send_samples(self._settings.data_dir, endpoints["smtp"])
        self._say("ready")
