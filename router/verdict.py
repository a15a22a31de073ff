"""What deciding gives: one of four verdicts a message, without ids. ``router.enact`` makes the effect of it."""

from dataclasses import dataclass
from datetime import datetime

from domain.clocks import Target
from domain.decision import Decision, Tried
from domain.message import Bounce
from domain.status import Status
from domain.ticket import Level, Priority
from router.steps.assign import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStart:
    """A clock to be started: ``opens`` is when its calendar first runs."""

    target: Target
    calendar: str
    cell: str
    goal_s: int
    started_at: datetime
    opens: datetime
    due_at: datetime
    warn: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A new ticket."""

    decision: Decision
    requester: str
    organization: str | None
    plan: str
    catalog: str
    kind: str
    impact: Level
    urgency: Level
    priority: Priority
    line: str
    group: str | None
    language: str | None
    clocks: tuple[ClockStart, ...]
    assignee: str | None = None
    choice: Choice | None = None
    """How the line's way of sharing out went, where it was asked. Explained on demand, never stored."""
    parent: int | None = None
    """The ticket that asks for it."""
    incident: int | None = None
    """The ticket of a monitoring system that it is about."""
    audiences: frozenset[str] = frozenset()
    """Those of the policy that the requester meets."""
    alarm: bool = False
    """None of them could have it."""
    flags: tuple[str, ...] = ()

    @property
    def considered(self) -> tuple[Tried, ...]:
        """The agents, by id, who were looked at."""
        return self.choice.considered if self.choice else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The message belongs to a ticket that exists, which moves from ``old`` to ``status``, by way of ``through``.
    ``answers``: somebody wrote to us, and waits for what we say."""

    decision: Decision
    author: str
    number: int
    line: str
    old: Status
    status: Status
    through: tuple[Status, ...] = ()
    because: str = "the requester wrote"
    answers: bool = True
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The same message came before, in ``first_envelope``."""

    first_envelope: str
    number: int | None
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold:
    """No ticket, with the reason in plain words; ``reports`` are deliveries that ``number`` learns of."""

    reason: str
    number: int | None = None
    line: str = ""
    reports: tuple[Bounce, ...] = ()


Verdict = Open | Join | Repeat | Withhold
