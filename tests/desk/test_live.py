"""The live stream: what is heard, by whom, and that it ends."""

import asyncio
import json

import pytest
from aiohttp import ClientResponse

from desk import live
from domain.people import Agent
from tests.desk.conftest import SignIn
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, BORIS, CHIEF


async def heard(stream: ClientResponse, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(5):
        async for line in stream.content:
            if line.startswith(b"data: {") and b"ticket" in line:
                found.append(json.loads(line[6:])["ticket"])
            if len(found) == count:
                break
    return found


async def subscribed(world: World, count: int = 1) -> None:
    async with asyncio.timeout(5):
        await world.live.wait_for(count)


@pytest.mark.parametrize(("agent", "expected"), [(ANNA, [102, 103]), (BORIS, [101, 103]), (CHIEF, [101, 102, 103])])
async def test_an_agent_hears_of_their_own_lines_only(
    signed_in: SignIn, world: World, agent: Agent, expected: list[int]
) -> None:
    stream = await (await signed_in(agent)).get("/desk/events")
    await subscribed(world)
    world.live.tell(101, "second")
    world.live.tell(102, "first")
    # 103 ends the count for all: its line is whatever this agent sees.
    moved = world.views.tickets[103]
    world.views.tickets[103] = type(moved)(**{f: getattr(moved, f) for f in moved.__slots__} | {"line": _own(agent)})
    world.live.tell(103, None)
    assert await heard(stream, len(expected)) == expected
    stream.close()


def _own(agent: Agent) -> str:
    return "second" if agent is BORIS else "first"


async def test_an_event_that_names_a_line_of_mine_but_a_ticket_that_is_not_is_kept_back(
    signed_in: SignIn, world: World
) -> None:
    stream = await (await signed_in(ANNA)).get("/desk/events")
    await subscribed(world)
    world.live.tell(101, "first")
    world.live.tell(102, "first")
    assert await heard(stream, 1) == [102]
    stream.close()


async def test_the_stream_is_one_that_proxies_leave_alone(signed_in: SignIn) -> None:
    stream = await (await signed_in(ANNA)).get("/desk/events")
    assert stream.content_type == "text/event-stream"
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert (await stream.content.readuntil(b"\n\n")).startswith(b"retry: ")
    stream.close()


async def test_a_browser_that_comes_back_is_told_to_look_again(signed_in: SignIn) -> None:
    stream = await (await signed_in(ANNA)).get("/desk/events", headers={"Last-Event-ID": "1"})
    assert b"event: resync" in await stream.content.readuntil(b"{}\n\n")
    stream.close()


async def test_who_signs_out_hears_nothing_more(
    signed_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_S", 0.1)
    stream = await (await signed_in(ANNA)).get("/desk/events")
    await subscribed(world)
    assert b": still here" in await stream.content.readuntil(b"here\n\n")
    world.accounts.sessions.clear()
    async with asyncio.timeout(5):
        await stream.content.read()
    assert stream.content.at_eof()


async def test_open_streams_do_not_hold_up_the_shutdown(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    await browser.get("/desk/events")
    await subscribed(world)
    async with asyncio.timeout(5):
        await browser.close()
    assert world.live.queues == set()
