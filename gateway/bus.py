"""The connection to NATS JetStream: publishing with acknowledgement, pulling in batches, and the topology made real.

Only this package imports nats. Every failure to reach the bus is ``Unavailable("bus")``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as JetStreamError

from domain.errors import Unavailable
from gateway import logs
from gateway.bus_faults import faults, present
from gateway.publishing import Batches, Outbound, Published
from gateway.pull import Pull
from gateway.topology import (
    AGAIN_HEADER,
    CONSUMERS,
    DUPLICATE_WINDOW,
    ENVELOPE_HEADER,
    MSG_ID,
    STREAMS,
    ConsumerSpec,
    StreamSpec,
)

log = logs.get()

_PULL_EXPIRES = 5.0
_TOO_LARGE = 10054
_CONNECTION: dict[str, Any] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.25,
    "connect_timeout": 2,
    "ping_interval": 5,
    "max_outstanding_pings": 2,
    "pending_size": 64 * 1024 * 1024,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerState:
    """``pending``: not yet delivered; ``unacknowledged``: delivered and open; ``floor``: the stream sequence up to
    which all is acknowledged."""

    pending: int
    unacknowledged: int
    floor: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """``subjects``: how many messages it holds, by subject. ``room``: bytes it still takes; None where it has no
    limit."""

    first: int
    last: int
    messages: int
    bytes: int
    subjects: Mapping[str, int]
    room: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A stored message's headers, without its payload."""

    sequence: int
    subject: str
    envelope: str | None
    at: datetime
    again: bool = False
    """It came through a spool: its first publishing may have reached the bus all the same."""


class Bus:
    """One connection a process. ``open`` connects (and keeps reconnecting for ever after); ``close`` flushes."""

    def __init__(self, url: str, *, name: str, replicas: int = 1, store_limit: int = 0) -> None:
        self._url = url
        self._name = name
        self._replicas = replicas
        self._store_limit = store_limit
        self._client = Client()
        self._stream = self._client.jetstream()
        self._reconnected: list[Callable[[], None]] = []
        self._closing = False
        self._batches = Batches()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected)

    @property
    def _connected(self) -> Client:
        """The client, if it can be used now: asking a bus that is away would only wait for a timeout."""
        if not self._client.is_connected:
            raise Unavailable("bus", reason="bus: not connected")
        return self._client

    @property
    def _jetstream(self) -> JetStreamContext:
        _ = self._connected
        return self._stream

    async def open(self, *, patience: float = 30.0) -> None:
        """Raises ``Unavailable`` if the bus cannot be reached within ``patience`` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._client.connect(
                    self._url,
                    name=self._name,
                    error_cb=_on_error,
                    reconnected_cb=self._on_reconnected,
                    disconnected_cb=self._on_disconnected,
                    **_CONNECTION,
                )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            raise Unavailable("bus", reason=f"bus: {type(error).__name__}") from error
        self._stream = self._client.jetstream(timeout=5)

    async def close(self) -> None:
        self._closing = True
        if self._client.is_connected:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                await self._client.flush(timeout=2)
        with contextlib.suppress(nats.errors.Error):
            await self._client.close()

    async def _on_reconnected(self) -> None:
        log.info("bus.reconnected")
        for tell in self._reconnected:
            tell()

    async def _on_disconnected(self) -> None:
        if not self._closing:
            log.warning("bus.disconnected")

    # -- topology

    async def ensure_topology(self) -> None:
        """Makes or updates every stream and durable consumer. A consumer that is there keeps its place."""
        with faults():
            for spec in STREAMS:
                await self._ensure_stream(spec)
            for consumer in CONSUMERS:
                await self._ensure_consumer(consumer)

    async def mend(self) -> None:
        """Makes again what somebody deleted: a stream takes its consumers with it, and whoever publishes to it or pulls
        from them would wait for ever."""
        missing = [spec.name for spec in STREAMS if not await self._has(self._jetstream.stream_info(spec.name))]
        missing += [
            spec.durable
            for spec in CONSUMERS
            if not await self._has(self._jetstream.consumer_info(spec.stream, spec.durable))
        ]
        if missing:
            log.error("topology.missing", what=missing)
            await self.ensure_topology()

    async def _has(self, asking: Awaitable[object]) -> bool:
        try:
            with faults():
                await asking
        except NotFoundError:
            return False
        return True

    async def _ensure_stream(self, spec: StreamSpec) -> None:
        config = api.StreamConfig(
            name=spec.name,
            subjects=list(spec.subjects),
            retention=api.RetentionPolicy(spec.retention),
            discard=api.DiscardPolicy.NEW if spec.durable else api.DiscardPolicy.OLD,
            max_age=spec.max_age,
            max_bytes=self._store_limit if spec.durable and self._store_limit else -1,
            num_replicas=self._replicas,
            duplicate_window=DUPLICATE_WINDOW,
            allow_direct=True,
            persist_mode=None if spec.durable or self._replicas > 1 else api.PersistMode.ASYNC,
        )
        try:
            await self._jetstream.add_stream(config)
        except APIError as error:
            if error.err_code != 10058:  # exists with another configuration
                raise
            present = (await self._jetstream.stream_info(spec.name)).config
            config.persist_mode = present.persist_mode
            await self._jetstream.update_stream(config)

    async def _ensure_consumer(self, spec: ConsumerSpec) -> None:
        config = api.ConsumerConfig(
            durable_name=spec.durable,
            filter_subject=spec.filter,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=spec.ack_wait,
            max_deliver=-1,
            max_ack_pending=spec.max_ack_pending,
            deliver_policy=api.DeliverPolicy.ALL,
        )
        await self._jetstream.add_consumer(spec.stream, config)

    # -- publishing

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str,
        envelope: str | None = None,
        again: bool = False,
        timeout: float = 5.0,
    ) -> Published:
        """Returns once the stream has acknowledged (and, for a durable stream, fsynced). Raises ``Unavailable`` when
        that is not known to have happened, ``Permanent`` when the bus will never take it (too large)."""
        headers = {MSG_ID: msg_id}
        if envelope is not None:
            headers[ENVELOPE_HEADER] = envelope
        if again:
            headers[AGAIN_HEADER] = "1"
        with faults():
            ack = await self._jetstream.publish(subject, payload, timeout=timeout, headers=headers)
        return Published(sequence=ack.seq, duplicate=bool(ack.duplicate))

    async def publish_many(self, items: Sequence[Outbound], *, timeout: float = 10.0) -> Sequence[Published]:
        """``publish`` for a batch: all are sent at once and their acknowledgements awaited together, at a third of the
        cost of single calls. Raises for the batch if any of them fails; sending it again is harmless."""
        if not items:
            return ()
        return await self._batches.publish(self._connected, items, timeout)

    async def announce(self, subject: str, payload: bytes = b"") -> None:
        """A core message: whoever listens now hears it, nobody later."""
        with faults():
            await self._connected.publish(subject, payload)

    async def listen(self, subject: str) -> AsyncIterator[Msg]:
        """Core messages of ``subject`` until cancelled."""
        with faults():
            subscription = await self._connected.subscribe(subject)
        try:
            async for message in subscription.messages:
                yield message
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    # -- looking

    async def consumer_state(self, spec: ConsumerSpec) -> ConsumerState:
        with faults(), present(spec.durable):
            info = await self._jetstream.consumer_info(spec.stream, spec.durable)
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        return ConsumerState(
            pending=info.num_pending or 0,
            unacknowledged=info.num_ack_pending or 0,
            floor=floor or 0,
            waiting=info.num_waiting or 0,
        )

    async def stream_state(self, spec: StreamSpec) -> StreamState:
        with faults(), present(spec.name):
            info = await self._jetstream.stream_info(spec.name, subjects_filter=">")
        state = info.state
        return StreamState(
            first=state.first_seq,
            last=state.last_seq,
            messages=state.messages,
            bytes=state.bytes,
            subjects=state.subjects or {},
            room=_room(info.config, state),
        )

    async def read(self, spec: StreamSpec, sequence: int) -> bytes | None:
        """The payload of one stored message, or None if it is gone."""
        try:
            with faults():
                found = await self._jetstream.get_msg(spec.name, seq=sequence)
        except NotFoundError:
            return None
        return found.data or b""

    async def oldest(self, spec: ConsumerSpec) -> datetime | None:
        """When the oldest message was stored that the consumer has not settled; None while there is none."""
        state = await self.consumer_state(spec)
        if not state.pending and not state.unacknowledged:
            return None
        try:
            with faults():
                found = await self._jetstream.get_msg(spec.stream, seq=state.floor + 1, subject=spec.filter, next=True)
        except NotFoundError:
            return None
        time: datetime | None = found.time
        return time

    async def purge_below(self, spec: StreamSpec, sequence: int) -> None:
        """Removes every message of the stream whose sequence is lower."""
        with faults():
            await self._jetstream.purge_stream(spec.name, seq=sequence)

    async def remove(self, spec: StreamSpec, sequence: int) -> None:
        with contextlib.suppress(NotFoundError), faults():
            await self._jetstream.delete_msg(spec.name, sequence)

    async def traces(self, spec: StreamSpec, start: int, until: int) -> AsyncIterator[Sequence[Trace]]:
        """Headers of the stored messages from ``start`` to ``until`` inclusive, in order, some hundreds at a time."""
        if start > until:
            return
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=max(start, 1),
            ack_policy=api.AckPolicy.NONE,
            headers_only=True,
            inactive_threshold=30,
            mem_storage=True,
        )
        with faults():
            info = await self._jetstream.add_consumer(spec.name, config)
            subscription = await self._jetstream.pull_subscribe_bind(consumer=info.name, stream=spec.name)
        try:
            reached = start - 1
            while reached < until:
                with faults():
                    batch = await _fetched(subscription)
                if not batch:
                    return
                found = [trace for trace in map(_trace, batch) if trace.sequence <= until]
                yield found
                reached = _trace(batch[-1]).sequence
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()
            with contextlib.suppress(nats.errors.Error, JetStreamError, TimeoutError):
                await self._jetstream.delete_consumer(spec.name, info.name)

    # -- pulling

    def pull(self, spec: ConsumerSpec) -> "Pull":
        return Pull(self._client, spec, self._reconnected)

    async def key_value(self, bucket: str, *, ttl: float) -> Any:
        """A key-value bucket, made if need be."""
        with faults():
            config = api.KeyValueConfig(bucket=bucket, ttl=ttl, replicas=self._replicas)
            return await self._jetstream.create_key_value(config)


def _room(config: api.StreamConfig, state: api.StreamState) -> int | None:
    if (config.max_msgs or -1) > 0 and state.messages >= (config.max_msgs or 0):
        return 0
    limit = config.max_bytes or -1
    return max(limit - state.bytes, 0) if limit > 0 else None


async def _fetched(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await subscription.fetch(500, timeout=0.5)
    except nats.errors.TimeoutError:
        return []


def _trace(message: Msg) -> Trace:
    metadata = message.metadata
    return Trace(
        sequence=metadata.sequence.stream,
        subject=message.subject,
        envelope=(message.headers or {}).get(ENVELOPE_HEADER),
        at=metadata.timestamp,
        again=AGAIN_HEADER in (message.headers or {}),
    )


async def _on_error(error: Exception) -> None:
    log.warning("bus.failed", error=type(error).__name__)
