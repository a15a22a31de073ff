"""Pulling: a request for messages is always open at the bus."""

import asyncio

import pytest

from gateway import pull as pull_module
from gateway.bus import Bus
from gateway.topology import ConsumerSpec

SPEC = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=16)


async def test_a_message_that_comes_when_the_request_has_ended_is_not_kept_waiting(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_module, "_PULL_EXPIRES", 0.3)
    async with bus.pull(SPEC) as pull, asyncio.timeout(20):
        taken = asyncio.create_task(_first(pull))
        await asyncio.sleep(1)  # the request has ended thrice
        await bus.publish("message.email", b"late", msg_id="late")
        assert await taken == b"late"


async def _first(pull: pull_module.Pull) -> bytes:
    while True:
        for message in await pull.take(timeout=60):
            await message.ack()
            return bytes(message.data)
