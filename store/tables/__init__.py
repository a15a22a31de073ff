"""Every table, so that the metadata is whole once this package is imported."""

from store.tables.accounts import BookmarkRow, ChannelAccountRow
from store.tables.agents import (
    AgentAudienceRow,
    AgentGroupRow,
    AgentLineRow,
    AgentRow,
    AgentSkillRow,
    ApiTokenRow,
    SessionRow,
    SignInLinkRow,
)
from store.tables.base import metadata
from store.tables.calls import CallEventRow, CallKeyRow, CallRow
from store.tables.deliveries import DeliveryRow
from store.tables.identities import IdentityInviteRow, IdentityLinkRow
from store.tables.intake import (
    ConversationRow,
    CounterRow,
    HeldRow,
    KeyRow,
    LedgerEntryRow,
    PolicyRevisionRow,
)
from store.tables.messages import AttachmentRow, MessageRow, UploadRow
from store.tables.people import (
    ContractRow,
    IdentityRow,
    OrganizationDomainRow,
    OrganizationGroupRow,
    OrganizationRow,
    PersonRow,
)
from store.tables.tickets import (
    ClockRow,
    ClockSegmentRow,
    DecisionRow,
    FactRow,
    FiringRow,
    OutboxRow,
    ParticipantRow,
    TicketAliasRow,
    TicketLinkRow,
    TicketNumberRow,
    TicketRow,
    TimerRow,
    WorkRow,
)

__all__ = [
    "AgentAudienceRow",
    "AgentGroupRow",
    "AgentLineRow",
    "AgentRow",
    "AgentSkillRow",
    "ApiTokenRow",
    "AttachmentRow",
    "BookmarkRow",
    "CallEventRow",
    "CallKeyRow",
    "CallRow",
    "ChannelAccountRow",
    "ClockRow",
    "ClockSegmentRow",
    "ContractRow",
    "ConversationRow",
    "CounterRow",
    "DecisionRow",
    "DeliveryRow",
    "FactRow",
    "FiringRow",
    "HeldRow",
    "IdentityInviteRow",
    "IdentityLinkRow",
    "IdentityRow",
    "KeyRow",
    "LedgerEntryRow",
    "MessageRow",
    "OrganizationDomainRow",
    "OrganizationGroupRow",
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
    "TimerRow",
    "UploadRow",
    "WorkRow",
    "metadata",
]
