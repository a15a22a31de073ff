"""What systems do to tickets by the API, on a running instance: filed, noted, passed on, closed, reopened by a word."""

import smtplib
from email.message import EmailMessage
from typing import Any

import pytest

from tests.journey.instance import Instance
from tests.journey.system import until

pytestmark = pytest.mark.xdist_group("processes")


def _filed(priyom: Instance, **changed: Any) -> str:
    """The number of a ticket that was filed for a caller."""
    body = {"subject": "Не печатает чек", "body": "Касса молчит с утра.", "name": "Пётр", "phone": "8 (916) 123-45-67"}
    answer = priyom.request("POST", "/api/v1/tickets", body={**body, **changed})
    assert answer.status == 202, answer
    receipt = answer.json()["receipt"]

    def look() -> str | None:
        return priyom.get(f"/api/v1/receipts/{receipt}").get("ticket")

    number: str = until("the filed request is a ticket", look)
    return number


_BESIDE = ("ticket.sla_ended", "ticket.nobody_eligible")
"""What clocks and assignment say on the way; which of it depends on the hour."""


def _act(priyom: Instance, number: str, action: str, expected: int = 200, /, **body: Any) -> Any:
    answer = priyom.request("POST", f"/api/v1/tickets/{number}/{action}", body=body)
    assert answer.status == expected, (action, answer)
    return answer.json()


def test_a_ticket_filed_for_a_caller_is_worked_up_the_lines_and_closed(priyom: Instance) -> None:
    priyom.told("agent", "add", "duty@example.org", "--name", "Дежурная", "--line", "first")  # so nobody is alarmed
    number = _filed(priyom)
    ticket = priyom.get(f"/api/v1/tickets/{number}")
    assert (ticket["channel"], ticket["requester"]["identities"][0]["address"]) == ("api", "+79161234567")
    assert ticket["fields"]["filed_by"].startswith("token:")

    noted = _act(priyom, number, "note", 201, text="Просил перезвонить до обеда", version=ticket["version"])
    assert (noted["messages"][-1]["direction"], noted["version"]) == ("note", ticket["version"] + 1)
    stale = _act(priyom, number, "status", 409, status="in_progress", version=ticket["version"])
    assert stale["detail"] == f"{number} has changed since version 1; it is at 2."

    working = _act(priyom, number, "status", status="in_progress")
    waiting = _act(priyom, number, "status", status="waiting_requester", reason="нужна модель кассы")
    assert {clock["state"] for clock in waiting["clocks"]} == {"paused"}
    refused = _act(priyom, number, "status", 409, status="internal")
    assert "From waiting_requester a ticket may go to" in refused["detail"]
    _act(priyom, number, "status", status="in_progress")

    above = _act(priyom, number, "escalate", reason="нужен инженер")
    assert above["line"] != working["line"]
    back = _act(priyom, number, "return", reason="решается инструкцией")
    assert back["line"] == working["line"]
    _act(priyom, number, "status", status="feedback")
    closed = _act(priyom, number, "status", status="closed")
    assert {clock["state"] for clock in closed["clocks"]} <= {"met", "breached"}
    told = [entry["fact"] for entry in closed["history"] if entry["fact"] not in _BESIDE]
    assert told == [
        "ticket.created",
        "ticket.assigned",
        "ticket.message_appended",
        "ticket.status_changed",
        "ticket.status_changed",
        "ticket.status_changed",
        "ticket.escalated",
        "ticket.returned",
        "ticket.assigned",
        "ticket.status_changed",
        "ticket.status_changed",
    ]


def test_a_note_is_found_by_its_words_and_stays_out_of_the_requesters_sight(priyom: Instance) -> None:
    number = _filed(priyom, subject="Вопрос по счёту")
    _act(priyom, number, "note", 201, text="Клиент недоволен бухгалтерией, кодовое слово канарейка")
    found = priyom.get("/api/v1/tickets?q=%D0%BA%D0%B0%D0%BD%D0%B0%D1%80%D0%B5%D0%B9%D0%BA%D0%B0")
    assert [item["number"] for item in found["items"]] == [number]
    assert "канарейка" not in found["items"][0]["preview"]


def test_a_ticket_is_given_to_an_agent_of_its_line_alone(priyom: Instance) -> None:
    number = _filed(priyom, subject="Кому достанется")
    line = priyom.get(f"/api/v1/tickets/{number}")["line"]
    other = "second" if line != "second" else "third"
    priyom.told("agent", "add", "here@example.org", "--name", "Вера", "--line", line)
    priyom.told("agent", "add", "elsewhere@example.org", "--name", "Олег", "--line", other)
    given = _act(priyom, number, "assign", assignee="here@example.org", reason="её клиент")
    assert given["assignee"]
    refused = _act(priyom, number, "assign", 409, assignee="elsewhere@example.org")
    assert refused["errors"] == [{"field": "assignee", "why": f"Олег does not work on line {line}"}]


def test_two_tickets_are_linked_and_each_shows_the_other(priyom: Instance) -> None:
    problem, incident = _filed(priyom, subject="Сбой обмена"), _filed(priyom, subject="Не приходят заказы")
    linked = _act(priyom, incident, "link", ticket=problem, relation="caused_by")
    assert linked["links"] == [{"ticket": problem, "relation": "caused_by", "direction": "outward"}]
    seen = priyom.get(f"/api/v1/tickets/{problem}")["links"]
    assert seen == [{"ticket": incident, "relation": "caused_by", "direction": "inward"}]
    _act(priyom, incident, "link", 422, ticket="T-999999")


def test_the_requesters_answer_starts_the_clocks_that_waited_for_it(priyom: Instance) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "waiting@client.example", "support@example.org", "Жду ответа"
    mail["Message-ID"] = "<waiting-1@client.example>"
    mail.set_content("Не проводится оплата.")
    with smtplib.SMTP(*priyom.smtp) as client:
        client.send_message(mail)
    items = until("it is a ticket", lambda: _by_subject(priyom, "Жду ответа"))
    number = items[0]["number"]
    _act(priyom, number, "status", status="waiting_requester")
    del mail["Message-ID"]
    mail["Message-ID"], mail["In-Reply-To"] = "<waiting-2@client.example>", "<waiting-1@client.example>"
    with smtplib.SMTP(*priyom.smtp) as client:
        client.send_message(mail)

    def back() -> Any:
        ticket = priyom.get(f"/api/v1/tickets/{number}?explain=1")
        return ticket if ticket["status"] == "in_progress" else None

    ticket = until("it is at work again", back)
    assert {clock["state"] for clock in ticket["clocks"]} == {"running"}
    assert "paused" in {segment["kind"] for clock in ticket["clocks"] for segment in clock["segments"]}


def _by_subject(priyom: Instance, subject: str) -> list[Any]:
    return [item for item in priyom.get("/api/v1/tickets")["items"] if item["subject"] == subject]


def test_another_department_is_asked_and_the_ticket_goes_on_when_it_has_answered(priyom: Instance) -> None:
    number = _filed(priyom)
    _act(priyom, number, "request", 409, subject="Кто это?", body="x", catalog="staff/household/climate")
    _act(priyom, number, "status", status="in_progress")
    asked = _act(
        priyom, number, "request", 202, subject="Холодно у клиента", body="Проверьте", catalog="staff/household/climate"
    )

    def opened() -> str | None:
        return priyom.get(f"/api/v1/receipts/{asked['receipt']}").get("ticket")

    child = until("the request is a ticket", opened)
    waits = priyom.get(f"/api/v1/tickets/{number}")
    assert waits["status"] == "internal"
    assert {"ticket": child, "relation": "requested_by", "direction": "inward"} in waits["links"]
    found = priyom.get(f"/api/v1/tickets/{child}")
    assert (found["line"], found["catalog"]) == ("household", "staff/household/climate")
    assert {"ticket": number, "relation": "requested_by", "direction": "outward"} in found["links"]
    assert "parent" in {step["step"] for step in found["decision"]["steps"]}

    _act(priyom, child, "status", status="in_progress")
    _act(priyom, child, "status", status="feedback")
    _act(priyom, child, "status", status="closed")
    again = priyom.get(f"/api/v1/tickets/{number}")
    assert again["status"] == "in_progress"
    assert [entry["fact"] for entry in again["history"]][-2:] == ["ticket.internal_answered", "ticket.status_changed"]
