"""The shape of ``plans.yaml``: what a customer bought, and the cells of the matrix that stand above it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.values import GoalDoc, PriorityName, Slug, Steps, Strict, TextDoc, Warn
from domain.clocks import Target

OnChangeName = Literal["recalculate", "keep", "from_now"]
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class TargetsDoc(Strict):
    """``next_response`` left out is as ``first_response``."""

    first_response: dict[PriorityName, GoalDoc]
    next_response: dict[PriorityName, GoalDoc] | None = None
    resolution: dict[PriorityName, GoalDoc]


class QuotaDoc(Strict):
    requests: int | None = Field(default=None, ge=1)
    hours: int | None = Field(default=None, ge=1)
    over: Literal["flag", "lower", "ask"] = "flag"
    lower_to: Slug | None = None

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.requests is None and self.hours is None:
            raise ValueError("counts nothing: write requests, hours or both")
        if self.over == "lower" and self.lower_to is None:
            raise ValueError("lowers to no plan: write lower_to")
        if self.over != "lower" and self.lower_to is not None:
            raise ValueError("has lower_to, which goes with over: lower only")
        return self


class PlanDoc(Strict):
    title: TextDoc
    calendar: Slug
    targets: TargetsDoc
    warn: Warn = Field(default=[50, 80])
    on_change: OnChangeName = "recalculate"
    raises_priority: Steps = 0
    entitlements: list[TextDoc] = Field(default=[])
    contacts: Literal["anybody", "named", "domains"] = "anybody"
    channels: list[ChannelName] = Field(default=[])
    quota: QuotaDoc | None = None
    personal_engineer: bool = False
    paid_raise: Steps = 0


class SlaDoc(Strict):
    """A cell: what it fits, and the goals that it puts above the plans' own."""

    key: Slug
    plans: list[Slug] = Field(default=[])
    priorities: list[PriorityName] = Field(default=[])
    types: list[Slug] = Field(default=[])
    kinds: list[Slug] = Field(default=[])
    lines: list[Slug] = Field(default=[])
    first_response: GoalDoc | None = None
    next_response: GoalDoc | None = None
    resolution: GoalDoc | None = None
    line_stay: GoalDoc | None = None
    warn: Warn = Field(default=[50, 80])
    on_change: OnChangeName = "recalculate"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.plans or self.priorities or self.types or self.kinds or self.lines):
            raise ValueError("fits everything: name plans, priorities, types, kinds or lines")
        if not self.targets():
            raise ValueError("promises nothing: write first_response, next_response, resolution or line_stay")
        return self

    def targets(self) -> dict[Target, int | None]:
        """What is given; None promises nothing."""
        given: tuple[tuple[Target, int | Literal["none"] | None], ...] = (
            ("first_response", self.first_response),
            ("next_response", self.next_response),
            ("resolution", self.resolution),
            ("line_stay", self.line_stay),
        )
        return {target: None if goal == "none" else goal for target, goal in given if goal is not None}


class PlansFile(Strict):
    plans: dict[Slug, PlanDoc]
    sla: list[SlaDoc] = Field(default=[])
