"""The shape of ``rules.yaml``: conditions as data, and what a rule may set."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from config.values import LevelName, PriorityName, Slug, Strict, Words
from domain.policy import FIELDS, LEAVES, WORD_FIELDS


class ConditionDoc(Strict):
    """Either one of ``all``, ``any``, ``none`` over conditions, or a ``field`` with one test."""

    all_: list["ConditionDoc"] | None = Field(default=None, alias="all")
    any_: list["ConditionDoc"] | None = Field(default=None, alias="any", min_length=1)
    none_: list["ConditionDoc"] | None = Field(default=None, alias="none", min_length=1)
    field: str | None = None
    is_: str | bool | int | float | None = Field(default=None, alias="is")
    in_: list[str | bool | int | float] | None = Field(default=None, alias="in", min_length=1)
    words: list[Words] | None = Field(default=None, min_length=1)
    contains: list[Words] | None = Field(default=None, min_length=1)
    present: bool | None = None
    under: str | None = None
    domain: list[Words] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        branches = [name for name, given in self.branches() if given is not None]
        tests = [name for name, given in self.tests() if given is not None]
        if len(branches) + bool(tests or self.field) != 1:
            raise ValueError("must be one of all, any, none, or a field with one test")
        if branches:
            return self
        if self.field is None:
            raise ValueError("names no field")
        if len(tests) != 1:
            raise ValueError(f"must have one test of {', '.join(LEAVES)}; it has {len(tests)}")
        if self.field not in FIELDS and not self.field.startswith("fields."):
            raise ValueError(f"tests an unknown field {self.field}; there are {', '.join(FIELDS)} and fields.<name>")
        if tests == ["words"] and self.field not in WORD_FIELDS:
            raise ValueError(f"looks for words in {self.field}; words are known of {', '.join(WORD_FIELDS)}")
        if tests == ["under"] and self.field != "catalog":
            raise ValueError("tests under on a field other than catalog")
        return self

    def branches(self) -> tuple[tuple[str, list["ConditionDoc"] | None], ...]:
        return (("all", self.all_), ("any", self.any_), ("none", self.none_))

    def tests(self) -> tuple[tuple[str, Any], ...]:
        return tuple((op, getattr(self, f"{op}_" if op in ("is", "in") else op)) for op in LEAVES)


class SetsDoc(Strict):
    catalog: str | None = None
    kind: str | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    priority: PriorityName | None = None
    line: str | None = None
    group: str | None = None
    suppress: Words | None = None
    let_through: Literal[True] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.given():
            raise ValueError("sets nothing")
        if self.suppress and self.let_through:
            raise ValueError("both suppresses and lets through")
        return self

    def given(self) -> dict[str, str]:
        """What the rule sets, as the domain keeps it."""
        values = self.model_dump(exclude_none=True)
        return {key: "yes" if value is True else str(value) for key, value in values.items()}


class RuleDoc(Strict):
    key: Slug
    when: ConditionDoc
    set: SetsDoc


class RulesFile(Strict):
    """In order: the first that matches sets what it names."""

    rules: list[RuleDoc]
