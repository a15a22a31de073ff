"""Between the raw log and the ledger: what was lost is driven again, what is old is purged and counted."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from domain.effects import Opened
from domain.ports import Draft
from gateway import codec, ledger
from gateway.bus import Bus
from gateway.consumer import Answer, Consumer, Delivery
from gateway.intake import BusIntake
from gateway.reconciler import Reconciler
from gateway.spool import Spool
from gateway.system import SystemClock, UlidIds
from gateway.topology import DRIVER, INTAKE, NORMALIZER
from store import Database
from store.blobs import FileBlobs
from tests.gateway.conftest import running, until
from tests.make import NOON, message, open_tickets


class FarClock:
    """The system's time, some days on."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self):  # type: ignore[no-untyped-def]
        return SystemClock().now() + self.ahead


async def accept(bus: Bus, blobs: FileBlobs, count: int) -> list[str]:
    intake = BusIntake(bus, blobs, SystemClock(), UlidIds(), spool=None)
    draft = Draft(channel="email", account="smtp", adapter="smtp", media_type="message/rfc822", raw=b"x")
    return [await intake.accept(draft) for _ in range(count)]


async def acknowledge_all(bus: Bus) -> None:
    """A normalizer that loses everything: it acknowledges and publishes nothing."""

    async def lose(deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        return [None] * len(deliveries)

    stop = asyncio.Event()
    async with running(Consumer(bus, NORMALIZER, lose).run(stop), stop):
        await until(lambda: _floor_reached(bus))


async def _floor_reached(bus: Bus) -> bool:
    return (await bus.consumer_state(NORMALIZER)).floor == (await bus.stream_state(INTAKE)).last


async def settle(database: Database, envelopes: Sequence[str]) -> list[Opened]:
    await open_tickets(database.store, [message(envelope_id=e) for e in envelopes])
    return []


def reconciler(bus: Bus, database: Database, ahead: timedelta = timedelta(minutes=1)) -> Reconciler:
    return Reconciler(bus, database, FarClock(ahead))


async def test_what_has_no_ledger_line_is_driven_again(bus: Bus, database: Database, blobs: FileBlobs) -> None:
    envelopes = await accept(bus, blobs, 5)
    await acknowledge_all(bus)
    await settle(database, [envelopes[0], envelopes[2]])
    assert await reconciler(bus, database).step() == 3
    assert (await bus.consumer_state(DRIVER)).pending == 3
    assert await database.books.floor() == 1
    again = codec.decode_envelope(await bus.read(INTAKE, 2) or b"")
    assert again.id == envelopes[1]


async def test_what_is_fresh_or_not_yet_normalized_is_left_alone(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    await accept(bus, blobs, 2)
    assert await reconciler(bus, database).step() == 0  # below no ack floor
    await acknowledge_all(bus)
    assert await reconciler(bus, database, timedelta()).step() == 0  # within the grace time
    assert (await bus.consumer_state(DRIVER)).pending == 0


async def test_under_unbroken_load_what_was_lost_waits_longer_but_not_for_ever(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    await accept(bus, blobs, 1)
    await acknowledge_all(bus)
    await bus.publish("message.email", b"something always waits for the router", msg_id="busy")
    assert await reconciler(bus, database, timedelta(minutes=1)).step() == 0
    assert await reconciler(bus, database, timedelta(minutes=10)).step() == 1


async def test_the_floor_follows_what_is_settled_without_a_gap(bus: Bus, database: Database, blobs: FileBlobs) -> None:
    envelopes = await accept(bus, blobs, 4)
    await acknowledge_all(bus)
    await settle(database, envelopes)
    assert await reconciler(bus, database).step() == 0
    assert await database.books.floor() == 4


async def test_old_and_settled_messages_leave_the_raw_log_and_stay_in_the_books(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    envelopes = await accept(bus, blobs, 4)
    await acknowledge_all(bus)
    await settle(database, envelopes[:3])
    await reconciler(bus, database, timedelta(days=8)).step()
    state = await bus.stream_state(INTAKE)
    assert (state.first, state.messages) == (4, 1)
    read = await ledger.read(bus, database, None)
    assert read.balanced
    assert (read.total.accepted, read.total.ticketed, read.total.in_flight) == (4, 3, 1)


async def test_a_purge_that_was_counted_and_then_cut_off_is_finished(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    envelopes = await accept(bus, blobs, 3)
    await acknowledge_all(bus)
    await settle(database, envelopes)
    await database.books.count_purged({"email": 2}, below=3)
    await reconciler(bus, database).repair()
    assert (await bus.stream_state(INTAKE)).first == 3
    assert (await ledger.read(bus, database, None)).balanced


async def test_a_new_bus_begins_a_new_floor(bus: Bus, database: Database, blobs: FileBlobs) -> None:
    await database.books.set_floor(1000)
    envelopes = await accept(bus, blobs, 2)
    await acknowledge_all(bus)
    await settle(database, envelopes)
    await open_tickets(database.store, [message(), message()])  # of the bus that was lost
    await reconciler(bus, database).step()
    assert await database.books.floor() == 2
    read = await ledger.read(bus, database, None)
    assert (read.total.accepted, read.total.ticketed, read.balanced) == (4, 4, True)


async def test_a_raw_message_that_stands_twice_is_accepted_once(bus: Bus, database: Database, blobs: FileBlobs) -> None:
    (envelope,) = await accept(bus, blobs, 1)
    payload = await bus.read(INTAKE, 1) or b""
    await bus.publish("intake.email", payload, msg_id="beyond the window", envelope=envelope)
    read = await ledger.read(bus, database, None)
    assert (read.total.accepted, read.total.in_flight, read.balanced) == (1, 1, True)
    await settle(database, [envelope])
    read = await ledger.read(bus, database, None)
    assert (read.total.accepted, read.total.ticketed, read.balanced) == (1, 1, True)


async def test_a_raw_message_that_stands_twice_is_accepted_once_for_good(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    (envelope,) = await accept(bus, blobs, 1)
    payload = await bus.read(INTAKE, 1) or b""
    await bus.publish("intake.email", payload, msg_id="beyond the window", envelope=envelope, again=True)
    await acknowledge_all(bus)
    await settle(database, [envelope])
    for _ in range(2):
        await reconciler(bus, database).step()
        read = await ledger.read(bus, database, None)
        assert (read.total.accepted, read.total.ticketed, read.balanced) == (1, 1, True)


async def test_what_waits_in_a_spool_is_accepted_and_in_flight(
    bus: Bus, database: Database, blobs: FileBlobs, tmp_path: Path
) -> None:
    """Regression: each adapter has a spool of its own below the folder, and the ledger saw none of them."""
    spool = Spool(tmp_path / "spool" / "smtp", limit_bytes=10_000)
    spool.open()
    intake = BusIntake(Bus("nats://127.0.0.1:1", name="away"), blobs, SystemClock(), UlidIds(), spool=spool)
    await intake.accept(Draft(channel="email", account="smtp", adapter="smtp", media_type="message/rfc822", raw=b"x"))
    await accept(bus, blobs, 1)
    read = await ledger.read(bus, database, tmp_path / "spool")
    assert (read.total.accepted, read.total.in_flight, read.balanced) == (2, 2, True)


async def test_books_that_do_not_agree_are_said_not_to(
    bus: Bus, database: Database, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_READINGS", 2)
    await accept(bus, blobs, 1)
    async with database.store.begin() as uow:
        await uow.recall([message()], NOON)
    await settle(database, ["never-accepted"])
    read = await ledger.read(bus, database, None)
    assert not read.balanced
