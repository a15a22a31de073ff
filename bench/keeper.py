"""One timekeeper of ``bench.timers`` in a process of its own: the real loop over a real store, without the bus.

``python -m bench.keeper URL`` says ``ready``, works until it is told to end, and then prints JSON: what it fired, and
how much it followed.
"""

import asyncio
import gc
import json
import signal
import sys
import time
from dataclasses import dataclass, replace

import uvloop

from config.loader import SAMPLE, compile_policy, load_folder
from domain.policy import Policy
from gateway import logs, timekeeping
from gateway.system import SystemClock, UlidIds
from router.service import Router
from router.timekeeper import Followed, Timekeeper
from store import Database


@dataclass(frozen=True)
class Fixed:
    current: Policy


def around_the_clock() -> Policy:
    """The sample, whoever writes being served day and night: a second is the same whenever the bench runs."""
    return replace(compile_policy(load_folder(SAMPLE), 1), default_plan="extended")


class Noting(Timekeeper):
    """Says of each firing when it began and when it was committed, both in epoch seconds, and how many it took."""

    fired: list[tuple[float, float, int]]
    followed: list[tuple[float, int, int]]
    """(when it was committed, how many, how many of them failed)"""

    async def fire(self) -> int:
        began = time.time()
        count = await super().fire()
        if count:
            self.fired.append((began, time.time(), count))
        return count

    async def follow(self) -> Followed:
        done = await super().follow()
        if done.count:
            self.followed.append((time.time(), done.count, len(done.failed)))
        return done


async def main(url: str) -> None:
    logs.configure("warning")
    clock, ids = SystemClock(), UlidIds()
    database = Database(url, ids=ids, clock=clock)
    keeper = Noting(database.store, Fixed(around_the_clock()), clock, ids)
    keeper.fired, keeper.followed = [], []
    calls = Router(database.store, Fixed(around_the_clock()), clock, ids, b"")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    try:
        await timekeeping.run(keeper, calls, clock, stop)
    finally:
        await database.close()
    json.dump({"fired": keeper.fired, "followed": keeper.followed}, sys.stdout)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
