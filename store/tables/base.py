"""What the tables share: their metadata with stable constraint names, and shorthands for columns."""

from typing import Any

from sqlalchemy import BigInteger, MetaData, Text
from sqlalchemy import Integer as SqlInteger
from sqlalchemy import Table as SqlTable
from sqlmodel import Field, SQLModel

from store.types import Json, UTCDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(SqlInteger(), "sqlite")
"""64 bits on both; on SQLite ``INTEGER``, so that it may be the rowid."""


class Table(SQLModel):
    """Base of every table. Table models do not validate: values come from the domain, which has."""

    metadata = metadata


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(sa_type=UTCDateTime, nullable=nullable, index=index, default=None if nullable else ...)


def json(*, nullable: bool = False) -> Any:
    return Field(sa_type=Json, nullable=nullable, default=None if nullable else ...)


def long_text(*, nullable: bool = False, default: Any = ...) -> Any:
    return Field(sa_type=Text, nullable=nullable, default=None if nullable else default)


__all__ = ["Big", "Table", "instant", "json", "long_text", "metadata", "table"]


def table(row: type[SQLModel]) -> SqlTable:
    """The Core table of a model, for batches."""
    found: SqlTable = row.__table__  # type: ignore[attr-defined]
    return found
