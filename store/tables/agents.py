"""Agents, their lines, sign-in links, browser sessions and API tokens. Secrets are kept as SHA-256 only."""

from datetime import datetime

from sqlmodel import Field

from store.tables.base import Table, instant


class AgentRow(Table, table=True):
    """``presence``: ``on``, ``break`` or ``away`` (until ``away_until``, where that is known). ``calendar`` is a key of
    the policy: the shifts, if they are not the line's. ``capacity``: the weight in hand, if it is not the line's."""

    __tablename__ = "agents"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str
    admin: bool = False
    active: bool = True
    presence: str = "on"
    away_until: datetime | None = instant(nullable=True)
    calendar: str | None = None
    capacity: int | None = None
    assigned_at: datetime | None = instant(nullable=True)
    created_at: datetime = instant()


class AgentGroupRow(Table, table=True):
    """A group of a line that the agent belongs to; without one on a line, all of its groups."""

    __tablename__ = "agent_groups"

    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    line: str = Field(primary_key=True)
    group: str = Field(primary_key=True)


class AgentAudienceRow(Table, table=True):
    """``audience`` is a key of the policy: its requesters are served. Without one, everybody."""

    __tablename__ = "agent_audiences"

    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    audience: str = Field(primary_key=True)


class AgentSkillRow(Table, table=True):
    """``skill`` is a key of the policy; ``level`` 1 is a beginner's."""

    __tablename__ = "agent_skills"

    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    skill: str = Field(primary_key=True)
    level: int


class AgentLineRow(Table, table=True):
    """``line`` is a key of the policy."""

    __tablename__ = "agent_lines"

    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    line: str = Field(primary_key=True)


class SignInLinkRow(Table, table=True):
    __tablename__ = "sign_in_links"

    secret_hash: str = Field(primary_key=True)
    agent_id: str = Field(foreign_key="agents.id", index=True)
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)


class SessionRow(Table, table=True):
    __tablename__ = "sessions"

    secret_hash: str = Field(primary_key=True)
    id: str = Field(unique=True)
    agent_id: str = Field(foreign_key="agents.id", index=True)
    csrf: str
    created_at: datetime = instant()
    expires_at: datetime = instant()


class ApiTokenRow(Table, table=True):
    __tablename__ = "api_tokens"

    secret_hash: str = Field(primary_key=True)
    id: str = Field(unique=True)
    name: str = Field(unique=True)
    scope: str
    created_at: datetime = instant()
