"""Agents, sessions and API tokens. Secrets are random, shown once, and kept only as SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

TokenScope = Literal["read", "agent", "admin"]
Presence = Literal["on", "break", "away"]
PRESENCES: tuple[Presence, ...] = ("on", "break", "away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who works tickets. ``groups``: (line, group); on a line without one, all of its groups. ``skills``: key -> level,
    1 to 10. ``away_until``: when a break or an absence ends by itself. ``calendar`` and ``capacity``: their own, None
    where the line's hold. ``audiences`` of the policy whose requesters they serve; none: everybody."""

    id: str
    email: str
    name: str
    lines: frozenset[str]
    admin: bool = False
    active: bool = True
    groups: frozenset[tuple[str, str]] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict, hash=False)
    presence: Presence = "on"
    away_until: datetime | None = None
    calendar: str | None = None
    capacity: int | None = None
    audiences: frozenset[str] = frozenset()

    def presence_at(self, now: datetime) -> Presence:
        """What assignment takes them for: a break or an absence with an end is over then."""
        return "on" if self.away_until is not None and self.away_until <= now else self.presence


class Keep(Enum):
    """Stands for "as it is" where None has a meaning of its own."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChange:
    """What is to change of an agent's card. What is None stays as it is; for ``calendar`` and ``capacity`` that is
    ``Keep.KEEP``, and None gives them back to the line."""

    name: str | None = None
    lines: frozenset[str] | None = None
    groups: frozenset[tuple[str, str]] | None = None
    skills: Mapping[str, int] | None = None
    calendar: str | Keep | None = Keep.KEEP
    capacity: int | Keep | None = Keep.KEEP
    audiences: frozenset[str] | None = None
    admin: bool | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A ticket that has to leave its ``agent``, since they are ``away``, not active any more (``removed``), or do not
    work on its ``line`` any more."""

    number: int
    agent: str
    why: Literal["away", "removed", "line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """An agent as assignment sees them. ``groups``: (line, group); on a line without one, all of its groups.
    ``calendar`` and ``capacity``: their own, None where the line's hold. ``in_hand``: open tickets by priority.
    ``assigned_at``: when they were last given one. ``audiences`` whose requesters they serve; none: everybody."""

    id: str
    name: str
    lines: frozenset[str]
    groups: frozenset[tuple[str, str]] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict)
    presence: Presence = "on"
    away_until: datetime | None = None
    calendar: str | None = None
    capacity: int | None = None
    in_hand: Mapping[str, int] = field(default_factory=dict)
    assigned_at: datetime | None = None
    audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. ``csrf`` is compared with every POST's hidden field or header."""

    id: str
    agent: Agent
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    id: str
    name: str
    scope: TokenScope
