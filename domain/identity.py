"""Who wrote: an identity is an address on a channel; a person is a reversible link over identities."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from domain.errors import Invalid


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
    the policy's audiences know it; ``engineer``: the agent who is its personal engineer or client manager;
    ``department``: the mail address of its own department, which takes what is forwarded to it."""

    id: str
    name: str
    domains: tuple[str, ...] = ()
    segment: str = "external"
    contracts: tuple[Contract, ...] = ()
    groups: frozenset[str] = frozenset()
    engineer: str | None = None
    department: str = ""


def contracted(organization: Organization, contract: Contract) -> Organization:
    """The organisation under a further contract: what runs when it begins ends on the day before, and what began on the
    same day is replaced. Raises ``Invalid`` (``since``, ``until``) where a later one is in its way or it has no day."""
    if contract.until is not None and contract.until < contract.since:
        raise Invalid("until", f"{contract.until} is before {contract.since}")
    kept = []
    for each in organization.contracts:
        if each.since > contract.since and (contract.until is None or each.since <= contract.until):
            raise Invalid("since", f"a contract of plan {each.plan} begins on {each.since}, within the new one")
        if each.since == contract.since:
            continue
        runs = each.since < contract.since and each.covers(contract.since)
        kept.append(replace(each, until=contract.since - timedelta(days=1)) if runs else each)
    contracts = sorted((*kept, contract), key=lambda each: (each.since, each.id))
    return replace(organization, contracts=tuple(contracts))


def ended(organization: Organization, until: date) -> Organization:
    """Its last contract ends on that day. Raises ``Invalid`` where there is none, or it begins later."""
    if not organization.contracts:
        raise Invalid("until", f"{organization.name} has no contract")
    *kept, last = sorted(organization.contracts, key=lambda each: (each.since, each.id))
    if until < last.since:
        raise Invalid("until", f"its contract begins on {last.since}")
    return replace(organization, contracts=(*kept, replace(last, until=until)))


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


LinkedBy = Literal["deep_link", "code", "shared_number", "agent"]
"""How it is known that an identity is a person's: a secret that was sent to one channel came back on another; the
channel vouches for a number; or an agent says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLink:
    """An identity was made a person's, and can be given back to whom it was of before."""

    id: str
    identity: str
    person: str
    before: str | None
    how: LinkedBy
    by: str
    at: datetime
