"""The normalizing stage beside its bus: what is kept, under which keys, and what goes out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.ids import BlobKey
from domain.message import Envelope, Message
from gateway import codec
from gateway.consumer import Delivery
from gateway.normalizing import Normalizing
from gateway.parsing import Parser
from gateway.publishing import Outbound
from store.blobs import FileBlobs
from tests.make import NOON


class RecordingBus:
    def __init__(self) -> None:
        self.sent: list[Outbound] = []
        self.away = False

    async def publish_many(self, items: Sequence[Outbound]) -> None:
        if self.away:
            raise Unavailable("bus")
        self.sent += items

    def messages(self) -> list[Message]:
        payloads = [codec.decode_message(one.payload) for one in self.sent]
        return [payload.message for payload in payloads if isinstance(payload, codec.MessagePayload)]


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
def stage(bus: RecordingBus, blobs: FileBlobs) -> Normalizing:
    return Normalizing(bus, blobs, Parser())  # type: ignore[arg-type]


def mail(number: int, *, parts: str = "", nested: int = 0) -> bytes:
    head = f"From: a@client.example\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@client.example>\r\n"
    if parts:
        head += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        return f"{head}\r\n--b\r\n\r\nText {number}.\r\n--b\r\n{parts}\r\n--b--\r\n".encode()
    if nested:
        head += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n"
        body = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(nested))
        return f"{head}\r\n{body}--b{nested}\r\n\r\nDeep.\r\n".encode()
    return f"{head}\r\nText {number}.\r\n".encode()


def delivery(number: int, raw: bytes, *, blob: BlobKey | None = None, channel: str = "email") -> Delivery:
    envelope = Envelope(
        id=f"E{number}",
        channel=channel,
        account="smtp",
        adapter="smtp",
        received_at=NOON,
        media_type="message/rfc822",
        size=len(raw),
        sha256=BlobKey(hashlib.sha256(raw).hexdigest()),
        raw=None if blob else raw,
        blob=blob,
    )
    payload = codec.encode(codec.EnvelopePayload(envelope=envelope))
    return Delivery(subject=f"intake.{channel}", payload=payload, envelope=f"E{number}", attempt=1, sequence=number)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


async def test_the_raw_bytes_of_a_batch_share_one_pack(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs, tmp_path: Path
) -> None:
    raws = [mail(n) for n in range(20)]
    assert await stage.handle([delivery(n, raw) for n, raw in enumerate(raws)]) == [None] * 20
    assert [await blobs.get(message.raw) for message in bus.messages()] == raws
    assert [path.parent.name for path in files(tmp_path / "blobs")] == ["packs"]


async def test_the_same_mail_twice_in_a_batch_is_two_messages(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs
) -> None:
    await stage.handle([delivery(1, mail(1)), delivery(2, mail(1))])
    assert [await blobs.get(message.raw) for message in bus.messages()] == [mail(1)] * 2


async def test_attachments_stay_under_the_hash_of_their_content(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs
) -> None:
    part = "Content-Type: application/x-log; name=a.log\r\nContent-Disposition: attachment\r\n\r\nthe same log"
    await stage.handle([delivery(1, mail(1, parts=part)), delivery(2, mail(2, parts=part))])
    (first,), (second,) = (message.attachments for message in bus.messages())
    assert first.blob == second.blob == hashlib.sha256(b"the same log").hexdigest()
    assert await blobs.get(first.blob) == b"the same log"


async def test_what_the_blobs_have_already_is_not_kept_a_second_time(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs, tmp_path: Path
) -> None:
    """A claimed mail; and one that was cut by a cap, whose attachment is the mail itself."""
    claimed, cut = mail(1), mail(2, nested=200)
    blob = await blobs.put(claimed)
    await stage.handle([delivery(1, claimed, blob=blob), delivery(2, cut)])
    kept = {message.native_id: message for message in bus.messages()}
    assert kept["1@client.example"].raw == blob
    assert kept["2@client.example"].raw in [one.blob for one in kept["2@client.example"].attachments]
    assert {await blobs.get(message.raw) for message in kept.values()} == {claimed, cut}
    assert list((tmp_path / "blobs" / "packs").iterdir()) == []


async def test_a_form_that_is_none_leaves_no_bytes_behind_and_its_neighbours_go_on(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs
) -> None:
    answers = await stage.handle([delivery(1, b"not JSON", channel="form"), delivery(2, mail(2))])
    assert [type(answer).__name__ for answer in answers] == ["Invalid", "NoneType"]
    (message,) = bus.messages()
    assert await blobs.get(message.raw) == mail(2)


async def test_a_batch_that_waits_for_the_bus_is_packed_once(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs, tmp_path: Path
) -> None:
    batch = [delivery(n, mail(n)) for n in range(5)]
    bus.away = True
    sizes = set()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await stage.handle(batch)
        sizes.add(sum(path.stat().st_size for path in files(tmp_path / "blobs")))
    assert len(sizes) == 1
    bus.away = False
    await stage.handle(batch)
    assert [await blobs.get(message.raw) for message in bus.messages()] == [mail(n) for n in range(5)]


async def test_a_redelivered_batch_has_a_copy_of_its_own(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs
) -> None:
    for _ in range(2):
        await stage.handle([delivery(1, mail(1))])
    first, second = (message.raw for message in bus.messages())
    assert first != second
    await blobs.erase(second)
    assert await blobs.get(first) == mail(1)


async def test_nothing_goes_out_while_the_blobs_are_away(
    stage: Normalizing, bus: RecordingBus, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_contents: Any) -> Any:
        raise Unavailable("blobs")

    monkeypatch.setattr(blobs, "pack", away)
    with pytest.raises(Unavailable):
        await stage.handle([delivery(1, mail(1))])
    assert bus.sent == []
