"""Keeper, releases, relay, live feed, reservations, policies: each on a real bus and a real database."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from config.loader import SAMPLE, load_folder
from config.problems import PolicyInvalid
from domain.errors import Conflict, Permanent, Unavailable
from domain.message import Envelope
from domain.ports import LiveEvent
from domain.views import Scope
from gateway import codec, policies, relay
from gateway.bus import Bus
from gateway.consumer import Consumer
from gateway.keeper import Keeper
from gateway.live import BusLiveFeed
from gateway.policies import Policies
from gateway.relay import Relay
from gateway.releases import BusReleases
from gateway.reservations import BusReservations
from gateway.system import SystemClock, UlidIds
from gateway.topology import DRIVER, KEEPER, ROUTER, TICKET
from store import Database, Outgoing, Revision
from store.blobs import FileBlobs
from tests.gateway.conftest import running, until
from tests.make import NOON, message, open_tickets, suppressed

ADMIN = Scope(reader="t", lines=None, admin=True)


def envelope() -> Envelope:
    return Envelope(
        id="E1",
        channel="email",
        account="smtp",
        adapter="smtp",
        received_at=NOON,
        media_type="message/rfc822",
        size=5,
        sha256="a" * 64,  # type: ignore[arg-type]
        raw=b"bytes",
        meta={"mail_from": "a@b.example"},
    )


async def bury(bus: Bus, origin: str, payload: bytes, envelope_id: str = "E1") -> None:
    letter = codec.DeadPayload(
        origin=origin, reason="tried in vain", payload=payload, envelope_id=envelope_id, channel="email", attempts=7
    )
    await bus.publish(f"dead.{origin}", codec.encode(letter), msg_id=f"{origin}{envelope_id}", envelope=envelope_id)


async def keep(bus: Bus, database: Database, blobs: FileBlobs, count: int) -> None:
    stop = asyncio.Event()
    async with running(Consumer(bus, KEEPER, Keeper(database, blobs, SystemClock()).handle).run(stop), stop):

        async def kept() -> bool:
            return len(await database.views.held(ADMIN)) == count

        await until(kept)


def releases(bus: Bus, database: Database, blobs: FileBlobs) -> BusReleases:
    return BusReleases(database, bus, blobs, SystemClock(), UlidIds())


async def test_a_dead_envelope_is_held_with_its_raw_bytes_and_goes_to_the_normalizer_on_release(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    await bury(bus, "intake.email", codec.encode(codec.EnvelopePayload(envelope=envelope())))
    await keep(bus, database, blobs, 1)
    (row,) = await database.views.held(ADMIN)
    assert (row.outcome, row.origin, row.reason, row.sender) == (
        "quarantined",
        "intake.email",
        "tried in vain",
        "a@b.example",
    )
    assert await blobs.get(row.raw or "") == b"bytes"  # type: ignore[arg-type]
    assert await releases(bus, database, blobs).release(row.id, by="agent:1") == "E1"
    assert (await bus.consumer_state(DRIVER)).pending == 1
    with pytest.raises(Conflict):
        await releases(bus, database, blobs).release(row.id, by="agent:1")


async def test_a_dead_message_goes_to_the_router_on_release(bus: Bus, database: Database, blobs: FileBlobs) -> None:
    await bury(bus, "message.email", codec.encode(codec.MessagePayload(message=message(envelope_id="E1"))))
    await keep(bus, database, blobs, 1)
    (row,) = await database.views.held(ADMIN)
    assert (row.subject, row.sender) == ("Не печатает", "anna@romashka.example")
    await releases(bus, database, blobs).release(row.id, by="agent:1")
    assert (await bus.consumer_state(ROUTER)).pending == 1


async def test_a_suppressed_message_goes_to_the_router_marked_as_released(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    held = message()
    async with database.store.begin() as uow:
        await uow.recall([held], NOON)
        await uow.save([suppressed(held)], NOON)
    (row,) = await database.views.held(ADMIN)
    async with bus.pull(ROUTER) as pull:
        await releases(bus, database, blobs).release(row.id, by="agent:1")
        (delivered,) = await pull.take(5)
    payload = codec.decode_message(delivered.data)
    assert isinstance(payload, codec.MessagePayload)
    assert payload.message.flags == ("released",)
    assert payload.message.envelope_id == held.envelope_id


async def test_junk_on_the_bus_is_held_and_its_release_says_why_not(
    bus: Bus, database: Database, blobs: FileBlobs
) -> None:
    await bury(bus, "intake.email", b"\x00not json")
    await bus.publish("dead.elsewhere", b"not even a letter", msg_id="x")
    await keep(bus, database, blobs, 2)
    rows = {row.origin: row for row in await database.views.held(ADMIN)}
    assert set(rows) == {"intake.email", "dead.elsewhere"}
    with pytest.raises(Conflict) as refused:
        await releases(bus, database, blobs).release(rows["intake.email"].id, by="agent:1")
    assert refused.value.public.startswith("This message cannot be read by any stage")


async def test_facts_of_a_commit_are_on_the_bus_at_once_and_the_outbox_is_empty(bus: Bus, tmp_path: Path) -> None:
    sender = Relay(bus)
    database = Database(f"sqlite:///{tmp_path}/r.db", ids=UlidIds(), clock=SystemClock(), committed=sender.push)
    await database.upgrade()
    stop = asyncio.Event()
    async with running(sender.run(database, stop), stop):
        await open_tickets(database.store, [message()])

        async def sent() -> bool:
            return await database.outbox.waiting() == (0, None)

        await until(sent)
    assert (await bus.stream_state(TICKET)).subjects == {"ticket.created": 1, "ticket.assigned": 1}
    await database.close()


async def test_what_a_killed_process_left_is_swept_and_never_doubled(bus: Bus, database: Database) -> None:
    await open_tickets(database.store, [message()])
    rows = await database.outbox.left(NOON + timedelta(days=1), 10)
    await bus.publish_many([relay._outbound(row) for row in rows])  # killed between sending and forgetting
    assert await relay.sweep(bus, database, SystemClock()) == 2
    assert await relay.sweep(bus, database, SystemClock()) == 0
    assert (await bus.stream_state(TICKET)).messages == 2


async def test_the_relay_keeps_what_it_has_while_the_bus_is_away(database: Database) -> None:
    away = Relay(Bus("nats://127.0.0.1:1", name="test"))
    away.push([Outgoing(id="1", fact="ticket.created", data={})])
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(away.run(database, stop), 5)


async def test_open_pages_hear_of_facts(bus: Bus) -> None:
    feed = BusLiveFeed(bus)
    stop = asyncio.Event()
    async with running(feed.run(stop), stop), feed.subscribe() as events:
        await asyncio.sleep(0.2)
        data = {"ticket": 7, "at": NOON.isoformat(), "line": "first"}
        payload = codec.FactPayload(id="1", fact="ticket.assigned", data=data)
        await bus.publish("ticket.assigned", b"junk is passed over", msg_id="junk")
        await bus.publish("ticket.assigned", codec.encode(payload), msg_id="1")
        event = await asyncio.wait_for(anext(events), 10)
    assert event == LiveEvent(fact="ticket.assigned", ticket=7, line="first", at=NOON)


async def test_a_key_is_reserved_once_and_another_body_is_a_conflict(bus: Bus, ids: UlidIds) -> None:
    reservations = BusReservations(bus)
    key = ids.new().lower()
    assert await reservations.reserve(key, "hash", "R1") == "R1"
    assert await reservations.reserve(key, "hash", "R2") == "R1"
    with pytest.raises(Conflict):
        await reservations.reserve(key, "other", "R3")


async def test_reserving_while_the_bus_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await BusReservations(Bus("nats://127.0.0.1:1", name="test")).reserve("k", "h", "v")


async def test_a_new_revision_is_taken_by_a_running_process_and_a_broken_one_is_not(
    bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    documents = dict(load_folder(SAMPLE))
    running_policy = Policies(database)
    with pytest.raises(Permanent, match="priyom policy apply"):
        await running_policy.load()
    assert await policies.apply(database, bus, documents, author="t", comment="", clock=clock) == 1
    await running_policy.load()
    stop = asyncio.Event()
    async with running(running_policy.watch(bus, stop), stop):
        documents["rules.yaml"] += "\n# the same rules, with a remark\n"
        assert await policies.apply(database, bus, documents, author="t", comment="", clock=clock) == 2
        await until(lambda: running_policy.current.revision == 2)
    broken = {**documents, "lines.yaml": "lines: {}"}
    with pytest.raises(PolicyInvalid):
        await policies.apply(database, bus, broken, author="t", comment="", clock=clock)
    assert await database.revisions.head_number() == 2


async def test_a_head_that_does_not_compile_leaves_the_last_good_one_running(bus: Bus, database: Database) -> None:
    clock = SystemClock()
    documents = dict(load_folder(SAMPLE))
    await policies.apply(database, None, documents, author="t", comment="", clock=clock)
    running_policy = Policies(database)
    await running_policy.load()
    bad = Revision(revision=2, author="t", comment="", at=clock.now(), documents={"lines.yaml": "lines: ["})
    await database.revisions.add(bad)
    await running_policy.load()
    assert running_policy.current.revision == 1
