"""The service catalog: what may be asked for, by whom, and who looks after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from domain.policy.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who may file on an entry: whoever meets one of these. All empty: everybody.

    ``segments`` of organisations (``internal`` are our own departments), ``organizations`` by id, ``groups`` of
    organisations by the name they are kept under, ``plans`` in force, ``domains`` of mail."""

    key: str
    title: Text
    segments: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @property
    def everybody(self) -> bool:
        return not (self.segments or self.organizations or self.groups or self.plans or self.domains)


FieldType = Literal["text", "long_text", "number", "date", "choice", "yes_no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A piece of data that a request has: asked in a form, by an IVR or by the agent. ``choices`` of a ``choice``:
    value -> its words. ``required`` in the form; what a status needs stands at the kind's stage."""

    key: str
    title: Text
    type: FieldType = "text"
    choices: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A node of the catalog. ``path`` is its key from the root (``billing/invoices``). What a child leaves out it has
    from its parent; the values here are after inheritance, and ``own`` names those that the entry says itself.

    ``kinds`` are those offered here (empty: all). ``audiences``: who may file here (any of them; empty: everybody).
    ``plans`` replaces a plan for requests on this entry (``{"standard": "internal"}``). ``route``: the lines that its
    tickets may pass through, in order (empty: every line, by its order). A ``retired`` entry takes no new requests and
    stays for the tickets that have it."""

    path: str
    title: Text
    line: str
    group: str | None
    kind: str | None
    """Default kind for requests on this entry, or None to use the policy's."""
    form: bool = True
    """Offered to requesters in forms."""
    kinds: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    plans: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    route: tuple[str, ...] = ()
    retired: bool = False
    own: frozenset[str] = frozenset()
