"""Agents as assignment needs them: lines, groups, skills, audiences, presence, and what they have in hand."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, case, exists, func, not_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.people import Leaving, Worker
from domain.status import RUNNING, Status
from store.cards import agents_ as agents
from store.cards import audiences_ as audiences
from store.cards import groups_ as groups
from store.cards import lines_
from store.cards import skills_ as skills
from store.recall import tickets

IN_HAND = tuple(sorted(status.value for status in RUNNING))
"""Statuses in which a ticket is work for its agent now."""
_WAITING = (Status.CLASSIFICATION.value, Status.IN_PROGRESS.value)


async def workers(connection: AsyncConnection, lines: Collection[str]) -> Sequence[Worker]:
    """See ``domain.unitofwork.UnitOfWork.workers``."""
    if lines:
        await _lock(connection, lines)
    return await seen_workers(connection, lines)


async def seen_workers(connection: AsyncConnection, lines: Collection[str]) -> Sequence[Worker]:
    """The same for who only looks: nothing is locked."""
    if not lines:
        return ()
    on_lines = select(lines_.c.agent_id).where(lines_.c.line.in_(lines))
    query = select(agents).where(agents.c.id.in_(on_lines), agents.c.active).order_by(agents.c.id)
    rows = list(await connection.execute(query))
    ids = [row.id for row in rows]
    of_lines: dict[str, set[str]] = {}
    for row in await connection.execute(select(lines_).where(lines_.c.agent_id.in_(ids))):
        of_lines.setdefault(row.agent_id, set()).add(row.line)
    of_groups: dict[str, set[tuple[str, str]]] = {}
    for row in await connection.execute(select(groups).where(groups.c.agent_id.in_(ids))):
        of_groups.setdefault(row.agent_id, set()).add((row.line, row.group))
    able: dict[str, dict[str, int]] = {}
    for row in await connection.execute(select(skills).where(skills.c.agent_id.in_(ids))):
        able.setdefault(row.agent_id, {})[row.skill] = row.level
    served: dict[str, set[str]] = {}
    for row in await connection.execute(select(audiences).where(audiences.c.agent_id.in_(ids))):
        served.setdefault(row.agent_id, set()).add(row.audience)
    in_hand: dict[str, dict[str, int]] = {}
    counted = (
        select(tickets.c.assignee_id, tickets.c.priority, func.count().label("held"))
        .where(tickets.c.assignee_id.in_(ids), tickets.c.status.in_(IN_HAND))
        .group_by(tickets.c.assignee_id, tickets.c.priority)
    )
    for row in await connection.execute(counted):
        in_hand.setdefault(row.assignee_id, {})[row.priority] = row.held
    return [
        Worker(
            id=row.id,
            name=row.name,
            lines=frozenset(of_lines.get(row.id, ())),
            groups=frozenset(of_groups.get(row.id, ())),
            skills=able.get(row.id, {}),
            presence=row.presence,
            away_until=row.away_until,
            calendar=row.calendar,
            capacity=row.capacity,
            in_hand=in_hand.get(row.id, {}),
            assigned_at=row.assigned_at,
            audiences=frozenset(served.get(row.id, ())),
        )
        for row in rows
    ]


async def _lock(connection: AsyncConnection, lines: Collection[str]) -> None:
    if connection.dialect.name == "postgresql":
        statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        for line in sorted(lines):
            await connection.execute(statement, {"name": f"assign:{line}"})


async def unassigned(connection: AsyncConnection, lines: Collection[str], most: int) -> Sequence[int]:
    query = (
        select(tickets.c.number)
        .where(tickets.c.line.in_(lines), tickets.c.assignee_id.is_(None), tickets.c.status.in_(_WAITING))
        .order_by(tickets.c.priority, tickets.c.due_sort, tickets.c.number)
        .limit(most)
    )
    return [row.number for row in await connection.execute(query)]


async def leaving(connection: AsyncConnection, now: datetime, lines: Collection[str], most: int) -> Sequence[Leaving]:
    """See ``domain.unitofwork.UnitOfWork.leaving``."""
    away = and_(agents.c.presence == "away", or_(agents.c.away_until.is_(None), agents.c.away_until > now))
    at_work = and_(tickets.c.line.in_(lines), tickets.c.status.in_(IN_HAND))
    theirs = exists().where(lines_.c.agent_id == agents.c.id, lines_.c.line == tickets.c.line)
    why = case((agents.c.active.is_(False), "removed"), (not_(theirs), "line"), else_="away")
    query = (
        select(tickets.c.number, tickets.c.assignee_id, why.label("why"))
        .join_from(agents, tickets, tickets.c.assignee_id == agents.c.id)
        .where(tickets.c.open, or_(agents.c.active.is_(False), not_(theirs), and_(away, at_work)))
        .order_by(tickets.c.priority, tickets.c.due_sort, tickets.c.number)
        .limit(most)
    )
    return [Leaving(number=row.number, agent=row.assignee_id, why=row.why) for row in await connection.execute(query)]
