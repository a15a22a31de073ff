"""Checks of ``reactions.yaml``: references, and escalations that lead back to where they began."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.bundle import Bundle
from config.names import Fault, Names
from config.problems import Path
from config.reaction_schema import ReactionDoc

FILE = "reactions.yaml"
SELECTORS = ("plans", "priorities", "types", "kinds")


def reactions(bundle: Bundle, names: Names) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, each in enumerate(bundle.reactions.reactions if bundle.reactions else ()):
        path: Path = ("reactions", index)
        if first.setdefault(each.key, index) != index:
            yield FILE, (*path, "key"), f"is the key of an earlier reaction too: {each.key}"
        for part, what in (("plans", "plan"), ("types", "type"), ("kinds", "kind"), ("lines", "line")):
            yield from names.refer_all(FILE, (*path, part), what, getattr(each, part))
        yield from names.refer(FILE, (*path, "escalate_to"), "line", each.escalate_to)
        if each.escalate_to in each.lines:
            yield FILE, (*path, "escalate_to"), f"escalates line {each.escalate_to} to itself"


@dataclass(frozen=True, slots=True)
class _Edge:
    """One reaction's step from a line to another. ``fits``: for each of ``SELECTORS`` what it is for; empty: all."""

    reaction: int
    target: str
    fits: tuple[frozenset[str], ...]


def circles(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """A ticket that escalations can lead back to a line that they led it from; each circle once. Reactions that are for
    different requests make none together."""
    if bundle.reactions is None or bundle.lines is None or bundle.catalog is None:
        return
    given = bundle.reactions.reactions
    orders = {key: line.order for key, line in bundle.lines.lines.items()}
    lines = sorted(orders, key=orders.__getitem__)
    routes = {tuple(lines), *(entry.route for entry in (names.entries or {}).values() if entry.route)}
    told: set[frozenset[str]] = set()
    for route in sorted(routes):
        edges = {line: list(_edges(given, line, route, lines)) for line in lines}
        for line in lines:
            for way in _back(line, edges):
                around = frozenset(edge.target for edge in way)
                if around in told:
                    continue
                told.add(around)
                names_of = " -> ".join([line, *(edge.target for edge in way)])
                last = max(edge.reaction for edge in way)
                key = "escalate_to" if given[last].escalate_to else "escalate"
                yield FILE, ("reactions", last, key), f"escalates in a circle: {names_of}"


def _edges(given: Sequence[ReactionDoc], line: str, route: Sequence[str], lines: Sequence[str]) -> Iterator[_Edge]:
    for index, each in enumerate(given):
        if each.lines and line not in each.lines:
            continue
        target = each.escalate_to
        if each.escalate and line in route[:-1]:
            target = route[route.index(line) + 1]
        if target in lines and target != line:
            yield _Edge(index, str(target), tuple(frozenset(getattr(each, part)) for part in SELECTORS))


def _back(start: str, edges: Mapping[str, Sequence[_Edge]]) -> Iterator[list[_Edge]]:
    """Ways from a line back to itself that some request could go, one for each set of lines between."""
    begin: tuple[frozenset[str], ...] = (frozenset(),) * len(SELECTORS)
    waiting: list[tuple[list[_Edge], tuple[frozenset[str], ...]]] = [([], begin)]
    seen: set[tuple[str, frozenset[str], tuple[frozenset[str], ...]]] = set()
    while waiting:
        way, fits = waiting.pop()
        here = way[-1].target if way else start
        for edge in edges[here]:
            both = _both(fits, edge.fits)
            passed = frozenset(each.target for each in way)
            state = (edge.target, passed, both or begin)
            if both is None or edge.target in passed or state in seen:
                continue
            seen.add(state)
            if edge.target == start:
                yield [*way, edge]
            else:
                waiting.append(([*way, edge], both))


def _both(mine: Sequence[frozenset[str]], theirs: Sequence[frozenset[str]]) -> tuple[frozenset[str], ...] | None:
    """What both are for; None where that is nothing."""
    result = []
    for one, other in zip(mine, theirs, strict=True):
        if one and other and not one & other:
            return None
        result.append(one & other if one and other else one | other)
    return tuple(result)


def doubtful_shares(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """A share of the goal at which no clock warns."""
    if bundle.plans is None or bundle.reactions is None:
        return
    warned = (*(plan.warn for plan in bundle.plans.plans.values()), *(cell.warn for cell in bundle.plans.sla))
    shares = {share for each in warned for share in each}
    for index, each in enumerate(bundle.reactions.reactions):
        if each.share is not None and each.share not in shares:
            yield FILE, ("reactions", index, "share"), f"is a share at which no clock warns: {each.share}"
