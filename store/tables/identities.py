"""How identities came to be one person's, and the secrets by which somebody proves that two are theirs."""

from datetime import datetime

from sqlmodel import Field

from store.tables.base import Table, instant


class IdentityLinkRow(Table, table=True):
    """An identity was made a person's. ``before`` is the person that it was of: undoing gives it back to that one, or
    to nobody. ``how``: ``deep_link``, ``code``, ``shared_number`` or ``agent``."""

    __tablename__ = "identity_links"

    id: str = Field(primary_key=True)
    identity_id: str = Field(foreign_key="identities.id", index=True)
    person_id: str = Field(foreign_key="persons.id", index=True)
    before: str | None = Field(default=None, foreign_key="persons.id")
    how: str
    by: str
    at: datetime = instant()
    undone_at: datetime | None = instant(nullable=True)
    undone_by: str | None = None


class IdentityInviteRow(Table, table=True):
    """A secret that was sent to an identity: whoever shows it on another channel is the same person. Kept as SHA-256,
    used once."""

    __tablename__ = "identity_invites"

    secret_hash: str = Field(primary_key=True)
    identity_id: str = Field(foreign_key="identities.id", index=True)
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)
