"""The policy that comes along: no faults, and what its readers rely on."""

from datetime import UTC, date, datetime

import jsonschema_rs
import pytest

from config.documents import read
from config.loader import SAMPLE, check, compile_policy, load_folder
from config.schema import FILES, json_schemas
from domain.policy import Policy, Text

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
    assert len(policy.kinds) >= 12
    assert len({kind.type for kind in policy.kinds.values()}) >= 6
    assert len(policy.rules) >= 20
    assert sorted(policy.lines) == ["first", "second", "third"]
    assert sorted(policy.plans) == ["extended", "premium", "standard"]
    assert sorted(policy.calendars) == ["always", "moscow"]
    assert sorted(policy.forms) == ["default", "field"]


def test_the_third_line_does_not_write_to_customers(policy: Policy) -> None:
    assert {key: line.writes_to_customers for key, line in policy.lines.items()} == {
        "first": True,
        "second": True,
        "third": False,
    }


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
    }


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
        date(2025, 11, 1): office,  # a Saturday that was made a working day
        date(2025, 11, 3): (),  # the Monday that was given for it
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
