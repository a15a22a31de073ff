"""Checks of ``plans.yaml``: targets without a gap, quotas that end, cells of the matrix that are not in doubt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from config.bundle import Bundle
from config.compile_plans import cell
from config.names import Fault, Names
from config.plan_schema import SlaDoc
from config.problems import Path
from config.values import PriorityName, duration
from domain.clocks import Target

PRIORITIES = get_args(PriorityName)
FILE = "plans.yaml"


def plans(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, plan in bundle.plans.plans.items() if bundle.plans else ():
        path: Path = ("plans", key)
        yield from names.refer(FILE, (*path, "calendar"), "calendar", plan.calendar)
        rows = (
            ("first_response", plan.targets.first_response),
            ("next_response", plan.targets.next_response),
            ("resolution", plan.targets.resolution),
        )
        for target, row in rows:
            for priority in PRIORITIES:
                if row is not None and priority not in row:
                    yield FILE, (*path, "targets", target), f"has no target for {priority}; none is a target too"


def quotas(bundle: Bundle, names: Names) -> Iterator[Fault]:
    given = bundle.plans.plans if bundle.plans else {}
    lower = {key: plan.quota.lower_to for key, plan in given.items() if plan.quota and plan.quota.lower_to}
    for key, target in lower.items():
        path: Path = ("plans", key, "quota", "lower_to")
        yield from names.refer(FILE, path, "plan", target)
        way = [key]
        while way[-1] in lower and lower[way[-1]] not in way:
            way.append(lower[way[-1]])
        if lower.get(way[-1]) == key:
            yield FILE, path, f"lowers in a circle: {' -> '.join([*way, key])}"


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a cell fits, written out: with types narrowed to kinds, four lists that are independent of one another."""

    plans: frozenset[str]
    priorities: frozenset[str]
    kinds: frozenset[str]
    lines: frozenset[str]

    @property
    def sides(self) -> tuple[frozenset[str], ...]:
        return (self.plans, self.priorities, self.kinds, self.lines)

    def covers(self, other: "_Reach") -> bool:
        return all(mine >= theirs for mine, theirs in zip(self.sides, other.sides, strict=True))

    def meets(self, other: "_Reach") -> bool:
        return all(mine & theirs for mine, theirs in zip(self.sides, other.sides, strict=True))


def cells(bundle: Bundle, names: Names) -> Iterator[Fault]:
    given = bundle.plans.sla if bundle.plans else []
    first: dict[str, int] = {}
    sound = True
    for index, each in enumerate(given):
        path: Path = ("sla", index)
        if first.setdefault(each.key, index) != index:
            yield FILE, (*path, "key"), f"is the key of an earlier cell too: {each.key}"
        for part, what in (("plans", "plan"), ("types", "type"), ("kinds", "kind"), ("lines", "line")):
            for fault in names.refer_all(FILE, (*path, part), what, getattr(each, part)):
                sound = False
                yield fault
    if sound and bundle.plans and bundle.kinds and bundle.lines:
        kinds, lines = bundle.kinds.kinds, frozenset(bundle.lines.lines)
        all_plans, types = frozenset(bundle.plans.plans), {key: kind.type for key, kind in kinds.items()}
        yield from _order(given, [_reach(each, all_plans, types, lines) for each in given])


def _order(given: Sequence[SlaDoc], reach: Sequence[_Reach]) -> Iterator[Fault]:
    """Cells that fit nothing, that stand beside one that says otherwise, or behind one that takes all of theirs."""
    weight = [cell(each).weight for each in given]
    for index, each in enumerate(given):
        path: Path = ("sla", index)
        if not reach[index].kinds:
            yield FILE, (*path, "kinds"), f"fits nothing: none of the kinds is of type {', '.join(each.types)}"
            continue
        equal = [n for n in range(index) if weight[n] == weight[index] and reach[n].meets(reach[index])]
        quarrel = next((q for n in equal if (q := _quarrel(given[n], each))), None)
        if quarrel:
            yield FILE, path, quarrel
            continue
        before = [n for n, w in enumerate(weight) if w > weight[index] or (w == weight[index] and n < index)]
        taken: dict[Target, str] = {
            target: given[n].key for n in before if reach[n].covers(reach[index]) for target in given[n].targets()
        }
        if taken.keys() >= each.targets().keys():
            covering = ", ".join(dict.fromkeys(taken[target] for target in each.targets()))
            yield FILE, path, f"cell {each.key} is never used: all that it fits is taken by {covering}"


def _quarrel(earlier: SlaDoc, later: SlaDoc) -> str | None:
    ours, theirs = later.targets(), earlier.targets()
    for target in ours.keys() & theirs.keys():
        if ours[target] != theirs[target]:
            return (
                f"cell {later.key} and cell {earlier.key} are as specific as each other and differ for the same "
                f"requests: {target} {_spelled(ours[target])} and {_spelled(theirs[target])}"
            )
    return None


def _spelled(goal: int | None) -> str:
    return "none" if goal is None else duration(goal)


def _reach(each: SlaDoc, plans: frozenset[str], kinds: Mapping[str, str], lines: frozenset[str]) -> _Reach:
    """``kinds``: every kind with its type."""
    return _Reach(
        frozenset(each.plans) or plans,
        frozenset(each.priorities or PRIORITIES),
        frozenset(key for key in (each.kinds or kinds) if not each.types or kinds[key] in each.types),
        frozenset(each.lines) or lines,
    )
