"""Requesters: identities, the persons behind them, organisations and their contracts. Rows, since they change daily
and can be erased; the policy refers to none of them."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from store.tables.base import Table, instant, long_text


class OrganizationRow(Table, table=True):
    """``engineer_id``: the agent who is its personal engineer or client manager. ``department``: the mail
    address of its own department that takes what is forwarded to it."""

    __tablename__ = "organizations"

    id: str = Field(primary_key=True)
    name: str
    segment: str = "external"
    engineer_id: str | None = None
    department: str = ""
    created_at: datetime = instant()


class OrganizationGroupRow(Table, table=True):
    """A group of organisations, by the name that the policy's audiences use."""

    __tablename__ = "organization_groups"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    group: str = Field(primary_key=True)


class OrganizationDomainRow(Table, table=True):
    """A mail domain whose writers belong to the organisation."""

    __tablename__ = "organization_domains"

    domain: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)


class ContractRow(Table, table=True):
    """``since`` and ``until`` are inclusive days; ``plan`` is a key of the policy."""

    __tablename__ = "contracts"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    plan: str
    since: date
    until: date | None = None


class PersonRow(Table, table=True):
    """``contact``: one of the contacts that the organisation's contract names."""

    __tablename__ = "persons"

    id: str = Field(primary_key=True)
    name: str
    organization_id: str | None = Field(default=None, foreign_key="organizations.id", index=True)
    vip: bool = False
    contact: bool = False
    language: str | None = None
    created_at: datetime = instant()


class IdentityRow(Table, table=True):
    """An address on a channel. ``person_id`` is the reversible link: clearing it undoes a merge. ``unreachable``: why
    nothing that is sent there arrives; a message from there clears it."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("channel", "address"), Index(None, "person_id"))

    id: str = Field(primary_key=True)
    channel: str
    address: str
    name: str = ""
    verified: bool = False
    unreachable: str = long_text(default="")
    person_id: str | None = Field(default=None, foreign_key="persons.id")
    created_at: datetime = instant()
