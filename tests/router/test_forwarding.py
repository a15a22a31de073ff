"""Tickets that a line sends on by mail: to whom, with what, on whose clock, and what the department's answers do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.commands import Classify, Escalate, Return
from domain.facts import MessageAppended, StatusChanged, TicketMarked
from domain.identity import Identity
from domain.message import Address, Attachment, StoredFile
from domain.outgoing import Outgoing, Outlet
from domain.policy import Line
from domain.status import Status
from tests.router.make import message, organization, ticket
from tests.router.policies import HOUR, NOW, entry, make_policy, text
from tests.router.test_letters import Office, letter

FORWARDED = letter("forwarded", "forwarded", "{organization}: {text}")


def elsewhere(**changes: Any) -> dict[str, Any]:
    """The usual lines and one that sends its tickets on."""
    policy = make_policy()
    values: dict[str, Any] = {"order": 3, "calendar": "always", "stay_s": 8 * HOUR, "forwards_to": "customer"}
    line = Line(**{"key": "theirs", "title": text("theirs"), **values, **changes})
    catalog = {**policy.catalog, "devices": entry("devices", "theirs")}
    return {"lines": {**policy.lines, "theirs": line}, "catalog": catalog}


def office(*given: Any, **changes: Any) -> Office:
    return Office(FORWARDED, *given, **elsewhere(**changes))


def passed_on(house: Office, **known: Any) -> list[Outgoing]:
    number = house.write("Сломался сканер").number
    house.known(number, opening="Сломался сканер", department="it@romashka.example", **known)
    return house.act(number, Escalate(reason="это их оборудование", line="theirs"))


def test_the_department_gets_what_the_requester_wrote_and_its_files() -> None:
    file = StoredFile(blob="f" * 64, name="фото.jpg", size=3, media_type="image/jpeg")  # type: ignore[arg-type]
    house = office()
    (sent,) = passed_on(house, opening_files=(file,))
    assert (sent.to, sent.address, sent.channel) == (None, "it@romashka.example", "email")
    assert (sent.text, sent.files, sent.automatic) == ("ООО Ромашка: Сломался сканер\n", (file,), False)
    facts = house.store.tables.changes[-1].facts
    assert [fact.message for fact in facts if isinstance(fact, MessageAppended)] == [sent.id]


def test_a_line_may_send_on_to_an_address_of_its_own() -> None:
    (sent,) = passed_on(office(forwards_to="sim@operator.example"))
    assert sent.address == "sim@operator.example"


def test_there_its_own_clock_runs_and_the_customers_stand_still() -> None:
    house = office()
    passed_on(house)
    states = {clock.target: clock.state for clock in house.store.tables.states[1].clocks}
    assert states["line_stay"] == "running"
    assert states["first_response"] == "paused"
    going_on = office(pauses=False)
    passed_on(going_on)
    assert {clock.target: clock.state for clock in going_on.store.tables.states[1].clocks}[
        "first_response"
    ] == "running"


def test_back_from_there_the_customers_clocks_run_on() -> None:
    house = office()
    passed_on(house)
    house.clock.at = NOW + timedelta(hours=1)
    house.act(1, Return(reason="починили", line="first"))
    clock = next(c for c in house.store.tables.states[1].clocks if c.target == "first_response")
    assert (clock.state, [segment.kind for segment in clock.segments]) == ("running", ["paused", "running"])


def test_where_nobody_is_known_to_send_it_to_people_see_so() -> None:
    house = office()
    number = house.write("Сломался сканер").number
    house.known(number)
    assert house.act(number, Escalate(reason="их оборудование", line="theirs")) == []
    assert "not_forwarded" in house.store.tables.states[number].flags
    facts = house.store.tables.changes[-1].facts
    assert [fact.flag for fact in facts if isinstance(fact, TicketMarked)] == ["not_forwarded"]


def test_without_mail_or_a_letter_for_it_nothing_is_sent() -> None:
    for house in (Office(**elsewhere()), Office(FORWARDED, outlet=Outlet(), **elsewhere())):
        assert passed_on(house) == []
        assert "not_forwarded" in house.store.tables.states[1].flags


def test_a_request_that_is_opened_there_is_sent_on_at_once() -> None:
    house = office()
    owner = replace(organization(), department="it@romashka.example", name="ООО Ромашка")
    house.store.add_organization(owner)
    picture = Attachment(blob="p" * 64, name="x.png", size=1, media_type="image/png")  # type: ignore[arg-type]
    logo = replace(picture, inline=True, name="logo.png")
    house.write("Сломался сканер", catalog="devices", attachments=(picture, logo))
    (sent,) = [each for each in house.acknowledged if each.letter == "forwarded"]
    assert (sent.address, sent.text) == ("it@romashka.example", "ООО Ромашка: Сломался сканер\n")
    assert [file.name for file in sent.files] == ["x.png"]
    states = {clock.target: clock.state for clock in house.store.tables.states[1].clocks}
    assert (states["first_response"], states["line_stay"]) == ("paused", "running")


def test_reclassifying_to_such_a_line_sends_it_on_too() -> None:
    house = office()
    number = house.write("Сломался сканер").number
    house.known(number, opening="Сломался сканер", department="it@romashka.example")
    (sent,) = house.act(number, Classify(catalog="devices"))
    assert sent.letter == "forwarded"


def test_what_the_department_answers_joins_and_changes_nothing() -> None:
    house = office()
    house.store.add_identity(Identity(id="I-it", channel="email", address="it@romashka.example", verified=True))
    waiting = ticket(5, Status.WAITING_REQUESTER, "I1", "I-it", departments=frozenset({"I-it"}))
    house.store.add_ticket(waiting, natives=("ours@example.org",))
    answer = replace(
        message("Заменили сканер", references=("ours@example.org",)),
        sender=Address(channel="email", address="it@romashka.example"),
    )
    routed = asyncio.run(house.router.route([answer]))
    (effect,) = routed.effects
    assert (effect.outcome.value, effect.number) == ("appended", 5)  # type: ignore[union-attr]
    assert not [fact for fact in effect.facts if isinstance(fact, StatusChanged)]
