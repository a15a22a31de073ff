"""The shape of ``lines.yaml`` and ``calendars.yaml``: who works on tickets, and when."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from config.values import Day, Days, Duration, Mailbox, PriorityName, Shifts, Slug, Strict, TextDoc, Words, Zone

Weight = Annotated[int, Field(ge=0, le=1000)]


class AssignmentDoc(Strict):
    """How the line's tickets find their agent; ``weights`` left out are the usual 4, 2, 1, 1."""

    mode: Literal["manual", "balanced", "round_robin"] = "manual"
    capacity: int = Field(default=20, ge=1, le=10_000)
    weights: dict[PriorityName, Weight] = Field(default={})
    personal: bool = True
    previous: bool = True
    away: Literal["keep", "reassign"] = "keep"


class LineDoc(Strict):
    order: int = Field(ge=1)
    title: TextDoc
    calendar: Slug
    stay: Duration | None = None
    writes_to_customers: bool = True
    groups: dict[Slug, TextDoc] = Field(default={})
    assignment: AssignmentDoc = AssignmentDoc()
    partner: Words | None = None
    department: bool = False
    forwards_to: Mailbox | Literal["customer"] | None = None
    pauses: bool = True

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if not self.pauses and self.forwards_to is None:
            raise ValueError("pauses goes with forwards_to: whether the customer's clocks stand still meanwhile")
        return self


class LinesFile(Strict):
    lines: dict[Slug, LineDoc]


class HolidaysDoc(Strict):
    """Public holidays by country; ``workdays_like``: whose hours a transferred working day has."""

    country: str
    subdivision: str | None = None
    years: tuple[int, int] | None = None
    workdays_like: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("years"), list):
            return {**value, "years": tuple(value["years"])}
        return value


class CalendarDoc(Strict):
    """One of three: ``always``, ``week`` with what goes with it, or ``union`` of other calendars."""

    always: bool = False
    zone: Zone = "UTC"
    week: dict[Days, Shifts] = Field(default={})
    holidays: HolidaysDoc | None = None
    shorter_before_holidays: Duration | None = None
    exceptions: dict[Day, Shifts] = Field(default={})
    union: list[Slug] = Field(default=[])

    @model_validator(mode="after")
    def _one_sort(self) -> Self:
        hours = bool(self.week or self.holidays or self.exceptions or self.shorter_before_holidays)
        if self.always and hours:
            raise ValueError("is always open, so it has no week, holidays or exceptions")
        if self.union and (self.always or hours or "zone" in self.model_fields_set):
            raise ValueError("is a union, so it has no zone, week, holidays or exceptions of its own")
        if not (self.always or self.week or self.union):
            raise ValueError("has no working hours: write week, union, or always: true")
        if self.shorter_before_holidays and self.holidays is None:
            raise ValueError("has shorter_before_holidays, but no holidays")
        return self


class CalendarsFile(Strict):
    calendars: dict[Slug, CalendarDoc]
