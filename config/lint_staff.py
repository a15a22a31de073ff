"""Checks of the policy against the people of an instance: lines, groups and skills that nobody has, and audiences that
somebody serves and the policy does not have.

Only where the agents are known (``priyom policy check --data``).
"""

from collections.abc import Iterator, Sequence

from config.bundle import Bundle
from config.kind_schema import KindDoc
from config.names import Fault, Names
from domain.people import Agent


def lines(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """Lines without agents, and of the others groups without."""
    if names.staff is None:
        return
    for key, line in bundle.lines.lines.items() if bundle.lines else ():
        here = [agent for agent in names.staff if key in agent.lines]
        if not here:
            yield "lines.yaml", ("lines", key), "has no active agents"
            continue
        for group in line.groups:
            if not any(_in_group(agent, key, group) for agent in here):
                yield "lines.yaml", ("lines", key, "groups", group), "has no active agents"


def _in_group(agent: Agent, line: str, group: str) -> bool:
    """Who has no group on a line is in all of its groups."""
    own = {each for on, each in agent.groups if on == line}
    return not own or group in own


def audiences(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """Audiences on agents' cards that are not there: who serves no other is given nothing."""
    if names.staff is None or bundle.catalog is None:
        return
    served = {audience for agent in names.staff for audience in agent.audiences}
    for key in sorted(served - bundle.catalog.audiences.keys()):
        count = sum(key in agent.audiences for agent in names.staff)
        whom = "1 active agent serves" if count == 1 else f"{count} active agents serve"
        yield "catalog.yaml", ("audiences",), f"{whom} an unknown audience: {key}"


def skills(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """Skills that a kind needs, at a level that no agent of the lines has which it may visit."""
    if names.staff is None or bundle.lines is None:
        return
    for key, kind in bundle.kinds.kinds.items() if bundle.kinds else ():
        where = _lines_of(kind, names)
        for skill, level in kind.skills.items():
            best = _best(skill, where, names.staff)
            if best < level:
                has = f"the best there has it at {best}" if best else "nobody there has it"
                yield "kinds.yaml", ("kinds", key, "skills", skill), f"is needed at level {level}, and {has}"


def _lines_of(kind: KindDoc, names: Names) -> frozenset[str]:
    """Lines that the kind names; every line that has agents, where it names none."""
    return frozenset(kind.lines) or frozenset(names.groups or ())


def _best(skill: str, lines: frozenset[str], staff: Sequence[Agent]) -> int:
    return max((agent.skills.get(skill, 0) for agent in staff if agent.lines & lines), default=0)
