"""Classification rules: conditions as data. No code is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A node of a condition tree.

    ``op``: ``all``, ``any``, ``none`` (over ``children``) or a leaf: ``is``, ``in``, ``words`` (any of the words or
    phrases, by their stems, in Russian and English), ``contains`` (any of the substrings, whatever the case),
    ``present`` (one value: True or False), ``under`` (catalog subtree), ``domain`` (a mail domain or one below it).
    ``field``: one of ``FIELDS``, or ``fields.<name>`` for an answer of a form or an IVR (``text``: subject and body;
    ``catalog``: as it stands when the rule's turn comes).
    """

    op: str
    field: str | None = None
    values: tuple[Any, ...] = ()
    children: tuple["Condition", ...] = ()


FIELDS = (
    "channel",
    "account",
    "adapter",
    "recipient",
    "language",
    "subject",
    "body",
    "text",
    "sender.domain",
    "organization",
    "plan",
    "segment",
    "catalog",
    "attachment.type",
    "attachment.name",
    "automatic",
    "ivr.digits",
    "ivr.path",
    "ivr.product",
    "ivr.confidence",
    "alert.severity",
    "alert.product",
    "alert.status",
)
WORD_FIELDS = ("subject", "body", "text")
"""Fields whose words are known; ``words`` works on these only."""
LEAVES = ("is", "in", "words", "contains", "present", "under", "domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Ordered; the first that matches sets what it names. ``sets`` keys: ``catalog``, ``kind``, ``impact``,
    ``urgency``, ``priority``, ``line``, ``group``, ``suppress`` (a reason: no ticket is made) and ``let_through``
    (``yes``: automatic mail of a list, a bulk sender or an auto-responder makes a ticket all the same). A rule sets
    only what no earlier matching rule has set."""

    key: str
    when: Condition
    sets: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    """``rules.yaml:12``, for people."""
