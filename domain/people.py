"""Agents, sessions and API tokens. Secrets are random, shown once, and kept only as SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

TokenScope = Literal["read", "agent", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    id: str
    email: str
    name: str
    lines: frozenset[str]
    admin: bool = False
    active: bool = True


Presence = Literal["on", "break", "away"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """An agent as assignment sees them. ``groups``: (line, group); on a line without one, all of its groups.
    ``calendar`` and ``capacity``: their own, None where the line's hold. ``in_hand``: open tickets by priority.
    ``assigned_at``: when they were last given one."""

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
