"""The policy that comes along: no faults, and what its readers rely on."""

from datetime import UTC, date, datetime, timedelta

import jsonschema_rs
import pytest

from config.documents import read
from config.loader import SAMPLE, check, compile_policy, load_folder
from config.schema import FILES, json_schemas
from domain.clocks import Target
from domain.policy import Goal, Kind, PassOn, Plan, Policy, Text
from domain.ticket import Priority

DOCUMENTS = load_folder(SAMPLE)
HOUR = 3600


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy(DOCUMENTS, 7)


def test_the_sample_has_no_problems() -> None:
    assert check(DOCUMENTS) == ()


def test_compiling_twice_gives_the_same_policy(policy: Policy) -> None:
    assert compile_policy(DOCUMENTS, 7) == policy
    assert policy.revision == 7


def test_the_sample_is_of_the_size_it_claims(policy: Policy) -> None:
    assert len(policy.kinds) >= 100
    assert len({kind.type for kind in policy.kinds.values()} & policy.types.keys()) >= 15
    assert len(policy.rules) >= 60
    assert len(policy.sla) >= 10
    assert len(policy.reactions) >= 10
    assert max(path.count("/") for path in policy.catalog) == 3
    assert [path for path, entry in policy.catalog.items() if entry.retired] == ["accounting/print-service"]
    assert sorted(policy.lines, key=lambda key: policy.lines[key].order) == [
        *("first", "second", "third"),
        *("it-department", "hr", "household", "finance", "customer-department"),
    ]
    assert sorted(policy.plans) == ["extended", "full-sla", "hda", "internal", "premium", "standard"]
    assert sorted(policy.calendars) == [
        *("always", "berlin", "follow-the-sun", "irkutsk", "kaliningrad", "moscow", "night", "yekaterinburg"),
    ]
    assert sorted(policy.forms) == ["default", "field", "staff"]


def test_the_third_line_alone_does_not_write_to_customers(policy: Policy) -> None:
    assert [key for key, line in policy.lines.items() if not line.writes_to_customers] == ["third"]


def test_a_kind_that_goes_up_says_under_which_conditions(policy: Policy) -> None:
    order = {key: line.order for key, line in policy.lines.items()}
    unsaid = [
        kind.key
        for kind in policy.kinds.values()
        if kind.pass_on == PassOn() and _goes_up(kind, order) and not policy.lines[kind.lines[0]].department
    ]
    assert unsaid == []


def _goes_up(kind: Kind, order: dict[str, int]) -> bool:
    """Whether lines above the one where it starts take it."""
    start = kind.line or min(kind.lines, key=order.__getitem__, default="first")
    return any(order[line] > order[start] for line in kind.lines)


def test_employees_have_a_plan_and_departments_of_their_own(policy: Policy) -> None:
    staff = [entry for path, entry in policy.catalog.items() if path.startswith("staff/")]
    assert {entry.audiences for entry in staff} == {("staff",)}
    assert {entry.plans["standard"] for entry in staff} == {"internal"}
    assert {policy.lines[entry.line].department for entry in staff} == {True}


def test_three_offices_cover_the_working_day_in_turn_and_the_night_duty_the_rest(policy: Policy) -> None:
    sun, night = policy.calendars["follow-the-sun"], policy.calendars["night"]
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    hours = [monday + timedelta(hours=hour) for hour in range(24)]
    assert [at.hour for at in hours if sun.is_open(at)] == list(range(17))
    assert all(sun.is_open(at) or night.is_open(at) for at in hours)


def test_the_working_day_before_a_holiday_is_an_hour_shorter(policy: Policy) -> None:
    eve = date(2026, 11, 3)
    ends = {key: policy.calendars[key].shifts(eve)[-1][1] // HOUR for key in ("moscow", "irkutsk", "kaliningrad")}
    assert ends == {"moscow": 17, "irkutsk": 16, "kaliningrad": 18}


def test_first_response_and_resolution_by_plan_and_priority(policy: Policy) -> None:
    seconds = {
        (plan.key, target): [plan.goals[target][priority].seconds for priority in sorted(plan.goals[target])]
        for plan in policy.plans.values()
        for target in ("first_response", "resolution")
    }
    nothing = [None] * 4
    assert seconds == {
        ("standard", "first_response"): [4 * HOUR, 4 * HOUR, 4 * HOUR, 8 * HOUR],
        ("standard", "resolution"): nothing,
        ("extended", "first_response"): [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR],
        ("extended", "resolution"): nothing,
        ("premium", "first_response"): [900, 1800, 2 * HOUR, 4 * HOUR],
        ("premium", "resolution"): [4 * HOUR, 12 * HOUR, None, None],
        ("full-sla", "first_response"): [20 * 60, 45 * 60, 2 * HOUR, 4 * HOUR],
        ("full-sla", "resolution"): [8 * HOUR, 24 * HOUR, 72 * HOUR, None],
        ("hda", "first_response"): [2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR],
        ("hda", "resolution"): nothing,
        ("internal", "first_response"): [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR],
        ("internal", "resolution"): [8 * HOUR, 16 * HOUR, 40 * HOUR, 80 * HOUR],
    }


def test_no_cell_promises_a_premium_customer_less_than_the_plan_does(policy: Policy) -> None:
    """But where nothing is promised on purpose: ideas, and our own records of problems."""
    lower = [
        (goal.cell, target, priority)
        for plan in policy.plans.values()
        for kind in policy.kinds.values()
        for target in ("first_response", "next_response", "resolution")
        for priority in Priority
        if kind.type not in ("idea", "feature", "problem") and (own := _own(plan, target, priority).seconds) is not None
        for goal in [policy.goal(target, plan=plan.key, priority=priority, kind=kind.key, line="first")]
        if goal.seconds is None or goal.seconds > own
    ]
    assert sorted(set(lower)) == []


def _own(plan: Plan, target: Target, priority: Priority) -> Goal:
    return (plan.goals.get(target) or plan.goals["first_response"])[priority]


def test_a_catalog_entry_has_from_its_parent_what_it_leaves_out(policy: Policy) -> None:
    vat = policy.catalog["accounting/reporting/vat"]
    assert (vat.title, vat.line, vat.group, vat.kind, vat.form) == (
        Text(ru="НДС", en="VAT"),
        "first",
        "accounting",
        None,
        True,
    )
    monitoring = policy.catalog["general/monitoring"]
    assert (monitoring.line, monitoring.group, monitoring.form) == ("second", "operations", False)


def test_mail_is_taken_at_our_addresses_only(policy: Policy) -> None:
    assert policy.mail.domains == {"example.org"}
    assert policy.mail.addresses == {"support@example.org", "billing@example.org", "postmaster@example.org"}
    assert policy.mail.catalogs == {"billing@example.org": "account/billing"}


def test_russian_holidays_and_transferred_days_are_in_the_moscow_calendar(policy: Policy) -> None:
    moscow = policy.calendars["moscow"]
    office = ((9 * HOUR, 18 * HOUR),)
    days = {
        date(2025, 11, 1): ((9 * HOUR, 17 * HOUR),),  # a Saturday that was made a working day
        date(2025, 11, 3): (),  # the Monday that was given for it, and would have been the short one before a holiday
        date(2025, 12, 30): office,  # the day off after it was moved there, and is no holiday
        date(2025, 12, 31): (),
        date(2026, 1, 7): (),
        date(2026, 12, 30): ((9 * HOUR, 17 * HOUR),),
        date(2026, 12, 31): (),
        date(2026, 11, 23): office,
        date(2026, 11, 22): (),
    }
    assert {day: moscow.shifts(day) for day in days} == days
    friday_evening = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    assert moscow.next_open(friday_evening) == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def test_each_file_has_a_json_schema_that_refuses_unknown_keys() -> None:
    schemas = json_schemas()
    assert list(schemas) == list(FILES)
    assert {file: schema["additionalProperties"] for file, schema in schemas.items()} == dict.fromkeys(FILES, False)
    rule = schemas["rules.yaml"]["$defs"]["ConditionDoc"]["properties"]
    assert {"all", "any", "none", "field", "is", "in", "words"} <= set(rule)


@pytest.mark.parametrize("file", DOCUMENTS)
def test_the_sample_meets_the_json_schemas_that_editors_use(file: str) -> None:
    value = read(file, DOCUMENTS[file]).value
    assert list(jsonschema_rs.validator_for(json_schemas()[file]).iter_errors(value)) == []
