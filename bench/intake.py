"""From SMTP to an assigned ticket: sustained rate and latency of a whole embedded instance, checked against its ledger,
beside an aiosmtpd that throws everything away.

``python -m bench.intake [--mails N] [--write]``: every role on this machine, the client too. ``--write`` puts the
figures into docs/benchmarks.md.
"""

import json
import os
import pickle
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.corpus import RECIPIENT, Mail, generate
from bench.load import stuffed
from bench.report import write_section

_PRIYOM = str(Path(sys.executable).with_name("priyom"))
_DRAIN_WITHIN = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``rate``: mails a second from the first byte to the last commit; ``smtp``: seconds from the
    offer to the answer; ``assigned``: from acceptance to the fact on the bus, after the commit. Both sorted."""

    name: str
    mails: int
    rate: float
    accept_rate: float
    smtp: Sequence[float]
    assigned: Sequence[float]


_AGENTS = 6
_LINES = ("first", "second", "third")


def _staff(folder: Path) -> None:
    """Agents who can have all of it: a department that is short of them alarms about every ticket, and that is more
    work."""
    for number in range(_AGENTS):
        email = f"agent{number}@example.org"
        lines = [word for line in _LINES for word in ("--line", line)]
        here = ("--data", str(folder))
        for words in (
            ("agent", "add", email, "--name", f"Agent {number}", *lines, *here),
            ("agent", "set", email, "--capacity", "10000", *here),
        ):
            done = subprocess.run([_PRIYOM, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join(words)}: {done.stderr}")


@contextmanager
def instance(folder: Path) -> Iterator[dict[str, str]]:
    environment = {**os.environ, "PRIYOM_LOG_LEVEL": "warning", "PRIYOM_SMTP_RATE_PER_PEER": "10000000"}
    command = [_PRIYOM, "up", "--data", str(folder), "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise SystemExit("the instance did not start")
        try:
            _staff(folder)
            yield json.loads((folder / "endpoints.json").read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextmanager
def discarding() -> Iterator[str]:
    """A discard-only aiosmtpd in a process of its own, on uvloop like ours."""
    with subprocess.Popen([sys.executable, "-m", "bench.discard"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def load(address: str, mails: Sequence[Mail], *, rate: float = 0.0, connections: int = 20) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        file.write(pickle.dumps([(m.sender, RECIPIENT, stuffed(m.raw)) for m in mails]))
        file.flush()
        command = [sys.executable, "-m", "bench.load", address, "--mails", file.name]
        command += ["--connections", str(connections), "--rate", str(rate)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(name: str, mails: Sequence[Mail], *, rate: float = 0.0) -> Run:
    with tempfile.TemporaryDirectory(prefix="priyom-bench-") as folder:
        data = Path(folder)
        with instance(data) as endpoints:
            load(endpoints["smtp"], list(generate(200, seed=999)), connections=8)  # warm
            _drained(data, 200)
            with watching(endpoints["nats"]) as seen:
                result = load(endpoints["smtp"], mails, rate=rate)
                _drained(data, 200 + len(mails))
                time.sleep(1)
            check = subprocess.run([_PRIYOM, "ledger", "--json", "--data", folder], check=True, stdout=subprocess.PIPE)
            books = json.loads(check.stdout)
            accepted = result["accepted"] + 200
            if not books["balanced"] or books["total"]["accepted"] != accepted:
                raise SystemExit(f"{name}: {accepted} mails were answered 250, the ledger says {books}")
        received = _received(data)
    if len(seen) != len(mails):
        raise SystemExit(f"{name}: {len(mails)} mails, {len(seen)} tickets were seen on the bus")
    return Run(
        name=name,
        mails=len(mails),
        rate=len(mails) / (max(seen.values()) - result["started"]),
        accept_rate=len(mails) / (result["ended"] - result["started"]),
        smtp=sorted(result["latencies"]),
        assigned=sorted(at - received[envelope] for envelope, at in seen.items()),
    )


@contextmanager
def watching(url: str) -> Iterator[dict[str, float]]:
    """Filled when left: envelope id -> when ``ticket.assigned`` was on the bus, after the commit."""
    seen: dict[str, float] = {}
    command = [sys.executable, "-m", "bench.watch", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield seen
        process.terminate()
        seen.update(json.loads(process.stdout.read()))


def _drained(data: Path, count: int) -> None:
    """Waits, reading the database beside the instance, until every mail has its line in the ledger."""
    ends = time.monotonic() + _DRAIN_WITHIN
    with sqlite3.connect(f"file:{data}/priyom.db?mode=ro", uri=True) as database:
        while time.monotonic() < ends:
            if database.execute("SELECT sum(value) FROM counters WHERE channel = 'email'").fetchone()[0] == count:
                return
            time.sleep(0.05)
    raise SystemExit(f"{count} mails were not all settled within {_DRAIN_WITHIN:.0f} s")


def _received(data: Path) -> dict[str, float]:
    """Envelope id -> when it was accepted, epoch seconds."""
    with sqlite3.connect(f"file:{data}/priyom.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT envelope_id, at FROM messages")
        return {envelope: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for envelope, at in rows}


def percentile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] * 1000


def main(
    mails: Annotated[int, typer.Option(help="Mails of each run.")] = 3000,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/benchmarks.md.")] = False,
) -> None:
    corpora = {"mixed": list(generate(mails)), "text only": list(generate(mails, seed=2, text_only=True))}
    lines = [
        "| corpus | mean size | discard-only aiosmtpd | accepted | sustained to the last commit | of discard-only |",
        "|---|---|---|---|---|---|",
    ]
    for name, corpus in corpora.items():
        with discarding() as address:
            base = load(address, corpus)
        floor = len(corpus) / (base["ended"] - base["started"])
        run = measure(name, corpus)
        size = statistics.mean(len(m.raw) for m in corpus) / 1024
        lines.append(
            f"| {name} | {size:.1f} KB | {floor:,.0f}/s | {run.accept_rate:,.0f}/s | {run.rate:,.0f}/s "
            f"| {run.rate / floor:.0%} |"
        )
        print(lines[-1], flush=True)
    offered = measure("offered", corpora["mixed"][: min(mails, 2000)], rate=100)
    lines += [
        "",
        "| offered, mixed | SMTP answer p50 | p99 | accepted to assigned p50 | p95 | p99 |",
        "|---|---|---|---|---|---|",
        f"| 100/s | {percentile(offered.smtp, 0.5):.1f} ms | {percentile(offered.smtp, 0.99):.1f} ms "
        f"| {percentile(offered.assigned, 0.5):.1f} ms | {percentile(offered.assigned, 0.95):.1f} ms "
        f"| {percentile(offered.assigned, 0.99):.1f} ms |",
    ]
    text = "\n".join(lines)
    print(text)
    if write:
        write_section("intake", f"python -m bench.intake --mails {mails}", text)


if __name__ == "__main__":
    typer.run(main)
