"""Who goes away, or is removed, leaves their tickets to others: which ones, to whom, and what is told."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.commands import Assign, SetStatus
from domain.facts import NobodyEligible, TicketAssigned, TicketEscalated
from domain.identity import Organization
from domain.people import Agent
from domain.policy import Assignment, Line, Reaction
from domain.status import Status
from router.leaving import leave
from tests.fakes_store import FakeUnitOfWork
from tests.router.make import ANNA as ANNAS_ADDRESS
from tests.router.policies import NOW, make_policy
from tests.router.test_timekeeper import Department, minutes, premium, worker


def lines(away: str = "reassign", mode: str = "balanced", **rules: Any) -> dict[str, Line]:
    found = make_policy().lines
    assignment = Assignment(**{"mode": mode, "away": away, **rules})  # type: ignore[arg-type]
    return {**found, "first": replace(found["first"], assignment=assignment)}


def staffed(*names: str, **rules: Any) -> Department:
    """A first line that shares its tickets out among these agents."""
    house = premium(lines=lines(**rules))
    for name in names:
        house.store.tables.workers.append(worker(name))
        house.store.tables.agents[name] = Agent(
            id=name, email=f"{name}@x.example", name=name, lines=frozenset({"first"})
        )
    return house


def presence(house: Department, name: str, **changes: Any) -> None:
    house.store.tables.workers = [
        replace(each, **changes) if each.id == name else each for each in house.store.tables.workers
    ]


def remove(house: Department, name: str) -> None:
    house.store.tables.agents[name] = replace(house.store.tables.agents[name], active=False)


def write(house: Department, number: int = 0) -> int:
    return house.write("вопрос", conversation=(f"c{number}",), sender=f"{number}@x.example").number


def test_who_goes_away_leaves_their_open_tickets_to_those_who_can_have_them() -> None:
    house = staffed("A", "B")
    first, second = write(house, 1), write(house, 2)
    assert [house.ticket(number).assignee for number in (first, second)] == ["A", "B"]
    presence(house, "A", presence="away")
    house.at(NOW + minutes(1))
    assert [house.ticket(number).assignee for number in (first, second)] == ["B", "B"]
    (told,) = house.told(TicketAssigned)
    assert (told.assignee, told.left, told.by) == ("B", "A", "timekeeper")
    assert told.because == (
        "Its agent is away: It is the agent with the least in hand, 1. 1 of 2 agents of line first could have it."
    )
    house.at(NOW + minutes(2))
    assert len(house.told(TicketAssigned)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"presence": "break"}, {"presence": "away", "away_until": NOW}, {"presence": "on"}],
    ids=["on a break", "back already", "here"],
)
def test_who_is_here_or_soon_back_keeps_theirs(changes: dict[str, Any]) -> None:
    house = staffed("A", "B")
    number = write(house)
    presence(house, "A", **changes)
    house.at(NOW + minutes(1))
    assert house.ticket(number).assignee == "A"


def test_a_line_may_let_who_is_away_keep_theirs() -> None:
    house = staffed("A", "B", away="keep")
    number = write(house)
    presence(house, "A", presence="away")
    house.at(NOW + minutes(1))
    assert house.ticket(number).assignee == "A"


def test_what_waits_for_the_requester_stays_with_who_is_away_until_it_is_work_again() -> None:
    house = staffed("A", "B")
    number = write(house)
    house.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    presence(house, "A", presence="away")
    house.at(NOW + minutes(1))
    assert house.ticket(number).assignee == "A"
    house.act(number, SetStatus(status=Status.IN_PROGRESS))
    house.at(NOW + minutes(2))
    assert house.ticket(number).assignee == "B"


def test_with_nobody_there_it_waits_in_the_queue_and_the_alarm_is_raised_once() -> None:
    house = staffed("A", "B")
    number = write(house)
    presence(house, "A", presence="away")
    presence(house, "B", presence="break")
    for minute in range(1, 6):
        house.at(NOW + minutes(minute))
    ticket = house.ticket(number)
    assert (ticket.assignee, ticket.flags) == (None, ("unassigned",))
    (left,) = house.told(TicketAssigned)
    assert (left.assignee, left.left, left.because) == (None, "A", "Its agent is away.")
    assert len(house.told(NobodyEligible)) == 1
    presence(house, "B", presence="on")
    house.at(NOW + minutes(7))
    assert (house.ticket(number).assignee, house.ticket(number).flags) == ("B", ())


def test_the_policy_reacts_to_nobody_being_there() -> None:
    reaction = Reaction(key="alone", on="nobody_eligible", escalate=True)
    house = premium(lines=lines(), reactions=(reaction,))
    house.store.tables.workers.append(worker("A"))
    number = write(house)
    presence(house, "A", presence="away")
    for minute in range(1, 4):
        house.at(NOW + minutes(minute))
    assert (house.ticket(number).line, house.ticket(number).assignee) == ("second", None)
    assert len(house.told(TicketEscalated)) == 1


def test_where_agents_take_tickets_themselves_it_goes_back_to_the_queue() -> None:
    house = staffed("A", "B", mode="manual")
    number = write(house)
    house.act(number, Assign(agent="A"))
    presence(house, "A", presence="away")
    house.at(NOW + minutes(1))
    assert (house.ticket(number).assignee, house.ticket(number).flags) == (None, ())
    assert house.told(NobodyEligible) == []


@pytest.mark.parametrize("away", ["keep", "reassign"])
def test_who_is_removed_leaves_everything_that_is_open(away: str) -> None:
    house = staffed("A", "B", away=away)
    work, waits, feedback, closed = (write(house, number) for number in range(4))
    for number in (work, waits, feedback, closed):
        if house.ticket(number).assignee != "A":
            house.act(number, Assign(agent="A"))
    house.act(waits, SetStatus(status=Status.WAITING_REQUESTER))
    house.act(feedback, SetStatus(status=Status.FEEDBACK))
    house.act(closed, SetStatus(status=Status.CLOSED))
    told = len(house.told(TicketAssigned))
    remove(house, "A")
    house.at(NOW + minutes(1))
    assert [house.ticket(number).assignee for number in (work, waits, feedback, closed)] == ["B", None, None, "A"]
    facts = house.told(TicketAssigned)[told:]
    assert {(fact.ticket, fact.left, fact.because.partition(":")[0]) for fact in facts} == {
        (work, "A", "Its agent does not work here any more"),
        (waits, "A", "Its agent does not work here any more."),
        (feedback, "A", "Its agent does not work here any more."),
    }
    house.act(closed, SetStatus(status=Status.IN_PROGRESS))
    house.at(NOW + minutes(2))
    assert house.ticket(closed).assignee == "B", "reopened, it is open and nobody's who is here"


def test_who_works_on_another_line_leaves_everything_that_is_open_on_this_one() -> None:
    house = staffed("A", "B", away="keep")
    number, waits = write(house, 1), write(house, 2)
    house.act(waits, Assign(agent="A"))
    house.act(waits, SetStatus(status=Status.WAITING_REQUESTER))
    house.store.tables.agents["A"] = replace(house.store.tables.agents["A"], lines=frozenset({"second"}))
    presence(house, "A", lines=frozenset({"second"}))
    house.at(NOW + minutes(1))
    assert [house.ticket(each).assignee for each in (number, waits)] == ["B", None]
    told = {fact.because.partition(":")[0] for fact in house.told(TicketAssigned) if fact.left == "A"}
    assert told == {
        "Its agent does not work on this line any more",
        "Its agent does not work on this line any more.",
    }


def test_who_is_removed_is_nobodys_engineer_and_no_previous_agent() -> None:
    house = staffed("A", "B")
    house.store.add_organization(Organization(id="O1", name="O", domains=("romashka.example",), engineer="A"))
    before = house.write("вопрос", conversation=("c1",), sender=ANNAS_ADDRESS)
    assert before.assignee == "A"
    remove(house, "A")
    after = house.write("вопрос", conversation=("c2",), sender=ANNAS_ADDRESS)
    assert after.assignee == "B"


def test_what_many_leave_goes_to_the_others_as_the_line_shares_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.timekeeper._TOGETHER", 7)
    house = staffed("A", "B", "C", capacity=300)
    numbers = [write(house, number) for number in range(60)]
    remove(house, "A")
    assert asyncio.run(house.timekeeper.hand_over()).count == 7
    house.at(NOW + minutes(1))
    held = [house.ticket(number).assignee for number in numbers]
    assert (held.count("A"), held.count("B"), held.count("C")) == (0, 30, 30)


def test_a_timekeeper_that_dies_before_the_commit_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    house = staffed("A", "B")
    number = write(house)
    remove(house, "A")
    with monkeypatch.context() as dying:
        dying.setattr(FakeUnitOfWork, "change", _die)
        with pytest.raises(RuntimeError):
            asyncio.run(house.timekeeper.hand_over())
    assert (house.ticket(number).assignee, house.told(TicketAssigned)) == ("A", [])
    house.at(NOW + minutes(1))
    assert house.ticket(number).assignee == "B"


def test_a_ticket_that_cannot_leave_keeps_no_other_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    house = staffed("A", "B")
    first, second = write(house, 1), write(house, 2)
    house.act(second, Assign(agent="A"))
    remove(house, "A")

    def broken(ticket: Any, leaving: Any, setting: Any) -> Any:
        if ticket.number == first:
            raise RuntimeError("broken")
        return leave(ticket, leaving, setting)

    monkeypatch.setattr("router.timekeeper.leave", broken)
    done = asyncio.run(house.timekeeper.hand_over())
    assert (done.count, list(done.failed)) == (1, [first])
    assert [house.ticket(number).assignee for number in (first, second)] == ["A", "B"]


async def _die(*_: Any) -> None:
    raise RuntimeError
