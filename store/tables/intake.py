"""The books of intake: what became of every accepted message, and the keys that make each effect happen once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index
from sqlmodel import Field

from store.tables.base import Big, Table, instant, json


class LedgerEntryRow(Table, table=True):
    """One line for each accepted envelope, written in the transaction that has the effect."""

    __tablename__ = "ledger"

    envelope_id: str = Field(primary_key=True)
    channel: str
    account: str
    outcome: str
    reason: str = ""
    number: int | None = Field(default=None, sa_type=Big)
    at: datetime = instant()


class CounterRow(Table, table=True):
    """Durable sums: the ledger's outcomes per channel, and what was purged from the raw log (``name`` ``purged``)."""

    __tablename__ = "counters"

    channel: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: int = Field(sa_column=Column(Big, nullable=False))


class KeyRow(Table, table=True):
    """Idempotency: the first envelope with this key, and the ticket it led to."""

    __tablename__ = "keys"

    key: str = Field(primary_key=True)
    envelope_id: str
    number: int | None = Field(default=None, sa_type=Big)
    at: datetime = instant(index=True)


class ConversationRow(Table, table=True):
    """A native conversation handle belongs to one ticket at a time."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_number", "number"),)

    handle: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)
    at: datetime = instant()


class HeldRow(Table, table=True):
    """A message that made no ticket. ``origin`` is the subject it was taken from; ``payload`` (or, where it is no JSON,
    the blob ``payload_blob``) what that subject carried, so that it can be sent through again."""

    __tablename__ = "held"
    __table_args__ = (Index("ix_held_list", "outcome", "id"),)

    id: str = Field(primary_key=True)
    envelope_id: str = Field(index=True)
    outcome: str
    channel: str
    account: str
    at: datetime = instant()
    reason: str
    origin: str
    subject: str = ""
    sender: str = ""
    raw: str | None = None
    payload: Any = json(nullable=True)
    payload_blob: str | None = None
    detail: Any = json()
    released_at: datetime | None = instant(nullable=True)
    released_by: str | None = None
    number: int | None = Field(default=None, sa_type=Big)


class PolicyRevisionRow(Table, table=True):
    """``documents``: file name -> YAML text. ``expanded``: the calendars' dates and the tzdata version it was made
    with, so that an old decision can be made again after the world's calendars have changed."""

    __tablename__ = "policy_revisions"

    revision: int = Field(primary_key=True)
    author: str
    comment: str
    at: datetime = instant()
    documents: Any = json()
    expanded: Any = json()
