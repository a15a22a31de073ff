"""The parts of receiving over IMAP that need no server: settings, notation, bookmarks, floods."""

import asyncio
import base64
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.imap import ImapAccount, wire
from channels.imap.connection import GARBLED, Connection
from channels.imap.place import Place
from channels.imap.wire import Head, Mailbox
from domain.errors import Permanent
from gateway.accounts import accounts_of, check
from gateway.wiring import CHANNELS

LEAST = {"host": "mail.example", "username": "support", "password": "planted"}


def test_an_account_needs_little() -> None:
    given_ = {"imap": {"support": {**LEAST, "folders": ["INBOX", "Заявки"], "port": "1993"}}}
    check(given_, CHANNELS)
    found = accounts_of(given_, "imap", ImapAccount)
    assert found == {"support": ImapAccount(**LEAST, port=1993, folders=("INBOX", "Заявки"))}
    assert "planted" not in repr(found)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"host": ""}, "host is empty or has control characters in it"),
        ({"password": "a\r\nb"}, "password is empty or has control characters in it"),
        ({"port": 0}, "port is from 1 to 65535"),
        ({"folders": []}, "folders names at least one folder, and no empty ones"),
        ({"folders": ["INBOX", ""]}, "folders names at least one folder, and no empty ones"),
        ({"folders": ["A", "A"]}, "folders names a folder twice"),
        ({"after": "move"}, "after = move and move_to go together: one of them is missing"),
        ({"move_to": "Done"}, "after = move and move_to go together: one of them is missing"),
        ({"after": "move", "move_to": "INBOX"}, "move_to is one of the folders that are read"),
        ({"batch": 201}, "batch is from 1 to 200"),
        ({"poll_s": 0.5}, "poll_s is from 1 to 86400 seconds"),
        ({"max_size": 0}, "max_size is at least 1 byte"),
        ({"since_days": -1}, "since_days is from 0 to 36500"),
        ({"security": "none", "ca_file": "/ca.pem"}, "ca_file is for tls and starttls, and security is none"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(wrong: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(Permanent) as refused:
        check({"imap": {"support": {**LEAST, **wrong}}}, CHANNELS)
    assert str(refused.value) == f"channels.imap.support: {sentence}"


def test_a_security_that_there_is_not_is_named() -> None:
    with pytest.raises(
        Permanent, match=r"channels\.imap\.support\.security: Input should be 'tls', 'starttls' or 'none'"
    ):
        check({"imap": {"support": {**LEAST, "security": "ssl"}}}, CHANNELS)


def _decoded(name: str) -> str:
    """The other way round, for comparison: RFC 3501, 5.1.3."""
    name = re.sub(r"\\(.)", r"\1", name[1:-1])

    def run(found: re.Match[str]) -> str:
        coded = found[1].replace(",", "/")
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be") if coded else "&"

    return re.sub(r"&([^-]*)-", run, name)


@given(st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1))
def test_any_name_of_a_folder_comes_back(name: str) -> None:
    written = wire.folder_name(name)
    assert written.isascii()
    assert written.isprintable()
    assert _decoded(written) == name


def test_heads_are_read_wherever_their_parts_stand() -> None:
    lines = [
        b'3 FETCH (UID 7 INTERNALDATE " 1-Nov-2026 10:00:00 +0300" RFC822.SIZE 12)',
        b'4 FETCH (RFC822.SIZE 5 FLAGS (\\Seen) UID 9 INTERNALDATE "31-Dec-2025 23:59:59 -0030")',
        b"5 FETCH (FLAGS (\\Seen))",
        b'6 FETCH (UID 11 INTERNALDATE "99-Foo-2025 23:59:59 -0030" RFC822.SIZE 1)',
        b"7 EXISTS",
        b"Fetch completed, UID 5 RFC822.SIZE 5",
    ]
    assert wire.heads(lines) == {
        7: Head(12, datetime(2026, 11, 1, 7, tzinfo=UTC)),
        9: Head(5, datetime(2026, 1, 1, 0, 29, 59, tzinfo=UTC)),
        11: Head(1, None),
    }


def test_bodies_are_read_as_literals_and_as_quoted_strings() -> None:
    lines = [
        b"1 FETCH (UID 7 BODY[] {5}",
        bytearray(b"a\r\n)b"),
        b")",
        b"2 FETCH (FLAGS (\\Seen))",
        b"3 FETCH (BODY[] {0}",
        bytearray(b""),
        b" UID 8)",
        b'4 FETCH (UID 9 BODY[] "say \\"hi\\" \\\\")',
        b"5 FETCH (UID 10 BODY[] NIL)",
        b"Fetch completed.",
    ]
    assert wire.bodies(lines) == {7: b"a\r\n)b", 8: b"", 9: b'say "hi" \\'}


def test_a_folder_says_what_may_be_done_there() -> None:
    lines = [b"FLAGS (\\Seen)", b"OK [PERMANENTFLAGS (\\Seen \\*)] x", b"OK [UIDVALIDITY 12] x", b"[READ-WRITE] ok"]
    assert wire.mailbox(lines) == Mailbox(validity=12, writable=True, keywords=True)
    assert wire.mailbox([lines[2], b"[READ-ONLY] ok"]) == Mailbox(validity=12, writable=False, keywords=False)
    assert wire.mailbox([lines[0], b"ok"]) is None


def test_numbers_of_a_search_leave_out_the_words_of_its_end() -> None:
    assert wire.numbers([b"5 3", b"4", b"Search completed (1 secs)."]) == [3, 4, 5]


def test_a_bookmark_comes_back_as_it_was() -> None:
    for place in (Place(3, 9), Place(3, 9, date(2026, 1, 2))):
        assert Place.from_bookmark(place.bookmark) == place


@given(st.sets(st.integers(1, 60)), st.lists(st.sets(st.integers(1, 60)), max_size=8))
def test_a_bookmark_never_passes_what_is_not_settled(mails: set[int], rounds: list[set[int]]) -> None:
    place, done = Place(1), set[int]()
    for chosen in rounds:
        waiting = place.waiting(sorted(uid for uid in mails if uid > place.uid))
        assert waiting == sorted(mails - done)
        place.settle(chosen & set(waiting), waiting)
        done |= chosen & set(waiting)
        assert not [uid for uid in mails - done if uid <= place.uid]
    waiting = place.waiting(sorted(uid for uid in mails if uid > place.uid))
    place.settle(waiting, waiting)
    assert place.waiting(sorted(uid for uid in mails if uid > place.uid)) == []
    assert place.uid == max(mails, default=0)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)


TRICKY = st.lists(st.sampled_from([b")", b"(", b"\r\n", b"\n", b"{5}\r\n", b"* 1 FETCH (", b"A1 OK x", b"\xff", b"ab"]))


@settings(deadline=None)
@given(st.lists(TRICKY.map(b"".join), min_size=1, max_size=6), st.integers(1, 5_000))
def test_mails_come_whole_however_the_network_cuts_them(mails: list[bytes], size: int) -> None:
    async def fetch() -> dict[int, bytes]:
        connection, transport = Connection(asyncio.get_running_loop()), Transport()
        connection.connection_made(transport)
        connection.state = "SELECTED"
        asked = asyncio.ensure_future(connection.uid("fetch", "1:*", "(UID BODY.PEEK[])"))
        await asyncio.sleep(0)
        answer = b"".join(
            b"* %d FETCH (UID %d BODY[] {%d}\r\n%b)\r\n" % (n, n, len(raw), raw) for n, raw in enumerate(mails)
        )
        answer += transport.written.split()[0] + b" OK done\r\n"
        for start in range(0, len(answer), size):
            connection.data_received(answer[start : start + size])
        assert not connection.lost.is_set()
        return wire.bodies((await asked).lines)

    assert asyncio.run(fetch()) == dict(enumerate(mails))


async def test_a_flood_of_lines_does_not_end_the_connection() -> None:
    """The library handles them by recursion: twenty thousand removed mails would be too deep."""
    connection = Connection(asyncio.get_running_loop())
    connection.state = "SELECTED"
    connection.data_received(b"".join(b"* %d EXPUNGE\r\n" % n for n in range(20_000)) + b"* 3 EX")
    connection.data_received(b"ISTS\r\n")
    assert (connection.lost.is_set(), connection.news.is_set()) == (False, True)


async def test_what_cannot_be_understood_ends_the_connection() -> None:
    connection = Connection(asyncio.get_running_loop())
    connection.state = "SELECTED"
    connection.data_received(b"A1 OK to nothing\r\n")
    assert (connection.lost.is_set(), connection.why) == (True, GARBLED)
