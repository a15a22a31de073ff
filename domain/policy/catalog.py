"""The service catalog and the kinds of request."""

from dataclasses import dataclass

from domain.policy.texts import Text
from domain.ticket import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A node of the catalog. ``path`` is its key from the root (``billing/invoices``). What a child leaves out it has
    from its parent; the values here are after inheritance."""

    path: str
    title: Text
    line: str
    group: str | None
    kind: str | None
    """Default kind for requests on this entry, or None to use the policy's."""
    form: bool = True
    """Offered to requesters in forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of request. ``type``: incident, request, question, complaint, idea ..."""

    key: str
    type: str
    title: Text
    impact: Level
    urgency: Level
    regulation: Text
    line: str | None = None
    """Line that takes this kind whatever the catalog says, or None."""
