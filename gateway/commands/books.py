"""``priyom ledger``, ``priyom trace``, ``priyom quarantine``."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from domain.views import LedgerRow, Scope
from gateway import ledger as ledger_module
from gateway.commands.common import FAILED, AsJson, DataDir, database_of, house_of, is_terminal, perform, say, say_json
from gateway.releases import BusReleases
from gateway.tracing import trace as trace_envelope
from gateway.wiring import spool_folder

quarantine = typer.Typer(help="Messages that made no ticket, and why.", no_args_is_help=True)

_ALL = Scope(reader="cli", lines=None, admin=True)


def ledger(data: DataDir = None, json: AsJson = False) -> None:
    """Add up the books: accepted = ticketed + appended + duplicate + suppressed + quarantined + in flight.

    Exit code 1 if they do not add up.
    """
    balanced = True

    async def work() -> None:
        nonlocal balanced
        async with house_of(data) as house:
            read = await ledger_module.read(house.bus, house.database, spool_folder(house.settings))
        balanced = read.balanced
        if json:
            channels = {row.channel: _sums(row) for row in read.rows}
            say_json({"total": _sums(read.total), "channels": channels, "balanced": read.balanced})
            return
        table = Table(box=None, header_style="bold")
        names = ("accepted", *ledger_module.OUTCOMES)
        table.add_column("channel")
        for name in names:
            table.add_column(name.replace("_", " "), justify="right")
        for row in (*read.rows, read.total):
            table.add_row(row.channel, *(f"{getattr(row, name):,}" for name in names))
        Console(width=None if is_terminal() else 120).print(table)
        say("balanced" if read.balanced else "NOT BALANCED")

    perform(work)
    if not balanced:
        raise typer.Exit(FAILED)


def _sums(row: LedgerRow) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name != "channel"}


def trace(
    message: Annotated[str, typer.Argument(metavar="ID", help="Envelope id: SMTP's answer, a receipt, a log line.")],
    data: DataDir = None,
    json: AsJson = False,
) -> None:
    """Show the way of one message: each stage with its time and outcome."""

    async def work() -> None:
        async with house_of(data) as house:
            steps = await trace_envelope(house, message)
        if json:
            say_json({"envelope": message, "steps": [asdict(step) for step in steps]})
            return
        for step in steps:
            at = step.at.isoformat(timespec="milliseconds") if step.at else "-"
            detail = "  ".join(f"{name}={value}" for name, value in step.detail.items())
            say(f"{step.stage:12} {at:32} {step.outcome:12} {detail}")

    perform(work)


@quarantine.command("list")
def list_held(
    outcome: Annotated[str | None, typer.Option(help="quarantined or suppressed; default: both.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    data: DataDir = None,
    json: AsJson = False,
) -> None:
    """List what made no ticket, newest first."""

    async def work() -> None:
        async with database_of(data) as database:
            rows = await database.views.held(_ALL, outcome=outcome, limit=limit)
        if json:
            say_json({"items": [asdict(row) for row in rows]})
            return
        for row in rows:
            released = "  released" if row.released_at else ""
            at = row.at.isoformat(timespec="seconds")
            say(f"{row.id}  {at}  {row.outcome}  {row.channel}  {row.reason}{released}")

    perform(work)


@quarantine.command("show")
def show(
    held: Annotated[str, typer.Argument(metavar="ID", help="As `priyom quarantine list` names it.")],
    data: DataDir = None,
) -> None:
    """Show one of them with all that is known."""

    async def work() -> None:
        async with database_of(data) as database:
            say_json(asdict(await database.views.held_one(_ALL, held)))

    perform(work)


@quarantine.command("release")
def release(
    held: Annotated[str, typer.Argument(metavar="ID", help="As `priyom quarantine list` names it.")],
    data: DataDir = None,
) -> None:
    """Send one through again, and make it a ticket this time."""

    async def work() -> None:
        async with house_of(data) as house:
            releases = BusReleases(house.database, house.bus, house.blobs, house.clock, house.ids)
            envelope = await releases.release(held, by="cli")
        say(f"released; `priyom trace {envelope}` follows it")

    perform(work)
