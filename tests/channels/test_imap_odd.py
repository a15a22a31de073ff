"""Receiving over IMAP from servers that refuse, garble and forget."""

import logging
from typing import Any

import pytest

from channels.imap import ImapAccount, receiver
from tests.channels.mailboxes import Box, mail, until
from tests.channels.oddserver import OddServer, odd_server
from tests.dovecot import PASSWORD


def account(server: OddServer, **changed: Any) -> Box:
    usual = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "me", "password": PASSWORD}
    return Box(ImapAccount(**{**usual, "poll_s": 1.0, **changed}))


async def told(server: OddServer, **changed: Any) -> tuple[Box, str]:
    """What the account is said to fail by."""
    async with odd_server(server):
        one = account(server, **changed)
        async with one.running():
            await until("it is told", lambda: one.book.error)
            return one, one.book.error


async def test_a_mail_that_is_listed_and_not_handed_out_is_passed_over_at_last() -> None:
    """It is asked for thrice, alone as well; meanwhile and afterwards its neighbours are taken."""

    def odd(tag: str, words: str) -> str | None:
        asked = words.startswith("UID FETCH") and "BODY" in words
        return f"{tag} NO [SERVERBUG] internal\r\n" if asked and "2" in words.split()[2].split(",") else None

    server = OddServer({n: mail(n) for n in (1, 2, 3)}, odd=odd)
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("it is given up", lambda: server.flags.get(2))
    assert server.flags == {1: {"\\Seen"}, 2: {"$PriyomRefused"}, 3: {"\\Seen"}}
    assert sorted(one.intake.mails) == [mail(1), mail(3)]
    assert one.refused == ["unreadable"]
    assert server.fetched_bodies().count("UID FETCH 2 (UID BODY.PEEK[])") == 3
    assert one.bookmarks.kept["imap", "support", "INBOX"]["uid"] == 3


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "_LONGEST_PAUSE", 0.05)


@pytest.mark.usefixtures("hasty")
async def test_a_mail_with_which_the_connection_is_lost_each_time_is_passed_over_at_last() -> None:
    """The server dies of it: its neighbours were asked for together with it once, and not again."""

    def odd(_tag: str, words: str) -> str | None:
        asked = words.startswith("UID FETCH") and "BODY" in words
        return "* BYE [SERVERBUG] internal\r\n" if asked and "2" in words.split()[2].split(",") else None

    server = OddServer({n: mail(n) for n in (1, 2, 3)}, odd=odd)
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("it is given up", lambda: server.flags.get(2))
            await until("its neighbours are taken", lambda: len(one.intake.mails) == 2)
            await until("the bookmark is behind them", lambda: _uid(one) == 3)
    assert server.flags == {1: {"\\Seen"}, 2: {"$PriyomRefused"}, 3: {"\\Seen"}}
    assert sorted(one.intake.mails) == [mail(1), mail(3)]
    assert one.refused == ["breaks"]
    assert server.fetched_bodies().count("UID FETCH 2 (UID BODY.PEEK[])") == 3
    assert server.fetched_bodies().count("UID FETCH 1,2,3 (UID BODY.PEEK[])") == 1


@pytest.mark.usefixtures("hasty")
async def test_connections_that_are_lost_now_and_then_pass_over_nothing() -> None:
    lost = iter([True, True, False, True, True, True, False])

    def odd(_tag: str, words: str) -> str | None:
        asked = words.startswith("UID FETCH") and "BODY" in words
        return "* BYE bye\r\n" if asked and next(lost, False) else None

    server = OddServer({n: mail(n) for n in (1, 2)}, odd=odd)
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("both are taken", lambda: len(one.intake.mails) == 2)
    assert one.refused == []


async def test_a_mail_that_was_removed_meanwhile_is_gone_and_no_trouble() -> None:
    server = OddServer({n: mail(n) for n in (1, 2, 3)})

    def odd(_tag: str, words: str) -> str | None:
        if words.startswith("UID FETCH 1,2,3 (UID BODY"):
            server.mails = {n: raw for n, raw in server.mails.items() if n != 2}
        return None

    server.odd = odd
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("the bookmark is at the end", lambda: one.bookmarks.kept and _uid(one) == 3)
    assert (sorted(one.intake.mails), one.refused) == ([mail(1), mail(3)], [])


def _uid(one: Box) -> int:
    return int(one.bookmarks.kept["imap", "support", "INBOX"]["uid"])


async def test_what_cannot_be_marked_is_told_and_not_taken_twice() -> None:
    server = OddServer({1: mail(1)})
    full = True
    server.odd = lambda tag, words: f"{tag} NO [OVERQUOTA] full\r\n" if full and words.startswith("UID STORE") else None
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("it is tried again", lambda: len(one.events("imap.failing")) > 1)
            assert one.book.error == "mails that were taken cannot be marked: [OVERQUOTA] full"
            assert _uid(one) == 0
            full = False
            await until("it is marked", lambda: server.flags.get(1))
    assert one.intake.mails == [mail(1)]


async def test_a_folder_that_cannot_be_written_is_not_read() -> None:
    """Otherwise its mails would be taken again and again."""

    def odd(tag: str, words: str) -> str | None:
        read_only = f"* OK [UIDVALIDITY 7] x\r\n{tag} OK [READ-ONLY] done\r\n"
        return read_only if words.startswith("SELECT") else None

    one, error = await told(OddServer({1: mail(1)}, odd=odd))
    assert error == "the folder INBOX is read-only for this user: nothing could be marked as taken"
    assert one.intake.kept == []


async def test_idle_that_is_offered_and_refused_is_done_without() -> None:
    server = OddServer({1: mail(1)}, odd=lambda tag, words: f"{tag} BAD no\r\n" if words == "IDLE" else None)
    async with odd_server(server):
        one = account(server)
        async with one.running():
            await until("it asks instead", lambda: any(line.endswith("NOOP") for line in server.heard))
            server.mails = {1: mail(1), 2: mail(2)}
            await until("both are taken", lambda: len(one.intake.kept) == 2)
    assert len([line for line in server.heard if line.endswith("IDLE")]) == 1


async def test_idle_that_is_not_wanted_is_not_asked_for() -> None:
    server = OddServer({1: mail(1)})
    async with odd_server(server):
        one = account(server, idle=False)
        async with one.running():
            await until("it asks again", lambda: len([line for line in server.heard if line.endswith("NOOP")]) > 1)
    assert not any(line.endswith("IDLE") for line in server.heard)


async def test_no_password_goes_to_a_server_that_wants_tls_first() -> None:
    server = OddServer(capability="IMAP4rev1 STARTTLS LOGINDISABLED")
    _, error = await told(server)
    assert error == "the server takes no password without TLS: set security to tls or starttls"
    assert not any("LOGIN" in line for line in server.heard)


async def test_no_password_goes_to_a_server_that_does_not_begin_tls() -> None:
    server = OddServer(odd=lambda tag, words: f"{tag} BAD what?\r\n" if words == "STARTTLS" else None)
    _, error = await told(server, security="starttls")
    assert error == "the server does not begin TLS (STARTTLS)"
    assert server.heard == ["a1 STARTTLS"]


@pytest.mark.parametrize(
    "answer",
    ["ZZ9 OK whose?\r\n", "{tag} NO wrong: {login}\r\n", "\xff\xfe\x00\r\n{tag}\r\n{tag} NO\r\n", "* BYE {login}\r\n"],
)
async def test_no_answer_to_the_login_brings_the_password_into_a_log(
    answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The library's own errors quote the command."""
    caplog.set_level(logging.INFO)

    def odd(tag: str, words: str) -> str | None:
        return answer.format(tag=tag, login=words) if words.startswith("LOGIN") else None

    one, error = await told(OddServer(odd=odd))
    assert one.book.told[-1].condition == "failing"
    assert PASSWORD not in repr((error, one.lines, caplog.text))
    assert error


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        ("* BYE too many\r\n", "the server turns us away: * BYE too many"),
        ("220 smtp.example ESMTP\r\n", "the server turns us away: 220 smtp.example ESMTP"),
        ("\x1b[31m{5}\r\n", "the server turns us away: [31m{5}"),
        ("", "127.0.0.1:PORT does not answer"),
    ],
)
async def test_what_is_no_imap_server_is_told(greeting: str, why: str) -> None:
    server = OddServer(greeting=greeting)
    _, error = await told(server)
    assert error == why.replace("PORT", str(server.port))


async def test_a_host_that_is_not_there_is_told() -> None:
    one = account(OddServer(port=9), host="nowhere.invalid")
    async with one.running():
        await until("it is told", lambda: one.book.error)
    assert one.book.error.startswith("cannot connect to nowhere.invalid:9: ")
