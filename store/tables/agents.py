"""Agents, their lines, sign-in links, browser sessions and API tokens. Secrets are kept as SHA-256 only."""

from datetime import datetime

from sqlmodel import Field

from store.tables.base import Table, instant


class AgentRow(Table, table=True):
    __tablename__ = "agents"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str
    admin: bool = False
    active: bool = True
    created_at: datetime = instant()


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
