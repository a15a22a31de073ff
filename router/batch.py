"""A batch's own view of the store: what was recalled, and what this batch has decided since.

Lets the second mail of a conversation join the ticket that the first one opened moments ago in the same batch. Made by
``router.service`` for each batch and thrown away with it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from domain.calls import KnownCall
from domain.effects import Appended, Effect, Opened, Outcome, Repeated
from domain.identity import Identity, mail_domain
from domain.message import RELEASED, UNPROVEN, Message
from domain.people import Worker
from domain.status import OPEN, Status
from domain.ticket import Earlier, Incident, KnownTicket, TicketState
from domain.tokens import find_tokens, verify_ticket
from domain.unitofwork import Recollection
from router.incidents import incident_of
from router.known import Known
from router.steps.assign import busier

_MAX_CANDIDATES = 12
"""Tickets of one sort that a decision looks at: the nearest decide, and each is kept in its snapshot."""

_HELD = (Outcome.SUPPRESSED, Outcome.QUARANTINED)


def claimed_tokens(message: Message) -> tuple[str, ...]:
    """Everything that looks like a ticket token: the message's own, then those of mail that is reported back."""
    returned = (bounce.message_id for bounce in message.bounces if bounce.message_id)
    return tuple(dict.fromkeys((*message.tokens, *find_tokens(returned))))


class BatchView:
    def __init__(
        self,
        recalled: Recollection,
        secret: bytes,
        workers: Iterable[Worker] = (),
        incidents: Iterable[Incident] = (),
    ) -> None:
        self._incidents = {incident.number: incident for incident in incidents}
        self._recalled = recalled
        self._secret = secret
        self._workers = {worker.id: worker for worker in workers}
        self._done: set[str] = set()

    def is_handled(self, message: Message) -> bool:
        """A redelivery: the envelope has its effect already. One that was held and then released is settled anew."""
        if message.envelope_id in self._done:
            return True
        settled = self._recalled.handled.get(message.envelope_id)
        if settled is None:
            return False
        return not (RELEASED in message.flags and settled.outcome in _HELD)

    def joinable(self) -> tuple[int, ...]:
        """Tickets that a message of the batch may join."""
        return tuple(sorted(self._recalled.tickets))

    def may_open(self, messages: Iterable[Message]) -> int:
        """About how many of them will open a ticket, so that numbers are asked for once."""
        handles: set[str] = set()
        keys: set[str] = set()
        count = 0
        for message in messages:
            if message.call is not None:  # counted with its call
                continue
            joins = any(h in self._recalled.conversations or h in handles for h in message.conversation)
            known = message.key in self._recalled.keys or message.key in keys
            if not (joins or known or message.tokens or message.automatic or self.is_handled(message)):
                count += 1
            handles.update(message.conversation)
            keys.add(message.key)
        return count

    def known(self, message: Message) -> Known:
        """What a decision on the message may rest on, as of now in the batch."""
        recalled = self._recalled
        owner = recalled.domains.get(mail_domain(message.sender.address))
        identity = self.identity(message)
        verified, forged = self._verified(message.tokens)
        reported, _ = self._verified(claimed_tokens(message))
        returned = [bounce.message_id for bounce in message.bounces if bounce.message_id]
        first = recalled.keys.get(message.key)
        concerned = (identity.organization_id, owner)
        return Known(
            identity=identity,
            organization=recalled.organizations.get(identity.organization_id or ""),
            domain_organization=recalled.organizations.get(owner or ""),
            first=first,
            first_ticket=self._ticket(first[1]) if first else None,
            tokens=self._tickets(verified),
            lost_tokens=tuple(number for number in verified if number not in recalled.tickets),
            forged=forged,
            conversations=self._tickets(_found(recalled.conversations, message.conversation)),
            natives=self._tickets(_found(recalled.natives, message.references)),
            same_id=first is None and not _shares_its_id(message) and message.native_id in recalled.natives,
            earlier=recalled.repeats.get(identity.id, ())[:_MAX_CANDIDATES],
            used=_by_organization(recalled.used, concerned),
            worked=_by_organization(recalled.worked, concerned),
            workers=self.workers,
            parent=self._ticket(message.parent),
            chosen=self._ticket(message.choice),
            ours=bool(message.native_id and self._verified(find_tokens([message.native_id]))[0]),
            named_organization=recalled.organizations.get(message.organization or ""),
            incidents=tuple(self._incidents.values()),
            reported=next(iter(self._tickets([*reported, *_found(recalled.natives, returned)])), None),
        )

    def identity(self, message: Message) -> Identity:
        """Who wrote it."""
        return self._recalled.identities[message.sender.channel, message.sender.address]

    @property
    def workers(self) -> tuple[Worker, ...]:
        """As they stand in this batch."""
        return tuple(self._workers.values())

    def conversation(self, message: Message) -> KnownTicket | None:
        """The ticket that the message's handles lead to."""
        return next(iter(self._tickets(_found(self._recalled.conversations, message.conversation))), None)

    @property
    def calls(self) -> Mapping[str, KnownCall]:
        return self._recalled.calls

    def came_before(self, message: Message) -> bool:
        """Its key is there: it is a duplicate, or an event that was parked."""
        return message.key in self._recalled.keys

    def ticket(self, number: int | None) -> KnownTicket | None:
        return self._ticket(number)

    def organization_name(self, organization: str | None) -> str:
        known = self._recalled.organizations.get(organization or "")
        return known.name if known is not None else ""

    def department(self, organization: str | None) -> str:
        """The address of the department that an organisation names for what is forwarded to it."""
        known = self._recalled.organizations.get(organization or "")
        return known.department if known is not None else ""

    def remember(self, effect: Effect) -> None:
        """Takes in what was decided, for the messages that come after it in the batch."""
        message = effect.message
        self._done.add(message.envelope_id)
        if isinstance(effect, Repeated):
            return
        recalled = self._recalled
        number: int | None = None
        if isinstance(effect, Opened):
            number = effect.ticket.number
            recalled.tickets[number] = _opened(effect)
            self._count(effect)
        elif isinstance(effect, Appended):
            number = effect.number
            if effect.status is not None:
                closed_at = effect.decision.decided_at if effect.status is Status.CLOSED else None
                known = replace(recalled.tickets[number], status=effect.status, closed_at=closed_at)
                recalled.tickets[number] = known
        first, held = recalled.keys.get(message.key, (message.envelope_id, None))
        recalled.keys[message.key] = (first, number if held is None else held)
        if number is not None:
            self._claim(message, number)

    def watch(self, effect: Effect, states: Mapping[int, TicketState]) -> None:
        """Keeps which alerts are in work, for the requests of customers that come after this one in the batch."""
        alert = effect.message.alert
        if alert is None or not isinstance(effect, (Opened, Appended)):
            return
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        if alert.status == "resolved":
            self._incidents.pop(number, None)
        elif number in states:
            self._incidents[number] = incident_of(states[number], effect.decision.decided_at)

    def _count(self, effect: Opened) -> None:
        """The ticket among the requester's, their organisation's and its agent's."""
        ticket, recalled = effect.ticket, self._recalled
        earlier = Earlier(
            number=ticket.number,
            at=ticket.created_at,
            catalog=ticket.catalog,
            kind=ticket.kind,
            line=ticket.line,
            assignee=ticket.assignee,
        )
        recalled.repeats[effect.author] = (earlier, *recalled.repeats.get(effect.author, ()))
        if ticket.organization is not None:
            place = (ticket.organization, ticket.kind)
            recalled.used[place] = recalled.used.get(place, 0) + 1
        worker = self._workers.get(ticket.assignee or "")
        if worker is not None:
            self._workers[worker.id] = busier(worker, ticket.priority.value, ticket.created_at)

    def _claim(self, message: Message, number: int) -> None:
        if not UNPROVEN.intersection(message.flags):
            for handle in message.conversation:
                holder = self._ticket(self._recalled.conversations.get(handle))
                if holder is None or holder.status not in OPEN:
                    self._recalled.conversations[handle] = number
        if message.native_id is not None:
            natives = self._recalled.natives
            natives[message.native_id] = max(number, natives.get(message.native_id, 0))

    def _verified(self, tokens: Iterable[str]) -> tuple[list[int], int]:
        numbers: dict[int, None] = {}
        forged = 0
        for token in tokens:
            number = verify_ticket(token, self._secret)
            if number is None:
                forged += 1
            else:
                numbers[number] = None
        return list(numbers), forged

    def _ticket(self, number: int | None) -> KnownTicket | None:
        return None if number is None else self._recalled.tickets.get(number)

    def _tickets(self, numbers: Sequence[int]) -> tuple[KnownTicket, ...]:
        tickets = self._recalled.tickets
        found = [tickets[number] for number in dict.fromkeys(numbers) if number in tickets]
        return tuple(found[:_MAX_CANDIDATES])


def _by_organization(
    counted: Mapping[tuple[str, str], int], concerned: Collection[str | None]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (organization, kind), count in counted.items():
        if organization in concerned:
            found.setdefault(organization, {})[kind] = count
    return found


def _found(numbers: dict[str, int], keys: Iterable[str]) -> list[int]:
    return [numbers[key] for key in keys if key in numbers]


def _shares_its_id(message: Message) -> bool:
    """The events of one call have one id, and so have those of one alert."""
    return message.call is not None or message.alert is not None


def _opened(effect: Opened) -> KnownTicket:
    watched = effect.message.alert is not None
    return KnownTicket(
        untouched=watched and effect.ticket.assignee is None,
        kind=effect.ticket.kind if watched else None,
        number=effect.ticket.number,
        status=Status(effect.ticket.status),
        line=effect.ticket.line,
        requester=effect.author,
        participants=frozenset({effect.author}),
    )
