"""The API as scripts see it: whole documents, problems, and an OpenAPI that tells the truth."""

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import FormData

from desk.api import openapi
from desk.api.routes import ROUTES
from domain.views import Receipt
from tests.desk.conftest import Desk
from tests.fakes_desk import World
from tests.fakes_desk_data import PNG, ticket

READ = {"Authorization": "Bearer token-read"}
AGENT = {"Authorization": "Bearer token-agent"}


async def get(client: Desk, path: str, status: int = 200, headers: dict[str, str] = READ) -> Any:
    answer = await client.get(path, headers=headers)
    assert answer.status == status, await answer.text()
    assert answer.content_type == ("application/json" if status < 400 else "application/problem+json")
    return await answer.json()


def fits(document: Any, model: str) -> None:
    """Validates against the published schema of the model."""
    described = json.loads(json.dumps(openapi.document()))
    schema = {"$ref": f"#/components/schemas/{model}", "components": described["components"]}
    jsonschema_rs.validator_for(schema).validate(document)


async def test_a_ticket_is_the_contracts_document(anonymous: Desk) -> None:
    found = await get(anonymous, "/api/v1/tickets/T-000102")
    assert found == {
        "number": "T-000102",
        "subject": "Не приходит акт сверки за октябрь",
        "status": "classification",
        "priority": "p3",
        "impact": "high",
        "urgency": "medium",
        "channel": "email",
        "requester": {
            "id": "I102",
            "name": "Игорь Васильевич Красноперекопский",
            "identities": [
                {
                    "id": "I102",
                    "channel": "email",
                    "address": "i.v.krasnoperekopsky@torg.example",
                    "verified": True,
                    "unreachable": "",
                }
            ],
            "organization": "ООО «Торговый дом Меридиан»",
            "plan": "standard",
        },
        "catalog": "billing/invoices",
        "kind": "document",
        "line": "first",
        "group": None,
        "assignee": None,
        "substatus": None,
        "policy_revision": 7,
        "version": 1,
        "created_at": "2026-11-23T07:56:00Z",
        "fields": {},
        "messages": [
            {
                "id": "M102",
                "at": "2026-11-23T07:56:00Z",
                "direction": "inbound",
                "channel": "email",
                "author": "Игорь Васильевич Красноперекопский",
                "text": ticket(102).messages[0].text,
                "quoted": "",
                "html": None,
                "delivery": None,
                "deliveries": [],
                "attachments": [],
            }
        ],
        "clocks": [
            {
                "target": "first_response",
                "state": "running",
                "started_at": "2026-11-23T07:56:00Z",
                "due_at": "2026-11-23T16:10:00Z",
                "consumed_s": 2700,
            },
            {
                "target": "resolution",
                "state": "running",
                "started_at": "2026-11-23T07:56:00Z",
                "due_at": "2026-11-25T07:56:00Z",
                "consumed_s": 5400,
            },
        ],
        "decision": {
            "revision": 7,
            "steps": [
                {
                    "step": "requester",
                    "outcome": "Северо-Запад-Логистика",
                    "because": "The sender's card belongs to Северо-Запад-Логистика.",
                },
                {"step": "correlation", "outcome": "new", "because": "Nothing links it to a ticket that exists."},
                {
                    "step": "catalog",
                    "outcome": "billing/invoices",
                    "because": "Rule sync-words (rules.yaml:12) matched: subject has the words «обмен».",
                },
                {
                    "step": "kind",
                    "outcome": "document",
                    "because": "Rule sync-words (rules.yaml:12) matched: subject has the words «обмен».",
                },
                {
                    "step": "priority",
                    "outcome": "p3",
                    "because": "Impact is high, as usual for kind outage. Urgency is medium, as usual for kind outage. "
                    "The matrix gives p3 for the two.",
                },
                {
                    "step": "plan",
                    "outcome": "standard",
                    "because": "Without an organisation the plan is the default, standard.",
                },
                {
                    "step": "line",
                    "outcome": "first",
                    "because": "Catalog entry billing/invoices belongs to line first.",
                },
            ],
        },
        "links": [],
        "checks": [],
        "audiences": [],
        "history": [
            {
                "at": "2026-11-23T07:56:00Z",
                "fact": "ticket.created",
                "by": "router",
                "detail": {
                    "channel": "email",
                    "kind": "document",
                    "catalog": "billing/invoices",
                    "priority": "p3",
                    "plan": "standard",
                },
            },
            {"at": "2026-11-23T07:56:00Z", "fact": "ticket.assigned", "by": "router", "detail": {"line": "first"}},
            {
                "at": "2026-11-23T07:59:00Z",
                "fact": "ticket.status_changed",
                "by": "agent:01ANNA",
                "detail": {"old": "classification", "new": "classification", "line": "first"},
            },
        ],
    }
    fits(found, "Ticket")


async def test_explain_adds_what_was_tried_and_the_segments(anonymous: Desk) -> None:
    found = await get(anonymous, "/api/v1/tickets/T-000102?explain=1")
    assert found["decision"]["steps"][2]["tried"][2] == {
        "rule": "sync-words",
        "matched": True,
        "why": "subject has the words «обмен»",
    }
    assert found["clocks"][0]["segments"][0] == {
        "from": "2026-11-23T07:56:00Z",
        "to": "2026-11-23T08:16:00Z",
        "kind": "running",
        "why": "the calendar of the plan is open",
    }
    assert found["clocks"][0]["segments"][-1]["to"] is None
    fits(found, "Ticket")


async def test_attachments_are_named_with_their_address(anonymous: Desk) -> None:
    found = await get(anonymous, "/api/v1/tickets/T-000101")
    assert found["messages"][0]["attachments"][0] == {
        "id": "A1011",
        "name": "Снимок экрана 2026-11-23.png",
        "size": len(PNG),
        "media_type": "image/png",
        "url": "/api/v1/attachments/A1011",
    }
    answer = await anonymous.get("/api/v1/attachments/A1011", headers=READ)
    assert (answer.status, await answer.read()) == (200, PNG)
    assert answer.headers["Content-Disposition"].startswith("attachment;")


async def test_the_list_is_filtered_sorted_and_counted(anonymous: Desk, world: World) -> None:
    found = await get(anonymous, "/api/v1/tickets?line=first&priority=p1,p2&sort=urgency")
    fits(found, "TicketList")
    expected = {
        f"T-{n:06d}" for n, t in world.views.tickets.items() if t.line == "first" and t.priority in ("p1", "p2")
    }
    assert {item["number"] for item in found["items"]} == expected
    assert (found["total"], found["next"]) == (len(expected), None)
    assert [item["priority"] for item in found["items"]] == sorted(item["priority"] for item in found["items"])


async def test_pages_of_the_list_meet_without_gap_or_overlap(anonymous: Desk, world: World) -> None:
    seen: list[str] = []
    path = "/api/v1/tickets?limit=10&sort=oldest"
    cursor: str | None = ""
    while cursor is not None:
        found = await get(anonymous, f"{path}&cursor={cursor}")
        seen += [item["number"] for item in found["items"]]
        cursor = found["next"]
    assert seen == [f"T-{n:06d}" for n in sorted(world.views.tickets, key=lambda n: world.views.tickets[n].created_at)]


async def test_beyond_a_thousand_the_total_says_at_least(anonymous: Desk, world: World) -> None:
    world.views.tickets = {n: replace(ticket(101), number=n) for n in range(1, 1002)}
    found = await get(anonymous, "/api/v1/tickets?limit=1&group=priority")
    assert found["total"] == {"at_least": 1000}
    assert found["groups"] == [{"value": "p1", "count": 1000}]
    fits(found, "TicketList")


async def test_grouping_counts_by_the_attribute(anonymous: Desk, world: World) -> None:
    found = await get(anonymous, "/api/v1/tickets?group=line&limit=1")
    expected: dict[str, int] = {}
    for each in world.views.tickets.values():
        expected[each.line] = expected.get(each.line, 0) + 1
    assert {group["value"]: group["count"] for group in found["groups"]} == expected


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("nonsense=1", [{"field": "nonsense", "why": "unknown parameter"}]),
        ("priority=p9", [{"field": "priority", "why": "not one of p1, p2, p3, p4"}]),
        ("created_from=yesterday", [{"field": "created_from", "why": "not a date or an RFC 3339 time"}]),
        ("limit=0", [{"field": "limit", "why": "not a number from 1 to 200"}]),
        ("q=a&q=b", [{"field": "q", "why": "given more than once"}]),
        ("cursor=zzz", [{"field": "cursor", "why": "not one of ours"}]),
        (
            "x=1&limit=999",
            [{"field": "x", "why": "unknown parameter"}, {"field": "limit", "why": "not a number from 1 to 200"}],
        ),
    ],
)
async def test_every_wrong_parameter_is_named(anonymous: Desk, query: str, errors: list[dict[str, str]]) -> None:
    found = await get(anonymous, f"/api/v1/tickets?{query}", 422)
    assert found == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The request breaks a rule; see errors.",
        "errors": errors,
    }
    fits(found, "Problem")


async def test_times_may_have_offsets_or_be_dates(anonymous: Desk) -> None:
    for value, count in (("2026-11-23", None), ("2026-11-23T11:30:00%2B03:00", 1), ("2026-11-23T08:30:00Z", 1)):
        found = await get(anonymous, f"/api/v1/tickets?created_from={value}")
        assert count is None or found["total"] == count


async def test_absent_unreadable_and_unknown_answer_alike(anonymous: Desk) -> None:
    answers = [
        await get(anonymous, path, 404)
        for path in ("/api/v1/tickets/T-999999", "/api/v1/tickets/12", "/api/v1/attachments/nope", "/api/v1/nothing")
    ]
    assert answers == [answers[0]] * 4
    fits(answers[0], "Problem")


@pytest.mark.parametrize(
    ("headers", "method", "path", "status"),
    [
        ({}, "GET", "/api/v1/tickets", 401),
        ({"Authorization": "Bearer nobody"}, "GET", "/api/v1/tickets", 401),
        ({"Authorization": "Basic token-read"}, "GET", "/api/v1/tickets", 401),
        (READ, "POST", "/api/v1/attachments", 403),
        (READ, "POST", "/api/v1/quarantine/H1/release", 403),
        (READ, "DELETE", "/api/v1/tickets", 405),
        (AGENT, "POST", "/api/v1/attachments", 415),
        (AGENT, "POST", "/api/v1/quarantine/H9/release", 404),
    ],
)
async def test_refusals_are_problem_documents(
    anonymous: Desk, headers: dict[str, str], method: str, path: str, status: int
) -> None:
    answer = await anonymous.request(method, path, headers=headers)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    document = await answer.json()
    fits(document, "Problem")
    assert document["status"] == status
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert answer.headers.get("Allow") == ("GET,HEAD,POST" if status == 405 else None)


async def test_an_absent_database_is_a_problem_with_a_time_to_retry(anonymous: Desk, world: World) -> None:
    world.views.away = True
    answer = await anonymous.get("/api/v1/tickets", headers=READ)
    assert (answer.status, answer.headers["Retry-After"], answer.content_type) == (
        503,
        "10",
        "application/problem+json",
    )


async def test_receipts_say_where_a_message_stands(anonymous: Desk, world: World) -> None:
    world.receipts = {"R1": Receipt(state="ticketed", ticket=123), "R2": Receipt(state="in_flight")}
    assert await get(anonymous, "/api/v1/receipts/R1", headers={}) == {"state": "ticketed", "ticket": "T-000123"}
    assert await get(anonymous, "/api/v1/receipts/R2", headers={}) == {"state": "in_flight"}
    await get(anonymous, "/api/v1/receipts/R3", 404, headers={})


async def test_a_file_goes_up_and_gets_an_id(anonymous: Desk, world: World) -> None:
    form = FormData(quote_fields=False)
    form.add_field("file", PNG, filename="..\\..\\a\u202egnp.exe", content_type="application/x-msdownload")
    answer = await anonymous.post("/api/v1/attachments", data=form, headers=AGENT)
    assert (answer.status, await answer.json()) == (201, {"id": "U1"})
    stored = world.uploads.files["U1"]
    assert (stored.name, stored.size, stored.media_type) == ("agnp.exe", len(PNG), "image/png")
    assert world.blobs.contents[stored.blob] == PNG


@pytest.mark.parametrize(("size", "status"), [(0, 422), (20_971_521, 413)])
async def test_a_file_has_a_size(anonymous: Desk, world: World, size: int, status: int) -> None:
    form = FormData()
    form.add_field("file", b"x" * size, filename="a.bin")
    answer = await anonymous.post("/api/v1/attachments", data=form, headers=AGENT)
    document = await answer.json()
    assert (answer.status, document["errors"][0]["field"]) == (status, "file")
    assert world.uploads.files == {}


async def test_an_upload_without_its_part_is_refused(anonymous: Desk) -> None:
    form = FormData()
    form.add_field("other", b"x", filename="a.bin")
    answer = await anonymous.post("/api/v1/attachments", data=form, headers=AGENT)
    assert (answer.status, (await answer.json())["errors"]) == (422, [{"field": "file", "why": "missing"}])


async def test_held_messages_are_listed_and_released(anonymous: Desk, world: World) -> None:
    found = await get(anonymous, "/api/v1/quarantine?outcome=suppressed&limit=2")
    fits(found, "HeldList")
    assert [item["id"] for item in found["items"]] == ["H3", "H4"]
    following = await get(anonymous, f"/api/v1/quarantine?outcome=suppressed&limit=2&before={found['next']}")
    assert ([item["id"] for item in following["items"]], following["next"]) == (["H5"], None)
    answer = await anonymous.post("/api/v1/quarantine/H3/release", headers=AGENT)
    assert (answer.status, list(await answer.json())) == (202, ["receipt"])
    assert world.releases.released == [("H3", "token:t2")]
    again = await anonymous.post("/api/v1/quarantine/H3/release", headers=AGENT)
    assert (again.status, (await again.json())["detail"]) == (409, "It has been released already")


async def test_openapi_is_served_and_describes_every_route_and_nothing_else(anonymous: Desk) -> None:
    served = await get(anonymous, "/api/v1/openapi.json", headers={})
    assert served["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in served["paths"].items() for method in methods}
    assert anonymous.app is not None
    routed = {
        (route.method, route.resource.canonical)
        for route in anonymous.app.router.routes()
        if route.resource is not None and route.method != "HEAD" and route.resource.canonical.startswith("/api/v1")
    }
    assert described == routed - {("GET", "/api/v1/openapi.json")}
    assert {(route.method, route.path) for route in ROUTES} == described


def test_every_reference_of_openapi_leads_somewhere() -> None:
    text = json.dumps(openapi.document())
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names == set(openapi.document()["components"]["schemas"])
    for name in names:
        jsonschema_rs.validator_for(
            {"$ref": f"#/components/schemas/{name}", "components": json.loads(text)["components"]}
        )
