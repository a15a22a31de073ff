"""The outcome table, on a real bus."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from domain.errors import Permanent, Temporary, Unavailable
from gateway import codec, consumer, topology
from gateway.bus import Bus
from gateway.consumer import Answer, Consumer, Delivery
from gateway.topology import DEAD, ConsumerSpec
from tests.gateway.conftest import running, until

SPEC = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=16)


class Recorder:
    """A handler that does as it is told, by payload, and remembers what it was given."""

    def __init__(self, *told: tuple[bytes, Sequence[Exception | None]]) -> None:
        self.told = {payload: list(answers) for payload, answers in told}
        self.seen: list[bytes] = []
        self.batches: list[int] = []

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        self.batches.append(len(deliveries))
        self.seen += [d.payload for d in deliveries]
        return [self._answer(d.payload) for d in deliveries]

    def _answer(self, payload: bytes) -> Answer:
        answers = self.told.get(payload)
        return answers.pop(0) if answers else None


async def publish(bus: Bus, *payloads: bytes) -> None:
    for number, payload in enumerate(payloads):
        await bus.publish("message.email", payload, msg_id=f"{payload!r}{number}", envelope=f"E{number}")


async def settled(bus: Bus) -> bool:
    state = await bus.consumer_state(SPEC)
    return state.pending == 0 and state.unacknowledged == 0


async def test_what_is_handled_is_acknowledged_and_never_comes_again(bus: Bus, stop: asyncio.Event) -> None:
    recorder = Recorder()
    await publish(bus, b"1", b"2", b"3")
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert recorder.seen == [b"1", b"2", b"3"]


async def test_a_backlog_comes_in_batches_and_a_lone_message_at_once(bus: Bus, stop: asyncio.Event) -> None:
    recorder = Recorder()
    await publish(bus, *(b"%d" % n for n in range(16)))
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: len(recorder.seen) == 16)
        await publish(bus, b"alone")
        await until(lambda: len(recorder.seen) == 17)
    assert max(recorder.batches) > 1
    assert recorder.batches[-1] == 1


async def test_a_temporary_fault_is_tried_again_along_the_ladder(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "RETRY_LADDER", (0.05, 0.05))
    recorder = Recorder((b"x", [Temporary("busy"), Temporary("busy")]))
    await publish(bus, b"x", b"neighbour")
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert recorder.seen.count(b"x") == 3
    assert recorder.seen.count(b"neighbour") == 1
    assert (await bus.stream_state(DEAD)).messages == 0


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([Permanent("no", reason="cannot be read")], "cannot be read"),
        ([Temporary("busy", reason="still busy")] * 5, "still busy"),
        ([ValueError("surprise")] * 5, "ValueError: surprise"),
    ],
)
async def test_what_cannot_be_handled_is_a_dead_letter_with_origin_and_reason(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch, answers: list[Exception], reason: str
) -> None:
    monkeypatch.setattr(consumer, "RETRY_LADDER", (0.05, 0.05))
    recorder = Recorder((b"poison", answers))
    await publish(bus, b"good", b"poison")
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus))
    letter = codec.decode_dead(await bus.read(DEAD, 1) or b"")
    assert (letter.origin, letter.reason, letter.payload, letter.envelope_id) == (
        "message.email",
        reason,
        b"poison",
        "E1",
    )
    assert (await bus.stream_state(DEAD)).subjects == {"dead.message.email": 1}


async def test_while_a_dependency_is_away_no_attempt_is_spent(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(consumer, "_LONGEST_PAUSE", 0.01)
    attempts: list[int] = []
    away = 40  # more often than any ladder has rungs

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        nonlocal away
        attempts.extend(d.attempt for d in deliveries)
        away -= 1
        if away > 0:
            raise Unavailable("database")
        return [None] * len(deliveries)

    await publish(bus, b"patient")
    async with running(Consumer(bus, SPEC, handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert set(attempts) == {1}
    assert (await bus.stream_state(DEAD)).messages == 0


async def test_a_poisoned_message_costs_its_neighbours_nothing(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "RETRY_LADDER", (0.05,))
    done: list[bytes] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        if any(d.payload == b"poison" for d in deliveries):
            raise RuntimeError("the whole batch fails")
        done.extend(d.payload for d in deliveries)
        return [None] * len(deliveries)

    await publish(bus, b"1", b"poison", b"2")
    async with running(Consumer(bus, SPEC, handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert done == [b"1", b"2"]
    assert (await bus.stream_state(DEAD)).messages == 1


async def test_a_message_that_takes_its_process_down_each_time_is_given_up(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "MOST_DELIVERIES", 0)
    recorder = Recorder()
    await publish(bus, b"killer")
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert recorder.seen == []
    letter = codec.decode_dead(await bus.read(DEAD, 1) or b"")
    assert letter.reason == "delivered 1 times without any outcome"


async def test_deliveries_to_processes_that_died_are_no_attempts(
    bus: Bus, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: after six crashes of others, a message was buried at the first fault of its own."""
    monkeypatch.setattr(consumer, "RETRY_LADDER", (0.05, 0.05))
    recorder = Recorder((b"unlucky", [Temporary("busy")]))
    await publish(bus, b"unlucky")
    async with bus.pull(SPEC) as pull:
        for _ in range(6):
            for message in await pull.take():
                await message.nak()
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert recorder.seen == [b"unlucky", b"unlucky"]
    assert (await bus.stream_state(DEAD)).messages == 0


async def test_the_oldest_message_is_the_first_that_is_not_settled(bus: Bus) -> None:
    assert await bus.oldest(SPEC) is None
    await publish(bus, b"1", b"2")
    first = await bus.oldest(SPEC)
    async with bus.pull(SPEC) as pull:
        taken: list[Any] = []
        while len(taken) < 2:
            taken.extend(await pull.take())
        await taken[0].ack_sync()
        second = await bus.oldest(SPEC)
        await taken[1].ack_sync()
    assert first is not None
    assert second is not None
    assert first < second
    assert await bus.oldest(SPEC) is None


async def test_work_in_hand_is_finished_before_the_consumer_stops(bus: Bus, stop: asyncio.Event) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        started.set()
        await finish.wait()
        return [None] * len(deliveries)

    await publish(bus, b"slow")
    task = asyncio.create_task(Consumer(bus, SPEC, handle).run(stop))
    await started.wait()
    stop.set()
    finish.set()
    await asyncio.wait_for(task, 10)
    await until(lambda: settled(bus))


async def test_long_work_is_not_given_to_somebody_else(bus: Bus, stop: asyncio.Event) -> None:
    short = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=4, ack_wait=1.0)
    await bus._ensure_consumer(short)
    handled: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        handled.extend(d.attempt for d in deliveries)
        await asyncio.sleep(2.5)
        return [None] * len(deliveries)

    await publish(bus, b"long")
    async with running(Consumer(bus, short, handle).run(stop), stop):
        await until(lambda: settled(bus))
    assert handled == [1]


async def test_a_backlog_that_waits_behind_a_long_pause_spends_no_attempts(bus: Bus, stop: asyncio.Event) -> None:
    """Regression: what had been fetched and waited in the process was redelivered all through an outage."""
    short = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=2, ack_wait=1.0)
    await bus._ensure_consumer(short)
    attempts: list[int] = []
    back = asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        attempts.extend(d.attempt for d in deliveries)
        await back.wait()
        return [None] * len(deliveries)

    await publish(bus, *(b"%d" % n for n in range(8)))
    async with running(Consumer(bus, short, handle).run(stop), stop):
        await asyncio.sleep(3.5)
        back.set()
        await until(lambda: settled(bus))
    assert attempts == [1] * 8


async def test_what_was_fetched_and_not_begun_is_given_back_at_once(bus: Bus, stop: asyncio.Event) -> None:
    async with bus.pull(SPEC) as pull:
        await publish(bus, b"1", b"2", b"3")
        await pull._ask()
        await until(lambda: len(pull._waiting) == 3)
    recorder = Recorder()
    async with running(Consumer(bus, SPEC, recorder.handle).run(stop), stop):
        await until(lambda: settled(bus), within=10)
    assert sorted(recorder.seen) == [b"1", b"2", b"3"]


async def test_handlings_overlap_where_the_topology_says_so(bus: Bus, stop: asyncio.Event) -> None:
    both = ConsumerSpec(stream="MESSAGE", durable="router", filter="message.*", batch=1, at_once=2)
    inside = 0
    met = asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        nonlocal inside
        inside += 1
        if inside == 2:
            met.set()
        await met.wait()
        return [None] * len(deliveries)

    await publish(bus, b"1", b"2")
    async with running(Consumer(bus, both, handle).run(stop), stop):
        await asyncio.wait_for(met.wait(), 10)
        await until(lambda: settled(bus))


def test_each_rung_of_the_ladder_is_longer_than_the_last() -> None:
    assert list(topology.RETRY_LADDER) == sorted(set(topology.RETRY_LADDER))
