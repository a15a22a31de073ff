"""How soon: impact and urgency by the kind or the rules, the matrix, and what the plan adds. Each has its sentence."""

from dataclasses import dataclass

from domain.decision import Step
from domain.policy import Kind, Plan, Policy
from domain.ticket import Level, Priority
from router.features import Features
from router.steps.classify import Hits

_ORDER = tuple(Priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    impact: Level
    urgency: Level
    priority: Priority
    step: Step


def prioritise(hits: Hits, features: Features, policy: Policy, kind: Kind, plan: Plan) -> Ranked:
    impact, why_impact = _level("impact", hits, features, kind.impact, kind.key)
    urgency, why_urgency = _level("urgency", hits, features, kind.urgency, kind.key)
    named = hits.get("priority")
    if named is not None:
        priority = Priority(named.value)
        step = Step(step="priority", outcome=priority, because=named.sentence(features), rule=named.key)
        return Ranked(impact=impact, urgency=urgency, priority=priority, step=step)
    priority = policy.matrix.cells[impact, urgency]
    sentences = [why_impact, why_urgency, f"The matrix gives {priority} for the two."]
    raised = raise_by(priority, plan.raises_priority)
    if raised != priority:
        sentences.append(f"Plan {plan.key} raises it to {raised}.")
    hit = hits.get("impact") or hits.get("urgency")
    step = Step(step="priority", outcome=raised, because=" ".join(sentences), rule=hit.key if hit else None)
    return Ranked(impact=impact, urgency=urgency, priority=raised, step=step)


def raise_by(priority: Priority, steps: int) -> Priority:
    """P3 raised by one is P2; nothing is above P1."""
    return _ORDER[max(0, _ORDER.index(priority) - steps)]


def _level(name: str, hits: Hits, features: Features, usual: Level, kind: str) -> tuple[Level, str]:
    hit = hits.get(name)
    if hit is None:
        return usual, f"{name.capitalize()} is {usual}, as usual for kind {kind}."
    return Level(hit.value), f"{name.capitalize()} is {hit.value}. {hit.sentence(features)}"
