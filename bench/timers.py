"""Thousands of timers that come due in one second, on SQLite and on PostgreSQL: how late each fires, how long until
everything has followed from them, and that each did so exactly once.

``python -m bench.timers [--timers 10000] [--write]``: tickets of the corpus, decided by the sample policy with a plan
that runs around the clock; the due times of their first responses spread evenly over one second; the timekeeper's own
loop in processes of its own, two of them against each other on PostgreSQL. The bus is left out.
"""

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import bindparam, delete, func, select, update

from bench.history import AGENTS, BATCH, messages
from bench.intake import percentile
from bench.keeper import Fixed, around_the_clock
from bench.postgres import postgres
from bench.report import write_section
from config.loader import SAMPLE, load_folder
from gateway.policies import apply
from gateway.system import SystemClock, UlidIds
from router.service import Router
from store import Database
from store.save import clocks, facts_, firings, segments, timers_

_LEAD_S = 20.0
"""Enough for the timekeepers to have started."""
_WITHIN_S = 900.0
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Seconds. ``late``: of each timer, from its due time to the commit that fired it; sorted. ``settled``: from the
    second's beginning until everything had followed; ``shares``: how many each timekeeper fired."""

    name: str
    late: Sequence[float]
    calls: int
    settled: float
    shares: Sequence[int]


async def fill(url: str, count: int) -> None:
    """Makes the store, with tickets that were opened a moment ago."""
    clock, ids, policy = SystemClock(), UlidIds(), around_the_clock()
    database = Database(url, ids=ids, clock=clock)
    try:
        await database.upgrade()
        await apply(database, None, load_folder(SAMPLE), author="bench", comment="", clock=clock)
        lines = sorted(policy.lines)
        for agent in range(AGENTS):
            await database.accounts.add_agent(
                email=f"agent{agent}@example.org", name=f"Agent {agent}", lines=[lines[agent % len(lines)]], admin=False
            )
        router = Router(database.store, Fixed(policy), clock, ids, b"0" * 32)
        mails = messages(count)
        for at in range(0, count, BATCH):
            now = clock.now()
            await router.route([replace(each, received_at=now) for each in mails[at : at + BATCH]])
    finally:
        await database.close()


async def spread(database: Database, begins: datetime) -> int:
    """Moves the clocks of first responses back, as if they had warned already and were due within one second, and takes
    all other timers away; returns how many there are."""
    ours = clocks.c.target == "first_response"
    async with database.engines.write.begin() as connection:
        kept = (timers_.c.share == 100) & timers_.c.clock_id.in_(select(clocks.c.id).where(ours))
        await connection.execute(delete(timers_).where(~kept))
        found = list(await connection.execute(select(clocks).where(ours).order_by(clocks.c.id)))
        step = timedelta(seconds=1) / len(found)
        moves = []
        for number, row in enumerate(found):
            due = begins + step * number
            begun = due - timedelta(seconds=row.goal_s)
            moves.append({"which": row.id, "due": due, "begun": begun, "told": [50, 80]})
        which: Any = bindparam("which")
        due_at: Any = bindparam("due")
        begun_at: Any = bindparam("begun")
        moved = {"started_at": begun_at, "due_at": due_at, "fired": bindparam("told")}
        await connection.execute(update(clocks).where(clocks.c.id == which).values(**moved), moves)
        await connection.execute(update(segments).where(segments.c.clock_id == which).values(start=begun_at), moves)
        await connection.execute(update(timers_).where(timers_.c.clock_id == which).values(at=due_at), moves)
    return len(found)


async def left(database: Database, until: datetime) -> int:
    """Timers of that second, and firings that nothing has followed from yet."""
    async with database.engines.read.connect() as connection:
        waiting = (await connection.execute(select(func.count()).where(timers_.c.at <= until))).scalar_one()
        return int(waiting + (await connection.execute(select(func.count()).select_from(firings))).scalar_one())


async def breaches(database: Database) -> tuple[int, int]:
    """How many were told of, and of how many tickets."""
    query = select(facts_.c.number).where(facts_.c.fact == "ticket.sla_breached")
    async with database.engines.read.connect() as connection:
        told = [row.number for row in await connection.execute(query)]
    return len(told), len(set(told))


def keeper(url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.keeper", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> Mapping[str, Any]:
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    told: Mapping[str, Any] = json.loads(process.stdout.read())
    return told


async def measured(name: str, url: str, keepers: int) -> Run:
    """The store at ``url`` is filled."""
    database = Database(url, ids=UlidIds(), clock=SystemClock())
    with ExitStack() as stack:
        trying = time.monotonic()
        await spread(database, datetime.now(UTC) + timedelta(days=1))
        lead = timedelta(seconds=_LEAD_S + 2 * (time.monotonic() - trying))  # it is to be done once more
        begins = datetime.now(UTC).replace(microsecond=0) + lead
        count = await spread(database, begins)
        processes = [stack.enter_context(keeper(url)) for _ in range(keepers)]
        try:
            for process in processes:
                assert process.stdout is not None
                process.stdout.readline()
            if datetime.now(UTC) >= begins:
                raise SystemExit(f"{name}: the timekeepers were not ready in {lead.total_seconds():.0f} s")
            settled = await _settled(database, begins)
        finally:
            told = [ended(process) for process in processes]
        result = await breaches(database)
        await database.close()
    if result != (count, count):
        raise SystemExit(f"{name}: {count} timers, but {result[0]} breaches of {result[1]} tickets were told")
    failed = sum(bad for each in told for _, _, bad in each["followed"])
    if failed:
        raise SystemExit(f"{name}: {failed} tickets on which not everything could be done")
    fired = sorted(tuple(call) for each in told for call in each["fired"])
    return Run(
        name=name,
        late=_late(fired, begins, count),
        calls=len(fired),
        settled=settled,
        shares=[sum(taken for _, _, taken in each["fired"]) for each in told],
    )


async def _settled(database: Database, begins: datetime) -> float:
    ends = time.time() + _WITHIN_S
    last = begins + timedelta(seconds=1)
    await asyncio.sleep(max((last - datetime.now(UTC)).total_seconds(), 0.0))
    while await left(database, last):
        if time.time() > ends:
            raise SystemExit(f"not everything had followed within {_WITHIN_S:.0f} s")
        await asyncio.sleep(_LOOK_S)
    return time.time() - begins.timestamp()


def _late(fired: Sequence[Sequence[float]], begins: datetime, count: int) -> Sequence[float]:
    """The earliest timers go to the call that began first: they are taken in the order of their due times."""
    late: list[float] = []
    for _, committed, taken in fired:
        dues = (begins.timestamp() + (len(late) + number) / count for number in range(int(taken)))
        late += [committed - due for due in dues]
    return sorted(late)


def report(runs: Sequence[Run]) -> str:
    rows = [
        f"| {run.name} | {len(run.late):,} | {' + '.join(f'{share:,}' for share in run.shares)} | {run.calls} "
        f"| {statistics.median(run.late) * 1000:.0f} ms | {percentile(run.late, 0.99):.0f} ms "
        f"| {run.late[-1] * 1000:.0f} ms | {run.settled:.1f} s |"
        for run in runs
    ]
    return "\n".join(
        (
            "Due within one and the same second; lateness is from a timer's own due time to the commit of its firing. "
            "Each breach was told once.",
            "",
            "| store | timers | fired by | transactions | late p50 | p99 | max | all has followed |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
        )
    )


def main(
    timers: Annotated[int, typer.Option(help="Timers, each of a ticket of its own.")] = 10_000,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/benchmarks.md.")] = False,
) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and the servers with it
    runs = []
    with tempfile.TemporaryDirectory(prefix="priyom-bench-") as folder, postgres() as cluster:
        sqlite = f"sqlite:///{folder}/priyom.db"
        asyncio.run(fill(sqlite, timers))
        runs.append(asyncio.run(measured("SQLite", sqlite, 1)))
        print(runs[-1].name, f"{runs[-1].late[-1]:.3f} s, {runs[-1].settled:.1f} s", flush=True)
        filled = cluster.database()
        asyncio.run(fill(cluster.url(filled), timers))
        for name, keepers in (("PostgreSQL", 1), ("PostgreSQL, two timekeepers", 2)):
            runs.append(asyncio.run(measured(name, cluster.url(cluster.database(filled)), keepers)))
            print(runs[-1].name, f"{runs[-1].late[-1]:.3f} s, {runs[-1].settled:.1f} s", flush=True)
    text = report(runs)
    print(text)
    if write:
        write_section("timers", f"python -m bench.timers --timers {timers}", text)


if __name__ == "__main__":
    typer.run(main)
