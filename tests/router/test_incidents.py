"""Alerts: what they do to their tickets, and which customer's request is linked to one that is in work."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.decision import Step
from domain.effects import Appended, Opened, Repeated, Suppressed
from domain.facts import Fact, SlaEnded, StatusChanged, TicketLinked
from domain.message import Address, Alert, Message
from domain.outgoing import NO_OUTLET, Outlet
from domain.policy import AlertPolicy, Closing, Letter, Moment, Policy, Severity, Text
from domain.status import Status
from domain.ticket import Incident, Level, Priority
from router.decide import decide
from router.known import from_snapshot, to_snapshot
from router.service import Router
from router.verdict import Join, Open, Withhold
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import ANNA, SECRET, known, message, ticket
from tests.router.policies import NOW, entry, is_, kind, make_policy, text
from tests.router.policies import Rule as _Rule

ALERTS = AlertPolicy(
    catalog="watch",
    kind="event",
    severities={"critical": Severity(impact=Level.HIGH, urgency=Level.HIGH)},
    resolved="close",
    link_within_s=3600,
)
HANDLE = "handle-of-f1"


def policy(alerts: AlertPolicy | None = ALERTS, **changes: Any) -> Policy:
    base = make_policy()
    watched = kind("event", "incident", Level.LOW, Level.LOW)
    entries = (entry("watch", "second"), entry("watch/disks", "second"))
    return replace(
        base,
        **{
            "alerts": alerts,
            "catalog": {**base.catalog, **{each.path: each for each in entries}},
            "kinds": {**base.kinds, "event": watched},
            **changes,
        },
    )


def alert(
    status: Any = "firing", *, envelope: str = "A1", key: str = "", fingerprint: str = "f1", **changes: Any
) -> Message:
    told = {name: changes.pop(name) for name in ("severity", "product", "when_resolved") if name in changes}
    values: dict[str, Any] = {
        "envelope_id": envelope,
        "key": key or envelope,
        "channel": "alert",
        "account": "prometheus",
        "adapter": "alerts",
        "sender": Address(channel="alert", address="prometheus"),
        "native_id": fingerprint,
        "conversation": (f"handle-of-{fingerprint}",),
        "recipients": (),
        "fields": {"product": told["product"]} if "product" in told else {},
        "flags": (f"alert_{status}",),
        "alert": Alert(fingerprint=fingerprint, status=status, **told),
    }
    return replace(message("Nothing answers", "Silence"), **{**values, **changes})


def incident(number: int = 9, catalog: str = "watch", product: str = "", at: datetime = NOW) -> Incident:
    return Incident(number=number, catalog=catalog, product=product, at=at)


# -- One alert


def test_an_alert_opens_a_ticket_as_the_policy_has_alerts() -> None:
    verdict = decide(alert(severity="critical"), known(), policy(), NOW)
    assert isinstance(verdict, Open)
    assert (verdict.catalog, verdict.kind, verdict.line, verdict.priority) == ("watch", "event", "second", Priority.P1)
    assert (verdict.impact, verdict.urgency) == (Level.HIGH, Level.HIGH)


def test_the_account_says_where_its_tickets_start_and_rules_may_say_otherwise() -> None:
    disks = _Rule(key="stock", when=is_("alert.product", "stock"), sets={"catalog": "stock", "kind": "outage"})
    ruled = policy(rules=(disks,))
    start = decide(alert(catalog="watch/disks"), known(), ruled, NOW)
    moved = decide(alert(catalog="watch/disks", product="stock"), known(), ruled, NOW)
    assert isinstance(start, Open)
    assert isinstance(moved, Open)
    assert [(each.catalog, each.kind) for each in (start, moved)] == [("watch/disks", "event"), ("stock", "outage")]


def test_a_severity_that_the_policy_does_not_have_is_the_kinds() -> None:
    verdict = decide(alert(severity="odd"), known(), policy(), NOW)
    assert isinstance(verdict, Open)
    assert (verdict.impact, verdict.urgency) == (Level.LOW, Level.LOW)


def test_without_a_section_on_alerts_they_make_tickets_like_anything_else() -> None:
    verdict = decide(alert(severity="critical"), known(), policy(None), NOW)
    assert isinstance(verdict, Open)
    assert (verdict.catalog, verdict.kind) == ("other", "question")


def test_the_end_of_an_alert_that_has_no_ticket_is_held_and_a_person_may_make_one_of_it() -> None:
    over = alert("resolved")
    verdict = decide(over, known(), policy(), NOW)
    assert verdict == Withhold(reason="the alert is resolved, and no ticket of it is open or was lately")
    assert isinstance(decide(replace(over, flags=("released",)), known(), policy(), NOW), Open)


# -- Its end


def told(status: Status, **changes: Any) -> Any:
    values = {"untouched": True, "kind": "event", **changes}
    return known(conversations=(ticket(5, status, **values),))


C, W, F = Status.CLASSIFICATION, Status.IN_PROGRESS, Status.FEEDBACK


@pytest.mark.parametrize(
    ("standing", "account", "means", "way"),
    [
        (told(C), "policy", "close", (C, Status.CLOSED)),
        (told(W), "policy", "close", (W, F, Status.CLOSED)),
        (told(C), "policy", "note", (C, C)),
        (told(C), "close", "note", (C, Status.CLOSED)),
        (told(C), "note", "close", (C, C)),
        (told(C, untouched=False), "close", "close", (C, C)),
        (told(W, untouched=False), "close", "close", (W, W)),
        (told(Status.WAITING_REQUESTER, untouched=False), "close", "close", (Status.WAITING_REQUESTER,) * 2),
        (told(Status.CLOSED, closed_at=NOW), "close", "close", (Status.CLOSED, Status.CLOSED)),
    ],
)
def test_what_a_resolved_alert_does_to_its_ticket(standing: Any, account: Any, means: Any, way: Any) -> None:
    over = alert("resolved", when_resolved=account)
    verdict = decide(over, standing, policy(replace(ALERTS, resolved=means)), NOW)
    assert isinstance(verdict, Join)
    assert (verdict.old, *verdict.through, verdict.status) == way
    assert verdict.answers is False


@pytest.mark.parametrize(
    ("closing", "way"),
    [
        (Closing(feedback=True), (C, F, Status.CLOSED)),
        (Closing(by=frozenset({"agent"})), (C, C)),
        (Closing(by=frozenset({"requester"})), (C, Status.CLOSED)),
    ],
)
def test_the_kind_says_how_it_may_end(closing: Closing, way: tuple[Status, ...]) -> None:
    base = policy()
    kinds = {**base.kinds, "event": replace(base.kinds["event"], closing=closing)}
    verdict = decide(alert("resolved"), told(C), replace(base, kinds=kinds), NOW)
    assert isinstance(verdict, Join)
    assert (verdict.old, *verdict.through, verdict.status) == way


@pytest.mark.parametrize(("old", "new"), [(C, C), (W, W), (F, W), (Status.CLOSED, W)])
def test_an_alert_that_fires_again_takes_its_ticket_back_to_work(old: Status, new: Status) -> None:
    closed_at = NOW if old is Status.CLOSED else None
    verdict = decide(alert(), told(old, closed_at=closed_at), policy(), NOW)
    assert isinstance(verdict, Join)
    assert (verdict.status, verdict.because) == (new, "the alert fires again")


# -- A customer asks


@pytest.mark.parametrize(
    ("words", "incidents", "number"),
    [
        ("остатки", [incident(catalog="stock")], 9),
        ("остатки", [incident(product="stock")], 9),
        ("остатки", [incident(product="stock", at=NOW - timedelta(hours=1))], 9),
        ("остатки", [incident(product="stock", at=NOW - timedelta(hours=1, seconds=1))], None),
        ("остатки", [incident(catalog="watch")], None),
        ("остатки", [incident(catalog="stock/count")], None),
        ("счёт", [incident(catalog="billing")], 9),
        ("вопрос", [incident(catalog="other")], None),
        ("вопрос", [incident(product="other")], None),
        ("остатки", [], None),
        ("остатки", [incident(8, "stock", at=NOW - timedelta(minutes=5)), incident(7, "stock")], 7),
    ],
)
def test_a_request_about_what_an_alert_is_about_is_linked_to_it(
    words: str, incidents: list[Incident], number: int | None
) -> None:
    verdict = decide(message(words), known(incidents=tuple(incidents)), policy(), NOW)
    assert isinstance(verdict, Open)
    assert verdict.incident == number


def test_the_product_that_the_requester_named_is_enough() -> None:
    asked = message("не работает", fields={"product": " Cash "})
    verdict = decide(asked, known(incidents=(incident(product="cash"),)), policy(), NOW)
    assert isinstance(verdict, Open)
    assert verdict.incident == 9
    assert verdict.decision.steps[-1] == Step(
        step="incident",
        outcome="T-000009",
        because="T-000009, a monitoring alert in work, is about product cash too, so that it is linked to it.",
    )


def test_neither_alerts_nor_requests_inside_the_house_are_linked() -> None:
    there = (incident(catalog="stock"),)
    inside = decide(message("остатки", parent=3), known(incidents=there, parent=ticket(3)), policy(), NOW)
    other = decide(alert(catalog="stock"), known(incidents=there), policy(), NOW)
    assert isinstance(inside, Open)
    assert isinstance(other, Open)
    assert (inside.incident, other.incident) == (None, None)


def test_without_a_section_on_alerts_nothing_is_linked() -> None:
    verdict = decide(message("остатки"), known(incidents=(incident(catalog="stock"),)), policy(None), NOW)
    assert isinstance(verdict, Open)
    assert verdict.incident is None


def test_the_snapshot_has_the_incident_that_matters_and_gives_the_decision_again() -> None:
    asked, looked_at = message("остатки"), known(incidents=(incident(8, "billing"), incident(9, "stock")))
    first = decide(asked, looked_at, policy(), NOW)
    assert isinstance(first, Open)
    assert first.decision.snapshot["incidents"] == [[9, "stock", "", NOW.isoformat()]]
    assert decide(asked, from_snapshot(first.decision.snapshot), policy(), NOW) == first


def test_what_is_known_of_a_watched_ticket_stays_in_the_snapshot() -> None:
    standing = told(C)
    assert from_snapshot(to_snapshot(standing)).conversations == standing.conversations


# -- Batches


class House:
    def __init__(self, used: Policy, outlet: Outlet = NO_OUTLET) -> None:
        self.store = FakeStore()
        self.clock = FixedClock(NOW)
        self.router = Router(self.store, FixedPolicy(used), self.clock, CountingIds(), SECRET, outlet)

    async def route(self, *messages: Message) -> list[Any]:
        routed = await self.router.route(messages)
        assert routed.failed == {}
        return list(routed.effects)


def names(facts: tuple[Fact, ...]) -> list[Any]:
    return [(fact.old, fact.new, fact.because) for fact in facts if isinstance(fact, StatusChanged)]


async def test_repeats_join_the_ticket_and_what_came_before_leaves_no_trace_on_it() -> None:
    house = House(policy())
    [first] = await house.route(alert())
    [again, other] = await house.route(alert(envelope="A2", key="A1"), alert(envelope="A3", fingerprint="f2"))
    assert isinstance(first, Opened)
    assert isinstance(again, Repeated)
    assert (again.number, again.facts) == (first.ticket.number, ())
    assert isinstance(other, Opened)


async def test_an_end_closes_the_ticket_and_ends_its_clocks_in_one_step() -> None:
    house = House(policy())
    await house.route(alert(severity="critical"))
    [over] = await house.route(alert("resolved", envelope="A2"))
    assert isinstance(over, Appended)
    assert over.status is Status.CLOSED
    assert names(over.facts) == [("classification", "closed", "the alert is resolved")]
    ended = {fact.target: fact.state for fact in over.facts if isinstance(fact, SlaEnded)}
    assert ended
    assert over.clocks is not None
    assert all(clock.state in ("met", "breached") for clock in over.clocks)
    assert over.timers == ()
    assert house.store.tables.tickets[1].closed_at == NOW


async def test_beginning_end_and_beginning_in_one_batch_leave_it_in_work() -> None:
    house = House(policy())
    [opened, over, back] = await house.route(
        alert(),
        alert("resolved", envelope="A2"),
        alert(envelope="A3"),
    )
    assert isinstance(opened, Opened)
    assert [each.status for each in (over, back)] == [Status.CLOSED, Status.IN_PROGRESS]
    assert names(back.facts) == [("closed", "in_progress", "the alert fires again")]
    assert (house.store.tables.tickets[1].status, house.store.tables.tickets[1].closed_at) == (W, None)


async def test_what_closed_long_ago_is_a_new_ticket() -> None:
    house = House(policy(reopen_days=1))
    await house.route(alert(), alert("resolved", envelope="A2"))
    house.clock.at = NOW + timedelta(days=1, seconds=1)
    [late, again] = await house.route(alert("resolved", envelope="A3"), alert(envelope="A4"))
    assert isinstance(late, Suppressed)
    assert isinstance(again, Opened)


async def test_a_customers_request_of_the_same_batch_is_linked_as_long_as_the_alert_fires() -> None:
    house = House(policy())
    effects = await house.route(
        alert(product="stock"),
        message("остатки", envelope_id="E1", key="E1"),
        alert("resolved", envelope="A2", product="stock"),
        message("остатки", envelope_id="E2", key="E2"),
        alert(envelope="A3", product="stock"),
        message("остатки", envelope_id="E3", key="E3"),
    )
    asked = [each for each in effects if isinstance(each, Opened) and each.message.alert is None]
    assert [each.caused_by for each in asked] == [1, None, 1]
    [linked] = [fact for fact in asked[0].facts if isinstance(fact, TicketLinked)]
    assert (linked.ticket, linked.other, linked.relation) == (asked[0].ticket.number, 1, "caused_by")


async def test_an_alert_of_an_earlier_batch_is_known_until_it_is_over() -> None:
    house = House(policy(replace(ALERTS, resolved="note")))
    await house.route(alert(product="stock"))
    [asked] = await house.route(message("остатки", envelope_id="E1", key="E1"))
    assert asked.caused_by == 1
    await house.route(alert("resolved", envelope="A2", product="stock"))
    [later] = await house.route(message("остатки", envelope_id="E2", key="E2"))
    assert later.caused_by is None


# -- Letters


def letter(key: str, on: Moment) -> Letter:
    return Letter(key=key, subject=text(key), body=Text(ru="ru", en="en"), on=on)


OPENED, KNOWN = letter("acknowledgement", "opened"), letter("known-incident", "known_incident")
BOTH = Outlet(channels=frozenset({"email", "alert"}))


@pytest.mark.parametrize(
    ("letters", "words", "sent"),
    [
        ((OPENED, KNOWN), "остатки", ["known-incident"]),
        ((OPENED, KNOWN), "вопрос", ["acknowledgement"]),
        ((OPENED,), "остатки", ["acknowledgement"]),
        ((KNOWN,), "вопрос", []),
    ],
)
async def test_who_asks_about_a_trouble_in_work_is_told_that_it_is(
    letters: tuple[Letter, ...], words: str, sent: list[str]
) -> None:
    house = House(policy(letters={each.key: each for each in letters}), BOTH)
    [first] = await house.route(alert(product="stock"))
    [asked] = await house.route(message(words, sender=ANNA))
    assert first.letters == ()
    assert [each.letter for each in asked.letters] == sent
