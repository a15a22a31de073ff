"""What only files can do wrong."""

import os
from pathlib import Path

import pytest

from domain.errors import Unavailable
from store.blobs import FileBlobs, key_of


async def test_a_write_that_was_cut_off_leaves_no_blob(tmp_path: Path) -> None:
    left = tmp_path / "incoming" / "half"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a con")
    blobs = FileBlobs(tmp_path)
    blobs.open()
    assert not left.exists()
    blobs.close()


async def test_a_full_disk_is_unavailable_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FileBlobs(tmp_path)
    blobs.open()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="disk full"):
        await blobs.put(b"content")
    monkeypatch.undo()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert not (tmp_path / key_of(b"content")[0] / key_of(b"content")).exists()
    blobs.close()


async def test_every_blob_and_its_folder_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FileBlobs(tmp_path)
    blobs.open()
    synced: list[str] = []
    real = os.fsync

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    key = await blobs.put(b"content")
    assert synced[0].startswith(f"{tmp_path}/incoming/")
    assert synced[1] == f"{tmp_path}/{key[0]}"
    blobs.close()
