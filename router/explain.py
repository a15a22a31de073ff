"""Why, and why not: the rules that were considered for each step of a decision, recomputed when someone asks.

Arrives: the message, its decision and the policy revision that decided it. Leaves: the same decision whose steps carry
what was ``tried``. Called by the desk and the API for ``?explain=1``. Nothing of it is stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from domain.decision import Decision, Step, Tried
from domain.message import Message
from domain.policy import Policy, Rule
from router.compiled import rules_of
from router.decide import decide
from router.features import Features
from router.known import from_snapshot
from router.steps.classify import start_catalog
from router.steps.entitle import covered_by
from router.steps.identify import identify
from router.verdict import Open

CONCERNS: dict[str, frozenset[str]] = {
    "catalog": frozenset({"catalog"}),
    "kind": frozenset({"kind"}),
    "priority": frozenset({"impact", "urgency", "priority"}),
    "line": frozenset({"line", "group"}),
}
"""Step -> what a rule sets that bears on it."""


@dataclass(frozen=True, slots=True)
class Considered:
    """A rule as the classification met it; ``late``: what it sets that stood already, and by whom."""

    rule: Rule
    matched: bool
    why: str
    late: Mapping[str, str]

    def tried(self, concern: frozenset[str]) -> Tried:
        """``matched`` means that the condition holds; ``why`` adds what the rule came too late for."""
        late = [f"{key} was set by {self.late[key]}" for key in self.rule.sets if key in self.late and key in concern]
        why = f"{self.why}; but {' and '.join(late)}" if self.matched and late else self.why
        return Tried(rule=self.rule.key, matched=self.matched, why=why)


def explain(message: Message, decision: Decision, policy: Policy) -> Decision:
    """Raises ``ValueError`` where ``policy`` is not the revision of the decision: its rules would explain nothing."""
    if policy.revision != decision.revision:
        raise ValueError(f"the decision is of revision {decision.revision}, not {policy.revision}")
    if decision.outcome("catalog") is None:
        return decision  # the message joined a ticket, and no rule was asked
    considered = tuple(_considered(message, decision, policy))
    steps = tuple(
        _with_agents(step, message, decision, policy) if step.step == "assignee" else _with_tried(step, considered)
        for step in decision.steps
    )
    return replace(decision, steps=steps)


def _with_agents(step: Step, message: Message, decision: Decision, policy: Policy) -> Step:
    """Who was considered for the ticket, by id, and why they could not have it."""
    again = decide(message, from_snapshot(decision.snapshot), policy, decision.decided_at)
    return replace(step, tried=again.considered) if isinstance(again, Open) else step


def _with_tried(step: Step, considered: tuple[Considered, ...]) -> Step:
    concern = CONCERNS.get(step.step, frozenset())
    return replace(
        step, tried=tuple(each.tried(concern) for each in considered if concern.intersection(each.rule.sets))
    )


def _considered(message: Message, decision: Decision, policy: Policy) -> Iterator[Considered]:
    """Every rule in order."""
    features, chosen = _features(message, decision, policy)
    setters: dict[str, str] = {"catalog": "the requester"} if chosen else {}
    for ready in rules_of(policy):
        rule = ready.rule
        matched = ready.test.found(features) is not None
        late = {key: setters[key] for key in rule.sets if key in setters}
        yield Considered(rule, matched, ready.test.why(features), late)
        if matched:
            setters |= {key: f"rule {rule.key}" for key in rule.sets if key not in late}
            if "catalog" in rule.sets and "catalog" not in late:
                features.catalog = rule.sets["catalog"]


def _features(message: Message, decision: Decision, policy: Policy) -> tuple[Features, bool]:
    """As ``router.decide`` had them, of the decision's own snapshot."""
    organization = identify(message, from_snapshot(decision.snapshot), policy.mail).organization
    plan = covered_by(organization, policy, min(message.received_at, decision.decided_at)).plan
    start = start_catalog(message, policy)
    return Features(message, organization=organization, plan=plan.key, catalog=start.path), start.chosen
