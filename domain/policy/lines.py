"""Support lines and the groups within them."""

from dataclasses import dataclass

from domain.policy.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    key: str
    title: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``order`` 1 is the first line. ``calendar`` drives the time a ticket may stay here, ``stay_s`` (business seconds;
    None: no limit). ``writes_to_customers`` says whether its agents may answer requesters."""

    key: str
    order: int
    title: Text
    calendar: str
    groups: tuple[Group, ...] = ()
    stay_s: int | None = None
    writes_to_customers: bool = True
