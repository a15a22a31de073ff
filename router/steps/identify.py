"""Who wrote, and for which organisation. First step of ``router.decide``.

The organisation of the person's card comes first, then the one that our own lookup names, then the one that owns the
sender's mail domain, unless anybody may have an address there. A sender whose domain check failed gets no organisation:
the address is only a claim.
"""

from dataclasses import dataclass
from typing import Literal

from domain.decision import Step
from domain.identity import Identity, Organization, mail_domain
from domain.message import Message
from domain.policy import MailPolicy
from router.known import Known

SenderCheck = Literal["pass", "fail", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    identity: Identity
    organization: Organization | None
    check: SenderCheck
    step: Step


def sender_check(message: Message, mail: MailPolicy) -> SenderCheck:
    """DMARC as our own relays saw it; what any other server wrote is not believed. One failure outweighs a pass."""
    results = {each.dmarc.lower() for each in message.authentication if each.authserv_id.lower() in mail.authserv_ids}
    return "fail" if "fail" in results else "pass" if "pass" in results else "none"


def identify(message: Message, known: Known, mail: MailPolicy) -> Requester:
    check = sender_check(message, mail)
    organization, because = _organization(message, known, mail, check)
    step = Step(step="requester", outcome=organization.name if organization else "no organisation", because=because)
    return Requester(identity=known.identity, organization=organization, check=check, step=step)


def _organization(
    message: Message, known: Known, mail: MailPolicy, check: SenderCheck
) -> tuple[Organization | None, str]:
    if check == "fail":
        return None, "The sender's domain check (DMARC) failed, so the address says nothing about who wrote."
    if known.organization is not None:
        return known.organization, f"The sender's card belongs to {known.organization.name}."
    if known.named_organization is not None:
        return known.named_organization, f"The lookup names {known.named_organization.name}."
    domain = mail_domain(message.sender.address)
    if is_public(domain, mail):
        return None, f"{domain} is a public mail provider, so the domain names no organisation."
    if known.domain_organization is not None:
        return known.domain_organization, f"The mail domain {domain} belongs to {known.domain_organization.name}."
    return None, "Nothing links this sender to an organisation."


def is_public(domain: str, mail: MailPolicy) -> bool:
    return domain in mail.public_domains
