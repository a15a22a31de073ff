"""The router over a store: batches, redelivery, duplicates, bounces, and faults that stay with their message."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.clocks import ClockRecord, Segment
from domain.effects import Appended, Effect, Opened, Outcome, Repeated, Suppressed, Timer
from domain.errors import Unavailable
from domain.facts import (
    DeliveryReported,
    DuplicateReceived,
    MessageAppended,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
)
from domain.identity import Identity
from domain.message import Bounce, Message
from domain.policy import Condition, Rule
from domain.status import Status
from domain.ticket import Level, Priority, Ticket
from domain.tokens import sign_ticket
from router.service import Routed, Router
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, automatic, dmarc, message, organization, ticket
from tests.router.policies import HOUR, LONG_AGO, NOW, RULES, make_policy

POLICY = make_policy()


class Bench:
    """A router over a fake store."""

    def __init__(self, **policy: Any) -> None:
        self.store = FakeStore()
        self.clock = FixedClock(NOW)
        self.policy = FixedPolicy(replace(POLICY, **policy))
        self.router = Router(self.store, self.policy, self.clock, CountingIds(), SECRET)

    def route(self, *messages: Message) -> Routed:
        return asyncio.run(self.router.route(messages))

    def outcomes(self, *messages: Message) -> list[tuple[str, int | None]]:
        return [outcome(effect) for effect in self.route(*messages).effects]


def outcome(effect: Effect) -> tuple[str, int | None]:
    return effect.outcome.value, effect.ticket.number if isinstance(effect, Opened) else effect.number


def mail(n: int, text: str = "", **changes: Any) -> Message:
    """A mail of its own: envelope, key and Message-ID by number."""
    values = {"envelope_id": f"E{n}", "key": f"key-{n}", "native_id": f"m{n}@romashka.example", **changes}
    return message(text, **values)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_new_message_opens_a_ticket_with_its_clocks_and_facts(bench: Bench) -> None:
    bench.store.add_organization(organization(("premium", "2026-01-01", None)))
    sent = mail(1, "Не работает, срочно", subject="Склад", language="ru", fields={"version": "8.3"})
    routed = bench.route(sent)
    effect = routed.effects[0]
    assert isinstance(effect, Opened)
    running = Segment(start=NOW, until=None, kind="running", why="the ticket was opened")
    clocks = tuple(
        ClockRecord(
            id=key,
            target=target,  # type: ignore[arg-type]
            state="running",
            calendar="always",
            cell="premium/p1",
            goal_s=goal,
            started_at=NOW,
            due_at=NOW + timedelta(seconds=goal),
            segments=(running,),
            warn=(50, 80),
        )
        for key, target, goal in (("X1", "first_response", 900), ("X2", "resolution", 4 * HOUR))
    )
    about = {"ticket": 1, "at": NOW, "by": "router", "envelope": "E1"}
    facts = (
        TicketCreated(
            **about, channel="email", kind="outage", catalog="other", priority="p1", plan="premium", revision=7
        ),
        TicketAssigned(**about, line="first"),
    )
    assert effect == Opened(
        message=sent,
        author="I1",
        ticket=Ticket(
            number=1,
            subject="Склад",
            status=Status.CLASSIFICATION,
            priority=Priority.P1,
            impact=Level.MEDIUM,
            urgency=Level.HIGH,
            channel="email",
            account="main",
            requester="I1",
            organization="O1",
            plan="premium",
            catalog="other",
            kind="outage",
            line="first",
            group=None,
            policy_revision=7,
            created_at=NOW,
            language="ru",
            fields={"version": "8.3"},
            clocks=clocks,
        ),
        decision=effect.decision,
        facts=facts,
        message_id="X3",
        timers=tuple(
            Timer(what="clock", at=NOW + timedelta(seconds=goal * share // 100), clock=key, share=share)
            for key, goal in (("X1", 900), ("X2", 4 * HOUR))
            for share in (50, 80, 100)
        ),
    )
    assert (routed.facts, routed.failed) == (facts, {})
    assert bench.store.tables.effects == [effect]


def test_the_second_mail_of_a_conversation_joins_what_the_first_opened_in_the_same_batch(bench: Bench) -> None:
    first, second = mail(1, conversation=("h1",)), mail(2, conversation=("h2", "h1"))
    third = mail(3, conversation=("h3", "h2"))
    assert bench.outcomes(first, second, third) == [("ticketed", 1), ("appended", 1), ("appended", 1)]
    assert bench.store.asked_for == [1]


def test_a_parent_that_comes_after_its_reply_joins_it(bench: Bench) -> None:
    reply, parent = mail(2, conversation=("h2", "h1")), mail(1, conversation=("h1",))
    assert bench.outcomes(reply) == [("ticketed", 1)]
    assert bench.outcomes(parent) == [("appended", 1)]


def test_a_participant_joins_by_reference_without_a_shared_handle(bench: Bench) -> None:
    answer = mail(2, references=("m1@romashka.example",))
    assert bench.outcomes(mail(1), answer) == [("ticketed", 1), ("appended", 1)]


def test_a_stranger_who_answers_opens_their_own_ticket_and_keeps_it(bench: Bench) -> None:
    stranger = {"sender": "x@stranger.example", "references": ("m1@romashka.example",)}
    first = mail(2, conversation=("s2",), **stranger)
    second = mail(3, conversation=("s3", "s2"), **stranger)
    routed = bench.route(mail(1, conversation=("h1",)), first, second)
    assert [outcome(effect) for effect in routed.effects] == [("ticketed", 1), ("ticketed", 2), ("appended", 2)]
    assert [effect.message.flags for effect in routed.effects] == [(), ("foreign_reference",), ()]
    assert routed.effects[1].decision.snapshot["suggestions"] == [1]  # type: ignore[union-attr]


def test_a_forged_sender_takes_no_conversation_from_its_owner(bench: Bench) -> None:
    forged = mail(1, conversation=("h1",), authentication=dmarc("fail"))
    genuine = mail(2, conversation=("h2", "h1"))
    assert bench.outcomes(forged, genuine) == [("ticketed", 1), ("ticketed", 2)]
    assert bench.outcomes(mail(3, conversation=("h3", "h1"))) == [("appended", 2)]


def test_a_letter_of_our_own_that_comes_back_makes_no_ticket(bench: Bench) -> None:
    ours = f"{sign_ticket(5, SECRET)}.01abc@example.org"
    forged = f"{sign_ticket(5, b'another secret')}.01abc@example.org"
    routed = bench.route(mail(1, native_id=ours), mail(2, native_id=forged))
    assert [outcome(effect) for effect in routed.effects] == [("suppressed", None), ("ticketed", 1)]
    assert "a letter of our own" in routed.effects[0].reason  # type: ignore[union-attr]


def test_mail_from_an_address_of_our_own_is_flagged(bench: Bench) -> None:
    (effect,) = bench.route(mail(1, sender="support+t1@example.org")).effects
    assert "own_address" in effect.message.flags


def test_a_token_joins_its_ticket_from_any_address_where_the_policy_says_so() -> None:
    bench = Bench(mail=replace(POLICY.mail, token_suffices=True))
    bench.store.add_ticket(ticket(5, Status.WAITING_REQUESTER, "I9", line="second"))
    sent = mail(1, tokens=(sign_ticket(5, SECRET),))
    routed = bench.route(sent)
    about = {"ticket": 5, "at": NOW, "by": "router", "envelope": "E1", "line": "second"}
    facts = (
        MessageAppended(**about, message="X1", direction="inbound", flags=("foreign_sender",)),
        StatusChanged(**about, old="waiting_requester", new="in_progress", because="the requester wrote"),
    )
    effect = routed.effects[0]
    assert isinstance(effect, Appended)
    assert effect == Appended(
        message=replace(sent, flags=("foreign_sender",)),
        author="I1",
        number=5,
        decision=effect.decision,
        facts=facts,
        message_id="X1",
        status=Status.IN_PROGRESS,
    )
    assert routed.facts == facts


@pytest.mark.parametrize(
    ("tokens", "result"),
    [
        ((sign_ticket(5, SECRET),), ("appended", 5)),
        ((sign_ticket(5, SECRET).upper(),), ("appended", 5)),
        ((sign_ticket(5, b"other"),), ("ticketed", 1)),
        ((sign_ticket(6, SECRET).replace("t6", "t5"),), ("ticketed", 1)),
        ((sign_ticket(5, b"other"), sign_ticket(5, SECRET)), ("appended", 5)),
        ((sign_ticket(77, SECRET),), ("ticketed", 1)),
        ((sign_ticket(77, SECRET), sign_ticket(5, SECRET)), ("appended", 5)),
    ],
)
def test_only_tokens_of_ours_join(bench: Bench, tokens: tuple[str, ...], result: tuple[str, int]) -> None:
    bench.store.add_ticket(ticket(5))
    assert bench.outcomes(mail(1, tokens=tokens)) == [result]


def test_two_messages_of_a_batch_move_a_ticket_once(bench: Bench) -> None:
    bench.store.add_ticket(ticket(5, Status.FEEDBACK), handles=["h1"])
    routed = bench.route(mail(1, conversation=("h1",)), mail(2, conversation=("h1",)))
    assert [type(fact) for fact in routed.facts] == [MessageAppended, StatusChanged, MessageAppended]


def test_a_closed_ticket_is_reopened_within_the_policys_days_and_succeeded_after(bench: Bench) -> None:
    bench.store.add_ticket(ticket(5, Status.CLOSED, closed_at=NOW - timedelta(days=1)), handles=["h5"])
    bench.store.add_ticket(ticket(6, Status.CLOSED, closed_at=LONG_AGO), handles=["h6"])
    assert bench.outcomes(mail(1, conversation=("h5",)), mail(2, conversation=("h6",))) == [
        ("appended", 5),
        ("ticketed", 1),
    ]
    assert bench.store.tables.tickets[5].status is Status.IN_PROGRESS
    # The successor has the conversation now.
    assert bench.outcomes(mail(3, conversation=("h6",))) == [("appended", 1)]


def test_a_conversation_stays_with_its_ticket_while_that_is_open(bench: Bench) -> None:
    both = mail(3, conversation=("h3", "h1", "h2"))
    first, second, again = (mail(n, conversation=(f"h{h}",)) for n, h in ((1, 1), (2, 2), (4, 2)))
    assert bench.outcomes(first, second, both, again) == [
        ("ticketed", 1),
        ("ticketed", 2),
        ("appended", 1),
        ("appended", 2),
    ]


def test_a_redelivered_envelope_has_no_effect(bench: Bench) -> None:
    first = mail(1, conversation=("h1",))
    bench.route(first)
    routed = bench.route(first, mail(2, conversation=("h1",)))
    assert [outcome(effect) for effect in routed.effects] == [("appended", 1)]
    assert bench.route(first) == Routed(effects=(), facts=(), failed={})
    assert len(bench.store.tables.effects) == 2


def test_an_envelope_twice_in_one_batch_has_one_effect(bench: Bench) -> None:
    assert bench.outcomes(mail(1), mail(1)) == [("ticketed", 1)]


def test_the_same_message_by_another_way_is_a_duplicate_with_a_fact(bench: Bench) -> None:
    first = mail(1)
    again = mail(2, key="key-1", adapter="imap", recipients=("a@example.org", "b@example.org"))
    fact = DuplicateReceived(
        ticket=1, at=NOW, by="router", envelope="E2", line="first", adapter="imap", detail={"recipients": 2}
    )
    routed = bench.route(first, again)
    assert routed.effects[1] == Repeated(message=again, number=1, first_envelope="E1", facts=(fact,))
    later = replace(again, envelope_id="E3")
    assert bench.route(later).effects == (
        Repeated(message=later, number=1, first_envelope="E1", facts=(replace(fact, envelope="E3"),)),
    )


def test_a_duplicate_of_a_held_message_is_no_ticket_either(bench: Bench) -> None:
    held = mail(1, automatic=automatic("auto_reply"))
    assert bench.outcomes(held, replace(held, envelope_id="E2")) == [("suppressed", None), ("duplicate", None)]


def test_a_held_message_that_is_released_makes_one_ticket_however_often_it_comes(bench: Bench) -> None:
    held = mail(1, automatic=automatic("loop"))
    released = replace(held, flags=("released",))
    assert bench.outcomes(held) == [("suppressed", None)]
    assert bench.outcomes(held) == []
    assert bench.outcomes(released) == [("ticketed", 1)]
    assert bench.outcomes(released) == []
    assert bench.outcomes(replace(held, envelope_id="E2")) == [("duplicate", 1)]


def test_a_bounce_is_told_to_the_ticket_whose_mail_came_back(bench: Bench) -> None:
    bench.store.add_ticket(ticket(5, Status.WAITING_REQUESTER, "I9", line="second"), natives=["plain@example.org"])
    by_token = Bounce(
        action="failed", recipient="x@y.example", status="5.1.1", message_id=f"{sign_ticket(5, SECRET)}.u@example.org"
    )
    by_native = Bounce(action="delayed", recipient="x@y.example", status="4.4.1", message_id="plain@example.org")
    unknown = Bounce(action="failed", recipient="x@y.example", status="5.0.0", message_id="strange@else.example")
    sent = [
        mail(n, automatic=automatic("bounce", "null sender"), bounces=(bounce,))
        for n, bounce in enumerate((by_token, by_native, unknown), start=1)
    ]
    about = {"ticket": 5, "at": NOW, "by": "router", "line": "second"}
    assert bench.route(*sent).effects == (
        Suppressed(
            message=sent[0],
            reason="bounce: null sender",
            number=5,
            facts=(DeliveryReported(**about, envelope="E1", action="failed", status="5.1.1"),),
        ),
        Suppressed(
            message=sent[1],
            reason="bounce: null sender",
            number=5,
            facts=(DeliveryReported(**about, envelope="E2", action="delayed", status="4.4.1"),),
        ),
        Suppressed(message=sent[2], reason="bounce: null sender"),
    )


def test_a_bounce_with_a_forged_token_is_told_to_nobody(bench: Bench) -> None:
    bench.store.add_ticket(ticket(5))
    back = Bounce(action="failed", recipient="", status="", message_id=f"{sign_ticket(5, b'other')}.u@example.org")
    assert bench.outcomes(mail(1, automatic=automatic("bounce"), bounces=(back,))) == [("suppressed", None)]


def test_a_message_that_cannot_be_decided_is_named_and_its_neighbours_commit() -> None:
    broken = Rule(key="broken", when=Condition(op="is", field="channel", values=("ivr",)), sets={"impact": "enormous"})
    bench = Bench(rules=(broken, *RULES))
    routed = bench.route(mail(1), mail(2, channel="ivr"), mail(3))
    assert [outcome(effect) for effect in routed.effects] == [("ticketed", 1), ("ticketed", 2)]
    assert list(routed.failed) == [1]
    assert isinstance(routed.failed[1], ValueError)
    assert set(bench.store.tables.ledger) == {"E1", "E3"}


def test_nothing_commits_while_the_database_is_away(bench: Bench) -> None:
    bench.store.away = True
    with pytest.raises(Unavailable):
        bench.route(mail(1))
    bench.store.away = False
    assert bench.outcomes(mail(1)) == [("ticketed", 1)]


def test_an_empty_batch_asks_the_store_nothing(bench: Bench) -> None:
    bench.store.away = True
    assert bench.route() == Routed(effects=(), facts=(), failed={})


def test_numbers_run_out_of_nothing_where_more_tickets_open_than_were_foreseen(bench: Bench) -> None:
    # A forged token is taken for a joining one at first.
    forged = (sign_ticket(5, b"other"),)
    routed = bench.outcomes(*(mail(n, tokens=forged) for n in (1, 2)), mail(3))
    assert routed == [("ticketed", 1), ("ticketed", 2), ("ticketed", 3)]
    assert bench.store.asked_for == [1, 1, 1]


def test_numbers_follow_the_order_of_the_messages(bench: Bench) -> None:
    assert bench.outcomes(*(mail(n) for n in range(1, 6))) == [("ticketed", n) for n in range(1, 6)]
    assert bench.store.asked_for == [5]


def test_one_policy_revision_serves_the_whole_batch(bench: Bench) -> None:
    class Turning:
        """A new revision at each look."""

        revision = 0

        @property
        def current(self) -> Any:
            self.revision += 1
            return replace(POLICY, revision=self.revision)

    router = Router(bench.store, Turning(), bench.clock, CountingIds(), SECRET)
    routed = asyncio.run(router.route([mail(1), mail(2)]))
    assert [effect.decision.revision for effect in routed.effects] == [1, 1]  # type: ignore[union-attr]


def test_a_public_mail_domain_is_nobodys_organisation(bench: Bench) -> None:
    bench.store.add_organization(organization(("premium", "2026-01-01", None), domains=("mail.example",)))
    effect = bench.route(mail(1, sender="anyone@mail.example")).effects[0]
    assert isinstance(effect, Opened)
    assert (effect.ticket.organization, effect.ticket.plan) == (None, "standard")


def test_a_persons_card_decides_the_organisation(bench: Bench) -> None:
    bench.store.add_organization(organization(("premium", "2026-01-01", None), domains=()))
    bench.store.add_identity(
        Identity(id="I7", channel="email", address="boss@mail.example", organization_id="O1", language="en")
    )
    effect = bench.route(mail(1, sender="boss@mail.example")).effects[0]
    assert isinstance(effect, Opened)
    found = (effect.author, effect.ticket.organization, effect.ticket.plan, effect.ticket.language)
    assert found == ("I7", "O1", "premium", "en")


def test_every_envelope_has_exactly_one_line_of_the_ledger(bench: Bench) -> None:
    bench.store.add_ticket(ticket(50), handles=["h50"])
    kinds: list[Callable[[int], Message]] = [
        mail,
        lambda n: mail(n, conversation=("h50",)),
        lambda n: mail(n, key="key-0"),
        lambda n: mail(n, automatic=automatic("auto_reply")),
        lambda n: mail(n, "выгодное предложение"),
    ]
    batch = [kinds[n % len(kinds)](n) for n in range(25)]
    for _ in range(2):
        bench.route(*batch)
    counts = dict.fromkeys(Outcome, 0)
    for settled in bench.store.tables.ledger.values():
        counts[settled.outcome] += 1
    assert counts == {
        Outcome.TICKETED: 5,
        Outcome.APPENDED: 5,
        Outcome.DUPLICATE: 5,  # of the first mail, whose key they have
        Outcome.SUPPRESSED: 10,
        Outcome.QUARANTINED: 0,
    }
    assert sorted(bench.store.tables.ledger) == sorted(f"E{n}" for n in range(25))
