"""A real ``priyom up`` in a folder of its own: started, killed, started again, and asked what became of each mail."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from store.packs import Packs, place_of
from tests.journey.system import PRIYOM, System, children_of, kill, until

Part = Literal["front", "parse", "work", "nats"]
_MARKS: Mapping[Part, str] = {
    "front": "gateway.process web smtp imap telegram",
    "parse": "gateway.process normalizer",
    "work": "gateway.process router timekeeper",
    "nats": "nats-server",
}


class Instance(System):
    """``start`` returns once it said "ready"; the ports of the first start are kept by later ones."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = (PRIYOM,),
        data: Path | None = None,
    ) -> None:
        self.folder = folder
        self._program = program
        self.data = data or folder / "data"
        own = {name: value for name, value in os.environ.items() if not name.startswith("PRIYOM_")}
        self.environment = {**own, "PRIYOM_DATA_DIR": str(self.data), **(settings or {})}
        self._arguments = arguments
        self._starts = 0
        self._endpoints: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoints(self) -> Mapping[str, str]:
        return self._endpoints

    @property
    def smtp(self) -> tuple[str, int]:
        return self._place("smtp")

    @property
    def lmtp(self) -> tuple[str, int]:
        return self._place("lmtp")

    def _place(self, name: str) -> tuple[str, int]:
        host, _, port = self._endpoints[name].rpartition(":")
        return host, int(port)

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the command and does not wait."""
        self._starts += 1
        words = [*self._program, "up", "--data", str(self.data)]
        for name in ("http", "smtp", "lmtp"):
            place = self._endpoints.get(name, "127.0.0.1:0").removeprefix("http://")
            words += [f"--{name}", place]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log("out").open("wb") as out, self._log("log").open("wb") as log:
            self.process = subprocess.Popen([*words, *self._arguments], env=self.environment, stdout=out, stderr=log)
        return self.process

    def start(self) -> None:
        process = self.launch()
        until("ready is said", lambda: process.poll() is not None or "\nready" in "\n" + self.printed())
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}:\n{self.logs()}")
        self._endpoints = json.loads((self.data / "endpoints.json").read_text(encoding="utf-8"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tells it to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(90)
        self.process = None
        return code

    def kill_whole(self) -> None:
        """kill -9 of the supervisor and everything under it, at once: the supervisor is held still meanwhile."""
        assert self.process is not None
        kill(self.process.pid, signal.SIGSTOP)
        for pid in children_of(self.process.pid):
            kill(pid)
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def part(self, name: Part) -> int:
        """The process id of one of the supervisor's children."""
        assert self.process is not None
        found = self._part(name)
        assert found, (name, children_of(self.process.pid))
        return found

    def _part(self, name: Part) -> int | None:
        assert self.process is not None
        marked = [pid for pid, line in children_of(self.process.pid).items() if _MARKS[name] in line]
        return min(marked) if marked else None

    def kill_part(self, name: Part) -> None:
        """kill -9 of one child; returns once the supervisor has started another."""
        old = self.part(name)
        kill(old)
        self.is_again(name, old)

    def is_again(self, name: Part, old: int) -> None:
        """Returns once the supervisor has started another than the ``old`` one."""
        until(f"{name} is started again", lambda: self._part(name) not in (None, old))

    def hold_part(self, name: Part) -> None:
        """The child stands still: its connections stay open and nothing answers."""
        kill(self.part(name), signal.SIGSTOP)

    def release_part(self, name: Part) -> None:
        kill(self.part(name), signal.SIGCONT)

    def rows(self, query: str) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/priyom.db?mode=ro", uri=True, timeout=20)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query)]

    def blob(self, key: str) -> bytes:
        place = place_of(key)
        if place is not None:
            return Packs(self.data / "blobs" / "packs").read(place)
        found = list((self.data / "blobs").rglob(key))
        assert len(found) == 1, (key, found)
        return found[0].read_bytes()

    def spooled(self) -> list[Path]:
        return sorted((self.data / "spool").glob("*/*.envelope"))

    def printed(self) -> str:
        return self._log("out").read_text(encoding="utf-8", errors="replace")

    def log(self) -> str:
        """The latest start's log lines."""
        return self._log("log").read_text(encoding="utf-8", errors="replace")

    def logs(self) -> str:
        quiet = ("message.accepted", "message.settled")
        lines = [line for line in self.log().splitlines() if not any(word in line for word in quiet)]
        return self.printed() + "\n".join(lines[-60:])

    def _log(self, kind: str) -> Path:
        return self.folder / f"start-{self._starts}.{kind}"


@contextlib.contextmanager
def instance(
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    program: Sequence[str] = (PRIYOM,),
    data: Path | None = None,
) -> Iterator[Instance]:
    """Started, and stopped at the end; its log is shown where the test fails. ``data``: a folder of the caller's."""
    folder = Path(tempfile.mkdtemp(prefix="priyom-journey-"))
    running = Instance(folder, *arguments, settings=settings, program=program, data=data)
    try:
        running.start()
        yield running
        if running.process is not None:
            assert running.stop() == 0, running.logs()
    except BaseException:
        print(running.logs())  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        if running.process is not None:
            running.kill_whole()
        shutil.rmtree(folder, ignore_errors=True)
