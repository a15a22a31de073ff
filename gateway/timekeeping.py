"""The timekeeper's loop: sleeps until something is due, fires it, follows it up. Called by the timekeeper role.

A process that made a timer is not asked: the loop looks often enough that none of them comes late by a second.
"""

import asyncio
import contextlib

from domain.errors import Temporary
from domain.ports import Clock
from gateway import logs
from router.timekeeper import Followed, Timekeeper

log = logs.get()

_LOOK_EVERY = 0.5
_SHARE_OUT_EVERY = 5.0
_HAND_OVER_EVERY = 1.0
"""Who has gone away, or been removed, has no open tickets a second later."""
_PAUSE = 2.0


async def run(timekeeper: Timekeeper, clock: Clock, stop: asyncio.Event) -> None:
    shared_at = handed_at = 0.0
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        pause = _LOOK_EVERY
        try:
            fired = await timekeeper.fire()
            if fired:
                log.info("timers.fired", count=fired)
            while (followed := await timekeeper.follow()).count and not stop.is_set():
                _tell("timer.failed", followed)
                await timekeeper.fire()
            if loop.time() - handed_at >= _HAND_OVER_EVERY:
                handed_at = loop.time()
                while (handed := await timekeeper.hand_over()).count and not stop.is_set():
                    log.info("tickets.handed_over", count=handed.count)
                    _tell("handing_over.failed", handed)
                _tell("handing_over.failed", handed)
            if loop.time() - shared_at >= _SHARE_OUT_EVERY:
                shared_at = loop.time()
                await timekeeper.share_out()
            due = await timekeeper.next_at()
            if due is not None:
                pause = min(pause, max((due - clock.now()).total_seconds(), 0.0))
        except Temporary as error:
            log.warning("timers.postponed", reason=error.reason)
            pause = _PAUSE
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


def _tell(event: str, done: Followed) -> None:
    for number, fault in done.failed.items():
        log.error(event, ticket=number, error=type(fault).__name__, reason=str(fault)[:500])
