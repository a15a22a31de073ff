"""The kinds of request: what is asked, what is done about it at each stage, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from domain.policy.catalog import Field
from domain.policy.texts import Text
from domain.status import Status
from domain.ticket import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An item of a checklist. ``required``: the ticket does not leave the stage without it."""

    key: str
    title: Text
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Substatus:
    """A finer status under one of the six. ``pauses``: the customer's clocks stand still in it."""

    key: str
    title: Text
    pauses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a kind says about one status: the regulation the agent follows there, the data without which a ticket does
    not get there (``needs``: keys of fields), the reply templates that fit, the checklist, and the substatuses that are
    switched on."""

    regulation: Text | None = None
    needs: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    checklist: tuple[Check, ...] = ()
    substatuses: tuple[Substatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOn:
    """Conditions under which a ticket of the kind may go to the next line: fields that must be filled, checklist items
    that must be ticked, statuses from which it may go (empty: any)."""

    needs: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    statuses: frozenset[Status] = frozenset()


Closer = Literal["agent", "requester", "timer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a ticket of the kind ends. ``by``: who may close it (``requester``: by their word in feedback; ``timer``: by
    itself, after ``after_s`` in feedback, business time of the line's calendar). ``feedback``: it must pass through."""

    by: frozenset[Closer] = frozenset({"agent", "requester", "timer"})
    feedback: bool = False
    after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindType:
    """A type of request: incident, request, question, change, complaint ... Kinds are grouped by it."""

    key: str
    title: Text
    outside_quota: bool = False
    """Requests of this type are never counted against a plan's quota (code defects)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of request. ``type`` is a key of the policy's types. ``regulation`` is what holds at every stage;
    ``stages`` says more by status. ``lines``: those that it may visit (empty: all)."""

    key: str
    type: str
    title: Text
    impact: Level
    urgency: Level
    regulation: Text
    line: str | None = None
    """Line that takes this kind whatever the catalog says, or None."""
    fields: tuple[Field, ...] = ()
    stages: Mapping[Status, Stage] = field(default_factory=lambda: MappingProxyType({}))
    pass_on: PassOn = PassOn()
    lines: tuple[str, ...] = ()
    closing: Closing = Closing()
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Skills that an agent needs for it: key -> least level."""
    internal_pauses: bool | None = None
    """Whether an internal request stops its clocks; None: as the policy says."""

    def stage(self, status: Status) -> Stage:
        return self.stages.get(status, _NO_STAGE)

    def regulation_at(self, status: Status) -> Text:
        return self.stage(status).regulation or self.regulation


_NO_STAGE = Stage()
