"""What the router wants done about one message: the only thing the unit of work is asked to write for it.

Exactly one effect per accepted envelope; each is one line of the ledger.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from domain.clocks import ClockRecord
from domain.commands import Actor, Relation
from domain.decision import Decision
from domain.facts import Fact
from domain.message import Message, StoredFile
from domain.outgoing import Outgoing
from domain.status import Status
from domain.ticket import Ticket, TicketState


class Outcome(StrEnum):
    """What became of an accepted message. accepted = the sum of these + in flight."""

    TICKETED = "ticketed"
    APPENDED = "appended"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that is to happen to a ticket at a moment: ``clock`` (a share of a clock's goal, in per cent, is used
    up; 100: it is due), ``close`` (nobody objected in feedback) or ``remind`` (the requester has not answered yet).
    ``nobody_eligible``, ``ping_pong`` and ``letters_muted`` have happened already, and the policy's reactions to them
    are due at once."""

    what: Literal["clock", "close", "remind", "nobody_eligible", "ping_pong", "letters_muted"]
    at: datetime
    clock: str | None = None
    share: int = 0


EVENTS: frozenset[str] = frozenset({"nobody_eligible", "ping_pong", "letters_muted"})
"""Timers that are no part of how a ticket stands: they stay when its others are set anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A timer whose moment has come, ``timer.at``."""

    id: str
    number: int
    timer: Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new ticket with its first message. ``caused_by``: the ticket of a monitoring system that it is linked to."""

    message: Message
    author: str
    ticket: Ticket
    decision: Decision
    facts: tuple[Fact, ...]
    message_id: str
    timers: tuple[Timer, ...] = ()
    letters: tuple[Outgoing, ...] = ()
    caused_by: int | None = None

    outcome = Outcome.TICKETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """A message that joins an existing ticket; ``status`` is set where it moves the ticket. ``clocks`` and ``timers``
    are all that it has then, None where they stay as they were. ``silent``: it is part of the ticket and shows nothing
    that another message does not (a call's key press); only the books have it."""

    message: Message
    author: str
    number: int
    decision: Decision
    facts: tuple[Fact, ...]
    message_id: str
    silent: bool = False
    status: Status | None = None
    clocks: tuple[ClockRecord, ...] | None = None
    timers: tuple[Timer, ...] | None = None

    outcome = Outcome.APPENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The same message again. ``number`` is the first one's ticket, if it made one."""

    message: Message
    number: int | None
    first_envelope: str
    facts: tuple[Fact, ...] = ()

    outcome = Outcome.DUPLICATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """Makes no ticket (automatic mail, spam); kept, listed, and one click makes it a ticket.

    ``number`` is set where it concerns a ticket all the same (a bounce of our own answer)."""

    message: Message
    reason: str
    number: int | None = None
    facts: tuple[Fact, ...] = ()

    outcome = Outcome.SUPPRESSED


Effect = Opened | Appended | Repeated | Suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An internal note to be kept. ``id`` is the message's."""

    id: str
    author: Actor
    text: str
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    other: int
    relation: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Time to be logged."""

    minutes: int
    text: str
    author: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a command did to a ticket. No line of the ledger: nothing was accepted from outside.

    ``before`` is what it was decided on; the unit of work holds that row locked. ``letters``: what is sent.
    ``timers``: all that it has then, but for ``EVENTS``; None where they stay as they were. ``events``: timers that are
    added."""

    before: TicketState
    after: TicketState
    facts: tuple[Fact, ...]
    note: Note | None = None
    link: Link | None = None
    work: Work | None = None
    letters: tuple[Outgoing, ...] = ()
    timers: tuple[Timer, ...] | None = None
    events: tuple[Timer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A ledger line as read back."""

    envelope_id: str
    outcome: Outcome
    ticket: int | None
    reason: str
    at: datetime
