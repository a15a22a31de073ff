"""Publishing in batches: one inbox for all acknowledgements, one future for a batch. Called by gateway.bus."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError, NoStreamResponseError

from gateway.bus_faults import faults
from gateway.topology import ENVELOPE_HEADER, MSG_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The bus's acknowledgement. ``duplicate``: it had this id already within its window, and kept the first."""

    sequence: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message of a batch to publish."""

    subject: str
    payload: bytes
    msg_id: str
    envelope: str | None = None


class Batches:
    """One a connection."""

    def __init__(self) -> None:
        self._inbox: str | None = None
        self._waiting: dict[str, tuple[_Batch, int]] = {}
        self._numbers = itertools.count()

    async def publish(self, client: Client, items: Sequence[Outbound], timeout: float) -> Sequence[Published]:
        with faults():
            if self._inbox is None:
                self._inbox = client.new_inbox()
                await client.subscribe(f"{self._inbox}.*", cb=self._acknowledged)
            batch = _Batch(len(items))
            replies = [f"{self._inbox}.{next(self._numbers)}" for _ in items]
            self._waiting |= {reply: (batch, place) for place, reply in enumerate(replies)}
            try:
                for reply, item in zip(replies, items, strict=True):
                    headers = {MSG_ID: item.msg_id}
                    if item.envelope is not None:
                        headers[ENVELOPE_HEADER] = item.envelope
                    await client.publish(item.subject, item.payload, reply=reply, headers=headers)
                async with asyncio.timeout(timeout):
                    await batch.done
            finally:
                for reply in replies:
                    self._waiting.pop(reply, None)
            return batch.published()

    async def _acknowledged(self, message: Msg) -> None:
        waiting = self._waiting.pop(message.subject, None)
        if waiting is not None:
            batch, place = waiting
            batch.take(place, message)


class _Batch:
    def __init__(self, size: int) -> None:
        self._answers: list[bytes | None] = [None] * size
        self._missing = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, place: int, message: Msg) -> None:
        if message.headers is not None and message.headers.get("Status") == "503":
            self._fail(NoStreamResponseError())
            return
        self._answers[place] = message.data
        self._missing -= 1
        if self._missing == 0 and not self.done.done():
            self.done.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def published(self) -> Sequence[Published]:
        """Raises the first refusal."""
        found = []
        for answer in self._answers:
            acknowledged = json.loads(answer or b"{}")
            if "error" in acknowledged:
                raise APIError.from_error(acknowledged["error"])
            found.append(Published(sequence=acknowledged["seq"], duplicate=bool(acknowledged.get("duplicate", False))))
        return found
