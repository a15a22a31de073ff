"""What somebody may want done to a ticket: imperative, frozen, typed. ``router.act`` decides whether it may be.

Commands come from the API, the desk and the timekeeper; what they did is told by facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.message import StoredFile
from domain.status import Status
from domain.ticket import Level, Priority

Relation = Literal["relates_to", "duplicate_of", "caused_by"]
"""How a ticket stands to the other: ``caused_by`` links an incident to its problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. ``id`` is what facts carry (``agent:<id>``, ``token:<id>``, ``timekeeper``); ``agent`` the agent's id,
    where it is one; ``name`` is shown as the author of notes."""

    id: str
    name: str = ""
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """An internal note: never shown to the requester."""

    text: str
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to the requester. ``to``: the identity that it goes to, None: the one that wrote last. ``status``:
    where the ticket goes with it, None: where it is."""

    text: str
    files: tuple[StoredFile, ...] = ()
    to: str | None = None
    status: Status | None = None
    substatus: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """``fields`` are the values that the move asks for, kept on the ticket. ``by_process``: it follows from something
    else, whatever the kind asks for."""

    status: Status
    substatus: str | None = None
    reason: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    by_process: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """``agent`` None: nobody's, back to the line's queue."""

    agent: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Up to ``line``, or to the next line in order. ``by_process``: the policy wants it, whatever the kind asks for."""

    reason: str
    line: str | None = None
    group: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    by_process: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Down to ``line``, or to the line that the ticket came from."""

    reason: str
    line: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classify:
    """What is None stays. ``priority`` overrides what the matrix gives for impact and urgency."""

    catalog: str | None = None
    kind: str | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTo:
    other: int
    relation: Relation = "relates_to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Sets a flag that people see."""

    flag: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign:
    """Another agent of the line, chosen as the line chooses."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Items of the stage's checklist, done or not."""

    done: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWork:
    """Time that was worked on the ticket. Negative minutes take back what was logged by mistake."""

    minutes: int
    text: str = ""


Command = (
    AddNote | Reply | SetStatus | Assign | Escalate | Return | Classify | LinkTo | Mark | Reassign | Tick | LogWork
)
