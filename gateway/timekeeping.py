"""The timekeeper's loops: one fires what is due, one follows it up, one makes tickets of telephone calls whose
transcript has not come. Called by the timekeeper role.

Firing waits for nothing that follows, so that a backlog of work makes no timer late. A process that made a timer is not
asked: both look often enough that none of them comes late by a second.
"""

import asyncio
import contextlib

from domain.errors import Temporary
from domain.ports import Clock
from gateway import logs
from router.service import Router
from router.timekeeper import Followed, Timekeeper

log = logs.get()

_LOOK_EVERY = 0.5
_GATHER = 0.05
"""After a firing: what is due next within so short a time fires together."""
_SHARE_OUT_EVERY = 5.0
_HAND_OVER_EVERY = 1.0
"""Who has gone away, or been removed, has no open tickets a second later."""
_CALLS_EVERY = 1.0
_PAUSE = 2.0


async def run(timekeeper: Timekeeper, router: Router, clock: Clock, stop: asyncio.Event) -> None:
    fired = asyncio.Event()
    async with asyncio.TaskGroup() as loops:
        loops.create_task(_take_calls(router, stop))
        loops.create_task(_fire(timekeeper, clock, fired, stop))
        loops.create_task(_follow(timekeeper, fired, stop))


async def _fire(timekeeper: Timekeeper, clock: Clock, fired: asyncio.Event, stop: asyncio.Event) -> None:
    """Sleeps until something is due, and fires it."""
    while not stop.is_set():
        try:
            pause = await _fired(timekeeper, clock, fired)
        except Temporary as error:
            log.warning("timers.postponed", reason=error.reason)
            pause = _PAUSE
        await _wait(stop, pause)
    fired.set()  # who waits for it sees that all is over


async def _fired(timekeeper: Timekeeper, clock: Clock, fired: asyncio.Event) -> float:
    """How long nothing needs to be fired."""
    count = await timekeeper.fire()
    if count:
        log.info("timers.fired", count=count)
        fired.set()
        return _GATHER
    due = await timekeeper.next_at()
    return _LOOK_EVERY if due is None else min(_LOOK_EVERY, max((due - clock.now()).total_seconds(), 0.0))


async def _follow(timekeeper: Timekeeper, fired: asyncio.Event, stop: asyncio.Event) -> None:
    """Does what follows, whoever fired it, and what is to be done now and then."""
    shared_at = handed_at = 0.0
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        fired.clear()
        try:
            while (followed := await timekeeper.follow()).count and not stop.is_set():
                _tell("timer.failed", followed)
            if loop.time() - handed_at >= _HAND_OVER_EVERY:
                handed_at = loop.time()
                while (handed := await timekeeper.hand_over()).count and not stop.is_set():
                    log.info("tickets.handed_over", count=handed.count)
                    _tell("handing_over.failed", handed)
                _tell("handing_over.failed", handed)
            if loop.time() - shared_at >= _SHARE_OUT_EVERY:
                shared_at = loop.time()
                await timekeeper.share_out()
        except Temporary as error:
            log.warning("timers.postponed", reason=error.reason)
            await _wait(stop, _PAUSE)
        await _wait(fired, _LOOK_EVERY)


async def _take_calls(router: Router, stop: asyncio.Event) -> None:
    """Calls that have waited long enough become tickets."""
    while not stop.is_set():
        try:
            while (routed := await router.overdue_calls()).effects and not stop.is_set():
                log.info("calls.ticketed", count=len(routed.effects))
            for fault in routed.failed.values():
                log.error("call.failed", error=type(fault).__name__, reason=str(fault)[:500])
        except Temporary as error:
            log.warning("calls.postponed", reason=error.reason)
            await _wait(stop, _PAUSE)
        await _wait(stop, _CALLS_EVERY)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _tell(event: str, done: Followed) -> None:
    for number, fault in done.failed.items():
        log.error(event, ticket=number, error=type(fault).__name__, reason=str(fault)[:500])
