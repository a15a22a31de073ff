"""Service plans and their SLA targets."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.clocks import Target
from domain.policy.texts import Text
from domain.ticket import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A target's business time in seconds; None is an explicit promise of nothing. ``cell`` names its place."""

    cell: str
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``goals[target][priority]``. ``calendar`` drives the customer's targets (the line's drives its stay)."""

    key: str
    title: Text
    calendar: str
    goals: Mapping[Target, Mapping[Priority, Goal]]
    raises_priority: int = 0
    """Steps by which tickets of this plan are raised (1: P3 becomes P2)."""
    entitlements: tuple[Text, ...] = ()
