"""Recordings, fetched over HTTP from a telephone system: handed on, guarded, and our password kept from others."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from channels.ivr.account import IvrAccount
from domain.errors import NotFound, Unavailable
from domain.message import Call
from gateway.recordings import HttpRecordings

CALL = Call(keys=("canonical/line/call:1",), event="call", event_id="1", recording_auth="basic")
LINE = IvrAccount(
    dialect="canonical",
    secret="0123456789",
    recordings_hosts=("127.0.0.1",),
    recordings_user="robot",
    recordings_password="planted",
    recordings_private=True,
)


class Pbx:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.kind = 200, "audio/wav"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Authorization", ""))
        if self.status == 302:
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        return web.Response(body=b"sound" * 1000, status=self.status, content_type=self.kind)


@pytest.fixture
async def pbx() -> AsyncIterator[tuple[Pbx, str]]:
    made = Pbx()
    app = web.Application()
    app.router.add_get("/1.wav", made.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        yield made, str(server.make_url("/1.wav"))


async def heard(account: IvrAccount, call: Call) -> tuple[str, bytes]:
    async with HttpRecordings({"line": account}).open("line", call) as found:
        return found.media_type, b"".join([chunk async for chunk in found.content])


def at(url: str | None, **changes: object) -> Call:
    return replace(CALL, recording_url=url, **changes)


async def test_a_recording_is_fetched_with_the_accounts_password(pbx: tuple[Pbx, str]) -> None:
    server, url = pbx
    assert await heard(LINE, at(url)) == ("audio/wav", b"sound" * 1000)
    assert server.asked == [encode_basic_auth("robot", "planted")]
    await heard(LINE, at(url, recording_auth="bearer"))
    assert server.asked[-1] == "Bearer planted"
    await heard(LINE, at(url, recording_auth="none"))
    assert server.asked[-1] == ""


async def test_our_password_goes_to_no_other_host(pbx: tuple[Pbx, str]) -> None:
    server, url = pbx
    await heard(replace(LINE, recordings_hosts=("pbx.example",)), at(url))
    assert server.asked == [""]


async def test_our_own_network_is_not_reached_unless_the_account_says_so(pbx: tuple[Pbx, str]) -> None:
    server, url = pbx
    with pytest.raises(Unavailable, match="our own network"):
        await heard(replace(LINE, recordings_private=False), at(url))
    assert server.asked == []


@pytest.mark.parametrize(("status", "kind"), [(500, "audio/wav"), (302, "audio/wav"), (200, "text/html")])
async def test_what_is_no_recording_is_not_handed_on(pbx: tuple[Pbx, str], status: int, kind: str) -> None:
    server, url = pbx
    server.status, server.kind = status, kind
    with pytest.raises(Unavailable, match="the telephone system answered"):
        await heard(LINE, at(url))


@pytest.mark.parametrize("url", [None, "", "file:///etc/passwd", "https://", "ftp://pbx.example/1.wav"])
async def test_what_is_no_web_address_is_no_recording(url: str | None) -> None:
    with pytest.raises(NotFound):
        await heard(LINE, at(url))


async def test_a_recording_that_is_gone_or_of_an_account_that_is_gone(pbx: tuple[Pbx, str]) -> None:
    server, url = pbx
    server.status = 404
    with pytest.raises(NotFound, match="no such recording any more"):
        await heard(LINE, at(url))
    with pytest.raises(NotFound):
        async with HttpRecordings({}).open("line", at(url)):
            pass
