"""The reconciler: compares the raw log with the ledger, and drives again what was lost between them.

Called by the timekeeper every few seconds. A raw message below the normalizer's ack floor without a ledger line, older
than a grace time and with nothing of it under way, goes through again; so a wiped MESSAGE stream, or a bug in a stage,
heals by itself. What the ledger knows and is older than the retention is purged from the raw log, and counted.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from domain.ports import Clock
from gateway import logs, metrics
from gateway.bus import Bus, Trace
from gateway.topology import INTAKE, NORMALIZER, ROUTER, StreamSpec, drive_subject
from store import Database

log = logs.get()

GRACE = timedelta(seconds=20)
RETENTION = timedelta(days=7)
_DRIVEN_AT_ONCE = 500
_PATIENCE = 15
_PURGE_EVERY = timedelta(minutes=1)


class Reconciler:
    """``floor``: every raw message up to it is settled; kept in the store, so that a restart goes on from there."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        clock: Clock,
        *,
        grace: timedelta = GRACE,
        retention: timedelta = RETENTION,
    ) -> None:
        self._bus = bus
        self._database = database
        self._clock = clock
        self._grace = grace
        self._retention = retention
        self._driven: dict[str, int] = {}
        self._purge_next = datetime.min.replace(tzinfo=UTC)

    async def step(self) -> int:
        """One look at the raw log; returns how many messages were driven again."""
        state = await self._bus.stream_state(INTAKE)
        floor = await self._floor(state.first, state.last)
        reached = (await self._bus.consumer_state(NORMALIZER)).floor
        unsettled: list[Trace] = []
        again: list[Trace] = []
        contiguous = floor
        async for batch in self._bus.traces(INTAKE, floor + 1, reached):
            again.extend(trace for trace in batch if trace.again)
            lost = await self._unsettled(batch)
            if not unsettled:
                contiguous = lost[0].sequence - 1 if lost else batch[-1].sequence if batch else contiguous
            unsettled.extend(lost)
            if len(unsettled) >= _DRIVEN_AT_ONCE:
                break
        if again:
            await self._drop_doubles(again, reached)
        if contiguous > floor:
            await self._database.books.set_floor(contiguous)
        self._note(unsettled)
        driven = await self._drive(unsettled) if unsettled else 0
        now = self._clock.now()
        if now >= self._purge_next:
            await self._purge(state.first, contiguous)
            self._purge_next = now + _PURGE_EVERY
        return driven

    async def _floor(self, first: int, last: int) -> int:
        """The kept floor, or the start of a raw log that is not the one it was kept for (a new bus)."""
        kept = await self._database.books.floor()
        if kept > last:
            log.error("rawlog.replaced", kept=kept, last=last)
            await self._database.books.begin_raw_log(await self._settled_in(first, last), floor=first - 1)
            return first - 1
        return max(kept, first - 1)

    async def _settled_in(self, first: int, last: int) -> Counter[str]:
        """How many messages of the raw log are settled, by channel."""
        sums: Counter[str] = Counter()
        async for batch in self._bus.traces(INTAKE, first, last):
            settled = await self._database.books.settled([envelope_of(INTAKE, trace) for trace in batch])
            sums.update(t.subject.rpartition(".")[2] for t in batch if envelope_of(INTAKE, t) in settled)
        return sums

    async def _unsettled(self, batch: Sequence[Trace]) -> list[Trace]:
        names = {trace.sequence: envelope_of(INTAKE, trace) for trace in batch}
        settled = await self._database.books.settled(names.values())
        return [trace for trace in batch if names[trace.sequence] not in settled]

    async def _drop_doubles(self, again: Sequence[Trace], until: int) -> None:
        """Removes raw messages that came out of a spool although their first publishing, whose answer was lost, had
        reached the bus: one acceptance, one raw message. Within the bus's window it sees to this itself."""
        names = {envelope_of(INTAKE, trace): trace.sequence for trace in again}
        state = await self._bus.stream_state(INTAKE)
        async for batch in self._bus.traces(INTAKE, state.first, until):
            for trace in batch:
                second = names.get(envelope_of(INTAKE, trace))
                if second is not None and trace.sequence < second:
                    await self._bus.remove(INTAKE, second)
                    metrics.RECONCILED.labels(what="double").inc()
                    log.info("rawlog.double_removed", envelope=trace.envelope, sequence=second)

    async def _quiet(self) -> bool:
        """Nothing waits between the raw log and the ledger, so what has no line will get none by itself."""
        router = await self._bus.consumer_state(ROUTER)
        return router.pending == 0 and router.unacknowledged == 0

    def _note(self, unsettled: Sequence[Trace]) -> None:
        oldest = (self._clock.now() - unsettled[0].at).total_seconds() if unsettled else 0.0
        metrics.STAGE_OLDEST.labels(stage="ledger").set(max(oldest, 0.0))
        names = {envelope_of(INTAKE, trace) for trace in unsettled}
        self._driven = {name: times for name, times in self._driven.items() if name in names}

    async def _drive(self, unsettled: Sequence[Trace]) -> int:
        """Where nothing is under way, after the grace time; where there is always something, after fifteen of them:
        one driven too early is settled once all the same."""
        patience = self._grace if await self._quiet() else self._grace * _PATIENCE
        before = self._clock.now() - patience
        count = 0
        for trace in unsettled:
            name = envelope_of(INTAKE, trace)
            if trace.at > before:
                continue
            payload = await self._bus.read(INTAKE, trace.sequence)
            if payload is None:
                continue
            times = self._driven[name] = self._driven.get(name, 0) + 1
            channel = trace.subject.rpartition(".")[2]
            msg_id = f"drive:{name}:{trace.sequence}:{times}"
            await self._bus.publish(drive_subject(channel), payload, msg_id=msg_id, envelope=name)
            metrics.RECONCILED.labels(what="driven").inc()
            log.warning("message.driven_again", envelope=name, sequence=trace.sequence, times=times)
            count += 1
        return count

    async def _purge(self, first: int, settled: int) -> None:
        """Counts first, purges after: a crash between the two is put right at the next start (see ``repair``)."""
        before = self._clock.now() - self._retention
        sums: Counter[str] = Counter()
        limit = first - 1
        async for batch in self._bus.traces(INTAKE, first, settled):
            old = [trace for trace in batch if trace.at < before]
            for trace in old:
                sums[trace.subject.rpartition(".")[2]] += 1
                limit = trace.sequence
            if len(old) < len(batch) or not old:
                break
        if sums:
            await self._database.books.count_purged(sums, below=limit + 1)
            await self._bus.purge_below(INTAKE, limit + 1)
            log.info("rawlog.purged", messages=sum(sums.values()), below=limit + 1)

    async def repair(self) -> None:
        """Does what a crash kept from being done: the purge that was counted already."""
        below = await self._database.books.purged_below()
        state = await self._bus.stream_state(INTAKE)
        if state.messages and state.first < below <= state.last + 1:
            await self._bus.purge_below(INTAKE, below)


def envelope_of(stream: StreamSpec, trace: Trace) -> str:
    """The id that the consumer gives to the same message."""
    return trace.envelope or f"{stream.name}-{trace.sequence}"
