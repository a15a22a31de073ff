"""A telephone call and its transcript: what waits, what makes the ticket, and what still changes it afterwards."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.commands import Actor, AddNote, Assign, Classify, Escalate, SetStatus
from domain.effects import Appended, Effect, Opened, Suppressed
from domain.facts import TicketAssigned, TicketClassified
from domain.message import Address, Message, Segment
from domain.people import Agent
from domain.policy import IvrPolicy
from domain.status import Status
from domain.ticket import TicketState
from domain.views import Past
from router.actions import TicketActions
from router.calls import merged, standing, waits_for
from router.explain import explain
from router.service import Router
from router.simulate import compare, differing, replayed
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, message
from tests.router.phone import again, books, completed, digits, event, recording, transcript
from tests.router.policies import NOW, make_policy
from tests.router.test_timekeeper import ANNA, EVERYTHING

WAITS = "waits for the transcript of its call"


class Office:
    def __init__(self, **policy: Any) -> None:
        self.store, self.clock, self.ids = FakeStore(), FixedClock(NOW), CountingIds()
        self.policy = FixedPolicy(make_policy(**policy))
        self.router = Router(self.store, self.policy, self.clock, self.ids, SECRET)
        self.actions = TicketActions(self.store, self.policy, self.clock, self.ids)

    def route(self, *events: Message) -> list[Effect]:
        routed = asyncio.run(self.router.route(events))
        assert not routed.failed, routed.failed
        return list(routed.effects)

    def outcomes(self, *events: Message) -> list[str]:
        return [effect.outcome.value for effect in self.route(*events)]

    def wait(self, **passed: float) -> list[Effect]:
        self.clock.at += timedelta(**passed)
        return list(asyncio.run(self.router.overdue_calls()).effects)

    def act(self, command: Any, by: Actor = ANNA) -> TicketState:
        return asyncio.run(self.actions.act(EVERYTHING, 1, command, by))

    @property
    def ticket(self) -> TicketState:
        (found,) = self.store.tables.states.values()
        return found

    def told(self, kind: type) -> list[Any]:
        return [fact for each in self.store.tables.changes for fact in each.facts if isinstance(fact, kind)]


@pytest.fixture
def office() -> Office:
    return Office()


def test_what_has_no_words_is_held_and_says_what_it_waits_for(office: Office) -> None:
    told = office.route(digits(), recording(), completed())
    assert [(type(effect), effect.reason) for effect in told if isinstance(effect, Suppressed)] == [
        (Suppressed, WAITS)
    ] * 3
    (call,) = office.store.tables.calls.values()
    assert (call.number, call.wait_until) == (None, NOW + timedelta(minutes=10))
    assert office.store.tables.states == {}


def test_the_transcript_makes_the_ticket_of_all_that_is_known(office: Office) -> None:
    office.route(digits(fields={"contract": "77"}), recording(), completed(product="stock"))
    office.clock.at += timedelta(minutes=3)
    words = transcript(text="Не сходятся остатки. Помогите.", confidence=0.4, caller=None)
    words = replace(words, received_at=office.clock.at)
    (opened,) = office.route(words)
    assert isinstance(opened, Opened)
    told = opened.message
    assert (told.envelope_id, told.key, told.raw) == (words.envelope_id, words.key, words.raw)
    assert (told.subject, told.text, told.flags) == ("Не сходятся остатки", words.text, ("low_confidence",))
    assert told.sender == Address(channel="phone", address="+79161234567")
    assert told.received_at == digits().received_at, "its clocks run since the call"
    assert told.call is not None
    assert (told.call.digits, told.call.path, told.call.product, told.call.duration_s) == (
        "2",
        ("main", "2"),
        "stock",
        74,
    )
    assert opened.ticket.fields == {
        "contract": "77",
        "call_recording": "https://pbx.example/1.wav",
        "call_duration_s": 74,
    }
    assert (opened.ticket.catalog, opened.ticket.kind) == ("stock", "outage")
    assert books(office.store) == {"ticketed": 1, "appended": 3}


def test_a_call_that_is_known_to_its_ticket_waits_no_more(office: Office) -> None:
    office.route(completed(), transcript())
    assert office.wait(hours=1) == []


def test_only_an_event_that_names_the_call_makes_its_ticket(office: Office) -> None:
    """A recording's transcript may be there before anything says which call the recording is of."""
    (held,) = office.route(transcript(keys=("recording",), caller=None))
    assert isinstance(held, Suppressed)
    assert held.reason == "waits for the call that it belongs to"
    assert office.outcomes(completed()) == ["suppressed"]
    assert office.outcomes(recording()) == ["ticketed"]
    assert office.ticket.subject == "Не работает печать"
    assert books(office.store) == {"ticketed": 1, "appended": 2}


def test_an_account_without_transcripts_has_a_ticket_with_the_recording_at_once(office: Office) -> None:
    assert office.outcomes(completed(transcribed=False)) == ["suppressed"]
    assert office.outcomes(recording(transcribed=False)) == ["ticketed"]
    assert office.ticket.flags == ("no_transcript",)
    assert office.ticket.fields["call_recording"] == "https://pbx.example/1.wav"


def test_pieces_wait_for_the_end_of_the_call(office: Office) -> None:
    first = transcript(text="Добрый день.", revision=1, name="p1", piece=True)
    second = transcript(text="Касса молчит.", revision=2, name="p2", piece=True)
    held = office.route(second, first)
    assert {effect.reason for effect in held if isinstance(effect, Suppressed)} == {"waits for the end of its call"}
    (opened,) = office.route(completed())
    assert opened.message.text == "Добрый день.\nКасса молчит."


def test_a_failed_transcript_ends_the_wait_once_the_call_is_over(office: Office) -> None:
    failed = event(name="failed", transcript_status="failed")
    assert office.outcomes(failed) == ["suppressed"]
    assert office.outcomes(completed()) == ["ticketed"]
    assert office.ticket.flags == ("no_transcript",)


def test_the_policy_says_how_long_a_call_waits() -> None:
    office = Office(ivr=IvrPolicy(wait_s=60))
    office.route(digits())
    office.clock.at += timedelta(seconds=40)
    office.route(completed(), again(digits()))
    assert office.wait(seconds=59) == [], "the wait begins with the last that was heard of it"
    assert [effect.outcome.value for effect in office.wait(seconds=1)] == ["ticketed"]
    assert office.ticket.flags == ("no_transcript",)
    assert books(office.store) == {"ticketed": 1, "appended": 1, "duplicate": 1}
    assert office.wait(hours=1) == []


def test_a_late_transcript_classifies_an_untouched_ticket_anew(office: Office) -> None:
    office.route(completed())
    office.wait(minutes=10)
    before = office.ticket
    assert (before.kind, before.line) == ("question", "first")
    (late,) = office.route(transcript(text="Остатки не работают у всех.", confidence=0.7))
    assert isinstance(late, Appended)
    assert (late.number, late.silent, late.status) == (1, False, None)
    after = office.ticket
    assert (after.catalog, after.kind, after.line, after.group) == ("stock", "outage", "second", "experts")
    assert (after.impact.value, after.subject, after.flags) == ("high", "Остатки не работают у всех", ())
    assert after.status is before.status
    (fact,) = office.told(TicketClassified)
    assert (fact.by, fact.because, set(fact.changed)) == (
        "router",
        "more is known of the call",
        {"catalog", "kind", "impact", "urgency", "priority", "line", "group"},
    )
    assert [each.line for each in office.told(TicketAssigned)] == ["second"]


TOUCHES = {
    "note": AddNote(text="Перезвоню."),
    "status": SetStatus(status=Status.IN_PROGRESS),
    "classify": Classify(kind="outage", reason="так вернее"),
    "assignee": Assign(agent="A1"),
    "line": Escalate(reason="не наше"),
}


@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("by", [ANNA, Actor(id="token:T1", name="script")])
def test_a_late_transcript_changes_nothing_that_a_person_has_touched(office: Office, touch: str, by: Actor) -> None:
    lines = frozenset({"first", "second"})
    office.store.tables.agents["A1"] = Agent(id="A1", email="a@x.example", name="Анна", lines=lines)
    office.route(completed())
    office.wait(minutes=10)
    office.act(TOUCHES[touch], by)
    before = office.ticket
    assert office.outcomes(transcript(text="Остатки не работают у всех, срочно.")) == ["appended"]
    assert replace(office.ticket, version=0) == replace(before, version=0)


def test_the_highest_revision_stands_and_a_lower_one_changes_nothing(office: Office) -> None:
    office.route(completed(), transcript(text="Остатки.", revision=2))
    before = office.ticket
    (lower, equal) = office.route(transcript(text="Счёт.", revision=1), transcript(text="Счёт?", revision=2, name="b"))
    assert [effect.message.flags for effect in (lower, equal)] == [("superseded",), ("superseded",)]
    assert replace(office.ticket, version=0) == replace(before, version=0)
    (higher,) = office.route(transcript(text="Счёт!", revision=3))
    assert higher.message.flags == ()
    assert office.ticket.catalog == "billing/invoices"


def test_what_is_told_of_a_call_after_its_ticket_fills_the_fields_and_keeps_what_people_wrote(office: Office) -> None:
    office.route(transcript(text="Вопрос.", fields={"contract": "7"}))
    office.act(Classify(fields={"contract": "77-исправлено"}, reason="опечатка"))
    told = office.route(recording(), completed(fields={"contract": "8", "site": "Тверь"}))
    assert [(type(effect), effect.silent) for effect in told if isinstance(effect, Appended)] == [(Appended, False)] * 2
    assert office.ticket.fields == {
        "contract": "77-исправлено",
        "site": "Тверь",
        "call_recording": "https://pbx.example/1.wav",
        "call_duration_s": 74,
    }


def test_what_says_nothing_new_is_in_the_books_and_not_on_the_page(office: Office) -> None:
    office.route(transcript(), completed())
    partial = event(name="heard", text="Не раб", transcript_status="partial")
    ringing = event(name="ring", status="ringing", seq=1)
    told = office.route(partial, ringing)
    assert [(e.outcome.value, e.silent, e.facts) for e in told if isinstance(e, Appended)] == [
        ("appended", True, ())
    ] * 2


@pytest.mark.parametrize("status", [Status.WAITING_REQUESTER, Status.CLOSED])
def test_what_is_still_told_of_a_call_is_no_answer_of_the_requester(office: Office, status: Status) -> None:
    office.route(transcript())
    office.act(SetStatus(status=Status.IN_PROGRESS))
    if status is Status.CLOSED:
        office.act(SetStatus(status=Status.FEEDBACK))
    office.act(SetStatus(status=status, reason="сделано"))
    office.clock.at += timedelta(days=100)
    before = office.ticket
    assert office.outcomes(recording(), transcript(text="Иначе.", revision=5)) == ["appended", "appended"]
    assert (office.ticket.status, office.ticket.clocks) == (before.status, before.clocks)
    assert office.ticket.fields["call_recording"] == "https://pbx.example/1.wav"


def test_the_same_number_joins_nothing(office: Office) -> None:
    """Not another call, nor what its owner asked by a form."""
    asked = message(envelope_id="F1", key="F1", channel="form", sender="x@y.example")
    asked = replace(asked, sender=Address(channel="phone", address="+79161234567"))
    assert office.outcomes(asked, transcript("1"), transcript("2")) == ["ticketed"] * 3
    requesters = {state.requester for state in office.store.tables.states.values()}
    assert len(requesters) == 1, "one identity, which is a hint and joins nothing"


def test_a_ticket_number_that_a_caller_says_joins_nothing(office: Office) -> None:
    assert office.outcomes(transcript("1"), transcript("2", text="Это T-1. Откройте мою заявку.")) == ["ticketed"] * 2


def test_an_advertisement_is_held_with_its_call_and_a_click_takes_both(office: Office) -> None:
    ended, words = completed(), transcript(text="Выгодное предложение для вас.")
    office.route(ended)
    (held,) = office.route(words)
    assert isinstance(held, Suppressed)
    assert held.reason.startswith("advertising: ")
    assert office.wait(hours=1) == []
    released = replace(words, flags=(*words.flags, "released"))
    assert office.outcomes(released) == ["ticketed"]
    assert books(office.store) == {"ticketed": 1, "appended": 1}


def test_a_fault_keeps_a_waiting_call_for_later_and_its_neighbours_are_taken(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.route(completed("1"), completed("2"))
    office.clock.at += timedelta(minutes=10)

    def broken(events: Any, lead: Message) -> Message:
        if lead.envelope_id.startswith("E-1"):
            raise ValueError("a fault")
        return merged(events, lead)

    with monkeypatch.context() as patched:
        patched.setattr("router.calling.merged", broken)
        routed = asyncio.run(office.router.overdue_calls())
        assert ([effect.outcome.value for effect in routed.effects], len(routed.failed)) == (["ticketed"], 1)
        assert asyncio.run(office.router.overdue_calls()).failed == {}, "not before it has waited once more"
    assert [effect.outcome.value for effect in office.wait(minutes=10)] == ["ticketed"]


def test_the_decision_on_a_call_is_made_again_from_its_message_alone(office: Office) -> None:
    office.route(digits(), completed(), transcript(text="Остатки не работают, срочно."))
    office.route(transcript(text="Счёт.", revision=2), recording())
    policy = office.policy.current
    for effect in office.store.tables.effects:
        if isinstance(effect, Opened | Appended) and not getattr(effect, "silent", False):
            past = Past(number=1, message=effect.message, decision=effect.decision, closed_at=None)
            assert differing(effect.decision, replayed(past, policy)) == ""
            assert compare(past, policy, policy).now == compare(past, policy, policy).then
            assert explain(effect.message, effect.decision, policy).revision == policy.revision


def test_speakers_of_several_pieces_are_named() -> None:
    def turn(revision: int, speaker: str, text: str) -> Message:
        said = transcript(text=text, revision=revision, name=f"p{revision}", piece=True)
        assert said.call is not None
        return replace(said, call=replace(said.call, segments=(Segment(speaker=speaker, text=text),)))

    events = [turn(2, "agent", "Слушаю."), turn(1, "caller", "Алло."), completed()]
    assert merged(events, events[0]).text == "caller: Алло.\nagent: Слушаю."


def test_who_hides_the_number_in_one_event_hides_it_in_the_call() -> None:
    hidden = event(name="ring", caller=None, withheld=True)
    hidden = replace(hidden, flags=("withheld_number", "no_transcript"))
    told = merged([hidden, transcript()], hidden)
    assert (told.sender.address, told.flags) == ("withheld:1", ("withheld_number",))


def test_words_of_a_whole_transcript_stand_before_pieces_and_what_is_empty() -> None:
    whole, piece = transcript(revision=1), transcript(text="Кусок.", revision=9, name="p", piece=True)
    empty = transcript(text="", revision=7)
    assert standing([piece, empty, whole]) == (whole,)
    assert standing([piece, empty]) == (piece,)
    assert waits_for([empty]) == ""
