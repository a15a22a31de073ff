"""What a journey asks of a running Priyom, however it is composed: its commands, its API, its books, its database."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")

ROOT = Path(__file__).parents[2]
PRIYOM = str(Path(sys.executable).with_name("priyom"))
OUTCOMES = ("ticketed", "appended", "duplicate", "suppressed", "quarantined", "in_flight")
PATIENCE = 90.0
"""Seconds: only ever spent in full by a test that fails."""


def until(what: str, look: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.05) -> Any:
    """The first true answer of ``look``; fails with ``what`` was waited for and the last answer."""
    ends = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {within:.0f} s: {what} (last: {found!r})")
        time.sleep(every)


def await_here(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs a coroutine to its end in a loop of its own, whatever loop the test runner keeps."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append((True, asyncio.run(work())))
        except BaseException as error:
            answers.append((False, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    done, value = answers[0]
    if not done:
        raise value
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class System:
    """``environment`` is what its processes and its commands run with. Subclasses say where it listens and how its
    database is read."""

    environment: dict[str, str]
    _token: str | None = None

    @property
    def endpoints(self) -> Mapping[str, str]:
        raise NotImplementedError

    def rows(self, query: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    def logs(self) -> str:
        raise NotImplementedError

    # -- commands

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``priyom WORDS`` against this system; whatever its exit code."""
        return subprocess.run(
            [PRIYOM, *words], env=self.environment, cwd="/", capture_output=True, text=True, timeout=120, check=False
        )

    def told(self, *words: str) -> str:
        """What a command printed that must have succeeded."""
        done = self.command(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def ledger(self) -> dict[str, Any]:
        done = self.command("ledger", "--json")
        assert done.stdout, done.stderr
        read: dict[str, Any] = json.loads(done.stdout)
        return read

    # -- HTTP

    def request(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> Answer:
        """``body`` that is no bytes goes as JSON."""
        sent = dict(headers or {})
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if token:
            sent["Authorization"] = f"Bearer {self.token}"
        asked = urllib.request.Request(self.endpoints["http"] + path, data=data, headers=sent, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        assert answer.status == 200, answer
        return answer.json()

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = self.told("token", "create", "--name", f"journey-{os.urandom(4).hex()}", "--scope", "admin")
        return self._token

    def ticket(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/tickets/T-{number:06d}?explain=1")
        return found

    # -- what became of messages

    def settled(self) -> dict[str, dict[str, Any]]:
        """Ledger lines by envelope."""
        return {row["envelope_id"]: row for row in self.rows("SELECT envelope_id, outcome, reason, number FROM ledger")}

    def outcome(self, envelope: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The ledger line of an envelope, once it has one."""
        line: dict[str, Any] = until(f"{envelope} is settled", lambda: self.settled().get(envelope), within=within)
        return line

    def wait_settled(self, envelopes: Iterable[str], *, within: float = PATIENCE) -> None:
        """Until each of these has its outcome."""
        wanted = set(envelopes)
        until("everything acknowledged is settled", lambda: wanted <= self.settled().keys(), within=within, every=0.2)

    def quiet_ledger(self, *, within: float = PATIENCE) -> dict[str, Any]:
        """The ledger once nothing is in flight; it must add up by then."""
        ends = time.monotonic() + within
        while True:
            read = self.ledger()
            if (read["total"]["in_flight"] == 0 and read["balanced"]) or time.monotonic() > ends:
                assert read["balanced"], read
                assert read["total"]["in_flight"] == 0, read
                assert read["total"]["accepted"] == sum(read["total"][name] for name in OUTCOMES), read
                return read
            time.sleep(0.5)

    def envelope_of(self, reply: bytes | str) -> str:
        """The envelope that SMTP's 250 names."""
        text = reply if isinstance(reply, str) else reply.decode()
        found = re.search(r"Accepted as ([0-9A-Z]{26})", text)
        assert found, text
        return found[1]


def children_of(pid: int) -> dict[int, str]:
    """Every living descendant of a process: pid -> command line."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found: dict[int, str] = {}
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        for child in level:
            try:
                found[child] = (Path("/proc") / str(child) / "cmdline").read_text().replace("\0", " ").strip()
            except OSError:
                continue
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
