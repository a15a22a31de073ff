"""An agent's answer as an annotation: what a real server gets, and what becomes of each of its answers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.alerts.account import AlertAccount
from channels.alerts.sender import AlertSender
from channels.health import Health
from domain.errors import Fault, Permanent, Temporary
from domain.outgoing import Delivery, Parcel, Sent
from tests.channels.alarms import TOKEN
from tests.channels.calls import Book
from tests.fakes_store import FixedClock
from tests.make import NOON

DELIVERY = Delivery(
    id="D1",
    message="M1",
    number=7,
    channel="alert",
    account="prometheus",
    address="prometheus",
    name="priyom",
    subject="Down",
    text="Перезапустили службу.\n",
    automatic=False,
    attempt=1,
    created_at=NOON + timedelta(microseconds=250),
    references=("f0", "1a30ba71cca2921f"),
    author="Дежурная",
)
PARCEL = Parcel(delivery=DELIVERY, token="t7")


class Wall:
    """Where annotations are put up. ``status`` and ``headers`` are what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str | None], Any]] = []
        self.status, self.headers = 200, {}
        app = web.Application()
        app.router.add_post("/annotations", self._put_up)
        self.server = TestServer(app)

    async def _put_up(self, request: web.Request) -> web.Response:
        shown = {name: request.headers.get(name) for name in ("Authorization", "Idempotency-Key")}
        self.got.append((shown, await request.json()))
        return web.Response(status=self.status, headers=self.headers)

    def sender(self, **settings: Any) -> AlertSender:
        given = {"annotate_url": str(self.server.make_url("/annotations")), "annotate_private": True, **settings}
        account = AlertAccount(dialect="alertmanager", token=TOKEN, **given)
        health = Health(Book(), FixedClock(NOON), adapter="alerts", account="prometheus", channel="alert")
        return AlertSender(account, health)


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    made = Wall()
    await made.server.start_server()
    yield made
    await made.server.close()


async def test_an_answer_is_put_up_with_its_ticket_alert_author_and_time(wall: Wall) -> None:
    sender = wall.sender(annotate_token="the-way-back")
    assert (await sender.send(PARCEL), sender.repeatable) == (Sent(detail={"status": 200}), True)
    assert wall.got == [
        (
            {"Authorization": "Bearer the-way-back", "Idempotency-Key": "m1"},
            {
                "ticket": "T-000007",
                "fingerprint": "1a30ba71cca2921f",
                "text": "Перезапустили службу.",
                "author": "Дежурная",
                "at": "2026-03-02T12:00:00.000250Z",
            },
        )
    ]


async def test_every_attempt_has_the_same_key_and_none_has_a_token_that_is_not_set(wall: Wall) -> None:
    sender = wall.sender()
    await sender.send(PARCEL)
    await sender.send(PARCEL)
    assert [shown for shown, _ in wall.got] == [{"Authorization": None, "Idempotency-Key": "m1"}] * 2


@pytest.mark.parametrize(
    ("status", "headers", "fault", "detail"),
    [
        (400, {}, Permanent, {}),
        (401, {}, Permanent, {}),
        (404, {}, Permanent, {}),
        (302, {"Location": "/annotations"}, Permanent, {}),
        (408, {}, Temporary, {}),
        (429, {"Retry-After": "90"}, Temporary, {"retry_after": 90.0}),
        (429, {"Retry-After": "Mon, 23 Nov 2026 08:00:00 GMT"}, Temporary, {}),
        (500, {}, Temporary, {}),
        (503, {"Retry-After": "999999"}, Temporary, {"retry_after": 3600.0}),
    ],
)
async def test_what_the_other_side_answers_decides(
    wall: Wall, status: int, headers: dict[str, str], fault: type[Fault], detail: dict[str, float]
) -> None:
    wall.status, wall.headers = status, headers
    with pytest.raises(fault) as raised:
        await wall.sender().send(PARCEL)
    assert (type(raised.value), raised.value.detail) == (fault, detail)
    assert raised.value.reason == f"the monitoring system answers {status}"
    assert len(wall.got) == 1


async def test_an_address_of_our_own_network_is_refused_unless_the_account_allows_it(wall: Wall) -> None:
    with pytest.raises(Permanent) as raised:
        await wall.sender(annotate_private=False).send(PARCEL)
    assert raised.value.reason == "annotate_url: it leads into our own network; annotate_private allows that"
    assert wall.got == []


async def test_who_cannot_be_reached_is_tried_again(wall: Wall) -> None:
    sender = wall.sender()
    await wall.server.close()
    with pytest.raises(Temporary):
        await sender.send(PARCEL)


async def test_an_account_without_an_address_takes_no_answers(wall: Wall) -> None:
    with pytest.raises(Permanent) as raised:
        await wall.sender(annotate_url=None).send(PARCEL)
    assert raised.value.reason == "annotate_url is not set"
