"""Reading SLA clocks with their segments. Called by the views and by the unit of work."""

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.clocks import ClockRecord, Segment
from store.save import clocks, segments


async def read_clocks(connection: AsyncConnection, numbers: Collection[int]) -> Mapping[int, tuple[ClockRecord, ...]]:
    """By ticket, the one that is due first before the others."""
    query = select(clocks).where(clocks.c.number.in_(numbers)).order_by(clocks.c.due_at, clocks.c.id)
    found = list(await connection.execute(query))
    parts: dict[str, list[Segment]] = {}
    of_these = select(segments).where(segments.c.clock_id.in_([row.id for row in found]))
    for row in await connection.execute(of_these.order_by(segments.c.clock_id, segments.c.position)):
        parts.setdefault(row.clock_id, []).append(Segment(start=row.start, until=row.until, kind=row.kind, why=row.why))
    read: dict[int, tuple[ClockRecord, ...]] = {}
    for row in found:
        clock = ClockRecord(
            id=row.id,
            target=row.target,
            state=row.state,
            calendar=row.calendar,
            cell=row.cell,
            goal_s=row.goal_s,
            started_at=row.started_at,
            due_at=row.due_at,
            consumed_s=row.consumed_s,
            segments=tuple(parts.get(row.id, ())),
            warn=tuple(row.warn),
            fired=tuple(row.fired),
        )
        read[row.number] = (*read.get(row.number, ()), clock)
    return read
