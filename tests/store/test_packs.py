"""What only packs can do wrong: torn ends, full disks, erasing in place, and files that nobody needs any more."""

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.errors import NotFound, Unavailable
from domain.ids import BlobKey
from store import packs
from store.blobs import FileBlobs
from store.packs import PACKED_UP_TO, Packs, place_of

BLOCK = 4096


def contents(*given: bytes) -> dict[BlobKey, bytes]:
    return {BlobKey(hashlib.sha256(content).hexdigest()): content for content in given}


def mails(first: int, count: int) -> dict[BlobKey, bytes]:
    return contents(*(b"mail %d " % n * 200 for n in range(first, first + count)))


def folder_of(root: Path, full: int = 1 << 24) -> Packs:
    opened = Packs(root / "packs", full=full)
    opened.open()
    return opened


def read(opened: Packs, key: str) -> bytes:
    place = place_of(key)
    assert place is not None
    return opened.read(place)


def erase(opened: Packs, key: str) -> None:
    place = place_of(key)
    assert place is not None
    opened.erase(place)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "packs").iterdir())


def all_read(opened: Packs, keys: Mapping[BlobKey, BlobKey], meant: Mapping[BlobKey, bytes]) -> bool:
    return {sha256: read(opened, key) for sha256, key in keys.items()} == meant


def test_batches_follow_one_another_in_one_file_each_on_a_block_of_its_own(tmp_path: Path) -> None:
    opened = folder_of(tmp_path)
    batches = [mails(0, 3), mails(10, 1), mails(20, 5)]
    answers = [opened.write(batch) for batch in batches]
    assert len(names(tmp_path)) == 1
    for batch, keys in zip(batches, answers, strict=True):
        first, *_ = keys.values()
        assert place_of(first).offset % BLOCK == 0  # type: ignore[union-attr]
        assert all_read(opened, keys, batch)


def test_a_full_pack_is_sealed_and_another_begun(tmp_path: Path) -> None:
    opened = folder_of(tmp_path, full=10_000)
    kept = [(mails(n, 4), opened.write(mails(n, 4))) for n in range(0, 40, 4)]
    assert len(names(tmp_path)) == 5
    assert all(all_read(opened, keys, batch) for batch, keys in kept)


def test_more_than_one_write_takes_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev

    def short(handle: int, buffers: list[bytes], offset: int) -> int:
        assert len(buffers) <= 1024
        return real(handle, [b"".join(buffers)[:1000]], offset)

    opened = folder_of(tmp_path)
    many = mails(0, 700)
    assert all_read(opened, opened.write(many), many)
    monkeypatch.setattr(os, "pwritev", short)
    assert all_read(opened, opened.write(many), many)


def test_each_batch_is_synced_before_its_keys_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "fdatasync", note)
    opened = folder_of(tmp_path)
    opened.write(mails(0, 30))
    opened.write(mails(30, 30))
    (name,) = names(tmp_path)
    pack = f"{tmp_path}/packs/{name}"
    assert synced == [f"{tmp_path}/packs", pack, pack]


def test_what_a_crash_left_half_written_hinders_nobody(tmp_path: Path) -> None:
    before = folder_of(tmp_path)
    keys = before.write(mails(0, 3))
    (name,) = names(tmp_path)
    with (tmp_path / "packs" / name).open("ab") as torn:
        torn.write(b"KEPT\0\0\xff")
    (tmp_path / "packs" / ("e" * 32)).write_bytes(b"KE")

    after = folder_of(tmp_path)
    assert all_read(after, keys, mails(0, 3))
    more = after.write(mails(3, 3))
    assert all_read(after, more, mails(3, 3))
    assert {place_of(key).pack for key in more.values()}.isdisjoint({name, "e" * 32})  # type: ignore[union-attr]
    for key in keys.values():
        erase(after, key)
    assert name in names(tmp_path)
    with pytest.raises(NotFound):
        read(after, f"pack-{'e' * 32}-0-40-{'0' * 64}")


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_a_fault_of_the_disk_leaves_what_was_durable_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    opened = folder_of(tmp_path)
    keys = opened.write(mails(0, 3))
    (first,) = names(tmp_path)
    size = (tmp_path / "packs" / first).stat().st_size
    real = os.pwritev

    def full(*given: Any) -> Any:
        if call == "pwritev" and isinstance(given[1], list):
            real(given[0], [b"half"], given[2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    for _ in range(5):
        with pytest.raises(OSError, match="No space"):
            opened.write(mails(3, 3))
    monkeypatch.undo()
    assert names(tmp_path) == [first]
    assert (tmp_path / "packs" / first).stat().st_size <= size + BLOCK + 40
    assert all_read(opened, keys, mails(0, 3))
    again = opened.write(mails(3, 3))
    assert all_read(opened, again, mails(3, 3))
    assert first not in {place_of(key).pack for key in again.values()}  # type: ignore[union-attr]


async def test_a_full_disk_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FileBlobs(tmp_path)
    blobs.open()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(Unavailable, match="disk full"):
        await blobs.pack(mails(0, 3))
    monkeypatch.undo()
    assert names(tmp_path) == []
    keys = await blobs.pack(mails(0, 3))
    assert [await blobs.get(key) for key in keys.values()] == list(mails(0, 3).values())
    blobs.close()


async def test_up_to_a_size_it_is_packed_and_above_it_is_a_file(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    blobs.open()
    keys = await blobs.pack(contents(bytes(PACKED_UP_TO), bytes(PACKED_UP_TO + 1)))
    small, large = keys.values()
    assert place_of(small) is not None
    assert (tmp_path / large[0] / large).stat().st_size == PACKED_UP_TO + 1
    assert [len(await blobs.get(key)) for key in (small, large)] == [PACKED_UP_TO, PACKED_UP_TO + 1]
    blobs.close()


def test_erased_bytes_are_zeros_on_the_disk_and_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = folder_of(tmp_path)
    secret = b"the address of a person"
    keys = opened.write(contents(b"before", secret, b"after"))
    path = tmp_path / "packs" / names(tmp_path)[0]
    sha256 = list(keys)[1]
    assert secret in path.read_bytes()
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _handle: synced.append(path.read_bytes()))
    size = path.stat().st_size
    erase(opened, keys[sha256])
    assert len(synced) == 1
    assert secret not in synced[0]
    assert bytes.fromhex(sha256) not in synced[0]
    assert len(synced[0]) == size


def test_an_erasure_that_was_cut_off_hides_the_content_and_is_made_whole_by_the_next(tmp_path: Path) -> None:
    opened = folder_of(tmp_path)
    (key,) = opened.write(contents(b"personal" * 100)).values()
    place = place_of(key)
    assert place is not None
    path = tmp_path / "packs" / place.pack
    whole = path.read_bytes()

    path.write_bytes(whole[:300] + bytes(len(whole) - 300))
    with pytest.raises(NotFound, match="damaged"):
        opened.read(place)
    path.write_bytes(b"GONE" + whole[4:8] + bytes(32) + whole[40:])
    with pytest.raises(NotFound, match="absent"):
        opened.read(place)
    opened.erase(place)
    assert b"personal" not in path.read_bytes()


def test_a_pack_goes_with_its_last_content_once_it_is_sealed(tmp_path: Path) -> None:
    opened = folder_of(tmp_path)
    kept = {**opened.write(mails(0, 3)), **opened.write(contents(b"")), **opened.write(mails(3, 2))}
    first, *others = kept.values()
    for key in others:
        erase(opened, key)
    assert len(names(tmp_path)) == 1
    opened.close()
    assert len(names(tmp_path)) == 1
    erase(opened, first)
    assert names(tmp_path) == []
    erase(opened, first)
    with pytest.raises(NotFound):
        read(opened, first)


def test_a_pack_that_is_still_written_to_stays_though_all_of_it_is_erased(tmp_path: Path) -> None:
    opened, other = folder_of(tmp_path), folder_of(tmp_path)
    for key in opened.write(mails(0, 3)).values():
        erase(other, key)
    assert len(names(tmp_path)) == 1
    more = opened.write(mails(3, 1))
    assert all_read(other, more, mails(3, 1))
    for key in more.values():
        erase(other, key)
    opened.close()
    assert names(tmp_path) == []


def test_two_batches_at_once_never_share_a_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that fails tells only one of those who wait for it."""
    opened = folder_of(tmp_path)
    inner: list[Mapping[BlobKey, BlobKey]] = []
    real = os.fdatasync

    def meanwhile(handle: int) -> None:
        if not inner:
            inner.append({})
            inner[0] = opened.write(mails(10, 2))
        real(handle)

    monkeypatch.setattr(packs.os, "fdatasync", meanwhile)
    outer = opened.write(mails(0, 2))
    assert {place_of(key).pack for key in outer.values()}.isdisjoint(  # type: ignore[union-attr]
        {place_of(key).pack for key in inner[0].values()}  # type: ignore[union-attr]
    )
    assert all_read(opened, outer, mails(0, 2))
    assert all_read(opened, inner[0], mails(10, 2))
