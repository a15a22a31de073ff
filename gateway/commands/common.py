"""What the commands share: opening an instance, telling errors in one sentence, exit codes.

Exit codes: 0 done, 1 failed, 2 usage or invalid input.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import structlog
import typer

from config.problems import PolicyInvalid, Problem
from domain.errors import Conflict, Fault, Invalid, NotFound, Permanent
from gateway import logs
from gateway import settings as settings_module
from gateway.process import first_fault
from gateway.settings import Settings
from gateway.system import SystemClock, UlidIds
from gateway.wiring import House, build
from store import Database

DataDir = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of an embedded instance (or PRIYOM_DATA_DIR).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

FAILED, INVALID = 1, 2


def say(text: str = "") -> None:
    typer.echo(text)


def say_json(value: Mapping[str, Any] | list[Any]) -> None:
    typer.echo(msgspec.json.encode(value).decode())


def fail(text: str, code: int = FAILED) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)


def show_problems(problems: Iterable[Problem]) -> None:
    """A line each, as compilers write them: file, line, key, what is wrong."""
    for p in problems:
        typer.echo(f"{p.file}:{p.line}: {p.key}: {p.message}" if p.key else f"{p.file}:{p.line}: {p.message}", err=True)


def load(**given: Any) -> Settings:
    """Settings, or exit 2 with each wrong one named."""
    try:
        return settings_module.load(**given)
    except Permanent as fault:
        fail(fault.public, INVALID)


def perform(work: Callable[[], Awaitable[None]]) -> None:
    """Runs a command's work; ends the process with one sentence where it fails."""

    async def run() -> None:
        await work()

    if not structlog.is_configured():
        logs.configure("warning", process="cli")
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(FAILED) from None
    except (Fault, ExceptionGroup) as error:
        fault = first_fault(error)
        if not isinstance(fault, Fault):
            raise
        if isinstance(fault, PolicyInvalid):
            show_problems(fault.problems)
            raise typer.Exit(INVALID) from None
        text = fault.public if isinstance(fault, (Permanent, Conflict, NotFound)) else fault.reason
        fail(text, INVALID if isinstance(fault, Invalid) else FAILED)


@asynccontextmanager
async def database_of(data: Path | None) -> AsyncIterator[Database]:
    """The instance's database, at this program's version. Works while the instance runs, and while it does not."""
    settings = load(data_dir=data)
    if settings.database_url is None and not (settings.data_dir / "priyom.db").exists():
        raise Permanent(f"{settings.data_dir}: there is no instance here (`priyom up` makes one)")
    database = Database(settings.database, ids=UlidIds(), clock=SystemClock())
    try:
        await database.check()
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def house_of(data: Path | None) -> AsyncIterator[House]:
    """The running instance: its bus, blobs and database."""
    house = build(load(data_dir=data), process="cli")
    await asyncio.to_thread(house.blobs.open)
    try:
        await house.bus.open(patience=5)
        await house.database.check()
        yield house
    finally:
        await house.bus.close()
        await house.database.close()
        house.blobs.close()


def is_terminal() -> bool:
    return sys.stdout.isatty()
