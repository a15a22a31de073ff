"""The shape of ``letters.yaml``: what requesters and agents are told, and when it is sent by itself."""

from typing import Literal, Self

from pydantic import Field, model_validator

from config.values import Duration, Slug, Strict, TextDoc

MomentName = Literal[
    "opened", "known_incident", "escalated", "waiting", "reminder", "solved", "closed", "forwarded", "notice"
]
USUAL: dict[str, MomentName] = {"acknowledgement": "opened", "resolution": "solved"}
"""Letters that are always there, and when they are sent unless they say otherwise."""


class LetterDoc(Strict):
    """``plans`` and ``lines`` narrow when it is sent by itself."""

    subject: TextDoc
    body: TextDoc
    enabled: bool = True
    on: MomentName | None = None
    plans: list[Slug] = Field(default=[])
    lines: list[Slug] = Field(default=[])
    after: Duration | None = None

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if (self.on == "reminder") != (self.after is not None):
            raise ValueError("after says how long a reminder waits: it goes with on: reminder, and that needs it")
        return self


class BudgetDoc(Strict):
    """How many letters written by themselves one correspondent gets at most, on all channels together."""

    per_hour: int = Field(default=10, ge=1, le=10_000)
    per_day: int = Field(default=40, ge=1, le=100_000)


class LettersFile(Strict):
    budget: BudgetDoc = BudgetDoc()
    letters: dict[Slug, LetterDoc]
