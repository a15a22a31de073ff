"""The one door: what accept promises, with the bus there, away, and back."""

import asyncio
import contextlib
import hashlib
from pathlib import Path

import pytest

from domain.errors import Permanent, Unavailable
from domain.ports import Draft
from gateway import codec
from gateway import intake as intake_module
from gateway.bus import Bus
from gateway.intake import INLINE_LIMIT, BusIntake
from gateway.spool import Spool, spooled_in
from gateway.system import SystemClock, UlidIds
from gateway.topology import INTAKE
from store.blobs import FileBlobs
from tests.gateway.conftest import running, until
from tests.servers import nats_server


def draft(raw: bytes = b"From: a@b\r\n\r\nhello", **changes: object) -> Draft:
    values: dict[str, object] = {
        "channel": "email",
        "account": "smtp",
        "adapter": "smtp",
        "media_type": "message/rfc822",
    }
    return Draft(raw=raw, **{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool", limit_bytes=10_000_000)
    spool.open()
    return spool


def door(bus: Bus, blobs: FileBlobs, spool: Spool | None = None, **options: int) -> BusIntake:
    return BusIntake(bus, blobs, SystemClock(), UlidIds(), spool=spool, **options)


async def test_what_is_accepted_stands_on_the_bus_with_its_bytes(bus: Bus, blobs: FileBlobs) -> None:
    raw = bytes(range(256))
    envelope_id = await door(bus, blobs).accept(draft(raw, meta={"mail_from": "a@b", "tls": True}))
    envelope = codec.decode_envelope(await bus.read(INTAKE, 1) or b"")
    assert (envelope.id, envelope.raw, envelope.size) == (envelope_id, raw, 256)
    assert envelope.sha256 == hashlib.sha256(raw).hexdigest()
    assert envelope.meta == {"mail_from": "a@b", "tls": True}


@pytest.mark.parametrize("extra", [0, 1])
async def test_over_256_kib_the_bytes_go_to_the_blobs_first(bus: Bus, blobs: FileBlobs, extra: int) -> None:
    raw = b"x" * (INLINE_LIMIT + extra)
    await door(bus, blobs).accept(draft(raw))
    envelope = codec.decode_envelope(await bus.read(INTAKE, 1) or b"")
    if extra:
        assert envelope.raw is None
        assert envelope.blob is not None
        assert await blobs.get(envelope.blob) == raw
    else:
        assert (envelope.raw, envelope.blob) == (raw, None)


async def test_a_message_over_the_limit_is_refused_for_good(bus: Bus, blobs: FileBlobs) -> None:
    with pytest.raises(Permanent, match="size"):
        await door(bus, blobs, max_size=10).accept(draft(b"x" * 11))


async def test_a_pre_minted_id_is_kept(bus: Bus, blobs: FileBlobs) -> None:
    assert await door(bus, blobs).accept(draft(id="RECEIPT")) == "RECEIPT"


async def test_without_a_spool_a_bus_that_is_away_means_try_again(blobs: FileBlobs) -> None:
    closed = Bus("nats://127.0.0.1:1", name="test")
    with pytest.raises(Unavailable, match="bus"):
        await door(closed, blobs).accept(draft())


async def test_mail_is_spooled_while_the_bus_is_away_and_follows_in_order(
    blobs: FileBlobs, spool: Spool, stop: asyncio.Event
) -> None:
    with nats_server() as server:
        bus = Bus(server.url, name="test")
        await bus.open()
        await bus.ensure_topology()
        intake = door(bus, blobs, spool)
        first = await intake.accept(draft(b"1"))
        server.stop()
        await until(lambda: not bus.connected)
        during = [await intake.accept(draft(b"%d" % n)) for n in range(2, 6)]
        assert spool.count == 4
        server.start()
        await until(lambda: bus.connected)
        behind = await intake.accept(draft(b"6"))  # the spool is not empty yet: it queues behind
        async with running(spool.drain(intake.forward, stop), stop):
            await until(lambda: not spool.busy)
        after = await intake.accept(draft(b"7"))
        state = await bus.stream_state(INTAKE)
        stored = [codec.decode_envelope(await bus.read(INTAKE, n) or b"") for n in range(state.first, state.last + 1)]
        await bus.close()
    assert [e.id for e in stored] == [first, *during, behind, after]
    assert [e.raw for e in stored] == [b"%d" % n for n in range(1, 8)]


async def test_what_was_spooled_survives_its_process(
    bus: Bus, blobs: FileBlobs, tmp_path: Path, stop: asyncio.Event
) -> None:
    away = Bus("nats://127.0.0.1:1", name="test")
    first = Spool(tmp_path / "s", limit_bytes=10_000)
    first.open()
    kept = [await door(away, blobs, first).accept(draft(b"%d" % n)) for n in range(3)]
    (tmp_path / "s" / "0000000000000009.E.intake.email.envelope.part").write_bytes(b"half")
    second = Spool(tmp_path / "s", limit_bytes=10_000)
    second.open()
    assert second.count == 3
    refused = tmp_path / "s" / "0000000000000000.E.intake.form.refused"
    refused.write_bytes(b"too large for that bus")
    assert spooled_in(tmp_path) == {"email": 3, "form": 1}
    refused.unlink()
    async with running(second.drain(door(bus, blobs).forward, stop), stop):
        await until(lambda: not second.busy)
    stored = [codec.decode_envelope(await bus.read(INTAKE, n) or b"").id for n in (1, 2, 3)]
    assert stored == kept
    assert list((tmp_path / "s").iterdir()) == []


async def test_a_full_spool_refuses_and_what_it_holds_stays(blobs: FileBlobs, tmp_path: Path) -> None:
    away = Bus("nats://127.0.0.1:1", name="test")
    spool = Spool(tmp_path / "s", limit_bytes=600)
    spool.open()
    intake = door(away, blobs, spool)
    await intake.accept(draft(b"fits"))
    with pytest.raises(Unavailable, match="spool is full"):
        await intake.accept(draft(b"x" * 600))
    assert spool.count == 1


async def test_a_peer_that_hangs_up_does_not_undo_the_store(
    bus: Bus, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = door(bus, blobs)
    publishing, finish = asyncio.Event(), asyncio.Event()
    real = intake.forward

    async def slow(*arguments: str | bytes) -> None:
        publishing.set()
        await finish.wait()
        await real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "forward", slow)
    task = asyncio.create_task(intake.accept(draft()))
    await publishing.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    finish.set()

    async def stored() -> bool:
        return (await bus.stream_state(INTAKE)).messages == 1

    await until(stored)


async def test_the_same_envelope_published_twice_is_one(bus: Bus, blobs: FileBlobs) -> None:
    intake = door(bus, blobs)
    payload = b"{}"
    for _ in range(2):
        await intake.forward("intake.email", "E1", payload)
    assert (await bus.stream_state(INTAKE)).messages == 1


def test_the_claim_check_is_below_every_servers_payload_limit() -> None:
    assert INLINE_LIMIT * 4 / 3 + 16_384 < 1_000_000
    assert intake_module.INLINE_LIMIT == 262_144
