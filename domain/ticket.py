"""The ticket as the router opens it, and what it knows of tickets that exist."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.clocks import ClockRecord
from domain.status import Status


class Priority(StrEnum):
    P1 = "p1"
    P2 = "p2"
    P3 = "p3"
    P4 = "p4"


class Level(StrEnum):
    """Impact and urgency, as the priority matrix reads them."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


UNASSIGNED = "unassigned"
"""Flag of a ticket that no agent of its line could be given. It stands first among those of its priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A new ticket. ``number`` comes from the store's sequence; ``requester`` is an identity's id; ``parent`` the
    number of the ticket that asks for it inside the house; ``audiences`` of the policy are those that the requester
    meets."""

    number: int
    subject: str
    status: Status
    priority: Priority
    impact: Level
    urgency: Level
    channel: str
    account: str
    requester: str
    organization: str | None
    plan: str
    catalog: str
    kind: str
    line: str
    group: str | None
    policy_revision: int
    created_at: datetime
    substatus: str | None = None
    assignee: str | None = None
    language: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    clocks: tuple[ClockRecord, ...] = ()
    parent: int | None = None
    audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketState:
    """A ticket as it stands when somebody acts on it, or a due time comes: read and locked by the unit of work.

    ``version`` grows with every change. ``visits``: the lines it has stood on, in order, the present one last.
    ``checks``: items of its checklists that are done. ``parent``: the ticket that asked for it inside the house.
    ``status_at``: since when it has its status. ``engineer``: its organisation's own. ``held_by``: line -> the agent
    who had it there last. ``audiences``: those that its requester met when it was routed."""

    number: int
    version: int
    subject: str
    status: Status
    substatus: str | None
    priority: Priority
    impact: Level
    urgency: Level
    channel: str
    requester: str
    organization: str | None
    plan: str
    catalog: str
    kind: str
    line: str
    group: str | None
    assignee: str | None
    policy_revision: int
    created_at: datetime
    closed_at: datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    clocks: tuple[ClockRecord, ...] = ()
    visits: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset()
    parent: int | None = None
    language: str | None = None
    status_at: datetime | None = None
    engineer: str | None = None
    held_by: Mapping[str, str] = field(default_factory=dict)
    audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A ticket that the same requester opened before."""

    number: int
    at: datetime
    catalog: str
    kind: str
    line: str
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An open ticket of a monitoring system whose alert still fires. ``at``: when it fired last."""

    number: int
    catalog: str
    product: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTicket:
    """What correlation needs of a ticket that exists (or was opened earlier in the same batch)."""

    number: int
    status: Status
    line: str
    requester: str
    participants: frozenset[str]
    """Identity ids that may write to it without a token: the requester and whom an agent added."""
    departments: frozenset[str] = frozenset()
    """Those of them to whom it was sent on: what they write answers nobody."""
    closed_at: datetime | None = None
    untouched: bool = False
    """Nobody has done anything about it yet. This and the kind are told of monitoring systems' tickets only."""
    kind: str | None = None
