"""Whether an agent's card may be changed as asked. Pure; called by the commands and the API before the store writes."""

from collections.abc import Iterable
from datetime import datetime

from domain.errors import Invalid
from domain.people import Agent, AgentChange, Presence
from domain.policy import Policy

LEVELS = range(1, 11)
MOST_CAPACITY = 10_000


def check_change(agent: Agent, change: AgentChange, policy: Policy) -> None:
    """Raises ``Invalid`` that names the part (``lines``, ``groups``, ``skills``, ``audiences``, ``calendar``,
    ``capacity``, ``name``) and what the policy has instead. What the card has already, and the policy not any more, may
    stay."""
    if change.name is not None and not change.name.strip():
        raise Invalid("name", "is empty")
    _known("lines", "line", (change.lines or frozenset()) - agent.lines, policy.lines)
    _check_groups(agent, change, policy)
    skills = change.skills or {}
    _known("skills", "skill", skills.keys() - agent.skills.keys(), policy.skills)
    for skill, level in sorted(skills.items()):
        if level not in LEVELS:
            raise Invalid("skills", f"{skill} is at level {level}, and levels are {LEVELS[0]} to {LEVELS[-1]}")
    _known("audiences", "audience", (change.audiences or frozenset()) - agent.audiences, policy.audiences)
    if isinstance(change.calendar, str) and change.calendar != agent.calendar:
        _known("calendar", "calendar", [change.calendar], policy.calendars)
    if isinstance(change.capacity, int) and not 1 <= change.capacity <= MOST_CAPACITY:
        raise Invalid("capacity", f"{change.capacity} is not from 1 to {MOST_CAPACITY}")


def _check_groups(agent: Agent, change: AgentChange, policy: Policy) -> None:
    lines = agent.lines if change.lines is None else change.lines
    for line, group in sorted((change.groups or frozenset()) - agent.groups):
        if line not in lines:
            raise Invalid("groups", f"{line}/{group} is a group of line {line}, which the agent does not work on")
        groups = {each.key for each in policy.lines[line].groups} if line in policy.lines else set()
        if group not in groups:
            raise Invalid("groups", f"{group!r} is not a group of line {line}; {_there_are(groups)}")


def _known(field: str, what: str, given: Iterable[str], known: Iterable[str]) -> None:
    for key in sorted(given):
        if key not in known:
            article = "an" if what[0] in "aeiou" else "a"
            raise Invalid(field, f"{key!r} is not {article} {what} of the policy; {_there_are(known)}")


def _there_are(known: Iterable[str]) -> str:
    keys = sorted(known)
    return f"there are {', '.join(keys)}" if keys else "there is none"


def check_presence(presence: Presence, until: datetime | None, now: datetime) -> None:
    """Raises ``Invalid`` for ``until``: it needs an absence, and a moment that is still to come."""
    if until is None:
        return
    if presence == "on":
        raise Invalid("until", "goes with a break or an absence")
    if until <= now:
        raise Invalid("until", "is past")
