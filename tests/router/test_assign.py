"""Who gets a ticket, and why the others do not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.decision import Tried
from domain.people import Worker
from domain.policy import Assignment, Policy
from domain.ticket import Priority
from router.steps.assign import Choice, Wanted, assign
from tests.router.policies import NOW, make_policy


def shared(**rules: Any) -> Policy:
    """The tests' policy, whose first line shares its tickets out; one kind needs a skill."""
    found = make_policy()
    line = replace(found.lines["first"], calendar="always", assignment=Assignment(**{"mode": "balanced", **rules}))
    skilled = replace(found.kinds["outage"], skills={"databases": 2})
    return replace(found, lines={**found.lines, "first": line}, kinds={**found.kinds, "outage": skilled})


def agent(key: str, **changes: Any) -> Worker:
    return Worker(**{"id": key, "name": key, "lines": frozenset({"first"}), **changes})


def wanted(**changes: Any) -> Wanted:
    return Wanted(**{"line": "first", "group": None, "kind": "question", "priority": Priority.P3, **changes})


def chosen(*workers: Worker, rules: dict[str, Any] | None = None, **changes: Any) -> Choice:
    return assign(wanted(**changes), workers, shared(**(rules or {})), NOW)


def test_the_agent_with_the_least_in_hand_gets_it() -> None:
    choice = chosen(agent("A", in_hand={"p1": 1}), agent("B", in_hand={"p3": 3}), agent("C", in_hand={"p3": 5}))
    assert (choice.agent, choice.alarm) == ("B", False)
    assert choice.because == ("It is the agent with the least in hand, 3. 3 of 3 agents of line first could have it.")


def test_of_equals_the_one_whose_last_ticket_is_the_longest_ago() -> None:
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    assert chosen(agent("A", assigned_at=late), agent("B", assigned_at=early)).agent == "B"


def test_in_turn_the_load_does_not_count() -> None:
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    busy = agent("A", assigned_at=early, in_hand={"p1": 4})
    assert chosen(busy, agent("B", assigned_at=late), rules={"mode": "round_robin"}).agent == "A"


def test_the_customers_engineer_comes_first_then_the_agent_of_the_last_ticket() -> None:
    three = (agent("A"), agent("B", in_hand={"p3": 1}), agent("C", in_hand={"p3": 2}))
    assert chosen(*three, engineer="C", previous="B").agent == "C"
    assert chosen(*three, previous="B").agent == "B"
    assert chosen(*three, engineer="C", previous="B", rules={"personal": False, "previous": False}).agent == "A"
    assert chosen(agent("A"), agent("C", presence="away"), engineer="C").agent == "A"


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({"presence": "away"}, {}, "is away"),
        ({"presence": "away", "away_until": NOW + timedelta(hours=1)}, {}, "is away"),
        ({"presence": "break"}, {}, "is on a break"),
        ({"calendar": "office"}, {}, "is not on shift (calendar office)"),
        ({"groups": frozenset({("first", "billing")})}, {"group": "experts"}, "is not in group experts"),
        ({"audiences": frozenset({"staff"})}, {}, "does not serve this requester's audience"),
        (
            {"audiences": frozenset({"staff"})},
            {"audiences": frozenset({"retail"})},
            "does not serve this requester's audience",
        ),
        ({"audiences": frozenset({"staff", "retail"})}, {"audiences": frozenset({"retail", "vip"})}, None),
        ({}, {"audiences": frozenset({"retail"})}, None),
        ({"in_hand": {"p1": 5}}, {}, "has 20 of 20 in hand"),
        ({"in_hand": {"p1": 4}, "capacity": 16}, {}, "has 16 of 16 in hand"),
        ({"in_hand": {"p1": 4}}, {"priority": Priority.P1, "line": "first"}, None),
        ({"in_hand": {"p1": 4, "p3": 1}}, {"priority": Priority.P1}, "has 17 of 20 in hand"),
        ({"skills": {"databases": 1}}, {"kind": "outage"}, "has skill databases at 1, and 2 is needed"),
        ({}, {"kind": "outage"}, "has skill databases at 0, and 2 is needed"),
        ({"skills": {"databases": 3}}, {"kind": "outage"}, None),
        ({}, {"without": "A"}, "has it already"),
        ({"groups": frozenset({("second", "x")})}, {"group": "experts"}, None),
        ({"presence": "away", "away_until": NOW}, {}, None),
        ({"calendar": "gone"}, {}, None),
    ],
)
def test_who_cannot_have_it_is_named_with_the_reason(
    changes: dict[str, Any], asked: dict[str, Any], why: str | None
) -> None:
    night = NOW.replace(hour=23)
    choice = assign(wanted(**asked), [agent("A", **changes)], shared(), night if "calendar" in changes else NOW)
    assert choice.considered == (Tried(rule="A", matched=why is None, why=why or "could have it"),)
    assert (choice.agent, choice.alarm) == (("A", False) if why is None else (None, True))


def test_where_nobody_can_have_it_the_alarm_says_of_how_many() -> None:
    choice = chosen(agent("A", presence="away"), agent("B", presence="break"), agent("C", lines=frozenset({"second"})))
    assert choice.because == "None of the 2 agents of line first could have it now."
    assert choice.step.outcome == "nobody"
    assert choice.alarm


def test_a_line_whose_agents_take_tickets_gives_none_and_raises_no_alarm() -> None:
    choice = chosen(agent("A"), rules={"mode": "manual"})
    assert (choice.agent, choice.alarm, choice.considered) == (None, False, ())
    assert assign(wanted(line="gone"), [agent("A")], shared(), NOW).alarm is False
