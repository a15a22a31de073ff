"""The API's routes of deliveries, identities and channels, and the page that shows channels."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.accounts import AccountState
from domain.errors import Conflict, NotFound
from domain.outgoing import DeliveryView
from tests.desk.conftest import Desk, SignIn
from tests.desk.test_api import AGENT, READ, fits
from tests.desk.test_api_actions import post
from tests.fakes_desk import World
from tests.fakes_desk_data import CHIEF, NOON

LOST = DeliveryView(
    id="D1", message="M102", channel="email", address="x@client.example", state="failed", attempts=2, error="550 nobody"
)


@pytest.fixture
def answered(world: World) -> World:
    """Ticket 102 has a message of ours that did not arrive."""
    found = world.views.tickets[102]
    ours = replace(found.messages[0], id="M-ours", direction="outbound", deliveries=(LOST,))
    world.views.tickets[102] = replace(found, messages=(*found.messages, ours))
    return world


async def test_a_message_of_ours_says_what_became_of_it(anonymous: Desk, answered: World) -> None:
    answer = await anonymous.get("/api/v1/tickets/T-000102", headers=READ)
    document = await answer.json()
    fits(document, "Ticket")
    shown = document["messages"][-1]
    assert shown["delivery"] == shown["deliveries"][0]
    assert (shown["delivery"]["state"], shown["delivery"]["error"]) == ("failed", "550 nobody")


@pytest.mark.parametrize(("action", "asked"), [("retry", "repeat"), ("called", "called")])
async def test_an_agent_does_something_about_a_delivery(
    anonymous: Desk, answered: World, action: str, asked: str
) -> None:
    path = f"/api/v1/tickets/T-000102/deliveries/D1/{action}"
    fits(await post(anonymous, path, None, 200), "Ticket")
    assert answered.deliveries.asked == [(asked, 102, "D1")]
    answered.deliveries.answer = False
    assert (await post(anonymous, path, None, 409))["detail"]
    await post(anonymous, path.replace("D1", "D9"), None, 404)
    await post(anonymous, path.replace("T-000102", "T-000999"), None, 404)


async def test_the_page_shows_what_became_of_an_answer(signed_in: SignIn, answered: World) -> None:
    page = await (await (await signed_in(CHIEF)).get("/desk/tickets/T-000102")).text()
    assert "550 nobody" in page
    assert "x@client.example" in page


async def test_identities_are_invited_joined_and_given_back(anonymous: Desk, world: World) -> None:
    invited = await post(anonymous, "/api/v1/identities/I102/invite", None, 201)
    fits(invited, "Invite")
    assert invited["secret"] == "secret"
    fits(await post(anonymous, "/api/v1/identities/I102/merge", {"identity": "I9"}, 201), "IdentityLink")
    undone = await post(anonymous, "/api/v1/identity-links/L1/undo", None, 200)
    fits(undone, "IdentityLinks")
    listed = await (await anonymous.get("/api/v1/identities/I102/links", headers=READ)).json()
    assert [each["id"] for each in listed["items"]] == ["L1"]
    asked = [each[0] for each in world.identities.asked]
    assert asked == ["links", "invite", "merge", "undo", "links", "links"]


@pytest.mark.parametrize(
    ("fault", "status"), [(NotFound("There is no such identity"), 404), (Conflict("one person's already"), 409)]
)
async def test_what_cannot_be_joined_is_refused(anonymous: Desk, world: World, fault: Exception, status: int) -> None:
    world.identities.fault = fault
    await post(anonymous, "/api/v1/identities/I102/merge", {"identity": "I9"}, status)


async def test_a_reader_may_not_join(anonymous: Desk, world: World) -> None:
    await post(anonymous, "/api/v1/identities/I102/merge", {"identity": "I9"}, 403, headers=READ)
    assert world.identities.asked == []


FAILING = AccountState(
    adapter="imap",
    account="support",
    channel="email",
    condition="failing",
    since=NOON - timedelta(hours=1),
    told_at=NOON,
    error="LOGIN failed",
    oldest_at=NOON - timedelta(hours=2),
)
FINE = replace(FAILING, adapter="telegram", account="bot", channel="telegram", condition="connected", error="")


async def test_how_each_account_fares_is_listed(anonymous: Desk, world: World) -> None:
    world.channels.told = [FINE, FAILING]
    answer = await anonymous.get("/api/v1/channels", headers=AGENT)
    document: Any = await answer.json()
    fits(document, "ChannelAccounts")
    assert [(each["account"], each["condition"]) for each in document["items"]] == [
        ("bot", "connected"),
        ("support", "failing"),
    ]


async def test_the_page_of_channels_shows_the_failing_ones_first(signed_in: SignIn, world: World) -> None:
    world.channels.told = [FINE, FAILING]
    page = await (await (await signed_in(CHIEF)).get("/desk/channels")).text()
    assert page.index("support") < page.index(">bot<")
    assert "LOGIN failed" in page
    world.channels.told = []
    empty = await (await (await signed_in(CHIEF)).get("/desk/channels")).text()
    assert "No account is set up" in empty or "Ни одна учётная запись не настроена" in empty
