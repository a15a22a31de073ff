"""What if: past messages decided by another policy, and the difference that it makes. Pure.

Arrives: a message with the decision that was made on it (``domain.views.Past``). The decision's own snapshot stands for
what the store knew, so that nothing but the policy differs. Called by ``gateway.simulating``.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.decision import Decision, Step
from domain.people import Worker
from domain.policy import Policy
from domain.ticket import Priority
from domain.views import Past
from router.decide import decide
from router.known import from_snapshot
from router.steps.assign import Wanted, assign, automatic, busier
from router.verdict import Join, Open, Withhold

WITHHELD, JOINED = "withheld", "joined"
FIELDS = ("line", "group", "catalog", "kind", "priority", "plan", "first_response", "resolution")
"""What is compared of two outcomes, in the order in which it is shown."""
ASSIGNEE = "assignee (model)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a policy makes of a message. ``line`` is ``withheld`` where it makes no ticket and ``joined`` where it
    belongs to one; the rest is empty then. Due times as RFC 3339 in UTC, "" for none. ``audiences`` that the requester
    meets, for the model of assignment."""

    line: str
    group: str = ""
    catalog: str = ""
    kind: str = ""
    priority: str = ""
    plan: str = ""
    first_response: str = ""
    resolution: str = ""
    audiences: frozenset[str] = frozenset()

    @property
    def is_ticket(self) -> bool:
        return self.priority != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One message under both policies. ``requester`` and ``engineer`` are ids, for the model of assignment."""

    number: int
    at: datetime
    now: Outcome
    then: Outcome
    requester: str
    engineer: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """``fields``: what differs, each as (now, then)."""

    number: int
    at: datetime
    fields: Mapping[str, tuple[str, str]]


def compare(past: Past, current: Policy, candidate: Policy) -> Compared:
    known = replace(from_snapshot(past.decision.snapshot), workers=())
    at = past.decision.decided_at
    now, then = (_outcome(decide(past.message, known, policy, at)) for policy in (current, candidate))
    organization = known.organization or known.domain_organization
    return Compared(
        number=past.number,
        at=min(past.message.received_at, at),
        now=now,
        then=then,
        requester=known.identity.id,
        engineer=organization.engineer if organization else None,
        closed_at=past.closed_at,
    )


def replayed(past: Past, policy: Policy) -> tuple[Step, ...] | None:
    """The steps that the decision's own inputs and revision give again; None where they make no ticket's message of it
    any more. They are the recorded ones unless the program or the record has changed.

    Raises ``ValueError`` where ``policy`` is not the revision of the decision."""
    if policy.revision != past.decision.revision:
        raise ValueError(f"the decision is of revision {past.decision.revision}, not {policy.revision}")
    verdict = decide(past.message, from_snapshot(past.decision.snapshot), policy, past.decision.decided_at)
    return verdict.decision.steps if isinstance(verdict, Open | Join) else None


def differing(recorded: Decision, again: Sequence[Step] | None) -> str:
    """The first thing in which a replay differs from the record, in words; "" where it is the same."""
    if again is None:
        return "it would make no ticket"
    for old, new in zip(recorded.steps, again, strict=False):
        if old != new:
            return f"step {old.step}: {old.outcome} ({old.because}), and now {new.step}: {new.outcome} ({new.because})"
    if len(recorded.steps) != len(again):
        return f"{len(recorded.steps)} steps, and now {len(again)}"
    return ""


def _outcome(verdict: object) -> Outcome:
    if isinstance(verdict, Open):
        due = {clock.target: clock.due_at.isoformat(timespec="seconds") for clock in verdict.clocks}
        return Outcome(
            line=verdict.line,
            group=verdict.group or "",
            catalog=verdict.catalog,
            kind=verdict.kind,
            priority=verdict.priority.value,
            plan=verdict.plan,
            first_response=due.get("first_response", ""),
            resolution=due.get("resolution", ""),
            audiences=verdict.audiences,
        )
    return Outcome(line=WITHHELD if isinstance(verdict, Withhold) else JOINED)


class Staffing:
    """A model of who would have been given what, not a record: today's agents, each there in every shift of their
    calendar, with nothing in hand but what the model itself gives them, each ticket for as long as it really was open.
    """

    def __init__(self, policy: Policy, workers: Sequence[Worker]) -> None:
        self._policy = policy
        self._lines = automatic(policy)
        self._workers = {
            worker.id: replace(worker, presence="on", away_until=None, in_hand={}, assigned_at=None)
            for worker in workers
        }
        self._ends: list[tuple[datetime, str, str]] = []
        self._previous: dict[tuple[str, str], str] = {}

    def give(self, compared: Compared, outcome: Outcome) -> str:
        """The agent's id; "" where the line's agents take tickets themselves, or nobody could have it then."""
        if outcome.line not in self._lines:
            return ""
        while self._ends and self._ends[0][0] <= compared.at:
            _, agent, priority = heapq.heappop(self._ends)
            self._workers[agent] = _lighter(self._workers[agent], priority)
        asked = (compared.requester, outcome.line)
        wanted = Wanted(
            line=outcome.line,
            group=outcome.group or None,
            kind=outcome.kind,
            priority=Priority(outcome.priority),
            engineer=compared.engineer,
            previous=self._previous.get(asked),
            audiences=outcome.audiences,
        )
        here = [worker for worker in self._workers.values() if outcome.line in worker.lines]
        chosen = assign(wanted, here, self._policy, compared.at).agent
        if chosen is None:
            return ""
        self._workers[chosen] = busier(self._workers[chosen], outcome.priority, compared.at)
        self._previous[asked] = chosen
        if compared.closed_at is not None:
            heapq.heappush(self._ends, (compared.closed_at, chosen, outcome.priority))
        return chosen


def _lighter(worker: Worker, priority: str) -> Worker:
    return replace(worker, in_hand={**worker.in_hand, priority: worker.in_hand.get(priority, 0) - 1})


def changes(
    compared: Sequence[Compared], staffing: tuple[Staffing, Staffing], names: Mapping[str, str]
) -> Iterator[Changed]:
    """What differs, in time order. ``staffing``: the models of either policy; ``names``: agent's id -> name."""
    for each in compared:
        fields = {
            name: (getattr(each.now, name), getattr(each.then, name))
            for name in FIELDS
            if getattr(each.now, name) != getattr(each.then, name)
        }
        now, then = (
            model.give(each, outcome) if outcome.is_ticket else ""
            for model, outcome in zip(staffing, (each.now, each.then), strict=True)
        )
        if fields and now != then:
            fields[ASSIGNEE] = (names.get(now, now), names.get(then, then))
        if fields:
            yield Changed(number=each.number, at=each.at, fields=fields)
