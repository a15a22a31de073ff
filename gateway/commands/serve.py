"""``priyom up``, ``priyom run``, ``priyom db``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from config.loader import SAMPLE, compile_policy, load_folder
from config.problems import PolicyInvalid
from domain.errors import Fault, Permanent
from gateway import accounts, logs, process
from gateway.commands.common import FAILED, INVALID, DataDir, fail, load, perform, say, show_problems
from gateway.roles import ROLES
from gateway.supervisor import Supervisor
from gateway.system import SystemClock, UlidIds
from gateway.wiring import CHANNELS
from store import Database

db = typer.Typer(help="The database's version.", no_args_is_help=True)


def up(
    data: DataDir = None,
    policy: Annotated[Path | None, typer.Option(help="Folder of policy files; default: the sample.")] = None,
    http: Annotated[str | None, typer.Option(help="HOST:PORT of pages, forms and API; port 0 picks one.")] = None,
    smtp: Annotated[str | None, typer.Option(help="HOST:PORT of SMTP; port 0 picks one.")] = None,
    lmtp: Annotated[str | None, typer.Option(help="HOST:PORT of LMTP; none by default.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Add sample people and a few sample messages.")] = False,
) -> None:
    """Run everything here: SQLite, a nats-server of its own, and every role.

    Prints where each thing listens and, once everything serves, a line that begins with "ready". Ctrl-C stops it.
    DATA/endpoints.json holds the addresses while it runs.
    """
    settings = load(data_dir=data, http=http, smtp=smtp, lmtp=lmtp)
    if settings.nats_url is not None:
        fail("PRIYOM_NATS_URL is set: `priyom up` runs a bus of its own; `priyom run` uses yours", INVALID)
    logs.configure(settings.log_level, process="supervisor")
    try:
        accounts.check(settings.channels, CHANNELS)
    except Permanent as fault:
        fail(fault.reason, INVALID)
    try:
        documents = load_folder(policy or SAMPLE)
        compile_policy(documents, 1)
    except PolicyInvalid as error:
        show_problems(error.problems)
        raise typer.Exit(INVALID) from None
    supervisor = Supervisor(settings, documents, given=policy is not None, demo=demo, say=_say_now)
    perform(supervisor.run)


def _say_now(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a parent process reads these lines as they come


def run(
    roles: Annotated[list[str], typer.Argument(help=f"One or several of: {' '.join(ROLES)}.")],
    data: DataDir = None,
) -> None:
    """Run one or several roles against PRIYOM_NATS_URL and PRIYOM_DATABASE_URL.

    What the Procfile calls. Every role may run in any number of processes.
    """
    unknown = [name for name in roles if name not in ROLES]
    if unknown:
        fail(f"{unknown[0]}: no such role; there are {', '.join(ROLES)}", INVALID)
    settings = load(data_dir=data)
    try:
        process.run(roles, settings)
    except BaseExceptionGroup as group:
        fault = process.first_fault(group)
        if not isinstance(fault, Fault):
            raise
        fail(fault.reason, FAILED)
    except PolicyInvalid as error:
        show_problems(error.problems)
        raise typer.Exit(INVALID) from None
    except Fault as fault:
        fail(fault.reason, FAILED)


@db.command("upgrade")
def upgrade(data: DataDir = None) -> None:
    """Bring the database to this program's version. Safe to run twice, and from several places at once."""

    async def work() -> None:
        settings = load(data_dir=data)
        if settings.database_url is None:
            await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True)
        database = Database(settings.database, ids=UlidIds(), clock=SystemClock())
        try:
            before, after = await database.upgrade()
        finally:
            await database.close()
        say(f"{before or 'empty'} -> {after}" if before != after else f"{after}, nothing to do")

    perform(work)
