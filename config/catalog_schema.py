"""The shape of ``catalog.yaml``: what may be asked for, by whom, and the data that a request has."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.values import Choice, Domain, Slug, Strict, TextDoc, Words

EVERYBODY = "everybody"
"""The audience that is always there; named at an entry it takes an inherited one back."""


class FieldDoc(Strict):
    title: TextDoc
    type: Literal["text", "long_text", "number", "date", "choice", "yes_no"] = "text"
    choices: dict[Choice, TextDoc] = Field(default={})
    required: bool = False

    @model_validator(mode="after")
    def _choices(self) -> Self:
        if self.type == "choice" and not self.choices:
            raise ValueError("is a choice of nothing: write choices")
        if self.type != "choice" and self.choices:
            raise ValueError(f"has choices, but its type is {self.type}")
        return self


class AudienceDoc(Strict):
    """Whoever meets one of these; an audience of nothing is refused."""

    title: TextDoc
    segments: list[Literal["external", "internal", "partner"]] = Field(default=[])
    organizations: list[Words] = Field(default=[])
    groups: list[Words] = Field(default=[])
    plans: list[Slug] = Field(default=[])
    domains: list[Domain] = Field(default=[])

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.segments or self.organizations or self.groups or self.plans or self.domains):
            raise ValueError("names nobody: write segments, organizations, groups, plans or domains")
        return self


class CatalogDoc(Strict):
    """What is left out comes from the entry above, but for ``title``, ``retired`` and ``children``."""

    title: TextDoc
    line: Slug | None = None
    group: Slug | None = None
    kind: Slug | None = None
    form: bool | None = None
    kinds: list[Slug] | None = Field(default=None, min_length=1)
    audience: list[Slug] | None = Field(default=None, min_length=1)
    fields: dict[Slug, FieldDoc] = Field(default={})
    plans: dict[Slug, Slug] | None = None
    route: Annotated[list[Slug], Field(min_length=1)] | None = None
    retired: bool = False
    children: dict[Slug, "CatalogDoc"] = Field(default={})


class CatalogFile(Strict):
    audiences: dict[Slug, AudienceDoc] = Field(default={})
    catalog: dict[Slug, CatalogDoc]
