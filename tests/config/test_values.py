"""The small languages of the policy files: durations, shifts, days; and their way into the compiled policy."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendars import compiled, holiday_exceptions
from config.compiler import condition, placed
from config.rule_schema import ConditionDoc
from config.schema import CalendarDoc, CatalogFile, HolidaysDoc, parse_days, parse_duration, parse_shift
from domain.businesstime import Calendar
from domain.policy import Condition

HOUR = 3600


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    text = "".join(f"{count}{unit}" for count, unit in parts if count)
    if text:
        assert parse_duration(text) == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("text", ["", "h", "4", "2d", "1.5h", "30m4h", "-4h", "4h ", "0h", None, 4, "none"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("09:00-18:00", (9 * HOUR, 18 * HOUR)),
        ("22:00-06:00", (22 * HOUR, 30 * HOUR)),
        ("00:00-24:00", (0, 24 * HOUR)),
        ("08:30-08:30", (8 * HOUR + 1800, 32 * HOUR + 1800)),
    ],
)
def test_a_shift_that_ends_before_it_starts_ends_on_the_next_day(text: str, span: tuple[int, int]) -> None:
    assert parse_shift(text) == span


@pytest.mark.parametrize("text", ["9-18", "09:00", "09:60-10:00", "24:00-25:00", "24:30-01:00", "closed", 9])
def test_what_is_no_shift_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_shift(text)


def test_ranges_of_days_may_run_over_the_week_end() -> None:
    assert [parse_days(text) for text in ("mon", "mon-fri", "sat-mon", "wed-wed")] == [
        (0,),
        (0, 1, 2, 3, 4),
        (5, 6, 0),
        (2,),
    ]


def test_own_days_stand_above_public_holidays_and_the_week() -> None:
    document = CalendarDoc.model_validate(
        {
            "zone": "Europe/Berlin",
            "week": {"mon-fri": ["08:00-12:00", "13:00-17:00"]},
            "holidays": {"country": "DE", "subdivision": "BY", "years": [2026, 2026]},
            "exceptions": {"2026-12-25": ["10:00-12:00"], "2026-07-01": "closed"},
        }
    )
    calendar = compiled("munich", document)
    office = ((8 * HOUR, 12 * HOUR), (13 * HOUR, 17 * HOUR))
    expected = {
        date(2026, 12, 24): office,
        date(2026, 12, 25): ((10 * HOUR, 12 * HOUR),),
        date(2026, 7, 1): (),
        date(2026, 1, 6): (),  # Epiphany, a holiday in Bavaria and not in Berlin
        date(2027, 1, 6): office,  # not among the years
    }
    assert {day: calendar.shifts(day) for day in expected} == expected


def test_a_transferred_working_day_has_the_hours_of_the_day_that_is_named() -> None:
    week = [((9 * HOUR, 18 * HOUR),)] * 4 + [((9 * HOUR, 17 * HOUR),), (), ()]
    saturday = date(2025, 11, 1)
    hours = {
        like: holiday_exceptions(HolidaysDoc(country="RU", years=(2025, 2025), workdays_like=like), week)[saturday]
        for like in ("mon", "fri")
    }
    assert hours == {"mon": ((9 * HOUR, 18 * HOUR),), "fri": ((9 * HOUR, 17 * HOUR),)}


def test_an_always_open_calendar_compiles_to_one() -> None:
    assert compiled("duty", CalendarDoc(always=True)) == Calendar.always("duty")


def test_conditions_keep_their_shape() -> None:
    document = ConditionDoc.model_validate(
        {
            "all": [
                {"field": "text", "words": ["не работает", "down"]},
                {"none": [{"field": "channel", "in": ["ivr", "alert"]}]},
                {"field": "fields.version", "present": False},
                {"field": "fields.seats", "is": 5},
            ]
        }
    )
    assert condition(document) == Condition(
        op="all",
        children=(
            Condition(op="words", field="text", values=("не работает", "down")),
            Condition(op="none", children=(Condition(op="in", field="channel", values=("ivr", "alert")),)),
            Condition(op="present", field="fields.version", values=(False,)),
            Condition(op="is", field="fields.seats", values=(5,)),
        ),
    )


def test_a_catalog_entry_inherits_all_but_a_group_of_another_line() -> None:
    title = {"ru": "т", "en": "t"}
    leaf = {"title": title}
    tree = {
        "title": title,
        "line": "first",
        "group": "money",
        "kind": "question",
        "form": False,
        "children": {
            "same": {**leaf, "form": True, "children": {"deep": leaf}},
            "moved": {**leaf, "line": "second", "children": {"deep": {**leaf, "kind": "outage"}}},
            "back": {**leaf, "line": "first"},
        },
    }
    file = CatalogFile.model_validate({"catalog": {"root": tree}})
    assert [(e.path, e.line, e.group, e.kind, e.form) for e in placed(file)] == [
        ("root", "first", "money", "question", False),
        ("root/same", "first", "money", "question", True),
        ("root/same/deep", "first", "money", "question", True),
        ("root/moved", "second", None, "question", False),
        ("root/moved/deep", "second", None, "outage", False),
        ("root/back", "first", "money", "question", False),
    ]
