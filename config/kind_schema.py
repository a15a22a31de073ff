"""The shape of ``kinds.yaml``: what is asked, what is done about it at each status, and how it ends."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.catalog_schema import FieldDoc
from config.values import Duration, LevelName, Slug, StatusName, Strict, TextDoc
from domain.policy import Closing

CloserName = Literal["agent", "requester", "timer"]


class TypeDoc(Strict):
    title: TextDoc
    outside_quota: bool = False


class CheckDoc(Strict):
    title: TextDoc
    required: bool = False


class SubstatusDoc(Strict):
    title: TextDoc
    pauses: bool = False


class StageDoc(Strict):
    """What holds at one status, above what the kind says for all."""

    regulation: TextDoc | None = None
    needs: list[Slug] = Field(default=[])
    templates: list[Slug] = Field(default=[])
    checklist: dict[Slug, CheckDoc] = Field(default={})
    substatuses: dict[Slug, SubstatusDoc] = Field(default={})


class PassOnDoc(Strict):
    needs: list[Slug] = Field(default=[])
    checks: list[Slug] = Field(default=[])
    statuses: list[StatusName] = Field(default=[])


class ClosingDoc(Strict):
    by: list[CloserName] = Field(default=["agent", "requester", "timer"], min_length=1)
    feedback: bool = Closing().feedback
    after: Duration | None = None

    @model_validator(mode="after")
    def _timed(self) -> Self:
        given = "by" in self.model_fields_set
        if given and "timer" in self.by and self.after is None:
            raise ValueError("is closed by a timer that has no time: write after")
        if self.after is not None and "timer" not in self.by:
            raise ValueError("has after, but no timer closes it")
        return self


class KindDoc(Strict):
    type: Slug
    title: TextDoc
    impact: LevelName
    urgency: LevelName
    regulation: TextDoc
    line: Slug | None = None
    fields: dict[Slug, FieldDoc] = Field(default={})
    stages: dict[StatusName, StageDoc] = Field(default={})
    pass_on: PassOnDoc = PassOnDoc()
    lines: list[Slug] = Field(default=[])
    closing: ClosingDoc = ClosingDoc()
    skills: dict[Slug, Annotated[int, Field(ge=1, le=10)]] = Field(default={})
    internal_pauses: bool | None = None


class KindsFile(Strict):
    types: dict[Slug, TypeDoc]
    kinds: dict[Slug, KindDoc]
