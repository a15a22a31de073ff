"""The bus, declared once: streams, subjects, durable consumers, the retry ladder, and each fact's subject.

INTAKE and DEAD are fsynced on each publish (the server's ``sync_interval: always``; a cluster keeps three replicas).
The others can be rebuilt from INTAKE and the store, and are written asynchronously.
"""

from dataclasses import dataclass
from typing import Literal

from domain.facts import (
    DeliveryReported,
    DeliverySettled,
    DuplicateReceived,
    Fact,
    InternalAnswered,
    InternalRequested,
    LettersMuted,
    MessageAppended,
    NobodyEligible,
    NoticeDue,
    SlaBreached,
    SlaEnded,
    SlaWarned,
    StatusChanged,
    TicketAssigned,
    TicketClassified,
    TicketCreated,
    TicketEscalated,
    TicketLinked,
    TicketMarked,
    TicketReturned,
    WorkLogged,
)

DAY = 86_400.0
DUPLICATE_WINDOW = 120.0
ENVELOPE_HEADER = "Priyom-Envelope"
AGAIN_HEADER = "Priyom-Again"
MSG_ID = "Nats-Msg-Id"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """``durable``: fsync before the acknowledgement, and full means refused, never the oldest dropped."""

    name: str
    subjects: tuple[str, ...]
    durable: bool
    max_age: float = 0.0
    retention: Literal["limits", "workqueue"] = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSpec:
    """``batch``: how many messages one handling takes at most; ``at_once``: how many handlings may overlap in a process
    (one waits for its disk while another computes)."""

    stream: str
    durable: str
    filter: str
    batch: int
    at_once: int = 1
    ack_wait: float = 30.0
    max_ack_pending: int = 2_000


INTAKE = StreamSpec(name="INTAKE", subjects=("intake.*",), durable=True)
MESSAGE = StreamSpec(name="MESSAGE", subjects=("message.*", "drive.*"), durable=False, max_age=7 * DAY)
TICKET = StreamSpec(name="TICKET", subjects=("ticket.*",), durable=False, max_age=7 * DAY)
REPLY = StreamSpec(name="REPLY", subjects=("reply.*",), durable=True, max_age=7 * DAY)
"""Wakes whoever sends. What is to be sent stands in the store, and is found there without it, a second later."""
DEAD = StreamSpec(name="DEAD", subjects=("dead.>",), durable=True, max_age=90 * DAY)
"""The keeper takes each letter into the quarantine at once, with its payload; the stream is the copy behind it."""
STREAMS: tuple[StreamSpec, ...] = (INTAKE, MESSAGE, TICKET, REPLY, DEAD)

NORMALIZER = ConsumerSpec(stream="INTAKE", durable="normalizer", filter="intake.*", batch=64, at_once=2)
DRIVER = ConsumerSpec(stream="MESSAGE", durable="driver", filter="drive.*", batch=16)
ROUTER = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=200)
KEEPER = ConsumerSpec(stream="DEAD", durable="keeper", filter="dead.>", batch=32)
OUTBOUND = ConsumerSpec(stream="REPLY", durable="outbound", filter="reply.*", batch=64)
NOTICES = ConsumerSpec(stream="TICKET", durable="notices", filter="ticket.notice_due", batch=16)
CONSUMERS: tuple[ConsumerSpec, ...] = (NORMALIZER, DRIVER, ROUTER, KEEPER, OUTBOUND, NOTICES)

RETRY_LADDER: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0)
"""Seconds before a message that failed is tried again; after the last rung it is a dead letter."""
MOST_DELIVERIES = 25
"""A message delivered so often without any outcome takes its process down each time: it is given up untried."""

FACT_SUBJECTS: dict[type[Fact], str] = {
    TicketCreated: "ticket.created",
    TicketAssigned: "ticket.assigned",
    MessageAppended: "ticket.message_appended",
    StatusChanged: "ticket.status_changed",
    DeliveryReported: "ticket.delivery_reported",
    DuplicateReceived: "ticket.duplicate_received",
    TicketEscalated: "ticket.escalated",
    TicketReturned: "ticket.returned",
    TicketClassified: "ticket.classified",
    TicketLinked: "ticket.linked",
    SlaWarned: "ticket.sla_warned",
    SlaBreached: "ticket.sla_breached",
    SlaEnded: "ticket.sla_ended",
    NoticeDue: "ticket.notice_due",
    NobodyEligible: "ticket.nobody_eligible",
    InternalRequested: "ticket.internal_requested",
    InternalAnswered: "ticket.internal_answered",
    WorkLogged: "ticket.work_logged",
    TicketMarked: "ticket.marked",
    DeliverySettled: "ticket.delivery_settled",
    LettersMuted: "ticket.letters_muted",
}
SUBJECT_BY_NAME: dict[str, str] = {fact.NAME: subject for fact, subject in FACT_SUBJECTS.items()}

POLICY_NOTICE = "policy.applied"
"""Core subject (no stream): a revision was applied. Whoever misses it sees the revision's number soon after."""


def intake_subject(channel: str) -> str:
    return f"intake.{channel}"


def message_subject(channel: str) -> str:
    return f"message.{channel}"


def reply_subject(channel: str) -> str:
    return f"reply.{channel}"


def drive_subject(channel: str) -> str:
    return f"drive.{channel}"


def is_drive(subject: str) -> bool:
    return subject.startswith("drive.")


def dead_subject(origin: str) -> str:
    return f"dead.{origin}"
