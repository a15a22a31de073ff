"""What the policy does where no clock is involved: nobody could have the ticket, and it went to and fro."""

from dataclasses import replace
from typing import Any

from domain.commands import Assign, Escalate, Return, SetStatus
from domain.facts import NobodyEligible, NoticeDue, TicketClassified, TicketEscalated, TicketMarked
from domain.people import Worker
from domain.policy import Assignment, Line, Reaction
from domain.status import Status
from domain.ticket import Priority
from tests.router.policies import NOW, make_policy
from tests.router.test_timekeeper import Department, minutes

NOBODY = Reaction(key="nobody", on="nobody_eligible", notify=frozenset({"lead"}), mark="alarm")
BACK = Reaction(key="back", on="ping_pong", notify=frozenset({"lead"}), mark="ping-pong", raise_priority=1)


def sharing(*lines: str, **policy: Any) -> Department:
    """The named lines share their tickets out, and nobody works there yet."""
    own = make_policy().lines
    shared: dict[str, Line] = {
        key: replace(line, calendar="always", assignment=Assignment(mode="balanced")) if key in lines else line
        for key, line in own.items()
    }
    return Department(lines=shared, **policy)


def to_and_fro(house: Department, number: int, times: int) -> None:
    for _ in range(times):
        house.act(number, Escalate(reason="нужен эксперт"))
        house.act(number, Return(reason="не к нам"))
        house.at(house.clock.at + minutes(1))


def test_a_ticket_that_finds_nobody_is_marked_and_the_lead_is_told_once() -> None:
    house = sharing("first", reactions=(NOBODY,))
    number = house.write("вопрос").number
    assert len(house.store.tables.timers) >= 1
    for passed in (0.1, 1, 2, 9):
        house.at(NOW + minutes(passed))
    assert set(house.ticket(number).flags) == {"unassigned", "alarm"}
    (notice,) = house.told(NoticeDue)
    assert (notice.reaction, notice.whom, notice.about, notice.assignee) == (
        "nobody",
        ("lead",),
        "nobody_eligible",
        None,
    )
    (mark,) = house.told(TicketMarked)
    assert mark.because == "reaction nobody: nobody eligible"


def test_what_found_somebody_in_the_meantime_alarms_nobody() -> None:
    house = sharing("first", reactions=(NOBODY,))
    number = house.write("вопрос").number
    house.store.tables.workers = [Worker(id="A1", name="Anna", lines=frozenset({"first"}))]
    asked = house.ticket(number)
    house.store.tables.states[number] = replace(asked, assignee="A1")
    house.at(NOW + minutes(1))
    assert house.told(NoticeDue, TicketMarked) == []


def test_a_policy_that_does_not_care_sets_no_timer() -> None:
    house = sharing("first")
    number = house.write("вопрос").number
    assert all(each.timer.what == "clock" for each in house.store.tables.timers if each.number == number)


def test_a_command_right_after_does_not_undo_the_alarm() -> None:
    house = sharing("first", reactions=(NOBODY,))
    number = house.write("вопрос").number
    house.act(number, SetStatus(status=Status.IN_PROGRESS))
    house.at(NOW + minutes(1))
    assert "alarm" in house.ticket(number).flags


def test_a_line_above_without_anybody_alarms_again() -> None:
    house = sharing("first", "second", reactions=(replace(NOBODY, escalate=True),))
    number = house.write("вопрос").number
    house.at(NOW + minutes(1))
    house.at(NOW + minutes(2))
    assert house.ticket(number).line == "second"
    assert [fact.line for fact in house.told(TicketEscalated)] == ["second"]
    assert [fact.line for fact in house.told(NobodyEligible)] == ["second"]  # the first one came with the ticket
    assert [notice.line for notice in house.told(NoticeDue)] == ["second", "second"]


def test_passed_back_as_often_as_the_policy_bears_a_ticket_is_shown_to_the_lead() -> None:
    house = sharing(reactions=(BACK,), ping_pong=2)
    number = house.write("вопрос").number
    was = house.ticket(number).priority
    to_and_fro(house, number, 1)
    assert house.told(NoticeDue) == []
    to_and_fro(house, number, 1)
    (notice,) = house.told(NoticeDue)
    assert (notice.reaction, notice.about) == ("back", "ping_pong")
    assert "ping-pong" in house.ticket(number).flags
    raised = [fact for fact in house.told(TicketClassified) if "priority" in fact.changed]
    assert [fact.changed["priority"] for fact in raised] == [[was, Priority(f"p{int(was[1]) - 1}")]]


def test_a_ticket_that_was_closed_meanwhile_is_left_alone() -> None:
    house = sharing(reactions=(BACK,), ping_pong=1)
    number = house.write("вопрос").number
    house.act(number, Escalate(reason="нужен эксперт"))
    house.act(number, Return(reason="не к нам"))
    house.act(number, SetStatus(status=Status.CLOSED))
    house.at(NOW + minutes(1))
    assert house.told(NoticeDue, TicketMarked) == []


def test_giving_it_to_somebody_by_hand_is_no_event() -> None:
    house = sharing("first", reactions=(NOBODY, BACK))
    number = house.write("вопрос").number
    house.at(NOW + minutes(1))
    before = len(house.told(NoticeDue))
    house.act(number, Assign(agent=None))
    house.at(NOW + minutes(2))
    assert len(house.told(NoticeDue)) == before
