"""What the API says, as types: serving encodes these, and OpenAPI is made of them. Names are the contract's."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

Status = Literal["classification", "in_progress", "waiting_requester", "internal", "feedback", "closed"]
Priority = Literal["p1", "p2", "p3", "p4"]


class AtLeast(Struct, frozen=True):
    at_least: int


class RequesterBrief(Struct, frozen=True):
    name: str
    address: str


class Due(Struct, frozen=True):
    """The nearest target that still runs."""

    target: str | None
    at: datetime


class TicketItem(Struct, frozen=True):
    """A ticket in a list."""

    number: str
    subject: str
    status: str
    priority: str
    channel: str
    requester: RequesterBrief
    organization: str | None
    plan: str
    catalog: str
    kind: str
    line: str
    group: str | None
    assignee: str | None
    created_at: datetime
    updated_at: datetime
    due: Due | None
    preview: str
    attachments: int
    flags: tuple[str, ...]


class GroupCount(Struct, frozen=True):
    """How many tickets of the list share a value; counted over the first 1,000."""

    value: str | None
    count: int


class TicketList(Struct, frozen=True):
    items: tuple[TicketItem, ...]
    next: str | None
    total: int | AtLeast
    groups: tuple[GroupCount, ...] | UnsetType = UNSET


class Identity(Struct, frozen=True):
    """An address on a channel. ``unreachable``: why nothing that is sent there arrives."""

    id: str
    channel: str
    address: str
    verified: bool
    unreachable: str


class Requester(Struct, frozen=True):
    id: str
    name: str
    identities: tuple[Identity, ...]
    organization: str | None
    plan: str


class Invite(Struct, frozen=True):
    """A secret to be sent to an identity and nowhere else: whoever shows it to a bot (``/start link_SECRET``) is the
    same person."""

    secret: str
    expires_at: datetime


class IdentityLink(Struct, frozen=True):
    """An identity was made a person's. ``how``: a secret that was sent to one channel came back on another, a channel
    vouched for a telephone number, or an agent said so."""

    id: str
    identity: str
    person: str
    how: Literal["deep_link", "code", "shared_number", "agent"]
    by: str
    at: datetime


class IdentityLinks(Struct, frozen=True):
    items: tuple[IdentityLink, ...]


class ChannelAccount(Struct, frozen=True):
    """How an account of a channel fares. ``told_at``: when it was last heard of; ``oldest_at``: since when the oldest
    message there that is not yet taken has been waiting."""

    adapter: str
    account: str
    channel: str
    condition: Literal["connected", "lagging", "failing"]
    since: datetime
    told_at: datetime
    error: str
    last_message_at: datetime | None
    oldest_at: datetime | None


class ChannelAccounts(Struct, frozen=True):
    items: tuple[ChannelAccount, ...]


class Attachment(Struct, frozen=True):
    id: str
    name: str
    size: int
    media_type: str
    url: str


class DeliveryInfo(Struct, frozen=True):
    """A way out of a message of ours. ``queued``: it waits, until ``next_at`` where an attempt has failed; ``unknown``:
    nobody can say whether it arrived; ``muted``: a rule keeps it from being sent; ``call_back``: somebody has to
    telephone."""

    id: str
    state: Literal["queued", "sending", "sent", "failed", "unknown", "muted", "call_back", "called_back"]
    channel: str
    address: str
    attempts: int
    error: str
    automatic: bool
    letter: str | None
    next_at: datetime | None
    settled_at: datetime | None


class Message(Struct, frozen=True):
    """``delivery``: of a message of ours, the latest of its ``deliveries``."""

    id: str
    at: datetime
    direction: Literal["inbound", "outbound", "note"]
    channel: str
    author: str
    text: str
    quoted: str
    html: str | None
    delivery: DeliveryInfo | None
    deliveries: tuple[DeliveryInfo, ...]
    attachments: tuple[Attachment, ...]


class Segment(Struct, frozen=True):
    start: datetime = msgspec.field(name="from")
    until: datetime | None = msgspec.field(name="to")
    kind: Literal["running", "paused", "closed_hours"]
    why: str


class Clock(Struct, frozen=True):
    target: Literal["first_response", "next_response", "resolution", "line_stay"]
    state: Literal["running", "paused", "met", "breached"]
    started_at: datetime
    due_at: datetime
    consumed_s: int
    segments: tuple[Segment, ...] | UnsetType = UNSET


class Tried(Struct, frozen=True):
    rule: str
    matched: bool
    why: str


class Step(Struct, frozen=True):
    step: str
    outcome: str
    because: str
    tried: tuple[Tried, ...] | UnsetType = UNSET


class Decision(Struct, frozen=True):
    revision: int
    steps: tuple[Step, ...]


class LinkTo(Struct, frozen=True):
    """Another ticket. ``outward``: this one ``relation`` the other; ``inward``: the other way round."""

    ticket: str
    relation: Literal["relates_to", "duplicate_of", "caused_by", "requested_by"]
    direction: Literal["outward", "inward"]


class History(Struct, frozen=True):
    at: datetime
    fact: str
    by: str
    detail: dict[str, Any]


class Ticket(Struct, frozen=True):
    """A ticket whole. ``segments`` and ``tried`` come with ``?explain=1``. ``version`` grows with every change.
    ``checks``: keys of the checklists' items that are done. ``audiences`` that the requester met when it was routed."""

    number: str
    subject: str
    status: Status
    priority: Priority
    impact: str
    urgency: str
    channel: str
    requester: Requester
    catalog: str
    kind: str
    line: str
    group: str | None
    assignee: str | None
    substatus: str | None
    policy_revision: int
    version: int
    created_at: datetime
    fields: dict[str, Any]
    messages: tuple[Message, ...]
    clocks: tuple[Clock, ...]
    decision: Decision | None
    links: tuple[LinkTo, ...]
    checks: tuple[str, ...]
    audiences: tuple[str, ...]
    history: tuple[History, ...]


class Receipt(Struct, frozen=True):
    state: Literal["in_flight", "ticketed", "appended", "duplicate", "suppressed", "quarantined"]
    ticket: str | UnsetType = UNSET


class Held(Struct, frozen=True):
    """A message that made no ticket."""

    id: str
    outcome: Literal["suppressed", "quarantined"]
    channel: str
    account: str
    at: datetime
    reason: str
    origin: str
    subject: str
    sender: str
    released_at: datetime | None
    ticket: str | None
    detail: dict[str, Any]


class HeldList(Struct, frozen=True):
    items: tuple[Held, ...]
    next: str | None


class Agent(Struct, frozen=True):
    """``groups``: line -> the agent's groups there; on a line without one, all of them. ``audiences`` that the agent
    serves; none: everybody. ``calendar`` and ``capacity`` null: the line's."""

    id: str
    email: str
    name: str
    lines: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]
    skills: dict[str, int]
    audiences: tuple[str, ...]
    calendar: str | None
    capacity: int | None
    admin: bool
    active: bool
    presence: Literal["on", "break", "away"]
    away_until: datetime | None


class AgentList(Struct, frozen=True):
    items: tuple[Agent, ...]


class Uploaded(Struct, frozen=True):
    """Names a file for a later request."""

    id: str


class Accepted(Struct, frozen=True):
    """The message is safe; ``GET /api/v1/receipts/{receipt}`` follows what becomes of it."""

    receipt: str


class Submission(Struct, frozen=True):
    """A filled-in form. One of ``email`` and ``phone`` is needed. The same ``idempotency_key`` with the same body gives
    the same receipt again; with another body, 409."""

    body: str
    subject: str
    name: str = ""
    email: str = ""
    phone: str = ""
    catalog: str = ""
    fields: dict[str, str] = {}
    consent: bool = False
    idempotency_key: str = ""
    locale: Literal["ru", "en", ""] = ""
