"""The lookup, asked over HTTP: what it adds, what it never overrides, and that it stops no message."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.message import Address, Automatic
from gateway.lookup import FAILED, Lookup
from tests.fakes_store import FixedClock
from tests.gateway.conftest import until
from tests.make import NOON, message


class Hook:
    """A system of ours. ``answer`` may be changed; ``asked`` is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.body: Any = {"organization": "ORG-7", "fields": {"version": "8.4", "last_load": "2026-03-01"}}
        self.status = 200
        self.gate: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        self.asked.append((request.query["channel"], request.query["address"], given))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.body, bytes):
            return web.Response(body=self.body, status=self.status)
        return web.json_response(self.body, status=self.status)


class Asking:
    def __init__(self, hook: Hook, url: str) -> None:
        self.hook, self.clock = hook, FixedClock(NOON)
        self.lookup = Lookup(
            url, token="planted", timeout=0.3, keep=timedelta(minutes=5), clock=self.clock, private=True
        )


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    hook = Hook()
    app = web.Application()
    app.router.add_get("/who", hook.handle)
    async with TestServer(app) as server:
        made = Asking(hook, str(server.make_url("/who")))
        yield made
        await made.lookup.close()


async def test_what_our_systems_know_comes_along(asking: Asking) -> None:
    found = await asking.lookup.enrich(message(fields={"version": "said by the sender"}))
    assert found.organization == "ORG-7"
    assert found.fields == {"version": "said by the sender", "last_load": "2026-03-01"}
    assert found.flags == ()
    assert asking.hook.asked == [("email", "anna@romashka.example", "Bearer planted")]


async def test_an_answer_is_good_for_a_while_and_many_at_once_ask_once(asking: Asking) -> None:
    asking.hook.gate = asyncio.Event()
    waiting = [asyncio.create_task(asking.lookup.enrich(message())) for _ in range(20)]
    await until(lambda: asking.hook.asked)
    asking.hook.gate.set()
    assert {each.organization for each in await asyncio.gather(*waiting)} == {"ORG-7"}
    assert len(asking.hook.asked) == 1
    await asking.lookup.enrich(message(address="other@romashka.example"))
    assert len(asking.hook.asked) == 2
    asking.clock.at = NOON + timedelta(minutes=6)
    await asking.lookup.enrich(message())
    assert len(asking.hook.asked) == 3


async def test_who_is_not_known_stays_as_they_are(asking: Asking) -> None:
    asking.hook.status = 404
    sent = message()
    assert await asking.lookup.enrich(sent) == sent


async def test_programs_are_not_asked_about(asking: Asking) -> None:
    sent = message(automatic=Automatic(kind="bulk", because="Precedence: bulk"))
    assert await asking.lookup.enrich(sent) == sent
    nobody = message(sender=Address(channel="email", address=""))
    assert await asking.lookup.enrich(nobody) == nobody
    assert asking.hook.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {}),
        (302, {}),
        (200, b"no json"),
        (200, ["a list"]),
        (200, {"organization": 7}),
        (200, {"fields": "text"}),
        (200, b"[" * 70_000),
    ],
)
async def test_nonsense_leaves_the_message_with_a_flag(asking: Asking, status: int, body: Any) -> None:
    asking.hook.status, asking.hook.body = status, body
    sent = message()
    found = await asking.lookup.enrich(sent)
    assert (found.flags, found.organization, found.fields) == ((FAILED,), None, {})


async def test_values_that_are_no_plain_data_are_left_out(asking: Asking) -> None:
    asking.hook.body = {"fields": {"ok": 5, "list": [1], "long": "x" * 5000, **{f"n{i}": i for i in range(100)}}}
    found = await asking.lookup.enrich(message())
    assert found.organization is None
    assert found.fields["ok"] == 5
    assert "list" not in found.fields
    assert "long" not in found.fields
    assert len(found.fields) <= 50


async def test_a_hook_that_hangs_slows_five_messages_and_rests(asking: Asking) -> None:
    asking.hook.gate = asyncio.Event()
    for n in range(8):
        found = await asking.lookup.enrich(message(address=f"a{n}@romashka.example"))
        assert found.flags == (FAILED,)
    assert len(asking.hook.asked) == 5
    asking.hook.gate.set()
    asking.clock.at = NOON + timedelta(seconds=31)
    assert (await asking.lookup.enrich(message())).organization == "ORG-7"


async def test_a_hook_that_is_not_there_is_a_flag_too() -> None:
    lookup = Lookup(
        "http://127.0.0.1:9/who", token="", timeout=1, keep=timedelta(0), clock=FixedClock(NOON), private=True
    )
    assert (await lookup.enrich(message())).flags == (FAILED,)
    await lookup.close()


async def test_an_address_inside_our_own_network_is_asked_only_where_the_operator_says_so(asking: Asking) -> None:
    guarded = Lookup(asking.lookup._url, token="", timeout=1, keep=timedelta(0), clock=FixedClock(NOON), private=False)
    assert (await guarded.enrich(message())).flags == (FAILED,)
    assert asking.hook.asked == []
    await guarded.close()
