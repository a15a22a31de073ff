"""``domain.ports.Blobs``: files with fsync, and the fake that the desk's tests use."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import NotFound
from domain.ids import BlobKey
from store.blobs import FileBlobs
from tests.fakes_desk import FakeBlobs

LARGE = bytes(range(256)) * 1025


def by_hash(contents: Sequence[bytes]) -> dict[BlobKey, bytes]:
    return {BlobKey(hashlib.sha256(content).hexdigest()): content for content in contents}


def numbered(count: int, size: int = 40) -> dict[BlobKey, bytes]:
    return by_hash([b"%d " % n * size for n in range(count)])


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[FileBlobs]:
    files = FileBlobs(folder)
    files.open()
    yield files
    files.close()


@pytest.fixture(params=["files", "fake"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeBlobs()
        return
    with opened(tmp_path / "blobs") as files:
        yield files


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 4096])
async def test_what_is_put_is_got_under_its_hash(blobs: Any, content: bytes) -> None:
    key = await blobs.put(content)
    assert key == hashlib.sha256(content).hexdigest()
    assert await blobs.get(key) == content


async def test_many_are_put_at_once_and_the_same_one_twice_is_nothing_new(blobs: Any) -> None:
    contents = numbered(40)
    await blobs.put_many(contents)
    await blobs.put_many(contents)
    assert [await blobs.get(key) for key in contents] == list(contents.values())


async def test_what_is_absent_or_no_key_is_not_found(blobs: Any) -> None:
    for key in ("0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 64 + "\n", f"pack-{'0' * 32}-0-1-{'0' * 64}"):
        with pytest.raises(NotFound):
            await blobs.get(BlobKey(key))


async def test_no_other_key_than_its_own_leads_to_a_packed_content(blobs: Any) -> None:
    contents = numbered(3)
    keys = await blobs.pack(contents)
    sha256, key = list(keys.items())[1]
    _, pack, offset, length, _ = key.split("-")
    for no_key in (
        f"pack-../{pack[3:]}-{offset}-{length}-{sha256}",
        f"pack-{pack}/../..-{offset}-{length}-{sha256}",
        f"pack-{pack}--{offset}-{length}-{sha256}",
        f"pack-{pack}-0{offset}-{length}-{sha256}",
        f"pack-{pack}-{offset}-99999999999-{sha256}",
        f"{key}\n",
        key.upper(),
    ):
        with pytest.raises(NotFound):
            await blobs.get(BlobKey(no_key))
    for elsewhere in (
        f"pack-{pack}-{int(offset) + 1}-{length}-{sha256}",
        f"pack-{pack}-999999999-{length}-{sha256}",
        f"pack-{pack}-{offset}-{int(length) - 1}-{sha256}",
        f"pack-{pack}-{offset}-{int(length) + 1}-{sha256}",
        f"pack-{pack}-{offset}-{length}-{'0' * 64}",
        f"pack-{'f' * 32}-{offset}-{length}-{sha256}",
    ):
        with pytest.raises(NotFound):
            await blobs.get(BlobKey(elsewhere))
        await blobs.erase(BlobKey(elsewhere))
    assert {sha256: await blobs.get(key) for sha256, key in keys.items()} == contents


async def test_what_is_packed_is_got_under_keys_that_end_with_the_hash(blobs: Any) -> None:
    contents = numbered(70) | by_hash([b"", LARGE])
    keys = await blobs.pack(contents)
    assert keys.keys() == contents.keys()
    assert {sha256: await blobs.get(key) for sha256, key in keys.items()} == contents
    assert [key for sha256, key in keys.items() if not key.endswith(sha256)] == []
    assert len(set(keys.values())) == len(keys)
    assert await blobs.pack({}) == {}


async def test_a_large_one_lies_under_its_hash_however_it_is_kept(blobs: Any) -> None:
    (sha256,) = by_hash([LARGE])
    assert await blobs.pack(by_hash([LARGE])) == {sha256: sha256}
    assert await blobs.put(LARGE) == sha256


async def test_what_is_packed_twice_has_two_keys_and_loses_one_alone(blobs: Any) -> None:
    (sha256, content), *_ = numbered(1).items()
    first = (await blobs.pack({sha256: content}))[sha256]
    second = (await blobs.pack({sha256: content}))[sha256]
    assert first != second
    await blobs.erase(first)
    with pytest.raises(NotFound):
        await blobs.get(first)
    assert await blobs.get(second) == content


async def test_batches_at_once_do_not_mix(blobs: Any) -> None:
    batches = [by_hash([b"%d of %d " % (n, batch) * 9 for n in range(12)]) for batch in range(10)]
    answers = await asyncio.gather(*(blobs.pack(batch) for batch in batches))
    for batch, keys in zip(batches, answers, strict=True):
        assert {sha256: await blobs.get(key) for sha256, key in keys.items()} == batch
    assert len({key for keys in answers for key in keys.values()}) == 120


@pytest.mark.parametrize("erased", [0, 3, 6])
async def test_what_is_erased_of_a_pack_leaves_its_neighbours(blobs: Any, erased: int) -> None:
    contents = numbered(6) | by_hash([b""])
    keys = await blobs.pack(contents)
    gone = list(keys)[erased]
    await blobs.erase(keys[gone])
    await blobs.erase(keys[gone])
    with pytest.raises(NotFound):
        await blobs.get(keys[gone])
    left = {sha256: await blobs.get(key) for sha256, key in keys.items() if sha256 != gone}
    assert left == {sha256: content for sha256, content in contents.items() if sha256 != gone}
    more = await blobs.pack(numbered(2))
    assert [await blobs.get(key) for key in more.values()] == list(numbered(2).values())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=6000), max_size=12), max_size=5))
def test_whatever_is_packed_comes_back(batches: list[list[bytes]]) -> None:
    async def there_and_back(folder: Path) -> None:
        with opened(folder) as files:
            kept = [(by_hash(batch), await files.pack(by_hash(batch))) for batch in batches]
            for contents, keys in kept:
                assert {sha256: await files.get(key) for sha256, key in keys.items()} == contents
        with opened(folder) as files:
            for contents, keys in kept:
                assert {sha256: await files.get(key) for sha256, key in keys.items()} == contents

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(there_and_back(Path(folder)))


async def test_what_is_erased_is_gone_and_may_be_erased_again(blobs: Any) -> None:
    key = await blobs.put(b"personal")
    await blobs.erase(key)
    await blobs.erase(key)
    with pytest.raises(NotFound):
        await blobs.get(key)
