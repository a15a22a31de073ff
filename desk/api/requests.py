"""Bodies of the API's POSTs, as types: they are checked against these, and OpenAPI is made of them.

``version``, where it is given, is the ticket's version that the caller saw: a ticket that has changed since is left
alone and the answer is 409.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(max_length=100_000)]
Line = Annotated[str, Meta(max_length=500)]
Key = Annotated[str, Meta(max_length=200)]
Reason = Annotated[str, Meta(max_length=2_000)]
Files = Annotated[tuple[Key, ...], Meta(max_length=20)]
Version = Annotated[int, Meta(ge=1)] | None
StatusName = Literal["classification", "in_progress", "waiting_requester", "internal", "feedback", "closed"]
LevelName = Literal["high", "medium", "low"]


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Note(Request, frozen=True):
    """An internal note, never shown to the requester. ``attachments``: ids of ``POST /api/v1/attachments``."""

    text: Text = ""
    attachments: Files = ()
    version: Version = None


class Reply(Request, frozen=True):
    """An answer to the requester, in the frame of the policy's letter. ``to``: an identity's id; left out: whoever
    wrote last, where they wrote from. ``status``: where the ticket goes with it; ``fields`` are kept on the ticket."""

    text: Text = ""
    attachments: Files = ()
    to: Key | None = None
    status: StatusName | None = None
    substatus: Key | None = None
    fields: dict[Key, Any] = {}
    version: Version = None


class Merge(Request, frozen=True):
    """``identity``: one of the person whose the other is to be."""

    identity: Key


class StatusMove(Request, frozen=True):
    """``fields`` are kept on the ticket."""

    status: StatusName
    substatus: Key | None = None
    reason: Reason = ""
    fields: dict[Key, Any] = {}
    version: Version = None


class Assignment(Request, frozen=True):
    """``assignee``: an agent's id or e-mail address; null gives the ticket back to the line's queue."""

    assignee: Key | None
    reason: Reason = ""
    version: Version = None


class Escalation(Request, frozen=True):
    """Up to ``line``, else to the next line."""

    reason: Reason
    line: Key | None = None
    group: Key | None = None
    fields: dict[Key, Any] = {}
    version: Version = None


class Handback(Request, frozen=True):
    """Down to ``line``, else to the line that the ticket came from."""

    reason: Reason
    line: Key | None = None
    group: Key | None = None
    version: Version = None


class Classification(Request, frozen=True):
    """What is left out stays. ``priority`` overrides what the matrix gives for impact and urgency."""

    catalog: Key | None = None
    kind: Key | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    priority: Literal["p1", "p2", "p3", "p4"] | None = None
    fields: dict[Key, Any] = {}
    reason: Reason = ""
    version: Version = None


class LinkRequest(Request, frozen=True):
    """``ticket``: the other one's number."""

    ticket: Key
    relation: Literal["relates_to", "duplicate_of", "caused_by"] = "relates_to"
    version: Version = None


class NewTicket(Request, frozen=True):
    """A request filed for somebody: who called, or stood at the desk. One of ``email`` and ``phone`` says who it is.
    The same ``idempotency_key`` with the same body gives the same receipt again; with another body, 409."""

    subject: Line
    body: Text
    name: Line = ""
    email: Line = ""
    phone: Line = ""
    catalog: Key = ""
    fields: dict[Key, Any] = {}
    attachments: Files = ()
    idempotency_key: Annotated[str, Meta(max_length=100)] = ""


class Checks(Request, frozen=True):
    """Items of the checklists of the ticket's kind, by key."""

    done: Annotated[tuple[Key, ...], Meta(max_length=100)] = ()
    undone: Annotated[tuple[Key, ...], Meta(max_length=100)] = ()
    version: Version = None


class Work(Request, frozen=True):
    """Time worked on the ticket, in minutes; negative minutes take back what was logged by mistake."""

    minutes: Annotated[int, Meta(ge=-1440, le=1440)]
    text: Reason = ""
    version: Version = None


class InternalRequest(Request, frozen=True):
    """What is asked of another department, on behalf of a ticket that is in work: ``catalog`` is an entry of theirs.
    The ticket waits until the request is closed. The same ``idempotency_key`` gives the same receipt again."""

    subject: Line
    body: Text
    catalog: Key
    fields: dict[Key, Any] = {}
    attachments: Files = ()
    idempotency_key: Annotated[str, Meta(max_length=100)] = ""


class AgentChange(Request, frozen=True):
    """What is left out stays. ``groups``: line -> its groups that the agent belongs to; on a line without one, all of
    them. ``audiences`` that the agent serves; none: everybody. ``calendar`` and ``capacity``: null gives them back to
    the line. ``active`` false removes: their open tickets go to others."""

    name: Line | UnsetType = UNSET
    lines: tuple[Key, ...] | UnsetType = UNSET
    groups: dict[Key, tuple[Key, ...]] | UnsetType = UNSET
    skills: dict[Key, Annotated[int, Meta(ge=1, le=10)]] | UnsetType = UNSET
    audiences: tuple[Key, ...] | UnsetType = UNSET
    calendar: Key | UnsetType | None = UNSET
    capacity: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    admin: bool | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class PresenceChange(Request, frozen=True):
    """``until``: when a break or an absence ends by itself."""

    presence: Literal["on", "break", "away"]
    until: Annotated[datetime, Meta(tz=True)] | None = None
