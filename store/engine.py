"""Engines for SQLite and PostgreSQL, and the one place where their failures become ours.

SQLite gets two engines: one connection that writes (every transaction ``BEGIN IMMEDIATE``, taken in turn through
``store.writer``) and a few that read. WAL with synchronous=FULL: what is committed survives a power cut.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import SingletonThreadPool

from domain.errors import Temporary, Unavailable

BUSY_TIMEOUT_MS = 10_000
_RETRY_SQLSTATES = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_AWAY_CLASSES = ("08", "53", "57", "58")  # connection, resources, operator intervention, system error


class Engines:
    """``write`` and ``read`` are the same engine on PostgreSQL. ``batches`` is SQLite's for the unit of work, which
    runs in a thread of its own (see ``store.uow``); None on PostgreSQL."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {
            "json_serializer": lambda value: msgspec.json.encode(value).decode(),
            "json_deserializer": msgspec.json.decode,
        }
        self.write: AsyncEngine
        self.read: AsyncEngine
        self.batches: Engine | None = None
        if self.sqlite:
            parsed = parsed.set(drivername="sqlite+aiosqlite")
            self.write = create_async_engine(parsed, pool_size=1, max_overflow=0, **options)
            self.read = create_async_engine(parsed, pool_size=4, max_overflow=4, **options)
            self.batches = create_engine(
                parsed.set(drivername="sqlite+pysqlite"), poolclass=SingletonThreadPool, **options
            )
            _tune_sqlite(self.write.sync_engine, "BEGIN IMMEDIATE")
            _tune_sqlite(self.read.sync_engine, "BEGIN")
            _tune_sqlite(self.batches, "BEGIN IMMEDIATE")
        else:
            parsed = parsed.set(drivername="postgresql+asyncpg")
            self.write = self.read = create_async_engine(
                parsed,
                pool_size=8,
                max_overflow=8,
                pool_pre_ping=True,
                pool_timeout=10,
                connect_args={"timeout": 10, "command_timeout": 60},
                **options,
            )

    async def close(self) -> None:
        await self.write.dispose()
        if self.read is not self.write:
            await self.read.dispose()


def _tune_sqlite(engine: Engine, begin: str) -> None:
    """PRAGMAs on connect; transactions are begun by us, since the driver's own are deferred."""

    @event.listens_for(engine, "connect")
    def tune(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32768",
            "mmap_size=268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)


@contextmanager
def faults() -> Iterator[None]:
    """Turns a database that is away into ``Unavailable`` and a lost race into ``Temporary``; the rest goes through."""
    try:
        yield
    except (TimeoutError, PoolTimeout, ConnectionError, OSError) as error:
        raise Unavailable("database", reason=f"database: {type(error).__name__}") from error
    except DBAPIError as error:
        raise _translated(error) from error


def _translated(error: DBAPIError) -> Exception:
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if state in _RETRY_SQLSTATES:
        return Temporary("The service is busy", reason=f"database: {state}")
    away = error.connection_invalidated or state.startswith(_AWAY_CLASSES)
    original = getattr(error.orig, "__cause__", None) or error.orig
    if away or isinstance(error, InterfaceError) or isinstance(original, (ConnectionError, OSError)):
        return Unavailable("database", reason=f"database: {type(original).__name__} {state}".strip())
    if isinstance(error, OperationalError) and isinstance(original, sqlite3.OperationalError):
        return Unavailable("database", reason=f"database: {original}")
    return error
