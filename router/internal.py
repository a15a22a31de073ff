"""Internal requests: a ticket asks another department, by a ticket of its own, and waits for it. Pure, but for
``settle_parents``, which reads who still waits.

The child is opened by the router like any request (``Message.parent``). While one is open its parent is in status
``internal``; whether the customer's clocks stand still then is the policy's word.
"""

from collections.abc import Sequence

from domain.commands import SetStatus
from domain.effects import Changed
from domain.facts import InternalAnswered, InternalRequested
from domain.ids import format_number
from domain.status import Status
from domain.ticket import Ticket, TicketState
from domain.unitofwork import UnitOfWork
from router.act import act
from router.setting import Setting


def asked(parent: TicketState, child: Ticket, setting: Setting) -> Changed:
    """The parent once its request is a ticket. One that is not in work any more keeps its status, and is told."""
    fact = InternalRequested(
        ticket=parent.number, at=setting.now, by=setting.actor.id, line=parent.line, child=child.number, to=child.line
    )
    if parent.status is not Status.IN_PROGRESS:
        return Changed(before=parent, after=parent, facts=(fact,))
    moved = act(parent, _to(Status.INTERNAL, f"{format_number(child.number)} was asked of line {child.line}"), setting)
    return _with(moved, fact)


def answered(parent: TicketState, child: TicketState, waiting: int, setting: Setting) -> Changed:
    """The parent once a request of its is closed; ``waiting``: how many others are still open."""
    fact = InternalAnswered(
        ticket=parent.number,
        at=setting.now,
        by=setting.actor.id,
        line=parent.line,
        child=child.number,
        waiting=waiting,
        assignee=parent.assignee,
    )
    if waiting or parent.status is not Status.INTERNAL:
        return Changed(before=parent, after=parent, facts=(fact,))
    return _with(act(parent, _to(Status.IN_PROGRESS, f"{format_number(child.number)} is closed"), setting), fact)


async def settle_parents(uow: UnitOfWork, changes: Sequence[Changed], setting: Setting) -> None:
    """Takes back into work what waited for the tickets that were closed just now. Call it after these were written."""
    closed = [
        each.after
        for each in changes
        if each.after.parent is not None
        and each.before.status is not Status.CLOSED
        and each.after.status is Status.CLOSED
    ]
    if not closed:
        return
    numbers = sorted({child.parent for child in closed if child.parent is not None})
    parents, open_children = dict(await uow.states(numbers)), await uow.open_children(numbers)
    for child in closed:
        parent = parents.get(child.parent or 0)
        if parent is None:
            continue
        changed = answered(parent, child, len(open_children.get(parent.number, ())), setting)
        await uow.change([changed], setting.now)
        parents[parent.number] = changed.after


def _to(status: Status, reason: str) -> SetStatus:
    return SetStatus(status=status, reason=reason, by_process=True)


def _with(changed: Changed, fact: InternalRequested | InternalAnswered) -> Changed:
    return Changed(
        before=changed.before,
        after=changed.after,
        facts=(fact, *changed.facts),
        timers=changed.timers,
        events=changed.events,
    )
