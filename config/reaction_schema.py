"""The shape of ``reactions.yaml``: what happens by itself when a clock warns, or a ticket finds nobody."""

from typing import Literal, Self

from pydantic import Field, model_validator

from config.values import PriorityName, Share, Slug, Steps, Strict

TargetName = Literal["first_response", "next_response", "resolution", "line_stay"]


class ReactionDoc(Strict):
    """Selectors narrow it, an empty one fits all; it does at least one thing."""

    key: Slug
    on: Literal["warned", "breached", "nobody_eligible", "ping_pong", "letters_muted"]
    targets: list[TargetName] = Field(default=[])
    share: Share | None = None
    plans: list[Slug] = Field(default=[])
    priorities: list[PriorityName] = Field(default=[])
    types: list[Slug] = Field(default=[])
    kinds: list[Slug] = Field(default=[])
    lines: list[Slug] = Field(default=[])
    notify: list[Literal["assignee", "line", "lead"]] = Field(default=[])
    raise_priority: Steps = 0
    escalate: bool = False
    escalate_to: Slug | None = None
    reassign: bool = False
    mark: Slug | None = None

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if not (self.notify or self.raise_priority or self.escalate or self.escalate_to or self.reassign or self.mark):
            raise ValueError("does nothing: write notify, raise_priority, escalate, escalate_to, reassign or mark")
        if self.share is not None and self.on != "warned":
            raise ValueError("has a share, which goes with on: warned only")
        if self.targets and self.on not in ("warned", "breached"):
            raise ValueError(f"has targets, but {self.on} is no clock's")
        if self.escalate and self.escalate_to is not None:
            raise ValueError("escalates both to the next line and to one that it names")
        return self


class ReactionsFile(Strict):
    reactions: list[ReactionDoc]
