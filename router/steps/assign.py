"""Whose ticket: who may have it, and who of them gets it. Pure; called by ``router.decide`` for new tickets and by
``router.act`` for those that come to a line.

Eligible is who is on the line and in its group, serves the requester's audience, is on shift by calendar and presence,
not full, and skilled enough. Then the customer's own engineer, the agent of their last ticket, and the line's way of
sharing, in that order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from domain.decision import Step, Tried
from domain.people import Worker
from domain.policy import Line, Policy
from domain.ticket import Priority

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A ticket that looks for an agent. ``engineer`` and ``previous``: agents' ids; ``without``: who must not;
    ``audiences``: those that the requester meets."""

    line: str
    group: str | None
    kind: str
    priority: Priority
    engineer: str | None = None
    previous: str | None = None
    without: str | None = None
    audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``agent`` None: nobody, or nobody yet. ``alarm``: the line shares its tickets out and nobody could have this one.
    ``faults``: who was looked at, by id, and why they could not have it, or None."""

    agent: str | None
    because: str
    faults: tuple[tuple[str, str | None], ...] = ()
    alarm: bool = False

    @property
    def considered(self) -> tuple[Tried, ...]:
        return tuple(Tried(rule=who, matched=fault is None, why=fault or "could have it") for who, fault in self.faults)

    @property
    def step(self) -> Step:
        return Step(step="assignee", outcome=self.agent or "nobody", because=self.because)


def automatic(policy: Policy) -> frozenset[str]:
    """Lines that share their tickets out by themselves."""
    return frozenset(key for key, line in policy.lines.items() if line.assignment.mode != "manual")


def assign(wanted: Wanted, workers: Sequence[Worker], policy: Policy, now: datetime) -> Choice:
    line = policy.lines.get(wanted.line)
    if line is None or line.assignment.mode == "manual":
        return Choice(agent=None, because=f"Agents of line {wanted.line} take tickets themselves.")
    here = [worker for worker in workers if wanted.line in worker.lines]
    bar = _Bar(wanted, line, policy, now)
    faults = tuple([(worker.id, bar.fault(worker)) for worker in here])
    eligible = [worker for worker, (_, fault) in zip(here, faults, strict=True) if fault is None]
    if not eligible:
        because = f"None of the {len(here)} agents of line {line.key} could have it now."
        return Choice(agent=None, because=because, faults=faults, alarm=True)
    chosen, why = _chosen(eligible, wanted, line, bar.loads)
    because = f"{why} {len(eligible)} of {len(here)} agents of line {line.key} could have it."
    return Choice(agent=chosen.id, because=because, faults=faults)


class _Bar:
    """What an agent has to meet, with all that is the same for every agent of the line worked out once."""

    def __init__(self, wanted: Wanted, line: Line, policy: Policy, now: datetime) -> None:
        self._wanted, self._line, self._policy, self._now = wanted, line, policy, now
        kind = policy.kinds.get(wanted.kind)
        self._skills = sorted(kind.skills.items()) if kind else []
        self._weights = cast("dict[str, int]", dict(line.assignment.weights))  # a priority is its own text
        self._open: dict[str, bool] = {}
        self.loads: dict[str, int] = {}
        """Agent -> the weight in hand, of whom everything else fits."""

    def fault(self, worker: Worker) -> str | None:
        """Why not, or None."""
        wanted, line = self._wanted, self._line
        if worker.id == wanted.without:
            return "has it already"
        if wanted.group is not None:
            own = {group for on, group in worker.groups if on == line.key}
            if own and wanted.group not in own:
                return f"is not in group {wanted.group}"
        if worker.audiences and worker.audiences.isdisjoint(wanted.audiences):
            return "does not serve this requester's audience"
        if worker.presence != "on" and (worker.away_until is None or worker.away_until > self._now):
            return f"is {'away' if worker.presence == 'away' else 'on a break'}"
        shift = worker.calendar or line.calendar
        if not self._on_shift(shift):
            return f"is not on shift (calendar {shift})"
        for skill, level in self._skills:
            has = worker.skills.get(skill, 0)
            if has < level:
                return f"has skill {skill} at {has}, and {level} is needed"
        capacity = worker.capacity if worker.capacity is not None else line.assignment.capacity
        weights = self._weights
        load = sum([count * weights.get(priority, 1) for priority, count in worker.in_hand.items()])
        self.loads[worker.id] = load
        if load + self._weights.get(wanted.priority, 1) > capacity:
            return f"has {load} of {capacity} in hand"
        return None

    def _on_shift(self, key: str) -> bool:
        """A calendar that the policy does not have any more keeps nobody away."""
        found = self._open.get(key)
        if found is None:
            calendar = self._policy.calendars.get(key)
            found = self._open[key] = calendar is None or calendar.is_open(self._now)
        return found


def busier(worker: Worker, priority: str, now: datetime) -> Worker:
    """The same agent with one ticket more."""
    held = {**worker.in_hand, priority: worker.in_hand.get(priority, 0) + 1}
    return replace(worker, in_hand=held, assigned_at=now)


def _chosen(eligible: Sequence[Worker], wanted: Wanted, line: Line, loads: Mapping[str, int]) -> tuple[Worker, str]:
    by_id = {worker.id: worker for worker in eligible}
    rules = line.assignment
    if rules.personal and wanted.engineer in by_id:
        return by_id[wanted.engineer], "It is the customer's own engineer."
    if rules.previous and wanted.previous in by_id:
        return by_id[wanted.previous], "It is the agent of the requester's last ticket."
    if rules.mode == "round_robin":
        first = min(eligible, key=lambda worker: (worker.assigned_at or _LONG_AGO, worker.id))
        return first, "It is the agent whose last ticket was given the longest ago."
    least = min(eligible, key=lambda worker: (loads[worker.id], worker.assigned_at or _LONG_AGO, worker.id))
    return least, f"It is the agent with the least in hand, {loads[least.id]}."
