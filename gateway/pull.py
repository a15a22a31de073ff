"""Taking messages of a durable consumer, in batches that never wait to be full. Called by gateway.consumer."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.bus_faults import faults
from gateway.topology import ConsumerSpec

_PULL_EXPIRES = 5.0
_ENDED = "408"
_DRAIN_WITHIN = 2.0


class Pull:
    """Messages of a durable consumer as they come: an open request for a batch is always waiting at the server, so that
    a lone message is handled at once and a backlog in full batches.

    What has arrived and waits here for its handler is kept from being given to somebody else, and what still waits when
    the pull ends is given back at once.
    """

    def __init__(self, client: Client, spec: ConsumerSpec, reconnected: list[Callable[[], None]]) -> None:
        self._client = client
        self._spec = spec
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self._waiting: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._wanted = 0
        self._asked_at = 0.0
        self._subscription: Any = None
        self._holding: asyncio.Task[None] | None = None
        self._reconnected = reconnected

    async def __aenter__(self) -> "Pull":
        with faults():
            self._inbox = self._client.new_inbox()
            self._subscription = await self._client.subscribe(self._inbox, cb=self._receive)
        self._reconnected.append(self._forget)
        self._holding = asyncio.create_task(self._hold())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reconnected.remove(self._forget)
        if self._holding is not None:
            self._holding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._holding
        # Draining, not unsubscribing: what is on its way to us in this moment would wait for its ack_wait to run out.
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            async with asyncio.timeout(_DRAIN_WITHIN):
                await self._subscription.drain()
        for message in self._waiting:
            with contextlib.suppress(nats.errors.Error):
                await message.nak()

    def _forget(self) -> None:
        self._wanted = 0

    async def _receive(self, message: Msg) -> None:
        if message.reply:
            self._wanted -= 1
            self._waiting.append(message)
            self._arrived.set()
        else:  # a status: 404 nothing there, 408 the request ended, 409 the consumer or its limits changed
            self._wanted = 0
            if (message.headers or {}).get("Status") == _ENDED:
                self._arrived.set()  # whoever waits asks again at once; else nothing would come until its time is up

    async def _hold(self) -> None:
        """Says of what waits here that it is in good hands, long before the bus would give it to somebody else."""
        while True:
            await asyncio.sleep(self._spec.ack_wait / 3)
            for message in tuple(self._waiting):
                with contextlib.suppress(nats.errors.Error):
                    await message.in_progress()

    async def _ask(self) -> None:
        now = asyncio.get_running_loop().time()
        stale = now - self._asked_at > _PULL_EXPIRES + 1
        if (self._wanted > 0 and not stale) or not self._client.is_connected:
            return
        self._wanted = self._spec.batch
        self._asked_at = now
        request = {"batch": self._spec.batch, "expires": int(_PULL_EXPIRES * 1e9)}
        with contextlib.suppress(nats.errors.Error):
            await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)

    async def take(self, timeout: float = 1.0) -> list[Msg]:
        """What is there, at most a batch; waits up to ``timeout`` seconds for the first. May be empty, also where
        several wait at once and another one was quicker."""
        if not self._waiting:
            self._arrived.clear()
            await self._ask()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
        count = min(len(self._waiting), self._spec.batch)
        taken = [self._waiting.popleft() for _ in range(count)]
        await self._ask()
        return taken
