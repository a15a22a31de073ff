"""Taking messages of a durable consumer, in batches that never wait to be full. Called by gateway.consumer."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.bus_faults import faults
from gateway.topology import ConsumerSpec

_PULL_EXPIRES = 5.0


class Pull:
    """Messages of a durable consumer as they come: an open request for a batch is always waiting at the server, so that
    a lone message is handled at once and a backlog in full batches."""

    def __init__(self, client: Client, spec: ConsumerSpec, reconnected: list[Callable[[], None]]) -> None:
        self._client = client
        self._spec = spec
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._wanted = 0
        self._asked_at = 0.0
        self._subscription: Any = None
        self._reconnected = reconnected

    async def __aenter__(self) -> "Pull":
        with faults():
            self._inbox = self._client.new_inbox()
            self._subscription = await self._client.subscribe(self._inbox, cb=self._receive)
        self._reconnected.append(self._forget)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reconnected.remove(self._forget)
        with contextlib.suppress(nats.errors.Error):
            await self._subscription.unsubscribe()

    def _forget(self) -> None:
        self._wanted = 0

    async def _receive(self, message: Msg) -> None:
        if message.reply:
            self._wanted -= 1
            self._queue.put_nowait(message)
        else:  # a status: 404 nothing there, 408 the request ended, 409 the consumer or its limits changed
            self._wanted = 0

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
        """What is there, at most a batch; waits up to ``timeout`` seconds for the first. May be empty."""
        if self._queue.empty():
            await self._ask()
            try:
                async with asyncio.timeout(timeout):
                    first = await self._queue.get()
            except TimeoutError:
                return []
        else:
            first = self._queue.get_nowait()
        taken = [first]
        while len(taken) < self._spec.batch and not self._queue.empty():
            taken.append(self._queue.get_nowait())
        await self._ask()
        return taken
