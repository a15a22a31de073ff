"""Tickets that a line sends on by mail: to a department of the customer's own, or of ours, that works elsewhere. Pure;
called by ``router.act`` and ``router.service``.

The department takes part in the ticket from then on: its answers join it, and are nobody's answer to us, so that no
status changes and no clock starts. Its time is the line's stay; the customer's clocks stand still, where the line says
so.
"""

from collections.abc import Sequence

from domain.effects import Changed, Opened
from domain.facts import Fact, MessageAppended, TicketMarked
from domain.message import Message, StoredFile
from domain.outgoing import Correspondence, Outgoing, Outlet
from domain.policy import Line, Policy
from domain.ports import Ids
from domain.ticket import Ticket, TicketState
from router.letters import BY_ITSELF, letter_on, write
from router.setting import Setting, said

OF_THE_CUSTOMER = "customer"
NOWHERE = "not_forwarded"
"""Flag of a ticket that was to be sent on, and nobody knows where to, or how."""
_CHANNEL = "email"


def sent_on(changed: Changed, setting: Setting) -> tuple[tuple[Outgoing, ...], tuple[Fact, ...], bool]:
    """The letter that goes with a ticket which has come to such a line, the facts of it, and whether it could be
    written."""
    before, after = changed.before, changed.after
    line = setting.policy.lines.get(after.line)
    if line is None or line.forwards_to is None or before.line == after.line:
        return (), (), True
    correspondence = setting.correspondences.get(after.number, Correspondence())
    letter = _letter(
        line,
        after,
        setting.policy,
        correspondence,
        setting.outlet,
        setting.ids,
        text=correspondence.opening,
        files=correspondence.opening_files,
        account=correspondence.people[0].account if correspondence.people else "",
    )
    if letter is None:
        marked = TicketMarked(**said(after, setting), line=after.line, flag=NOWHERE, because=_why(line))
        return (), (marked,), False
    fact = MessageAppended(**said(after, setting), message=letter.id, direction="outbound", line=after.line)
    return (letter,), (fact,), True


def opened_there(
    effect: Opened, message: Message, policy: Policy, *, department: str, organization: str, outlet: Outlet, ids: Ids
) -> tuple[Outgoing, ...]:
    """The letter of a ticket that was opened on such a line."""
    line = policy.lines.get(effect.ticket.line)
    if line is None or line.forwards_to is None:
        return ()
    files = tuple(
        StoredFile(blob=each.blob, name=each.name, size=each.size, media_type=each.media_type)
        for each in message.attachments
        if not each.inline
    )
    correspondence = Correspondence(organization=organization, department=department)
    account = message.account
    letter = _letter(line, effect.ticket, policy, correspondence, outlet, ids, message.text, files, account)
    return () if letter is None else (letter,)


def _letter(
    line: Line,
    ticket: Ticket | TicketState,
    policy: Policy,
    correspondence: Correspondence,
    outlet: Outlet,
    ids: Ids,
    text: str,
    files: Sequence[StoredFile],
    account: str,
) -> Outgoing | None:
    address = correspondence.department if line.forwards_to == OF_THE_CUSTOMER else line.forwards_to
    frame = letter_on("forwarded", ticket.plan, line.key, policy)
    if not address or frame is None or _CHANNEL not in outlet.channels:
        return None
    words = write(frame, ticket, policy, language=ticket.language, correspondence=correspondence, text=text)
    return Outgoing(
        id=ids.new(),
        delivery=ids.new(),
        author=BY_ITSELF,
        to=None,
        channel=_CHANNEL,
        account=account,
        address=address,
        subject=words.subject,
        text=words.body,
        letter=frame.key,
        language=ticket.language,
        files=tuple(files),
    )


def _why(line: Line) -> str:
    if line.forwards_to == OF_THE_CUSTOMER:
        return f"line {line.key} sends on to the customer's department, and none is known or no mail can be sent"
    return f"line {line.key} sends on by mail, and no letter is meant for it or no mail can be sent"
