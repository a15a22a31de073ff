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
    said = [(str(p), p.severity) for p in check(BASE, staffed=frozenset({"first"}))]
    assert said == [
        ("lines.yaml:11: lines.second: has no active agents", "warning"),
        ("lines.yaml:18: lines.third: has no active agents", "warning"),
    ]
    assert check(BASE, staffed=frozenset({"first", "second", "third", "dropped"})) == ()
