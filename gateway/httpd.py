"""The HTTP side: pages, API and form of a web role; health and metrics of every process that has a place for them."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from channels.form import FormChannel, FormDeps, Limits
from channels.support import describe
from desk import app as desk
from desk.pages.form import FormPages
from domain.errors import Fault
from gateway import metrics
from gateway.explaining import Explainer
from gateway.intake import BusIntake
from gateway.live import BusLiveFeed
from gateway.releases import BusReleases
from gateway.reservations import BusReservations
from gateway.wiring import House
from router.actions import TicketActions

Check = Callable[[], Awaitable[None]]
_CHECK_WITHIN = 3.0


async def ready(checks: dict[str, Check]) -> dict[str, str]:
    """Part -> why it is not ready. Empty: all is."""

    async def look(name: str, check: Check) -> tuple[str, str | None]:
        try:
            async with asyncio.timeout(_CHECK_WITHIN):
                await check()
        except Fault as fault:
            return name, fault.reason
        except TimeoutError:
            return name, f"no answer within {_CHECK_WITHIN:.0f} s"
        return name, None

    looked = await asyncio.gather(*(look(name, check) for name, check in checks.items()))
    return {name: why for name, why in looked if why is not None}


def add_operations(app: web.Application, checks: dict[str, Check]) -> None:
    """``/health/live``, ``/health/ready`` (503 names the parts that are not) and ``/metrics``."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def is_ready(_request: web.Request) -> web.Response:
        missing = await ready(checks)
        if missing:
            return web.json_response({"status": "not ready", "parts": missing}, status=503)
        return web.json_response({"status": "ready"})

    async def page(_request: web.Request) -> web.Response:
        body = await asyncio.to_thread(metrics.page)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", is_ready)
    app.router.add_get("/metrics", page)


def pages(house: House, intake: BusIntake, live: BusLiveFeed, base_url: str) -> web.Application:
    """The whole web application, over the house's parts."""
    settings = house.settings
    releases = BusReleases(house.database, house.bus, house.blobs, house.clock, house.ids)
    deps = desk.Desk(
        views=house.database.views,
        accounts=house.database.accounts,
        blobs=house.blobs,
        policy=house.policies,
        live=live,
        intake=intake,
        uploads=house.database.uploads,
        releases=releases,
        actions=TicketActions(house.database.store, house.policies, house.clock, house.ids),
        reservations=BusReservations(house.bus),
        clock=house.clock,
        ids=house.ids,
        secret=house.secret,
        explain=Explainer(house.database, house.policies).explain,
        describe=describe,
        receipt_state=house.receipt,
        base_url=base_url,
        secure_cookies=base_url.startswith("https:"),
    )
    app = desk.build(deps)
    form = FormDeps(
        policy=house.policies,
        intake=intake,
        blobs=house.blobs,
        uploads=house.database.uploads,
        reservations=BusReservations(house.bus),
        clock=house.clock,
        ids=house.ids,
        secret=house.secret,
        receipt_state=house.receipt,
        pages=FormPages(),
        limits=Limits(per_address=settings.form_rate_per_peer),
    )
    FormChannel(form).add_routes(app)
    return app


async def serve(app: web.Application, listening: socket.socket, stop: asyncio.Event, grace: float) -> None:
    """Until told to stop; then requests in hand get the grace time."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=grace)
    await runner.setup()
    try:
        await web.SockSite(runner, listening, backlog=512).start()
        await stop.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await runner.cleanup()
