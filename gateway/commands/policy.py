"""``priyom policy``: check a folder, compare it, apply it as the next revision, write a revision back to a folder."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from config.bundle import Bundle
from config.diff import Change, Detail, differences
from config.effective import effective_catalog
from config.loader import SAMPLE, check, load_folder, read_policy, vanished
from config.problems import PolicyInvalid, Problem
from domain.errors import NotFound, Permanent, Temporary
from gateway.bus import Bus
from gateway.commands.common import INVALID, AsJson, DataDir, database_of, load, perform, say, say_json, show_problems
from gateway.commands.due import due
from gateway.commands.simulate import simulate_folder, verify_decisions
from gateway.policies import apply as apply_policy
from gateway.policies import differs
from gateway.settings import Settings
from gateway.system import SystemClock
from gateway.wiring import bus_url
from store import Database, Revision

policy = typer.Typer(help="The policy: lines, catalog, kinds, plans, calendars, rules.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of policy files.", show_default="the sample policy")]


_MOST_DETAILS = 12
"""Lines about one thing; a calendar whose years change has thousands. ``--json`` has them all."""
_WIDTH = 60


@policy.command("check")
def check_folder(folder: Folder = SAMPLE, json: AsJson = False, data: DataDir = None) -> None:
    """Say everything that is wrong with a folder: file, line, key. Changes nothing.

    With --data also what is wrong for that instance: lines, groups and skills without agents, audiences of agents
    and catalog entries that are gone."""

    problems: tuple[Problem, ...] = ()

    async def work() -> None:
        nonlocal problems
        try:
            documents = load_folder(folder)
        except PolicyInvalid as error:
            problems = error.problems
            return
        if data is None:
            problems = check(documents)
            return
        async with database_of(data) as database:
            problems = await _check_for(database, documents)

    perform(work)
    if json:
        fields = ("file", "line", "key", "message", "severity")
        say_json({"problems": [{name: getattr(p, name) for name in fields} for p in problems]})
    else:
        show_problems(problems)
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    if any(p.severity == "error" for p in problems):
        raise typer.Exit(INVALID)


async def _check_for(database: Database, documents: Mapping[str, str]) -> tuple[Problem, ...]:
    """What is wrong with the documents, and with them for this instance."""
    staff = await database.accounts.agents()
    head = await database.revisions.get(await database.revisions.head_number())
    return (*check(documents, staff), *(vanished(documents, head.documents) if head else ()))


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


@policy.command("diff")
def diff_folder(
    folder: Folder = SAMPLE,
    against: Annotated[
        str | None,
        typer.Option(help="A revision's number, or another folder.", show_default="the running revision"),
    ] = None,
    json: AsJson = False,
    data: DataDir = None,
) -> None:
    """Say what a folder would change, thing by thing: added, removed, moved, and each key as old -> new."""

    async def work() -> None:
        new = read_policy(load_folder(folder))
        if against is not None and not against.isdecimal():
            name, old = against, read_policy(load_folder(against))
        else:
            async with database_of(data) as database:
                revision = await _revision(database, None if against is None else int(against))
            name, old = f"revision {revision.revision}", _read(revision)
        changes = differences(old, new)
        if json:
            say_json({"old": name, "new": str(folder), "changes": [asdict(change) for change in changes]})
        else:
            _show(changes)

    perform(work)


@policy.command("export")
def export(
    revision: Annotated[int | None, typer.Option(help="Which one.", show_default="the running revision")] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write the files to, as they were applied.", show_default=False),
    ] = None,
    data: DataDir = None,
) -> None:
    """Write a revision's files to a folder; without --to, print its catalog after inheritance."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await _revision(database, revision)
        if to is None:
            catalog = _read(found).catalog
            say(effective_catalog(catalog).rstrip() if catalog else "")
            return
        await asyncio.to_thread(_write, to, found.documents)
        say(f"revision {found.revision}: {len(found.documents)} files in {to}")

    perform(work)


async def _revision(database: Database, number: int | None) -> Revision:
    """One that is named, or the head."""
    wanted = await database.revisions.head_number() if number is None else number
    found = await database.revisions.get(wanted)
    if found is None:
        raise NotFound(f"There is no revision {wanted}" if wanted else "There is no revision yet")
    return found


def _read(revision: Revision) -> Bundle:
    """Raises ``PolicyInvalid`` where this program does not take the revision any more, each fault with its number."""
    try:
        return read_policy(revision.documents)
    except PolicyInvalid as error:
        where = f"revision {revision.revision}: "
        raise PolicyInvalid(replace(problem, file=where + problem.file) for problem in error.problems) from None


def _write(folder: Path, documents: Mapping[str, str]) -> None:
    """Raises ``Permanent`` where other policy files are there already; the same ones are fine."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.glob("*.yaml")):
        if documents.get(file.name, "").encode() != file.read_bytes():
            raise Permanent(f"{file}: there is another policy in this folder; nothing was written")
    for name, text in documents.items():
        (folder / name).write_bytes(text.encode())


def _show(changes: tuple[Change, ...]) -> None:
    if not changes:
        say("no differences")
    for change in changes:
        say(f"{change.what:8} {change.sort} {change.key}".rstrip())
        for detail in change.details[:_MOST_DETAILS]:
            old, new = _shown(detail)
            say(f"         {detail.key}: {old} -> {new}")
        if len(change.details) > _MOST_DETAILS:
            say(f"         and {len(change.details) - _MOST_DETAILS} more")


def _shown(detail: Detail) -> tuple[str, str]:
    """On one line each, around where they begin to differ; what is not there is a dash."""
    old, new = ("-" if value is None else " / ".join(value.splitlines()) for value in (detail.old, detail.new))
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, same - _WIDTH // 3) if max(len(old), len(new)) > _WIDTH else 0
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    cut = text[start : start + _WIDTH]
    return ("…" if start else "") + cut + ("…" if start + _WIDTH < len(text) else "")


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


policy.command("simulate")(simulate_folder)
policy.command("verify")(verify_decisions)
policy.command("due")(due)
