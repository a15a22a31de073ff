"""The routing stage: messages in, committed tickets out.

Arrives: ``message.<channel>`` in batches. Leaves: one database transaction a batch, decided by the newest policy
revision, and its facts to the relay. The bus is acknowledged after the commit, never before.
"""

from collections.abc import Awaitable, Callable, Sequence

from domain.errors import NotFound, Permanent
from domain.message import Message
from domain.ports import Blobs, Clock
from gateway import codec, logs, metrics
from gateway.consumer import Answer, Delivery
from router.service import Router

log = logs.get()


class Routing:
    def __init__(
        self, router: Router, blobs: Blobs, clock: Clock, newest_policy: Callable[[], Awaitable[None]]
    ) -> None:
        """``newest_policy`` makes the router's policy source look whether there is a new revision."""
        self._newest_policy = newest_policy
        self._router = router
        self._blobs = blobs
        self._clock = clock

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        """``gateway.consumer.Handler``."""
        answers: list[Answer] = [None] * len(deliveries)
        places, messages = [], []
        for place, delivery in enumerate(deliveries):
            try:
                messages.append(await self._message(delivery))
                places.append(place)
            except Permanent as fault:
                answers[place] = fault
        await self._newest_policy()
        routed = await self._router.route(messages)
        for index, failure in routed.failed.items():
            answers[places[index]] = failure
        now = self._clock.now()
        arrived = {message.envelope_id: message.received_at for message in messages}
        for effect in routed.effects:
            message = effect.message
            # A call's message counts from its first event; how long routing took is of the one that came now.
            took = now - arrived.get(message.envelope_id, message.received_at)
            metrics.ROUTED_SECONDS.labels(channel=message.channel).observe(took.total_seconds())
            log.info("message.settled", envelope=message.envelope_id, outcome=effect.outcome.value)
        return answers

    async def _message(self, delivery: Delivery) -> Message:
        payload = codec.decode_message(delivery.payload)
        if isinstance(payload, codec.MessageClaim):
            try:
                payload = codec.decode_message(await self._blobs.get(payload.blob))
            except NotFound as fault:
                raise Permanent("The message is gone", reason="the claimed message's blob is absent") from fault
        if not isinstance(payload, codec.MessagePayload):
            raise Permanent("Unreadable payload", reason="a claim that names a claim")
        return payload.message
