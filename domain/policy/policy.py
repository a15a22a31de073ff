"""The policy as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.businesstime import Calendar
from domain.policy.catalog import CatalogEntry, Kind
from domain.policy.lines import Line
from domain.policy.plans import Plan
from domain.policy.rules import Rule
from domain.policy.texts import Text
from domain.ticket import Level, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPolicy:
    """``domains`` and ``addresses`` are ours (lower case): mail for anything else is refused with 550.

    ``catalogs`` maps an address to the catalog path its mail starts from, where one is set. ``authserv_ids`` are the
    relays whose Authentication-Results are believed (lower case). ``sender_verification``: ``when_present`` (a failed
    check blocks threading) or ``required`` (joining as a participant needs a passed one). ``public_domains`` are mail
    providers anyone may have an address at: they say nothing about the sender's organisation.
    """

    domains: frozenset[str]
    addresses: frozenset[str]
    catalogs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    authserv_ids: frozenset[str] = frozenset()
    sender_verification: str = "when_present"
    public_domains: frozenset[str] = frozenset()
    max_size: int = 26_214_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPolicy:
    """A web form. ``catalogs``: what it offers (empty: all marked for forms). ``min_seconds``: faster is a bot."""

    slug: str
    title: Text
    intro: Text
    consent: Text
    consent_version: str
    catalogs: tuple[str, ...] = ()
    min_seconds: int = 3
    max_files: int = 10
    max_file_bytes: int = 20_971_520
    max_total_bytes: int = 26_214_400
    embed_origins: frozenset[str] = frozenset()


PLACEHOLDERS = frozenset(
    {
        "number",
        "subject",
        "name",
        "organization",
        "agent",
        "line",
        "priority",
        "status",
        "due",
        "text",
        "url",
        "company",
    }
)
"""What a letter may name in braces. ``due``: when the first answer is promised; ``text``: the agent's own words;
``company``: the policy's name. A doubled brace stands for itself."""

REQUIRED_LETTERS = ("acknowledgement", "resolution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to a requester; subject and body may hold ``{placeholders}`` of ``PLACEHOLDERS``."""

    key: str
    subject: Text
    body: Text
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityMatrix:
    cells: Mapping[tuple[Level, Level], Priority]
    """(impact, urgency) -> priority; every pair is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One immutable revision. Keys of the mappings are the entities' own keys; ``rules`` are in order."""

    revision: int
    name: Text
    catalog: Mapping[str, CatalogEntry]
    kinds: Mapping[str, Kind]
    lines: Mapping[str, Line]
    plans: Mapping[str, Plan]
    calendars: Mapping[str, Calendar]
    rules: tuple[Rule, ...]
    matrix: PriorityMatrix
    mail: MailPolicy
    forms: Mapping[str, FormPolicy]
    letters: Mapping[str, Letter]
    default_catalog: str
    default_kind: str
    default_plan: str
    fallback_line: str
    """Takes a ticket whose own line the policy does not know."""
    reopen_days: int = 14
    """A requester's message on a ticket closed longer ago opens a new one that names the old."""
    repeat_days: int = 7
