"""Which ticket a message joins: the whole matrix of token, sender and domain check."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.decision import Step
from domain.policy import Policy
from domain.status import Status
from router.known import Known
from router.steps.correlate import correlate
from router.steps.identify import sender_check
from tests.router.make import dmarc, known, message, ticket
from tests.router.policies import LATELY, LONG_AGO, NOW, make_policy

MINE = ticket(5)
THEIRS = ticket(6, Status.IN_PROGRESS, "I9")

OF_MINE: dict[str, Any] = {"tokens": (MINE,)}
OF_THEIRS: dict[str, Any] = {"tokens": (THEIRS,)}
FORGED: dict[str, Any] = {"forged": 1}
HANDLE: dict[str, Any] = {"conversations": (MINE,)}
ANSWERS_MINE: dict[str, Any] = {"natives": (MINE,)}
ANSWERS_THEIRS: dict[str, Any] = {"natives": (THEIRS,)}


def joined(
    inputs: dict[str, Any], check: str, verification: str, *, suffices: bool = False
) -> tuple[int | None, tuple[str, ...]]:
    policy = make_policy()
    policy = replace(policy, mail=replace(policy.mail, sender_verification=verification, token_suffices=suffices))
    mail = message(authentication=dmarc(check))
    found = correlate(mail, known(**inputs), policy, sender_check(mail, policy.mail), NOW)
    return (found.ticket.number if found.ticket else None, found.flags)


FAILED = (None, ("dmarc_fail",))
UNVERIFIED = (None, ("sender_unverified",))

# inputs; then (ticket, flags) by the sender's domain check: pass, none, fail with "when_present";
# pass, none, fail with "required"
FOREIGN = (None, ("foreign_sender",))
FORGERY = (None, ("forged_token",))
STRANGER = (None, ("foreign_reference",))
NEW: tuple[None, tuple[str, ...]] = (None, ())
OWN: tuple[int, tuple[str, ...]] = (5, ())

# inputs; then (ticket, flags) by the sender's domain check: pass, none, fail
MATRIX: list[tuple[str, dict[str, Any], tuple[Any, ...], tuple[Any, ...]]] = [
    # ... when_present, required
    ("no link", {}, (NEW, NEW, FAILED), (NEW, NEW, FAILED)),
    ("own token", OF_MINE, (OWN, OWN, FAILED), (OWN, OWN, FAILED)),
    ("token of another's ticket", OF_THEIRS, (FOREIGN, FOREIGN, FAILED), (FOREIGN, FOREIGN, FAILED)),
    ("forged token", FORGED, (FORGERY, FORGERY, FAILED), (FORGERY, FORGERY, FAILED)),
    ("forged token, own conversation", {**FORGED, **HANDLE}, (FORGERY, FORGERY, FAILED), (FORGERY, FORGERY, FAILED)),
    ("forged token, true token", {**FORGED, **OF_MINE}, (OWN, OWN, FAILED), (OWN, OWN, FAILED)),
    ("own conversation", HANDLE, (OWN, OWN, FAILED), (OWN, UNVERIFIED, FAILED)),
    ("answers own ticket", ANSWERS_MINE, (OWN, OWN, FAILED), (OWN, UNVERIFIED, FAILED)),
    ("answers another's ticket", ANSWERS_THEIRS, (STRANGER, STRANGER, FAILED), (STRANGER, STRANGER, FAILED)),
    ("answers both", {"natives": (THEIRS, MINE)}, (OWN, OWN, FAILED), (OWN, UNVERIFIED, FAILED)),
    ("token, other conversation", {**OF_THEIRS, **HANDLE}, (OWN, OWN, FAILED), (OWN, UNVERIFIED, FAILED)),
    ("tokens of both", {"tokens": (THEIRS, MINE)}, (OWN, OWN, FAILED), (OWN, OWN, FAILED)),
    (
        "conversation, other reference",
        {**HANDLE, "natives": (ticket(8),)},
        (OWN, OWN, FAILED),
        (OWN, UNVERIFIED, FAILED),
    ),
]
COLUMNS = [(check, mode) for mode in ("when_present", "required") for check in ("pass", "", "fail")]


@pytest.mark.parametrize(
    ("inputs", "results"), [(row[1], row[2] + row[3]) for row in MATRIX], ids=[row[0] for row in MATRIX]
)
def test_token_by_sender_by_domain_check(inputs: dict[str, Any], results: tuple[Any, ...]) -> None:
    assert tuple(joined(inputs, check, mode) for check, mode in COLUMNS) == results


def test_where_the_policy_says_so_a_token_is_enough_and_the_stranger_is_flagged() -> None:
    assert joined(OF_THEIRS, "", "when_present", suffices=True) == (6, ("foreign_sender",))
    assert joined(OF_THEIRS, "fail", "when_present", suffices=True) == FAILED
    assert joined(FORGED, "", "when_present", suffices=True) == FORGERY


@pytest.mark.parametrize(
    ("results", "check"),
    [
        ((), "none"),
        (dmarc("pass"), "pass"),
        (dmarc("PASS", "MX.example.org"), "pass"),
        (dmarc("none"), "none"),
        (dmarc("fail", "mx.stranger.example"), "none"),
        (dmarc("pass", "mx.stranger.example"), "none"),
        (dmarc("pass") + dmarc("fail"), "fail"),
    ],
)
def test_only_our_own_relays_are_believed(results: Any, check: str, policy: Policy) -> None:
    assert sender_check(message(authentication=results), policy.mail) == check


def found(policy: Policy, inputs: Known, subject: str = "") -> tuple[tuple[str, str, str], ...]:
    """(step, outcome, because) of each step."""
    steps: tuple[Step, ...] = correlate(message(subject=subject), inputs, policy, "none", NOW).steps
    return tuple((step.step, step.outcome, step.because) for step in steps)


@pytest.mark.parametrize(
    ("inputs", "because"),
    [
        ({"tokens": (MINE,)}, "The message carries the signed token of T-000005."),
        ({"conversations": (MINE,)}, "The same sender's conversation is T-000005."),
        ({"natives": (MINE,)}, "It answers a message of T-000005, and the sender is a participant of it."),
        (
            {"tokens": (ticket(5, Status.CLOSED, closed_at=LATELY),)},
            "The message carries the signed token of T-000005. It is reopened.",
        ),
    ],
)
def test_the_sentence_says_what_joined_it(inputs: dict[str, Any], because: str, policy: Policy) -> None:
    number = "T-000006" if "T-000006" in because else "T-000005"
    assert found(policy, known(**inputs)) == (("correlation", number, because),)


@pytest.mark.parametrize("way", ["tokens", "conversations", "natives"])
def test_a_ticket_closed_too_long_ago_is_named_by_the_new_one(way: str, policy: Policy) -> None:
    old = ticket(5, Status.CLOSED, closed_at=LONG_AGO)
    assert found(policy, known(**{way: (old,)})) == (
        ("correlation", "new", "It belongs to T-000005, which was closed more than 14 days ago."),
        ("suggestion", "T-000005", "The message points to it, but that alone does not join it."),
    )


def test_an_open_conversation_is_joined_past_a_closed_one(policy: Policy) -> None:
    inputs = known(conversations=(ticket(5, Status.CLOSED, closed_at=LONG_AGO), ticket(8)))
    assert found(policy, inputs)[0][:2] == ("correlation", "T-000008")


def test_reopening_never_is_a_policy_too(policy: Policy) -> None:
    closed = known(tokens=(ticket(5, Status.CLOSED, closed_at=NOW - timedelta(seconds=1)),))
    assert correlate(message(), closed, replace(policy, reopen_days=0), "none", NOW).ticket is None


def test_a_number_in_the_subject_is_a_suggestion_and_joins_nothing(policy: Policy) -> None:
    because = "The subject names it; a number alone joins nothing."
    assert found(policy, known(), "Re: [T-000123] and t-7, not XT-8 nor T-9a") == (
        ("correlation", "new", "Nothing links it to a ticket that exists."),
        ("suggestion", "T-000123", because),
        ("suggestion", "T-000007", because),
    )


def test_a_subject_full_of_numbers_makes_three_suggestions(policy: Policy) -> None:
    assert len(found(policy, known(), " ".join(f"T-{n}" for n in range(1, 50)))) == 1 + 3


def test_the_joined_ticket_is_not_suggested_again(policy: Policy) -> None:
    assert [step[:2] for step in found(policy, known(tokens=(MINE,)), "Re: T-000005")] == [("correlation", "T-000005")]


def test_a_stranger_who_answers_finds_the_ticket_suggested(policy: Policy) -> None:
    assert found(policy, known(natives=(THEIRS,))) == (
        (
            "correlation",
            "new",
            "It answers a message of T-000006, but the sender is not a participant of that ticket.",
        ),
        ("suggestion", "T-000006", "The message points to it, but that alone does not join it."),
    )


def test_a_true_token_of_a_ticket_that_is_gone_opens_a_new_one(policy: Policy) -> None:
    because = "Its token is of T-000099, which is not there any more."
    assert found(policy, known(lost_tokens=(99,))) == (("correlation", "new", because),)


def test_required_verification_is_asked_of_mail_only(policy: Policy) -> None:
    strict = replace(policy, mail=replace(policy.mail, sender_verification="required"))
    chat = message(channel="telegram")
    found = correlate(chat, known(conversations=(MINE,)), strict, "none", NOW)
    assert (found.ticket, found.flags) == (MINE, ())
