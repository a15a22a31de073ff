"""``priyom policy simulate`` and ``verify`` over a store with a past, as an operator runs them: start of the program,
reading and printing included.

``python -m bench.simulate [--messages N] [--write]``: SQLite, a candidate that changes a rule, a line and a goal.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.history import fill
from bench.report import write_section
from config.loader import SAMPLE

_PRIYOM = str(Path(sys.executable).with_name("priyom"))
_CHANGES = (
    ("policy.yaml", "medium: {high: p2, medium: p3, low: p3}", "medium: {high: p1, medium: p3, low: p3}"),
    (
        "plans.yaml",
        "first_response: {p1: 4h, p2: 4h, p3: 4h, p4: 8h}",
        "first_response: {p1: 2h, p2: 4h, p3: 4h, p4: 8h}",
    ),
)


def candidate(folder: Path) -> Path:
    shutil.copytree(SAMPLE, folder)
    for file, old, new in _CHANGES:
        text = (folder / file).read_text(encoding="utf-8")
        if old not in text:
            raise SystemExit(f"{file}: the sample has changed, and the bench's candidate must too")
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def timed(*words: str) -> tuple[float, str]:
    """Seconds, and the first two lines of what was said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRIYOM_")}
    began = time.perf_counter()
    done = subprocess.run([_PRIYOM, "policy", *words], capture_output=True, text=True, env=environment, check=True)
    return time.perf_counter() - began, " / ".join(done.stdout.splitlines()[:2])


def main(
    messages: Annotated[int, typer.Option(help="Past messages.")] = 100_000,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/benchmarks.md.")] = False,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        asyncio.run(fill(f"sqlite:///{folder}/priyom.db", messages))
        print(f"{messages:,} mails decided and stored in {time.perf_counter() - began:.0f} s", flush=True)
        since = ("--since", "2020-01-01", "--data", name)
        rows = ["| command | messages | seconds | messages a second |", "|---|---|---|---|"]
        for words in (("simulate", str(candidate(folder / "candidate")), *since), ("verify", *since)):
            seconds, said = timed(*words)
            print(f"{words[0]}: {seconds:.1f} s: {said}", flush=True)
            rows.append(f"| `policy {words[0]}` | {messages:,} | {seconds:.1f} | {messages / seconds:,.0f} |")
    text = "\n".join(rows)
    print(text)
    if write:
        write_section("simulate", f"python -m bench.simulate --messages {messages}", text)


if __name__ == "__main__":
    typer.run(main)
