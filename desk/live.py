"""The desk's live stream: facts as they happen, cut to the reader's scope, as Server-Sent Events.

``GET /desk/events`` sends ``event: ticket`` with ``{"ticket": 123, "fact": "ticket.created"}`` for every fact that
concerns a ticket which the reader may see now, and ``event: resync`` first where the browser comes back after a gap.
Every 15 seconds a comment keeps the connection open; at that moment the session and its lines are looked up again,
so that who has signed out hears nothing more.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import structlog
from aiohttp import web

from desk.deps import desk_of
from desk.session import Me, find_me
from desk.shield import harden
from domain.errors import Fault
from domain.ports import LiveEvent, Views
from domain.views import Scope

log = structlog.get_logger(__name__)
KEEP_ALIVE_S = 15.0
RETRY_MS = 2000
STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams", set)


async def events(request: web.Request, me: Me) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    harden(request, response)
    await response.prepare(request)
    task = asyncio.current_task()
    assert task is not None
    request.app[STREAMS].add(task)
    try:
        await _stream(request, response, me.scope)
    except (ConnectionResetError, asyncio.CancelledError, EndOfFeed):
        log.debug("live.closed")
    except Fault as fault:
        # The answer has begun, so that no error page can follow: the browser connects again.
        log.warning("live.failed", reason=fault.reason)
    finally:
        request.app[STREAMS].discard(task)
    return response


async def _stream(request: web.Request, response: web.StreamResponse, scope: Scope) -> None:
    desk = desk_of(request)
    loop = asyncio.get_running_loop()
    greeting = "event: resync\ndata: {}\n\n" if "Last-Event-ID" in request.headers else ""
    async with desk.live.subscribe() as feed:
        await response.write(f"retry: {RETRY_MS}\n\n{greeting}".encode())
        pending = asyncio.ensure_future(_next(feed))
        check_at = loop.time() + KEEP_ALIVE_S
        try:
            while True:
                done, _ = await asyncio.wait({pending}, timeout=max(0.0, check_at - loop.time()))
                if loop.time() >= check_at:
                    if (me := await find_me(request)) is None:
                        return
                    scope, check_at = me.scope, loop.time() + KEEP_ALIVE_S
                    await response.write(b": still here\n\n")
                if done:
                    event = pending.result()
                    pending = asyncio.ensure_future(_next(feed))
                    if await concerns(desk.views, scope, event):
                        await response.write(frame(event, desk.ids.new()))
        finally:
            pending.cancel()


async def _next(feed: AsyncIterator[LiveEvent]) -> LiveEvent:
    async for event in feed:
        return event
    raise EndOfFeed


class EndOfFeed(Exception):
    """The feed has stopped: the gateway is going down."""


def frame(event: LiveEvent, event_id: str) -> bytes:
    data = msgspec.json.encode({"ticket": event.ticket, "fact": event.fact}).decode()
    return f"id: {event_id}\nevent: ticket\ndata: {data}\n\n".encode()


async def concerns(views: Views, scope: Scope, event: LiveEvent) -> bool:
    """Whether the reader may know. The event's own line is a hint for a quick no; the store's view decides."""
    if event.line is not None and not scope.sees_line(event.line):
        return False
    return scope.lines is None or bool(await views.rows(scope, [event.ticket]))


async def close_streams(app: web.Application) -> None:
    """``on_shutdown``: an open stream must not hold up the exit."""
    streams = app[STREAMS]
    for task in tuple(streams):
        task.cancel()
