"""What we send: the message as it is written down with its cause (Outgoing), and as a sender gets it (Parcel).

A delivery is one way of one message to one address. It is written in the transaction that has its cause, and its state
is what agents see: nothing that was to be sent is forgotten, and nothing is called sent that is not known to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from domain.commands import Actor
from domain.message import StoredFile

DeliveryState = Literal["queued", "sending", "sent", "failed", "unknown", "muted", "call_back", "called_back"]
"""``queued``: it waits for its turn, or for the next attempt. ``sending``: a process has it in hand. ``failed``: it did
not go and is not tried again. ``unknown``: it was handed over and nobody can say whether it arrived. ``muted``: a rule
keeps it from being sent, ``error`` says which. ``call_back``: an agent has to telephone; ``called_back``: they have."""

REPEATABLE: frozenset[DeliveryState] = frozenset({"failed", "unknown", "muted"})
"""States out of which an agent may have it sent once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message of ours to be kept and sent. ``id`` is the message's, ``delivery`` that of its way out.

    ``to`` is an identity's id, None for a department that is written to at ``address`` and takes part from then on;
    otherwise ``address`` is set where it is not the identity's own (a mail's Reply-To). ``account``: of the ticket, the
    sender of the channel chooses one of its own by it. ``letter``: the policy's letter that it is an instance of;
    ``automatic``: nobody wrote it, so that it must not be answered by a program (RFC 3834). ``muted``: why it is kept
    and not sent. ``words``: the agent's own, where ``text`` has a frame around them."""

    id: str
    delivery: str
    author: Actor
    to: str | None
    channel: str
    account: str
    subject: str
    text: str
    address: str = ""
    letter: str | None = None
    automatic: bool = False
    muted: str = ""
    language: str | None = None
    files: tuple[StoredFile, ...] = ()
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """Somebody whom a ticket may be answered to: an identity, with what their last message on it said.

    ``account``: where they wrote to; ``address``: where answers go, if not to the identity's own (Reply-To);
    ``wrote``: they are the one that wrote last; ``verified``: the address is known to be theirs, since they wrote from
    it here or proved it elsewhere; ``unreachable``: why nothing sent there arrives."""

    id: str
    channel: str
    account: str
    name: str = ""
    address: str = ""
    wrote: bool = False
    verified: bool = False
    requester: bool = False
    unreachable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """What a letter on a ticket rests on beside the ticket. ``people``: whom it may be answered to. ``organization``
    and ``agent``: names, of the requester's and of who has the ticket. ``last_words``: an agent's last message to them.
    ``opening``: what the requester wrote first; ``department``: the address of the one that their organisation names.
    ``mailed``: identity -> letters written by themselves that it was sent within the last hour and the last day.
    ``written``: letter of the policy -> when it was last written on this ticket."""

    people: tuple[Correspondent, ...] = ()
    organization: str = ""
    agent: str = ""
    last_words: str = ""
    opening: str = ""
    opening_files: tuple[StoredFile, ...] = ()
    department: str = ""
    mailed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    written: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What this installation can send on, and the address of its pages."""

    channels: frozenset[str] = frozenset()
    base_url: str = ""


NO_OUTLET = Outlet()
"""Nothing is set up to send on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that is to be sent, as its process took it in hand. ``attempt`` counts from 1. ``author``: the name of
    who wrote it."""

    id: str
    message: str | None
    number: int
    channel: str
    account: str
    address: str
    name: str
    subject: str
    text: str
    automatic: bool
    attempt: int
    created_at: datetime
    letter: str | None = None
    language: str | None = None
    files: tuple[StoredFile, ...] = ()
    recipients: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    quoted: str = ""
    identity: str | None = None
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What a sender gets. ``token`` is the ticket's signed token. ``references``: native ids of the conversation so
    far on this channel, oldest first; the last is what this answers. ``recipients``: addresses of ours that the
    requester's last message was sent to. ``files``: each with its content. ``quoted``: their last words."""

    delivery: Delivery
    token: str
    files: tuple[tuple[StoredFile, bytes], ...] = ()

    @property
    def key(self) -> str:
        """Stable over all attempts."""
        return (self.delivery.message or self.delivery.id).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A letter to an agent, or to an identity whose owner asked for a code; about a ticket and no part of its
    conversation. ``delivery`` is its id, the same however often its cause is told."""

    delivery: str
    agent: str | None = None
    identity: str | None = None
    number: int
    subject: str
    text: str
    letter: str | None = None
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """It was handed over. ``native_id``: the channel's own id of the message, by which answers find it."""

    native_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of an attempt. ``retry_at``: it is tried again then. ``native_id`` only where it was handed over."""

    delivery: str
    state: DeliveryState
    at: datetime
    error: str = ""
    retry_at: datetime | None = None
    native_id: str | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """As agents see it."""

    id: str
    message: str | None
    channel: str
    address: str
    state: DeliveryState
    attempts: int
    error: str = ""
    automatic: bool = False
    letter: str | None = None
    next_at: datetime | None = None
    settled_at: datetime | None = None
