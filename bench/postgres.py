"""A PostgreSQL of the bench's own: durable as an operator's, in a temporary folder, on a free port."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.broker import free_port

_SUPERUSER_IS = 0


class Cluster:
    """``database`` makes a new one, empty or a copy of another that nobody is connected to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._made = 0

    def run(self, name: str, *words: str) -> None:
        """PostgreSQL refuses to run as root: then as the user that its package made."""
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        command = [str(found[0]) if found else name, *words]
        if os.geteuid() == _SUPERUSER_IS:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def control(self, *words: str) -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", *words)

    def database(self, template: str = "template1") -> str:
        """Its name."""
        self._made += 1
        name = f"bench{self._made}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "priyom", "-T", template, name)
        return name

    def url(self, name: str) -> str:
        return f"postgresql://priyom@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgres() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="priyom-bench-pg-") as folder:
        cluster = Cluster(Path(folder))
        if os.geteuid() == _SUPERUSER_IS:
            shutil.chown(folder, "postgres", "postgres")
        cluster.run("initdb", "-D", f"{folder}/data", "-U", "priyom", "--auth=trust", "-E", "UTF8", "--no-sync")
        where = f"-p {cluster.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        cluster.control("-l", f"{folder}/log", "-o", where, "start")
        try:
            yield cluster
        finally:
            cluster.control("-m", "immediate", "stop")
