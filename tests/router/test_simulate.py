"""What if: outcomes compared field by field, decisions made again from their record, and the model of assignment."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.loader import SAMPLE, compile_policy, load_folder
from domain.decision import Decision
from domain.identity import Contract, Identity, Organization
from domain.people import Worker
from domain.policy import Audience, Policy, Rule
from domain.ticket import Earlier, Priority
from domain.views import Past
from router.decide import decide
from router.known import Known
from router.simulate import ASSIGNEE, Outcome, Staffing, changes, compare, differing, replayed
from router.verdict import Join, Open
from tests.router.make import ANNA, automatic, message
from tests.router.make import known as known_
from tests.router.policies import NOW, make_policy, text, words

SAMPLE_POLICY = compile_policy(load_folder(SAMPLE), 1)
ROMASHKA = Organization(
    id="O1",
    name="Ромашка",
    segment="external",
    contracts=(Contract(id="C1", plan="premium", since=(NOW - timedelta(days=10)).date()),),
    engineer="A2",
)


def past(policy: Policy, known: Known | None = None, **sent: Any) -> Past:
    mail = message(**sent)
    verdict = decide(mail, known or known_(), policy, NOW)
    assert isinstance(verdict, Open | Join)
    stored = json.loads(json.dumps(verdict.decision.snapshot))
    return Past(number=7, message=mail, decision=replace(verdict.decision, snapshot=stored))


def with_rule(policy: Policy, **sets: str) -> Policy:
    rule = Rule(key="new", when=words("накладная"), sets=sets)
    return replace(policy, revision=2, rules=(rule, *policy.rules))


def workers(*names: str, line: str = "first") -> list[Worker]:
    return [Worker(id=name, name=name.lower(), lines=frozenset({line})) for name in names]


def changed(candidate: Policy, *decided: Past, staff: list[Worker] | None = None) -> list[Any]:
    current = make_policy()
    compared = [compare(each, current, candidate) for each in decided]
    models = Staffing(current, staff or []), Staffing(candidate, staff or [])
    return list(changes(compared, models, {"A1": "Anna"}))


def test_the_same_policy_changes_nothing() -> None:
    assert changed(make_policy(), past(make_policy(), text="накладная"), past(make_policy(), text="счёт")) == []


def test_what_a_rule_moves_is_named_with_what_it_was() -> None:
    policy = make_policy()
    was = decide(message("накладная"), known_(), policy, NOW)
    assert isinstance(was, Open)
    other = next(key for key in policy.lines if key != was.line)
    (found,) = changed(with_rule(policy, line=other), past(policy, text="накладная"), past(policy, text="привет"))
    assert found.number == 7
    assert found.fields["line"] == (was.line, other)
    assert "priority" not in found.fields


def test_a_message_that_would_be_withheld_is_a_change() -> None:
    (found,) = changed(with_rule(make_policy(), suppress="our own letter"), past(make_policy(), text="накладная"))
    assert found.fields["line"][1] == "withheld"


def test_a_shorter_goal_moves_the_due_time_alone() -> None:
    policy = make_policy()
    plans = {
        key: replace(
            plan,
            goals={
                target: {
                    priority: replace(goal, seconds=goal.seconds and goal.seconds // 2)
                    for priority, goal in row.items()
                }
                for target, row in plan.goals.items()
            },
        )
        for key, plan in policy.plans.items()
    }
    (found,) = changed(replace(policy, revision=2, plans=plans), past(policy, text="накладная"))
    assert set(found.fields) <= {"first_response", "resolution"}
    old, new = found.fields["first_response"]
    assert new < old


def test_a_replay_by_another_revision_is_refused() -> None:
    with pytest.raises(ValueError, match="revision 7, not 2"):
        replayed(past(make_policy()), replace(make_policy(), revision=2))


def test_a_record_that_was_changed_is_told_by_its_first_step() -> None:
    once = past(make_policy(), text="накладная")
    assert differing(once.decision, replayed(once, make_policy())) == ""
    forged = tuple(replace(step, outcome="p9") if step.step == "priority" else step for step in once.decision.steps)
    spoilt = replace(once, decision=replace(once.decision, steps=forged))
    said = differing(spoilt.decision, replayed(spoilt, make_policy()))
    assert said.startswith("step priority: p9 (")
    shorter = replace(once.decision, steps=once.decision.steps[:-1])
    assert "steps, and now" in differing(shorter, replayed(once, make_policy()))
    assert differing(once.decision, None) == "it would make no ticket"


phrases = st.lists(
    st.sampled_from(
        [
            "накладная",
            "касса не работает",
            "у всех",
            "срочно",
            "отпуск",
            "принтер",
            "invoice",
            "urgent",
            "счёт",
            "VPN",
            "hello",
        ]
    ),
    max_size=6,
).map(" ".join)
staff = st.lists(
    st.builds(
        Worker,
        id=st.sampled_from(["A1", "A2", "A3"]),
        name=st.just("x"),
        lines=st.sets(st.sampled_from(sorted(SAMPLE_POLICY.lines)), min_size=1).map(frozenset),
        presence=st.sampled_from(["on", "break", "away"]),
        in_hand=st.dictionaries(st.sampled_from(["p1", "p3"]), st.integers(0, 9)),
        skills=st.dictionaries(st.sampled_from(sorted(SAMPLE_POLICY.skills)), st.integers(1, 3), max_size=2),
        assigned_at=st.none() | st.just(NOW),
    ),
    max_size=3,
    unique_by=lambda worker: worker.id,
).map(tuple)
earlier = st.lists(
    st.builds(
        Earlier,
        number=st.integers(1, 9),
        at=st.sampled_from([NOW - timedelta(days=1), NOW - timedelta(days=9)]),
        catalog=st.sampled_from(sorted(SAMPLE_POLICY.catalog)),
        kind=st.sampled_from(sorted(SAMPLE_POLICY.kinds)),
        line=st.just("first"),
        assignee=st.none() | st.sampled_from(["A1", "A3"]),
    ),
    max_size=2,
).map(tuple)
organizations = st.none() | st.builds(
    replace,
    st.just(ROMASHKA),
    segment=st.sampled_from(["external", "internal"]),
    contracts=st.sampled_from(sorted(SAMPLE_POLICY.plans)).map(
        lambda plan: (Contract(id="C1", plan=plan, since=(NOW - timedelta(days=10)).date()),)
    ),
)
inputs = st.builds(
    known_,
    identity=st.builds(
        Identity,
        id=st.just("I1"),
        channel=st.just("email"),
        address=st.just(ANNA),
        vip=st.booleans(),
        contact=st.booleans(),
    ),
    organization=organizations,
    workers=staff,
    earlier=earlier,
    used=st.just({"O1": {"malfunction": 200}}) | st.just({}),
)
mails = st.builds(
    message,
    phrases,
    phrases,
    catalog=st.none() | st.sampled_from(sorted(SAMPLE_POLICY.catalog)),
    fields=st.fixed_dictionaries({}, optional={"severity": st.just("blocker"), "paid_raise": st.just("yes")}),
    automatic=st.none() | st.just(automatic("list")),
)


@settings(max_examples=300, deadline=None)
@given(mails, inputs)
def test_a_decision_by_the_sample_policy_is_given_again_by_its_record(mail: Any, known: Known) -> None:
    verdict = decide(mail, known, SAMPLE_POLICY, NOW)
    if isinstance(verdict, Open | Join):
        stored: Decision = replace(verdict.decision, snapshot=json.loads(json.dumps(verdict.decision.snapshot)))
        once = Past(number=1, message=mail, decision=stored)
        assert differing(stored, replayed(once, SAMPLE_POLICY)) == ""
        compared = compare(once, SAMPLE_POLICY, SAMPLE_POLICY)
        assert compared.now == compared.then
        if isinstance(verdict, Open):
            assert (compared.now.line, compared.now.kind) == (verdict.line, verdict.kind)
        else:
            assert compared.now.line == "joined"


def given_to(
    model: Staffing,
    *,
    minutes: int,
    priority: str = "p3",
    closed: int | None = None,
    requester: str = "R",
    audiences: frozenset[str] = frozenset(),
) -> str:
    outcome = Outcome(line="first", kind="how-to", priority=priority, audiences=audiences)
    compared = replace(
        compare(past(make_policy()), make_policy(), make_policy()),
        at=NOW + timedelta(minutes=minutes),
        closed_at=None if closed is None else NOW + timedelta(minutes=closed),
        requester=requester,
    )
    return model.give(compared, outcome)


def balanced(capacity: int) -> Policy:
    policy = make_policy()
    line = policy.lines["first"]
    rules = replace(line.assignment, mode="balanced", capacity=capacity, weights={Priority.P3: 1}, previous=False)
    always = replace(line, assignment=rules)
    return replace(policy, lines={**policy.lines, "first": always})


def test_the_model_keeps_in_hand_what_was_really_open() -> None:
    model = Staffing(balanced(1), workers("A1"))
    assert given_to(model, minutes=0, closed=10) == "A1"
    assert given_to(model, minutes=5) == ""
    assert given_to(model, minutes=10) == "A1"


def test_the_model_begins_with_nobody_away_and_nothing_in_hand() -> None:
    busy = [replace(each, presence="away", in_hand={"p3": 99}) for each in workers("A1")]
    assert given_to(Staffing(balanced(1), busy), minutes=0) == "A1"


def test_the_model_gives_to_who_serves_the_requester() -> None:
    serving = replace(workers("A1")[0], audiences=frozenset({"retail"}))
    assert given_to(Staffing(balanced(1), [serving]), minutes=0) == ""
    assert given_to(Staffing(balanced(1), [serving]), minutes=0, audiences=frozenset({"retail", "vip"})) == "A1"


def test_what_the_requester_meets_is_in_the_outcome_for_the_model() -> None:
    every = Audience(key="every", title=text("x"), domains=frozenset({"romashka.example"}))
    policy = replace(make_policy(), audiences={"every": every})
    found = compare(past(policy, text="накладная"), make_policy(), policy)
    assert (found.now.audiences, found.then.audiences) == (frozenset(), frozenset({"every"}))


def test_a_line_that_shares_nothing_out_has_no_assignee_in_the_model() -> None:
    assert given_to(Staffing(make_policy(), workers("A1")), minutes=0) == ""


def test_an_assignee_is_shown_by_name_beside_what_moved() -> None:
    current = make_policy()
    candidate = with_rule(balanced(9), priority="p1", line="first")
    compared = [compare(past(current, text="накладная"), current, candidate)]
    models = Staffing(current, workers("A1")), Staffing(candidate, workers("A1"))
    (found,) = changes(compared, models, {"A1": "Anna"})
    assert found.fields[ASSIGNEE] == ("", "Anna")
