"""Messages, identities and tickets for the router's tests, with everything that a test does not speak of filled in."""

from datetime import date
from typing import Any

from domain.identity import Contract, Identity, Organization
from domain.message import Address, AuthenticationResult, Automatic, AutomaticKind, Message
from domain.status import Status
from domain.ticket import KnownTicket
from router.known import Known
from tests.router.policies import NOW

ANNA = "anna@romashka.example"
SECRET = b"the tests' own secret"
IDENTITY = Identity(id="I1", channel="email", address=ANNA)


def message(text: str = "", subject: str = "", *, sender: str = ANNA, **changes: Any) -> Message:
    values: dict[str, Any] = {
        "envelope_id": "E1",
        "channel": "email",
        "account": "main",
        "adapter": "smtp",
        "received_at": NOW,
        "key": "key-1",
        "sender": Address(channel="email", address=sender),
        "subject": subject,
        "text": text,
        "raw": "0" * 64,
        "size": 100,
        "recipients": ("support@example.org",),
    }
    return Message(**{**values, **changes})


def dmarc(result: str, server: str = "mx.example.org") -> tuple[AuthenticationResult, ...]:
    return (AuthenticationResult(authserv_id=server, dmarc=result),) if result else ()


def automatic(kind: AutomaticKind, because: str = "Auto-Submitted: auto-replied") -> Automatic:
    return Automatic(kind=kind, because=because)


def known(**changes: Any) -> Known:
    return Known(**{"identity": IDENTITY, **changes})


def ticket(number: int = 5, status: Status = Status.IN_PROGRESS, *participants: str, **changes: Any) -> KnownTicket:
    values: dict[str, Any] = {
        "number": number,
        "status": status,
        "line": "first",
        "requester": (participants or ("I1",))[0],
        "participants": frozenset(participants or ("I1",)),
    }
    return KnownTicket(**{**values, **changes})


def organization(*contracts: tuple[str, str, str | None], **changes: Any) -> Organization:
    """Contracts as (plan, since, until)."""
    made = tuple(
        Contract(
            id=f"C{n}", plan=plan, since=date.fromisoformat(since), until=date.fromisoformat(until) if until else None
        )
        for n, (plan, since, until) in enumerate(contracts)
    )
    values: dict[str, Any] = {"id": "O1", "name": "Romashka", "domains": ("romashka.example",), "contracts": made}
    return Organization(**{**values, **changes})
