"""Verdicts: what makes a ticket, what joins one, what is held; and that snapshot and revision decide alike again."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.message import Bounce, Message
from domain.policy import Policy
from domain.status import Status
from router.decide import decide
from router.explain import explain
from router.known import Known, from_snapshot
from router.verdict import Join, Open, Repeat, Withhold
from tests.router.make import ANNA, IDENTITY, automatic, dmarc, known, message, organization, ticket
from tests.router.policies import LONG_AGO, NOW, make_policy

POLICY = make_policy()


@pytest.mark.parametrize("status", Status)
def test_a_message_that_joins_moves_the_ticket_as_the_process_says(status: Status) -> None:
    before = ticket(5, status, line="second")
    verdict = decide(message(), known(conversations=(before,)), POLICY, NOW)
    moved = status in (Status.WAITING_REQUESTER, Status.FEEDBACK, Status.CLOSED)
    assert isinstance(verdict, Join)
    assert verdict == Join(
        decision=verdict.decision,
        author="I1",
        number=5,
        line="second",
        old=status,
        status=Status.IN_PROGRESS if moved else status,
    )
    assert [step.step for step in verdict.decision.steps] == ["requester", "correlation"]


def test_the_same_message_again_is_a_repeat_whatever_else_it_is() -> None:
    inputs = known(first=("E0", 5), first_ticket=ticket(5, line="second"), tokens=(ticket(6),))
    repeat = Repeat(first_envelope="E0", number=5, line="second")
    assert decide(message(), inputs, POLICY, NOW) == repeat
    assert decide(message(automatic=automatic("bounce")), inputs, POLICY, NOW) == repeat


def test_a_repeat_of_what_made_no_ticket_has_none() -> None:
    assert decide(message(), known(first=("E0", None)), POLICY, NOW) == Repeat(
        first_envelope="E0", number=None, line=""
    )


REASONS = {
    "auto_reply": "auto-reply",
    "bounce": "bounce",
    "delivery_report": "delivery report",
    "loop": "mail loop",
}


@pytest.mark.parametrize("kind", REASONS)
def test_automatic_mail_is_held_with_the_reason_in_plain_words(kind: Any) -> None:
    mail = message("срочно", automatic=automatic(kind, "X-Test: yes"))
    assert decide(mail, known(), POLICY, NOW) == Withhold(reason=f"{REASONS[kind]}: X-Test: yes")


@pytest.mark.parametrize("kind", REASONS)
def test_automatic_mail_never_joins_a_ticket_but_names_it(kind: Any) -> None:
    mail = message(automatic=automatic(kind, "X-Test: yes"))
    verdict = decide(mail, known(tokens=(ticket(5),), conversations=(ticket(5),)), POLICY, NOW)
    assert verdict == Withhold(reason=f"{REASONS[kind]}: X-Test: yes", number=5, line="first")


BOUNCES = (
    Bounce(action="failed", recipient="x@y.example", status="5.1.1", message_id="sent@example.org"),
    Bounce(action="delayed", recipient="z@y.example", status="4.4.1"),
)


def test_a_bounce_of_a_tickets_mail_is_reported_to_the_ticket() -> None:
    mail = message(automatic=automatic("bounce", "null sender"), bounces=BOUNCES)
    about = ticket(5, Status.WAITING_REQUESTER, "I9", line="second")
    assert decide(mail, known(reported=about), POLICY, NOW) == Withhold(
        reason="bounce: null sender", number=5, line="second", reports=BOUNCES
    )
    assert decide(mail, known(), POLICY, NOW) == Withhold(reason="bounce: null sender")


@pytest.mark.parametrize(
    ("kind", "through"),
    [
        ("auto_reply", True),
        ("bounce", False),
        ("delivery_report", False),
        ("loop", False),
    ],
)
def test_a_rule_may_let_automatic_mail_through_but_no_reports_and_loops(kind: Any, through: bool) -> None:
    mail = message("disk full", sender="watch@robots.example", automatic=automatic(kind))
    verdict = decide(mail, known(), POLICY, NOW)
    assert isinstance(verdict, Open) is through
    if isinstance(verdict, Open):
        assert (verdict.kind, verdict.flags) == ("outage", ("automatic",))


@pytest.mark.parametrize("kind", ["list", "bulk"])
def test_mail_of_a_list_or_a_bulk_sender_is_a_request_that_nothing_answers_by_itself(kind: Any) -> None:
    verdict = decide(message("срочно", automatic=automatic(kind)), known(), POLICY, NOW)
    assert isinstance(verdict, Open)
    assert verdict.flags == ("automatic",)
    joined = decide(message(automatic=automatic(kind)), known(conversations=(ticket(5),)), POLICY, NOW)
    assert isinstance(joined, Join)


def test_let_through_mail_joins_its_ticket_like_any_other() -> None:
    mail = message("disk full", sender="watch@robots.example", automatic=automatic("auto_reply"))
    verdict = decide(mail, known(conversations=(ticket(5),)), POLICY, NOW)
    assert isinstance(verdict, Join)
    assert verdict.number == 5


ADVERT = "Выгодное предложение!"
ADVERTISING = "advertising: Rule ads (rules.yaml:3) matched: text has the words «выгодное предложение»."


def test_a_rule_may_hold_a_message_with_its_reason() -> None:
    assert decide(message(ADVERT), known(), POLICY, NOW) == Withhold(reason=ADVERTISING)


def test_no_rule_holds_what_belongs_to_a_ticket() -> None:
    assert isinstance(decide(message(ADVERT), known(tokens=(ticket(5),)), POLICY, NOW), Join)


@pytest.mark.parametrize(
    ("changes", "inputs"),
    [
        ({"text": ADVERT}, {}),
        ({"automatic": automatic("loop")}, {}),
        ({"automatic": automatic("bounce"), "bounces": BOUNCES}, {"reported": ticket(5)}),
        ({}, {"first": ("E1", None)}),
        ({}, {"first": ("E0", 5)}),
    ],
)
def test_what_a_person_released_always_makes_a_ticket(changes: dict[str, Any], inputs: dict[str, Any]) -> None:
    verdict = decide(message(**{**changes, "flags": ("released",)}), known(**inputs), POLICY, NOW)
    assert isinstance(verdict, Open)


def test_a_failed_domain_check_gives_no_plan_and_no_conversation_but_a_ticket() -> None:
    premium = organization(("premium", "2026-01-01", None))
    mail = message(authentication=dmarc("fail"))
    verdict = decide(mail, known(organization=premium, conversations=(ticket(5),)), POLICY, NOW)
    assert isinstance(verdict, Open)
    assert (verdict.organization, verdict.plan, verdict.flags) == (None, "standard", ("dmarc_fail",))
    assert verdict.decision.snapshot["suggestions"] == [5]


def test_the_language_is_the_messages_then_the_persons() -> None:
    person = known(identity=replace(IDENTITY, language="ru"))
    spoken = [
        verdict.language
        for verdict in (
            decide(message(language="en"), person, POLICY, NOW),
            decide(message(), person, POLICY, NOW),
            decide(message(), known(), POLICY, NOW),
        )
        if isinstance(verdict, Open)
    ]
    assert spoken == ["en", "ru", None]


# Replaying

statuses = st.sampled_from(Status)
tickets = st.builds(
    lambda number, status, who, late: ticket(
        number, status, *who, closed_at=(LONG_AGO if late else NOW) if status is Status.CLOSED else None
    ),
    st.integers(1, 4),
    statuses,
    st.sampled_from([("I1",), ("I9",), ("I9", "I1")]),
    st.booleans(),
)
some = st.lists(tickets, max_size=2).map(tuple)
organizations = st.none() | st.sampled_from(
    [
        organization(),
        organization(("premium", "2026-01-01", None)),
        organization(("premium", "2025-01-01", "2025-12-31")),
        organization(("standard", "2027-01-01", None), segment="internal"),
    ]
)
knowns = st.builds(
    Known,
    identity=st.sampled_from([IDENTITY, replace(IDENTITY, verified=True, vip=True, language="en", person_id="P1")]),
    organization=organizations,
    domain_organization=organizations,
    tokens=some,
    lost_tokens=st.lists(st.integers(1, 9), max_size=1).map(tuple),
    forged=st.integers(0, 1),
    conversations=some,
    natives=some,
)
passages = st.lists(
    st.sampled_from(["счёт", "invoice", "у всех", "urgent", "остатки", "stock", "не работает", "hello", "T-000003"]),
    max_size=5,
).map(" ".join)
messages = st.builds(
    message,
    passages,
    passages,
    sender=st.sampled_from([ANNA, "watch@robots.example", "a@mail.example"]),
    authentication=st.sampled_from([dmarc(result) for result in ("", "pass", "fail")]),
    catalog=st.sampled_from([None, "stock", "garage"]),
    automatic=st.none() | st.sampled_from([automatic("bulk"), automatic("list")]),
    flags=st.sampled_from([(), ("released",)]),
    recipients=st.sampled_from([("support@example.org",), ("billing@example.org",)]),
)


@settings(max_examples=300, deadline=None)
@given(messages, knowns)
def test_snapshot_and_revision_give_the_same_verdict_again(mail: Message, inputs: Known) -> None:
    verdict = decide(mail, inputs, POLICY, NOW)
    if isinstance(verdict, Open | Join):
        stored = json.loads(json.dumps(verdict.decision.snapshot))
        assert decide(mail, from_snapshot(stored), make_policy(), verdict.decision.decided_at) == verdict


@settings(max_examples=200, deadline=None)
@given(messages, knowns)
def test_explaining_agrees_with_what_was_decided(mail: Message, inputs: Known) -> None:
    verdict = decide(mail, inputs, POLICY, NOW)
    if not isinstance(verdict, Open):
        return
    explained = explain(mail, verdict.decision, POLICY)
    assert replace(explained, steps=tuple(replace(s, tried=()) for s in explained.steps)) == verdict.decision
    for step in explained.steps:
        hits = [tried.rule for tried in step.tried if tried.matched and "; but" not in tried.why]
        if step.rule is not None:
            assert step.rule in hits
        elif step.step in ("catalog", "kind", "line"):
            assert hits == []


def test_a_snapshot_holds_no_name_and_no_address_of_a_person() -> None:
    named = replace(IDENTITY, name="Anna Petrova")
    verdict = decide(message("срочно"), known(identity=named, tokens=()), POLICY, NOW)
    assert isinstance(verdict, Open)
    assert ANNA not in str(verdict.decision)
    assert "Petrova" not in str(verdict.decision)


def test_explain_says_what_did_not_match_and_what_came_too_late() -> None:
    verdict = decide(message("счёт, остатки"), known(), POLICY, NOW)
    assert isinstance(verdict, Open)
    explained = explain(message("счёт, остатки"), verdict.decision, POLICY)
    tried = {step.step: {t.rule: (t.matched, t.why) for t in step.tried} for step in explained.steps}
    assert tried["catalog"] == {
        "invoice-words": (True, "text has the words «счёт»"),
        "stock-words": (True, "text has the words «остатки»; but catalog was set by rule invoice-words"),
    }
    assert tried["line"] == {"stock-and-down": (False, "catalog is under none of «stock»")}
    assert tried["priority"] == {
        "everyone": (False, "text has none of the words «у всех», «everyone»"),
        "urgent": (False, "text has none of the words «срочно», «urgent»"),
        "boss": (False, "segment is none of «internal»"),
    }
    assert tried["requester"] == {}


def test_explain_says_that_the_requester_chose() -> None:
    mail = message("счёт", catalog="stock")
    verdict = decide(mail, known(), POLICY, NOW)
    assert isinstance(verdict, Open)
    explained = explain(mail, verdict.decision, POLICY)
    catalog = next(step for step in explained.steps if step.step == "catalog")
    assert [(t.rule, t.matched, t.why) for t in catalog.tried] == [
        ("invoice-words", True, "text has the words «счёт»; but catalog was set by the requester"),
        ("stock-words", False, "text has none of the words «остатки», «stock»"),
    ]


def test_explain_refuses_another_revision_and_leaves_joined_messages_alone(policy: Policy) -> None:
    verdict = decide(message(), known(tokens=(ticket(5),)), POLICY, NOW)
    assert isinstance(verdict, Join)
    assert explain(message(), verdict.decision, policy) == verdict.decision
    with pytest.raises(ValueError, match="revision 7, not 8"):
        explain(message(), verdict.decision, replace(policy, revision=8))


def test_another_message_under_the_same_id_is_kept_and_flagged() -> None:
    verdict = decide(message("срочно"), known(same_id=True), POLICY, NOW)
    assert isinstance(verdict, Open)
    assert verdict.flags == ("same_id_other_body",)
    joined = decide(message(), known(same_id=True, conversations=(ticket(5),)), POLICY, NOW)
    assert isinstance(joined, Join)
    assert joined.flags == ("same_id_other_body",)
