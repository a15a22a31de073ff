"""Which service plan covers the request: the contract in force on the day, else the default plan with the reason."""

from datetime import datetime

from domain.decision import Step
from domain.identity import Contract, Organization
from domain.policy import Plan, Policy


def entitle(organization: Organization | None, policy: Policy, at: datetime) -> tuple[Plan, Step]:
    """``at`` is when the message came; the day is that of the plan's own calendar."""
    default = policy.plans[policy.default_plan]
    if organization is None:
        return _chosen(default, f"Without an organisation the plan is the default, {default.key}.")
    covering = [each for each in organization.contracts if _covers(each, policy, at)]
    if covering:
        contract = max(covering, key=lambda each: (each.since, each.id))
        return _chosen(policy.plans[contract.plan], f"{_named(organization)} in force.")
    return _chosen(default, f"{_why_not(organization, policy)}, so the plan is the default, {default.key}.")


def _covers(contract: Contract, policy: Policy, at: datetime) -> bool:
    plan = policy.plans.get(contract.plan)
    return plan is not None and contract.covers(policy.calendars[plan.calendar].day(at))


def _named(organization: Organization) -> str:
    return f"{organization.name} has a contract"


def _why_not(organization: Organization, policy: Policy) -> str:
    if not organization.contracts:
        return f"{organization.name} has no contract"
    contract = max(organization.contracts, key=lambda each: (each.since, each.id))
    if contract.plan not in policy.plans:
        return f"The contract of {organization.name} is for plan {contract.plan}, which the policy does not have"
    if contract.until is not None and contract.until >= contract.since:
        return f"The contract of {organization.name} runs from {contract.since} to {contract.until} and is not in force"
    return f"The contract of {organization.name} begins on {contract.since}"


def _chosen(plan: Plan, because: str) -> tuple[Plan, Step]:
    return plan, Step(step="plan", outcome=plan.key, because=because)
