"""``domain.ports.Blobs``: files with fsync, and the fake that the desk's tests use."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import NotFound
from domain.ids import BlobKey
from store.blobs import FileBlobs
from tests.fakes_desk import FakeBlobs


@pytest.fixture(params=["files", "fake"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeBlobs()
        return
    files = FileBlobs(tmp_path / "blobs")
    files.open()
    yield files
    files.close()


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 4096])
async def test_what_is_put_is_got_under_its_hash(blobs: Any, content: bytes) -> None:
    key = await blobs.put(content)
    assert key == hashlib.sha256(content).hexdigest()
    assert await blobs.get(key) == content


async def test_many_are_put_at_once_and_the_same_one_twice_is_nothing_new(blobs: Any) -> None:
    contents = {BlobKey(hashlib.sha256(bytes([n])).hexdigest()): bytes([n]) for n in range(40)}
    await blobs.put_many(contents)
    await blobs.put_many(contents)
    assert [await blobs.get(key) for key in contents] == list(contents.values())


async def test_what_is_absent_or_no_key_is_not_found(blobs: Any) -> None:
    for key in ("0" * 64, "../../etc/passwd", "", "A" * 64):
        with pytest.raises(NotFound):
            await blobs.get(BlobKey(key))


async def test_what_is_erased_is_gone_and_may_be_erased_again(blobs: Any) -> None:
    key = await blobs.put(b"personal")
    await blobs.erase(key)
    await blobs.erase(key)
    with pytest.raises(NotFound):
        await blobs.get(key)
