"""The guard of administrators' addresses: a canary server in our own network gets nothing, however it is named."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from channels.guard import AddressRefused, guarded_session, is_public, public_socket, was_refused


class Canary:
    """A server on the loopback address. ``hits``: paths that were asked for; ``connections``: who came at all."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._hit)
        self.server = TestServer(app)

    async def _hit(self, request: web.Request) -> web.Response:
        self.hits.append(request.path)
        if request.path == "/elsewhere":
            raise web.HTTPFound("/inside")
        return web.Response(text="inside")

    @property
    def port(self) -> int:
        assert self.server.port is not None
        return self.server.port


class Names(AbstractResolver):
    """A name server that gives each answer once, and the last again and again."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        self.asked += 1
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        return None


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    made = Canary()
    await made.server.start_server()
    yield made
    await made.server.close()


OURS = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "localhost", "", "127.1", "0x7f000001"),
]


@pytest.mark.parametrize("address", OURS)
def test_addresses_of_our_own_network_are_not_public(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2a00:1450:4010::8a", "::ffff:8.8.8.8"])
def test_addresses_of_the_world_are_public(address: str) -> None:
    assert is_public(address) is True


def test_a_socket_is_made_for_a_public_address_alone() -> None:
    def dialled(address: str) -> Any:
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))

    with public_socket(dialled("8.8.8.8")) as made:
        assert made.family == socket.AF_INET
    with pytest.raises(AddressRefused):
        public_socket(dialled("127.0.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"])
async def test_nothing_reaches_the_loopback_address_however_it_is_written(canary: Canary, host: str) -> None:
    async with guarded_session() as session:
        with pytest.raises((ClientError, OSError)):
            await session.post(f"http://{host}:{canary.port}/", json={}, allow_redirects=False)
    assert canary.hits == []


@pytest.mark.parametrize("answers", [("127.0.0.1",), ("::1",), ("::ffff:127.0.0.1",), ("169.254.169.254",)])
async def test_a_name_that_leads_inside_is_refused_as_such(canary: Canary, answers: tuple[str, ...]) -> None:
    async with guarded_session(resolver=Names(*answers)) as session:
        with pytest.raises((ClientError, OSError)) as raised:
            await session.get(f"http://hook.example:{canary.port}/", allow_redirects=False)
    assert (was_refused(raised.value), canary.hits) == (True, [])


async def test_a_name_that_leads_elsewhere_the_second_time_is_refused_then(canary: Canary) -> None:
    """What was looked up before says nothing: the very address that is dialled is looked at."""
    names = Names("203.0.113.7", "127.0.0.1")
    assert (await names.resolve("hook.example"))[0]["host"] == "203.0.113.7"
    async with guarded_session(resolver=names) as session:
        with pytest.raises((ClientError, OSError)) as raised:
            await session.get(f"http://hook.example:{canary.port}/", allow_redirects=False)
    assert (was_refused(raised.value), names.asked, canary.hits) == (True, 2, [])


async def test_every_new_connection_asks_for_the_name_anew(canary: Canary) -> None:
    names = Names("127.0.0.1")
    async with guarded_session(private=True, resolver=names) as session:
        for _ in range(2):
            async with session.get(f"http://hook.example:{canary.port}/one", allow_redirects=False) as answer:
                assert answer.status == 200
    assert (names.asked, canary.hits) == (2, ["/one", "/one"])


async def test_a_redirect_is_an_answer_and_no_way_on(canary: Canary) -> None:
    async with (
        guarded_session(private=True) as session,
        session.get(f"http://127.0.0.1:{canary.port}/elsewhere", allow_redirects=False) as answer,
    ):
        assert answer.status == 302
    assert canary.hits == ["/elsewhere"]


async def test_a_proxy_of_the_environment_is_not_used(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.port}")
    async with guarded_session(resolver=Names("127.0.0.1")) as session:
        with pytest.raises((ClientError, OSError)):
            await session.get("http://hook.example/", allow_redirects=False)
    assert canary.hits == []


def test_other_faults_are_not_taken_for_refusals() -> None:
    assert [was_refused(each) for each in (OSError("refused"), TimeoutError(), ValueError())] == [False] * 3
