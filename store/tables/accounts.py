"""What receivers of channels remember, and how their accounts fare."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from store.tables.base import Table, instant, json, long_text


class BookmarkRow(Table, table=True):
    """How far an account was read. ``place``: what of it (a folder, ``updates``)."""

    __tablename__ = "bookmarks"

    adapter: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    value: Any = json()
    at: datetime = instant()


class ChannelAccountRow(Table, table=True):
    """``domain.accounts.AccountState``."""

    __tablename__ = "channel_accounts"

    adapter: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    channel: str
    condition: str
    since: datetime = instant()
    told_at: datetime = instant()
    error: str = long_text()
    last_message_at: datetime | None = instant(nullable=True)
    oldest_at: datetime | None = instant(nullable=True)
