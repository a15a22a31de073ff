"""The API's POSTs on tickets: bodies checked, commands made, refusals told as problem documents."""

import json
from dataclasses import replace
from typing import Any

import pytest

from domain.commands import (
    Actor,
    AddNote,
    Assign,
    Classify,
    Command,
    Escalate,
    LinkTo,
    LogWork,
    Reply,
    Return,
    SetStatus,
    Tick,
)
from domain.errors import Conflict, Invalid, Refused
from domain.ids import BlobKey
from domain.message import StoredFile
from domain.status import Status
from domain.ticket import Level, Priority
from tests.desk.conftest import Desk
from tests.desk.test_api import AGENT, READ, fits
from tests.fakes_desk import World

ACTOR = Actor(id="token:t2", name="bot")
TICKET = "/api/v1/tickets/T-000102"


async def post(client: Desk, path: str, body: Any, status: int, headers: dict[str, str] = AGENT) -> Any:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status == status, await answer.text()
    document = await answer.json()
    if status >= 400:
        assert answer.content_type == "application/problem+json"
        fits(document, "Problem")
    return document


@pytest.mark.parametrize(
    ("action", "body", "command", "status"),
    [
        ("note", {"text": "Звонил"}, AddNote(text="Звонил"), 201),
        ("reply", {"text": "Обновите"}, Reply(text="Обновите"), 201),
        (
            "reply",
            {
                "text": "Какая версия?",
                "to": "I9",
                "status": "waiting_requester",
                "substatus": "log",
                "fields": {"a": 1},
            },
            Reply(
                text="Какая версия?",
                to="I9",
                status=Status.WAITING_REQUESTER,
                substatus="log",
                fields={"a": 1},
            ),
            201,
        ),
        (
            "status",
            {"status": "waiting_requester", "substatus": "log", "reason": "нужен журнал", "fields": {"log": "x"}},
            SetStatus(status=Status.WAITING_REQUESTER, substatus="log", reason="нужен журнал", fields={"log": "x"}),
            200,
        ),
        ("assign", {"assignee": "agent-9", "reason": "свой"}, Assign(agent="agent-9", reason="свой"), 200),
        ("assign", {"assignee": None}, Assign(agent=None), 200),
        ("escalate", {"reason": "инженер", "line": "second"}, Escalate(reason="инженер", line="second"), 200),
        ("return", {"reason": "не ошибка", "group": "g"}, Return(reason="не ошибка", group="g"), 200),
        (
            "classify",
            {"catalog": "billing", "kind": "outage", "impact": "high", "urgency": "low", "priority": "p1"},
            Classify(catalog="billing", kind="outage", impact=Level.HIGH, urgency=Level.LOW, priority=Priority.P1),
            200,
        ),
        (
            "checks",
            {"done": ["cause"], "undone": ["log"]},
            Tick(done=frozenset({"cause"}), undone=frozenset({"log"})),
            200,
        ),
        ("work", {"minutes": 25, "text": "звонок"}, LogWork(minutes=25, text="звонок"), 201),
        ("link", {"ticket": "T-000101", "relation": "caused_by"}, LinkTo(other=101, relation="caused_by"), 200),
    ],
)
async def test_a_body_becomes_a_command_and_the_answer_is_the_ticket(
    anonymous: Desk, world: World, action: str, body: dict[str, Any], command: Command, status: int
) -> None:
    answered = await post(anonymous, f"{TICKET}/{action}", {**body, "version": 3}, status)
    assert world.actions.done == [(102, command, ACTOR, 3)]
    fits(answered, "Ticket")
    assert answered["number"] == "T-000102"


async def test_an_agent_may_be_named_by_address(anonymous: Desk, world: World) -> None:
    agent = next(iter(world.accounts.people.values()))
    await post(anonymous, f"{TICKET}/assign", {"assignee": agent.email}, 200)
    assert world.actions.done[0][1] == Assign(agent=agent.id)


async def test_a_note_carries_the_files_that_went_up_before(anonymous: Desk, world: World) -> None:
    file = StoredFile(blob=BlobKey("c" * 64), name="лог.txt", size=3, media_type="text/plain")
    world.uploads.files["U1"] = file
    await post(anonymous, f"{TICKET}/note", {"text": "", "attachments": ["U1"]}, 201)
    assert world.actions.done[0][1] == AddNote(text="", files=(file,))
    missing = await post(anonymous, f"{TICKET}/note", {"text": "", "attachments": ["U1", "U7"]}, 422)
    assert missing["errors"] == [{"field": "attachments[1]", "why": "no file went up under this id"}]


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("status", {"status": "solved"}, "status"),
        ("status", {}, "body"),
        ("status", {"status": "closed", "colour": "red"}, "body"),
        ("note", {"text": 5}, "text"),
        ("assign", {}, "body"),
        ("escalate", {"line": "second"}, "body"),
        ("escalate", {"reason": "x" * 2001}, "reason"),
        ("classify", {"impact": "huge"}, "impact"),
        ("link", {"ticket": "102"}, "ticket"),
        ("note", {"text": "x", "version": 0}, "version"),
        ("note", ["x"], "body"),
    ],
)
async def test_a_body_that_breaks_a_rule_names_the_field(
    anonymous: Desk, world: World, action: str, body: Any, field: str
) -> None:
    told = await post(anonymous, f"{TICKET}/{action}", body, 422)
    assert [error["field"] for error in told["errors"]] == [field]
    assert all(error["why"] and "`" not in error["why"] for error in told["errors"])
    assert world.actions.done == []


async def test_what_is_no_json_is_told_so(anonymous: Desk) -> None:
    headers = {**AGENT, "Content-Type": "application/json"}
    assert (await anonymous.post(f"{TICKET}/note", data=b"{", headers=headers)).status == 400
    assert (await anonymous.post(f"{TICKET}/note", data=b"\xff\xfe", headers=headers)).status == 400
    assert (await anonymous.post(f"{TICKET}/note", data={"text": "x"}, headers=AGENT)).status == 415


async def test_a_refused_action_says_what_is_missing(anonymous: Desk, world: World) -> None:
    world.actions.refusal = Refused("Not yet.", (("cause", "the kind asks for it"),))
    told = await post(anonymous, f"{TICKET}/status", {"status": "closed"}, 409)
    assert (told["detail"], told["errors"]) == ("Not yet.", [{"field": "cause", "why": "the kind asks for it"}])
    world.actions.refusal = Conflict("T-000102 has changed since version 1; it is at 2.")
    told = await post(anonymous, f"{TICKET}/status", {"status": "closed", "version": 1}, 409)
    assert told["detail"] == "T-000102 has changed since version 1; it is at 2."
    world.actions.refusal = Invalid("line", "no such line")
    told = await post(anonymous, f"{TICKET}/escalate", {"reason": "x"}, 422)
    assert told["errors"] == [{"field": "line", "why": "no such line"}]


async def test_acting_needs_a_token_of_an_agents_scope_and_a_ticket_that_is_there(anonymous: Desk) -> None:
    body = {"text": "x"}
    await post(anonymous, f"{TICKET}/note", body, 401, {})
    await post(anonymous, f"{TICKET}/note", body, 403, READ)
    await post(anonymous, "/api/v1/tickets/T-999999/note", body, 404)
    await post(anonymous, "/api/v1/tickets/nonsense/note", body, 404)


REQUEST = {"subject": "Не печатает", "body": "Принтер молчит", "email": "anna@romashka.example", "name": "Анна"}


async def test_a_request_filed_for_somebody_goes_through_intake(anonymous: Desk, world: World) -> None:
    file = StoredFile(blob=BlobKey("c" * 64), name="лог.txt", size=3, media_type="text/plain")
    world.uploads.files["U1"] = file
    answered = await post(anonymous, "/api/v1/tickets", {**REQUEST, "attachments": ["U1"]}, 202)
    (draft,) = world.intake.drafts
    assert answered == {"receipt": draft.id}
    assert (draft.channel, draft.account, draft.files) == ("api", "token:t2", (file,))
    raw = json.loads(draft.raw)
    assert {key: raw[key] for key in REQUEST} == REQUEST
    assert (raw["filed_by"], raw["idempotency_key"]) == ("token:t2", draft.id)


async def test_the_same_key_gives_the_same_receipt_and_another_body_under_it_is_a_conflict(
    anonymous: Desk, world: World
) -> None:
    keyed = {**REQUEST, "idempotency_key": "call-1"}
    first = await post(anonymous, "/api/v1/tickets", keyed, 202)
    assert await post(anonymous, "/api/v1/tickets", keyed, 202) == first
    assert len(world.intake.drafts) == 1
    await post(anonymous, "/api/v1/tickets", {**keyed, "subject": "Другое"}, 409)


async def test_a_request_for_nobody_names_every_field_at_fault(anonymous: Desk, world: World) -> None:
    told = await post(anonymous, "/api/v1/tickets", {"subject": " ", "body": "", "catalog": "no/such"}, 422)
    assert [error["field"] for error in told["errors"]] == ["subject", "body", "email", "catalog"]
    assert world.intake.drafts == []


async def test_while_the_bus_is_away_nothing_is_kept_and_the_caller_is_told(anonymous: Desk, world: World) -> None:
    world.intake.away = True
    answer = await anonymous.post("/api/v1/tickets", json=REQUEST, headers=AGENT)
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)


ASKED = {"subject": "Проверьте", "body": "Работает ли у нас Иванов?", "catalog": "internal/access"}


async def test_another_department_is_asked_through_intake_with_the_ticket_named_apart(
    anonymous: Desk, world: World
) -> None:
    world.views.tickets[102] = replace(world.views.tickets[102], status="in_progress", line="second")
    answered = await post(anonymous, f"{TICKET}/request", {**ASKED, "fields": {"parent": 7}}, 202)
    (draft,) = world.intake.drafts
    assert answered == {"receipt": draft.id}
    assert (draft.channel, draft.meta["parent"]) == ("api", 102)
    raw = json.loads(draft.raw)
    assert {key: raw[key] for key in ASKED} == ASKED
    assert (raw["name"], raw["filed_by"]) == ("bot", "token:t2")


async def test_a_ticket_that_is_not_in_work_asks_nobody(anonymous: Desk, world: World) -> None:
    world.views.tickets[102] = replace(world.views.tickets[102], status="classification")
    told = await post(anonymous, f"{TICKET}/request", ASKED, 409)
    assert told["errors"] == [{"field": "status", "why": "must be in_progress"}]
    await post(anonymous, "/api/v1/tickets/T-999999/request", ASKED, 404)
    assert world.intake.drafts == []


async def test_what_is_asked_of_ones_own_line_or_of_no_entry_is_refused_by_field(anonymous: Desk, world: World) -> None:
    found = replace(world.views.tickets[102], status="in_progress", line="second", catalog="field/sync")
    world.views.tickets[102] = found
    told = await post(anonymous, f"{TICKET}/request", {**ASKED, "catalog": found.catalog, "subject": " "}, 422)
    assert [error["field"] for error in told["errors"]] == ["subject", "catalog"]
    told = await post(anonymous, f"{TICKET}/request", {**ASKED, "catalog": "no/such"}, 422)
    assert told["errors"] == [{"field": "catalog", "why": "no such entry"}]
