"""``priyom policy simulate`` and ``verify``: what a folder would have done with past messages, and whether what was
done can be explained by its own record."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from config.loader import load_folder
from domain.errors import Invalid, NotFound
from domain.ids import format_number
from gateway.commands.common import FAILED, AsJson, DataDir, database_of, is_terminal, load, perform, say, say_json
from gateway.simulating import Mismatch, Progress, Report, simulate, verify
from gateway.system import SystemClock
from router.simulate import ASSIGNEE, FIELDS, Changed

EXCEEDED = 3
"""Exit code: more would change than was allowed."""
_USUALLY = timedelta(days=30)
_PER_CENT = "a share in per cent: 5%, or 0.5%"

Since = Annotated[
    str | None,
    typer.Option(help="From when on: RFC 3339, or a day (in UTC).", show_default="30 days ago"),
]
Until = Annotated[str | None, typer.Option(help="Until when, like --since.", show_default="now")]


def simulate_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of the candidate policy.")],
    since: Since = None,
    until: Until = None,
    max_changed: Annotated[
        str | None, typer.Option(help="Exit with 3 where more of the messages would change, e.g. 5%.")
    ] = None,
    max_growth: Annotated[
        str | None, typer.Option(help="Exit with 3 where a line would get so much more, e.g. 20%.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Changed tickets to show; --json has them all.")] = 30,
    json: AsJson = False,
    data: DataDir = None,
) -> None:
    """Decide past messages by a folder and by the running revision, and say what would be another. Changes nothing.

    Messages that made no ticket are not among them. Assignees are a model: today's agents, in the shifts of their
    calendars."""
    limits = {"changed": _share("--max-changed", max_changed), "growth": _share("--max-growth", max_growth)}
    exceeded: list[str] = []

    async def work() -> None:
        candidate = load_folder(folder)
        begin, end = _period(since, until)
        async with database_of(data) as database:
            head = await database.revisions.get(await database.revisions.head_number())
            if head is None:
                raise NotFound("There is no revision yet to compare with")
            policies = (head.documents, candidate)
            with _progress("messages") as progress:
                report = await simulate(database, load(data_dir=data).database, policies, begin, end, progress)
        exceeded.extend(_exceeded(report, limits["changed"], limits["growth"]))
        if json:
            say_json(_as_json(report, head.revision, folder, begin, exceeded))
        else:
            since_then = f"since {begin:%Y-%m-%d %H:%M} UTC"
            say(f"revision {head.revision} against {folder}, {report.messages:,} messages {since_then}")
            _show(report, rows)
            for sentence in exceeded:
                say(sentence)

    perform(work)
    if exceeded:
        raise typer.Exit(EXCEEDED)


def verify_decisions(
    since: Since = None, until: Until = None, rows: int = 30, json: AsJson = False, data: DataDir = None
) -> None:
    """Make recorded decisions again, each from its own inputs by its own revision, and say which come out otherwise.

    Exit code 1 where any does."""
    wrong: Sequence[Mismatch] = ()

    async def work() -> None:
        nonlocal wrong
        begin, end = _period(since, until)
        async with database_of(data) as database:
            with _progress("decisions") as progress:
                count, wrong = await verify(database, load(data_dir=data).database, begin, end, progress)
        if json:
            found = [
                {
                    "ticket": format_number(each.number),
                    "revision": each.revision,
                    "decided_at": each.decided_at,
                    "why": each.why,
                }
                for each in wrong
            ]
            say_json({"since": begin, "decisions": count, "mismatches": found})
            return
        for each in wrong[:rows]:
            say(f"{format_number(each.number)} (revision {each.revision}): {each.why}")
        said = f"{count:,} decisions since {begin:%Y-%m-%d %H:%M} UTC made again"
        say(f"{said}, {len(wrong):,} came out otherwise" if wrong else f"{said}, all the same")

    perform(work)
    if wrong:
        raise typer.Exit(FAILED)


def _period(since: str | None, until: str | None) -> tuple[datetime, datetime | None]:
    begin = _moment("--since", since) if since else SystemClock().now() - _USUALLY
    return begin, _moment("--until", until) if until else None


def _moment(option: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(option, f"{text!r} is not a time like 2026-11-01 or 2026-11-01T09:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _share(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if not text.endswith("%") or not 0 <= number < 1_000_000:
        raise typer.BadParameter(f"{text!r} is not {_PER_CENT}", param_hint=option)
    return number / 100


def _exceeded(report: Report, changed: float | None, growth: float | None) -> Iterator[str]:
    if changed is not None and report.share > changed:
        yield f"{report.share:.2%} of the messages change, and {changed:.2%} may"
    for line, load_ in sorted(report.load.items()):
        if growth is not None and load_.growth > growth:
            yield f"line {line} gets {load_.growth:.1%} more, and {growth:.1%} may be"


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Progress]:
    """A bar on a terminal, on stderr; elsewhere nothing."""
    if not is_terminal():
        yield lambda _done, _of: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _show(report: Report, most: int) -> None:
    say(f"{len(report.changed):,} changed ({report.share:.2%})")
    if report.changed:
        say()
        names = [name for name in _COLUMNS if any(name in change.fields for change in report.changed[:most])]
        _table(["ticket", *names], [_row(change, names) for change in report.changed[:most]])
        if len(report.changed) > most:
            say(f"and {len(report.changed) - most:,} more")
        say()
        _table(["differs", "of messages"], [[name, f"{count:,}"] for name, count in report.fields.most_common()])
    if report.load:
        say()
        lines = sorted(report.load)
        totals = [
            [line, *(f"{count:,}" for count in report.load[line].total), f"{report.load[line].growth:+.1%}"]
            for line in lines
        ]
        _table(["line", "now", "then", "change"], totals)
        say()
        hours = [
            [f"{hour:02}", *(_pair(*report.load[line].hours[hour]) for line in lines)]
            for hour in range(24)
            if any(any(report.load[line].hours[hour]) for line in lines)
        ]
        _table([f"hour ({report.zone})", *lines], hours)


_COLUMNS = (*FIELDS, ASSIGNEE)


def _row(change: Changed, names: Sequence[str]) -> list[str]:
    return [
        format_number(change.number),
        *(
            " -> ".join(_brief(value) for value in change.fields[name]) if name in change.fields else ""
            for name in names
        ),
    ]


def _brief(value: str) -> str:
    """A due time to the minute; a dash for what is not there."""
    if value.endswith("+00:00"):
        return f"{value[:16].replace('T', ' ')}"
    return value or "-"


def _pair(now: int, then: int) -> str:
    return f"{now}" if now == then else f"{now} -> {then}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _as_json(report: Report, revision: int, folder: Path, since: datetime, exceeded: Sequence[str]) -> dict[str, Any]:
    return {
        "revision": revision,
        "candidate": str(folder),
        "since": since,
        "messages": report.messages,
        "tickets": report.tickets,
        "share_changed": report.share,
        "exceeded": list(exceeded),
        "fields": dict(report.fields),
        "zone": report.zone,
        "load": {line: {"total": load_.total, "hours": load_.hours} for line, load_ in report.load.items()},
        "changed": [
            {"ticket": format_number(change.number), "at": change.at, "fields": change.fields}
            for change in report.changed
        ],
    }
