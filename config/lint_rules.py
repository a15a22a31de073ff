"""Checks of ``rules.yaml``: references, rules out of reach, and defaults that take the turn of what follows."""

from collections.abc import Iterator, Sequence

from config.bundle import Bundle
from config.names import Fault, Names
from config.problems import Path
from config.reachability import always, unreachable
from config.rule_schema import ConditionDoc, RuleDoc

FILE = "rules.yaml"


def rules(bundle: Bundle, names: Names) -> Iterator[Fault]:
    given = bundle.rules.rules if bundle.rules else []
    first: dict[str, int] = {}
    for index, rule in enumerate(given):
        path: Path = ("rules", index)
        if first.setdefault(rule.key, index) != index:
            yield FILE, (*path, "key"), f"is the key of an earlier rule too: {rule.key}"
        yield from _references(rule, path, names)
    silent = dict(unreachable(given))
    for index, message in silent.items():
        yield FILE, ("rules", index), message
    for index, key, message in _second_defaults(given):
        if index not in silent:
            yield FILE, ("rules", index, "set", key), message


def _second_defaults(given: Sequence[RuleDoc]) -> Iterator[tuple[int, str, str]]:
    """(rule, what it sets, why that is in vain): a rule above matches everything and sets it."""
    defaults: dict[str, str] = {}
    for index, rule in enumerate(given):
        for key in rule.set.given():
            if key in defaults:
                yield index, key, f"is never set here: rule {defaults[key]} above matches everything and sets it"
        if always(rule.when):
            for key in rule.set.given():
                defaults.setdefault(key, rule.key)


def _references(rule: RuleDoc, path: Path, names: Names) -> Iterator[Fault]:
    sets = rule.set
    yield from names.refer_open(FILE, (*path, "set", "catalog"), sets.catalog)
    yield from names.refer(FILE, (*path, "set", "kind"), "kind", sets.kind)
    yield from names.refer(FILE, (*path, "set", "line"), "line", sets.line)
    message = names.group_fault(sets.line, sets.group)
    if message:
        yield FILE, (*path, "set", "group"), message
    for where, leaf in _leaves(rule.when, (*path, "when")):
        yield from _leaf(leaf, where, names)


def _leaf(leaf: ConditionDoc, where: Path, names: Names) -> Iterator[Fault]:
    what = {"catalog": "catalog entry", "plan": "plan"}.get(leaf.field or "")
    if what is None:
        return
    for op, value in (("under", leaf.under), ("is", leaf.is_)):
        yield from names.refer(FILE, (*where, op), what, None if value is None else str(value))
    for place, value in enumerate(leaf.in_ or ()):
        yield from names.refer(FILE, (*where, "in", place), what, str(value))


def _leaves(condition: ConditionDoc, path: Path) -> Iterator[tuple[Path, ConditionDoc]]:
    for op, children in condition.branches():
        for index, child in enumerate(children or ()):
            yield from _leaves(child, (*path, op, index))
    if condition.field is not None:
        yield path, condition
