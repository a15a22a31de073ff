"""The checks of the SLA matrix against every request there is, one by one."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.bundle import Bundle
from config.compile_plans import sla
from config.lint_plans import cells
from config.loader import read_policy
from config.names import Names
from config.plan_schema import PlansFile, SlaDoc
from domain.policy import SlaCell
from domain.ticket import Priority
from tests.config.test_broken import BASE

GOOD = read_policy(BASE)
assert GOOD.plans
assert GOOD.kinds
assert GOOD.lines
TYPES = {key: kind.type for key, kind in GOOD.kinds.kinds.items()}
REQUESTS = list(product(GOOD.plans.plans, Priority, TYPES, GOOD.lines.lines))


def some(values: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([str(value) for value in values]), unique=True, max_size=len(values))


@st.composite
def matrices(draw: st.DrawFn) -> list[SlaDoc]:
    documents = []
    for index in range(draw(st.integers(1, 5))):
        selectors = {
            "plans": draw(some(GOOD.plans.plans if GOOD.plans else ())),
            "priorities": draw(some(list(Priority))),
            "types": draw(some(sorted(set(TYPES.values())))),
            "kinds": draw(some(TYPES)),
            "lines": draw(some(GOOD.lines.lines if GOOD.lines else ())),
        }
        if not any(selectors.values()):
            selectors["priorities"] = ["p1"]
        targets = draw(st.sets(st.sampled_from(["first_response", "resolution"]), min_size=1))
        goals = {target: draw(st.sampled_from(["1h", "2h", "none"])) for target in sorted(targets)}
        documents.append(SlaDoc.model_validate({"key": f"c{index}", **selectors, **goals}))
    return documents


def fitting(ordered: tuple[SlaCell, ...]) -> Iterator[list[SlaCell]]:
    """The cells that fit each request, the most specific first."""
    for plan, priority, kind, line in REQUESTS:
        yield [cell for cell in ordered if cell.fits(plan, priority, TYPES[kind], kind, line)]


@settings(max_examples=150, deadline=None)
@given(matrices())
def test_what_is_said_of_a_cell_holds_for_every_request(documents: list[SlaDoc]) -> None:
    plans = PlansFile(plans=GOOD.plans.plans if GOOD.plans else {}, sla=documents)
    bundle = Bundle(plans=plans, kinds=GOOD.kinds, lines=GOOD.lines)
    said = {path[1]: message for _, path, message in cells(bundle, Names(bundle))}
    requests = list(fitting(sla(documents)))
    used = {
        next(cell.key for cell in found if target in cell.goals)
        for found in requests
        for target in ("first_response", "resolution")
        if any(target in cell.goals for cell in found)
    }
    quarrels = {
        later.key
        for found in requests
        for earlier, later in product(found, found)
        if int(earlier.key[1:]) < int(later.key[1:]) and earlier.weight == later.weight
        if any(later.goals[t].seconds != earlier.goals[t].seconds for t in later.goals.keys() & earlier.goals.keys())
    }
    for index, document in enumerate(documents):
        message = said.get(index, "")
        assert ("as specific as" in message) == (document.key in quarrels), (message, documents)
        if "never used" in message or "fits nothing" in message:
            assert document.key not in used, (message, documents)
