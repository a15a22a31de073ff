"""The compiled policy: immutable, in memory, everything the router needs to decide without a database.

``config/`` builds it from YAML; nothing here knows how it was written down.
"""

from domain.policy.catalog import Audience, CatalogEntry, Field, FieldType
from domain.policy.kinds import Check, Closer, Closing, Kind, KindType, PassOn, Stage, Substatus
from domain.policy.lines import Assignment, Group, Line, Mode
from domain.policy.plans import Goal, OnChange, Plan, Quota, SlaCell
from domain.policy.policy import (
    PLACEHOLDERS,
    REQUIRED_LETTERS,
    Adjustments,
    AlertPolicy,
    FormPolicy,
    IvrPolicy,
    Letter,
    LetterBudget,
    MailPolicy,
    Moment,
    Policy,
    PriorityField,
    PriorityMatrix,
    Severity,
)
from domain.policy.reactions import Event, Notified, Reaction
from domain.policy.rules import FIELDS, LEAVES, WORD_FIELDS, Condition, Rule
from domain.policy.texts import Text

__all__ = [
    "FIELDS",
    "LEAVES",
    "PLACEHOLDERS",
    "REQUIRED_LETTERS",
    "WORD_FIELDS",
    "Adjustments",
    "AlertPolicy",
    "Assignment",
    "Audience",
    "CatalogEntry",
    "Check",
    "Closer",
    "Closing",
    "Condition",
    "Event",
    "Field",
    "FieldType",
    "FormPolicy",
    "Goal",
    "Group",
    "IvrPolicy",
    "Kind",
    "KindType",
    "Letter",
    "LetterBudget",
    "Line",
    "MailPolicy",
    "Mode",
    "Moment",
    "Notified",
    "OnChange",
    "PassOn",
    "Plan",
    "Policy",
    "PriorityField",
    "PriorityMatrix",
    "Quota",
    "Reaction",
    "Rule",
    "Severity",
    "SlaCell",
    "Stage",
    "Substatus",
    "Text",
]
