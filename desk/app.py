"""The desk as an aiohttp application: every page's route in one table, the API's in another.

Gateway builds it, adds health, metrics and the form channel's routes to the same application, and serves it.
"""

from aiohttp import web

from desk import live, render, statics
from desk.api import openapi
from desk.api.serve import add_api
from desk.deps import DESK, Desk
from desk.pages import channels, files, presence, quarantine, queue, signin, ticket
from desk.session import AgentPage, Page, for_agents, for_anyone
from desk.shield import MIDDLEWARES

__all__ = ["Desk", "add_routes", "build"]

MAX_POST = 64 * 1024
"""Bytes of a desk form. Uploads and the public form read their bodies themselves, with limits of their own."""

AGENT_PAGES: tuple[tuple[str, str, AgentPage], ...] = (
    ("GET", "/desk", queue.queue),
    ("GET", "/desk/rows", queue.rows),
    ("GET", "/desk/rail", queue.rail_fragment),
    ("GET", "/desk/events", live.events),
    ("GET", "/desk/tickets/{number}", ticket.ticket),
    ("GET", "/desk/tickets/{number}/why", ticket.why),
    ("GET", "/desk/messages/{message}/html", files.message_html),
    ("GET", "/desk/messages/{message}/raw", files.message_raw),
    ("GET", "/desk/attachments/{attachment}", files.attachment),
    ("GET", "/desk/recordings/{message}", files.recording),
    ("GET", "/desk/quarantine", quarantine.held),
    ("GET", "/desk/quarantine/{held}", quarantine.held_one),
    ("POST", "/desk/quarantine/{held}/release", quarantine.release),
    ("GET", "/desk/channels", channels.channels),
    ("POST", "/desk/presence", presence.set_own),
    ("POST", "/desk/sign-out", signin.sign_out),
)
PUBLIC_PAGES: tuple[tuple[str, str, Page], ...] = (
    ("GET", "/", signin.root),
    ("GET", "/desk/sign-in", signin.explain),
    ("POST", "/desk/sign-in", signin.paste),
    ("GET", "/desk/sign-in/{secret}", signin.offer),
    ("POST", "/desk/sign-in/{secret}", signin.consume),
    ("POST", "/desk/preferences", signin.preferences),
    ("GET", "/desk/inline/{token}", files.inline),
    ("GET", "/static/{name}", statics.serve),
)


def build(deps: Desk) -> web.Application:
    """An application that serves the whole desk and API. Opens nothing."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=MAX_POST)
    add_routes(app, deps)
    return app


def add_routes(app: web.Application, deps: Desk) -> None:
    """Everything but the middlewares, which an application takes at its making: see ``shield.MIDDLEWARES``."""
    app[DESK] = deps
    app[live.STREAMS] = set()
    app.on_shutdown.append(live.close_streams)
    render.install(app)
    for method, path, page in AGENT_PAGES:
        _add(app, method, path, for_agents(page))
    for method, path, public in PUBLIC_PAGES:
        _add(app, method, path, for_anyone(public))
    add_api(app)
    openapi.document()


def _add(app: web.Application, method: str, path: str, handler: Page) -> None:
    """HEAD comes with GET, except on the live stream, which would never end."""
    if method == "GET":
        app.router.add_get(path, handler, allow_head=path != "/desk/events")
    else:
        app.router.add_route(method, path, handler)
