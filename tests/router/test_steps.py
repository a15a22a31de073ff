"""The steps one by one: requester, plan, rules, catalog, kind, priority, line, clocks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.decision import Step
from domain.policy import Goal, Policy, Rule
from domain.ticket import Level, Priority
from router.compiled import rules_of
from router.decide import decide
from router.steps.clocks import spelled, start_clocks
from router.steps.entitle import covered_by
from router.steps.identify import identify
from router.steps.prioritise import raise_by
from router.verdict import ClockStart, Open
from tests.router.make import IDENTITY, dmarc, known, message, organization
from tests.router.policies import HOUR, NOW, RULES, is_, make_policy, words


def opened(text: str = "", subject: str = "", policy: Policy | None = None, **changes: Any) -> Open:
    inputs = known(**changes.pop("inputs", {}))
    verdict = decide(message(text, subject, **changes), inputs, policy or make_policy(), NOW)
    assert isinstance(verdict, Open)
    return verdict


def step(verdict: Open, name: str) -> Step:
    return next(step for step in verdict.decision.steps if step.step == name)


CARD = organization(id="O1", name="Romashka")
DOMAIN = organization(id="O2", name="Lilia")


@pytest.mark.parametrize(
    ("sender", "inputs", "check", "name", "because"),
    [
        ("a@b.example", {}, "", None, "Nothing links this sender to an organisation."),
        ("a@b.example", {"organization": CARD}, "", "Romashka", "The sender's card belongs to Romashka."),
        ("a@b.example", {"domain_organization": DOMAIN}, "", "Lilia", "The mail domain b.example belongs to Lilia."),
        (
            "a@b.example",
            {"organization": CARD, "domain_organization": DOMAIN},
            "pass",
            "Romashka",
            "The sender's card belongs to Romashka.",
        ),
        (
            "a@mail.example",
            {"domain_organization": DOMAIN},
            "",
            None,
            "mail.example is a public mail provider, so the domain names no organisation.",
        ),
        (
            "a@b.example",
            {"organization": CARD, "domain_organization": DOMAIN},
            "fail",
            None,
            "The sender's domain check (DMARC) failed, so the address says nothing about who wrote.",
        ),
    ],
)
def test_the_organisation_is_the_cards_then_the_domains(
    sender: str, inputs: dict[str, Any], check: str, name: str | None, because: str, policy: Policy
) -> None:
    requester = identify(message(sender=sender, authentication=dmarc(check)), known(**inputs), policy.mail)
    assert requester.identity == IDENTITY
    assert (requester.organization.name if requester.organization else None) == name
    assert requester.step == Step(step="requester", outcome=name or "no organisation", because=because)


@pytest.mark.parametrize(
    ("contracts", "plan", "because"),
    [
        ((), "standard", "Romashka has no contract, so the plan is the default, standard."),
        ((("premium", "2026-01-01", None),), "premium", "Romashka has a contract in force."),
        ((("premium", "2026-11-23", "2026-11-23"),), "premium", "Romashka has a contract in force."),
        (
            (("premium", "2025-01-01", "2026-11-22"),),
            "standard",
            "The contract of Romashka runs from 2025-01-01 to 2026-11-22 and is not in force, "
            "so the plan is the default, standard.",
        ),
        (
            (("premium", "2026-11-24", None),),
            "standard",
            "The contract of Romashka begins on 2026-11-24, so the plan is the default, standard.",
        ),
        (
            (("gold", "2026-01-01", None),),
            "standard",
            "The contract of Romashka is for plan gold, which the policy does not have, "
            "so the plan is the default, standard.",
        ),
        (
            (("standard", "2025-01-01", None), ("premium", "2026-02-01", None)),
            "premium",
            "Romashka has a contract in force.",
        ),
        (
            (("premium", "2025-01-01", "2025-12-31"), ("standard", "2024-01-01", None)),
            "standard",
            "Romashka has a contract in force.",
        ),
    ],
)
def test_the_plan_is_the_contracts_that_covers_the_day(
    contracts: tuple[tuple[str, str, str | None], ...], plan: str, because: str, policy: Policy
) -> None:
    covered = covered_by(organization(*contracts), policy, NOW)
    assert (covered.plan, covered.step) == (policy.plans[plan], Step(step="plan", outcome=plan, because=because))


def test_a_contract_begins_at_midnight_of_the_plans_own_calendar(policy: Policy) -> None:
    new = organization(("standard", "2026-11-24", None), name="Early")
    half_past_midnight_in_moscow = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
    an_hour_before = half_past_midnight_in_moscow - timedelta(hours=1)
    because = [covered_by(new, policy, at).step.because for at in (an_hour_before, half_past_midnight_in_moscow)]
    assert because == [
        "The contract of Early begins on 2026-11-24, so the plan is the default, standard.",
        "Early has a contract in force.",
    ]


def test_without_an_organisation_the_plan_is_the_default(policy: Policy) -> None:
    because = "Without an organisation the plan is the default, standard."
    assert covered_by(None, policy, NOW).step == Step(step="plan", outcome="standard", because=because)


INVOICE = "Rule invoice-words (rules.yaml:9) matched: text has the words «счёт»."


@pytest.mark.parametrize(
    ("text", "changes", "catalog", "because", "rule"),
    [
        ("Пришлите счёт", {}, "billing/invoices", INVOICE, "invoice-words"),
        ("Hello", {}, "other", "No rule named an entry, so it is the default.", None),
        ("Пришлите счёт", {"catalog": "stock"}, "stock", "The requester chose it.", None),
        (
            "Hello",
            {"catalog": "garage"},
            "other",
            "The requester chose garage, which the policy does not have. No rule named an entry, so it is the default.",
            None,
        ),
        (
            "Пришлите счёт",
            {"catalog": "garage"},
            "billing/invoices",
            f"The requester chose garage, which the policy does not have. {INVOICE}",
            "invoice-words",
        ),
        (
            "Hello",
            {"recipients": ("x@y.example", "Billing+t1.abc@example.org")},
            "billing",
            "Mail to billing@example.org starts from it.",
            None,
        ),
        ("Пришлите счёт", {"recipients": ("billing@example.org",)}, "billing/invoices", INVOICE, "invoice-words"),
        ("Пришлите счёт, остатки", {}, "billing/invoices", INVOICE, "invoice-words"),
    ],
)
def test_the_catalog_entry_is_the_requesters_then_the_rules_then_the_address(
    text: str, changes: dict[str, Any], catalog: str, because: str, rule: str | None
) -> None:
    verdict = opened(text, **changes)
    assert verdict.catalog == catalog
    assert step(verdict, "catalog") == Step(step="catalog", outcome=catalog, because=because, rule=rule)


@pytest.mark.parametrize(
    ("text", "kind", "because", "rule"),
    [
        ("Склад не работает", "outage", "Rule down matched: text has the words «не работает».", "down"),
        ("Пришлите счёт", "question", "It is the usual kind for billing/invoices.", None),
        ("Hello", "question", "No rule named a kind, so it is the default.", None),
        ("stock of invoices", "outage", "Rule stock-words matched: text has the words «stock».", "stock-words"),
    ],
)
def test_the_kind_is_the_rules_then_the_entrys(text: str, kind: str, because: str, rule: str | None) -> None:
    assert step(opened(text), "kind") == Step(step="kind", outcome=kind, because=because, rule=rule)


USUAL = "as usual for kind question."


@pytest.mark.parametrize(
    ("text", "inputs", "levels", "priority", "because"),
    [
        (
            "Hello",
            {},
            (Level.LOW, Level.LOW),
            Priority.P4,
            f"Impact is low, {USUAL} Urgency is low, {USUAL} The matrix gives p4 for the two.",
        ),
        (
            "У всех, срочно",
            {},
            (Level.HIGH, Level.HIGH),
            Priority.P1,
            "Impact is high. Rule everyone matched: text has the words «у всех». "
            "Urgency is high. Rule urgent matched: text has the words «срочно». The matrix gives p1 for the two.",
        ),
        (
            "urgent",
            {"organization": organization(("premium", "2026-01-01", None))},
            (Level.LOW, Level.HIGH),
            Priority.P2,
            f"Impact is low, {USUAL} Urgency is high. Rule urgent matched: text has the words «urgent». "
            "The matrix gives p3 for the two. Plan premium raises it to p2.",
        ),
        (
            "urgent for everyone",
            {"organization": organization(("premium", "2026-01-01", None))},
            (Level.HIGH, Level.HIGH),
            Priority.P1,
            "Impact is high. Rule everyone matched: text has the words «everyone». "
            "Urgency is high. Rule urgent matched: text has the words «urgent». The matrix gives p1 for the two.",
        ),
        (
            "urgent",
            {"organization": organization(("premium", "2026-01-01", None), segment="internal")},
            (Level.LOW, Level.HIGH),
            Priority.P4,
            "Rule boss matched: segment is «internal».",
        ),
    ],
)
def test_each_adjustment_of_the_priority_has_its_sentence(
    text: str, inputs: dict[str, Any], levels: tuple[Level, Level], priority: Priority, because: str
) -> None:
    verdict = opened(text, inputs=inputs)
    assert ((verdict.impact, verdict.urgency), verdict.priority) == (levels, priority)
    assert step(verdict, "priority").because == because


def test_nothing_is_raised_above_the_first_priority() -> None:
    raised = [raise_by(priority, 2) for priority in Priority]
    assert raised == [Priority.P1, Priority.P1, Priority.P1, Priority.P2]


MADE_HERE = Rule(key="to-dev", when=words("разработка"), sets={"kind": "development"})


@pytest.mark.parametrize(
    ("text", "line", "group", "outcome", "because"),
    [
        ("Hello", "first", None, "first", "Catalog entry other belongs to line first."),
        (
            "счёт",
            "first",
            "money",
            "first/money",
            "Catalog entry billing/invoices belongs to line first. Group money looks after billing/invoices.",
        ),
        ("разработка", "second", None, "second", "Kind development goes to line second."),
        ("счёт и разработка", "second", None, "second", "Kind development goes to line second."),
        (
            "остатки: не работает",
            "second",
            "experts",
            "second/experts",
            "Rule stock-and-down matched: catalog is under «stock» and text has the words «не работает». "
            "Group experts: Rule stock-and-down matched: catalog is under «stock» "
            "and text has the words «не работает».",
        ),
    ],
)
def test_the_line_is_the_rules_then_the_kinds_then_the_entrys(
    text: str, line: str, group: str | None, outcome: str, because: str
) -> None:
    verdict = opened(text, policy=make_policy(rules=(*RULES[:-1], MADE_HERE)))
    assert (verdict.line, verdict.group) == (line, group)
    assert (step(verdict, "line").outcome, step(verdict, "line").because) == (outcome, because)


def test_an_entry_whose_line_is_gone_falls_to_the_fallback() -> None:
    policy = make_policy()
    policy = replace(policy, catalog={**policy.catalog, "other": replace(policy.catalog["other"], line="fourth")})
    because = "The policy has no line fourth, so line first takes it."
    assert step(opened(policy=policy), "line") == Step(step="line", outcome="first", because=because)


def test_a_rule_sets_only_what_no_rule_before_it_has_set() -> None:
    rules = (
        Rule(key="one", when=words("a"), sets={"kind": "outage"}),
        Rule(key="two", when=words("a"), sets={"kind": "development", "line": "second"}),
        Rule(key="three", when=is_("channel", "email"), sets={"line": "first", "catalog": "stock"}),
    )
    verdict = opened("a", policy=make_policy(rules=rules))
    assert (verdict.kind, verdict.line, verdict.catalog) == ("outage", "second", "stock")
    assert {s.step: s.rule for s in verdict.decision.steps if s.rule} == {
        "kind": "one",
        "line": "two",
        "catalog": "three",
    }


def test_clocks_start_at_the_next_opening_and_run_by_the_plans_calendar(policy: Policy) -> None:
    saturday = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    clocks, why = start_clocks(policy, policy.plans["standard"], Priority.P2, "question", "first", saturday)
    assert clocks == (
        ClockStart(
            target="first_response",
            calendar="office",
            cell="standard/p2",
            goal_s=4 * HOUR,
            started_at=saturday,
            opens=datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
            due_at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
            warn=(50, 80),
        ),
    )
    assert why == Step(
        step="clocks",
        outcome="first response: 2026-11-23 10:00:00 UTC; resolution: none",
        because="Plan standard promises the first response within 4 h (cell standard/p2) of calendar office. "
        "Plan standard promises no resolution for p2 (cell standard/p2).",
    )


def test_a_plan_that_promises_nothing_starts_no_clock(policy: Policy) -> None:
    silent = replace(
        policy.plans["standard"],
        goals={t: dict.fromkeys(Priority, Goal(cell="x", seconds=None)) for t in ("first_response", "resolution")},
    )
    clocks, why = start_clocks(
        replace(policy, plans={silent.key: silent}), silent, Priority.P1, "question", "first", NOW
    )
    assert (clocks, why.outcome) == ((), "first response: none; resolution: none")


def test_the_customers_time_counts_from_when_the_message_came() -> None:
    came = NOW - timedelta(hours=2)
    assert {clock.started_at for clock in opened(received_at=came).clocks} == {came}
    ahead = NOW + timedelta(hours=2)  # by a machine whose clock is wrong
    assert {clock.started_at for clock in opened(received_at=ahead).clocks} == {NOW}


@pytest.mark.parametrize(
    ("seconds", "text"), [(5400, "1 h 30 min"), (4 * HOUR, "4 h"), (61, "1 min 1 s"), (0, "0 s"), (90_000, "25 h")]
)
def test_durations_are_spelled_out(seconds: int, text: str) -> None:
    assert spelled(seconds) == text


def test_steps_come_in_the_order_of_the_contract() -> None:
    assert [step.step for step in opened().decision.steps] == [
        "requester",
        "correlation",
        "catalog",
        "kind",
        "priority",
        "plan",
        "line",
        "clocks",
    ]


def test_rules_are_made_ready_once_for_a_policy_and_forgotten_in_time() -> None:
    policies = [make_policy(revision=n) for n in range(6)]
    first = rules_of(policies[0])
    assert rules_of(policies[0]) is first
    for policy in policies[1:]:
        rules_of(policy)
    assert rules_of(policies[0]) is not first
    assert [ready.rule for ready in rules_of(policies[0])] == list(RULES)


def test_a_card_stands_above_the_lookup_and_the_lookup_above_the_domain(policy: Policy) -> None:
    card, named, owner = (organization(id=key, name=key) for key in ("card", "named", "owner"))

    def of(**inputs: Any) -> str:
        return identify(message(), known(domain_organization=owner, **inputs), policy.mail).step.outcome

    assert of(organization=card, named_organization=named) == "card"
    assert of(named_organization=named) == "named"
    assert of() == "owner"
    forged = message(authentication=dmarc("fail"))
    assert identify(forged, known(named_organization=named), policy.mail).organization is None
