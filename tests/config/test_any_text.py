"""Whatever stands in the files, the check names what is wrong, raises nothing, and agrees with the compiler."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.diff import differences
from config.documents import read
from config.loader import Documents, check, compile_policy, read_policy
from config.problems import PolicyInvalid
from tests.config.test_broken import BASE, agent

VALUES = {file: read(file, text).value for file, text in BASE.items()}
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    3.5,
    "",
    "x",
    "none",
    "first",
    "p1",
    "4h",
    [],
    ["first"],
    {},
    {"x": 1},
    {"ru": "а"},
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything below."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [found for key in keys for found in places(value[key])]


@st.composite
def damaged(draw: st.DrawFn) -> Documents:
    """The base policy with a few things taken out, put elsewhere or replaced."""
    values = json.loads(json.dumps(VALUES))
    for _ in range(draw(st.integers(1, 4))):
        file = draw(st.sampled_from(sorted(values)))
        found = places(values[file])
        if not found:
            continue
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["drop", "replace", "swap"])):
            case "drop":
                del container[key]
            case "replace":
                container[key] = draw(st.sampled_from(STRANGE))
            case _:
                other, its = draw(st.sampled_from(found))
                container[key] = json.loads(json.dumps(other[its]))
    return {file: json.dumps(value, ensure_ascii=False) for file, value in values.items()}


@settings(max_examples=100, deadline=None)
@given(damaged())
def test_the_check_and_the_compiler_agree_on_any_damage(documents: Documents) -> None:
    problems = check(documents, staff=[agent("first")])
    if any(problem.severity == "error" for problem in problems):
        with pytest.raises(PolicyInvalid):
            compile_policy(documents, 1)
    else:
        assert compile_policy(documents, 1).revision == 1
        differences(read_policy(BASE), read_policy(documents))
    assert all(problem.file in BASE and (problem.line >= 1 or not problem.key) for problem in problems)
