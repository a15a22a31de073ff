"""Does the message belong to a ticket that exists? Second step of ``router.decide``.

In order: the sender's choice among their own requests; a verified token, if the sender is a participant of its ticket
(or, where the policy wants it, whoever sends it); a conversation handle, which has the sender in it; a message that is
answered, if the sender is a participant of its ticket. A number in the subject grants nothing and becomes a suggestion.
An event of a telephone call belongs to that call's ticket, however it stands, and to no other: not to one of the same
caller's, who may be anybody.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.decision import Step
from domain.ids import format_number
from domain.message import NEW_REQUEST, Message
from domain.policy import Policy
from domain.status import OPEN
from domain.ticket import KnownTicket
from router.known import Known
from router.steps.identify import SenderCheck

_NUMBER = re.compile(r"(?<![\w-])T-(\d{1,18})(?!\w)", re.IGNORECASE)
_MAX_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """``ticket`` None: a new one."""

    ticket: KnownTicket | None
    steps: tuple[Step, ...]
    flags: tuple[str, ...] = ()


def correlate(message: Message, known: Known, policy: Policy, check: SenderCheck, now: datetime) -> Correlation:
    if message.call is not None:
        return _of_call(message, known)
    if check == "fail":
        because = "The sender's domain check (DMARC) failed, so nothing in the message may join it to a ticket."
        return _new(message, because, _candidates(known), flag="dmarc_fail")
    if known.forged and not known.tokens:
        because = "The ticket token is not one of ours, so nothing in the message may join it to a ticket."
        return _new(message, because, _candidates(known), flag="forged_token")
    if NEW_REQUEST in message.flags and not known.tokens:
        return _new(message, "The sender asked for a request of its own.")
    too_old: list[KnownTicket] = []
    joined = (
        _by_choice(message, known, policy, now)
        or _by_token(message, known, policy, now, too_old)
        or _by_conversation(message, known, policy, check, now, too_old)
        or _by_reference(message, known, policy, check, now, too_old)
    )
    return joined or _alone(message, known, policy, check, too_old)


def _by_choice(message: Message, known: Known, policy: Policy, now: datetime) -> Correlation | None:
    """Their word counts for their own requests only."""
    ticket = known.chosen
    if ticket is None or known.identity.id not in ticket.participants or not usable(ticket, policy, now):
        return None
    return _join(message, ticket, f"The sender has chosen {format_number(ticket.number)} for it.")


def _of_call(message: Message, known: Known) -> Correlation:
    """``known.conversations`` are made of the call's own keys."""
    if not known.conversations:
        return _new(message, "Nothing links it to a ticket that exists.")
    number = format_number(known.conversations[0].number)
    step = Step(step="correlation", outcome=number, because=f"It is of the call that {number} was made of.")
    return Correlation(ticket=known.conversations[0], steps=(step,))


def _by_token(
    message: Message, known: Known, policy: Policy, now: datetime, too_old: list[KnownTicket]
) -> Correlation | None:
    mine = tuple(each for each in known.tokens if known.identity.id in each.participants)
    ticket = _first_usable(known.tokens if policy.mail.token_suffices else mine, policy, now, too_old)
    if ticket is None:
        return None
    foreign = known.identity.id not in ticket.participants
    because = f"The message carries the signed token of {format_number(ticket.number)}."
    if foreign:
        because += " The sender is not a participant of it."
    return _join(message, ticket, because, ("foreign_sender",) if foreign else ())


def _by_conversation(
    message: Message, known: Known, policy: Policy, check: SenderCheck, now: datetime, too_old: list[KnownTicket]
) -> Correlation | None:
    if _unproven(message, policy, check):
        return None
    ticket = _first_usable(known.conversations, policy, now, too_old)
    if ticket is None:
        return None
    return _join(message, ticket, f"The same sender's conversation is {format_number(ticket.number)}.")


def _by_reference(
    message: Message, known: Known, policy: Policy, check: SenderCheck, now: datetime, too_old: list[KnownTicket]
) -> Correlation | None:
    if _unproven(message, policy, check):
        return None
    own = tuple(ticket for ticket in known.natives if known.identity.id in ticket.participants)
    ticket = _first_usable(own, policy, now, too_old)
    if ticket is None:
        return None
    because = f"It answers a message of {format_number(ticket.number)}, and the sender is a participant of it."
    return _join(message, ticket, because)


def _alone(
    message: Message, known: Known, policy: Policy, check: SenderCheck, too_old: list[KnownTicket]
) -> Correlation:
    """No ticket takes the message; the sentence says what came nearest."""
    if too_old:
        number = format_number(too_old[0].number)
        because = f"It belongs to {number}, which was closed more than {policy.reopen_days} days ago."
        return _new(message, because, (too_old[0].number,))
    own = [*known.conversations, *(each for each in known.natives if known.identity.id in each.participants)]
    if own and _unproven(message, policy, check):
        because = (
            f"It seems to belong to {format_number(own[0].number)}, "
            "but the policy asks for a passed domain check (DMARC) and there is none."
        )
        return _new(message, because, _candidates(known), flag="sender_unverified")
    if known.tokens:
        because = (
            f"It carries the signed token of {format_number(known.tokens[0].number)}, "
            "but the sender is not a participant of that ticket."
        )
        return _new(message, because, _candidates(known), flag="foreign_sender")
    if known.natives:
        because = (
            f"It answers a message of {format_number(known.natives[0].number)}, "
            "but the sender is not a participant of that ticket."
        )
        return _new(message, because, _candidates(known), flag="foreign_reference")
    if known.lost_tokens:
        because = f"Its token is of {format_number(known.lost_tokens[0])}, which is not there any more."
        return _new(message, because)
    return _new(message, "Nothing links it to a ticket that exists.")


def usable(ticket: KnownTicket, policy: Policy, now: datetime) -> bool:
    """Open, or closed so lately that a message reopens it."""
    if ticket.status in OPEN or ticket.closed_at is None:
        return True
    return now - ticket.closed_at <= timedelta(days=policy.reopen_days)


def _first_usable(
    tickets: tuple[KnownTicket, ...], policy: Policy, now: datetime, too_old: list[KnownTicket]
) -> KnownTicket | None:
    for ticket in tickets:
        if usable(ticket, policy, now):
            return ticket
        too_old.append(ticket)
    return None


def _unproven(message: Message, policy: Policy, check: SenderCheck) -> bool:
    """The policy demands a passed check of mail, and this mail has none. Other channels know their senders."""
    return message.channel == "email" and policy.mail.sender_verification == "required" and check != "pass"


def _candidates(known: Known) -> tuple[int, ...]:
    found = (*known.tokens, *known.conversations, *known.natives)
    return tuple(dict.fromkeys(ticket.number for ticket in found))


def _join(message: Message, ticket: KnownTicket, because: str, flags: tuple[str, ...] = ()) -> Correlation:
    over = message.alert is not None and message.alert.status == "resolved"
    if ticket.status not in OPEN and not over:
        because += " It is reopened."
    step = Step(step="correlation", outcome=format_number(ticket.number), because=because)
    return Correlation(ticket=ticket, steps=(step, *_suggestions(message, (), ticket.number)), flags=flags)


def _new(message: Message, because: str, candidates: tuple[int, ...] = (), *, flag: str = "") -> Correlation:
    step = Step(step="correlation", outcome="new", because=because)
    return Correlation(
        ticket=None,
        steps=(step, *_suggestions(message, candidates, None)),
        flags=(flag,) if flag else (),
    )


def _suggestions(message: Message, candidates: tuple[int, ...], joined: int | None) -> tuple[Step, ...]:
    """Tickets that an agent may want to look at: shown, never joined by themselves."""
    found = dict.fromkeys(candidates, "The message points to it, but that alone does not join it.")
    for match in _NUMBER.finditer(message.subject):
        found.setdefault(int(match[1]), "The subject names it; a number alone joins nothing.")
    found.pop(joined or 0, None)
    return tuple(
        Step(step="suggestion", outcome=format_number(number), because=because)
        for number, because in list(found.items())[:_MAX_SUGGESTIONS]
    )
