"""Commands on tickets: what they change, what they tell, and what is refused."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from config.loader import SAMPLE, compile_policy, load_folder
from domain.clocks import is_open
from domain.commands import Actor, AddNote, Assign, Classify, Command, Escalate, LinkTo, LogWork, Return, SetStatus
from domain.effects import Changed
from domain.errors import Fault, Invalid, Refused
from domain.facts import SlaEnded
from domain.people import Agent
from domain.policy import Assignment, Closing, PassOn
from domain.status import MOVES, Status
from domain.ticket import Level, Priority, TicketState
from router.act import act
from router.clockwork import begun
from router.setting import Setting
from router.steps.clocks import start_clocks
from router.steps.prioritise import raise_by
from tests.fakes_store import CountingIds

SAMPLED = compile_policy(load_folder(SAMPLE), 1)
POLICY = replace(
    SAMPLED,
    kinds={
        key: replace(kind, stages={}, pass_on=PassOn(), closing=Closing(), lines=(), skills={})
        for key, kind in SAMPLED.kinds.items()
    },
    catalog={key: replace(entry, route=()) for key, entry in SAMPLED.catalog.items()},
    lines={
        key: replace(line, assignment=Assignment(), calendar="always", stay_s=7200)
        for key, line in SAMPLED.lines.items()
        if not line.department
    },
    sla=(),
)
"""The sample's lines, kinds and plans, without what its kinds ask for: tests say that themselves."""
NOW = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
OPENED = NOW - timedelta(minutes=30)
VERA = Agent(id="A1", email="vera@example.org", name="Vera", lines=frozenset({"first"}))
GONE = Agent(id="A2", email="gone@example.org", name="Gone", lines=frozenset({"first"}), active=False)
UPPER = Agent(id="A3", email="oleg@example.org", name="Oleg", lines=frozenset({"second"}))


def ticket(**changes: Any) -> TicketState:
    plan = POLICY.plans["premium"]
    starts, _ = start_clocks(POLICY, plan, Priority.P2, POLICY.default_kind, "first", OPENED)
    ids = CountingIds()
    values: dict[str, Any] = {
        "number": 5,
        "version": 3,
        "subject": "Не печатает",
        "status": Status.IN_PROGRESS,
        "substatus": None,
        "priority": Priority.P2,
        "impact": Level.MEDIUM,
        "urgency": Level.MEDIUM,
        "channel": "email",
        "requester": "I1",
        "organization": None,
        "plan": "premium",
        "catalog": POLICY.default_catalog,
        "kind": POLICY.default_kind,
        "line": "first",
        "group": None,
        "assignee": None,
        "policy_revision": 1,
        "created_at": OPENED,
        "clocks": tuple(begun(start, ids, "the ticket was opened") for start in starts),
        "visits": ("first",),
    }
    return TicketState(**{**values, **changes})


def done(command: Command, before: TicketState | None = None, *, others: frozenset[int] = frozenset()) -> Changed:
    setting = Setting(
        policy=POLICY,
        now=NOW,
        actor=Actor(id="agent:A1", name="Vera", agent="A1"),
        ids=CountingIds(),
        agents={each.id: each for each in (VERA, GONE, UPPER)},
        others=others,
    )
    return act(before or ticket(), command, setting)


def told(changed: Changed) -> list[tuple[str, dict[str, Any]]]:
    hidden = ("NAME", "ticket", "at", "by", "envelope")
    facts = [fact for fact in changed.facts if not isinstance(fact, SlaEnded)]
    names = [[n for n in type(f).__dataclass_fields__ if n not in hidden and getattr(f, n)] for f in facts]
    return [(f.NAME, {n: getattr(f, n) for n in shown}) for f, shown in zip(facts, names, strict=True)]


def test_a_note_is_kept_with_its_author_and_changes_nothing_else() -> None:
    changed = done(AddNote(text="Звонил, не взяли трубку\n"))
    assert changed.before == changed.after
    assert changed.note is not None
    assert (changed.note.text, changed.note.author.agent) == ("Звонил, не взяли трубку", "A1")
    fact = {"message": changed.note.id, "direction": "note", "line": "first"}
    assert told(changed) == [("ticket.message_appended", fact)]


def test_worked_time_is_logged_with_who_worked_and_may_be_taken_back() -> None:
    changed = done(LogWork(minutes=25, text=" звонок "))
    assert changed.before == changed.after
    assert changed.work is not None
    assert (changed.work.minutes, changed.work.text, changed.work.author.agent) == (25, "звонок", "A1")
    assert told(changed) == [("ticket.work_logged", {"line": "first", "minutes": 25})]
    assert told(done(LogWork(minutes=-5))) == [("ticket.work_logged", {"line": "first", "minutes": -5})]
    with pytest.raises(Invalid, match="minutes"):
        done(LogWork(minutes=0))


def test_an_empty_note_is_refused_by_its_field() -> None:
    with pytest.raises(Invalid, match="text: is empty"):
        done(AddNote(text=" \n"))


def test_waiting_for_the_requester_stops_every_clock_and_work_starts_them_again() -> None:
    waiting = done(SetStatus(status=Status.WAITING_REQUESTER, reason="нужен журнал"))
    assert {clock.state for clock in waiting.after.clocks} == {"paused"}
    assert told(waiting) == [
        (
            "ticket.status_changed",
            {"old": "in_progress", "new": "waiting_requester", "line": "first", "because": "нужен журнал"},
        )
    ]
    again = done(SetStatus(status=Status.IN_PROGRESS), waiting.after)
    assert {clock.state for clock in again.after.clocks} == {"running"}


def test_a_solved_ticket_owes_no_first_response_and_its_resolution_waits_for_the_word() -> None:
    solved = done(SetStatus(status=Status.FEEDBACK)).after
    assert {clock.target: clock.state for clock in solved.clocks} == {
        "first_response": "met",
        "resolution": "paused",
        "line_stay": "paused",
    }
    closed = done(SetStatus(status=Status.CLOSED), solved).after
    assert {clock.state for clock in closed.clocks} == {"met"}
    assert (closed.closed_at, any(is_open(clock) for clock in closed.clocks)) == (NOW, False)


def test_a_reopened_ticket_gets_a_new_resolution_clock_beside_the_old_one() -> None:
    solved = done(SetStatus(status=Status.FEEDBACK)).after
    closed = done(SetStatus(status=Status.CLOSED), solved).after
    again = done(SetStatus(status=Status.IN_PROGRESS, reason="снова"), closed).after
    assert [(clock.target, clock.state) for clock in again.clocks] == [
        ("first_response", "met"),
        ("resolution", "met"),
        ("line_stay", "met"),
        ("resolution", "running"),
        ("line_stay", "running"),
    ]
    assert again.closed_at is None


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_only_the_moves_of_the_process_are_allowed(old: Status, new: Status) -> None:
    before = ticket(status=old)
    if new == old:
        assert done(SetStatus(status=new), before).facts == ()
    elif new in MOVES[old]:
        assert done(SetStatus(status=new), before).after.status == new
    else:
        with pytest.raises(Refused, match=f"From {old} a ticket may go to"):
            done(SetStatus(status=new), before)


def test_an_agent_of_the_line_gets_the_ticket() -> None:
    changed = done(Assign(agent="A1", reason="мой клиент"))
    assert changed.after.assignee == "A1"
    assert told(changed) == [("ticket.assigned", {"line": "first", "assignee": "A1", "because": "мой клиент"})]
    assert done(Assign(agent=None), changed.after).after.assignee is None


@pytest.mark.parametrize(("agent", "why"), [("A2", "Gone is not active"), ("A3", "Oleg does not work on line first")])
def test_an_agent_who_cannot_have_it_is_named_with_the_reason(agent: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        done(Assign(agent=agent))
    assert refused.value.missing == (("assignee", why),)


def test_an_agent_who_is_not_there_is_invalid() -> None:
    with pytest.raises(Invalid, match="assignee: no such agent"):
        done(Assign(agent="A9"))


def test_up_goes_to_the_next_line_and_the_agent_below_is_free_of_it() -> None:
    changed = done(Escalate(reason="нужен инженер"), ticket(assignee="A1"))
    assert (changed.after.line, changed.after.assignee, changed.after.visits) == ("second", None, ("first", "second"))
    assert told(changed) == [("ticket.escalated", {"line": "second", "old": "first", "because": "нужен инженер"})]


def test_down_goes_to_the_line_that_it_came_from_and_the_returns_are_counted() -> None:
    third = ticket(line="third", visits=("first", "third"))
    changed = done(Return(reason="не ошибка"), third)
    assert told(changed) == [("ticket.returned", {"line": "first", "old": "third", "because": "не ошибка", "times": 1})]
    again = done(Return(reason="опять"), done(Escalate(reason="всё же ошибка", line="third"), changed.after).after)
    assert told(again)[0][1]["times"] == 2


@pytest.mark.parametrize(
    ("command", "line", "error", "why"),
    [
        (Escalate(reason=" "), "first", Invalid, "reason: is empty"),
        (Escalate(reason="x", line="nowhere"), "first", Invalid, "line: no such line"),
        (Escalate(reason="x", group="nobody"), "first", Invalid, "group: line second has no such group"),
        (Escalate(reason="x"), "third", Refused, "No line is above third"),
        (Escalate(reason="x", line="first"), "second", Refused, "Line first is not above second"),
        (Return(reason="x"), "first", Refused, "No line is below first"),
        (Return(reason="x", line="third"), "second", Refused, "Line third is not below second"),
        (Return(reason=""), "second", Invalid, "reason: is empty"),
    ],
)
def test_a_pass_that_leads_nowhere_is_refused(command: Command, line: str, error: type[Fault], why: str) -> None:
    with pytest.raises(error, match=why):
        done(command, ticket(line=line))


@pytest.mark.parametrize("command", [Assign(agent="A1"), Escalate(reason="x"), Return(reason="x"), Classify(kind="x")])
def test_a_closed_ticket_is_left_alone(command: Command) -> None:
    with pytest.raises(Refused, match="The ticket is closed"):
        done(command, ticket(status=Status.CLOSED))


def test_another_kind_brings_its_usual_impact_and_urgency_and_its_own_due_times() -> None:
    kind = next(each for each in POLICY.kinds.values() if each.impact is Level.HIGH and each.line is None)
    changed = done(Classify(kind=kind.key, reason="сервер стоит"))
    plan = POLICY.plans["premium"]
    expected = raise_by(POLICY.matrix.cells[kind.impact, kind.urgency], plan.raises_priority)
    assert (changed.after.kind, changed.after.priority) == (kind.key, expected)
    for clock in changed.after.clocks:
        if clock.target == "line_stay":
            continue
        goal = plan.goals[clock.target][expected]
        assert (clock.goal_s, clock.cell) == (goal.seconds, goal.cell)
        assert clock.due_at == POLICY.calendars[plan.calendar].add(OPENED, clock.goal_s)
    name, detail = told(changed)[0]
    assert (name, detail["because"]) == ("ticket.classified", "сервер стоит")
    assert detail["changed"]["kind"] == [POLICY.default_kind, kind.key]


def test_a_promise_that_the_new_priority_brings_runs_from_when_the_ticket_was_opened() -> None:
    before = ticket(priority=Priority.P3, clocks=())
    assert POLICY.plans["premium"].goals["resolution"][Priority.P3].seconds is None
    after = done(Classify(priority=Priority.P1), before).after
    assert {clock.target: (clock.started_at, clock.cell) for clock in after.clocks} == {
        "first_response": (OPENED, "premium/p1"),
        "resolution": (OPENED, "premium/p1"),
    }


def test_of_fields_a_fact_names_the_keys_alone() -> None:
    changed = done(Classify(fields={"phone": "+7 900 000-00-00"}))
    assert changed.after.fields == {"phone": "+7 900 000-00-00"}
    assert told(changed) == [("ticket.classified", {"line": "first", "changed": {"fields": ["phone"]}})]


def test_a_ticket_follows_its_catalog_entry_to_another_line_but_not_from_where_it_was_passed() -> None:
    here = POLICY.catalog[POLICY.default_catalog].line
    other = next(e for e in POLICY.catalog.values() if e.line != here)
    followed = done(Classify(catalog=other.path), ticket(line=here, visits=(here,)))
    assert (followed.after.line, followed.after.group) == (other.line, other.group)
    assert [name for name, _ in told(followed)] == ["ticket.classified", "ticket.assigned"]
    elsewhere = next(line for line in POLICY.lines if line not in (here, other.line))
    assert done(Classify(catalog=other.path), ticket(line=elsewhere)).after.line == elsewhere


@pytest.mark.parametrize(
    ("command", "why"),
    [(Classify(catalog="no/such"), "catalog: no such entry"), (Classify(kind="no"), "kind: no such")],
)
def test_what_the_policy_does_not_have_is_invalid(command: Command, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        done(command)


def test_a_clock_that_ends_is_told_with_what_it_took() -> None:
    changed = done(Escalate(reason="нужен инженер"))
    (ended,) = [fact for fact in changed.facts if isinstance(fact, SlaEnded)]
    assert (ended.target, ended.cell, ended.state, ended.goal_s) == ("line_stay", "line/first", "met", 7200)
    assert ended.consumed_s == 30 * 60
    running = {clock.target: clock.cell for clock in changed.after.clocks if is_open(clock)}
    assert running["line_stay"] == "line/second"


def test_a_link_needs_another_ticket_that_the_actor_may_see() -> None:
    changed = done(LinkTo(other=7, relation="caused_by"), others=frozenset({7}))
    assert changed.link is not None
    assert told(changed) == [("ticket.linked", {"line": "first", "other": 7, "relation": "caused_by"})]
    with pytest.raises(Invalid, match="no such ticket"):
        done(LinkTo(other=8))
    with pytest.raises(Invalid, match="this ticket itself"):
        done(LinkTo(other=5))


def test_a_line_that_the_policy_dropped_is_below_all_and_can_be_left() -> None:
    orphan = ticket(line="dissolved", visits=("dissolved",))
    assert done(Escalate(reason="линии больше нет"), orphan).after.line == "first"


def test_nothing_to_change_is_no_fact() -> None:
    same = ticket(assignee="A1")
    for command in (Assign(agent="A1"), Classify(kind=same.kind), SetStatus(status=same.status)):
        assert done(command, same) == Changed(before=same, after=same, facts=())


def test_the_version_is_the_stores_to_count() -> None:
    before = ticket()
    assert replace(done(SetStatus(status=Status.FEEDBACK)).after).version == before.version
