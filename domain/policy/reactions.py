"""What happens by itself when a clock warns or is breached, or a ticket finds nobody."""

from dataclasses import dataclass
from typing import Literal

from domain.clocks import Target
from domain.ticket import Priority

Event = Literal["warned", "breached", "nobody_eligible", "ping_pong", "letters_muted"]
"""``warned`` and ``breached``: a clock; ``nobody_eligible``: no agent of the line could be given the ticket;
``ping_pong``: it was passed back as often as the policy bears; ``letters_muted``: its requester has had as
many letters written by themselves as the policy lets one have."""

Notified = Literal["assignee", "line", "lead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """``targets`` and ``share`` (per cent of the goal) narrow a clock's event; the sets narrow the ticket, an empty one
    fits all. What it does: ``notify`` whom, ``raise_priority`` by steps, ``escalate`` (to ``escalate_to``, or to the
    next line of the ticket's route), ``reassign`` to another agent, ``mark`` with a flag."""

    key: str
    on: Event
    targets: frozenset[Target] = frozenset()
    share: int | None = None
    plans: frozenset[str] = frozenset()
    priorities: frozenset[Priority] = frozenset()
    types: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    notify: frozenset[Notified] = frozenset()
    raise_priority: int = 0
    escalate: bool = False
    escalate_to: str | None = None
    reassign: bool = False
    mark: str | None = None

    def fits(self, plan: str, priority: Priority, type_: str, kind: str, line: str) -> bool:
        return (
            (not self.plans or plan in self.plans)
            and (not self.priorities or priority in self.priorities)
            and (not self.types or type_ in self.types)
            and (not self.kinds or kind in self.kinds)
            and (not self.lines or line in self.lines)
        )
