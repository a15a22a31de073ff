"""The desk over fakes, served on a free port for the whole test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.form import FormChannel, FormDeps, Limits
from desk import app as desk_app
from desk.pages.form import FormPages
from domain.people import Agent
from tests.fakes_desk import SECRET, World

Desk = TestClient[web.Request, web.Application]
SignIn = Callable[[Agent], Awaitable[Desk]]


@pytest.fixture
def world() -> World:
    return World()


def application(world: World, limits: Limits | None = None, **changes: Any) -> web.Application:
    """Pages, API and form on one application, as gateway puts them together."""
    app = desk_app.build(world.desk(**changes))
    deps = FormDeps(
        policy=world.policy,
        intake=world.intake,
        blobs=world.blobs,
        uploads=world.uploads,
        reservations=world.reservations,
        clock=world.clock,
        ids=world.ids,
        secret=SECRET,
        receipt_state=world.receipt_state,
        pages=FormPages(),
        limits=limits or Limits(),
    )
    FormChannel(deps).add_routes(app)
    return app


@pytest.fixture
async def anonymous(world: World) -> AsyncIterator[Desk]:
    async with TestClient(TestServer(application(world))) as client:
        yield client


@pytest.fixture
async def signed_in(world: World) -> AsyncIterator[SignIn]:
    """A browser with an agent's session. Redirects are not followed."""
    clients: list[Desk] = []

    async def open_browser(agent: Agent) -> Desk:
        client: Desk = TestClient(TestServer(application(world)))
        await client.start_server()
        clients.append(client)
        client.session.cookie_jar.update_cookies(
            {"priyom_session": world.accounts.sign_in(agent)}, client.make_url("/")
        )
        return client

    yield open_browser
    for client in clients:
        await client.close()


def csrf_of(world: World, agent: Agent) -> str:
    return next(session.csrf for session in world.accounts.sessions.values() if session.agent.id == agent.id)
