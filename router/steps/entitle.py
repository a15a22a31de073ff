"""Which service plan covers the request: the contract in force on the day, else the default plan with the reason; then
what the catalog entry, the plan's own limits and its quota make of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.decision import Step
from domain.identity import Contract, Identity, Organization
from domain.policy import CatalogEntry, Kind, Plan, Policy, Quota
from router.steps.clocks import spelled

OVER_QUOTA, QUOTA_ASK = "over_quota", "quota_ask"
NOT_A_CONTACT, CHANNEL_NOT_INCLUDED = "not_a_contact", "channel_not_included"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    plan: Plan
    sentences: tuple[str, ...]
    flags: tuple[str, ...] = ()

    @property
    def step(self) -> Step:
        return Step(step="plan", outcome=self.plan.key, because=" ".join(self.sentences))


def covered_by(organization: Organization | None, policy: Policy, at: datetime) -> Entitlement:
    """By contract alone. ``at`` is when the message came; the day is that of the plan's own calendar."""
    default = policy.plans[policy.default_plan]
    if organization is None:
        return _chosen(default, f"Without an organisation the plan is the default, {default.key}.")
    covering = [each for each in organization.contracts if _covers(each, policy, at)]
    if covering:
        contract = max(covering, key=lambda each: (each.since, each.id))
        return _chosen(policy.plans[contract.plan], f"{organization.name} has a contract in force.")
    return _chosen(default, f"{_why_not(organization, policy)}, so the plan is the default, {default.key}.")


def entitle(
    base: Entitlement,
    *,
    entry: CatalogEntry,
    kind: Kind,
    identity: Identity,
    channel: str,
    organization: Organization | None,
    used: Mapping[str, int],
    worked: Mapping[str, int],
    of_domain: bool,
    policy: Policy,
) -> Entitlement:
    """``used``: requests of the organisation this month, by kind; ``worked``: minutes of work on them. ``of_domain``:
    the sender's mail domain is the organisation's own."""
    plan, sentences, flags = base.plan, [*base.sentences], [*base.flags]
    override = entry.plans.get(plan.key)
    if override is not None and override in policy.plans:
        plan = policy.plans[override]
        sentences.append(f"On {entry.path} plan {base.plan.key} is replaced by {plan.key}.")
    default = policy.plans[policy.default_plan]
    excluded = _not_a_contact(plan, identity, of_domain) if organization is not None and plan != default else None
    if excluded is not None:
        sentences.append(f"{excluded}, so the plan is {default.key}.")
        plan, flags = default, [*flags, NOT_A_CONTACT]
    elif plan.channels and channel not in plan.channels:
        sentences.append(f"Plan {plan.key} does not include {channel}, so the plan is {default.key}.")
        plan, flags = default, [*flags, CHANNEL_NOT_INCLUDED]
    given = Entitlement(plan=plan, sentences=tuple(sentences), flags=tuple(flags))
    return _within_quota(given, kind, (used, worked), policy)


def _not_a_contact(plan: Plan, identity: Identity, of_domain: bool) -> str | None:
    if plan.contacts == "named" and not identity.contact:
        return f"Plan {plan.key} is for named contacts, and the sender is none"
    if plan.contacts == "domains" and not of_domain:
        return f"Plan {plan.key} is for senders of the organisation's own domains, and this is none"
    return None


def _within_quota(
    given: Entitlement, kind: Kind, spent: tuple[Mapping[str, int], Mapping[str, int]], policy: Policy
) -> Entitlement:
    """``spent``: requests and minutes of the month, by kind."""
    plan, quota = given.plan, given.plan.quota
    if quota is None or _outside(kind.key, policy):
        return given
    within, over = _quota_said(plan.key, quota, *(_counted(each, policy) for each in spent))
    if not over:
        return Entitlement(plan=plan, sentences=(*given.sentences, *within), flags=given.flags)
    sentences, flags = (*given.sentences, *over), (*given.flags, OVER_QUOTA)
    lower = policy.plans.get(quota.lower_to or "")
    if quota.over == "lower" and lower is not None:
        return Entitlement(plan=lower, sentences=(*sentences, f"It is served by plan {lower.key}."), flags=flags)
    if quota.over == "ask":
        asked = "Somebody has to agree first."
        return Entitlement(plan=plan, sentences=(*sentences, asked), flags=(*flags, QUOTA_ASK))
    return Entitlement(plan=plan, sentences=sentences, flags=flags)


def _quota_said(plan: str, quota: Quota, requests: int, minutes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said of a quota that is not used up, and of one that is."""
    within, over = [], []
    if quota.requests is not None and requests < quota.requests:
        within.append(f"It is request {requests + 1} of {quota.requests} that plan {plan} includes this month.")
    elif quota.requests is not None:
        over.append(f"Plan {plan} includes {quota.requests} requests a month, and {requests} were made.")
    if quota.hours is not None and minutes >= quota.hours * 60:
        over.append(f"Plan {plan} includes {quota.hours} h of work a month, and {spelled(minutes * 60)} were worked.")
    return tuple(within), tuple(over)


def _counted(spent: Mapping[str, int], policy: Policy) -> int:
    return sum(count for kind, count in spent.items() if not _outside(kind, policy))


def _outside(kind: str, policy: Policy) -> bool:
    """Code defects and whatever else the policy never counts."""
    known = policy.kinds.get(kind)
    type_ = policy.types.get(known.type) if known else None
    return type_ is not None and type_.outside_quota


def _covers(contract: Contract, policy: Policy, at: datetime) -> bool:
    plan = policy.plans.get(contract.plan)
    return plan is not None and contract.covers(policy.calendars[plan.calendar].day(at))


def _why_not(organization: Organization, policy: Policy) -> str:
    if not organization.contracts:
        return f"{organization.name} has no contract"
    contract = max(organization.contracts, key=lambda each: (each.since, each.id))
    if contract.plan not in policy.plans:
        return f"The contract of {organization.name} is for plan {contract.plan}, which the policy does not have"
    if contract.until is not None and contract.until >= contract.since:
        return f"The contract of {organization.name} runs from {contract.since} to {contract.until} and is not in force"
    return f"The contract of {organization.name} begins on {contract.since}"


def _chosen(plan: Plan, because: str) -> Entitlement:
    return Entitlement(plan=plan, sentences=(because,))
