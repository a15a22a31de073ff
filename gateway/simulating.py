"""Past messages through a candidate policy and through the running one, over all cores; and every recorded decision
made again. Called by ``priyom policy simulate`` and ``verify``. Reads the store and changes nothing.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from config.loader import compile_policy
from config.problems import PolicyInvalid
from domain.policy import Policy
from domain.views import Past
from gateway.system import SystemClock, UlidIds
from router.simulate import Changed, Compared, Staffing, changes, compare, differing, replayed
from router.steps.assign import automatic
from store import Database

CHUNK = 1_000
"""Decisions read at once. As many and fewer are not worth processes of their own."""
_AHEAD = 4
"""Chunks a process that are handed out before their results are taken."""

Progress = Callable[[int, int], None]
"""Called with how many are done, of how many."""
Documents = Mapping[str, str]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True, kw_only=True)
class Load:
    """New tickets of a line: in all, and by hour of the day in the report's zone; each as [now, then]."""

    total: list[int] = field(default_factory=lambda: [0, 0])
    hours: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(24)])

    @property
    def growth(self) -> float:
        """0.25: a quarter more than now; 1 where there was nothing."""
        now, then = self.total
        return (then - now) / now if now else float(then > 0)


@dataclass(slots=True, kw_only=True)
class Report:
    """``messages`` that were looked at, ``tickets`` that the running policy makes of them; ``fields``: how often each
    differs; ``zone`` of the hours."""

    zone: str
    messages: int = 0
    tickets: int = 0
    changed: list[Changed] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)
    load: dict[str, Load] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Of the messages, those for which something changes."""
        return len(self.changed) / self.messages if self.messages else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A decision that its own inputs do not give again. ``why`` names the first step that differs."""

    number: int
    revision: int
    decided_at: datetime
    why: str


async def simulate(
    database: Database,
    url: str,
    policies: tuple[Documents, Documents],
    since: datetime,
    until: datetime | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """``url`` is the database's, for processes of their own; ``policies``: running and candidate.

    Raises ``PolicyInvalid`` where either does not compile."""
    running, candidate = (compile_policy(documents, number) for number, documents in enumerate(policies))
    workers = await database.views.workers(automatic(running) | automatic(candidate))
    names = {worker.id: worker.name for worker in workers}
    staffing = Staffing(running, workers), Staffing(candidate, workers)
    report = Report(zone=running.calendars[running.plans[running.default_plan].calendar].zone)
    zone = ZoneInfo(report.zone)
    keys = await database.views.past_keys(since, until)
    async for compared in _in_chunks(database, url, keys, since, partial(_Comparing, policies)):
        for each in compared:
            _count(report, each, zone)
        for change in changes(compared, staffing, names):
            report.changed.append(change)
            report.fields.update(change.fields.keys())
        progress(report.messages, len(keys))
    return report


async def verify(
    database: Database,
    url: str,
    since: datetime,
    until: datetime | None = None,
    progress: Progress = lambda _done, _of: None,
) -> tuple[int, Sequence[Mismatch]]:
    """How many decisions were made again, and those that came out otherwise."""
    revisions: dict[int, Documents] = {}
    for number in range(1, await database.revisions.head_number() + 1):
        found = await database.revisions.get(number)
        if found is not None:
            revisions[number] = found.documents
    keys = await database.views.past_keys(since, until)
    count, mismatches = 0, list[Mismatch]()
    async for chunk in _in_chunks(database, url, keys, since, partial(_Verifying, revisions)):
        for wrong in chunk:
            count += 1
            mismatches += [wrong] if wrong is not None else []
        progress(count, len(keys))
    return count, mismatches


def _count(report: Report, compared: Compared, zone: ZoneInfo) -> None:
    report.messages += 1
    report.tickets += compared.now.is_ticket
    hour = compared.at.astimezone(zone).hour
    for side, outcome in enumerate((compared.now, compared.then)):
        if outcome.is_ticket:
            load = report.load.setdefault(outcome.line, Load())
            load.total[side] += 1
            load.hours[hour][side] += 1


class _Work(Protocol[T_co]):
    """What is done with each past decision, in whichever process."""

    def __call__(self, past: Past) -> T_co: ...


class _Comparing:
    def __init__(self, policies: tuple[Documents, Documents]) -> None:
        self._running, self._candidate = (compile_policy(each, number) for number, each in enumerate(policies))

    def __call__(self, past: Past) -> Compared:
        return compare(past, self._running, self._candidate)


class _Verifying:
    """Revisions are compiled as they are met."""

    def __init__(self, revisions: Mapping[int, Documents]) -> None:
        self._revisions = revisions
        self._compiled: dict[int, Policy | None] = {}

    def __call__(self, past: Past) -> Mismatch | None:
        decision = past.decision
        policy = self._policy(decision.revision)
        why = differing(decision, replayed(past, policy)) if policy else "its revision is gone or does not compile"
        if not why:
            return None
        return Mismatch(number=past.number, revision=decision.revision, decided_at=decision.decided_at, why=why)

    def _policy(self, number: int) -> Policy | None:
        if number not in self._compiled:
            documents = self._revisions.get(number)
            try:
                self._compiled[number] = None if documents is None else compile_policy(documents, number)
            except PolicyInvalid:
                self._compiled[number] = None
        return self._compiled[number]


async def _in_chunks(
    database: Database, url: str, keys: Sequence[str], since: datetime, make: Callable[[], _Work[T]]
) -> AsyncIterator[Sequence[T]]:
    """The results in the keys' order: few of them worked out here, many in processes."""
    chunks = [(keys[at], keys[min(at + CHUNK, len(keys)) - 1]) for at in range(0, len(keys), CHUNK)]
    if len(chunks) <= 1:
        work = make()
        for first, last in chunks:
            yield [work(past) for past in await database.views.past(first, last, since)]
        return
    processes = min(os.cpu_count() or 1, len(chunks))
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_open, initargs=(url, since, make)
    ) as pool:
        waiting: list[Future[Sequence[T]]] = []
        for first, last in chunks:
            waiting.append(pool.submit(_done, first, last))
            if len(waiting) > processes * _AHEAD:
                yield await asyncio.wrap_future(waiting.pop(0))
        for future in waiting:
            yield await asyncio.wrap_future(future)


class _Process:
    """A process's own database, loop and work."""

    def __init__(self, url: str, since: datetime, make: Callable[[], _Work[object]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = Database(url, ids=UlidIds(), clock=SystemClock())
        self.since = since
        self.work = make()


_opened: list[_Process] = []
"""In a process of the pool, its one."""


def _open(url: str, since: datetime, make: Callable[[], _Work[object]]) -> None:
    _opened.append(_Process(url, since, make))


def _done(first: str, last: str) -> Any:
    mine = _opened[0]
    rows = mine.loop.run_until_complete(mine.database.views.past(first, last, mine.since))
    return [mine.work(past) for past in rows]
