"""By when: what the SLA matrix promises for the plan, priority, kind and line, from the moment the message came.

The plan's calendar drives the customer's targets, the line's calendar the stay on it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from domain.clocks import Target
from domain.decision import Step
from domain.policy import Goal, Plan, Policy
from domain.ticket import Priority
from router.compiled import goal_of
from router.verdict import ClockStart

TARGETS: tuple[Target, ...] = ("first_response", "resolution")
"""Promised to the requester, and started with the ticket."""
_SAID: Mapping[Target, str] = {
    "first_response": "first response",
    "resolution": "resolution",
    "line_stay": "line stay",
}
"""What starts with a ticket, in words."""


def start_clocks(
    policy: Policy, plan: Plan, priority: Priority, kind: str, line: str, received_at: datetime
) -> tuple[tuple[ClockStart, ...], Step]:
    clocks: list[ClockStart] = []
    outcomes: list[str] = []
    sentences: list[str] = []
    for target, name in _SAID.items():
        goal = goal_of(policy, target, plan=plan.key, priority=priority, kind=kind, line=line)
        if goal.seconds is None:
            if target in TARGETS:
                outcomes.append(f"{name}: none")
                sentences.append(f"Plan {plan.key} promises no {name} for {priority} (cell {goal.cell}).")
            continue
        clock = _clock(policy, calendar_of(policy, plan, target, line), target, goal, goal.seconds, received_at)
        clocks.append(clock)
        outcomes.append(f"{name}: {clock.due_at.isoformat(' ')[:19]} UTC")
        within = f"within {spelled(goal.seconds)} (cell {goal.cell}) of calendar {clock.calendar}."
        sentences.append(
            f"Plan {plan.key} promises the {name} {within}"
            if target in TARGETS
            else f"Line {line} passes it on {within}"
        )
    return tuple(clocks), Step(step="clocks", outcome="; ".join(outcomes), because=" ".join(sentences))


def start_clock(
    policy: Policy, plan: Plan, target: Target, priority: Priority, kind: str, line: str, at: datetime
) -> ClockStart | None:
    """One target from a moment on, or None where nothing is promised."""
    goal = goal_of(policy, target, plan=plan.key, priority=priority, kind=kind, line=line)
    if goal.seconds is None:
        return None
    return _clock(policy, calendar_of(policy, plan, target, line), target, goal, goal.seconds, at)


def calendar_of(policy: Policy, plan: Plan, target: Target, line: str) -> str:
    """The key of the calendar that drives a target. A line that is not there any more stays by the plan's."""
    return policy.lines[line].calendar if target == "line_stay" and line in policy.lines else plan.calendar


@lru_cache(maxsize=1024)
def spelled(seconds: int) -> str:
    """5400 -> ``1 h 30 min``."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def _clock(policy: Policy, key: str, target: Target, goal: Goal, seconds: int, at: datetime) -> ClockStart:
    calendar = policy.calendars[key]
    return ClockStart(
        target=target,
        calendar=key,
        cell=goal.cell,
        goal_s=seconds,
        started_at=at,
        opens=calendar.next_open(at),
        due_at=calendar.add(at, seconds),
        warn=goal.warn,
    )
