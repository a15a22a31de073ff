"""A disk that is really full, below everything that ``priyom up`` keeps: bus, spool, database, blobs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.streams import unsettled
from tests.journey.conversation import send
from tests.journey.instance import Instance, Part, instance
from tests.journey.senders import Senders, endless, hold_to_account
from tests.journey.system import until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

MAIL = b"From: a@client.example\r\nSubject: %s\r\nMessage-ID: <%s@client.example>\r\n\r\nThe body."
PARTS: tuple[Part, ...] = ("front", "parse", "work")


class Disk:
    """A tmpfs of 64 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """To the last byte."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1_048_576, 4_096, 1):
                with pytest.raises(OSError, match="No space left"):
                    while True:
                        file.write(b"x" * size)

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    as_root = ["sudo", "-n"] if os.geteuid() != 0 and shutil.which("sudo") else []
    options = f"size=64m,uid={os.geteuid()},mode=700"
    words = [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs may not be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run([*as_root, "umount", "-l", str(folder)], check=True)


@pytest.fixture
def priyom(disk: Disk) -> Iterator[Instance]:
    with instance(data=disk.folder / "data") as running:
        yield running


def _parts(priyom: Instance) -> dict[str, str]:
    found: dict[str, str] = priyom.request("GET", "/health/ready", token=False).json().get("parts", {})
    return found


def test_a_full_disk_refuses_mail_for_now_loses_none_and_heals_by_itself_once_there_is_room(
    priyom: Instance, disk: Disk
) -> None:
    before = {part: priyom.part(part) for part in PARTS}
    with Senders(priyom.smtp, endless(seed=41), rate=40) as senders:
        senders.take(20)
        priyom.hold_part("work")  # so that the database has something to write when there is no room
        senders.take(20)
        until("messages wait", lambda: unsettled(priyom.endpoints["nats"]) >= 10)
        disk.fill()
        priyom.release_part("work")

        until("one is refused", lambda: any("refused" in sent.words for sent in senders.sent))
        assert send(priyom.smtp, MAIL % (b"none", b"none"))[:3] in ("451", "452")
        until("the router waits", lambda: '"stage":"router","dependency":"database"' in priyom.log())
        assert "disk" in _parts(priyom)

        disk.free()
        senders.take(40)
        senders.finish()
        until("it is ready again", lambda: _parts(priyom) == {})
        hold_to_account(priyom, senders)
    assert "bus.restarting" in priyom.log()
    assert priyom.spooled() == []
    assert priyom.rows("SELECT origin, reason FROM held") == []
    assert "message.retried" not in priyom.log()
    assert {part: priyom.part(part) for part in PARTS} == before  # none of them died of it
    assert priyom.rows("SELECT number FROM tickets WHERE subject = 'none'") == []
