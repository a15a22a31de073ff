"""What pages and the API read: plain values, already cut to the reader's scope."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from domain.clocks import ClockRecord
from domain.decision import Decision
from domain.message import Attachment, Call, Message
from domain.outgoing import DeliveryView
from domain.people import Agent
from domain.policy import Policy


class Standing(Protocol):
    """What a scope asks of a ticket. ``audiences``: those that its requester met when it was routed."""

    @property
    def line(self) -> str: ...
    @property
    def group(self) -> str | None: ...
    @property
    def assignee(self) -> str | None: ...
    @property
    def audiences(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Who reads. The one thing that decides which tickets are seen, in every query.

    ``lines`` None means every ticket (an administrator, an API token), and nothing below narrows it. On one of their
    lines the reader (``reader`` is then an agent's id) always sees what is theirs; of the rest, on lines of
    ``own_only`` what is nobody's yet, on lines that ``groups`` (line, group) names what is of these groups and of none,
    and with ``audiences`` what is of a requester who meets one of them."""

    reader: str
    lines: frozenset[str] | None
    admin: bool = False
    own_only: frozenset[str] = frozenset()
    groups: frozenset[tuple[str, str]] = frozenset()
    audiences: frozenset[str] = frozenset()

    def sees_line(self, line: str) -> bool:
        """Whether there may be anything on this line that the reader sees."""
        return self.lines is None or line in self.lines

    def groups_on(self, line: str) -> frozenset[str]:
        """The groups that the reader is cut to on this line; empty: all of it."""
        return frozenset(group for on, group in self.groups if on == line)

    def sees(self, ticket: Standing) -> bool:
        """Whether a ticket that stands there exists for the reader."""
        if self.lines is None:
            return True
        if ticket.line not in self.lines:
            return False
        if ticket.assignee == self.reader:
            return True
        if ticket.line in self.own_only and ticket.assignee is not None:
            return False
        own = self.groups_on(ticket.line)
        if own and ticket.group is not None and ticket.group not in own:
            return False
        return not self.audiences or not self.audiences.isdisjoint(ticket.audiences)


def scope_of(agent: Agent, policy: Policy) -> Scope:
    """An agent sees their lines: of a line on which their card names groups, what is of these and of none; of a line
    that is delegated to a partner, their own tickets and the queue; with audiences on their card, what is of these
    requesters. An administrator sees all."""
    if agent.admin:
        return Scope(reader=agent.id, lines=None, admin=True)
    delegated = (key for key in agent.lines if key in policy.lines and policy.lines[key].partner is not None)
    return Scope(
        reader=agent.id,
        lines=agent.lines,
        own_only=frozenset(delegated),
        groups=frozenset((line, group) for line, group in agent.groups if line in agent.lines),
        audiences=agent.audiences,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked of the list of tickets. Empty means: no condition. ``q`` is free text or a number."""

    line: tuple[str, ...] = ()
    assignee: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    catalog: str | None = None
    kind: tuple[str, ...] = ()
    customer: str | None = None
    q: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    open_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A decision that was made, and the message it was made on. ``closed_at``: when its ticket was closed, if it is."""

    number: int
    message: Message
    decision: Decision
    closed_at: datetime | None = None


Sort = Literal["urgency", "newest", "oldest", "updated"]
"""``urgency``: priority, then what could be given to nobody, then nearest due, then number. The order in which a line
works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    number: int
    subject: str
    status: str
    priority: str
    channel: str
    requester_name: str
    requester_address: str
    organization: str | None
    plan: str
    catalog: str
    kind: str
    line: str
    group: str | None
    assignee: str | None
    assignee_name: str | None
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    due_target: str | None
    preview: str
    flags: tuple[str, ...] = ()
    attachments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """``total`` is exact up to 1,000; ``capped`` says that there are at least that many."""

    items: tuple[QueueRow, ...]
    next: str | None
    total: int
    capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityView:
    id: str
    channel: str
    address: str
    verified: bool
    name: str = ""
    unreachable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterView:
    id: str
    name: str
    identities: tuple[IdentityView, ...]
    organization: str | None
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentView:
    id: str
    file: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    id: str
    envelope_id: str | None
    at: datetime
    direction: Literal["inbound", "outbound", "note"]
    channel: str
    author: str
    author_address: str
    subject: str
    text: str
    quoted: str
    signature: str
    full_text: str | None
    html: str | None
    language: str | None
    recipients: tuple[str, ...]
    raw: str | None
    flags: tuple[str, ...]
    attachments: tuple[AttachmentView, ...]
    deliveries: tuple[DeliveryView, ...] = ()
    """Of a message of ours: its ways out, the latest last."""
    call: Call | None = None
    """Of a telephone call, what its system said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    at: datetime
    fact: str
    by: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """Another ticket and how this one stands to it; ``theirs``: the link was made from the other one."""

    number: int
    relation: str
    theirs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    number: int
    subject: str
    status: str
    substatus: str | None
    priority: str
    impact: str
    urgency: str
    channel: str
    account: str
    requester: RequesterView
    catalog: str
    kind: str
    line: str
    group: str | None
    assignee: str | None
    assignee_name: str | None
    policy_revision: int
    created_at: datetime
    updated_at: datetime
    language: str | None
    fields: Mapping[str, Any]
    flags: tuple[str, ...]
    messages: tuple[MessageView, ...]
    clocks: tuple[ClockRecord, ...]
    decision: Decision | None
    history: tuple[HistoryEntry, ...]
    version: int = 1
    links: tuple[LinkView, ...] = ()
    checks: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    suggestions: tuple[int, ...] = ()
    """Tickets that the subject names by number: shown, never joined by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBrief:
    """A requester's own request, as they may see it: nothing of what is internal."""

    number: int
    subject: str
    status: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCount:
    line: str
    open: int
    unassigned: int
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A message that made no ticket: suppressed, or quarantined with the stage and fault that stopped it."""

    id: str
    envelope_id: str
    outcome: Literal["suppressed", "quarantined"]
    channel: str
    account: str
    at: datetime
    reason: str
    origin: str
    subject: str
    sender: str
    raw: str | None
    released_at: datetime | None = None
    ticket: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One channel's sums. They add up at all times: accepted = the five outcomes + in_flight."""

    channel: str
    accepted: int
    ticketed: int = 0
    appended: int = 0
    duplicate: int = 0
    suppressed: int = 0
    quarantined: int = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a submitted message stands; ``ticket`` its number once there is one."""

    state: Literal["in_flight", "ticketed", "appended", "duplicate", "suppressed", "quarantined"]
    ticket: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One stage of a message's way, as the store and the streams know it."""

    stage: str
    at: datetime | None
    outcome: str
    detail: Mapping[str, Any] = field(default_factory=dict)
