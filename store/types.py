"""Column types that behave the same on SQLite and PostgreSQL.

Their processors are written out, since a batch of mails passes through them thousands of times a second.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

Processor = Callable[[Any], Any]


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a naive datetime has no place in the store")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware instant. Naive values are refused; SQLite, which drops zones, keeps UTC as text and gives it back so."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        if dialect.name != "sqlite":
            return lambda value: None if value is None else _aware(value)
        return lambda value: (
            None if value is None else _aware(value).replace(tzinfo=None).isoformat(" ", "microseconds")
        )

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        if dialect.name != "sqlite":
            return lambda value: None if value is None else value.astimezone(UTC)
        return lambda value: None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """JSON text of plain values and of domain dataclasses, by msgspec. Read back as plain values.

    Text and not JSONB: nothing but a quoted key is ever searched inside it, and one encoding serves both databases.
    """

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        encode = msgspec.json.Encoder().encode
        return lambda value: None if value is None else encode(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        decode = msgspec.json.Decoder().decode
        return lambda value: None if value is None else decode(value)
