"""Every table, so that the metadata is whole once this package is imported."""

from store.tables.agents import AgentLineRow, AgentRow, ApiTokenRow, SessionRow, SignInLinkRow
from store.tables.base import metadata
from store.tables.intake import (
    ConversationRow,
    CounterRow,
    HeldRow,
    KeyRow,
    LedgerEntryRow,
    PolicyRevisionRow,
)
from store.tables.messages import AttachmentRow, MessageRow, UploadRow
from store.tables.people import ContractRow, IdentityRow, OrganizationDomainRow, OrganizationRow, PersonRow
from store.tables.tickets import (
    ClockRow,
    ClockSegmentRow,
    DecisionRow,
    FactRow,
    OutboxRow,
    ParticipantRow,
    TicketAliasRow,
    TicketLinkRow,
    TicketNumberRow,
    TicketRow,
)

__all__ = [
    "AgentLineRow",
    "AgentRow",
    "ApiTokenRow",
    "AttachmentRow",
    "ClockRow",
    "ClockSegmentRow",
    "ContractRow",
    "ConversationRow",
    "CounterRow",
    "DecisionRow",
    "FactRow",
    "HeldRow",
    "IdentityRow",
    "KeyRow",
    "LedgerEntryRow",
    "MessageRow",
    "OrganizationDomainRow",
    "OrganizationRow",
    "OutboxRow",
    "ParticipantRow",
    "PersonRow",
    "PolicyRevisionRow",
    "SessionRow",
    "SignInLinkRow",
    "TicketAliasRow",
    "TicketLinkRow",
    "TicketNumberRow",
    "TicketRow",
    "UploadRow",
    "metadata",
]
