"""Making a ticket of what was held: the same way in again, marked, so that it is not held a second time.

Called by the desk and ``priyom quarantine release``. A suppressed message goes back to the router as it is; a
quarantined envelope to the normalizer.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from domain.errors import Conflict, Permanent
from domain.ids import BlobKey
from domain.message import RELEASED, Message
from domain.ports import Blobs, Clock, Ids
from gateway import codec
from gateway.bus import Bus
from gateway.topology import drive_subject, message_subject
from store import Database, Release


class BusReleases:
    """``domain.ports.Releases``."""

    def __init__(self, database: Database, bus: Bus, blobs: Blobs, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._bus = bus
        self._blobs = blobs
        self._clock = clock
        self._ids = ids

    async def release(self, held_id: str, *, by: str, changed: Callable[[Message], Message] = lambda one: one) -> str:
        """See ``domain.ports.Releases.release``. ``changed``: what else is to be said on a message that was suppressed.
        Raises ``Conflict`` also for a payload that no stage can read."""
        claimed = await self._database.books.claim_release(held_id, by, self._clock.now())
        subject, payload = await self._again(claimed, changed)
        await self._bus.publish(subject, payload, msg_id=self._ids.new(), envelope=claimed.envelope_id)
        return claimed.envelope_id

    async def _again(self, claimed: Release, changed: Callable[[Message], Message]) -> tuple[str, bytes]:
        channel = claimed.origin.rpartition(".")[2]
        try:
            if claimed.payload_blob is None:
                message = codec.message_from_builtins(claimed.payload)
            else:
                data = await self._blobs.get(BlobKey(claimed.payload_blob))
                if not claimed.origin.startswith("message."):
                    envelope = codec.decode_envelope(data)
                    envelope = replace(envelope, meta={**envelope.meta, RELEASED: True})
                    return drive_subject(channel), codec.encode(codec.EnvelopePayload(envelope=envelope))
                payload = codec.decode_message(data)
                if isinstance(payload, codec.MessageClaim):
                    payload = codec.decode_message(await self._blobs.get(payload.blob))
                if not isinstance(payload, codec.MessagePayload):
                    raise Permanent("Unreadable payload", reason="a claim that names a claim")
                message = payload.message
        except (Permanent, msgspec.ValidationError) as fault:
            raise Conflict(
                "This message cannot be read by any stage; its bytes are kept and can be downloaded",
                reason=str(fault),
            ) from fault
        message = changed(replace(message, flags=(*message.flags, RELEASED)))
        return message_subject(channel), codec.encode(codec.MessagePayload(message=message))
