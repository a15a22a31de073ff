"""Answers to requesters: in which frame, to whom, on which channel, and when they are refused."""

from dataclasses import replace
from typing import Any

import pytest

from domain.commands import Reply
from domain.errors import Invalid, Refused
from domain.facts import MessageAppended, StatusChanged
from domain.outgoing import Correspondent, Outlet
from domain.policy import Closing
from domain.status import Status
from domain.ticket import TicketState
from tests.router.policies import make_policy
from tests.router.test_letters import Office, letter

FRAME = letter("reply", None, "{text}\n\n{agent}, {company}")


def ready(*given: Any, people: tuple[Correspondent, ...] | None = None, **policy: Any) -> tuple[Office, TicketState]:
    office = Office(FRAME, *given, **policy)
    ticket = office.write("Не печатает чек")
    office.known(ticket.number, **({} if people is None else {"people": people}))
    return office, ticket


def test_an_answer_stands_in_the_policys_frame_goes_back_where_it_came_from_and_keeps_the_promise() -> None:
    office, ticket = ready()
    (ours,) = office.act(ticket.number, Reply(text="Обновите программу.\n"))
    assert (ours.subject, ours.text) == ("[T-000001] reply", "Обновите программу.\n\nВера, Test\n")
    assert (ours.words, ours.channel, ours.to, ours.automatic) == ("Обновите программу.", "email", "I1", False)
    after = office.store.tables.states[ticket.number]
    assert after.status is Status.IN_PROGRESS
    assert {clock.target: clock.state for clock in after.clocks}["first_response"] == "met"
    facts = office.store.tables.changes[-1].facts
    assert [(f.direction, f.message) for f in facts if isinstance(f, MessageAppended)] == [("outbound", ours.id)]


def test_an_answer_that_solves_the_ticket_is_one_letter_in_the_words_for_that() -> None:
    office, ticket = ready(letter("resolution", "solved", "Решено. {text}"))
    office.act(ticket.number, Reply(text="Смотрю."))
    (ours,) = office.act(ticket.number, Reply(text="Починили.", status=Status.FEEDBACK))
    assert (ours.letter, ours.text) == ("resolution", "Решено. Починили.\n")
    moves = [(f.old, f.new) for f in office.store.tables.changes[-1].facts if isinstance(f, StatusChanged)]
    assert moves == [("in_progress", "feedback")]


def test_an_answer_that_asks_sends_no_second_letter_for_the_waiting() -> None:
    office, ticket = ready(letter("wait", "waiting"))
    (ours,) = office.act(ticket.number, Reply(text="Какая версия?", status=Status.WAITING_REQUESTER))
    assert ours.words == "Какая версия?"


def test_what_the_process_does_not_allow_leaves_the_answer_unsent() -> None:
    kinds = {key: replace(kind, closing=Closing(by=frozenset({"timer"}))) for key, kind in make_policy().kinds.items()}
    office, ticket = ready(kinds=kinds)
    with pytest.raises(Refused, match="not complete"):
        office.act(ticket.number, Reply(text="Готово.", status=Status.CLOSED))
    assert all(not change.letters for change in office.store.tables.changes)


def test_an_empty_answer_names_its_field() -> None:
    office, ticket = ready()
    with pytest.raises(Invalid, match="text: is empty"):
        office.act(ticket.number, Reply(text=" \n"))


def test_a_line_that_does_not_write_to_requesters_is_refused_with_what_to_do() -> None:
    lines = {key: replace(line, writes_to_customers=False) for key, line in make_policy().lines.items()}
    office, ticket = ready(lines=lines)
    with pytest.raises(Refused) as refused:
        office.act(ticket.number, Reply(text="Привет"))
    assert refused.value.missing == (
        ("line", "line first does not write to requesters; return the ticket, or leave a note"),
    )


WROTE = Correspondent(id="I1", channel="email", account="smtp", wrote=True, requester=True)
PROVEN = Correspondent(id="I2", channel="telegram", account="bot", requester=True, verified=True)
CLAIMED = Correspondent(id="I3", channel="email", account="smtp", requester=True)
CALLED = Correspondent(id="I4", channel="phone", account="", requester=True, verified=True)
BOTH = Outlet(channels=frozenset({"email", "telegram"}))


def test_an_agent_may_pick_another_address_that_is_known_to_be_theirs() -> None:
    office, ticket = ready(people=(WROTE, PROVEN, CLAIMED), outlet=BOTH)
    (ours,) = office.act(ticket.number, Reply(text="Здравствуйте", to="I2"))
    assert (ours.channel, ours.account, ours.to) == ("telegram", "bot", "I2")
    with pytest.raises(Refused, match="Nobody knows that this address is theirs"):
        office.act(ticket.number, Reply(text="Здравствуйте", to="I3"))
    with pytest.raises(Invalid, match="to: is nobody who takes part"):
        office.act(ticket.number, Reply(text="Здравствуйте", to="I9"))


@pytest.mark.parametrize(
    ("people", "chosen"),
    [
        ((WROTE, PROVEN), "I1"),
        ((replace(WROTE, unreachable="5.1.1"), PROVEN), "I2"),
        ((replace(WROTE, unreachable="5.1.1"), CLAIMED, CALLED), "I4"),
        ((replace(WROTE, channel="form"), CALLED, PROVEN), "I2"),
        ((replace(CALLED, wrote=True, verified=False),), "I4"),
    ],
    ids=["where they wrote from", "another proven way", "at last by telephone", "no form can be answered", "a caller"],
)
def test_an_answer_goes_to(people: tuple[Correspondent, ...], chosen: str) -> None:
    office, ticket = ready(people=people, outlet=BOTH)
    (ours,) = office.act(ticket.number, Reply(text="Здравствуйте"))
    assert ours.to == chosen


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ((), "nobody has written on it"),
        ((replace(WROTE, channel="form"),), "no account is set up to send on form"),
        ((replace(WROTE, unreachable="5.1.1 no such user"),), "cannot be reached on email: 5.1.1 no such user"),
    ],
)
def test_where_there_is_no_way_the_answer_is_refused_with_the_reason(
    people: tuple[Correspondent, ...], why: str
) -> None:
    office, ticket = ready(people=people)
    with pytest.raises(Refused) as refused:
        office.act(ticket.number, Reply(text="Здравствуйте"))
    assert refused.value.missing == (("to", why),)


def test_answers_go_where_the_requester_wants_them() -> None:
    office, ticket = ready(people=(replace(WROTE, address="boss@client.example"),))
    (ours,) = office.act(ticket.number, Reply(text="Здравствуйте"))
    assert ours.address == "boss@client.example"
