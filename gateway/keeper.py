"""The keeper of dead letters: shows in the desk's quarantine what a stage gave up, and settles it in the ledger.

Arrives: ``dead.<subject>``. Leaves: a held row with the payload kept as a blob, so that a person can look at it and
send it through again.
"""

from collections.abc import Sequence

from domain.errors import Permanent
from domain.message import Envelope, Message
from domain.ports import Blobs, Clock
from gateway import codec
from gateway.consumer import Answer, Delivery
from store import Database, Dead


class Keeper:
    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        """``gateway.consumer.Handler``."""
        for delivery in deliveries:
            try:
                letter = codec.decode_dead(delivery.payload)
            except Permanent as fault:
                letter = _foreign(delivery, fault)
            blob = await self._blobs.put(letter.payload)
            seen = _look(letter)
            await self._database.books.quarantine(
                Dead(
                    envelope_id=letter.envelope_id,
                    channel=letter.channel,
                    account=seen.account if seen else "",
                    origin=letter.origin,
                    reason=letter.reason,
                    payload_blob=blob,
                    subject=seen.subject if isinstance(seen, Message) else "",
                    sender=seen.sender.address if isinstance(seen, Message) else _mail_from(seen),
                    raw=await self._raw(seen),
                    detail={"attempts": letter.attempts},
                ),
                self._clock.now(),
            )
        return [None] * len(deliveries)

    async def _raw(self, seen: Envelope | Message | None) -> str | None:
        match seen:
            case Message():
                return seen.raw
            case Envelope(raw=bytes() as raw):
                return await self._blobs.put(raw)
            case Envelope():
                return seen.blob
        return None


def _look(letter: codec.DeadPayload) -> Envelope | Message | None:
    """What the payload was, as far as it can be read."""
    try:
        if letter.origin.startswith("message."):
            payload = codec.decode_message(letter.payload)
            return payload.message if isinstance(payload, codec.MessagePayload) else None
        return codec.decode_envelope(letter.payload)
    except Permanent:
        return None


def _mail_from(envelope: Envelope | None) -> str:
    return str(envelope.meta.get("mail_from", "")) if envelope is not None else ""


def _foreign(delivery: Delivery, fault: Permanent) -> codec.DeadPayload:
    """Something that another program put on the dead-letter stream: kept as it is."""
    return codec.DeadPayload(
        origin=delivery.subject,
        reason=fault.reason,
        payload=delivery.payload,
        envelope_id=delivery.envelope,
        channel="unknown",
        attempts=delivery.attempt,
    )
