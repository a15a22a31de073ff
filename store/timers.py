"""Timers: what is to happen to tickets at a moment. Firing is a set operation in one transaction of its own, however
many come due at once; what follows from it is done afterwards, in batches.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Firing, Timer
from store.save import firings as firings_
from store.save import timers_

_COLUMNS = "id, number, what, clock_id, share, at"
_MOVE_SQLITE = (
    f"INSERT INTO firings ({_COLUMNS}) SELECT {_COLUMNS} FROM timers WHERE at <= :now ORDER BY at, id LIMIT :most",  # noqa: S608
    "DELETE FROM timers WHERE at <= :now AND id IN (SELECT id FROM firings)",
)
_MOVE_POSTGRESQL = (
    f"WITH due AS (DELETE FROM timers WHERE id IN (SELECT id FROM timers WHERE at <= :now ORDER BY at, id LIMIT :most "  # noqa: S608
    f"FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}) INSERT INTO firings ({_COLUMNS}) SELECT {_COLUMNS} FROM due"
)


async def fire(connection: AsyncConnection, now: datetime, most: int) -> int:
    """Moves what has come due; returns how many. Two processes at once never move the same."""
    moment = timers_.c.at.type.bind_processor(connection.dialect)
    values = {"now": moment(now) if moment else now, "most": most}
    if connection.dialect.name != "sqlite":
        return int((await connection.execute(text(_MOVE_POSTGRESQL), values)).rowcount)
    moved = int((await connection.execute(text(_MOVE_SQLITE[0]), values)).rowcount)
    if moved:
        await connection.execute(text(_MOVE_SQLITE[1]), {"now": values["now"]})
    return moved


async def firings(connection: AsyncConnection, most: int) -> Sequence[Firing]:
    """The oldest that wait for what follows, locked; those that another process has in hand are left out."""
    query = select(firings_).order_by(firings_.c.at, firings_.c.id).limit(most)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    return [
        Firing(
            id=row.id,
            number=row.number,
            timer=Timer(what=row.what, at=row.at, clock=row.clock_id, share=row.share),
        )
        for row in await connection.execute(query)
    ]


async def done(connection: AsyncConnection, ids: Collection[str]) -> None:
    await connection.execute(delete(firings_).where(firings_.c.id.in_(ids)))


async def next_at(connection: AsyncConnection) -> datetime | None:
    found: datetime | None = (await connection.execute(select(func.min(timers_.c.at)))).scalar()
    return found
