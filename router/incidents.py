"""Monitoring systems' alerts beside other messages: what an alert does to its ticket, and which customer's request is
about a trouble that is in work. Pure; called by ``router.decide`` and ``router.batch``.

An alert that begins opens a ticket, or joins the one that its trouble has. One that ends says so there, and may close
the ticket where nobody has done anything about it. What ends without a ticket is nothing to work on.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from domain.decision import Step
from domain.ids import format_number
from domain.message import Alert, Message
from domain.policy import Policy, Severity
from domain.status import MOVES, OPEN, Status, on_requester_reply
from domain.ticket import Incident, KnownTicket, Ticket, TicketState

RESOLVED_UNKNOWN = "the alert is resolved, and no ticket of it is open or was lately"
NOBODY_YET = "Nobody has done anything about it, so that it closes by itself."


def severity_of(message: Message, policy: Policy) -> Severity | None:
    """What the policy makes of an alert's severity."""
    if message.alert is None or policy.alerts is None:
        return None
    return policy.alerts.severities.get(message.alert.severity)


def way_of(alert: Alert, ticket: KnownTicket, kind: str | None, policy: Policy) -> tuple[Status, ...]:
    """The statuses through which an alert takes its ticket; empty where it stays. ``kind``: the ticket's, where it is
    known."""
    if alert.status == "firing":
        status = on_requester_reply(ticket.status)
        return () if status == ticket.status else (status,)
    return _way_to_close(ticket.status, kind, policy) if _closes(alert, ticket, kind, policy) else ()


def _closes(alert: Alert, ticket: KnownTicket, kind: str | None, policy: Policy) -> bool:
    wanted = alert.when_resolved
    if wanted == "policy":
        wanted = policy.alerts.resolved if policy.alerts else "note"
    known = policy.kinds.get(kind or "")
    # The system that watches is the requester: what the kind says of requesters holds for it.
    allowed = known is None or "requester" in known.closing.by
    return wanted == "close" and allowed and ticket.untouched and ticket.status in OPEN


def _way_to_close(status: Status, kind: str | None, policy: Policy) -> tuple[Status, ...]:
    known = policy.kinds.get(kind or "")
    if Status.CLOSED in MOVES[status] and (status is Status.FEEDBACK or not (known and known.closing.feedback)):
        return (Status.CLOSED,)
    if Status.FEEDBACK in MOVES[status]:
        return (Status.FEEDBACK, Status.CLOSED)
    return (Status.IN_PROGRESS, Status.FEEDBACK, Status.CLOSED)


def standing(ticket: Ticket) -> TicketState:
    """A ticket that was opened in this batch, as a later message of the batch finds it."""
    return TicketState(
        number=ticket.number,
        version=1,
        subject=ticket.subject,
        status=ticket.status,
        substatus=ticket.substatus,
        priority=ticket.priority,
        impact=ticket.impact,
        urgency=ticket.urgency,
        channel=ticket.channel,
        requester=ticket.requester,
        organization=ticket.organization,
        plan=ticket.plan,
        catalog=ticket.catalog,
        kind=ticket.kind,
        line=ticket.line,
        group=ticket.group,
        assignee=ticket.assignee,
        policy_revision=ticket.policy_revision,
        created_at=ticket.created_at,
        fields=ticket.fields,
        flags=ticket.flags,
        clocks=ticket.clocks,
        visits=(ticket.line,),
        language=ticket.language,
        status_at=ticket.created_at,
    )


def incident_of(ticket: Ticket | TicketState, at: datetime) -> Incident:
    product = ticket.fields.get("product")
    named = product if isinstance(product, str) else ""
    return Incident(number=ticket.number, catalog=ticket.catalog, product=named, at=at)


def cause_of(
    message: Message, catalog: str, incidents: Iterable[Incident], policy: Policy, at: datetime
) -> tuple[Incident, Step] | None:
    """The latest alert in work that a customer's new request on a catalog entry is about, with its sentence."""
    if policy.alerts is None or message.alert is not None or message.parent is not None:
        return None
    since = at - timedelta(seconds=policy.alerts.link_within_s)
    for each in sorted(incidents, key=lambda one: (one.at, one.number), reverse=True):
        about = _about(each, message.fields, catalog, policy) if each.at >= since else ""
        if about:
            number = format_number(each.number)
            because = f"{number}, a monitoring alert in work, is about {about} too, so that it is linked to it."
            return each, Step(step="incident", outcome=number, because=because)
    return None


def _about(incident: Incident, fields: Mapping[str, object], catalog: str, policy: Policy) -> str:
    """What the two share, in words; "" where it is nothing. Entries that take whatever nobody knows a place for say
    nothing of what a request is about."""
    product = incident.product.casefold()
    if product and str(fields.get("product", "")).strip().casefold() == product:
        return f"product {incident.product}"
    for path in (incident.product, incident.catalog):
        says_something = path in policy.catalog and path not in (policy.default_catalog, policy.refused_catalog)
        if says_something and f"{catalog}/".startswith(f"{path}/"):
            return f"catalog entry {path}"
    return ""
