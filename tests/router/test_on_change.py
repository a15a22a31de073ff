"""A clock under another goal: each cell of the matrix says what becomes of the time that was used up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.clocks import ClockRecord, is_open
from domain.commands import Classify, SetStatus
from domain.policy import Goal, Policy
from domain.status import Status
from domain.ticket import Priority
from tests.router.policies import NOW, make_policy
from tests.router.test_timekeeper import Department, minutes


def policy(on_change: Any, seconds: int | None = 900) -> Policy:
    """Half an hour for everybody, and for P1 a quarter, with what its cell says."""
    found = make_policy(default_plan="premium")
    row = {priority: Goal(cell=f"premium/{priority}", seconds=1800) for priority in Priority}
    row[Priority.P1] = Goal(cell="premium/p1", seconds=seconds, warn=(60,), on_change=on_change)
    premium = replace(found.plans["premium"], goals={"first_response": row, "resolution": row}, raises_priority=0)
    return replace(found, plans={**found.plans, "premium": premium})


def raised(house: Department, number: int) -> ClockRecord:
    house.act(number, Classify(priority=Priority.P1, reason="встал склад"))
    return next(clock for clock in house.ticket(number).clocks if clock.target == "first_response")


def house_with(found: Policy) -> Department:
    house = Department()
    house.policy.current = found
    return house


@pytest.mark.parametrize(
    ("on_change", "left", "cell"),
    [("recalculate", -5, "premium/p1"), ("keep", 10, "premium/p4"), ("from_now", 15, "premium/p1")],
)
def test_twenty_minutes_of_thirty_are_used_and_the_new_goal_is_fifteen(on_change: str, left: int, cell: str) -> None:
    house = house_with(policy(on_change))
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(20)
    clock = raised(house, number)
    assert clock.due_at - house.clock.at == minutes(left)
    assert clock.cell == cell


@pytest.mark.parametrize(("on_change", "left"), [("recalculate", -5), ("keep", 10), ("from_now", 15)])
def test_what_stood_still_in_between_is_not_used(on_change: str, left: int) -> None:
    house = house_with(policy(on_change))
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(12)
    house.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    house.clock.at += timedelta(days=2)
    house.act(number, SetStatus(status=Status.IN_PROGRESS))
    house.clock.at += minutes(8)
    assert raised(house, number).due_at - house.clock.at == minutes(left)


def test_a_goal_of_nothing_ends_the_clock() -> None:
    house = house_with(policy("recalculate", None))
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(20)
    clock = raised(house, number)
    assert (is_open(clock), clock.state) == (False, "met")


def test_the_new_cells_warnings_hold_from_then_on() -> None:
    house = house_with(policy("from_now"))
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(20)
    assert raised(house, number).warn == (60,)
