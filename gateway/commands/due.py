"""``priyom policy due``: by when each target of a ticket would be due that came at a given time.

Arrives: a policy, what is known of the ticket, and a time. Leaves: for each target its goal, the cell of the SLA matrix
that gives it, the calendar, and the moments that the router's own clocks have for it. Called by ``gateway.cli``; asks
nothing of an instance but its policy.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer

from config.loader import SAMPLE, compile_policy, load_folder
from domain.businesstime import Calendar, NeverOpen
from domain.clocks import DUE, Target, points
from domain.errors import Invalid, NotFound, Permanent
from domain.policy import Goal, Kind, Plan, Policy
from domain.ticket import Priority
from gateway.commands.common import AsJson, DataDir, database_of, load, perform, say, say_json
from gateway.system import UlidIds
from router.clockwork import begun
from router.steps.clocks import calendar_of, spelled, start_clock
from router.steps.prioritise import raise_by
from router.verdict import ClockStart

YEARS = range(1970, 9000)
"""Those that a time may be in: calendars and zones reach no further with certainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked about. ``because`` says where the priority comes from, where it was not given; ``assumed``: the
    time was written without an offset and read in ``zone``, that of the plan's calendar."""

    plan: Plan
    priority: Priority
    because: str
    kind: Kind
    line: str
    at: datetime
    zone: str
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One target. ``start`` is None where nothing is promised; ``warnings`` are shares of the goal, in per cent, and
    the moments at which they are used up."""

    target: Target
    goal: Goal
    calendar: Calendar
    start: ClockStart | None
    warnings: tuple[tuple[int, datetime], ...] = ()


def due(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of policy files. Left out: the running revision of the instance that --data or the settings "
            "name, or that is in the usual data folder; the sample policy where there is none.",
            show_default=False,
        ),
    ] = None,
    *,
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="When the message comes: ISO 8601, like 2026-11-03T16:30+03:00. Without an offset it is read in the "
            "zone of the plan's calendar.",
        ),
    ],
    plan: Annotated[str | None, typer.Option(help="Service plan.", show_default="the policy's default")] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            help="p1, p2, p3 or p4.",
            show_default="the matrix's, for the kind's impact and urgency, raised as the plan does",
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of request.", show_default="the policy's default")] = None,
    line: Annotated[
        str | None,
        typer.Option(help="Line that the ticket is on.", show_default="the kind's, else the default entry's"),
    ] = None,
    json: AsJson = False,
    data: DataDir = None,
) -> None:
    """Say when each target would be due, by which calendar and which cell of the SLA matrix. Changes nothing.

    Each is counted from the given time: the next response is owed from a further message of the requester, the stay
    from the moment the ticket comes to the line."""

    async def work() -> None:
        name, policy = await _policy(folder, data)
        case = case_of(policy, at, plan=plan, priority=priority, kind=kind, line=line)
        found = promises(policy, case)
        if json:
            say_json(_as_json(name, case, found))
        else:
            _show(name, case, found)

    perform(work)


def case_of(
    policy: Policy, at: str, *, plan: str | None, priority: str | None, kind: str | None, line: str | None
) -> Case:
    """The case in full: what was left out is as the policy has it for a request about which nothing else is known.

    Raises ``Invalid`` that names the option at fault, and what it may be."""
    its_plan = policy.plans[_known("--plan", policy.default_plan if plan is None else plan, policy.plans)]
    its_kind = policy.kinds[_known("--kind", policy.default_kind if kind is None else kind, policy.kinds)]
    entry = policy.catalog[policy.default_catalog]
    starts = next((key for key in (its_kind.line or "", entry.line) if key in policy.lines), policy.fallback_line)
    named, because = _priority(policy, its_plan, its_kind, priority)
    zone = policy.calendars[its_plan.calendar].zone
    moment = _moment(at, ZoneInfo(zone))
    return Case(
        plan=its_plan,
        priority=named,
        because=because,
        kind=its_kind,
        line=_known("--line", starts if line is None else line, policy.lines),
        at=moment.astimezone(UTC),
        zone=zone,
        assumed=_written(at).tzinfo is None,
    )


def promises(policy: Policy, case: Case) -> tuple[Promise, ...]:
    """Every target, in the order of the contract. Raises ``Permanent`` where a calendar has no time left for one."""
    try:
        return tuple(_promise(policy, case, target) for target in get_args(Target))
    except NeverOpen as error:
        raise Permanent(str(error)) from None


def _promise(policy: Policy, case: Case, target: Target) -> Promise:
    goal = policy.goal(target, plan=case.plan.key, priority=case.priority, kind=case.kind.key, line=case.line)
    calendar = policy.calendars[calendar_of(policy, case.plan, target, case.line)]
    start = start_clock(policy, case.plan, target, case.priority, case.kind.key, case.line, case.at)
    if start is None:
        return Promise(target=target, goal=goal, calendar=calendar, start=None)
    told = points(begun(start, UlidIds(), "asked for"), calendar)
    warnings = tuple((share, moment) for share, moment in told if share < DUE)
    return Promise(target=target, goal=goal, calendar=calendar, start=start, warnings=warnings)


async def _policy(folder: Path | None, data: Path | None) -> tuple[str, Policy]:
    """Its name, and the policy. A folder comes first, then an instance that was named or is there, then the sample."""
    if folder is not None:
        return str(folder), await asyncio.to_thread(compile_policy, load_folder(folder), 0)
    settings = load(data_dir=data)
    named = settings.database_url is not None or "data_dir" in settings.model_fields_set
    if not named and not await asyncio.to_thread((settings.data_dir / "priyom.db").exists):
        return "sample", await asyncio.to_thread(compile_policy, load_folder(SAMPLE), 0)
    async with database_of(data) as database:
        head = await database.revisions.get(await database.revisions.head_number())
    if head is None:
        raise NotFound("There is no revision yet")
    return f"revision {head.revision}", await asyncio.to_thread(compile_policy, head.documents, head.revision)


def _priority(policy: Policy, plan: Plan, kind: Kind, given: str | None) -> tuple[Priority, str]:
    if given is not None:
        return Priority(_known("--priority", given.lower(), [each.value for each in Priority])), ""
    found = policy.matrix.cells[kind.impact, kind.urgency]
    because = f"impact {kind.impact} and urgency {kind.urgency} of kind {kind.key}"
    raised = raise_by(found, plan.raises_priority)
    if raised != found:
        because += f" give {found}, which plan {plan.key} raises"
    return raised, because


def _known(option: str, value: str, there: Collection[str]) -> str:
    if value not in there:
        raise Invalid(option, f"there is no {value}; there are {', '.join(there)}")
    return value


def _written(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "--at", f"{text} is not a time: write it like 2026-11-03T16:30 or 2026-11-03T16:30+03:00"
        ) from None
    if _is_date(text):
        raise Invalid("--at", f"{text} is a date without a time of day: write it like {text}T09:00")
    if moment.year not in YEARS:
        raise Invalid("--at", f"{text} is not in the years {YEARS[0]} to {YEARS[-1]}")
    return moment


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """An instant. A time that the zone's clock shows twice, or never, is refused: nobody can say which was meant."""
    moment = _written(text)
    if moment.tzinfo is not None:
        return moment
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment:
        raise Invalid(
            "--at", f"{text} comes twice in {zone.key}: write its offset, {_offset(first)} or {_offset(second)}"
        )
    raise Invalid("--at", f"{text} never comes in {zone.key}, whose clock is moved past it")


def _offset(moment: datetime) -> str:
    return moment.isoformat()[-6:]


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def _as_json(name: str, case: Case, found: tuple[Promise, ...]) -> dict[str, Any]:
    return {
        "policy": name,
        "plan": case.plan.key,
        "priority": case.priority,
        "because": case.because or None,
        "kind": case.kind.key,
        "line": case.line,
        "at": case.at,
        "at_local": _local(case.at, case.zone),
        "zone": case.zone,
        "zone_assumed": case.assumed,
        "targets": [_target_as_json(each) for each in found],
    }


def _target_as_json(promise: Promise) -> dict[str, Any]:
    start, zone = promise.start, promise.calendar.zone
    return {
        "target": promise.target,
        "goal": _goal(promise),
        "goal_s": promise.goal.seconds,
        "cell": promise.goal.cell,
        "calendar": promise.calendar.key,
        "zone": zone,
        "opens_at": start and start.opens.astimezone(UTC),
        "opens_local": start and _local(start.opens, zone),
        "due_at": start and start.due_at.astimezone(UTC),
        "due_local": start and _local(start.due_at, zone),
        "warnings": [
            {"share": share, "at": moment.astimezone(UTC), "local": _local(moment, zone)}
            for share, moment in promise.warnings
        ],
    }


def _goal(promise: Promise) -> str:
    return "none" if promise.goal.seconds is None else spelled(promise.goal.seconds)


def _show(name: str, case: Case, found: tuple[Promise, ...]) -> None:
    say(f"{name}: plan {case.plan.key}, priority {case.priority}, kind {case.kind.key}, line {case.line}")
    if case.because:
        say(f"priority {case.priority}: {case.because}")
    how = ", the zone of the plan's calendar" if case.assumed else ""
    say(f"at {_both(case.at, case.zone)} ({case.zone}{how})")
    for promise in found:
        say()
        for line in _lines(promise):
            say(line)


def _lines(promise: Promise) -> Iterator[str]:
    title, zone = promise.target.replace("_", " "), promise.calendar.zone
    if promise.start is None:
        yield f"{title:15} none, cell {promise.goal.cell}"
        return
    yield f"{title:15} {_goal(promise)} ({promise.goal.seconds} s), cell {promise.goal.cell}"
    yield f"{'  calendar':15} {promise.calendar.key}, {zone}"
    yield f"{'  runs from':15} {_both(promise.start.opens, zone)}"
    for share, moment in promise.warnings:
        yield f"{f'  {share} %':15} {_both(moment, zone)}"
    yield f"{'  due':15} {_both(promise.start.due_at, zone)}"


def _both(moment: datetime, zone: str) -> str:
    """On the zone's clock, and in UTC."""
    local = _local(moment, zone)
    return f"{local:%a} {local.isoformat(sep=' ')} = {moment.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"
