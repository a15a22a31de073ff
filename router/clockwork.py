"""What happens to a ticket's clocks when something happens to the ticket. Pure; called by ``router.act`` and
``router.enact``.

A clock runs while the requester waits for us, stands still while we wait for them, and ends when what it promises is
done or no longer owed. A ticket that comes back from closed gets a new resolution clock.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from domain.clocks import ClockRecord, Segment, Target, ended, is_open, paused, resumed, retargeted
from domain.policy import Plan, Policy
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Priority, TicketState
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
    )


def on_status(
    clocks: Iterable[ClockRecord], old: Status, new: Status, policy: Policy, now: datetime
) -> tuple[ClockRecord, ...]:
    """The clocks after a move from one status to another."""
    return tuple(_moved(clock, old, new, policy, now) for clock in clocks)


def _moved(clock: ClockRecord, old: Status, new: Status, policy: Policy, now: datetime) -> ClockRecord:
    calendar = policy.calendars.get(clock.calendar)
    if calendar is None or not is_open(clock):
        return clock
    if new in ENDS[clock.target]:
        return ended(clock, calendar, now)
    if new in PAUSES[clock.target]:
        return paused(clock, calendar, now, f"status {new}")
    if old in PAUSES[clock.target]:
        return resumed(clock, calendar, now, f"status {new}")
    return clock


def reopened(
    clocks: tuple[ClockRecord, ...], plan: str, priority: Priority, policy: Policy, now: datetime, ids: Ids
) -> tuple[ClockRecord, ...]:
    """A closed ticket is at work again: a new promise to resolve it, beside the old one that is history."""
    found = policy.plans.get(plan) or policy.plans[policy.default_plan]
    start = start_clock(policy, found, "resolution", priority, now)
    if start is None or any(is_open(clock) and clock.target == "resolution" for clock in clocks):
        return clocks
    return (*clocks, begun(start, ids, "the ticket was reopened"))


def reclassified(
    before: TicketState, plan: str, priority: Priority, policy: Policy, now: datetime, ids: Ids
) -> tuple[ClockRecord, ...]:
    """The clocks under another cell of the matrix. A cell that promises nothing ends its clock; one that promises what
    was not promised before starts it, from when the ticket was opened."""
    found = policy.plans.get(plan) or policy.plans[policy.default_plan]
    kept = tuple(_under(clock, found, priority, policy, now) for clock in before.clocks)
    return (*kept, *_newly_owed(before, found, priority, policy, now, ids))


def _newly_owed(
    before: TicketState, plan: Plan, priority: Priority, policy: Policy, now: datetime, ids: Ids
) -> Iterator[ClockRecord]:
    standing = {clock.target for clock in before.clocks if is_open(clock) or clock.target == "first_response"}
    for target in TARGETS:
        start = start_clock(policy, plan, target, priority, before.created_at)
        if start is None or target in standing or before.status in ENDS[target]:
            continue
        clock = begun(start, ids, f"cell {start.cell}")
        calendar = policy.calendars[clock.calendar]
        yield paused(clock, calendar, now, f"status {before.status}") if before.status in PAUSES[target] else clock


def _under(clock: ClockRecord, plan: Plan, priority: Priority, policy: Policy, now: datetime) -> ClockRecord:
    calendar = policy.calendars.get(clock.calendar)
    if clock.target not in plan.goals or calendar is None:
        return clock
    goal = plan.goals[clock.target][priority]
    if goal.seconds is None:
        return ended(clock, calendar, now)
    if (goal.seconds, goal.cell) == (clock.goal_s, clock.cell):
        return clock
    return retargeted(clock, calendar, goal.seconds, goal.cell, now, f"cell {goal.cell}")
