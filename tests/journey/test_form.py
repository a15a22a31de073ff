"""The web form, over real HTTP: from the page to a ticket, and the same key never twice."""

import re
from typing import Any

import pytest

from tests.journey.instance import Instance
from tests.journey.system import until

pytestmark = pytest.mark.xdist_group("processes")

REQUEST = {
    "name": "Ольга Иванова",
    "email": "olga@client.example",
    "subject": "Не сходятся остатки",
    "body": "Остатки по складу не совпадают с инвентаризацией.",
    "catalog": "warehouse/stock",
    "consent": True,
}


def _receipt(priyom: Instance, receipt: str) -> dict[str, Any]:
    """Its state once it is no longer in flight. A receipt is the right to ask: no token."""

    def look() -> dict[str, Any] | None:
        answer = priyom.request("GET", f"/api/v1/receipts/{receipt}", token=False)
        assert answer.status == 200, answer
        state: dict[str, Any] = answer.json()
        return state if state["state"] != "in_flight" else None

    found: dict[str, Any] = until("it has left the flight", look)
    return found


def _post(priyom: Instance, **changed: Any) -> Any:
    return priyom.request("POST", "/api/v1/form/default", body={**REQUEST, **changed}, token=False)


def test_the_page_of_the_form_is_served_to_everybody(priyom: Instance) -> None:
    answer = priyom.request("GET", "/form/default", token=False)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = answer.body.decode()
    for name in ("subject", "body", "email", "idempotency_key", "token"):
        assert re.search(rf'name="{name}"', page), name


def test_a_request_by_form_is_accepted_with_a_receipt_and_becomes_a_ticket(priyom: Instance) -> None:
    answer = _post(priyom)
    assert answer.status == 202, answer
    receipt = answer.json()["receipt"]
    state = _receipt(priyom, receipt)
    assert state["state"] == "ticketed"
    ticket = priyom.ticket(int(state["ticket"].removeprefix("T-")))
    assert {name: ticket[name] for name in ("subject", "channel", "catalog", "line")} == {
        "subject": REQUEST["subject"],
        "channel": "form",
        "catalog": "warehouse/stock",
        "line": "first",
    }
    assert ticket["messages"][0]["text"] == REQUEST["body"]


def test_one_key_is_one_ticket_and_another_body_under_it_is_refused(priyom: Instance) -> None:
    before = priyom.quiet_ledger()["total"]
    first = _post(priyom, idempotency_key="order-17", subject="Once")
    again = _post(priyom, idempotency_key="order-17", subject="Once")
    other = _post(priyom, idempotency_key="order-17", subject="Something else")

    assert (first.status, again.status, other.status) == (202, 202, 409)
    assert again.json() == first.json()
    assert other.headers["Content-Type"].startswith("application/problem+json")
    assert _receipt(priyom, first.json()["receipt"])["state"] == "ticketed"
    later = _post(priyom, idempotency_key="order-17", subject="Once")
    assert (later.status, later.json()) == (202, first.json())
    after = priyom.quiet_ledger()["total"]
    assert after["ticketed"] - before["ticketed"] == 1
    assert priyom.rows("SELECT count(*) AS n FROM tickets WHERE subject = 'Once'") == [{"n": 1}]


def test_a_request_that_breaks_a_rule_is_told_which_and_is_not_accepted(priyom: Instance) -> None:
    before = priyom.quiet_ledger()["total"]["accepted"]
    answer = _post(priyom, subject="", email="nobody")
    assert answer.status == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"subject", "email"}
    assert priyom.ledger()["total"]["accepted"] == before


def test_a_receipt_that_nobody_was_given_is_not_known(priyom: Instance) -> None:
    assert priyom.request("GET", "/api/v1/receipts/01ARZ3NDEKTSV4RRFFQ69G5FAV", token=False).status == 404
