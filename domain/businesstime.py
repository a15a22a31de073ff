"""Business time: calendars of working intervals with time zones, and exact arithmetic over them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    key: str
