"""Telephone calls: what names each, what came of it, and whether its ticket is still waited for."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from store.tables.base import Big, Table, instant, json


class CallRow(Table, table=True):
    """``state``: ``waiting`` or ``ticketed``. ``wait_until``: when a waiting one becomes a ticket whatever has come."""

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_wait_until", "wait_until"),)

    id: str = Field(primary_key=True)
    account: str
    state: str
    number: int | None = Field(default=None, sa_type=Big, foreign_key="tickets.number")
    wait_until: datetime | None = instant(nullable=True)
    revision: int = 0
    at: datetime = instant()


class CallKeyRow(Table, table=True):
    """A key belongs to one call: whatever shares one is the same call."""

    __tablename__ = "call_keys"

    key: str = Field(primary_key=True)
    call_id: str = Field(foreign_key="calls.id", index=True)


class CallEventRow(Table, table=True):
    """An event as a message, words included where they are final, since the call as a whole is made of all its events
    anew whenever another comes."""

    __tablename__ = "call_events"

    envelope_id: str = Field(primary_key=True)
    call_id: str = Field(foreign_key="calls.id", index=True)
    at: datetime = instant()
    payload: Any = json()
