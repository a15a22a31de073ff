"""INSERT ... ON CONFLICT, which both databases speak and SQLAlchemy's generic insert does not."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert(connection: AsyncConnection, target: Table) -> Any:
    """``on_conflict_do_nothing`` and ``on_conflict_do_update`` are there on both."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(target)
