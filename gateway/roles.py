"""Roles: what a process does. ``priyom run ROLE...`` runs some of them, ``priyom up`` all, in two processes.

A role is started with an open house and ends when the stop event is set, its work in hand done.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from channels.health import Health
from channels.imap import ImapAccount, ImapReceiver
from channels.smtp import SmtpServer
from channels.telegram import TelegramAccount, TelegramReceiver
from domain.accounts import AccountState
from domain.errors import Conflict, Permanent, Temporary, Unavailable
from gateway import httpd, logs, metrics, relay, wiring
from gateway.accounts import accounts_of
from gateway.broker import has_room
from gateway.consumer import Consumer
from gateway.keeper import Keeper
from gateway.live import BusLiveFeed
from gateway.normalizing import Normalizing
from gateway.notices import Notices
from gateway.outbound import Outbound
from gateway.parsing import Parser
from gateway.reconciler import Reconciler
from gateway.releases import BusReleases
from gateway.routing import Routing
from gateway.sockets import Listeners
from gateway.spool import Spool
from gateway.timekeeping import run as timekeeping_loop
from gateway.topology import CONSUMERS, DRIVER, KEEPER, NORMALIZER, NOTICES, OUTBOUND, ROUTER, STREAMS
from gateway.wiring import House, smtp_settings
from router.decide import WAITS_FOR_CHOICE
from router.service import Router
from router.timekeeper import Timekeeper

log = logs.get()

_HOUSEKEEPING_EVERY = 2.0
_ROOM = 512 * 1024
"""Bytes that a stream which refuses when full must have left: the largest envelope that goes in whole fits in them."""
_CHOOSE_WITHIN = timedelta(hours=1)
_TIDY_EVERY = timedelta(hours=1)
_KEPT = timedelta(days=1)
"""Files that no message named, and sign-in links and sessions past their end, are kept so long."""


Role = Callable[[House, Listeners, asyncio.Event], Awaitable[None]]


async def web(house: House, listeners: Listeners, stop: asyncio.Event) -> None:
    """Pages, API and form."""
    live = BusLiveFeed(house.bus)
    spool = await _open_spool(house, "web")
    intake = house.intake(spool)
    listening = listeners.take("http", house.settings.http)
    host, port = listening.getsockname()[:2]
    base_url = house.settings.base_url or f"http://{_shown(host)}:{port}"
    app = httpd.pages(house, intake, live, base_url.rstrip("/"))
    httpd.add_operations(app, checks(house))
    async with _together() as run:
        run(live.run(stop))
        run(httpd.serve(app, listening, stop, house.settings.grace))
        run(house.relay.run(house.database, stop))
        if spool is not None:
            run(spool.drain(intake.follow, stop))
        listeners.serving("http", listening)


async def smtp(house: House, listeners: Listeners, stop: asyncio.Event) -> None:
    """SMTP, and LMTP where it is asked for."""
    spool = await _open_spool(house, "smtp")
    intake = house.intake(spool)
    settings = smtp_settings(house.settings, house.policies.current.mail.max_size)
    servers = []
    for name, address in (("smtp", house.settings.smtp), ("lmtp", house.settings.lmtp)):
        if address is None:
            continue
        server = SmtpServer(
            settings, intake, house.policies, log, house.clock, lmtp=name == "lmtp", refused=_count_refusal
        )
        listening = listeners.take(name, address)
        await server.serve(listening)
        servers.append(server)
        listeners.serving(name, listening)
    async with _together() as run:
        if spool is not None:
            run(spool.drain(intake.follow, stop))
        await stop.wait()
        grace = house.settings.grace * 0.9  # what is still in DATA then has time to hear 421
        await asyncio.gather(*(server.stop(grace) for server in servers))


async def imap(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """The mailboxes of the settings, each by a receiver of its own; without any it waits."""
    spool = await _open_spool(house, "imap")
    intake = house.intake(spool)
    book = house.database.channels
    async with _together() as run:
        if spool is not None:
            run(spool.drain(intake.follow, stop))
        for name, account in accounts_of(house.settings.channels, "imap", ImapAccount).items():
            health = Health(book, house.clock, adapter="imap", account=name, channel="email")
            receiver = ImapReceiver(name, account, intake, book, health, house.clock, log, refused=_count_refusal)
            run(receiver.run(stop))
        await stop.wait()


async def telegram(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """The bots of the settings that are polled, each by a receiver of its own; without any it waits."""
    spool = await _open_spool(house, "telegram")
    intake = house.intake(spool)
    deps = house.telegram(intake)
    async with _together() as run:
        if spool is not None:
            run(spool.drain(intake.follow, stop))
        for name, account in accounts_of(house.settings.channels, "telegram", TelegramAccount).items():
            if account.mode == "polling":
                run(TelegramReceiver(name, account, deps).run(stop))
        await stop.wait()


def receivers() -> Mapping[str, Role]:
    """A role for each channel of the table that brings a receiver."""
    return {adapter: _receiving(adapter) for adapter, line in wiring.CHANNELS.items() if line.receiver is not None}


def _receiving(adapter: str) -> Role:
    async def receive(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
        spool = await _open_spool(house, adapter)
        intake = house.intake(spool)
        async with _together() as run:
            if spool is not None:
                run(spool.drain(intake.follow, stop))
            for receiver in house.receivers(adapter, intake):
                run(receiver.run(stop))
            await stop.wait()

    return receive


def _count_refusal(reason: str) -> None:
    metrics.REFUSED.labels(channel="email", reason=reason).inc()


async def normalizer(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """Envelopes to messages."""
    parser = Parser(workers=house.settings.parse_workers, limit_s=house.settings.parse_limit)
    await asyncio.to_thread(parser.open)
    lookup = house.lookup()
    stage = Normalizing(house.bus, house.blobs, parser, lookup)
    try:
        async with _together() as run:
            run(Consumer(house.bus, NORMALIZER, stage.handle).run(stop))
            run(Consumer(house.bus, DRIVER, stage.handle).run(stop))
    finally:
        if lookup is not None:
            await lookup.close()
        await asyncio.to_thread(parser.close)


async def router(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """Messages to tickets; their facts to the bus."""
    deciding = Router(house.database.store, house.policies, house.clock, house.ids, house.secret, house.outlet)
    stage = Routing(deciding, house.blobs, house.clock, house.policies.load)
    async with _together() as run:
        run(Consumer(house.bus, ROUTER, stage.handle).run(stop))
        run(house.relay.run(house.database, stop))


async def timekeeper(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """What is done by the clock: due times noticed and followed, dead letters shown, the outbox swept, the raw log
    reconciled, stages measured."""
    keeper = Keeper(house.database, house.blobs, house.clock)
    timekeeping = Timekeeper(house.database.store, house.policies, house.clock, house.ids, house.outlet)
    routing = Router(house.database.store, house.policies, house.clock, house.ids, house.secret, house.outlet)
    retention = timedelta(days=house.settings.rawlog_days)
    grace = timedelta(seconds=house.settings.reconcile_grace)
    reconciler = Reconciler(house.bus, house.database, house.clock, grace=grace, retention=retention)
    async with _together() as run:
        run(Consumer(house.bus, KEEPER, keeper.handle).run(stop))
        run(timekeeping_loop(timekeeping, routing, house.clock, stop))
        run(house.relay.run(house.database, stop))
        run(_housekeeping(house, reconciler, stop))


async def outbound(house: House, _listeners: Listeners, stop: asyncio.Event) -> None:
    """What waits to be sent, to where it is to go."""
    sending = Outbound(house.database, house.blobs, house.clock, house.secret, house.senders(), house.outlet)
    notices = Notices(
        house.database, house.policies, house.clock, house.outlet, language=house.settings.agents_language
    )
    async with _together() as run:
        run(Consumer(house.bus, OUTBOUND, sending.handle).run(stop))
        run(Consumer(house.bus, NOTICES, notices.handle).run(stop))
        run(sending.run(stop))
        run(house.relay.run(house.database, stop))


ROLES: Mapping[str, Role] = {
    "web": web,
    "smtp": smtp,
    "imap": imap,
    "telegram": telegram,
    "normalizer": normalizer,
    "router": router,
    "timekeeper": timekeeper,
    "outbound": outbound,
    **receivers(),
}
FRONT = ("web", "smtp", "imap", "telegram", *receivers())
"""Always answers."""
PARSE = ("normalizer",)
"""Computes all the time there is mail, and so has an interpreter of its own: the router need not take turns with it."""
WORK = ("router", "timekeeper", "outbound")
"""May be busy."""


async def _housekeeping(house: House, reconciler: Reconciler, stop: asyncio.Event) -> None:
    repaired = False
    tidied: datetime | None = None
    while not stop.is_set():
        try:
            await house.bus.mend()
            if not repaired:
                await reconciler.repair()
                repaired = True
            while await relay.sweep(house.bus, house.database, house.clock):
                pass
            await reconciler.step()
            await _decide_for_the_silent(house)
            await _measure(house)
            if tidied is None or house.clock.now() - tidied > _TIDY_EVERY:
                tidied = house.clock.now()
                await house.database.uploads.forget(tidied - _KEPT)
                await house.database.accounts.forget(tidied - _KEPT)
                await house.database.identities.forget(tidied - _KEPT)
        except Temporary as error:
            log.warning("housekeeping.postponed", reason=error.reason)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HOUSEKEEPING_EVERY):
                await stop.wait()


async def _decide_for_the_silent(house: House) -> None:
    """A message whose sender was asked which request it belongs to, and has not said so for an hour, goes where it
    would have gone unasked."""
    undecided = await house.database.identities.undecided(WAITS_FOR_CHOICE, house.clock.now() - _CHOOSE_WITHIN, 100)
    releases = BusReleases(house.database, house.bus, house.blobs, house.clock, house.ids)
    for held in undecided:
        with contextlib.suppress(Conflict):  # they have just said so, or another process was first
            await releases.release(held, by="timekeeper")


async def _measure(house: House) -> None:
    for spec in CONSUMERS:
        state = await house.bus.consumer_state(spec)
        metrics.STAGE_PENDING.labels(stage=spec.durable).set(state.pending + state.unacknowledged)
        _show_age(spec.durable, await house.bus.oldest(spec), house.clock.now())
    for told in await house.database.channels.states():
        _show_account(told, house.clock.now())
    to_send = await house.database.deliveries.waiting(house.clock.now())
    metrics.STAGE_PENDING.labels(stage="outbound").set(sum(count for count, _ in to_send.values()))
    overdue = [since for _, since in to_send.values() if since is not None]
    _show_age("outbound", min(overdue, default=None), house.clock.now())
    waiting, since = await house.database.outbox.waiting()
    metrics.STAGE_PENDING.labels(stage="relay").set(waiting)
    _show_age("relay", since, house.clock.now())


def _show_account(state: AccountState, now: datetime) -> None:
    place = {"adapter": state.adapter, "account": state.account}
    for condition in ("connected", "lagging", "failing"):
        metrics.ACCOUNT.labels(**place, condition=condition).set(condition == state.condition)
    metrics.ACCOUNT_TOLD.labels(**place).set((now - state.told_at).total_seconds())
    oldest = (now - state.oldest_at).total_seconds() if state.oldest_at is not None else 0.0
    metrics.ACCOUNT_OLDEST.labels(**place).set(oldest)


def _show_age(stage: str, since: datetime | None, now: datetime) -> None:
    age = (now - since).total_seconds() if since else 0.0
    metrics.STAGE_OLDEST.labels(stage=stage).set(max(age, 0.0))


def checks(house: House) -> dict[str, httpd.Check]:
    """What readiness looks at. Mail is taken into the spool while the bus is away, yet that is not "ready"."""

    async def bus() -> None:
        if not house.bus.connected:
            raise Unavailable("bus", reason="not connected")
        for spec in (spec for spec in STREAMS if spec.durable):
            room = (await house.bus.stream_state(spec)).room
            if room is not None and room < _ROOM:
                raise Unavailable("bus", reason=f"the stream {spec.name} is full")

    async def policy() -> None:
        if not house.policies.loaded:
            raise Unavailable("policy", reason="none is loaded")

    async def stages() -> None:
        """On one machine the work process must be there: a stage that neither waits for messages nor has any in hand
        has nobody behind it. Of many machines the stages are no business of the pages' readiness."""
        for spec in (NORMALIZER, ROUTER, KEEPER):
            state = await house.bus.consumer_state(spec)
            if not state.waiting and not state.unacknowledged:
                raise Unavailable("stages", reason=f"nobody works on {spec.durable}")

    async def disk() -> None:
        if not await asyncio.to_thread(has_room, house.settings.data_dir):
            raise Unavailable("disk", reason="the disk of the data folder is full")

    always: dict[str, httpd.Check] = {"bus": bus, "database": house.database.ping, "policy": policy}
    return {**always, "stages": stages, "disk": disk} if house.settings.embedded else always


async def _open_spool(house: House, adapter: str) -> Spool | None:
    spool = house.spool(adapter)
    if spool is not None:
        await asyncio.to_thread(spool.open)
    return spool


def _shown(host: str) -> str:
    return "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104


@contextlib.asynccontextmanager
async def _together() -> AsyncIterator[Callable[[Awaitable[None]], None]]:
    """A task group that takes awaitables."""
    async with asyncio.TaskGroup() as group:

        async def wait(awaitable: Awaitable[None]) -> None:
            await awaitable

        def run(awaitable: Awaitable[None]) -> None:
            group.create_task(wait(awaitable))

        yield run


async def run(names: Sequence[str], house: House, listeners: Listeners) -> None:
    """Runs the roles until SIGTERM or SIGINT, then lets them finish within the grace time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ops = house.settings.ops
    async with _together() as begin:
        begin(house.policies.watch(house.bus, stop))
        for name in names:
            begin(_until_grace(ROLES[name](house, listeners, stop), name, stop, house.settings.grace))
        if ops is not None:
            begin(_operations(house, listeners, ops, stop))
        listeners.ready("-".join(names))
        log.info("process.started", roles=list(names))
        await stop.wait()
        log.info("process.stopping", roles=list(names))
    log.info("process.stopped", roles=list(names))


async def _until_grace(role: Awaitable[None], name: str, stop: asyncio.Event, grace: float) -> None:
    """A role that does not end in time is cancelled: what it had not acknowledged is redelivered."""
    running = asyncio.ensure_future(role)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            started = time.monotonic()
            await asyncio.wait({running}, timeout=grace)
            if not running.done():
                log.error("role.cut_off", role=name, after_s=round(time.monotonic() - started, 1))
                running.cancel()
                return
        if not stop.is_set() and running.exception() is None:
            raise Permanent(f"The role {name} ended by itself")
        await running
    finally:
        stopping.cancel()


async def _operations(house: House, listeners: Listeners, address: str, stop: asyncio.Event) -> None:
    from aiohttp import web as http  # noqa: PLC0415 - the name belongs to the role here

    app = http.Application()
    httpd.add_operations(app, checks(house))
    await httpd.serve(app, listeners.take("ops", address), stop, house.settings.grace)
