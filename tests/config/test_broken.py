"""The folder ``broken``: each file breaks the policy in ``base`` in one place, and says what is said about it.

A case has ``file``, ``replace`` (a passage that is there once) and ``with``; then ``expect``, the problems by which the
policy is refused, or ``warns``, those with which it compiles: one, or a list.
"""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.loader import Documents, check, compile_policy, load_folder
from config.problems import PolicyInvalid
from domain.people import Agent

HERE = Path(__file__).parent
BASE = load_folder(HERE / "base")
CASES = sorted((HERE / "broken").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))


def broken(case: dict[str, Any]) -> Documents:
    text = BASE[case["file"]]
    assert text.count(case["replace"]) == 1, f"{case['replace']!r} is in {case['file']} more or less than once"
    return {**BASE, case["file"]: text.replace(case["replace"], case["with"])}


def test_the_base_has_no_problems_and_every_file() -> None:
    assert check(BASE) == ()
    assert "reactions.yaml" in BASE
    assert len(CASES) > 100


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fault_is_named_with_its_file_line_and_key(path: Path) -> None:
    case = read(path)
    severity = "error" if "expect" in case else "warning"
    said = case["expect" if severity == "error" else "warns"]
    documents = broken(case)
    problems = check(documents)
    assert [(str(p), p.severity) for p in problems] == [
        (one, severity) for one in ([said] if isinstance(said, str) else said)
    ]
    if severity == "warning":
        assert compile_policy(documents, 3).revision == 3
        return
    with pytest.raises(PolicyInvalid) as refused:
        compile_policy(documents, 1)
    assert refused.value.problems == problems


def test_lines_without_agents_are_named_where_the_instance_is_known() -> None:
    able = {"warehouse": 2}
    said = [
        (str(p), p.severity) for p in check(BASE, staff=[agent("first", skills=able), agent("second", active=False)])
    ]
    assert said == [
        ("lines.yaml:11: lines.second: has no active agents", "warning"),
        ("lines.yaml:18: lines.third: has no active agents", "warning"),
    ]
    assert check(BASE, staff=[agent("first", "second", "third", "dropped", skills=able)]) == ()


def agent(*lines: str, **changes: Any) -> Agent:
    values: dict[str, Any] = {"id": "A", "email": "a@x.example", "name": "A", "lines": frozenset(lines)}
    return Agent(**{**values, **changes})


def test_groups_that_nobody_is_in_are_named_where_the_instance_is_known() -> None:
    able = {"warehouse": 2}
    own = agent("first", groups=frozenset({("first", "field")}), skills=able)
    said = [str(p) for p in check(BASE, staff=[own, agent("second", "third")])]
    assert said == ["lines.yaml:8: lines.first.groups.accounting: has no active agents"]
    assert check(BASE, staff=[own, agent("first"), agent("second", "third")]) == ()


def test_audiences_that_agents_serve_and_the_policy_does_not_have_are_named() -> None:
    every = ("first", "second", "third")
    able = {"warehouse": 2}
    staff = [
        agent(*every, skills=able, audiences=frozenset({"staff", "gone", "lost"})),
        agent(*every, audiences=frozenset({"gone"})),
        agent(*every, audiences=frozenset({"old"}), active=False),
    ]
    assert [(str(p), p.severity) for p in check(BASE, staff=staff)] == [
        ("catalog.yaml:1: audiences: 1 active agent serves an unknown audience: lost", "warning"),
        ("catalog.yaml:1: audiences: 2 active agents serve an unknown audience: gone", "warning"),
    ]
    assert check(BASE, staff=[agent(*every, skills=able, audiences=frozenset({"staff", "payers"}))]) == ()


def test_skills_that_nobody_has_at_the_level_are_named_where_the_instance_is_known() -> None:
    every = ("first", "second", "third")
    where = "kinds.yaml:26: kinds.outage.skills.warehouse: is needed at level 2, and "
    for staff, said in (
        ([agent(*every)], "nobody there has it"),
        ([agent(*every, skills={"warehouse": 1})], "the best there has it at 1"),
        ([agent(*every), agent("third", skills={"warehouse": 9})], "nobody there has it"),
        ([agent(*every), agent("first", skills={"warehouse": 9}, active=False)], "nobody there has it"),
    ):
        assert [(str(p), p.severity) for p in check(BASE, staff=staff)] == [(where + said, "warning")]
    assert check(BASE, staff=[agent(*every), agent("second", skills={"warehouse": 2})]) == ()
