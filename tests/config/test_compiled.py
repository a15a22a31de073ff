"""The policy in ``base``, compiled: what each key of the files becomes in the domain."""

from datetime import date

import jsonschema_rs
import pytest

from config.documents import read
from config.loader import compile_policy
from config.schema import FILES, json_schemas
from domain.policy import (
    Adjustments,
    Assignment,
    Audience,
    Check,
    Closing,
    Field,
    Goal,
    IvrPolicy,
    KindType,
    PassOn,
    PriorityField,
    Quota,
    Reaction,
    Stage,
    Substatus,
    Text,
)
from domain.status import Status
from domain.ticket import Level, Priority
from tests.config.test_broken import BASE

POLICY = compile_policy(BASE, 5)
HOUR = 3600


@pytest.mark.parametrize("file", FILES)
def test_every_key_meets_the_json_schemas_that_editors_use(file: str) -> None:
    schema = jsonschema_rs.validator_for(json_schemas()[file])
    assert list(schema.iter_errors(read(file, BASE[file]).value)) == []


def test_the_head() -> None:
    assert (POLICY.refused_catalog, POLICY.ping_pong, POLICY.internal_pauses) == ("general/refused", 4, True)
    assert POLICY.ivr == IvrPolicy(wait_s=900)
    assert POLICY.skills == {"warehouse": Text(ru="Склад", en="Warehouse")}
    severity = PriorityField(
        name="severity", impact={"blocker": Level.HIGH}, urgency={"blocker": Level.HIGH, "minor": Level.LOW}
    )
    assert POLICY.adjustments == Adjustments(vip=1, repeat=1, fields=(severity,), paid_field="paid_raise")


def test_lines_and_calendars() -> None:
    weights = {Priority.P1: 5, Priority.P2: 2, Priority.P3: 1, Priority.P4: 0}
    assert POLICY.lines["first"].assignment == Assignment(
        mode="balanced", capacity=30, weights=weights, personal=False, previous=False, away="reassign"
    )
    assert POLICY.lines["second"].assignment == Assignment()
    assert (POLICY.lines["third"].partner, POLICY.lines["third"].department) == ("ORG-1", True)
    assert [part.key for part in POLICY.calendars["offices"].parts] == ["moscow", "irkutsk"]
    assert POLICY.calendars["moscow"].shifts(date(2026, 11, 3)) == ((9 * HOUR, 17 * HOUR),)


def test_plans() -> None:
    standard, premium = POLICY.plans["standard"], POLICY.plans["premium"]
    assert (standard.contacts, standard.channels) == ("named", {"email", "form"})
    assert standard.quota == Quota(requests=20)
    assert premium.quota == Quota(requests=50, hours=10, over="lower", lower_to="standard")
    assert (premium.personal_engineer, premium.paid_raise) == (True, 1)
    assert premium.goals["next_response"][Priority.P1] == Goal(
        cell="premium/p1", seconds=1800, warn=(40, 90), on_change="from_now"
    )


def test_the_cells_of_the_matrix_stand_above_the_plans() -> None:
    assert [cell.key for cell in POLICY.sla] == ["outage-premium", "incidents", "second-stay"]

    def goal(**where: str) -> tuple[str, int | None]:
        given = {"plan": "premium", "kind": "outage", "line": "first", "priority": "p1", "target": "first_response"}
        given |= where
        found = POLICY.goal(
            given["target"],  # type: ignore[arg-type]
            plan=given["plan"],
            priority=Priority(given["priority"]),
            kind=given["kind"],
            line=given["line"],
        )
        return found.cell, found.seconds

    assert goal() == ("outage-premium", 600)
    assert goal(target="resolution") == ("outage-premium", None)
    assert goal(priority="p2") == ("incidents", 2 * HOUR)
    assert goal(kind="how-to") == ("premium/p1", 900)
    assert goal(target="line_stay") == ("outage-premium", 1800)
    assert goal(target="line_stay", line="second", plan="standard") == ("second-stay", 8 * HOUR)
    assert goal(target="line_stay", kind="how-to") == ("line/first", 2 * HOUR)


def test_audiences_and_the_catalog() -> None:
    assert POLICY.audiences["staff"] == Audience(
        key="staff",
        title=Text(ru="Сотрудники", en="Staff"),
        segments=frozenset({"internal"}),
        organizations=frozenset({"ORG-9"}),
        groups=frozenset({"holding"}),
        domains=frozenset({"staff.example"}),
    )
    reporting, vat = POLICY.catalog["accounting/reporting"], POLICY.catalog["accounting/reporting/vat"]
    assert (reporting.audiences, reporting.kinds, reporting.kind) == (
        ("payers", "staff"),
        ("how-to", "outage"),
        "outage",
    )
    assert (vat.audiences, vat.kinds, vat.route) == ((), ("how-to", "outage"), ("first", "second"))
    assert [field.key for field in vat.fields] == ["version", "severity", "period"]
    assert vat.fields[1].choices["minor"] == Text(ru="Мелочь", en="A trifle")
    assert vat.own == {"audience", "fields"}
    assert POLICY.catalog["accounting/reporting/old"].retired
    assert POLICY.catalog["accounting/bank"].plans == {"standard": "internal"}


def test_types_and_kinds() -> None:
    assert POLICY.types["defect"] == KindType(key="defect", title=Text(ru="Дефект", en="Defect"), outside_quota=True)
    outage = POLICY.kinds["outage"]
    assert outage.fields[0] == Field(key="error_text", title=Text(ru="Текст ошибки", en="Error text"), type="long_text")
    scope = Check(key="scope", title=Text(ru="Сколько людей", en="How many people"), required=True)
    vendor = Substatus(key="waiting-vendor", title=Text(ru="Ждём поставщика", en="Waiting for the vendor"), pauses=True)
    assert outage.stages == {
        Status.CLASSIFICATION: Stage(checklist=(scope,)),
        Status.IN_PROGRESS: Stage(
            regulation=Text(ru="Найдите причину.", en="Find the cause."),
            needs=("error_text", "version"),
            templates=("reply",),
            substatuses=(vendor,),
        ),
    }
    assert outage.pass_on == PassOn(needs=("error_text",), checks=("scope",), statuses=frozenset({Status.IN_PROGRESS}))
    assert outage.closing == Closing(by=frozenset({"requester", "timer"}), feedback=True, after_s=24 * HOUR)
    assert (outage.lines, outage.skills, outage.internal_pauses) == (("first", "second"), {"warehouse": 2}, False)
    plain = POLICY.kinds["how-to"]
    assert (plain.stages, plain.pass_on, plain.closing, plain.internal_pauses) == ({}, PassOn(), Closing(), None)


def test_reactions_are_in_order_and_may_be_left_out() -> None:
    assert POLICY.reactions == (
        Reaction(
            key="nearly-due",
            on="warned",
            targets=frozenset({"first_response", "resolution"}),
            share=90,
            priorities=frozenset({Priority.P1, Priority.P2}),
            notify=frozenset({"assignee", "lead"}),
        ),
        Reaction(
            key="overdue",
            on="breached",
            types=frozenset({"incident"}),
            lines=frozenset({"first"}),
            raise_priority=1,
            escalate=True,
            mark="late",
        ),
        Reaction(
            key="nobody-on-second",
            on="nobody_eligible",
            lines=frozenset({"second"}),
            plans=frozenset({"premium"}),
            kinds=frozenset({"consultation"}),
            escalate_to="third",
            reassign=True,
            notify=frozenset({"line"}),
        ),
    )
    without = {file: text for file, text in BASE.items() if file != "reactions.yaml"}
    assert compile_policy(without, 1).reactions == ()
