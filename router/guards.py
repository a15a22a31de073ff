"""What the process asks for before a ticket may move: data, checklists, the order of lines. Pure; raises ``Refused``
with everything that is missing.
"""

from collections.abc import Mapping
from typing import Any

from domain.commands import SetStatus
from domain.errors import Invalid, Refused
from domain.policy import Check, Line, Policy
from domain.status import Status
from domain.ticket import TicketState

NOT_DONE = "is on the checklist and not done"


def may_move_on(ticket: TicketState, command: SetStatus, policy: Policy, *, by_itself: bool) -> None:
    """Raises ``Refused`` with all that the kind asks for before the move, ``Invalid`` for a substatus that it does not
    have. What comes by itself (nobody objected) is not asked for data."""
    kind = policy.kinds.get(ticket.kind)
    if kind is None:
        return
    stage = kind.stage(command.status)
    if command.substatus is not None and command.substatus not in {each.key for each in stage.substatuses}:
        raise Invalid("substatus", f"kind {kind.key} has no such substatus of {command.status}")
    if ticket.status == command.status or by_itself:
        return
    fields = {**ticket.fields, **command.fields}
    missing = [(key, f"is needed for status {command.status}") for key in stage.needs if not _given(fields, key)]
    if command.status in (Status.FEEDBACK, Status.CLOSED):
        missing += [(each.key, NOT_DONE) for each in kind.stage(ticket.status).checklist if _owed(each, ticket)]
    if command.status is Status.CLOSED and "agent" not in kind.closing.by:
        missing.append(("status", f"a ticket of kind {kind.key} is not closed by hand"))
    if command.status is Status.CLOSED and kind.closing.feedback and ticket.status is not Status.FEEDBACK:
        missing.append(("status", f"a ticket of kind {kind.key} is closed from feedback"))
    if missing:
        raise Refused("The move is not complete.", tuple(missing))


def route(ticket: TicketState, policy: Policy) -> list[Line]:
    """The lines that the ticket may pass through, in order: its catalog entry's route, or every line but departments,
    as far as its kind visits them."""
    entry, kind = policy.catalog.get(ticket.catalog), policy.kinds.get(ticket.kind)
    if entry is not None and entry.route:
        lines = [policy.lines[key] for key in entry.route if key in policy.lines]
    else:
        own = (line for line in policy.lines.values() if not line.department or line.key == ticket.line)
        lines = sorted(own, key=lambda line: line.order)
    visited = set(kind.lines) if kind is not None and kind.lines else None
    return [line for line in lines if visited is None or line.key in visited or line.key == ticket.line]


def may_pass_on(ticket: TicketState, fields: Mapping[str, Any], policy: Policy) -> None:
    """Raises ``Refused`` with what the kind asks for before a ticket goes up."""
    kind = policy.kinds.get(ticket.kind)
    if kind is None:
        return
    rule = kind.pass_on
    missing = [(key, "is needed to pass it on") for key in rule.needs if not _given(fields, key)]
    missing += [(key, NOT_DONE) for key in rule.checks if key not in ticket.checks]
    if rule.statuses and ticket.status not in rule.statuses:
        missing.append(("status", f"must be one of {', '.join(sorted(rule.statuses))}"))
    if missing:
        raise Refused(f"A ticket of kind {kind.key} is not passed on like this.", tuple(missing))


def _owed(check: Check, ticket: TicketState) -> bool:
    return check.required and check.key not in ticket.checks


def _given(fields: Mapping[str, Any], key: str) -> bool:
    return fields.get(key) not in (None, "", [], {})
