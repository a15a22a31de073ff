"""The HTTP side: pages, API and form of a web role; health and metrics of every process that has a place for them."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from channels.alerts.account import AlertAccount
from channels.alerts.http import AlertChannel, AlertDeps
from channels.form import FormChannel, FormDeps, Limits
from channels.ivr.account import IvrAccount
from channels.ivr.http import IvrChannel, IvrDeps
from channels.support import describe
from channels.telegram import TelegramAccount, TelegramWebhooks
from desk import app as desk
from desk.pages.form import FormPages
from domain.errors import Fault
from gateway import logs, metrics
from gateway.accounts import accounts_of
from gateway.explaining import Explainer
from gateway.intake import BusIntake
from gateway.live import BusLiveFeed
from gateway.recordings import HttpRecordings
from gateway.releases import BusReleases
from gateway.reservations import BusReservations
from gateway.wiring import House
from router.actions import TicketActions

log = logs.get()

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
        actions=TicketActions(house.database.store, house.policies, house.clock, house.ids, house.outlet),
        deliveries=house.database.deliveries,
        identities=house.database.identities,
        channels=house.database.channels,
        recordings=HttpRecordings(accounts_of(house.settings.channels, "ivr", IvrAccount)),
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
    IvrChannel(_ivr(house, intake)).add_routes(app)
    AlertChannel(_alerts(house, intake)).add_routes(app)
    bots = accounts_of(house.settings.channels, "telegram", TelegramAccount)
    TelegramWebhooks(bots, house.telegram(intake), base_url).add_routes(app)
    return app


def _ivr(house: House, intake: BusIntake) -> IvrDeps:
    def refused(account: str, reason: str) -> None:
        metrics.REFUSED.labels(channel="ivr", reason=reason.partition(":")[0]).inc()
        log.warning("ivr.refused", account=account, reason=reason)

    return IvrDeps(
        accounts=accounts_of(house.settings.channels, "ivr", IvrAccount),
        intake=intake,
        reservations=BusReservations(house.bus, bucket="ivr-keys"),
        receipt_state=house.receipt,
        book=house.database.channels,
        clock=house.clock,
        ids=house.ids,
        refused=refused,
    )


def _alerts(house: House, intake: BusIntake) -> AlertDeps:
    def refused(account: str, reason: str) -> None:
        metrics.REFUSED.labels(channel="alert", reason=reason.partition(":")[0]).inc()
        log.warning("alert.refused", account=account, reason=reason)

    return AlertDeps(
        accounts=accounts_of(house.settings.channels, "alerts", AlertAccount),
        intake=intake,
        reservations=BusReservations(house.bus, bucket="alert-keys"),
        receipt_state=house.receipt,
        book=house.database.channels,
        clock=house.clock,
        ids=house.ids,
        refused=refused,
    )


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
