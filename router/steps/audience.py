"""Whether the requester may file on the catalog entry. Who may not is never lost: the request goes where the policy
says, with the reason."""

from domain.decision import Step
from domain.identity import Organization, mail_domain
from domain.message import Message
from domain.policy import Audience, CatalogEntry, Policy

NOT_ENTITLED = "not_entitled"


def admit(
    entry: CatalogEntry, message: Message, organization: Organization | None, plan: str, policy: Policy
) -> tuple[CatalogEntry, Step | None, tuple[str, ...]]:
    """The entry that the request gets, the step that says so (None where there is nothing to say), and flags."""
    if entry.retired:
        return _elsewhere(entry, f"Catalog entry {entry.path} takes no new requests", policy, ())
    audiences = [policy.audiences[key] for key in entry.audiences if key in policy.audiences]
    if not audiences or any(_among(each, message, organization, plan) for each in audiences):
        return entry, None, ()
    named = ", ".join(each.key for each in audiences)
    because = f"Catalog entry {entry.path} is for {named}, and the requester is not among them"
    return _elsewhere(entry, because, policy, (NOT_ENTITLED,))


def _among(audience: Audience, message: Message, organization: Organization | None, plan: str) -> bool:
    if audience.everybody:
        return True
    if mail_domain(message.sender.address) in audience.domains or plan in audience.plans:
        return True
    if organization is None:
        return False
    return (
        organization.segment in audience.segments
        or organization.id in audience.organizations
        or not audience.groups.isdisjoint(organization.groups)
    )


def _elsewhere(
    entry: CatalogEntry, because: str, policy: Policy, flags: tuple[str, ...]
) -> tuple[CatalogEntry, Step, tuple[str, ...]]:
    target = policy.catalog.get(policy.refused_catalog or policy.default_catalog, entry)
    if target.path == entry.path:
        return entry, Step(step="audience", outcome=entry.path, because=f"{because}. It stays there."), flags
    step = Step(step="audience", outcome=target.path, because=f"{because}. It goes to {target.path}.")
    return target, step, flags
