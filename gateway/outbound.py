"""Outbound: what waits to be sent is taken in hand, handed to its channel's sender, and what became of it written down.

Arrives: deliveries in the store; ``reply.<channel>`` on the bus only wakes whoever sends, so that nothing is lost with
it. Leaves: results on the deliveries, which agents see.

| the sender | what follows |
|---|---|
| returns | sent, with the channel's own id |
| raises Permanent | failed; where nobody is there, another way that is known to be the requester's is taken |
| raises Temporary | tried again along the ladder, or when the other side said; after two days failed |
| raises Uncertain, or its process died | sent again where that does no harm, else unknown |
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from domain.errors import NotFound, Permanent, Temporary, Unavailable, Uncertain
from domain.outgoing import Delivery, Outlet, Parcel, Result
from domain.ports import Blobs, Clock, Sender
from domain.tokens import sign_ticket
from gateway import logs, metrics
from gateway.consumer import Answer
from gateway.consumer import Delivery as BusDelivery
from router.replying import other_way
from store import Database

log = logs.get()

_TOGETHER = 20
_LOOK_EVERY = 1.0
_PAUSE = 2.0
_EXPIRE_EVERY = 5.0
LEASE = timedelta(seconds=30)
"""A process that does not say within this that it still works on a delivery is taken for dead."""
LADDER: tuple[float, ...] = (15, 60, 300, 900, 1800, 3600, 7200)
"""Seconds before the next attempt; the last one again and again."""
GIVE_UP_AFTER = timedelta(hours=48)
"""As mail servers do (RFC 5321, 4.5.4.1, asks for four or five days; people want to know earlier)."""


class Outbound:
    """``senders``: channel -> account -> its sender."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        clock: Clock,
        secret: bytes,
        senders: Mapping[str, Mapping[str, Sender]],
        outlet: Outlet,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._secret = secret
        self._senders = senders
        self._outlet = outlet
        self._woken = {channel: asyncio.Event() for channel in senders}

    async def handle(self, deliveries: Sequence[BusDelivery]) -> Sequence[Answer]:
        """``gateway.consumer.Handler`` of ``reply.*``."""
        for delivery in deliveries:
            channel = delivery.subject.rpartition(".")[2]
            if channel in self._woken:
                self._woken[channel].set()
        return [None] * len(deliveries)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as loops:
            for channel in self._senders:
                loops.create_task(self._channel(channel, stop))
            loops.create_task(self._expire(stop))

    async def _channel(self, channel: str, stop: asyncio.Event) -> None:
        woken = self._woken[channel]
        while not stop.is_set():
            woken.clear()
            try:
                pause = 0.0 if await self.step(channel) else _LOOK_EVERY
            except Temporary as error:
                log.warning("outbound.postponed", channel=channel, reason=error.reason)
                await _wait(stop, _PAUSE)
                continue
            if pause:
                await _either(woken, stop, pause)

    async def step(self, channel: str) -> int:
        """Sends some of what is due on a channel; returns how many deliveries it had in hand."""
        taken = await self._database.deliveries.claim(channel, self._clock.now(), LEASE, _TOGETHER)
        if not taken:
            return 0
        by_address: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in taken:  # to one address one after the other, in the order in which they were written
            by_address[delivery.address].append(delivery)
        keeping = asyncio.create_task(self._keep([delivery.id for delivery in taken]))
        try:
            await asyncio.gather(*(self._in_turn(each) for each in by_address.values()))
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
        return len(taken)

    async def _in_turn(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            result = await self._attempt(delivery)
            await self._database.deliveries.settle([result])
            metrics.SENT.labels(channel=delivery.channel, state=result.state).inc()
            log.info(
                "delivery.settled",
                delivery=delivery.id,
                channel=delivery.channel,
                state=result.state,
                attempt=delivery.attempt,
                reason=result.error,
            )
            if result.state == "failed" and result.unreachable and not delivery.automatic:
                await self._redirect(delivery)

    async def _attempt(self, delivery: Delivery) -> Result:
        sender = pick(self._senders[delivery.channel], delivery)
        try:
            sent = await sender.send(await self._parcel(delivery))
        except Unavailable:
            raise
        except Permanent as fault:
            gone = bool(fault.detail.get("unreachable"))
            return self._result(delivery, "failed", fault.reason, unreachable=gone)
        except Temporary as fault:
            return self._again(delivery, fault.reason, fault.detail.get("retry_after"))
        except Uncertain as fault:
            if sender.repeatable:
                return self._again(delivery, fault.reason, None)
            return self._result(delivery, "unknown", fault.reason)
        now = self._clock.now()
        return Result(delivery=delivery.id, state="sent", at=now, native_id=sent.native_id)

    async def _parcel(self, delivery: Delivery) -> Parcel:
        if not delivery.address:
            raise Permanent("There is no address any more", reason="the address was erased")
        files = []
        for file in delivery.files:
            try:
                files.append((file, await self._blobs.get(file.blob)))
            except NotFound as fault:
                raise Permanent("A file is gone", reason=f"the content of {file.name} is absent") from fault
        return Parcel(delivery=delivery, token=sign_ticket(delivery.number, self._secret), files=tuple(files))

    def _result(self, delivery: Delivery, state: str, error: str, *, unreachable: bool = False) -> Result:
        now = self._clock.now()
        return Result(delivery=delivery.id, state=state, at=now, error=error, unreachable=unreachable)  # type: ignore[arg-type]

    def _again(self, delivery: Delivery, error: str, retry_after: float | None) -> Result:
        now = self._clock.now()
        if now - delivery.created_at > GIVE_UP_AFTER:
            hours = int(GIVE_UP_AFTER.total_seconds() // 3600)
            return self._result(delivery, "failed", f"given up after {hours} hours: {error}")
        pause = LADDER[min(delivery.attempt, len(LADDER)) - 1]
        retry_at = now + timedelta(seconds=pause if retry_after is None else retry_after)
        return Result(delivery=delivery.id, state="queued", at=now, error=error, retry_at=retry_at)

    async def _redirect(self, delivery: Delivery) -> None:
        async with self._database.store.begin() as uow:
            known = await uow.correspondences([delivery.number], self._clock.now())
        people = known[delivery.number].people if delivery.number in known else ()
        person = other_way(people, self._outlet, delivery.identity or "")
        if person is not None:
            await self._database.deliveries.redirect(delivery.id, person, self._clock.now())
            log.info("delivery.redirected", delivery=delivery.id, channel=person.channel)

    async def _keep(self, ids: Sequence[str]) -> None:
        """Says, as long as they are in hand, that they are."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with contextlib.suppress(Temporary):
                await self._database.deliveries.hold(ids, self._clock.now() + LEASE)

    async def _expire(self, stop: asyncio.Event) -> None:
        repeated = [channel for channel, accounts in self._senders.items() if _repeatable(accounts)]
        while not stop.is_set():
            try:
                lost = await self._database.deliveries.expire(self._clock.now(), repeated)
                if lost:
                    log.warning("deliveries.expired", count=lost)
            except Temporary as error:
                log.warning("outbound.postponed", reason=error.reason)
            await _wait(stop, _EXPIRE_EVERY)


def _repeatable(accounts: Mapping[str, Sender]) -> bool:
    return all(sender.repeatable for sender in accounts.values())


def pick(accounts: Mapping[str, Sender], delivery: Delivery) -> Sender:
    """The account that the request came through, where there is one of that name; else the first."""
    found = accounts.get(delivery.account)
    return found if found is not None else next(iter(accounts.values()))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _either(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
