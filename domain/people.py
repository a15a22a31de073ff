"""Agents, sessions and API tokens. Secrets are random, shown once, and kept only as SHA-256."""

from dataclasses import dataclass
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
