"""What has happened: frozen, past tense, typed. A fact has no idea of subjects or tables.

Facts carry surrogate ids only, never addresses or bodies, so that they may be logged and kept. ``NAME`` is the
outside name (``ticket.<fact>`` on the bus, ``history[].fact`` in the API).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base: the ticket it is about, when, and by whom (``router``, ``timekeeper``, ``agent:<id>``, ``requester``)."""

    NAME: ClassVar[str] = ""
    ticket: int
    at: datetime
    by: str
    envelope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketCreated(Fact):
    NAME: ClassVar[str] = "ticket.created"
    channel: str
    kind: str
    catalog: str
    priority: str
    plan: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAssigned(Fact):
    """The ticket stands in a line's queue (``assignee`` None) or is an agent's. ``left``: the agent from whom the
    timekeeper took it."""

    NAME: ClassVar[str] = "ticket.assigned"
    line: str
    group: str | None = None
    assignee: str | None = None
    because: str = ""
    left: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAppended(Fact):
    NAME: ClassVar[str] = "ticket.message_appended"
    message: str
    direction: str
    line: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Fact):
    NAME: ClassVar[str] = "ticket.status_changed"
    old: str
    new: str
    line: str
    because: str = ""
    substatus: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReported(Fact):
    """A bounce or delivery report came back for something this ticket sent."""

    NAME: ClassVar[str] = "ticket.delivery_reported"
    line: str
    action: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateReceived(Fact):
    """The same message came again by another way; ``recipients`` that were new are on the message now."""

    NAME: ClassVar[str] = "ticket.duplicate_received"
    line: str
    adapter: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEscalated(Fact):
    """Passed up. The time since the last such fact is the stay on the line."""

    NAME: ClassVar[str] = "ticket.escalated"
    line: str
    old: str
    group: str | None = None
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReturned(Fact):
    """Passed down. ``times``: how often it has been given back so far."""

    NAME: ClassVar[str] = "ticket.returned"
    line: str
    old: str
    group: str | None = None
    because: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClassified(Fact):
    """``changed``: attribute -> [old, new]; ``fields`` -> names of the fields that were set."""

    NAME: ClassVar[str] = "ticket.classified"
    line: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLinked(Fact):
    NAME: ClassVar[str] = "ticket.linked"
    line: str
    other: int
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaWarned(Fact):
    """``share`` per cent of a target's goal are used up."""

    NAME: ClassVar[str] = "ticket.sla_warned"
    line: str
    target: str
    cell: str
    share: int
    due_at: datetime
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBreached(Fact):
    """A target's due time has passed and what it promises is not done."""

    NAME: ClassVar[str] = "ticket.sla_breached"
    line: str
    target: str
    cell: str
    due_at: datetime
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaEnded(Fact):
    """A target's clock has stopped for good. ``state``: met or breached; ``consumed_s``: business seconds."""

    NAME: ClassVar[str] = "ticket.sla_ended"
    line: str
    target: str
    cell: str
    state: str
    goal_s: int
    consumed_s: int
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDue(Fact):
    """Somebody is to be told. ``whom``: assignee, line, lead; ``reaction``: the policy's key; ``about``: the fact."""

    NAME: ClassVar[str] = "ticket.notice_due"
    line: str
    whom: tuple[str, ...]
    reaction: str
    about: str
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyEligible(Fact):
    """No agent of the line could be given the ticket: it stays in the queue, before the others. ``considered``: how
    many were looked at."""

    NAME: ClassVar[str] = "ticket.nobody_eligible"
    line: str
    group: str | None = None
    considered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketMarked(Fact):
    NAME: ClassVar[str] = "ticket.marked"
    line: str
    flag: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRequested(Fact):
    """The ticket asked line ``to`` for something, by the ticket ``child``."""

    NAME: ClassVar[str] = "ticket.internal_requested"
    line: str
    child: int
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalAnswered(Fact):
    """``child``, which the ticket waited for, is closed. ``waiting``: how many others it still waits for."""

    NAME: ClassVar[str] = "ticket.internal_answered"
    line: str
    child: int
    waiting: int = 0
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLogged(Fact):
    NAME: ClassVar[str] = "ticket.work_logged"
    line: str
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettled(Fact):
    """What became of something that was sent from the ticket: sent, failed, unknown. ``message`` None: a notice."""

    NAME: ClassVar[str] = "ticket.delivery_settled"
    line: str
    delivery: str
    channel: str
    state: str
    message: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersMuted(Fact):
    """A correspondent has had as many letters written by themselves as the policy lets one have: no more are sent for
    now. Their messages make tickets as before."""

    NAME: ClassVar[str] = "ticket.letters_muted"
    line: str
    identity: str
    count: int


FACTS: tuple[type[Fact], ...] = (
    TicketCreated,
    TicketAssigned,
    MessageAppended,
    StatusChanged,
    DeliveryReported,
    DuplicateReceived,
    TicketEscalated,
    TicketReturned,
    TicketClassified,
    TicketLinked,
    SlaWarned,
    SlaBreached,
    SlaEnded,
    NoticeDue,
    NobodyEligible,
    TicketMarked,
    InternalRequested,
    InternalAnswered,
    WorkLogged,
    DeliverySettled,
    LettersMuted,
)
