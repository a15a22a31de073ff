"""Rules that can never have their turn, in the cases that are certain. Called by ``config.lint``.

A rule is out of reach when earlier rules, each of which matches whatever it matches, have set all that it sets. A
condition is taken apart into the tests that must all hold; fewer tests, or the same test over more values, match more.
Conditions on ``catalog`` are left alone, since what it holds changes from rule to rule.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from config.rule_schema import ConditionDoc, RuleDoc

Test = tuple[str, str, frozenset[str]]
"""Field, operation, values; for a branch its whole text stands as the one value."""

_ANY_OF = ("is", "in", "words", "contains", "domain")


def unreachable(rules: Sequence[RuleDoc]) -> Iterator[tuple[int, str]]:
    """(index of the rule, why)."""
    taken = [(tests(rule.when), set(rule.set.given())) for rule in rules]
    for index, rule in enumerate(rules):
        mine, wanted = taken[index]
        covering = [
            (rules[earlier].key, sets & wanted)
            for earlier, (theirs, sets) in enumerate(taken[:index])
            if theirs is not None and mine is not None and broader(theirs, mine) and sets & wanted
        ]
        if set().union(*(sets for _, sets in covering)) >= wanted:
            names = ", ".join(dict.fromkeys(key for key, _ in covering))
            yield index, f"rule {rule.key} is never reached: what it sets is set before by {names}"


def tests(condition: ConditionDoc) -> frozenset[Test] | None:
    """What must all hold; None where the condition depends on the rules before it."""
    if condition.all_ is not None:
        parts = [tests(child) for child in condition.all_]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    if _reads_catalog(condition):
        return None
    if condition.field is None:
        return frozenset({("", "branch", frozenset({condition.model_dump_json(by_alias=True, exclude_none=True)}))})
    op, value = next((op, value) for op, value in condition.tests() if value is not None)
    values = frozenset(_same(each) for each in (value if isinstance(value, list) else [value]))
    return frozenset({(condition.field, "in" if op == "is" else op, values)})


def broader(theirs: frozenset[Test], mine: frozenset[Test]) -> bool:
    """Whether every message that meets mine meets theirs."""
    return all(any(_implies(given, wanted) for given in mine) for wanted in theirs)


def _implies(given: Test, wanted: Test) -> bool:
    if given[:2] != wanted[:2]:
        return False
    return given[2] <= wanted[2] if given[1] in _ANY_OF else given[2] == wanted[2]


def _reads_catalog(condition: ConditionDoc) -> bool:
    return condition.field == "catalog" or any(
        _reads_catalog(child) for _, children in condition.branches() for child in children or ()
    )


def _same(value: Any) -> str:
    return str(value).casefold()


def always(condition: ConditionDoc) -> bool:
    """Whether every message meets it, as far as its form shows: an empty ``all``, or what comes to that."""
    if condition.all_ is not None:
        return all(always(child) for child in condition.all_)
    return any(always(child) for child in condition.any_ or ())
