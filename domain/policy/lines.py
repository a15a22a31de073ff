"""Support lines, the groups within them, and how each gives tickets to its agents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from domain.policy.texts import Text
from domain.ticket import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    key: str
    title: Text


Mode = Literal["manual", "balanced", "round_robin"]
"""``manual``: agents take tickets; ``balanced``: the one with the least weight in hand; ``round_robin``: the one whose
last ticket is longest ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """How a line's tickets find their agent. ``capacity``: the weight one agent may have in hand (an agent's own card
    may say otherwise); ``weights``: what a ticket of each priority weighs. ``personal`` and ``previous``: whether the
    customer's own engineer, and the agent of their last ticket, come first. ``away``: what becomes of the tickets that
    an agent who goes away has in work."""

    mode: Mode = "manual"
    capacity: int = 20
    weights: Mapping[Priority, int] = field(
        default_factory=lambda: MappingProxyType({Priority.P1: 4, Priority.P2: 2, Priority.P3: 1, Priority.P4: 1})
    )
    personal: bool = True
    previous: bool = True
    away: Literal["keep", "reassign"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``order`` 1 is the first line. ``calendar`` drives the time a ticket may stay here, ``stay_s`` (business seconds;
    None: no limit), and is when its agents are on shift unless their card names another. ``writes_to_customers`` says
    whether its agents may answer requesters. ``partner``: the organisation that it is delegated to; of the tickets that
    stand on this line now its agents see their own and those that are nobody's. ``department``: takes internal requests
    of other lines. ``forwards_to``: what comes here is sent on by mail: to this address, or, ``customer``, to the
    department that the requester's organisation names; if it ``pauses``, the customer's clocks stand still then."""

    key: str
    order: int
    title: Text
    calendar: str
    groups: tuple[Group, ...] = ()
    stay_s: int | None = None
    writes_to_customers: bool = True
    assignment: Assignment = Assignment()
    partner: str | None = None
    department: bool = False
    forwards_to: str | None = None
    pauses: bool = True
