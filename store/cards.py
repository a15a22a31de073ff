"""Agents' cards: read whole, changed in part. Steps of a transaction, for ``store.accounts`` and the unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import NotFound
from domain.people import Agent, AgentChange, Keep, Presence
from store.recall import organizations
from store.tables import (
    AgentAudienceRow,
    AgentGroupRow,
    AgentLineRow,
    AgentRow,
    AgentSkillRow,
    SessionRow,
    SignInLinkRow,
)
from store.tables.base import table

agents_, lines_, groups_, skills_ = (table(row) for row in (AgentRow, AgentLineRow, AgentGroupRow, AgentSkillRow))
audiences_ = table(AgentAudienceRow)
sessions_, links_ = table(SessionRow), table(SignInLinkRow)


async def read_agents(connection: AsyncConnection, *conditions: Any) -> list[Agent]:
    """Agents with their lines, groups, skills and audiences, by name."""
    rows = list(await connection.execute(select(agents_).where(*conditions).order_by(agents_.c.name, agents_.c.id)))
    ids = [row.id for row in rows]
    if not ids:
        return []
    lines: dict[str, set[str]] = {}
    for row in await connection.execute(select(lines_).where(lines_.c.agent_id.in_(ids))):
        lines.setdefault(row.agent_id, set()).add(row.line)
    groups: dict[str, set[tuple[str, str]]] = {}
    for row in await connection.execute(select(groups_).where(groups_.c.agent_id.in_(ids))):
        groups.setdefault(row.agent_id, set()).add((row.line, row.group))
    skills: dict[str, dict[str, int]] = {}
    for row in await connection.execute(select(skills_).where(skills_.c.agent_id.in_(ids))):
        skills.setdefault(row.agent_id, {})[row.skill] = row.level
    audiences: dict[str, set[str]] = {}
    for row in await connection.execute(select(audiences_).where(audiences_.c.agent_id.in_(ids))):
        audiences.setdefault(row.agent_id, set()).add(row.audience)
    return [
        Agent(
            id=row.id,
            email=row.email,
            name=row.name,
            lines=frozenset(lines.get(row.id, ())),
            admin=row.admin,
            active=row.active,
            groups=frozenset(groups.get(row.id, ())),
            skills=skills.get(row.id, {}),
            presence=row.presence,
            away_until=row.away_until,
            calendar=row.calendar,
            capacity=row.capacity,
            audiences=frozenset(audiences.get(row.id, ())),
        )
        for row in rows
    ]


async def read_agent(connection: AsyncConnection, agent_id: str) -> Agent:
    """Raises ``NotFound``."""
    found = await read_agents(connection, agents_.c.id == agent_id)
    if not found:
        raise NotFound("There is no such agent")
    return found[0]


async def change(connection: AsyncConnection, agent_id: str, asked: AgentChange) -> Agent:
    """See ``domain.ports.Accounts.change_agent``."""
    values = {name: getattr(asked, name) for name in ("name", "admin", "active") if getattr(asked, name) is not None}
    values |= {name: getattr(asked, name) for name in ("calendar", "capacity") if getattr(asked, name) is not Keep.KEEP}
    here = agents_.c.id == agent_id
    # Written even where no column changes: the row is locked by it, so that two changes follow one another.
    done = await connection.execute(update(agents_).where(here).values(values or {"id": agents_.c.id}))
    if not done.rowcount:
        raise NotFound("There is no such agent")
    if asked.lines is not None:
        await _rewrite(connection, lines_, agent_id, [{"line": line} for line in sorted(asked.lines)])
    if asked.groups is not None:
        grouped = [{"line": line, "group": group} for line, group in sorted(asked.groups)]
        await _rewrite(connection, groups_, agent_id, grouped)
    if asked.skills is not None:
        able = [{"skill": skill, "level": level} for skill, level in sorted(asked.skills.items())]
        await _rewrite(connection, skills_, agent_id, able)
    if asked.audiences is not None:
        served = [{"audience": audience} for audience in sorted(asked.audiences)]
        await _rewrite(connection, audiences_, agent_id, served)
    if asked.lines is not None or asked.groups is not None:
        kept = select(lines_.c.line).where(lines_.c.agent_id == agent_id)
        await connection.execute(delete(groups_).where(groups_.c.agent_id == agent_id, groups_.c.line.not_in(kept)))
    if asked.active is False:
        await _part_with(connection, agent_id)
    return await read_agent(connection, agent_id)


async def _rewrite(connection: AsyncConnection, target: Any, agent_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    await connection.execute(delete(target).where(target.c.agent_id == agent_id))
    if rows:
        await connection.execute(insert(target), [{"agent_id": agent_id, **row} for row in rows])


async def _part_with(connection: AsyncConnection, agent_id: str) -> None:
    """Signed out, and nobody's engineer. Their tickets are the timekeeper's to give to others."""
    for target in (sessions_, links_):
        await connection.execute(delete(target).where(target.c.agent_id == agent_id))
    theirs = update(organizations).where(organizations.c.engineer_id == agent_id)
    await connection.execute(theirs.values(engineer_id=None))
    back: Mapping[str, Any] = {"presence": "on", "away_until": None}
    await connection.execute(update(agents_).where(agents_.c.id == agent_id).values(back))


async def set_presence(connection: AsyncConnection, agent_id: str, presence: Presence, until: datetime | None) -> Agent:
    """See ``domain.ports.Accounts.set_presence``."""
    here = and_(agents_.c.id == agent_id, agents_.c.active)
    done = await connection.execute(update(agents_).where(here).values(presence=presence, away_until=until))
    if not done.rowcount:
        raise NotFound("There is no such agent")
    return await read_agent(connection, agent_id)
