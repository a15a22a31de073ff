"""Classification rules: conditions as data. No code is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A node of a condition tree.

    ``op``: ``all``, ``any``, ``none`` (over ``children``) or a leaf: ``is``, ``in``, ``words`` (any of the words or
    phrases, stemmed, in Russian and English), ``contains`` (any of the substrings, case-folded), ``present``,
    ``under`` (catalog subtree), ``domain`` (the sender's mail domain or a parent of it).
    ``field``: ``channel account adapter recipient language subject body text sender.domain organization plan
    segment catalog attachment.type attachment.name automatic fields.<name>`` (``text``: subject and body).
    ``stems``: for ``words``, each phrase as stemmed tokens.
    """

    op: str
    field: str | None = None
    values: tuple[Any, ...] = ()
    children: tuple["Condition", ...] = ()
    stems: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Ordered; the first that matches sets what it names. ``sets`` keys: ``catalog``, ``kind``, ``impact``,
    ``urgency``, ``priority``, ``line``, ``group``, ``suppress`` (a reason). A rule sets only what no earlier
    matching rule has set."""

    key: str
    when: Condition
    sets: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    """``rules.yaml:12``, for people."""
