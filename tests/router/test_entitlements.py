"""Who may file where, what the plan covers, and what moves a priority: the whole decision, by its steps and flags."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.identity import Contract, Identity, Organization
from domain.policy import Adjustments, Audience, KindType, Policy, PriorityField, Quota
from domain.ticket import Earlier, Level, Priority
from router.decide import decide
from router.known import from_snapshot
from router.verdict import Open
from tests.router.make import ANNA, message
from tests.router.make import known as known_
from tests.router.policies import NOW, make_policy, text

STAFF = Audience(key="staff", title=text("staff"), segments=frozenset({"internal"}))
ROMASHKA = Organization(
    id="O1",
    name="Romashka",
    segment="external",
    groups=frozenset({"retail"}),
    contracts=(Contract(id="C1", plan="premium", since=(NOW - timedelta(days=10)).date()),),
)


def decided(policy: Policy, *, identity: dict[str, Any] | None = None, known: Any = None, **sent: Any) -> Open:
    person = Identity(id="I1", channel="email", address=ANNA, organization_id="O1", **(identity or {}))
    facts = {"identity": person, "organization": ROMASHKA, **(known or {})}
    verdict = decide(message(**sent), known_(**facts), policy, NOW)
    assert isinstance(verdict, Open)
    return verdict


def because(verdict: Open, step: str) -> str:
    return next((each.because for each in verdict.decision.steps if each.step == step), "")


def with_entry(**changes: Any) -> Policy:
    found = make_policy(audiences={"staff": STAFF}, refused_catalog="other")
    return replace(found, catalog={**found.catalog, "stock": replace(found.catalog["stock"], **changes)})


def with_plan(**changes: Any) -> Policy:
    found = make_policy()
    return replace(found, plans={**found.plans, "premium": replace(found.plans["premium"], **changes)})


def test_a_request_on_an_entry_that_is_not_for_its_requester_goes_where_the_policy_says() -> None:
    verdict = decided(with_entry(audiences=("staff",)), catalog="stock")
    assert (verdict.catalog, verdict.flags) == ("other", ("not_entitled",))
    assert because(verdict, "audience") == (
        "Catalog entry stock is for staff, and the requester is not among them. It goes to other."
    )


@pytest.mark.parametrize(
    "audience",
    [
        {"segments": frozenset({"external"})},
        {"organizations": frozenset({"O1"})},
        {"groups": frozenset({"retail"})},
        {"plans": frozenset({"premium"})},
        {"domains": frozenset({"romashka.example"})},
        {},
    ],
)
def test_whoever_meets_one_part_of_an_audience_is_of_it(audience: dict[str, Any]) -> None:
    policy = with_entry(audiences=("staff",))
    policy = replace(policy, audiences={"staff": Audience(key="staff", title=text("x"), **audience)})
    verdict = decided(policy, catalog="stock")
    assert (verdict.catalog, verdict.flags, because(verdict, "audience")) == ("stock", (), "")


def test_a_retired_entry_takes_no_new_requests() -> None:
    verdict = decided(with_entry(retired=True), catalog="stock")
    assert verdict.catalog == "other"
    assert because(verdict, "audience") == "Catalog entry stock takes no new requests. It goes to other."


def test_an_entry_may_put_another_plan_in_place() -> None:
    verdict = decided(with_entry(plans={"premium": "standard"}), catalog="stock")
    assert verdict.plan == "standard"
    assert because(verdict, "plan").endswith("On stock plan premium is replaced by standard.")


def test_a_plan_of_named_contacts_covers_nobody_else() -> None:
    policy = with_plan(contacts="named")
    assert decided(policy, identity={"contact": True}).plan == "premium"
    verdict = decided(policy)
    assert (verdict.plan, verdict.flags) == ("standard", ("not_a_contact",))
    assert because(verdict, "plan").endswith(
        "Plan premium is for named contacts, and the sender is none, so the plan is standard."
    )


def test_a_channel_that_the_plan_does_not_include_is_served_by_the_default() -> None:
    verdict = decided(with_plan(channels=frozenset({"form"})))
    assert (verdict.plan, verdict.flags) == ("standard", ("channel_not_included",))
    assert decided(with_plan(channels=frozenset({"email"}))).plan == "premium"


@pytest.mark.parametrize(
    ("over", "plan", "flags"),
    [
        ({"over": "flag"}, "premium", ("over_quota",)),
        ({"over": "lower", "lower_to": "standard"}, "standard", ("over_quota",)),
        ({"over": "ask"}, "premium", ("over_quota", "quota_ask")),
    ],
)
def test_above_the_quota_the_plan_says_what_happens(over: dict[str, Any], plan: str, flags: tuple[str, ...]) -> None:
    policy = with_plan(quota=Quota(requests=3, **over))
    within = decided(policy, known={"used": {"O1": {"question": 2}}})
    assert (within.plan, within.flags) == ("premium", ())
    assert "It is request 3 of 3 that plan premium includes this month." in because(within, "plan")
    above = decided(policy, known={"used": {"O1": {"question": 2, "outage": 1}}})
    assert (above.plan, above.flags) == (plan, flags)
    assert "Plan premium includes 3 requests a month, and 3 were made." in because(above, "plan")


def test_a_plan_for_the_organisations_own_domains_serves_nobody_elses() -> None:
    policy = with_plan(contacts="domains")
    elsewhere = decided(policy)
    assert (elsewhere.plan, elsewhere.flags) == ("standard", ("not_a_contact",))
    assert because(elsewhere, "plan").endswith(
        "Plan premium is for senders of the organisation's own domains, and this is none, so the plan is standard."
    )
    assert decided(policy, known={"domain_organization": ROMASHKA}).plan == "premium"
    stranger = replace(ROMASHKA, id="O2")
    assert decided(policy, known={"domain_organization": stranger}).plan == "standard"


def test_hours_of_work_are_counted_beside_requests() -> None:
    policy = with_plan(quota=Quota(requests=9, hours=2))
    within = decided(policy, known={"worked": {"O1": {"question": 60, "outage": 59}, "O2": {"question": 900}}})
    assert within.flags == ()
    above = decided(policy, known={"worked": {"O1": {"question": 60, "outage": 75}}})
    assert above.flags == ("over_quota",)
    assert "Plan premium includes 2 h of work a month, and 2 h 15 min were worked." in because(above, "plan")
    assert "includes this month" not in because(above, "plan")


def test_code_defects_are_outside_the_quota() -> None:
    defects = {"incident": KindType(key="incident", title=text("x"), outside_quota=True)}
    policy = replace(with_plan(quota=Quota(requests=1)), types=defects)
    counted = decided(policy, known={"used": {"O1": {"outage": 5}}})
    assert counted.flags == ()
    hours = replace(with_plan(quota=Quota(hours=1)), types=defects)
    assert decided(hours, known={"worked": {"O1": {"outage": 500}}}).flags == ()
    assert decided(policy, text="не работает", known={"used": {"O1": {"question": 5}}}).flags == ()


@pytest.mark.parametrize(
    ("adjust", "identity", "sent", "priority", "sentence"),
    [
        ({}, {}, {}, Priority.P3, "The matrix gives p4 for the two. Plan premium raises it to p3."),
        ({"vip": 1}, {"vip": True}, {}, Priority.P2, "The requester is a VIP, which raises it to p2."),
        ({"vip": 1}, {}, {}, Priority.P3, "Plan premium raises it to p3."),
        (
            {"fields": (PriorityField(name="severity", impact={"blocker": Level.HIGH}),)},
            {},
            {"fields": {"severity": " Blocker "}},
            Priority.P2,
            "Impact is high, as the requester's severity says.",
        ),
        (
            {"paid_field": "faster"},
            {},
            {"fields": {"faster": "2"}},
            Priority.P2,
            "The requester pays for a raise, which plan premium includes: p2.",
        ),
        ({"paid_field": "faster"}, {}, {"fields": {"faster": "no"}}, Priority.P3, "raises it to p3."),
    ],
)
def test_every_adjustment_of_a_priority_is_a_reason(
    adjust: dict[str, Any], identity: dict[str, Any], sent: dict[str, Any], priority: Priority, sentence: str
) -> None:
    policy = replace(with_plan(paid_raise=1), adjustments=Adjustments(**adjust))
    verdict = decided(policy, identity=identity, **sent)
    assert verdict.priority == priority, because(verdict, "priority")
    assert sentence in because(verdict, "priority")


def test_the_same_request_again_is_flagged_and_raised_within_the_days_of_the_policy() -> None:
    policy = replace(make_policy(), adjustments=Adjustments(repeat=1), repeat_days=7)

    def before(days: float, **changes: Any) -> dict[str, Any]:
        values = {"number": 3, "catalog": "other", "kind": "question", "line": "first", **changes}
        return {"earlier": (Earlier(at=NOW - timedelta(days=days), **values),)}

    again = decided(policy, known=before(6.9))
    assert (again.priority, again.flags) == (Priority.P2, ("repeat",))
    assert "The same was asked in T-000003 lately, which raises it to p2." in because(again, "priority")
    for other in (before(7.1), before(1, kind="outage"), before(1, catalog="stock")):
        assert decided(policy, known=other).flags == ()


def test_a_decision_made_again_from_its_own_snapshot_is_the_same() -> None:
    policy = replace(with_plan(quota=Quota(requests=3)), adjustments=Adjustments(repeat=1, vip=1))
    earlier = Earlier(number=3, at=NOW - timedelta(days=1), catalog="other", kind="question", line="first")
    given = {"used": {"O1": {"question": 1}}, "worked": {"O1": {"question": 7}}, "earlier": (earlier,)}
    first = decided(policy, identity={"vip": True, "contact": True}, known=given)
    again = decide(message(), from_snapshot(first.decision.snapshot), policy, NOW)
    assert again == first
