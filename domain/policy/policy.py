"""The policy as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from domain.businesstime import Calendar
from domain.clocks import Target
from domain.policy.catalog import Audience, CatalogEntry
from domain.policy.kinds import Kind, KindType
from domain.policy.lines import Line
from domain.policy.plans import Goal, Plan, SlaCell
from domain.policy.reactions import Reaction
from domain.policy.rules import Rule
from domain.policy.texts import Text
from domain.ticket import Level, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPolicy:
    """``domains`` and ``addresses`` are ours (lower case): mail for anything else is refused with 550.

    ``catalogs`` maps an address to the catalog path its mail starts from, where one is set. ``authserv_ids`` are the
    relays whose Authentication-Results are believed (lower case). ``sender_verification``: ``when_present`` (a failed
    check blocks threading) or ``required`` (joining as a participant needs a passed one). ``token_suffices``: whoever
    writes with a ticket's token joins it (a colleague to whom our letter was passed on), not its participants alone.
    ``public_domains`` are mail providers anyone may have an address at: they say nothing about the sender's
    organisation.
    """

    domains: frozenset[str]
    addresses: frozenset[str]
    catalogs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    authserv_ids: frozenset[str] = frozenset()
    sender_verification: str = "when_present"
    token_suffices: bool = False
    public_domains: frozenset[str] = frozenset()
    max_size: int = 26_214_400


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrPolicy:
    """``wait_s``: so long after the last that was heard of a telephone call its transcript is waited for, in seconds of
    the clock on the wall. Then the call is a ticket without one."""

    wait_s: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """What a monitoring system's word for a severity stands for."""

    impact: Level
    urgency: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """What becomes of monitoring systems' alerts. ``catalog`` and ``kind`` of their tickets, unless account or rule say
    otherwise. ``resolved``: whether a ticket closes by itself with its alert where nobody has done anything about it,
    or is only told. ``link_within_s``: so long after an alert has fired customers' requests about the same product are
    linked to its ticket, in seconds of the clock on the wall."""

    catalog: str | None = None
    kind: str | None = None
    severities: Mapping[str, Severity] = field(default_factory=lambda: MappingProxyType({}))
    resolved: Literal["close", "note"] = "note"
    link_within_s: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterBudget:
    """How many letters written by themselves one correspondent may be sent, on all channels together. Beyond that they
    are muted: two programs that answer each other stop there, whatever their mails look like."""

    per_hour: int = 10
    per_day: int = 40


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


Moment = Literal[
    "opened", "known_incident", "escalated", "waiting", "reminder", "solved", "closed", "forwarded", "notice"
]
"""When a letter is written by itself: the ticket was ``opened``, or was so about a trouble that is in work already
(``known_incident``, in place of the other); passed up to another line (``escalated``); it waits for the requester
(``waiting``), and has for a while (``reminder``); it is ``solved``, and the requester is asked; it is ``closed``, since
they did not object. ``forwarded`` goes to the department that a line sends its tickets on to, ``notice`` to agents whom
a reaction wants told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Words for requesters; subject and body may hold ``{placeholders}`` of ``PLACEHOLDERS``. ``on``: when it is sent
    by itself, None for an agent's template. ``plans`` and ``lines`` narrow that, empty ones fit all; ``after_s`` is how
    long a reminder waits, business seconds of the line's calendar. Of several that fit a moment, the first is sent."""

    key: str
    subject: Text
    body: Text
    enabled: bool = True
    on: Moment | None = None
    plans: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    after_s: int | None = None

    def fits(self, moment: Moment, plan: str, line: str) -> bool:
        return (
            self.enabled
            and self.on == moment
            and (not self.plans or plan in self.plans)
            and (not self.lines or line in self.lines)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityMatrix:
    cells: Mapping[tuple[Level, Level], Priority]
    """(impact, urgency) -> priority; every pair is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityField:
    """A field by which the requester says how bad it is, by its name: value -> the impact or urgency it stands for."""

    name: str
    impact: Mapping[str, Level] = field(default_factory=lambda: MappingProxyType({}))
    urgency: Mapping[str, Level] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """What moves a priority beyond the matrix, in steps: ``vip`` requesters, a ``repeat`` of a request within the
    policy's ``repeat_days``, the fields that the requester filled. ``paid_field``: the field in which a customer asks
    for a paid raise, which the plan must include."""

    vip: int = 0
    repeat: int = 0
    fields: tuple[PriorityField, ...] = ()
    paid_field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One immutable revision. Keys of the mappings are the entities' own keys; ``rules`` and ``reactions`` are in
    order, ``sla`` is in order of weight, the most specific first.

    ``refused_catalog``: where a request goes whose requester may not use the entry (None: it stays on its entry, with
    a flag). ``ping_pong``: passed back as often, a ticket is reported. ``internal_pauses``: whether an internal request
    stops the customer's clocks."""

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
    types: Mapping[str, KindType] = field(default_factory=lambda: MappingProxyType({}))
    audiences: Mapping[str, Audience] = field(default_factory=lambda: MappingProxyType({}))
    skills: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))
    sla: tuple[SlaCell, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    adjustments: Adjustments = Adjustments()
    refused_catalog: str | None = None
    ping_pong: int = 3
    budget: LetterBudget = LetterBudget()
    internal_pauses: bool = False
    ivr: IvrPolicy = IvrPolicy()
    alerts: AlertPolicy | None = None

    def goal(self, target: Target, *, plan: str, priority: Priority, kind: str, line: str) -> Goal:
        """What is promised: the most specific cell of the matrix that fits, else the plan's own row; for the stay, the
        line's own. Keys that the policy does not have any more fit no cell, and fall back to the default plan."""
        known = self.kinds.get(kind)
        type_ = known.type if known else ""
        for cell in self.sla:
            found = cell.goals.get(target)
            if found is not None and cell.fits(plan, priority, type_, kind, line):
                return found
        if target == "line_stay":
            return Goal(cell=f"line/{line}", seconds=self.lines[line].stay_s if line in self.lines else None, warn=())
        row = (self.plans.get(plan) or self.plans[self.default_plan]).goals
        return (row.get(target) or row["first_response"])[priority]
