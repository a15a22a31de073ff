"""Messages, tickets and effects for tests, with everything that a test does not speak of filled in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.clocks import ClockRecord, Segment, Target
from domain.decision import Decision, Step
from domain.effects import Appended, Opened, Repeated, Suppressed
from domain.facts import MessageAppended, TicketAssigned, TicketCreated
from domain.ids import BlobKey
from domain.message import Address, Attachment, Message
from domain.status import Status
from domain.ticket import Level, Priority, Ticket
from gateway.system import UlidIds

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANNA = "anna@romashka.example"
_ids = UlidIds()


def message(**changes: Any) -> Message:
    envelope = changes.get("envelope_id", _ids.new())
    sender = changes.pop("address", ANNA)
    values: dict[str, Any] = {
        "envelope_id": envelope,
        "channel": "email",
        "account": "smtp",
        "adapter": "smtp",
        "received_at": NOON,
        "key": f"email:{envelope}",
        "sender": Address(channel="email", address=sender, name="Анна"),
        "subject": "Не печатает",
        "text": "Принтер молчит.",
        "raw": BlobKey("a" * 64),
        "size": 100,
        "native_id": f"{envelope}@romashka.example",
        "conversation": (f"handle-{envelope}",),
        "recipients": ("support@example.org",),
    }
    return Message(**{**values, **changes})


def attachment(**changes: Any) -> Attachment:
    values = {"blob": BlobKey("b" * 64), "name": "снимок.png", "size": 9, "media_type": "image/png"}
    return Attachment(**{**values, **changes})


def clock_record(target: Target = "first_response", *, hours: float = 4, start: datetime = NOON) -> ClockRecord:
    return ClockRecord(
        id=_ids.new(),
        target=target,
        state="running",
        calendar="always",
        cell=f"standard/p3/{target}",
        goal_s=int(hours * 3600),
        started_at=start,
        due_at=start + timedelta(hours=hours),
        segments=(Segment(start=start, until=None, kind="running", why="opened"),),
    )


def decision(revision: int = 1, **snapshot: Any) -> Decision:
    steps = (Step(step="line", outcome="first", because="the catalog entry's line"),)
    return Decision(revision=revision, decided_at=NOON, steps=steps, snapshot=snapshot)


def ticket(number: int, requester: str, **changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "number": number,
        "subject": "Не печатает",
        "status": Status.CLASSIFICATION,
        "priority": Priority.P3,
        "impact": Level.LOW,
        "urgency": Level.MEDIUM,
        "channel": "email",
        "account": "smtp",
        "requester": requester,
        "organization": None,
        "plan": "standard",
        "catalog": "warehouse/documents",
        "kind": "malfunction",
        "line": "first",
        "group": None,
        "policy_revision": 1,
        "created_at": NOON,
        "clocks": (clock_record(), clock_record("resolution", hours=16)),
    }
    return Ticket(**{**values, **changes})


def opened(number: int, requester: str, source: Message | None = None, **changes: Any) -> Opened:
    about = source or message()
    new = ticket(number, requester, **{"subject": about.subject, **changes})
    common = {"ticket": number, "at": NOON, "by": "router", "envelope": about.envelope_id}
    created = TicketCreated(
        **common,
        channel=new.channel,
        kind=new.kind,
        catalog=new.catalog,
        priority=new.priority.value,
        plan=new.plan,
        revision=1,
    )
    return Opened(
        message=about,
        author=requester,
        ticket=new,
        decision=decision(),
        facts=(created, TicketAssigned(**common, line=new.line)),
        message_id=_ids.new(),
    )


def appended(number: int, author: str, source: Message, status: Status | None = None) -> Appended:
    message_id = _ids.new()
    fact = MessageAppended(
        ticket=number,
        at=NOON,
        by="requester",
        envelope=source.envelope_id,
        message=message_id,
        direction="inbound",
        line="first",
    )
    return Appended(
        message=source,
        author=author,
        number=number,
        decision=decision(),
        facts=(fact,),
        message_id=message_id,
        status=status,
    )


def repeated(source: Message, number: int | None, first: str) -> Repeated:
    return Repeated(message=source, number=number, first_envelope=first)


def suppressed(source: Message, reason: str = "auto-reply: Auto-Submitted: auto-replied") -> Suppressed:
    return Suppressed(message=source, reason=reason)


async def open_tickets(store: Any, sources: Sequence[Message], **changes: Any) -> list[int]:
    """One transaction, a ticket a message; their numbers in order."""
    async with store.begin() as uow:
        known = await uow.recall(sources, NOON)
        numbers = list(await uow.next_numbers(len(sources)))
        effects = [
            opened(number, known.identities[m.sender.channel, m.sender.address].id, m, **changes)
            for number, m in zip(numbers, sources, strict=True)
        ]
        await uow.save(effects, NOON)
    return numbers
