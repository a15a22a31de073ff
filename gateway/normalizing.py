"""The normalizing stage: envelopes in, messages out.

Arrives: ``intake.<channel>`` (and ``drive.<channel>``, what is sent through again). Leaves: blobs of the raw bytes and
of each attachment, then ``message.<channel>``. Pure work is the normalizer's; this only fetches and puts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from domain.errors import Fault, NotFound, Permanent
from domain.ids import BlobKey
from domain.message import RELEASED, Envelope, Message
from domain.ports import Blobs
from gateway import codec
from gateway.bus import Bus
from gateway.consumer import Answer, Delivery
from gateway.lookup import Lookup
from gateway.parsing import Parser
from gateway.publishing import Outbound
from gateway.topology import is_drive, message_subject

_CLAIM_OVER = 700_000
"""Bytes of a message payload above which the blobs carry it: below every server's default limit of 1 MB."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A message that was read, and what is to be kept before it goes on."""

    message: Message
    attachments: Mapping[BlobKey, bytes]
    raw: bytes | None
    """None: it lies in the blobs already, or is among the attachments."""


class Normalizing:
    def __init__(self, bus: Bus, blobs: Blobs, parser: Parser, lookup: Lookup | None = None) -> None:
        self._lookup = lookup
        self._bus = bus
        self._blobs = blobs
        self._parser = parser
        self._unsent: dict[BlobKey, BlobKey] = {}
        """Keys of raw bytes whose message is not out yet: a batch that waits for the bus is handled again and again."""

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        """``gateway.consumer.Handler``. Blobs are durable before a message that names them is published."""
        working = []
        for delivery in deliveries:
            working.append(asyncio.create_task(self._normalized(delivery)))
            await asyncio.sleep(0)  # one mail at a time: the router, in this loop too, waits for no more than that
        results = await asyncio.gather(*working)
        done = [(d, r) for d, r in zip(deliveries, results, strict=True) if not isinstance(r, Fault)]
        attachments: dict[BlobKey, bytes] = {}
        for _, read in done:
            attachments |= read.attachments
        raws = {read.message.raw: read.raw for _, read in done if read.raw is not None}
        _, keys = await asyncio.gather(self._blobs.put_many(attachments), self._packed(raws))
        await self._bus.publish_many([await self._outbound(d, _kept(read, keys)) for d, read in done])
        for sha256 in raws:
            self._unsent.pop(sha256, None)
        return [result if isinstance(result, Fault) else None for result in results]

    async def _packed(self, raws: Mapping[BlobKey, bytes]) -> Mapping[BlobKey, BlobKey]:
        """Keys by hash. Attachments come again and again and are kept by content; raw bytes do not."""
        known = {sha256: self._unsent[sha256] for sha256 in raws if sha256 in self._unsent}
        packed = await self._blobs.pack({sha256: raw for sha256, raw in raws.items() if sha256 not in known})
        self._unsent |= packed
        return {**known, **packed}

    async def _normalized(self, delivery: Delivery) -> _Read | Fault:
        try:
            envelope = codec.decode_envelope(delivery.payload)
            raw = await self._raw(envelope)
            done = await self._parser.parse(envelope, raw)
        except Permanent as fault:
            return fault
        message = done.message if self._lookup is None else await self._lookup.enrich(done.message)
        if envelope.meta.get(RELEASED):
            message = replace(message, flags=(*message.flags, RELEASED))
        lies_there = envelope.raw is None or message.raw in done.contents
        return _Read(message, done.contents, None if lies_there else raw)

    async def _raw(self, envelope: Envelope) -> bytes:
        if envelope.raw is not None:
            return envelope.raw
        try:
            return await self._blobs.get(envelope.blob or BlobKey(""))
        except NotFound as fault:
            raise Permanent("The message's bytes are gone", reason="the envelope's blob is absent") from fault

    async def _outbound(self, delivery: Delivery, message: Message) -> Outbound:
        """What is driven again has an id of its own: the bus may remember the first one's, and not have the message."""
        payload = codec.encode(codec.MessagePayload(message=message))
        if len(payload) > _CLAIM_OVER:
            blob = await self._blobs.put(payload)
            payload = codec.encode(codec.MessageClaim(blob=blob))
        subject = message_subject(message.channel)
        again = f":{delivery.sequence}" if is_drive(delivery.subject) else ""
        return Outbound(subject, payload, f"{subject}:{message.envelope_id}{again}", message.envelope_id)


def _kept(read: _Read, keys: Mapping[BlobKey, BlobKey]) -> Message:
    return read.message if read.raw is None else replace(read.message, raw=keys[read.message.raw])
