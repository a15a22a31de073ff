"""``priyom policy``: check a folder, apply it as the next revision."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from config.loader import SAMPLE, check, load_folder
from config.problems import PolicyInvalid
from domain.errors import Temporary
from gateway.bus import Bus
from gateway.commands.common import INVALID, AsJson, DataDir, database_of, load, perform, say, say_json, show_problems
from gateway.policies import apply as apply_policy
from gateway.policies import differs
from gateway.settings import Settings
from gateway.system import SystemClock
from gateway.wiring import bus_url

policy = typer.Typer(help="The policy: lines, catalog, kinds, plans, calendars, rules.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of policy files.", show_default="the sample policy")]


@policy.command("check")
def check_folder(folder: Folder = SAMPLE, json: AsJson = False) -> None:
    """Say everything that is wrong with a folder: file, line, key. Changes nothing."""
    try:
        problems = check(load_folder(folder))
    except PolicyInvalid as error:
        problems = tuple(error.problems)
    if json:
        fields = ("file", "line", "key", "message", "severity")
        say_json({"problems": [{name: getattr(p, name) for name in fields} for p in problems]})
    else:
        show_problems(problems)
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    if any(p.severity == "error" for p in problems):
        raise typer.Exit(INVALID)


@policy.command("apply")
def apply_folder(
    folder: Folder = SAMPLE,
    comment: Annotated[str, typer.Option(help="Why, for those who read the revisions.")] = "",
    author: Annotated[str, typer.Option(help="Who, for those who read the revisions.")] = "cli",
    data: DataDir = None,
) -> None:
    """Make a folder the next revision. Running processes take it between two batches; a broken one is refused."""

    async def work() -> None:
        documents = load_folder(folder)
        settings = load(data_dir=data)
        async with database_of(data) as database:
            head = await database.revisions.get(await database.revisions.head_number())
            if head is not None and not differs(documents, head):
                say(f"revision {head.revision} is the same, nothing to do")
                return
            bus = await _bus(settings)
            try:
                number = await apply_policy(
                    database, bus, documents, author=author, comment=comment, clock=SystemClock()
                )
            finally:
                if bus is not None:
                    await bus.close()
            say(f"revision {number} applied")

    perform(work)


async def _bus(settings: Settings) -> Bus | None:
    """The running instance's bus, to tell of the change at once; None where nothing runs."""
    if settings.nats_url is None and not await asyncio.to_thread((settings.data_dir / "run" / "nats.url").exists):
        return None
    bus = Bus(bus_url(settings), name="priyom-cli")
    try:
        await bus.open(patience=5)
    except Temporary:
        return None
    return bus
