"""Internal requests: a ticket asks another department, waits for it, and goes on when it has its answer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.commands import SetStatus
from domain.facts import InternalAnswered, InternalRequested, StatusChanged, TicketCreated
from domain.policy import Audience
from domain.status import Status
from domain.ticket import TicketState
from router.known import from_snapshot
from tests.router.policies import NOW, make_policy, text
from tests.router.test_timekeeper import Department, minutes


def department(**policy: Any) -> Department:
    own = make_policy().lines
    lines = {**own, "hr": replace(own["first"], key="hr", order=9, department=True, groups=())}
    entries = make_policy().catalog
    staff = replace(entries["other"], path="staff", line="hr", audiences=("staff",))
    values: dict[str, Any] = {
        "lines": lines,
        "catalog": {**entries, "staff": staff},
        "audiences": {"staff": Audience(key="staff", title=text("s"), segments=frozenset({"internal"}))},
        "refused_catalog": "other",
        "default_plan": "premium",
    }
    return Department(**{**values, **policy})


def working(house: Department) -> TicketState:
    number = house.write("не могу войти").number
    return house.act(number, SetStatus(status=Status.IN_PROGRESS))


def ask(house: Department, parent: TicketState) -> TicketState:
    return house.write("подтвердите, что Иванов работает у нас", parent=parent.number, catalog="staff", channel="api")


def running(ticket: TicketState) -> set[str]:
    return {clock.target for clock in ticket.clocks if clock.state == "running"}


def test_a_request_is_a_ticket_of_the_department_and_its_parent_waits() -> None:
    house = department()
    parent = working(house)
    child = ask(house, parent)
    assert (child.parent, child.line, child.catalog, child.flags) == (parent.number, "hr", "staff", ())
    waits = house.ticket(parent.number)
    assert waits.status is Status.INTERNAL
    (asked,) = house.told(InternalRequested)
    assert (asked.ticket, asked.child, asked.to, asked.by) == (parent.number, child.number, "hr", "router")
    moved = house.told(StatusChanged)[-1]
    assert (moved.ticket, moved.new, moved.because) == (parent.number, "internal", "T-000002 was asked of line hr")


def test_the_decision_of_a_request_names_its_parent_and_replays() -> None:
    house = department()
    ask(house, working(house))
    opened = house.store.tables.effects[-1]
    steps = {step.step: step.because for step in opened.decision.steps}
    assert steps["parent"] == "T-000001 asks for it, inside the house."
    assert "audience" not in steps
    assert opened.ticket.audiences == frozenset({"staff"}), "a colleague is of the house"
    known = from_snapshot(opened.decision.snapshot)
    assert known.parent is not None
    assert known.parent.number == 1


def test_the_parent_goes_on_when_the_last_of_its_requests_is_closed() -> None:
    house = department()
    parent = working(house)
    first, second = ask(house, parent), ask(house, parent)
    house.act(first.number, SetStatus(status=Status.CLOSED))
    assert house.ticket(parent.number).status is Status.INTERNAL
    house.act(second.number, SetStatus(status=Status.CLOSED))
    assert house.ticket(parent.number).status is Status.IN_PROGRESS
    assert [(fact.child, fact.waiting) for fact in house.told(InternalAnswered)] == [(2, 1), (3, 0)]
    assert house.told(StatusChanged)[-1].because == "T-000003 is closed"


@pytest.mark.parametrize("pauses", [False, True])
def test_whether_the_customers_clocks_stand_still_is_the_policys_word(pauses: bool) -> None:
    house = department(internal_pauses=pauses)
    parent = working(house)
    ask(house, parent)
    waits = house.ticket(parent.number)
    assert running(waits) == (set() if pauses else {"first_response", "resolution"})
    house.at(NOW + timedelta(hours=3))
    house.act(2, SetStatus(status=Status.CLOSED))
    resolution = next(c for c in house.ticket(parent.number).clocks if c.target == "resolution")
    assert resolution.due_at - NOW == timedelta(hours=7 if pauses else 4)


def test_a_request_that_closes_by_itself_answers_too() -> None:
    kinds = {
        key: replace(kind, closing=replace(kind.closing, by=frozenset({"timer", "agent"}), after_s=60))
        for key, kind in make_policy().kinds.items()
    }
    house = department(kinds=kinds)
    parent = working(house)
    child = ask(house, parent)
    house.act(child.number, SetStatus(status=Status.FEEDBACK))
    house.at(NOW + minutes(2))
    assert house.ticket(child.number).status is Status.CLOSED
    assert house.ticket(parent.number).status is Status.IN_PROGRESS


def test_a_parent_that_was_closed_meanwhile_stays_closed_and_is_told() -> None:
    house = department()
    parent = working(house)
    ask(house, parent)
    house.act(parent.number, SetStatus(status=Status.IN_PROGRESS))
    house.act(parent.number, SetStatus(status=Status.FEEDBACK))
    house.act(parent.number, SetStatus(status=Status.CLOSED))
    house.act(2, SetStatus(status=Status.CLOSED))
    assert house.ticket(parent.number).status is Status.CLOSED
    assert [fact.ticket for fact in house.told(InternalAnswered)] == [parent.number]


def test_a_parent_that_is_not_there_makes_an_ordinary_ticket() -> None:
    house = department()
    child = house.write("привет", parent=99)
    assert (child.parent, child.status) == (None, Status.CLASSIFICATION)
    assert house.told(InternalRequested) == []
    created = [f for e in house.store.tables.effects for f in e.facts if isinstance(f, TicketCreated)]
    assert len(created) == 1
