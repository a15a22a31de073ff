"""What happens to a ticket's clocks when something happens to the ticket. Pure; called by ``router.act`` and
``router.enact``.

A clock runs while the requester waits for us, stands still while we wait for them, and ends when what it promises is
done or no longer owed. A ticket that comes back from closed gets a new resolution clock, one that comes to another line
a new clock for its stay there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from domain.clocks import ClockRecord, Segment, Target, ended, is_open, paused, points, resumed, retargeted
from domain.effects import Timer
from domain.facts import Fact, LettersMuted, NobodyEligible, TicketReturned
from domain.policy import Plan, Policy
from domain.ports import Ids
from domain.status import Status
from domain.ticket import TicketState
from router.letters import letter_on
from router.steps.clocks import TARGETS, start_clock
from router.verdict import ClockStart

PAUSES: dict[Target, frozenset[Status]] = {
    "first_response": frozenset({Status.WAITING_REQUESTER}),
    "next_response": frozenset({Status.WAITING_REQUESTER}),
    "resolution": frozenset({Status.WAITING_REQUESTER, Status.FEEDBACK}),
    "line_stay": frozenset({Status.WAITING_REQUESTER, Status.FEEDBACK}),
}
ENDS: dict[Target, frozenset[Status]] = {
    "first_response": frozenset({Status.FEEDBACK, Status.CLOSED}),
    "next_response": frozenset({Status.FEEDBACK, Status.CLOSED}),
    "resolution": frozenset({Status.CLOSED}),
    "line_stay": frozenset({Status.CLOSED}),
}


def begun(start: ClockStart, ids: Ids, why: str) -> ClockRecord:
    return ClockRecord(
        id=ids.new(),
        target=start.target,
        state="running",
        calendar=start.calendar,
        cell=start.cell,
        goal_s=start.goal_s,
        started_at=start.started_at,
        due_at=start.due_at,
        segments=(Segment(start=start.opens, until=None, kind="running", why=why),),
        warn=start.warn,
    )


def rests(target: Target, ticket: TicketState, policy: Policy) -> bool:
    """Whether a clock stands still in the status, or the substatus, that the ticket has."""
    if ticket.status in PAUSES[target]:
        return True
    line = policy.lines.get(ticket.line)
    if line is not None and line.forwards_to is not None and line.pauses and target != "line_stay":
        return True
    kind = policy.kinds.get(ticket.kind)
    if ticket.status is Status.INTERNAL:
        own = kind.internal_pauses if kind else None
        if policy.internal_pauses if own is None else own:
            return target != "line_stay"
    if kind is None or ticket.substatus is None:
        return False
    return any(each.key == ticket.substatus and each.pauses for each in kind.stage(ticket.status).substatuses)


def settled(ticket: TicketState, policy: Policy, now: datetime) -> tuple[ClockRecord, ...]:
    """The clocks as the ticket's status wants them: ended, standing still or running."""
    return tuple(_settled(clock, ticket, policy, now) for clock in ticket.clocks)


def _settled(clock: ClockRecord, ticket: TicketState, policy: Policy, now: datetime) -> ClockRecord:
    calendar = policy.calendars.get(clock.calendar)
    if calendar is None or not is_open(clock):
        return clock
    if ticket.status in ENDS[clock.target]:
        return ended(clock, calendar, now)
    state = f"status {ticket.status}" + (f", {ticket.substatus}" if ticket.substatus else "")
    if rests(clock.target, ticket, policy):
        return paused(clock, calendar, now, state)
    return resumed(clock, calendar, now, state)


def reopened(ticket: TicketState, policy: Policy, now: datetime, ids: Ids) -> tuple[ClockRecord, ...]:
    """A closed ticket is at work again: a new promise to resolve it and a new stay, beside the old ones, which are
    history."""
    why = "the ticket was reopened"
    started = (_begin(ticket, target, policy, now, ids, why) for target in ("resolution", "line_stay"))
    return (*ticket.clocks, *(clock for clock in started if clock is not None))


def answered_back(ticket: TicketState, policy: Policy, at: datetime, ids: Ids) -> tuple[ClockRecord, ...]:
    """The requester wrote again on a ticket that had its first response: the next one is owed from then."""
    waiting = any(is_open(clock) and clock.target in ("first_response", "next_response") for clock in ticket.clocks)
    started = None if waiting else _begin(ticket, "next_response", policy, at, ids, "the requester wrote")
    return ticket.clocks if started is None else (*ticket.clocks, started)


def answered(ticket: TicketState, policy: Policy, now: datetime) -> tuple[ClockRecord, ...]:
    """Somebody of us has answered the requester: what was promised as an answer is done."""
    clocks = []
    for clock in ticket.clocks:
        calendar = policy.calendars.get(clock.calendar)
        awaited = clock.target in ("first_response", "next_response") and calendar is not None
        clocks.append(ended(clock, calendar, now) if awaited and calendar is not None else clock)
    return tuple(clocks)


def moved(ticket: TicketState, policy: Policy, now: datetime, ids: Ids) -> tuple[ClockRecord, ...]:
    """The ticket has come to another line: its stay on the one before is over, the one here begins."""
    clocks = []
    for clock in ticket.clocks:
        calendar = policy.calendars.get(clock.calendar)
        over = clock.target == "line_stay" and calendar is not None
        clocks.append(ended(clock, calendar, now) if over and calendar is not None else clock)
    ticket = replace(ticket, clocks=tuple(clocks))
    started = _begin(ticket, "line_stay", policy, now, ids, f"line {ticket.line}")
    return ticket.clocks if started is None else (*ticket.clocks, started)


def reclassified(ticket: TicketState, policy: Policy, now: datetime, ids: Ids) -> tuple[ClockRecord, ...]:
    """The clocks under another cell of the matrix. A cell that promises nothing ends its clock; one that promises what
    was not promised before starts it, from when the ticket was opened."""
    kept = tuple(_under(clock, ticket, policy, now) for clock in ticket.clocks)
    return (*kept, *_newly_owed(ticket, policy, now, ids))


def _newly_owed(ticket: TicketState, policy: Policy, now: datetime, ids: Ids) -> Iterator[ClockRecord]:
    standing = {clock.target for clock in ticket.clocks if is_open(clock) or clock.target == "first_response"}
    for target in TARGETS:
        if target in standing or ticket.status in ENDS[target]:
            continue
        clock = _begin(ticket, target, policy, ticket.created_at, ids, "")
        if clock is not None:
            named = replace(clock, segments=tuple(replace(s, why=f"cell {clock.cell}") for s in clock.segments))
            yield _settled(named, ticket, policy, now)


def _under(clock: ClockRecord, ticket: TicketState, policy: Policy, now: datetime) -> ClockRecord:
    calendar = policy.calendars.get(clock.calendar)
    if calendar is None or not is_open(clock):
        return clock
    plan = plan_of(ticket, policy)
    goal = policy.goal(clock.target, plan=plan.key, priority=ticket.priority, kind=ticket.kind, line=ticket.line)
    if goal.on_change == "keep" or (goal.seconds, goal.cell) == (clock.goal_s, clock.cell):
        return clock
    if goal.seconds is None:
        return ended(clock, calendar, now)
    why = f"cell {goal.cell}"
    seconds = goal.seconds
    if goal.on_change == "from_now":
        # What was consumed until now is no longer counted: the goal grows by it.
        seconds += _spent(clock, policy, now)
    return retargeted(replace(clock, warn=goal.warn), calendar, seconds, goal.cell, now, why)


def _spent(clock: ClockRecord, policy: Policy, now: datetime) -> int:
    last = clock.segments[-1]
    running = policy.calendars[clock.calendar].between(last.start, now) if last.kind == "running" else 0
    return clock.consumed_s + running


def _begin(ticket: TicketState, target: Target, policy: Policy, at: datetime, ids: Ids, why: str) -> ClockRecord | None:
    if any(is_open(clock) and clock.target == target for clock in ticket.clocks):
        return None
    start = start_clock(policy, plan_of(ticket, policy), target, ticket.priority, ticket.kind, ticket.line, at)
    return None if start is None else begun(start, ids, why)


def plan_of(ticket: TicketState, policy: Policy) -> Plan:
    """The ticket's plan; the default one where the policy does not have it any more."""
    return policy.plans.get(ticket.plan) or policy.plans[policy.default_plan]


def timers_of(ticket: TicketState, policy: Policy) -> tuple[Timer, ...]:
    """All that is to happen to the ticket by itself as it stands."""
    timers = clock_timers(ticket.clocks, policy)
    kind, line = policy.kinds.get(ticket.kind), policy.lines.get(ticket.line)
    if ticket.status is Status.FEEDBACK and kind and line and "timer" in kind.closing.by and kind.closing.after_s:
        since = ticket.status_at or ticket.created_at
        at = policy.calendars[line.calendar].add(since, kind.closing.after_s)
        return (*timers, Timer(what="close", at=at))
    reminder = letter_on("reminder", ticket.plan, ticket.line, policy)
    if ticket.status is Status.WAITING_REQUESTER and line and reminder is not None and reminder.after_s:
        since = ticket.status_at or ticket.created_at
        return (*timers, Timer(what="remind", at=policy.calendars[line.calendar].add(since, reminder.after_s)))
    return timers


def clock_timers(clocks: Iterable[ClockRecord], policy: Policy) -> tuple[Timer, ...]:
    return tuple(
        Timer(what="clock", at=at, clock=clock.id, share=share)
        for clock in clocks
        if clock.calendar in policy.calendars
        for share, at in points(clock, policy.calendars[clock.calendar])
    )


def events_of(facts: Iterable[Fact], policy: Policy, now: datetime) -> tuple[Timer, ...]:
    """What the policy reacts to beside the clocks: nobody who could have the ticket, and its way to and fro."""
    watched = {reaction.on for reaction in policy.reactions}
    return tuple(
        Timer(what=what, at=now) for fact in facts if (what := _event(fact, policy)) is not None and what in watched
    )


def _event(fact: Fact, policy: Policy) -> Literal["nobody_eligible", "ping_pong", "letters_muted"] | None:
    if isinstance(fact, NobodyEligible):
        return "nobody_eligible"
    if isinstance(fact, LettersMuted):
        return "letters_muted"
    return "ping_pong" if isinstance(fact, TicketReturned) and fact.times >= policy.ping_pong else None


def over(before: Iterable[ClockRecord], after: Iterable[ClockRecord]) -> Iterator[ClockRecord]:
    """The clocks that were open before and have ended since."""
    were = {clock.id for clock in before if is_open(clock)}
    return (clock for clock in after if clock.id in were and not is_open(clock))
