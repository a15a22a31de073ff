"""Tickets, who takes part in them, their clocks, decisions and history."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, text
from sqlmodel import Field

from store.tables.base import Big, Table, instant, json, long_text


class TicketRow(Table, table=True):
    """``number`` comes from a sequence. ``due_at`` is the nearest due time of its running clocks, ``due_sort`` the same
    as epoch seconds with a far future for none: what queues are ordered by, after priority and ``place`` (0: nobody
    could be given it; 1: any other). ``audiences``: those that the requester met when it was routed. ``version`` grows
    with every change."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_queue", "line", "open", "priority", "place", "due_sort", "number"),
        Index("ix_tickets_all", "open", "priority", "place", "due_sort", "number"),
        Index("ix_tickets_requester", "requester_id", "created_at"),
        Index("ix_tickets_updated", "updated_at", "number"),
        Index("ix_tickets_assignee", "assignee_id", "open", "line"),
        Index(
            "ix_tickets_alerts",
            "channel",
            "number",
            sqlite_where=text("channel = 'alert' AND open = 1"),
            postgresql_where=text("channel = 'alert' AND open"),
        ),
    )

    number: int = Field(sa_column=Column(Big, primary_key=True, autoincrement=False))
    subject: str
    status: str
    open: bool
    substatus: str | None = None
    priority: str
    impact: str
    urgency: str
    channel: str
    account: str
    requester_id: str = Field(foreign_key="identities.id")
    organization_id: str | None = Field(default=None, foreign_key="organizations.id", index=True)
    plan: str
    catalog: str
    kind: str
    line: str
    group: str | None = None
    assignee_id: str | None = Field(default=None, foreign_key="agents.id")
    policy_revision: int
    language: str | None = None
    fields: Any = json()
    checks: Any = json()
    flags: Any = json()
    audiences: Any = json()
    parent: int | None = Field(default=None, sa_type=Big, index=True)
    preview: str
    attachments: int
    created_at: datetime = instant()
    updated_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True)
    status_at: datetime | None = instant(nullable=True)
    due_at: datetime | None = instant(nullable=True)
    due_target: str | None = None
    due_sort: int = Field(sa_column=Column(Big, nullable=False))
    place: int = 1
    version: int = 1


class TicketNumberRow(Table, table=True):
    """SQLite's sequence: the last number given. PostgreSQL has a real one, which does not make routers wait."""

    __tablename__ = "ticket_numbers"

    id: int = Field(primary_key=True)
    last: int = Field(sa_column=Column(Big, nullable=False))


class TicketAliasRow(Table, table=True):
    """An imported ticket's former number."""

    __tablename__ = "ticket_aliases"

    alias: str = Field(primary_key=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number", index=True)


class ParticipantRow(Table, table=True):
    """An identity that may write to the ticket without a token."""

    __tablename__ = "participants"

    number: int = Field(sa_type=Big, foreign_key="tickets.number", primary_key=True)
    identity_id: str = Field(foreign_key="identities.id", primary_key=True)
    role: str = "requester"


class TicketLinkRow(Table, table=True):
    """How a ticket stands to another (``domain.commands.Relation``), seen from ``number``."""

    __tablename__ = "ticket_links"
    __table_args__ = (Index("ix_ticket_links_other", "other"),)

    number: int = Field(sa_type=Big, foreign_key="tickets.number", primary_key=True)
    other: int = Field(sa_type=Big, foreign_key="tickets.number", primary_key=True)
    relation: str = Field(primary_key=True)
    by: str
    at: datetime = instant()


class ClockRow(Table, table=True):
    __tablename__ = "clocks"
    __table_args__ = (Index("ix_clocks_number", "number"), Index("ix_clocks_due", "state", "due_at"))

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number")
    target: str
    state: str
    calendar: str
    cell: str
    goal_s: int
    started_at: datetime = instant()
    due_at: datetime = instant()
    consumed_s: int = 0
    warn: Any = json()
    fired: Any = json()


class TimerRow(Table, table=True):
    """Something that is to happen to a ticket at a moment: a share of a clock's goal is used up (100: it is due), or
    ``what`` says (``close``: nobody objected). Rewritten with what it depends on."""

    __tablename__ = "timers"
    __table_args__ = (Index("ix_timers_at", "at"), Index("ix_timers_number", "number"))

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)
    what: str
    clock_id: str | None = None
    share: int = 0
    at: datetime = instant()


class FiringRow(Table, table=True):
    """A timer whose moment has come. Moved here in one statement, and gone in the transaction that has done what
    follows from it: so each fires once, whoever dies in between."""

    __tablename__ = "firings"
    __table_args__ = (Index("ix_firings_clock_id", "clock_id"), Index("ix_firings_at", "at"))

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)
    what: str
    clock_id: str | None = None
    share: int = 0
    at: datetime = instant()


class ClockSegmentRow(Table, table=True):
    __tablename__ = "clock_segments"

    clock_id: str = Field(foreign_key="clocks.id", primary_key=True)
    position: int = Field(primary_key=True)
    start: datetime = instant()
    until: datetime | None = instant(nullable=True)
    kind: str
    why: str


class WorkRow(Table, table=True):
    """Time that somebody worked on a ticket: what hour quotas count."""

    __tablename__ = "work_log"
    __table_args__ = (Index("ix_work_log_number", "number", "at"),)

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number")
    minutes: int
    by: str
    agent_id: str | None = Field(default=None, foreign_key="agents.id")
    text: str = long_text()
    at: datetime = instant()


class DecisionRow(Table, table=True):
    """``steps`` and ``snapshot`` as domain.decision has them, without what was tried in vain."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_number", "number"),)

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number")
    message_id: str
    revision: int
    decided_at: datetime = instant()
    steps: Any = json()
    snapshot: Any = json()


class FactRow(Table, table=True):
    """The ticket's history: what happened, in order."""

    __tablename__ = "facts"
    __table_args__ = (Index("ix_facts_number", "number", "at"),)

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)
    at: datetime = instant()
    fact: str
    by: str
    envelope_id: str | None = None
    detail: Any = json()


class OutboxRow(Table, table=True):
    """Facts on their way to the bus: written with what they tell of, deleted when the bus has them."""

    __tablename__ = "outbox"

    id: str = Field(primary_key=True)
    fact: str
    payload: Any = json()
    created_at: datetime = instant(index=True)
