"""Everything beyond message and policy that one decision rests on, and its JSON form on the ticket.

``router.batch`` fills it from what the store recalled; ``router.decide`` reads nothing else, so that the snapshot kept
with a decision gives the same decision again. Of a person it holds surrogate ids only, no name and no address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from domain.identity import Contract, Identity, Organization
from domain.people import Worker
from domain.status import Status
from domain.ticket import Earlier, Incident, KnownTicket


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """``organization`` is the one of the person's card, ``domain_organization`` the one that owns the mail domain.

    ``first``: the envelope that brought the same message before, and its ticket's number. ``tokens``: tickets of
    verified tokens, in the message's order; ``lost_tokens`` verified numbers whose ticket is not there; ``forged`` how
    many tokens were not ours. ``conversations`` and ``natives``: tickets by shared handle and by referenced message,
    nearest first. ``same_id``: another message came under the same id. ``reported``: the ticket that a bounce of ours
    belongs to. ``earlier``: the requester's tickets of late, the newest first; ``used``: organisation -> kind ->
    requests of this month, ``worked`` the minutes worked on them; ``workers``: agents of the lines that share their
    tickets out; ``parent``: the ticket on whose behalf the message asks; ``chosen``: the one that its sender chose;
    ``ours``: it is a mail of our own that has come back; ``named_organization``: the one that the lookup names.
    ``incidents``: open tickets of monitoring systems whose alerts still fire.
    """

    identity: Identity
    organization: Organization | None = None
    domain_organization: Organization | None = None
    first: tuple[str, int | None] | None = None
    first_ticket: KnownTicket | None = None
    tokens: tuple[KnownTicket, ...] = ()
    lost_tokens: tuple[int, ...] = ()
    forged: int = 0
    conversations: tuple[KnownTicket, ...] = ()
    natives: tuple[KnownTicket, ...] = ()
    same_id: bool = False
    reported: KnownTicket | None = None
    earlier: tuple[Earlier, ...] = ()
    used: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    worked: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    workers: tuple[Worker, ...] = ()
    parent: KnownTicket | None = None
    chosen: KnownTicket | None = None
    ours: bool = False
    named_organization: Organization | None = None
    incidents: tuple[Incident, ...] = ()


def to_snapshot(known: Known, line: str | None = None, incident: int | None = None) -> dict[str, Any]:
    """JSON values; what is empty is left out. Of the agents, those of the ticket's line; of the incidents, the one that
    the ticket is linked to."""
    own = _organization_out(known.organization)
    same = known.domain_organization is known.organization
    parts: dict[str, Any] = {
        "identity": _identity_out(known.identity),
        "organization": own,
        "domain_organization": own if same else _organization_out(known.domain_organization),
        "tokens": [_ticket_out(ticket) for ticket in known.tokens],
        "lost_tokens": list(known.lost_tokens),
        "forged": known.forged,
        "conversations": [_ticket_out(ticket) for ticket in known.conversations],
        "natives": [_ticket_out(ticket) for ticket in known.natives],
        "same_id": known.same_id,
        "reported": _ticket_out(known.reported) if known.reported else None,
        "earlier": [_earlier_out(each) for each in known.earlier],
        "used": {key: dict(kinds) for key, kinds in known.used.items()},
        "worked": {key: dict(kinds) for key, kinds in known.worked.items()},
        "workers": [_worker_out(each) for each in known.workers if line in each.lines],
        "parent": _ticket_out(known.parent) if known.parent else None,
        "chosen": _ticket_out(known.chosen) if known.chosen else None,
        "ours": known.ours,
        "named_organization": _organization_out(known.named_organization),
        "incidents": [_incident_out(each) for each in known.incidents if each.number == incident],
    }
    return {key: value for key, value in parts.items() if value}


def from_snapshot(snapshot: Mapping[str, Any]) -> Known:
    """The inputs as they were; a person's name and address, which decide nothing, are empty."""
    reported, parent, chosen = (snapshot.get(name) for name in ("reported", "parent", "chosen"))
    return Known(
        identity=_identity_in(snapshot["identity"]),
        organization=_organization_in(snapshot.get("organization")),
        domain_organization=_organization_in(snapshot.get("domain_organization")),
        tokens=tuple(_ticket_in(each) for each in snapshot.get("tokens", ())),
        lost_tokens=tuple(snapshot.get("lost_tokens", ())),
        forged=snapshot.get("forged", 0),
        conversations=tuple(_ticket_in(each) for each in snapshot.get("conversations", ())),
        natives=tuple(_ticket_in(each) for each in snapshot.get("natives", ())),
        same_id=snapshot.get("same_id", False),
        reported=_ticket_in(reported) if reported else None,
        earlier=tuple(_earlier_in(each) for each in snapshot.get("earlier", ())),
        used=snapshot.get("used", {}),
        worked=snapshot.get("worked", {}),
        workers=tuple(_worker_in(each) for each in snapshot.get("workers", ())),
        parent=_ticket_in(parent) if parent else None,
        chosen=_ticket_in(chosen) if chosen else None,
        ours=snapshot.get("ours", False),
        named_organization=_organization_in(snapshot.get("named_organization")),
        incidents=tuple(_incident_in(each) for each in snapshot.get("incidents", ())),
    )


def _identity_out(identity: Identity) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "id": identity.id,
        "channel": identity.channel,
        "verified": identity.verified,
        "person": identity.person_id,
        "organization": identity.organization_id,
        "vip": identity.vip,
        "contact": identity.contact,
        "language": identity.language,
    }
    return {key: value for key, value in parts.items() if value}


def _identity_in(parts: Mapping[str, Any]) -> Identity:
    return Identity(
        id=parts["id"],
        channel=parts.get("channel", ""),
        address="",
        verified=parts.get("verified", False),
        person_id=parts.get("person"),
        organization_id=parts.get("organization"),
        vip=parts.get("vip", False),
        contact=parts.get("contact", False),
        language=parts.get("language"),
    )


def _organization_out(organization: Organization | None) -> dict[str, Any] | None:
    if organization is None:
        return None
    contracts = [
        [each.id, each.plan, each.since.isoformat(), each.until.isoformat() if each.until else None]
        for each in organization.contracts
    ]
    parts = {
        "id": organization.id,
        "name": organization.name,
        "segment": organization.segment,
        "contracts": contracts,
        "groups": sorted(organization.groups),
        "engineer": organization.engineer,
    }
    return {key: value for key, value in parts.items() if value}


def _organization_in(parts: Mapping[str, Any] | None) -> Organization | None:
    if parts is None:
        return None
    contracts = tuple(
        Contract(id=key, plan=plan, since=date.fromisoformat(since), until=date.fromisoformat(until) if until else None)
        for key, plan, since, until in parts.get("contracts", ())
    )
    return Organization(
        id=parts["id"],
        name=parts["name"],
        segment=parts["segment"],
        contracts=contracts,
        groups=frozenset(parts.get("groups", ())),
        engineer=parts.get("engineer"),
    )


def _earlier_out(earlier: Earlier) -> list[Any]:
    return [earlier.number, earlier.at.isoformat(), earlier.catalog, earlier.kind, earlier.line, earlier.assignee]


def _earlier_in(parts: Sequence[Any]) -> Earlier:
    number, at, catalog, kind, line, assignee = parts
    return Earlier(
        number=number, at=datetime.fromisoformat(at), catalog=catalog, kind=kind, line=line, assignee=assignee
    )


def _incident_out(incident: Incident) -> list[Any]:
    return [incident.number, incident.catalog, incident.product, incident.at.isoformat()]


def _incident_in(parts: Sequence[Any]) -> Incident:
    number, catalog, product, at = parts
    return Incident(number=number, catalog=catalog, product=product, at=datetime.fromisoformat(at))


_MAX_REMEMBERED = 1000
_written: dict[int, tuple[Worker, dict[str, Any]]] = {}


def _worker_out(worker: Worker) -> Mapping[str, Any]:
    """Remembered by the object's identity, which the entry keeps alive: the same agents stand in one decision after the
    other, and few of them change in between."""
    found = _written.get(id(worker))
    if found is None:
        if len(_written) >= _MAX_REMEMBERED:
            _written.clear()
        found = _written[id(worker)] = (worker, _worker_parts(worker))
    return found[1]


def _worker_parts(worker: Worker) -> dict[str, Any]:
    parts: dict[str, Any] = {"id": worker.id, "lines": sorted(worker.lines)}
    if worker.groups:
        parts["groups"] = sorted(list(group) for group in worker.groups)
    if worker.skills:
        parts["skills"] = dict(worker.skills)
    if worker.presence != "on":
        parts["presence"] = worker.presence
    if worker.away_until is not None:
        parts["away_until"] = worker.away_until.isoformat()
    if worker.calendar is not None:
        parts["calendar"] = worker.calendar
    if worker.capacity is not None:
        parts["capacity"] = worker.capacity
    if worker.in_hand:
        parts["in_hand"] = dict(worker.in_hand)
    if worker.audiences:
        parts["audiences"] = sorted(worker.audiences)
    if worker.assigned_at is not None:
        parts["assigned_at"] = worker.assigned_at.isoformat()
    return parts


def _worker_in(parts: Mapping[str, Any]) -> Worker:
    away_until, assigned_at = parts.get("away_until"), parts.get("assigned_at")
    return Worker(
        id=parts["id"],
        name="",
        lines=frozenset(parts["lines"]),
        groups=frozenset((line, group) for line, group in parts.get("groups", ())),
        skills=parts.get("skills", {}),
        presence=parts.get("presence", "on"),
        away_until=datetime.fromisoformat(away_until) if away_until else None,
        calendar=parts.get("calendar"),
        capacity=parts.get("capacity"),
        in_hand=parts.get("in_hand", {}),
        assigned_at=datetime.fromisoformat(assigned_at) if assigned_at else None,
        audiences=frozenset(parts.get("audiences", ())),
    )


def _ticket_out(ticket: KnownTicket) -> dict[str, Any]:
    watched = {"untouched": ticket.untouched, "kind": ticket.kind} if ticket.kind is not None else {}
    return {
        **watched,
        "number": ticket.number,
        "status": ticket.status.value,
        "line": ticket.line,
        "requester": ticket.requester,
        "participants": sorted(ticket.participants),
        "closed_at": ticket.closed_at.isoformat() if ticket.closed_at else None,
    }


def _ticket_in(parts: Mapping[str, Any]) -> KnownTicket:
    closed_at = parts["closed_at"]
    return KnownTicket(
        number=parts["number"],
        status=Status(parts["status"]),
        line=parts["line"],
        requester=parts["requester"],
        participants=frozenset(parts["participants"]),
        closed_at=datetime.fromisoformat(closed_at) if closed_at else None,
        untouched=parts.get("untouched", False),
        kind=parts.get("kind"),
    )
