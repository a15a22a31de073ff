"""Which audiences of the policy the requester meets, and whether they may file on the catalog entry. Pure; called by
``router.decide``. Who may not is never lost: the request goes where the policy says, with the reason."""

from domain.decision import Step
from domain.identity import Organization, mail_domain
from domain.message import Message
from domain.policy import Audience, CatalogEntry, Policy

NOT_ENTITLED = "not_entitled"
OURS = "internal"
"""The segment of our own departments."""


def audiences_met(
    message: Message, organization: Organization | None, plan: str, policy: Policy, *, ours: bool = False
) -> frozenset[str]:
    """Keys of the audiences that the requester is among. ``plan`` is the one in force; ``ours``: a colleague asks, who
    is of the house whatever is known of their address."""
    if not policy.audiences:
        return frozenset()
    domain = mail_domain(message.sender.address)
    return frozenset(
        [
            key
            for key, each in policy.audiences.items()
            if _among(each, domain, organization, plan) or (ours and OURS in each.segments)
        ]
    )


def admit(
    entry: CatalogEntry, met: frozenset[str], policy: Policy
) -> tuple[CatalogEntry, Step | None, tuple[str, ...]]:
    """The entry that the request gets, the step that says so (None where there is nothing to say), and flags."""
    if entry.retired:
        return _elsewhere(entry, f"Catalog entry {entry.path} takes no new requests", policy, ())
    audiences = [key for key in entry.audiences if key in policy.audiences]
    if not audiences or not met.isdisjoint(audiences):
        return entry, None, ()
    named = ", ".join(audiences)
    because = f"Catalog entry {entry.path} is for {named}, and the requester is not among them"
    return _elsewhere(entry, because, policy, (NOT_ENTITLED,))


def _among(audience: Audience, domain: str, organization: Organization | None, plan: str) -> bool:
    if domain in audience.domains or plan in audience.plans:
        return True
    if organization is not None and (
        organization.segment in audience.segments
        or organization.id in audience.organizations
        or not audience.groups.isdisjoint(organization.groups)
    ):
        return True
    return audience.everybody


def _elsewhere(
    entry: CatalogEntry, because: str, policy: Policy, flags: tuple[str, ...]
) -> tuple[CatalogEntry, Step, tuple[str, ...]]:
    target = policy.catalog.get(policy.refused_catalog or policy.default_catalog, entry)
    if target.path == entry.path:
        return entry, Step(step="audience", outcome=entry.path, because=f"{because}. It stays there."), flags
    step = Step(step="audience", outcome=target.path, because=f"{because}. It goes to {target.path}.")
    return target, step, flags
