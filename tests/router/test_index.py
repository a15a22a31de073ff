"""The index of rules by their words: it may offer a rule in vain, and never leaves out one that is met."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import SAMPLE, compile_policy, load_folder
from domain.policy import Condition, Policy, Rule
from router.compiled import ReadyRules, goal_of, rules_of
from router.features import Features
from tests.router.make import message
from tests.router.policies import is_, words

VOCABULARY = ("не", "работает", "печать", "счёта", "счёт", "the", "printer", "is", "broken", "404", "—")
PHRASES = st.lists(st.sampled_from(VOCABULARY), max_size=3).map(" ".join)
TEXTS = st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join)
LEAVES = st.one_of(
    st.builds(
        lambda phrases, field: words(*phrases, field=field),
        st.lists(PHRASES, max_size=3),
        st.sampled_from(("text", "subject", "body")),
    ),
    st.sampled_from((is_("channel", "email"), is_("channel", "form"))),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda children: st.builds(
        lambda op, parts: Condition(op=op, children=tuple(parts)),
        st.sampled_from(("all", "any", "none")),
        st.lists(children, max_size=3),
    ),
    max_leaves=6,
)


@cache
def sample() -> Policy:
    return compile_policy(load_folder(SAMPLE), 1)


def features(subject: str, text: str) -> Features:
    return Features(message(text, subject), organization=None, plan="standard", catalog=None)


@given(st.lists(CONDITIONS, min_size=1, max_size=5), TEXTS, TEXTS)
def test_what_is_met_is_offered_in_the_order_of_the_policy(
    conditions: list[Condition], subject: str, text: str
) -> None:
    rules = ReadyRules(Rule(key=f"r{number}", when=each) for number, each in enumerate(conditions))
    asked = features(subject, text)
    offered = [ready.rule.key for ready in rules.among(asked.words("text").known)]
    met = [ready.rule.key for ready in rules if ready.test.found(asked) is not None]
    assert [key for key in offered if key in met] == met
    assert offered == sorted(offered)


@given(st.data())
def test_no_rule_of_the_sample_is_missed_on_a_text_of_its_own_words(data: st.DataObject) -> None:
    said = sorted({str(value) for rule in sample().rules for value in _phrases(rule.when)})
    text = " ".join(data.draw(st.lists(st.sampled_from(said), max_size=6)))
    asked = features("", text)
    rules = rules_of(sample())
    offered = {ready.rule.key for ready in rules.among(asked.words("text").known)}
    assert {ready.rule.key for ready in rules if ready.test.found(asked) is not None} <= offered


def test_a_text_that_says_nothing_is_asked_of_few_rules() -> None:
    rules = rules_of(sample())
    assert len(list(rules)) > 150
    assert len(rules.among(features("", "Добрый день").words("text").known)) < 15


@pytest.mark.parametrize("target", ["first_response", "next_response", "resolution", "line_stay"])
def test_a_goal_that_is_remembered_is_the_goal_of_the_matrix(target: str) -> None:
    policy = sample()
    for _ in range(2):
        for plan in policy.plans:
            for kind in list(policy.kinds)[::10]:
                place = {"plan": plan, "priority": next(iter(policy.matrix.cells.values())), "kind": kind}
                for line in policy.lines:
                    assert goal_of(policy, target, **place, line=line) == policy.goal(target, **place, line=line)


def _phrases(condition: Condition) -> list[object]:
    own = list(condition.values) if condition.op == "words" else []
    return own + [value for child in condition.children for value in _phrases(child)]
