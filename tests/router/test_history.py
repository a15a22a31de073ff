"""Figures that reports need are in the history alone: how many tickets were passed up, how long they stood on each
line, how often they went to and fro."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.commands import Escalate, Return, SetStatus
from domain.errors import Refused
from domain.facts import Fact, StatusChanged, TicketAssigned, TicketClassified, TicketEscalated, TicketReturned
from domain.status import Status
from tests.router.policies import NOW
from tests.router.test_timekeeper import Department


def history(house: Department, number: int) -> list[Fact]:
    """As the store keeps it: by ticket, in order."""
    found = [f for effect in house.store.tables.effects for f in effect.facts]
    found += [f for change in house.store.tables.changes for f in change.facts]
    return [fact for fact in found if fact.ticket == number]


def was_passed_up(facts: Iterable[Fact]) -> bool:
    return any(isinstance(fact, TicketEscalated) for fact in facts)


def times_passed_back(facts: Iterable[Fact]) -> int:
    return max((fact.times for fact in facts if isinstance(fact, TicketReturned)), default=0)


def stays(facts: Iterable[Fact], until: datetime) -> Counter[str]:
    """Seconds on each line while the ticket was open."""
    found: Counter[str] = Counter()
    line, since, open_ = "", NOW, False
    for fact in facts:
        if isinstance(fact, TicketAssigned | TicketEscalated | TicketReturned | TicketClassified):
            if open_:
                found[line] += int((fact.at - since).total_seconds())
            line, since, open_ = fact.line, fact.at, True
        elif isinstance(fact, StatusChanged) and (fact.new == "closed") == open_:
            if open_:
                found[line] += int((fact.at - since).total_seconds())
            since, open_ = fact.at, not open_
    if open_:
        found[line] += int((until - since).total_seconds())
    return +found


STEPS: dict[str, Any] = {
    "up": Escalate(reason="нужен эксперт"),
    "down": Return(reason="не к нам"),
    "work": SetStatus(status=Status.IN_PROGRESS),
    "close": SetStatus(status=Status.CLOSED),
    "wait": SetStatus(status=Status.WAITING_REQUESTER),
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 90)), max_size=25))
def test_the_way_of_a_ticket_is_told_by_its_history(steps: list[tuple[str, int]]) -> None:
    house = Department()
    number = house.write("вопрос").number
    stood: Counter[str] = Counter()
    ups = downs = 0
    for step, minutes in steps:
        before = house.ticket(number)
        house.clock.at += timedelta(minutes=minutes)
        if before.status is not Status.CLOSED:
            stood[before.line] += minutes * 60
        try:
            after = house.act(number, STEPS[step])
        except Refused:
            continue
        ups += step == "up" and after.line != before.line
        downs += step == "down" and after.line != before.line
    facts = history(house, number)
    assert was_passed_up(facts) is (ups > 0)
    assert times_passed_back(facts) == downs
    assert stays(facts, house.clock.at) == stood


def test_the_share_of_tickets_that_were_passed_up() -> None:
    house = Department()
    numbers = [house.write("вопрос", subject=str(count)).number for count in range(4)]
    house.act(numbers[1], Escalate(reason="нужен эксперт"))
    assert sum(was_passed_up(history(house, number)) for number in numbers) / len(numbers) == 0.25
