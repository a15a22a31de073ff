"""The one door: bytes from a channel become a durable envelope on the bus.

Arrives: a ``Draft`` from an adapter. Leaves: ``intake.<channel>`` with an fsync behind its acknowledgement, or, while
the bus is away, a fsynced spool file that follows in order. Only when ``accept`` has returned may the adapter say
"received": SMTP 250, HTTP 202, IMAP ``\\Seen``, a moved Telegram offset.

Over 256 KiB the bytes go to the blobs first and the envelope carries their key (the claim check).
"""

import asyncio
import hashlib
import time

from domain.errors import Permanent, Unavailable
from domain.ids import BlobKey
from domain.message import Envelope
from domain.ports import Blobs, Clock, Draft, Ids
from gateway import codec, logs, metrics
from gateway.bus import Bus
from gateway.spool import Spool
from gateway.topology import intake_subject

log = logs.get()

INLINE_LIMIT = 256 * 1024
_PUBLISH_TIMEOUT = 5.0


class BusIntake:
    """``domain.ports.Intake``. Without a spool, a bus that is away means ``Unavailable``."""

    def __init__(
        self, bus: Bus, blobs: Blobs, clock: Clock, ids: Ids, *, spool: Spool | None, max_size: int = 50 * 1024 * 1024
    ) -> None:
        self._bus = bus
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._spool = spool
        self._max_size = max_size

    async def accept(self, draft: Draft) -> str:
        """See ``domain.ports.Intake.accept``. The store is shielded: a peer that hangs up does not undo it half-way."""
        started = time.perf_counter()
        if len(draft.raw) > self._max_size:
            raise Permanent(f"The message is larger than {self._max_size} bytes", reason="over the size limit")
        envelope = await self._envelope(draft)
        way = await asyncio.shield(self._keep(envelope))
        metrics.ACCEPTED.labels(channel=draft.channel, adapter=draft.adapter, way=way).inc()
        metrics.ACCEPT_SECONDS.labels(channel=draft.channel).observe(time.perf_counter() - started)
        log.info("message.accepted", envelope=envelope.id, channel=draft.channel, way=way, size=envelope.size)
        return envelope.id

    async def _envelope(self, draft: Draft) -> Envelope:
        inline = len(draft.raw) <= INLINE_LIMIT
        blob = None if inline else await self._blobs.put(draft.raw)
        return Envelope(
            id=draft.id or self._ids.new(),
            channel=draft.channel,
            account=draft.account,
            adapter=draft.adapter,
            received_at=self._clock.now(),
            media_type=draft.media_type,
            size=len(draft.raw),
            sha256=blob or BlobKey(hashlib.sha256(draft.raw).hexdigest()),
            raw=draft.raw if inline else None,
            blob=blob,
            files=draft.files,
            meta=draft.meta,
        )

    async def _keep(self, envelope: Envelope) -> str:
        subject = intake_subject(envelope.channel)
        payload = codec.encode(codec.EnvelopePayload(envelope=envelope))
        if self._spool is None:
            await self.forward(subject, envelope.id, payload)
            return "bus"
        if not self._spool.busy:
            try:
                await self.forward(subject, envelope.id, payload)
            except Unavailable as error:
                log.warning("intake.spooling", envelope=envelope.id, reason=error.reason)
            else:
                return "bus"
        await self._spool.append(subject, envelope.id, payload)
        return "spool"

    async def forward(self, subject: str, envelope: str, payload: bytes, *, again: bool = False) -> None:
        """Publishes under an id of the envelope, so that a publish whose answer was lost may be repeated."""
        await self._bus.publish(
            subject,
            payload,
            msg_id=f"{subject}:{envelope}",
            envelope=envelope,
            again=again,
            timeout=_PUBLISH_TIMEOUT,
        )

    async def follow(self, subject: str, envelope: str, payload: bytes) -> None:
        """``forward`` for what comes out of the spool: marked, since it may stand on the bus already."""
        await self.forward(subject, envelope, payload, again=True)
