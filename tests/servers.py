"""Real servers for the tests: a nats-server and a PostgreSQL, each started once a run on a free port."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.broker import free_port, server_binary


@dataclass(slots=True)
class NatsServer:
    """A nats-server as an operator would run one: fsync on every publish. ``stop``/``start`` keep port and store."""

    folder: Path
    port: int
    monitor: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "nats.conf"
        config.write_text(
            f'host: 127.0.0.1\nport: {self.port}\nhttp: "127.0.0.1:{self.monitor}"\n'
            f'jetstream {{ store_dir: "{self.folder}/store", sync_interval: always }}\n'
        )
        self.process = subprocess.Popen(
            [server_binary(), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/healthz"):
                return
            time.sleep(0.05)
        raise RuntimeError("nats-server did not start")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None


@contextlib.contextmanager
def nats_server() -> Iterator[NatsServer]:
    with tempfile.TemporaryDirectory(prefix="priyom-nats-") as folder:
        server = NatsServer(Path(folder), free_port(), free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _bin(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(found[0]) if found else str(shutil.which(name))


class PostgresServer:
    """A PostgreSQL cluster in a temporary folder. ``stop`` and ``start`` keep its data; ``database`` makes a new one,
    empty or a copy of another."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = "" if durable else "-c fsync=off -c full_page_writes=off"

    def _command(self, *words: str) -> list[str]:
        """PostgreSQL refuses to run as root: then as the user that its package made."""
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words] if _is_root() else [*words]

    def init(self) -> None:
        if _is_root():
            shutil.chown(self.folder, "postgres", "postgres")
        words = (_bin("initdb"), "-D", f"{self.folder}/data", "-U", "priyom", "--auth=trust", "-E", "UTF8", "--no-sync")
        subprocess.run(self._command(*words), check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        where = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options = f"-p {self.port} {where} {self.settings}"
        words = (_bin("pg_ctl"), "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start")
        subprocess.run(self._command(*words), check=True, stdout=subprocess.DEVNULL, cwd="/")

    def stop(self, mode: str = "fast") -> None:
        words = (_bin("pg_ctl"), "-D", f"{self.folder}/data", "-w", "-m", mode, "stop")
        subprocess.run(self._command(*words), check=False, stdout=subprocess.DEVNULL, cwd="/")

    def database(self, template: str = "template1") -> str:
        """URL of a new database."""
        name = f"priyom_{secrets.token_hex(6)}"
        words = (_bin("createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "priyom", "-T", template, name)
        subprocess.run(self._command(*words), check=True, stdout=subprocess.DEVNULL, cwd="/")
        return f"postgresql://priyom@127.0.0.1:{self.port}/{name}"


def _is_root() -> bool:
    return os.geteuid() == 0


@contextlib.contextmanager
def postgres_server(*, durable: bool = True) -> Iterator[PostgresServer]:
    """``durable=False`` is for tests that never look at what survives a stop: it saves them minutes."""
    with tempfile.TemporaryDirectory(prefix="priyom-pg-") as folder:
        server = PostgresServer(Path(folder), durable=durable)
        server.init()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
