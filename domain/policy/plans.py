"""Service plans, what they entitle to, and the SLA matrix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from domain.clocks import Target
from domain.policy.texts import Text
from domain.ticket import Priority

OnChange = Literal["recalculate", "keep", "from_now"]
"""What a cell says of a clock whose ticket comes under it later: its goal is counted over all that the clock has
consumed; the clock keeps the goal it has; or the goal is counted from the moment of the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A target's business time in seconds; None is an explicit promise of nothing. ``cell`` names its place in the
    matrix. ``warn``: shares of the goal, in per cent, at which the clock warns."""

    cell: str
    seconds: int | None
    warn: tuple[int, ...] = (50, 80)
    on_change: OnChange = "recalculate"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaCell:
    """A row of the matrix beyond the plans' own: where all that it names fits, its goals stand above. A set that is
    empty fits everything. The one that names more things wins; of two that name as many, kind stands above type, type
    above line, line above plan, plan above priority."""

    key: str
    plans: frozenset[str] = frozenset()
    priorities: frozenset[Priority] = frozenset()
    types: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    goals: Mapping[Target, Goal]

    def fits(self, plan: str, priority: Priority, type_: str, kind: str, line: str) -> bool:
        return (
            (not self.plans or plan in self.plans)
            and (not self.priorities or priority in self.priorities)
            and (not self.types or type_ in self.types)
            and (not self.kinds or kind in self.kinds)
            and (not self.lines or line in self.lines)
        )

    @property
    def weight(self) -> tuple[int, ...]:
        """Greater is more specific."""
        named = (self.kinds, self.types, self.lines, self.plans, self.priorities)
        return (sum(map(bool, named)), *(int(bool(each)) for each in named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a plan includes a month of its calendar: ``requests`` or ``hours`` of work, or both. Above it: ``flag`` the
    ticket and go on, ``lower`` to the plan ``lower_to``, or ``ask`` (the ticket waits in classification for somebody to
    agree)."""

    requests: int | None = None
    hours: int | None = None
    over: Literal["flag", "lower", "ask"] = "flag"
    lower_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``goals[target][priority]``. ``calendar`` drives the customer's targets (the line's drives its stay).

    ``contacts``: who may write under it: ``anybody`` of the organisation, ``named`` contacts only, or who writes from
    one of its mail ``domains``. ``channels``: those it includes (empty: all). ``personal_engineer``: its customers have
    one. ``paid_raise``: its customers may raise a request's priority by so many steps, for money."""

    key: str
    title: Text
    calendar: str
    goals: Mapping[Target, Mapping[Priority, Goal]]
    raises_priority: int = 0
    """Steps by which tickets of this plan are raised (1: P3 becomes P2)."""
    entitlements: tuple[Text, ...] = ()
    contacts: Literal["anybody", "named", "domains"] = "anybody"
    channels: frozenset[str] = frozenset()
    quota: Quota | None = None
    personal_engineer: bool = False
    paid_raise: int = 0
