"""The API's routes for agents: cards for administrators, presence for oneself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.people import Agent
from domain.policy import Audience, Text
from tests.desk.conftest import Desk, SignIn, csrf_of
from tests.desk.test_api import AGENT, READ, fits, get
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, BORIS, CHIEF, NOON

ADMIN = {"Authorization": "Bearer token-admin"}
AGENTS = "/api/v1/agents"
BORIS_SHOWN = {
    "id": "01BORIS",
    "email": "boris@example.org",
    "name": "Борис Ли",
    "lines": ["second", "third"],
    "groups": {},
    "skills": {},
    "audiences": [],
    "calendar": None,
    "capacity": None,
    "admin": False,
    "active": True,
    "presence": "on",
    "away_until": None,
}


async def send(
    client: Desk, method: str, path: str, body: Any, status: int = 200, headers: dict[str, str] = ADMIN
) -> Any:
    answer = await client.request(method, f"{AGENTS}/{path}", json=body, headers=headers)
    assert answer.status == status, await answer.text()
    document = await answer.json()
    fits(document, "Problem" if status >= 400 else "Agent")
    return document


async def test_the_agents_come_by_name(anonymous: Desk) -> None:
    found = await get(anonymous, AGENTS, headers=ADMIN)
    fits(found, "AgentList")
    assert [each["id"] for each in found["items"]] == ["01ANNA", "01BORIS", "01CHIEF"]
    assert found["items"][1] == BORIS_SHOWN


async def test_a_card_changes_in_part(anonymous: Desk) -> None:
    body = {"groups": {"second": ["data"]}, "lines": ["second"], "capacity": 5, "admin": True, "name": "Борис"}
    changed = {**BORIS_SHOWN, **body}
    assert await send(anonymous, "PATCH", BORIS.id, body) == changed
    assert await send(anonymous, "PATCH", BORIS.id, {"capacity": None, "active": False}) == {
        **changed,
        "capacity": None,
        "active": False,
    }
    assert await send(anonymous, "PATCH", BORIS.id, {}) == {**changed, "capacity": None, "active": False}


async def test_the_audiences_that_an_agent_serves_are_the_policys(anonymous: Desk, world: World) -> None:
    found = {key: Audience(key=key, title=Text(ru=key, en=key)) for key in ("retail", "staff")}
    world.policy.current = replace(world.policy.current, audiences=found)
    changed = await send(anonymous, "PATCH", BORIS.id, {"audiences": ["staff", "retail"]})
    assert changed == {**BORIS_SHOWN, "audiences": ["retail", "staff"]}
    assert await send(anonymous, "PATCH", BORIS.id, {"name": "Борис"}) == {**changed, "name": "Борис"}
    told = await send(anonymous, "PATCH", BORIS.id, {"audiences": ["vip"]}, 422)
    assert told["errors"] == [
        {"field": "audiences", "why": "'vip' is not an audience of the policy; there are retail, staff"}
    ]
    assert (await send(anonymous, "PATCH", BORIS.id, {"audiences": []}))["audiences"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lines": ["nowhere"]}, "lines"),
        ({"groups": {"second": ["nothing"]}}, "groups"),
        ({"groups": {"first": ["data"]}}, "groups"),
        ({"skills": {"juggling": 2}}, "skills"),
        ({"skills": {"juggling": 11}}, "skills[...]"),
        ({"audiences": ["nobody"]}, "audiences"),
        ({"calendar": "mars"}, "calendar"),
        ({"capacity": 0}, "capacity"),
        ({"name": " "}, "name"),
        ({"presence": "away"}, "body"),
    ],
)
async def test_a_card_that_the_policy_does_not_have_names_the_part(
    anonymous: Desk, world: World, body: Any, field: str
) -> None:
    told = await send(anonymous, "PATCH", BORIS.id, body, 422)
    assert [error["field"] for error in told["errors"]] == [field]
    assert world.accounts.people[BORIS.id] == BORIS


async def test_cards_are_for_administrators_tokens(anonymous: Desk) -> None:
    for headers, status in (({}, 401), (READ, 403), (AGENT, 403)):
        await get(anonymous, AGENTS, status, headers)
        await send(anonymous, "PATCH", BORIS.id, {"admin": True}, status, headers)
        await send(anonymous, "POST", f"{BORIS.id}/presence", {"presence": "away"}, status, headers)
    await send(anonymous, "PATCH", "nobody", {}, 404)
    await send(anonymous, "POST", "nobody/presence", {"presence": "on"}, 404)


async def test_an_agent_says_of_themselves_whether_they_are_here(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(BORIS)
    mine = {"X-CSRF-Token": csrf_of(world, BORIS)}
    until = (NOON + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    away = {**BORIS_SHOWN, "presence": "away", "away_until": until}
    assert await send(browser, "POST", "me/presence", {"presence": "away", "until": until}, 200, mine) == away
    assert await send(browser, "POST", f"{BORIS.id}/presence", {"presence": "on"}, 200, mine) == BORIS_SHOWN
    await send(browser, "POST", f"{ANNA.id}/presence", {"presence": "away"}, 403, mine)
    await send(browser, "POST", "me/presence", {"presence": "away"}, 403, {})
    await send(browser, "POST", "me/presence", {"presence": "away"}, 403, {"X-CSRF-Token": "x"})
    await send(browser, "POST", "me/presence", {"presence": "away"}, 403, {**mine, "Origin": "https://evil.example"})
    assert (world.accounts.people[BORIS.id], world.accounts.people[ANNA.id]) == (BORIS, ANNA)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"presence": "asleep"}, "presence"),
        ({"presence": "on", "until": "2026-11-23T12:00:00Z"}, "until"),
        ({"presence": "away", "until": "2026-11-23T08:59:59Z"}, "until"),
        ({"presence": "away", "until": "2026-11-23T12:00:00"}, "until"),
        ({}, "body"),
    ],
)
async def test_a_presence_that_cannot_be_names_the_field(anonymous: Desk, body: Any, field: str) -> None:
    told = await send(anonymous, "POST", f"{BORIS.id}/presence", body, 422)
    assert [error["field"] for error in told["errors"]] == [field]


@pytest.mark.parametrize(("agent", "status"), [(CHIEF, 200), (BORIS, 403)])
async def test_a_signed_in_administrator_needs_no_token(
    signed_in: SignIn, world: World, agent: Agent, status: int
) -> None:
    browser = await signed_in(agent)
    mine = {"X-CSRF-Token": csrf_of(world, agent)}
    await get(browser, AGENTS, status, {})
    await send(browser, "PATCH", ANNA.id, {"capacity": 3}, status, mine)
    await send(browser, "PATCH", ANNA.id, {"capacity": 4}, 403, {})
    await send(browser, "POST", f"{ANNA.id}/presence", {"presence": "break"}, status, mine)
    assert world.accounts.people[ANNA.id].capacity == (3 if agent is CHIEF else None)
