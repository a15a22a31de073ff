"""How soon: impact and urgency by the rules, the requester's own words for it, or the kind; the matrix; and what moves
the priority after that. Each has its sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from domain.decision import Step
from domain.ids import format_number
from domain.policy import Kind, Plan, Policy
from domain.ticket import Earlier, Level, Priority
from router.features import Features
from router.incidents import severity_of
from router.steps.classify import Hits

_ORDER = tuple(Priority)
_YES = frozenset({"yes", "true", "1", "да", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    impact: Level
    urgency: Level
    priority: Priority
    step: Step


def prioritise(
    hits: Hits, features: Features, policy: Policy, kind: Kind, plan: Plan, *, vip: bool, repeated: Earlier | None
) -> Ranked:
    impact, why_impact = _level("impact", hits, features, policy, kind.impact, kind.key)
    urgency, why_urgency = _level("urgency", hits, features, policy, kind.urgency, kind.key)
    named = hits.get("priority")
    if named is not None:
        priority = Priority(named.value)
        step = Step(step="priority", outcome=priority, because=named.sentence(features), rule=named.key)
        return Ranked(impact=impact, urgency=urgency, priority=priority, step=step)
    priority = policy.matrix.cells[impact, urgency]
    sentences = [why_impact, why_urgency, f"The matrix gives {priority} for the two."]
    for steps, sentence in _raises(features, policy, plan, vip, repeated):
        raised = raise_by(priority, steps)
        if raised != priority:
            priority = raised
            sentences.append(sentence.format(priority=raised))
    hit = hits.get("impact") or hits.get("urgency")
    step = Step(step="priority", outcome=priority, because=" ".join(sentences), rule=hit.key if hit else None)
    return Ranked(impact=impact, urgency=urgency, priority=priority, step=step)


def _raises(
    features: Features, policy: Policy, plan: Plan, vip: bool, repeated: Earlier | None
) -> Sequence[tuple[int, str]]:
    adjust = policy.adjustments
    found = []
    if plan.raises_priority:
        found.append((plan.raises_priority, f"Plan {plan.key} raises it to {{priority}}."))
    if vip:
        found.append((adjust.vip, "The requester is a VIP, which raises it to {priority}."))
    if repeated is not None:
        number = format_number(repeated.number)
        found.append((adjust.repeat, f"The same was asked in {number} lately, which raises it to {{priority}}."))
    if plan.paid_raise:
        paid = min(_paid(features, policy), plan.paid_raise)
        found.append((paid, f"The requester pays for a raise, which plan {plan.key} includes: {{priority}}."))
    return found


def _paid(features: Features, policy: Policy) -> int:
    """Steps that the requester wants to pay for."""
    field = policy.adjustments.paid_field
    value = str(features.message.fields.get(field, "")).strip().lower() if field else ""
    if value.isascii() and value.isdigit():
        return int(value[:2])
    return 1 if value in _YES else 0


def repeated(earlier: Sequence[Earlier], catalog: str, kind: str, policy: Policy, at: datetime) -> Earlier | None:
    """The requester's latest ticket on the same entry and of the same kind, if it was opened lately enough."""
    since = at - timedelta(days=policy.repeat_days)
    same = (each for each in earlier if each.at >= since and (each.catalog, each.kind) == (catalog, kind))
    return max(same, key=lambda each: (each.at, each.number), default=None)


def raise_by(priority: Priority, steps: int) -> Priority:
    """P3 raised by one is P2; nothing is above P1."""
    return _ORDER[max(0, _ORDER.index(priority) - steps)]


def _level(
    name: Literal["impact", "urgency"], hits: Hits, features: Features, policy: Policy, usual: Level, kind: str
) -> tuple[Level, str]:
    hit = hits.get(name)
    if hit is not None:
        return Level(hit.value), f"{name.capitalize()} is {hit.value}. {hit.sentence(features)}"
    told = severity_of(features.message, policy)
    if told is not None:
        level = told.impact if name == "impact" else told.urgency
        return level, f"{name.capitalize()} is {level}, as the policy has it for alerts of this severity."
    for field in policy.adjustments.fields if features.message.fields else ():
        table = field.impact if name == "impact" else field.urgency
        said = table.get(str(features.message.fields.get(field.name, "")).strip().lower())
        if said is not None:
            return said, f"{name.capitalize()} is {said}, as the requester's {field.name} says."
    return usual, f"{name.capitalize()} is {usual}, as usual for kind {kind}."
