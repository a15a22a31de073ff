"""By when: the plan's targets for the priority, on the plan's calendar, from the moment the message came."""

from datetime import datetime

from domain.clocks import Target
from domain.decision import Step
from domain.policy import Goal, Plan, Policy
from domain.ticket import Priority
from router.verdict import ClockStart

TARGETS: tuple[Target, ...] = ("first_response", "resolution")
"""Started with the ticket."""


def start_clocks(
    policy: Policy, plan: Plan, priority: Priority, received_at: datetime
) -> tuple[tuple[ClockStart, ...], Step]:
    clocks: list[ClockStart] = []
    outcomes: list[str] = []
    sentences: list[str] = []
    for target in TARGETS:
        name = target.replace("_", " ")
        goal = plan.goals[target][priority]
        if goal.seconds is None:
            outcomes.append(f"{name}: none")
            sentences.append(f"Plan {plan.key} promises no {name} for {priority} (cell {goal.cell}).")
            continue
        clock = _clock(policy, plan, target, goal, goal.seconds, received_at)
        clocks.append(clock)
        outcomes.append(f"{name}: {clock.due_at:%Y-%m-%d %H:%M:%S} UTC")
        sentences.append(
            f"Plan {plan.key} promises the {name} within {spelled(goal.seconds)} (cell {goal.cell}) "
            f"of calendar {plan.calendar}."
        )
    return tuple(clocks), Step(step="clocks", outcome="; ".join(outcomes), because=" ".join(sentences))


def start_clock(policy: Policy, plan: Plan, target: Target, priority: Priority, at: datetime) -> ClockStart | None:
    """One target from a moment on, or None where the plan promises nothing."""
    goal = plan.goals[target][priority]
    return None if goal.seconds is None else _clock(policy, plan, target, goal, goal.seconds, at)


def spelled(seconds: int) -> str:
    """5400 -> ``1 h 30 min``."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def _clock(policy: Policy, plan: Plan, target: Target, goal: Goal, seconds: int, received_at: datetime) -> ClockStart:
    calendar = policy.calendars[plan.calendar]
    return ClockStart(
        target=target,
        calendar=calendar.key,
        cell=goal.cell,
        goal_s=seconds,
        started_at=received_at,
        opens=calendar.next_open(received_at),
        due_at=calendar.add(received_at, seconds),
    )
