"""A ticket leaves its agent, who is away, or works here or on its line no more. Pure; called by the timekeeper.

What is work now goes to another agent, where the line shares its tickets out and one can have it; everything else goes
back to the line's queue. Who is away keeps what waits for the requester: it leaves when it becomes work again.
"""

from dataclasses import replace

from domain.commands import Assign, Reassign
from domain.effects import Changed
from domain.facts import Fact, TicketAssigned
from domain.people import Leaving
from domain.policy import Policy
from domain.status import RUNNING
from domain.ticket import UNASSIGNED, TicketState
from router.act import act
from router.setting import Setting
from router.steps.entitle import QUOTA_ASK

WHY = {
    "away": "Its agent is away",
    "removed": "Its agent does not work here any more",
    "line": "Its agent does not work on this line any more",
}
"""The reason in the ticket's history. Facts name nobody: whom it left is an id beside it."""


def reassigning(policy: Policy) -> frozenset[str]:
    """Lines whose tickets leave an agent who is away."""
    return frozenset(key for key, line in policy.lines.items() if line.assignment.away == "reassign")


def leave(ticket: TicketState, leaving: Leaving, setting: Setting) -> Changed:
    """``ticket`` is open and ``leaving.agent``'s."""
    why = WHY[leaving.why]
    # Somebody had it, so an alarm of before is over: if nobody can have it now, that is a new one.
    had = replace(ticket, flags=tuple(flag for flag in ticket.flags if flag != UNASSIGNED))
    gone = act(had, Assign(agent=None, reason=f"{why}."), setting)
    if ticket.status not in RUNNING or QUOTA_ASK in ticket.flags:
        return _told(gone, ticket, gone.facts, leaving)
    given = act(gone.after, Reassign(reason=why), setting)
    facts = given.facts if given.after.assignee is not None else (*gone.facts, *given.facts)
    return _told(given, ticket, facts, leaving)


def _told(changed: Changed, before: TicketState, facts: tuple[Fact, ...], leaving: Leaving) -> Changed:
    """Says in the facts whom it left."""
    named = tuple(replace(fact, left=leaving.agent) if isinstance(fact, TicketAssigned) else fact for fact in facts)
    return replace(changed, before=before, facts=named)
