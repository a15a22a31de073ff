"""Messages of tickets and their attachments."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field

from store.tables.base import Big, Table, instant, json, long_text


class MessageRow(Table, table=True):
    """``features`` holds what rules may ask about and has no column of its own (automatic, authentication, fields ...),
    so that a simulation never parses mail again. ``raw`` is the blob of the untouched bytes."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_number", "number", "at"),
        Index("ix_messages_native_id", "native_id"),
        Index("ix_messages_envelope_id", "envelope_id"),
    )

    id: str = Field(primary_key=True)
    number: int = Field(sa_type=Big, foreign_key="tickets.number")
    envelope_id: str | None = None
    at: datetime = instant()
    direction: str
    channel: str
    account: str
    adapter: str
    author_id: str | None = Field(default=None, foreign_key="identities.id")
    agent_id: str | None = Field(default=None, foreign_key="agents.id")
    author_name: str
    native_id: str | None = Field(default=None, sa_type=Text)
    subject: str
    text: str = long_text()
    quoted: str = long_text()
    signature: str = long_text()
    full_text: str | None = long_text(nullable=True)
    html: str | None = long_text(nullable=True)
    language: str | None = None
    recipients: Any = json()
    flags: Any = json()
    features: Any = json()
    raw: str | None = None
    size: int = 0


class AttachmentRow(Table, table=True):
    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_message_id", "message_id"),)

    id: str = Field(primary_key=True)
    message_id: str = Field(foreign_key="messages.id")
    position: int
    blob: str = Field(index=True)
    name: str
    size: int
    media_type: str
    declared_type: str
    content_id: str | None = None
    inline: bool = False


class UploadRow(Table, table=True):
    """A file that waits for the message which will name it."""

    __tablename__ = "uploads"

    id: str = Field(primary_key=True)
    blob: str
    name: str
    size: int
    media_type: str
    created_at: datetime = instant(index=True)
