"""The outcome table: what becomes of a message on the bus, by what its handler did.

| handler                                        | consumer                                                        |
|------------------------------------------------|-----------------------------------------------------------------|
| returns                                        | ack                                                             |
| raises Unavailable (database, blobs, bus away) | waits, with the batch in hand, until it is back; no attempt lost |
| raises Temporary, or anything unknown          | nak along the retry ladder                                      |
| raises Permanent, or it was the last rung      | dead letter with origin and reason, then term                   |
| is cancelled                                   | nothing: the bus redelivers                                     |

A handler takes a batch and answers for each of its messages; where it fails as a whole for an unknown reason, its
messages are handled one by one, so that one poisoned message costs its neighbours nothing.

The ladder counts what this process saw fail, not deliveries: a message that was in the hands of processes that died
has been tried by nobody.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nats.aio.msg import Msg

from domain.errors import Fault, Permanent, Unavailable
from gateway import codec, logs, metrics
from gateway.bus import Bus
from gateway.pull import Pull
from gateway.topology import (
    ENVELOPE_HEADER,
    MOST_DELIVERIES,
    RETRY_LADDER,
    ConsumerSpec,
    dead_subject,
)

log = logs.get()

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a handler sees it. ``attempt`` counts from 1; ``envelope`` is the id that follows a message."""

    subject: str
    payload: bytes
    envelope: str
    attempt: int
    sequence: int


Answer = Exception | None
Handler = Callable[[Sequence[Delivery]], Awaitable[Sequence[Answer]]]
"""One answer a delivery, in order: None is done, an exception is what went wrong with that one."""


class Consumer:
    """Runs a handler over a durable consumer until told to stop; then finishes the batch in hand."""

    def __init__(self, bus: Bus, spec: ConsumerSpec, handler: Handler) -> None:
        self._bus = bus
        self._spec = spec
        self._handler = handler
        self._stage = spec.durable
        self._failures: Counter[int] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        async with self._bus.pull(self._spec) as pull, asyncio.TaskGroup() as group:
            for _ in range(self._spec.at_once):
                group.create_task(self._work(pull, stop))

    async def _work(self, pull: Pull, stop: asyncio.Event) -> None:
        while not stop.is_set():
            taken = await pull.take()
            if taken:
                await self._handle(taken, stop)

    async def _handle(self, taken: Sequence[Msg], stop: asyncio.Event) -> None:
        started = asyncio.get_running_loop().time()
        deliveries = [_delivery(message) for message in taken]
        async with _in_progress(taken, self._spec.ack_wait / 3):
            answers = await self._answers(deliveries, stop)
            for message, delivery, answer in zip(taken, deliveries, answers, strict=True):
                await self._settle(message, delivery, answer)
        elapsed = asyncio.get_running_loop().time() - started
        metrics.STAGE_SECONDS.labels(stage=self._stage).observe(elapsed)

    async def _answers(self, deliveries: Sequence[Delivery], stop: asyncio.Event) -> Sequence[Answer]:
        """Answers for the batch. Waits here while a dependency is away."""
        worn_out = [d.attempt > MOST_DELIVERIES for d in deliveries]
        fresh = [d for d, worn in zip(deliveries, worn_out, strict=True) if not worn]
        pause = _FIRST_PAUSE
        while True:
            try:
                given = iter(await self._handler(fresh) if fresh else ())
                break
            except Unavailable as error:
                log.warning("stage.paused", stage=self._stage, dependency=error.dependency, reason=error.reason)
                metrics.STAGE_PAUSED.labels(stage=self._stage).set(1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311
                        await stop.wait()
                if stop.is_set():
                    given = iter([error] * len(fresh))
                    break
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:
                given = iter(await self._one_by_one(fresh, error, stop))
                break
        metrics.STAGE_PAUSED.labels(stage=self._stage).set(0)
        return [_worn_out(d) if worn else next(given) for d, worn in zip(deliveries, worn_out, strict=True)]

    async def _one_by_one(
        self, deliveries: Sequence[Delivery], error: Exception, stop: asyncio.Event
    ) -> Sequence[Answer]:
        if len(deliveries) == 1:
            return [error]
        log.warning("stage.batch_failed", stage=self._stage, size=len(deliveries), error=type(error).__name__)
        return [(await self._answers([delivery], stop))[0] for delivery in deliveries]

    async def _settle(self, message: Msg, delivery: Delivery, answer: Answer) -> None:
        match answer:
            case None:
                metrics.STAGE_MESSAGES.labels(stage=self._stage, outcome="done").inc()
                self._failures.pop(delivery.sequence, None)
                await _quietly(message.ack())
            case Unavailable():
                metrics.STAGE_MESSAGES.labels(stage=self._stage, outcome="postponed").inc()
                await _quietly(message.nak(delay=1))
            case Permanent():
                await self._bury(message, delivery, answer)
            case _ if self._failures[delivery.sequence] >= len(RETRY_LADDER):
                await self._bury(message, delivery, answer)
            case _:
                delay = RETRY_LADDER[self._failures[delivery.sequence]]
                self._failures[delivery.sequence] += 1
                metrics.STAGE_MESSAGES.labels(stage=self._stage, outcome="retried").inc()
                log.warning(
                    "message.retried",
                    stage=self._stage,
                    envelope=delivery.envelope,
                    attempt=self._failures[delivery.sequence],
                    delay_s=delay,
                    reason=_reason(answer),
                )
                await _quietly(message.nak(delay=delay))

    async def _bury(self, message: Msg, delivery: Delivery, answer: Exception) -> None:
        """Dead letter first, term after: between the two it may be buried twice, never lost."""
        payload = codec.DeadPayload(
            origin=delivery.subject,
            reason=_reason(answer),
            payload=delivery.payload,
            envelope_id=delivery.envelope,
            channel=delivery.subject.rpartition(".")[2],
            attempts=delivery.attempt,
        )
        subject = dead_subject(delivery.subject)
        msg_id = f"{delivery.subject}:{delivery.envelope}:{delivery.sequence}"
        try:
            await self._bus.publish(subject, codec.encode(payload), msg_id=msg_id, envelope=delivery.envelope)
        except Unavailable:
            await _quietly(message.nak(delay=RETRY_LADDER[0]))
            return
        metrics.STAGE_MESSAGES.labels(stage=self._stage, outcome="dead").inc()
        self._failures.pop(delivery.sequence, None)
        log.error("message.buried", stage=self._stage, envelope=delivery.envelope, reason=_reason(answer))
        await _quietly(message.term())


def _delivery(message: Msg) -> Delivery:
    metadata = message.metadata
    sequence = metadata.sequence.stream
    envelope = (message.headers or {}).get(ENVELOPE_HEADER) or f"{metadata.stream}-{sequence}"
    return Delivery(
        subject=message.subject,
        payload=message.data,
        envelope=envelope,
        attempt=metadata.num_delivered or 1,
        sequence=sequence,
    )


def _worn_out(delivery: Delivery) -> Permanent:
    return Permanent(
        "The message could not be handled", reason=f"delivered {delivery.attempt} times without any outcome"
    )


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, Fault) else f"{type(error).__name__}: {error}"[:500]


async def _quietly(answer: Awaitable[None]) -> None:
    """An acknowledgement that does not reach the bus only means a redelivery, which changes nothing."""
    try:
        await answer
    except Exception as error:
        log.warning("bus.acknowledgement_lost", error=type(error).__name__)


@contextlib.asynccontextmanager
async def _in_progress(taken: Sequence[Msg], every: float):  # type: ignore[no-untyped-def]
    """Tells the bus, while handling lasts, that these messages are in good hands."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every)
            for message in taken:
                await _quietly(message.in_progress())

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
