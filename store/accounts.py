"""Agents, one-time links, browser sessions and API tokens (``domain.ports.Accounts``). Cards are ``store.cards``.

Secrets have 256 random bits and are kept as SHA-256; being random, they need no slow hash.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Conflict, NotFound
from domain.people import Agent, AgentChange, ApiToken, Presence, Session, TokenScope
from domain.ports import Clock, Ids
from store import cards
from store.cards import agents_ as _agents
from store.cards import lines_ as _lines
from store.cards import links_ as _links
from store.cards import read_agents
from store.cards import sessions_ as _sessions
from store.engine import Engines, faults
from store.tables import ApiTokenRow
from store.tables.base import table
from store.writer import Turn, Writer

_tokens = table(ApiTokenRow)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class SqlAccounts:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids, clock: Clock) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids
        self._clock = clock

    async def add_agent(self, *, email: str, name: str, lines: Iterable[str], admin: bool) -> Agent:
        agent = Agent(id=self._ids.new(), email=email.strip().lower(), name=name, lines=frozenset(lines), admin=admin)
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        await connection.execute(
                            insert(_agents).values(
                                id=agent.id,
                                email=agent.email,
                                name=name,
                                admin=admin,
                                active=True,
                                created_at=self._clock.now(),
                            )
                        )
                        if agent.lines:
                            rows = [{"agent_id": agent.id, "line": line} for line in sorted(agent.lines)]
                            await connection.execute(insert(_lines), rows)
                except IntegrityError:
                    raise Conflict(f"{agent.email} is an agent already") from None
        return agent

    async def agent_by_email(self, email: str) -> Agent | None:
        found = await self._agents(_agents.c.email == email.strip().lower())
        return found[0] if found else None

    async def agent(self, agent_id: str) -> Agent | None:
        found = await self._agents(_agents.c.id == agent_id)
        return found[0] if found else None

    async def agents(self) -> Sequence[Agent]:
        return await self._agents()

    async def change_agent(self, agent_id: str, change: AgentChange) -> Agent:
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    return await cards.change(connection, agent_id, change)

    async def set_presence(self, agent_id: str, presence: Presence, until: datetime | None) -> Agent:
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    return await cards.set_presence(connection, agent_id, presence, until)

    async def _agents(self, *conditions: Any) -> Sequence[Agent]:
        with faults():
            async with self._engines.read.connect() as connection:
                return await read_agents(connection, *conditions)

    async def new_link(self, agent_id: str, now: datetime, valid: timedelta) -> str:
        secret = secrets.token_urlsafe(32)
        values = {"secret_hash": _hash(secret), "agent_id": agent_id, "expires_at": now + valid, "used_at": None}
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        await connection.execute(insert(_links).values(**values))
                except IntegrityError:
                    raise NotFound("No such agent") from None
        return secret

    async def use_link(self, secret: str, now: datetime, valid: timedelta) -> tuple[str, Session] | None:
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    return await self._use_link(connection, secret, now, valid)

    async def _use_link(
        self, connection: AsyncConnection, secret: str, now: datetime, valid: timedelta
    ) -> tuple[str, Session] | None:
        taken = (
            update(_links)
            .where(_links.c.secret_hash == _hash(secret), _links.c.used_at.is_(None), _links.c.expires_at > now)
            .values(used_at=now)
            .returning(_links.c.agent_id)
        )
        agent_id = (await connection.execute(taken)).scalar()
        found = await read_agents(connection, _agents.c.id == agent_id) if agent_id else []
        if not found or not found[0].active:
            return None
        await connection.execute(delete(_sessions).where(_sessions.c.expires_at <= now))
        session = Session(id=self._ids.new(), agent=found[0], csrf=secrets.token_urlsafe(24), expires_at=now + valid)
        session_secret = secrets.token_urlsafe(32)
        await connection.execute(
            insert(_sessions).values(
                secret_hash=_hash(session_secret),
                id=session.id,
                agent_id=session.agent.id,
                csrf=session.csrf,
                created_at=now,
                expires_at=session.expires_at,
            )
        )
        return session_secret, session

    async def session(self, secret: str, now: datetime) -> Session | None:
        query = select(_sessions).where(_sessions.c.secret_hash == _hash(secret), _sessions.c.expires_at > now)
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(query)).first()
                found = await read_agents(connection, _agents.c.id == row.agent_id) if row else []
        if row is None or not found or not found[0].active:
            return None
        return Session(id=row.id, agent=found[0], csrf=row.csrf, expires_at=row.expires_at)

    async def end_session(self, secret: str) -> None:
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    await connection.execute(delete(_sessions).where(_sessions.c.secret_hash == _hash(secret)))

    async def forget(self, before: datetime) -> int:
        """Drops links and sessions that expired before; returns how many."""
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    gone = [
                        await connection.execute(delete(table_).where(table_.c.expires_at < before))
                        for table_ in (_links, _sessions)
                    ]
        return sum(done.rowcount for done in gone)

    async def add_token(self, *, name: str, scope: TokenScope, now: datetime) -> str:
        secret = "pt_" + secrets.token_urlsafe(32)
        values = {
            "secret_hash": _hash(secret),
            "id": self._ids.new(),
            "name": name,
            "scope": scope,
            "created_at": now,
        }
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        await connection.execute(insert(_tokens).values(**values))
                except IntegrityError:
                    raise Conflict(f"A token named {name} exists already") from None
        return secret

    async def token(self, secret: str) -> ApiToken | None:
        query = select(_tokens).where(_tokens.c.secret_hash == _hash(secret))
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(query)).first()
        return None if row is None else ApiToken(id=row.id, name=row.name, scope=row.scope)
