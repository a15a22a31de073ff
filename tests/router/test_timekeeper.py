"""Time passes: warnings, breaches, what the policy does about them, and tickets that close by themselves."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.clocks import as_of, is_open
from domain.commands import Actor, Escalate, SetStatus
from domain.facts import NobodyEligible, NoticeDue, SlaBreached, SlaWarned, StatusChanged, TicketAssigned
from domain.people import Worker
from domain.policy import Assignment, Closing, Line, Reaction
from domain.status import Status
from domain.ticket import Priority, TicketState
from domain.views import Scope
from router.actions import TicketActions
from router.service import Router
from router.timekeeper import Timekeeper
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, message
from tests.router.policies import HOUR, NOW, make_policy

EVERYTHING = Scope(reader="test", lines=None)
ANNA = Actor(id="agent:A1", name="Anna", agent="A1")


class Department:
    """Router, actions and timekeeper over one store and one clock. ``at`` moves it and lets the timekeeper work."""

    def __init__(self, **policy: Any) -> None:
        self.store, self.clock, self.ids = FakeStore(), FixedClock(NOW), CountingIds()
        self.policy = FixedPolicy(make_policy(**policy))
        self.router = Router(self.store, self.policy, self.clock, self.ids, SECRET)
        self.actions = TicketActions(self.store, self.policy, self.clock, self.ids)
        self.timekeeper = Timekeeper(self.store, self.policy, self.clock, self.ids)
        self._sent = 0

    def write(self, text: str = "", **changes: Any) -> TicketState:
        self._sent += 1
        values = {"envelope_id": f"E{self._sent}", "key": f"K{self._sent}", "received_at": self.clock.at, **changes}
        asyncio.run(self.router.route([message(text, **values)]))
        return self.ticket(max(self.store.tables.states))

    def act(self, number: int, command: Any) -> TicketState:
        return asyncio.run(self.actions.act(EVERYTHING, number, command, ANNA))

    def ticket(self, number: int) -> TicketState:
        return self.store.tables.states[number]

    def at(self, moment: datetime) -> None:
        self.clock.at = moment
        asyncio.run(self._work())

    async def _work(self) -> None:
        await self.timekeeper.fire()
        while (done := await self.timekeeper.follow()).count:
            assert not done.failed, done.failed
        while (left := await self.timekeeper.hand_over()).count:
            assert not left.failed, left.failed
        await self.timekeeper.share_out()

    def told(self, *kinds: type) -> list[Any]:
        return [f for change in self.store.tables.changes for f in change.facts if isinstance(f, kinds)]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def premium(**policy: Any) -> Department:
    """Every ticket is of plan premium: a first response within 15 minutes, resolution within 4 hours, always."""
    return Department(default_plan="premium", **policy)


def test_a_clock_warns_at_its_shares_and_is_breached_when_due_each_once() -> None:
    house = premium()
    number = house.write("вопрос").number
    for passed in (7.4, 7.5, 8, 11.99, 12, 14.99, 15, 15, 16, 100):
        house.at(NOW + minutes(passed))
    told = house.told(SlaWarned, SlaBreached)
    assert [(f.NAME, f.target, getattr(f, "share", 100), f.at - NOW) for f in told] == [
        ("ticket.sla_warned", "first_response", 50, minutes(7.5)),
        ("ticket.sla_warned", "first_response", 80, minutes(12)),
        ("ticket.sla_breached", "first_response", 100, minutes(15)),
    ]
    first, resolution = house.ticket(number).clocks
    assert (first.state, first.fired, is_open(first)) == ("breached", (50, 80, 100), True)
    assert (resolution.state, resolution.fired) == ("running", ())


def test_a_clock_that_stands_still_does_not_fire_and_goes_on_where_it_stood() -> None:
    house = premium()
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(5)
    house.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    house.at(NOW + timedelta(days=3))
    assert house.told(SlaWarned, SlaBreached) == []
    house.act(number, SetStatus(status=Status.IN_PROGRESS))
    house.at(NOW + timedelta(days=3) + minutes(2.5))
    assert [(f.target, f.share) for f in house.told(SlaWarned)] == [("first_response", 50)]


def test_a_timekeeper_that_was_away_tells_late_and_all_of_it() -> None:
    house = premium()
    house.write("вопрос")
    house.at(NOW + timedelta(days=2))
    told = [(f.target, getattr(f, "share", 100)) for f in house.told(SlaWarned, SlaBreached)]
    assert told == [
        ("first_response", 50),
        ("first_response", 80),
        ("first_response", 100),
        ("resolution", 50),
        ("resolution", 80),
        ("resolution", 100),
    ]


def test_what_fired_and_was_not_followed_is_followed_once_by_whoever_comes_next() -> None:
    house = premium()
    house.write("вопрос")
    house.clock.at = NOW + minutes(8)
    asyncio.run(house.timekeeper.fire())
    other = Timekeeper(house.store, house.policy, house.clock, house.ids)
    assert asyncio.run(other.fire()) == 0
    assert asyncio.run(other.follow()).count == 1
    assert asyncio.run(house.timekeeper.follow()).count == 0
    assert len(house.told(SlaWarned)) == 1


def test_a_firing_that_waits_is_not_set_again_by_a_change_of_the_ticket() -> None:
    house = premium()
    number = house.write("вопрос").number
    house.clock.at = NOW + minutes(8)
    asyncio.run(house.timekeeper.fire())
    house.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    house.act(number, SetStatus(status=Status.IN_PROGRESS))
    house.at(NOW + minutes(8.1))
    assert [f.share for f in house.told(SlaWarned)] == [50]


def test_a_breach_does_what_the_policy_says_in_order() -> None:
    reaction = Reaction(
        key="late",
        on="breached",
        targets=frozenset({"first_response"}),
        notify=frozenset({"lead", "assignee"}),
        raise_priority=1,
        escalate=True,
        mark="late",
    )
    house = premium(reactions=(reaction,))
    number = house.write("вопрос").number
    was = house.ticket(number).priority
    house.at(NOW + minutes(15))
    ticket = house.ticket(number)
    assert (ticket.line, ticket.flags) == ("second", ("late",))
    assert tuple(Priority).index(ticket.priority) == max(0, tuple(Priority).index(was) - 1)
    facts = [f.NAME for change in house.store.tables.changes for f in change.facts]
    assert facts == [
        "ticket.sla_warned",
        "ticket.sla_warned",
        "ticket.sla_breached",
        "ticket.marked",
        "ticket.classified",
        "ticket.escalated",
        "ticket.notice_due",
    ]
    (notice,) = house.told(NoticeDue)
    assert (notice.whom, notice.reaction, notice.about) == (("assignee", "lead"), "late", "first_response breached")


@pytest.mark.parametrize(
    "narrowed",
    [
        {"targets": frozenset({"resolution"})},
        {"priorities": frozenset({Priority.P1})},
        {"kinds": frozenset({"outage"})},
        {"types": frozenset({"incident"})},
        {"lines": frozenset({"second"})},
        {"plans": frozenset({"standard"})},
        {"on": "warned", "share": 60},
    ],
)
def test_a_reaction_that_is_narrowed_to_others_does_nothing(narrowed: dict[str, Any]) -> None:
    house = premium(reactions=(Reaction(**{"key": "x", "on": "breached", "mark": "late", **narrowed}),))
    number = house.write("вопрос").number
    house.at(NOW + minutes(16))
    assert house.ticket(number).flags == ()


def test_a_stay_that_runs_out_passes_the_ticket_up_and_begins_anew_there() -> None:
    lines = make_policy().lines
    stays = {key: replace(line, stay_s=HOUR, calendar="always") for key, line in lines.items()}
    over = Reaction(key="stay", on="breached", targets=frozenset({"line_stay"}), escalate=True)
    house = premium(lines=stays, reactions=(over,))
    number = house.write("вопрос").number
    house.at(NOW + minutes(60))
    ticket = house.ticket(number)
    stay = [clock for clock in ticket.clocks if clock.target == "line_stay"]
    assert (ticket.line, [(clock.cell, clock.state) for clock in stay]) == (
        "second",
        [("line/first", "breached"), ("line/second", "running")],
    )
    house.at(NOW + minutes(120))
    assert house.ticket(number).line == "second", "there is no line above"


def test_a_ticket_in_feedback_closes_by_itself_unless_somebody_objects() -> None:
    kinds = {k: replace(v, closing=Closing(after_s=24 * HOUR)) for k, v in make_policy().kinds.items()}
    house = premium(kinds=kinds)
    agreed, objected = house.write("один").number, house.write("два", conversation=("h",)).number
    for number in (agreed, objected):
        house.act(number, SetStatus(status=Status.FEEDBACK))
    house.clock.at = NOW + timedelta(hours=20)
    house.act(objected, SetStatus(status=Status.IN_PROGRESS, reason="the requester is not content"))
    house.at(NOW + timedelta(hours=23, minutes=59))
    assert house.ticket(agreed).status is Status.FEEDBACK
    house.at(NOW + timedelta(hours=24))
    assert (house.ticket(agreed).status, house.ticket(agreed).closed_at) == (Status.CLOSED, NOW + timedelta(hours=24))
    assert house.ticket(objected).status is Status.IN_PROGRESS
    (closed,) = [f for f in house.told(StatusChanged) if f.new == "closed"]
    assert (closed.by, closed.because) == ("timekeeper", "nobody objected")


def shared_out() -> dict[str, Line]:
    lines = make_policy().lines
    first = replace(lines["first"], assignment=Assignment(mode="balanced", capacity=2))
    return {**lines, "first": first}


def worker(key: str, **changes: Any) -> Worker:
    return Worker(**{"id": key, "name": key, "lines": frozenset({"first"}), **changes})


def test_new_tickets_are_shared_out_and_the_rest_waits_for_a_free_hand() -> None:
    house = premium(lines=shared_out())
    house.store.tables.workers += [worker("A"), worker("B")]
    numbers = [house.write("вопрос", conversation=(f"c{n}",), sender=f"{n}@x.example").number for n in range(5)]
    assert [house.ticket(number).assignee for number in numbers] == ["A", "B", "A", "B", None]
    assert house.ticket(numbers[4]).flags == ("unassigned",)
    house.at(NOW + minutes(1))
    assert house.told(NobodyEligible) == [], "the alarm was raised once, when it came"
    house.act(numbers[1], SetStatus(status=Status.FEEDBACK))
    house.at(NOW + minutes(2))
    assert (house.ticket(numbers[4]).assignee, house.ticket(numbers[4]).flags) == ("B", ())
    (given,) = house.told(TicketAssigned)
    assert given.because.startswith("It is the agent with the least in hand")


def test_a_ticket_that_is_passed_to_a_line_which_shares_out_finds_its_agent_at_once() -> None:
    lines = make_policy().lines
    second = replace(lines["second"], calendar="always", assignment=Assignment(mode="round_robin"))
    house = premium(lines={**lines, "second": second})
    house.store.tables.workers += [worker("U", lines=frozenset({"second"}))]
    number = house.write("вопрос").number
    assert house.act(number, Escalate(reason="нужен инженер")).assignee == "U"


def test_a_month_of_a_department_in_seconds() -> None:
    """Every clock of every ticket, recomputed from its segments, is what is kept of it; and nothing fires twice."""
    house = Department()
    plans = house.policy.current.plans
    for day in range(30):
        house.clock.at = NOW + timedelta(days=day)
        number = house.write("вопрос" if day % 3 else "срочно, не работает", conversation=(f"d{day}",)).number
        if day % 2:
            house.clock.at += timedelta(hours=3)
            house.act(number, SetStatus(status=Status.WAITING_REQUESTER))
        if day % 4 == 3:
            house.clock.at += timedelta(hours=30)
            house.act(number, SetStatus(status=Status.IN_PROGRESS))
        for hour in range(24):
            house.at(NOW + timedelta(days=day, hours=hour, minutes=30))
    end = NOW + timedelta(days=30)
    calendars = house.policy.current.calendars
    assert plans
    for ticket in house.store.tables.states.values():
        for clock in ticket.clocks:
            seen = as_of(clock, calendars[clock.calendar], end)
            late = seen.consumed_s >= clock.goal_s and is_open(clock)
            assert (clock.state == "breached") == late, (ticket.number, clock)
    told = [(f.ticket, f.target, getattr(f, "share", 100)) for f in house.told(SlaWarned, SlaBreached)]
    assert len(told) == len(set(told))
    assert len(told) > 40
