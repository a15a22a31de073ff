"""Who wrote: an identity is an address on a channel; a person is a reversible link over identities."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What an organisation bought. Dates are inclusive; ``until`` None means open-ended."""

    id: str
    plan: str
    since: date
    until: date | None = None

    def covers(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A customer, or a department of our own (``segment``: external, internal, partner). ``groups``: names under which
    the policy's audiences know it; ``engineer``: the agent who is its personal engineer or client manager."""

    id: str
    name: str
    domains: tuple[str, ...] = ()
    segment: str = "external"
    contracts: tuple[Contract, ...] = ()
    groups: frozenset[str] = frozenset()
    engineer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """``verified`` says that the owner proved control of the address; ``organization_id`` is set by a person's card.
    ``contact``: one of those that the organisation's contract names."""

    id: str
    channel: str
    address: str
    name: str = ""
    verified: bool = False
    person_id: str | None = None
    organization_id: str | None = None
    vip: bool = False
    contact: bool = False
    language: str | None = None


def mail_domain(address: str) -> str:
    """``a@Example.ORG`` -> ``example.org``; ``""`` where there is none."""
    return address.rpartition("@")[2].lower() if "@" in address else ""
