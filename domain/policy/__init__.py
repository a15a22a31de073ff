"""The compiled policy: immutable, in memory, everything the router needs to decide without a database.

``config/`` builds it from YAML; nothing here knows how it was written down.
"""

from domain.policy.catalog import CatalogEntry, Kind
from domain.policy.lines import Group, Line
from domain.policy.plans import Goal, Plan
from domain.policy.policy import (
    PLACEHOLDERS,
    REQUIRED_LETTERS,
    FormPolicy,
    Letter,
    MailPolicy,
    Policy,
    PriorityMatrix,
)
from domain.policy.rules import FIELDS, LEAVES, WORD_FIELDS, Condition, Rule
from domain.policy.texts import Text

__all__ = [
    "FIELDS",
    "LEAVES",
    "PLACEHOLDERS",
    "REQUIRED_LETTERS",
    "WORD_FIELDS",
    "CatalogEntry",
    "Condition",
    "FormPolicy",
    "Goal",
    "Group",
    "Kind",
    "Letter",
    "Line",
    "MailPolicy",
    "Plan",
    "Policy",
    "PriorityMatrix",
    "Rule",
    "Text",
]
