"""What deciding on a command rests on beside the ticket. Made by ``router.actions``, ``router.service`` and
``router.timekeeper``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.commands import Actor
from domain.outgoing import NO_OUTLET, Correspondence, Outlet
from domain.people import Agent, Worker
from domain.policy import Policy
from domain.ports import Ids
from domain.ticket import TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an action rests on beside the ticket and the command. ``agents``: those the command names, by id.
    ``others``: numbers of tickets the command names that exist for the actor. ``workers``: agents of the lines that
    share their tickets out. ``correspondences``: ticket -> whom its letters may go to; without one it writes none."""

    policy: Policy
    now: datetime
    actor: Actor
    ids: Ids
    agents: Mapping[str, Agent]
    others: frozenset[int] = frozenset()
    workers: tuple[Worker, ...] = ()
    outlet: Outlet = NO_OUTLET
    correspondences: Mapping[int, Correspondence] = field(default_factory=dict)


def said(ticket: TicketState, setting: Setting) -> dict[str, Any]:
    """What every fact has."""
    return {"ticket": ticket.number, "at": setting.now, "by": setting.actor.id}
