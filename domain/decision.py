"""Why a ticket is where it is: steps with reasons, the inputs they were made from, and the policy's revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A rule that was considered, and how it went. Recomputed on demand, never stored."""

    rule: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decided thing. ``step``: requester, correlation, catalog, kind, priority, plan, line, clocks ...

    ``outcome`` is the value chosen, ``because`` one sentence in plain English that names the rule or fact,
    ``rule`` the key of the rule that hit, if one did.
    """

    step: str
    outcome: str
    because: str
    rule: str | None = None
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The record of one routing. ``snapshot`` holds every input beyond message and policy (JSON values): what the
    store knew of the requester, the conversation, load and presence. Revision + message + snapshot give the same
    decision again."""

    revision: int
    decided_at: datetime
    steps: tuple[Step, ...]
    snapshot: Mapping[str, Any] = field(default_factory=dict)

    def outcome(self, step: str) -> str | None:
        """The outcome of the named step, or None if it was not taken."""
        return next((s.outcome for s in self.steps if s.step == step), None)
