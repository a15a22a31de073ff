"""Whom an agent serves: what the router says of the requester, and who is given the ticket for it, then and later."""

import json
from dataclasses import replace
from typing import Any

import pytest

from domain.commands import Assign, Escalate, Reassign
from domain.decision import Tried
from domain.errors import Refused
from domain.facts import NobodyEligible, TicketAssigned
from domain.identity import Contract, Identity, Organization
from domain.people import Agent, Worker
from domain.policy import Assignment, Audience, Policy
from router.decide import decide
from router.explain import explain
from router.known import Known, from_snapshot
from router.verdict import Open
from tests.router.make import ANNA, message
from tests.router.make import known as known_
from tests.router.policies import NOW, make_policy, text
from tests.router.test_timekeeper import Department, minutes, worker

RETAIL = Organization(
    id="O1",
    name="Romashka",
    domains=("romashka.example",),
    groups=frozenset({"shops"}),
    contracts=(Contract(id="C1", plan="premium", since=NOW.date()),),
)
AUDIENCES = {
    key: Audience(key=key, title=text(key), **{name: frozenset(values) for name, values in parts.items()})
    for key, parts in {
        "of-segment": {"segments": ["external"]},
        "of-id": {"organizations": ["O1"]},
        "of-group": {"groups": ["shops"]},
        "of-plan": {"plans": ["premium"]},
        "of-domain": {"domains": ["romashka.example"]},
        "staff": {"segments": ["internal"]},
        "others": {"organizations": ["O2"], "groups": ["banks"], "plans": ["gold"], "domains": ["bank.example"]},
        "all": {},
    }.items()
}
NOT_OURS = "does not serve this requester's audience"


def serving(key: str, *audiences: str, **changes: Any) -> Worker:
    return worker(key, audiences=frozenset(audiences), **changes)


def sharing(**changes: Any) -> Policy:
    """Both lines share their tickets out at any time."""
    rules = Assignment(mode="balanced", away="reassign", previous=False)
    found = make_policy(audiences=AUDIENCES)
    lines = {key: replace(line, calendar="always", assignment=rules) for key, line in found.lines.items()}
    return replace(found, lines=lines, **changes)


def opened(policy: Policy, organization: Organization | None = RETAIL, **changes: Any) -> Open:
    known = known_(organization=organization, **changes)
    verdict = decide(message("вопрос"), known, policy, NOW)
    assert isinstance(verdict, Open)
    return verdict


def test_a_ticket_has_every_audience_that_its_requester_meets() -> None:
    person = Identity(id="I1", channel="email", address=ANNA, organization_id="O1")
    five = frozenset({"of-segment", "of-id", "of-group", "of-plan", "of-domain", "all"})
    assert opened(sharing(), identity=person).audiences == five
    assert opened(sharing(), None).audiences == frozenset({"of-domain", "all"})
    assert opened(sharing(audiences={}), identity=person).audiences == frozenset()


@pytest.mark.parametrize("audiences", [("others",), ("gone",), ("others", "of-group"), ()])
def test_who_serves_none_of_them_is_not_eligible_and_the_record_gives_the_same_again(
    audiences: tuple[str, ...],
) -> None:
    policy = sharing()
    person = Identity(id="I1", channel="email", address=ANNA, organization_id="O1")
    workers = (serving("A", *audiences), serving("B", "of-group", in_hand={"p1": 1}))
    verdict = opened(policy, identity=person, workers=workers)
    fits = not audiences or "of-group" in audiences
    assert verdict.assignee == ("A" if fits else "B")
    assert verdict.considered[0] == Tried(rule="A", matched=fits, why="could have it" if fits else NOT_OURS)
    stored = json.loads(json.dumps(verdict.decision.snapshot))
    again = decide(message("вопрос"), from_snapshot(stored), policy, NOW)
    assert again == verdict
    explained = explain(message("вопрос"), replace(verdict.decision, snapshot=stored), policy)
    (assignee,) = (step for step in explained.steps if step.step == "assignee")
    assert assignee.tried == verdict.considered


def test_a_decision_of_before_that_says_nothing_of_agents_audiences_is_made_again() -> None:
    snapshot = {"identity": {"id": "I1"}, "workers": [{"id": "A", "lines": ["first"]}]}
    assert from_snapshot(snapshot) == Known(
        identity=Identity(id="I1", channel="", address=""),
        workers=(Worker(id="A", name="", lines=frozenset({"first"})),),
    )


def staffed(*workers: Worker) -> Department:
    house = Department()
    house.policy.current = sharing(default_plan="premium")
    house.store.tables.workers = list(workers)
    for each in workers:
        house.store.tables.agents[each.id] = Agent(
            id=each.id, email=f"{each.id}@x.example", name=each.id, lines=each.lines, audiences=each.audiences
        )
    return house


def from_romashka(house: Department) -> int:
    return house.write("вопрос", sender=ANNA).number


def test_what_comes_to_another_line_or_agent_goes_to_who_serves_its_requester() -> None:
    up = {"lines": frozenset({"second"})}
    house = staffed(
        serving("A", "of-domain"), serving("B", "others"), serving("C", "others", **up), serving("D", "all", **up)
    )
    number = from_romashka(house)
    met = frozenset({"of-domain", "of-plan", "all"})
    assert (house.ticket(number).assignee, house.ticket(number).audiences) == ("A", met)
    assert house.act(number, Reassign(reason="х")).assignee == "A", "nobody else serves them"
    assert len(house.told(NobodyEligible)) == 1
    assert house.act(number, Escalate(reason="выше")).assignee == "D"
    assert house.ticket(number).audiences == met


def test_tickets_that_leave_their_agent_go_to_who_serves_their_requester() -> None:
    house = staffed(serving("A", "of-domain"), serving("B", "others"), serving("C", in_hand={"p1": 3}))
    number = from_romashka(house)
    house.store.tables.workers[0] = replace(house.store.tables.workers[0], presence="away")
    house.at(NOW + minutes(1))
    assert house.ticket(number).assignee == "C"
    assert house.told(TicketAssigned)[-1].because.endswith("1 of 3 agents of line first could have it.")


def test_what_nobody_of_the_line_serves_waits_with_an_alarm_until_somebody_does() -> None:
    house = staffed(serving("A", "others"))
    number = from_romashka(house)
    house.at(NOW + minutes(1))
    assert (house.ticket(number).assignee, house.ticket(number).flags) == (None, ("unassigned",))
    house.store.tables.workers = [serving("A", "others", "of-domain")]
    house.at(NOW + minutes(2))
    assert (house.ticket(number).assignee, house.ticket(number).flags) == ("A", ())


def test_nobody_gives_it_by_hand_to_who_does_not_serve_its_requester() -> None:
    house = staffed(serving("A", "others", lines=frozenset({"first", "second"})), serving("B", "all"))
    number = from_romashka(house)
    with pytest.raises(Refused) as refused:
        house.act(number, Assign(agent="A"))
    assert refused.value.missing == (("assignee", "A does not serve this requester's audience"),)
    assert house.act(number, Assign(agent="B")).assignee == "B"
