"""Priyom on many machines, on one: PostgreSQL, a nats-server of its own, each role a process as the Procfile says."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from gateway.broker import free_port
from tests.journey.system import PRIYOM, ROOT, System, await_here, kill, until
from tests.servers import NatsServer, PostgresServer


def procfile(program: Sequence[str] = (PRIYOM,)) -> dict[str, list[str]]:
    """Role -> words of its command. ``program`` stands for ``priyom``."""
    found = {}
    for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines():
        name, _, command = line.partition(":")
        if name.strip() and command.strip():
            first, *words = shlex.split(command)
            assert first.endswith("/priyom"), line
            found[name.strip()] = [*program, *words]
    return found


class Cluster(System):
    """``roles`` of the Procfile by name; a second process of one is ``name.2``. ``own``: name -> what its environment
    has besides."""

    def __init__(
        self,
        folder: Path,
        nats: NatsServer,
        postgres: PostgresServer,
        settings: Mapping[str, str] | None = None,
        *,
        program: Sequence[str] = (PRIYOM,),
        own: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.folder = folder
        self.nats = nats
        self.postgres = postgres
        self._commands = procfile(program)
        self.own = dict(own or {})
        self._http, self._smtp = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRIYOM_")}
        self.environment = {
            **kept,
            "PRIYOM_DATABASE_URL": postgres.database(),
            "PRIYOM_NATS_URL": nats.url,
            "PRIYOM_BLOBS_DIR": str(folder / "blobs"),
            "PRIYOM_SECRET": "a secret of the journeys, long enough",
            "PRIYOM_HTTP": f"127.0.0.1:{self._http}",
            "PRIYOM_SMTP": f"127.0.0.1:{self._smtp}",
            **(settings or {}),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._starts: dict[str, int] = {}

    @property
    def endpoints(self) -> Mapping[str, str]:
        return {"http": f"http://127.0.0.1:{self._http}", "smtp": f"127.0.0.1:{self._smtp}", "nats": self.nats.url}

    @property
    def smtp(self) -> tuple[str, int]:
        return "127.0.0.1", self._smtp

    def prepare(self) -> None:
        self.told("db", "upgrade")
        self.told("policy", "apply")

    def launch(self, name: str) -> None:
        self._starts[name] = self._starts.get(name, 0) + 1
        command, environment = self._commands[name.partition(".")[0]], {**self.environment, **self.own.get(name, {})}
        with self._log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, cwd="/", stdout=log, stderr=log)

    def start(self, *names: str) -> None:
        """Returns once all of them serve."""
        for name in names:
            self.launch(name)
        for name in names:
            until(f"{name} is started", lambda name=name: self._serves(name))

    def _serves(self, name: str) -> bool:
        if self.processes[name].poll() is not None:
            raise AssertionError(f"{name} ended:\n{self._log(name).read_text(encoding='utf-8')[-4000:]}")
        if '"process.started"' not in self._log(name).read_text(encoding="utf-8"):
            return False
        port = {"web": self._http, "smtp": self._smtp}.get(name)
        if port is None:
            return True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        return False

    def stop(self, name: str, number: int = signal.SIGTERM) -> int:
        """Tells one process; its exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(60)

    def stop_all(self) -> dict[str, int]:
        names = list(self.processes)
        for name in names:
            self.processes[name].send_signal(signal.SIGTERM)
        return {name: self.processes.pop(name).wait(60) for name in names}

    def rows(self, query: str) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.environment["PRIYOM_DATABASE_URL"], timeout=10)
            try:
                return [dict(row) for row in await connection.fetch(query)]
            finally:
                await connection.close()

        return await_here(read)

    def log(self, name: str) -> str:
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def logs(self) -> str:
        quiet = ("message.accepted", "message.settled")
        told = []
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            told += [f"== {path.name}", *[line for line in lines if not any(word in line for word in quiet)][-25:]]
        return "\n".join(told)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}-{self._starts[name]}.log"


@contextlib.contextmanager
def cluster(
    nats: NatsServer,
    postgres: PostgresServer,
    extra: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    *,
    program: Sequence[str] = (PRIYOM,),
    own: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Cluster]:
    """Every role of the Procfile once, and the ``extra`` ones. The bus's streams are emptied before."""
    folder = Path(tempfile.mkdtemp(prefix="priyom-cluster-"))
    running = Cluster(folder, nats, postgres, settings, program=program, own=own)
    try:
        await_here(lambda: _forget_streams(nats.url))
        running.prepare()
        running.start(*procfile(), *extra)
        yield running
        codes = running.stop_all()
        assert set(codes.values()) == {0}, codes
    except BaseException:
        print(running.logs())  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        for process in running.processes.values():
            kill(process.pid)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


async def _forget_streams(url: str) -> None:
    import nats

    client = await nats.connect(url)
    stream = client.jetstream()
    async with asyncio.timeout(30):
        for info in await stream.streams_info():
            await stream.delete_stream(info.config.name)
    await client.close()
