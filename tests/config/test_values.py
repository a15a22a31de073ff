"""The small languages of the policy files: durations, shifts, days; and their way into the compiled policy."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.bundle import placed
from config.calendars import closed_stretches, compiled, compiled_all, holiday_exceptions, shortened
from config.catalog_schema import CatalogFile
from config.compile_kinds import entry
from config.compile_plans import plan, sla
from config.compiler import condition
from config.line_schema import CalendarDoc, CalendarsFile, HolidaysDoc
from config.plan_schema import PlanDoc, SlaDoc
from config.rule_schema import ConditionDoc
from config.values import duration, parse_days, parse_duration, parse_shift
from domain.businesstime import Calendar
from domain.policy import Condition, Goal
from domain.ticket import Priority

HOUR = 3600
Shifts = tuple[tuple[int, int], ...]


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


def test_the_last_shift_before_a_public_holiday_ends_sooner() -> None:
    document = CalendarDoc.model_validate(
        {
            "zone": "Europe/Moscow",
            "week": {"mon-fri": ["09:00-13:00", "14:00-18:00"]},
            "holidays": {"country": "RU", "years": [2026, 2026]},
            "shorter_before_holidays": "1h",
            "exceptions": {"2026-06-11": ["10:00-12:00"]},
        }
    )
    calendar = compiled("moscow", document)
    morning, afternoon = (9 * HOUR, 13 * HOUR), (14 * HOUR, 18 * HOUR)
    expected = {
        date(2026, 11, 3): (morning, (14 * HOUR, 17 * HOUR)),  # Unity Day is on the 4th
        date(2026, 11, 4): (),
        date(2026, 11, 2): (morning, afternoon),
        date(2026, 6, 11): ((10 * HOUR, 12 * HOUR),),  # a date of our own stands as it is written
        date(2026, 4, 30): (morning, (14 * HOUR, 17 * HOUR)),
        date(2026, 11, 1): (),  # a Sunday has no shift to end
    }
    assert {day: calendar.shifts(day) for day in expected} == expected


def test_the_last_day_of_the_last_year_is_before_a_holiday_too() -> None:
    week = [((9 * HOUR, 18 * HOUR),)] * 7
    days = holiday_exceptions(HolidaysDoc(country="DE", years=(2025, 2025)), week, HOUR)
    assert days[date(2025, 12, 31)] == ((9 * HOUR, 17 * HOUR),)
    assert max(days) == date(2025, 12, 31)


# Working days and hours of the year in a five-day week of 40 hours, as Russia's production calendars have them: the day
# before a public holiday is an hour shorter, the day before a day off that was moved there is not, and a Saturday that
# was made a working day is as long as the day that is off for it.
NORMS = {2020: (248, 1979), 2021: (247, 1972), 2022: (247, 1973), 2023: (247, 1973), 2024: (248, 1979)}
NORMS |= {2025: (247, 1972), 2026: (247, 1972)}


@pytest.mark.parametrize("year", NORMS)
def test_a_year_has_the_hours_of_the_russian_production_calendar(year: int) -> None:
    document = CalendarDoc.model_validate(
        {
            "zone": "Europe/Moscow",
            "week": {"mon-fri": ["09:00-13:00", "14:00-18:00"]},
            "holidays": {"country": "RU"},
            "shorter_before_holidays": "1h",
        }
    )
    calendar = compiled("forty", document)
    days = [calendar.shifts(date(year, 1, 1) + timedelta(days=n)) for n in range(366 if year % 4 == 0 else 365)]
    worked = [sum(end - start for start, end in shifts) for shifts in days if shifts]
    assert (len(worked), sum(worked) / HOUR) == NORMS[year]


def test_days_off_that_were_moved_make_no_short_day_of_their_own() -> None:
    week = [((9 * HOUR, 18 * HOUR),)] * 5 + [()] * 2
    days = holiday_exceptions(HolidaysDoc(country="RU", years=(2022, 2025)), week, HOUR)
    short = ((9 * HOUR, 17 * HOUR),)
    assert date(2025, 5, 7) not in days  # the 8th was a day off, moved from February; Victory Day is the 9th
    assert days[date(2025, 6, 11)] == short
    assert days[date(2022, 3, 5)] == short  # a Saturday in place of Monday the 7th, the day before Women's Day
    assert days[date(2024, 4, 27)] == week[0]  # in place of 29 April, before a day off that was moved
    assert days[date(2024, 11, 2)] == short  # in place of 30 April, the day before May Day


@pytest.mark.parametrize(
    ("country", "eve", "shorter"),
    [
        ("RU", date(2026, 5, 10), False),  # a Sunday; Monday is off because Victory Day is a Saturday
        ("RU", date(2026, 5, 8), True),
        ("US", date(2026, 7, 2), True),  # Friday the 3rd is the public holiday, given for the 4th
    ],
)
def test_a_day_given_for_a_holiday_on_a_weekend_is_a_holiday_where_no_days_are_moved(
    country: str, eve: date, shorter: bool
) -> None:
    week = [((9 * HOUR, 18 * HOUR),)] * 7
    assert (eve in holiday_exceptions(HolidaysDoc(country=country, years=(2026, 2026)), week, HOUR)) is shorter


@pytest.mark.parametrize(
    ("shifts", "shorter"),
    [
        (((0, 4 * HOUR), (5 * HOUR, 8 * HOUR)), ((0, 4 * HOUR), (5 * HOUR, 7 * HOUR))),
        (((0, 4 * HOUR), (5 * HOUR, 6 * HOUR)), ((0, 4 * HOUR),)),
        (((22 * HOUR, 30 * HOUR),), ((22 * HOUR, 29 * HOUR),)),
    ],
)
def test_a_shift_that_is_no_longer_than_what_is_taken_falls_out(shifts: Shifts, shorter: Shifts) -> None:
    assert shortened(shifts, HOUR) == shorter


def test_a_union_is_open_whenever_one_of_its_calendars_is() -> None:
    def office(zone: str) -> dict[str, object]:
        return {"zone": zone, "week": {"mon-fri": ["09:00-18:00"]}}

    zones = {"kaliningrad": "Europe/Kaliningrad", "irkutsk": "Asia/Irkutsk"}
    file = CalendarsFile.model_validate(
        {
            "calendars": {
                "world": {"union": list(zones)},
                **{key: office(zone) for key, zone in zones.items()},
            }
        }
    )
    calendars = compiled_all(file)
    assert list(calendars) == ["world", "kaliningrad", "irkutsk"]
    world = calendars["world"]
    assert world.zone == "Europe/Kaliningrad"
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    day = world.open_between(midnight, midnight + timedelta(days=1))
    # Irkutsk is eight hours ahead of UTC, Kaliningrad two: the one opens before the other closes.
    assert list(day) == [(midnight + timedelta(hours=1), midnight + timedelta(hours=16))]


def test_a_stretch_without_a_shift_is_found_where_it_is_longer_than_allowed() -> None:
    document = {"week": {"mon": ["09:00-18:00"]}, "exceptions": {"2026-07-06": "closed", "2026-07-13": "closed"}}
    calendar = compiled("mondays", CalendarDoc.model_validate(document))
    assert list(closed_stretches(calendar, 14)) == [(date(2026, 6, 30), 20)]
    assert list(closed_stretches(calendar, 20)) == []
    assert list(closed_stretches(Calendar.always("always"), 1)) == []


TITLE = {"ru": "т", "en": "t"}


def test_an_entry_adds_to_inherited_fields_and_replaces_the_rest() -> None:
    field = {"title": TITLE}
    tree = {
        "title": TITLE,
        "line": "first",
        "kinds": ["question"],
        "audience": ["staff"],
        "fields": {"version": field, "severity": field},
        "plans": {"standard": "internal", "premium": "internal"},
        "route": ["first", "second"],
        "retired": True,
        "children": {
            "heir": {"title": TITLE},
            "rebel": {
                "title": TITLE,
                "kinds": ["outage"],
                "audience": ["everybody"],
                "fields": {"severity": {**field, "required": True}, "period": field},
                "plans": {"standard": "premium"},
                "route": ["first"],
            },
        },
    }
    root, heir, rebel = (entry(each, "") for each in placed(CatalogFile.model_validate({"catalog": {"root": tree}})))
    assert (heir.kinds, heir.audiences, heir.route) == (("question",), ("staff",), ("first", "second"))
    assert (heir.plans, heir.fields, heir.own) == (root.plans, root.fields, frozenset())
    assert (root.retired, heir.retired) == (True, False)
    assert (root.form, heir.form) == (False, True)
    assert (rebel.kinds, rebel.audiences, rebel.route) == (("outage",), (), ("first",))
    assert dict(rebel.plans) == {"standard": "premium"}
    assert [(each.key, each.required) for each in rebel.fields] == [
        ("version", False),
        ("severity", True),
        ("period", False),
    ]
    assert rebel.own == {"kinds", "audience", "fields", "plans", "route"}


def test_next_response_is_as_the_first_one_where_it_is_left_out() -> None:
    targets = {
        "first_response": {"p1": "1h", "p2": "none", "p3": "2h", "p4": "2h"},
        "resolution": {"p1": "8h", "p2": "none", "p3": "none", "p4": "none"},
    }
    document = {"title": TITLE, "calendar": "x", "targets": targets, "warn": [75], "on_change": "keep"}
    made = plan("gold", PlanDoc.model_validate(document))
    assert made.goals["next_response"] == made.goals["first_response"]
    goal = Goal(cell="gold/p1", seconds=8 * HOUR, warn=(75,), on_change="keep")
    assert made.goals["resolution"][Priority.P1] == goal
    assert made.goals["first_response"][Priority.P2].seconds is None


def test_cells_stand_by_weight_and_those_of_one_weight_as_in_the_file() -> None:
    selectors: list[dict[str, list[str]]] = [
        {"priorities": ["p1"]},
        {"lines": ["first"]},
        {"types": ["incident"]},
        {"kinds": ["outage"]},
        {"plans": ["a"], "priorities": ["p1"]},
        {"plans": ["b"], "priorities": ["p1"]},
        {"plans": ["a"]},
    ]
    documents = [
        SlaDoc.model_validate({"key": f"c{n}", "first_response": "1h", **each}) for n, each in enumerate(selectors)
    ]
    assert [cell.key for cell in sla(documents)] == ["c4", "c5", "c3", "c2", "c1", "c6", "c0"]


@pytest.mark.parametrize("seconds", [1, 60, 3600, 5400, 86_399, 359_999])
def test_a_duration_written_out_is_read_back(seconds: int) -> None:
    assert parse_duration(duration(seconds)) == seconds
