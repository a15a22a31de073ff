"""An agent's answer to the requester: whom it may go to, on which channel, in which words. Pure; called by
``router.act``.
"""

from collections.abc import Sequence

from domain.commands import Reply
from domain.effects import Changed
from domain.errors import Invalid, Refused
from domain.facts import Fact, MessageAppended
from domain.outgoing import Correspondence, Correspondent, Outgoing, Outlet
from domain.policy import Letter, Policy
from domain.status import Status
from domain.ticket import TicketState
from router.letters import letter_on, letters_for, moment_of, write
from router.setting import Setting, said

BY_VOICE = "phone"
"""A channel that nothing is sent on: what is to be said there is a task for somebody to telephone."""

BY_ANNOTATION = "alert"
"""A channel whose reader is a monitoring system: it gets the agent's words and no letter around them."""

_FRAME = "reply"
"""The policy's letter around an agent's words."""


def reply(ticket: TicketState, command: Reply, setting: Setting) -> Changed:
    """The answer as a message that is written down and sent. Raises ``Invalid`` for what the command lacks, ``Refused``
    where nobody may be written to from here, or nothing would reach them."""
    if not command.text.strip() and not command.files:
        raise Invalid("text", "is empty")
    correspondence = setting.correspondences.get(ticket.number, Correspondence())
    line = setting.policy.lines.get(ticket.line)
    if line is not None and not line.writes_to_customers:
        why = f"line {line.key} does not write to requesters; return the ticket, or leave a note"
        raise Refused("This line does not answer requesters.", (("line", why),))
    person = _recipient(command.to, correspondence.people, setting.outlet)
    words = command.text.strip("\n")
    frame = _frame(ticket, command, setting.policy) if person.channel != BY_ANNOTATION else None
    subject, text = ticket.subject, words
    if frame is not None:
        filled = write(
            frame,
            ticket,
            setting.policy,
            language=ticket.language,
            correspondence=correspondence,
            name=person.name,
            agent=setting.actor.name,
            text=words,
        )
        subject, text = filled.subject, filled.body
    outgoing = Outgoing(
        id=setting.ids.new(),
        delivery=setting.ids.new(),
        author=setting.actor,
        to=person.id,
        channel=person.channel,
        account=person.account,
        address=person.address,
        subject=subject,
        text=text,
        letter=frame.key if frame is not None and frame.key != _FRAME else None,
        language=ticket.language,
        files=command.files,
        words=words,
    )
    fact = MessageAppended(**said(ticket, setting), message=outgoing.id, direction="outbound", line=ticket.line)
    facts: tuple[Fact, ...] = (fact,)
    return Changed(before=ticket, after=ticket, facts=facts, letters=(outgoing,))


def _frame(ticket: TicketState, command: Reply, policy: Policy) -> Letter | None:
    """An answer that also solves the ticket says so in the policy's words for that; any other has those for answers."""
    if command.status in (Status.FEEDBACK, Status.CLOSED) and command.status != ticket.status:
        solved = letter_on("solved", ticket.plan, ticket.line, policy)
        if solved is not None:
            return solved
    frame = policy.letters.get(_FRAME)
    return frame if frame is not None and frame.enabled else None


def _recipient(wanted: str | None, people: Sequence[Correspondent], outlet: Outlet) -> Correspondent:
    """The one that was named, else who wrote last; where they cannot be reached there, another way that is known to be
    theirs, and at the last a call."""
    if wanted is not None:
        named = next((each for each in people if each.id == wanted), None)
        if named is None:
            raise Invalid("to", "is nobody who takes part in this ticket")
        if not (named.wrote or named.verified):
            raise Refused("Nobody knows that this address is theirs.", (("to", "is not verified"),))
        if not _may_get(named, outlet):
            raise Refused("Nothing can be sent there.", (("to", _why_not(named, outlet)),))
        return named
    able = [each for each in people if _may_get(each, outlet) and (each.wrote or each.verified)]
    written = sorted(able, key=lambda each: (each.channel == BY_VOICE, not each.wrote))
    if written:
        return written[0]
    first = next((each for each in people if each.wrote), None)
    why = _why_not(first, outlet) if first is not None else "nobody has written on it"
    raise Refused("There is no way to answer this ticket.", (("to", why),))


def other_way(people: Sequence[Correspondent], outlet: Outlet, without: str) -> Correspondent | None:
    """Where a message goes that could not be delivered to identity ``without``: to another of the requester's that is
    known to be theirs, or to somebody who telephones; None where there is none."""
    ways = [each for each in people if each.requester and each.verified and each.id != without]
    ways = sorted((each for each in ways if _may_get(each, outlet)), key=lambda each: each.channel == BY_VOICE)
    return ways[0] if ways else None


def _may_get(person: Correspondent, outlet: Outlet) -> bool:
    return not person.unreachable and (person.channel == BY_VOICE or person.channel in outlet.channels)


def _why_not(person: Correspondent, outlet: Outlet) -> str:
    if person.unreachable:
        return f"cannot be reached on {person.channel}: {person.unreachable}"
    return f"no account is set up to send on {person.channel}"


def told_of(changed: Changed, setting: Setting, *, answering: bool) -> tuple[tuple[Outgoing, ...], tuple[Fact, ...]]:
    """The letters that tell the requester of what has happened. An agent's answer says it itself."""
    ticket = changed.after
    correspondence = setting.correspondences.get(ticket.number)
    if correspondence is None:
        return (), ()
    moments = [moment for fact in changed.facts if (moment := moment_of(fact)) is not None]
    if answering:
        moments = [moment for moment in moments if moment not in ("waiting", "solved")]
    return letters_for(ticket, moments, correspondence, setting)
