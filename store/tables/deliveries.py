"""What is sent: one row for each way of a message to an address, from the moment it is written down."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field

from store.tables.base import Big, Table, instant, long_text


class DeliveryRow(Table, table=True):
    """``domain.outgoing``. ``address`` where it is not the identity's own. ``message_id`` is None for what is no part
    of the conversation (a notice to an agent), which has its ``subject`` and ``text`` here. ``leased_until``: a process
    that has it in hand and is not heard of by then leaves an unknown result."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state", "state", "next_at"),
        Index("ix_deliveries_number", "number"),
        Index("ix_deliveries_identity_id", "identity_id", "created_at"),
        Index("ix_deliveries_native_id", "native_id"),
    )

    id: str = Field(primary_key=True)
    message_id: str | None = Field(default=None, foreign_key="messages.id", index=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number")
    channel: str
    account: str
    identity_id: str | None = Field(default=None, foreign_key="identities.id")
    agent_id: str | None = Field(default=None, foreign_key="agents.id")
    address: str = ""
    letter: str | None = None
    automatic: bool = False
    subject: str | None = Field(default=None, sa_type=Text)
    text: str | None = long_text(nullable=True)
    language: str | None = None
    state: str
    attempts: int = 0
    next_at: datetime = instant()
    leased_until: datetime | None = instant(nullable=True)
    error: str = long_text(default="")
    native_id: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = instant()
    settled_at: datetime | None = instant(nullable=True)
