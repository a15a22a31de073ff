"""Receiving over IMAP from a real Dovecot. Nothing is marked that intake does not have, whatever happens."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Permanent, Unavailable
from domain.message import Envelope
from domain.ports import Draft
from normalizer.pipeline import normalize
from tests.channels.mailboxes import Box, box, mail, until
from tests.dovecot import PASSWORD, Dovecot, certificate, dovecot

pytestmark = pytest.mark.xdist_group("dovecot")


async def taken(one: Box, count: int) -> list[bytes]:
    await until(f"{count} mails are accepted", lambda: len(one.intake.kept) >= count)
    return one.intake.mails


async def all_seen(server: Dovecot, user: str, folder: str = "INBOX") -> None:
    await until("all are marked as seen", lambda: server.unseen(user, folder) == [])


async def put(server: Dovecot, user: str, *mails: bytes, **more: Any) -> None:
    await asyncio.to_thread(server.put, user, *mails, **more)


async def test_a_mail_is_taken_as_it_is_and_marked_only_after_intake_has_it(server: Dovecot) -> None:
    one = box(server, "first")
    raw = b"From: a@x.example\r\nSubject: \xcf\xf0\xe8\xe2\r\n\r\n)\r\na1 OK {5}\r\n\x01\xff* 1 FETCH (UID 9)\r\n"
    await put(server, "first", raw)
    one.intake.gate = asyncio.Event()
    async with one.running():
        await until("intake is asked", lambda: one.intake.entered)
        assert server.unseen("first") == [1]
        assert one.bookmarks.kept == {("imap", "support", "INBOX"): {"validity": _validity(server, "first"), "uid": 0}}
        one.intake.gate.set()
        await all_seen(server, "first")
        await until("the bookmark moves", lambda: one.bookmarks.kept["imap", "support", "INBOX"]["uid"] == 1)
    validity = _validity(server, "first")
    assert one.intake.kept == [
        Draft(
            channel="email",
            account="support",
            adapter="imap",
            media_type="message/rfc822",
            raw=raw,
            meta={"folder": "INBOX", "uid": 1, "uidvalidity": validity},
        )
    ]


def _validity(server: Dovecot, user: str) -> int:
    with server.client(user) as client:
        return int(client.response("UIDVALIDITY")[1][0])


async def test_what_intake_cannot_keep_now_stays_unseen_and_is_taken_later(server: Dovecot) -> None:
    one = box(server, "later")
    away = True
    one.intake.error = lambda draft: Unavailable("bus") if away and b"Subject: 2" in draft.raw else None
    await put(server, "later", *(mail(n) for n in (1, 2, 3)))
    async with one.running():
        await until("it was put off", lambda: len(one.events("imap.postponed")) > 1)
        assert server.unseen("later") == [2]
        assert one.bookmarks.kept["imap", "support", "INBOX"]["uid"] == 1
        away = False
        await all_seen(server, "later")
    assert sorted(one.intake.mails) == [mail(1), mail(2), mail(3)]
    assert one.bookmarks.kept["imap", "support", "INBOX"]["uid"] == 3
    assert one.book.conditions == ["connected"]


async def test_a_mail_waiting_for_long_makes_the_account_lag(server: Dovecot) -> None:
    one = box(server, "lagging")
    came = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    away = True
    one.intake.error = lambda _draft: Unavailable("bus") if away else None
    await put(server, "lagging", mail(1), at=came)
    async with one.running():
        await until("it lags", lambda: one.book.conditions == ["lagging"])
        assert one.book.told[-1].oldest_at == came
        away = False
        await until("it does not any more", lambda: one.book.conditions == ["lagging", "connected"])
    assert one.book.told[-1].oldest_at is None


async def test_bookmarks_that_are_away_are_waited_for(server: Dovecot) -> None:
    one = box(server, "nowhere")
    one.bookmarks.error = Unavailable("database")
    await put(server, "nowhere", mail(1))
    async with one.running():
        await until("it was put off", lambda: one.events("imap.postponed"))
        assert one.intake.kept == []
        one.bookmarks.error = None
        await all_seen(server, "nowhere")
    assert one.intake.mails == [mail(1)]


async def test_an_account_that_fails_does_not_disturb_another(server: Dovecot) -> None:
    good, bad = box(server, "good"), box(server, "bad", password="wrong-one")
    await put(server, "good", mail(1))
    async with good.running(), bad.running():
        await until("the bad one is told", lambda: bad.book.error)
        await put(server, "good", mail(2))
        assert await taken(good, 2) == [mail(1), mail(2)]
    assert bad.intake.kept == []


async def test_a_wrong_password_is_named_and_not_shown(server: Dovecot) -> None:
    one = box(server, "denied", password="wrong-one")
    async with one.running():
        await until("it is told", lambda: one.book.error)
    assert one.book.told[-1].condition == "failing"
    assert one.book.error == "the server refuses the login: [AUTHENTICATIONFAILED] Authentication failed."
    assert "wrong-one" not in repr(one.lines) + repr(one.settings)


@pytest.mark.parametrize("folder", ["Заявки", "R&D", 'Say "hi" \\ there', "Заявки/Срочно & важно ☎", "日本語 𝄞"])
async def test_folders_are_named_as_people_read_them(server: Dovecot, folder: str) -> None:
    user = f"folders{abs(hash(folder))}"
    await asyncio.to_thread(server.make, user, folder)
    await asyncio.to_thread(server.save, user, folder, mail(1))
    await put(server, user, mail(2))
    one = box(server, user, folders=(folder, "INBOX"))
    async with one.running():
        raws = await taken(one, 2)
    assert sorted(raws) == [mail(1), mail(2)]
    assert {draft.meta["folder"] for draft in one.intake.kept} == {folder, "INBOX"}


async def test_a_folder_that_is_not_there_is_told_and_the_others_are_read(server: Dovecot) -> None:
    one = box(server, "half", folders=("Nowhere", "INBOX"))
    await put(server, "half", mail(1))
    async with one.running():
        assert await taken(one, 1) == [mail(1)]
        await until("it is told", lambda: one.book.error)
    assert one.book.error.startswith("the folder Nowhere cannot be opened: ")


async def test_idle_wakes_the_receiver_long_before_it_would_ask(server: Dovecot) -> None:
    one = box(server, "idle", poll_s=3600.0)
    async with one.running():
        await until("it is connected", lambda: one.book.connected)
        for number in range(3):
            await put(server, "idle", mail(number))
            await until("it is taken", lambda n=number: len(one.intake.kept) == n + 1, within=10)
    assert len(one.events("imap.connected")) == 1


async def test_without_idle_the_server_is_asked_now_and_then(server: Dovecot) -> None:
    one = box(server, "polled", idle=False)
    async with one.running():
        await until("it is connected", lambda: one.book.connected)
        await put(server, "polled", mail(1))
        assert await taken(one, 1) == [mail(1)]


async def test_a_server_that_is_killed_and_started_again_is_found_again() -> None:
    with dovecot() as own:
        one = box(own, "kept", poll_s=3600.0)
        await put(own, "kept", mail(1))
        async with one.running():
            await taken(one, 1)
            await until("it is connected", lambda: one.book.connected)
            await asyncio.to_thread(own.stop)
            await until("it is told", lambda: one.book.told[-1].condition == "failing")
            await until("it is refused", lambda: "Connection refused" in one.book.error)
            await asyncio.to_thread(own.start)
            await put(own, "kept", mail(2))
            assert await taken(one, 2) == [mail(1), mail(2)]
        assert one.book.conditions == ["connected", "failing", "connected"]


async def test_a_new_uidvalidity_reads_the_folder_from_its_beginning(server: Dovecot) -> None:
    one = box(server, "restored")
    await put(server, "restored", *(mail(n) for n in range(5)))
    async with one.running():
        await taken(one, 5)
        await all_seen(server, "restored")
    await asyncio.to_thread(server.forget_uids, "restored")
    await put(server, "restored", mail(5))
    async with one.running():
        await taken(one, 11)
        await all_seen(server, "restored")
    before, after = one.intake.mails[:5], one.intake.mails[5:]
    assert sorted(after) == sorted([*before, mail(5)])  # byte for byte, so that their keys sieve them
    assert [line["folder"] for line in one.events("imap.uidvalidity_changed")] == ["INBOX"]


async def test_a_folder_that_is_deleted_and_made_again_is_read_from_its_beginning(server: Dovecot) -> None:
    await asyncio.to_thread(server.make, "remade", "Box")
    await put(server, "remade", mail(1), mail(2), folder="Box")
    one = box(server, "remade", folders=("Box",))
    async with one.running():
        await taken(one, 2)
        await asyncio.to_thread(server.remove, "remade", "Box")
        await asyncio.sleep(1.1)  # a UIDVALIDITY is of seconds
        await asyncio.to_thread(server.make, "remade", "Box")
        await put(server, "remade", mail(3), folder="Box")
        assert await taken(one, 3) == [mail(1), mail(2), mail(3)]


async def test_after_move_the_mail_is_in_the_other_folder(server: Dovecot) -> None:
    one = box(server, "moved", after="move", move_to="Принято")
    await put(server, "moved", mail(1), mail(2))
    async with one.running():
        await taken(one, 2)
        await until("they are moved", lambda: server.flags("moved") == {})
        await put(server, "moved", mail(3))
        await taken(one, 3)
        await until("it is moved", lambda: server.flags("moved") == {})
    assert sorted(server.flags("moved", "&BB8EQAQ4BD0ETwRCBD4-")) == [1, 2, 3]


@pytest.mark.parametrize(
    ("capability", "left"), [("IMAP4rev1 UIDPLUS", {}), ("IMAP4rev1", {1: {"\\Deleted"}, 2: {"\\Deleted"}})]
)
async def test_a_server_without_move_copies_and_marks_as_deleted(capability: str, left: dict[int, set[str]]) -> None:
    with dovecot(capability=capability) as own:
        one = box(own, "copied", after="move", move_to="Done")
        await put(own, "copied", mail(1), mail(2))
        async with one.running():
            await taken(one, 2)
            await until("it is done", lambda: own.flags("copied") == left)
        assert sorted(own.flags("copied", "Done")) == [1, 2]


async def test_only_mail_of_the_last_days_is_taken_where_that_is_asked_for(server: Dovecot) -> None:
    now = datetime.now(UTC)
    await put(server, "young", mail(1), at=now - timedelta(days=30))
    await put(server, "young", mail(2), at=now - timedelta(days=1))
    one = box(server, "young", since_days=7)
    async with one.running():
        await taken(one, 1)
    await asyncio.to_thread(server.forget_uids, "young")
    async with one.running():  # what was never wanted is not wanted after a new UIDVALIDITY either
        await taken(one, 2)
        await until("it is connected", lambda: one.book.connected)
    assert one.intake.mails == [mail(2), mail(2)]
    assert one.bookmarks.kept["imap", "support", "INBOX"]["since"] == (now - timedelta(days=7)).date().isoformat()


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_tls_trusts_an_authority_of_ones_own(server: Dovecot, security: str) -> None:
    port = server.tls_port if security == "tls" else server.port
    one = box(server, f"safe-{security}", port=port, security=security, ca_file=str(server.ca))
    await put(server, f"safe-{security}", mail(1))
    async with one.running():
        assert await taken(one, 1) == [mail(1)]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_that_is_not_trusted_is_named(server: Dovecot, security: str, tmp_path: Path) -> None:
    port = server.tls_port if security == "tls" else server.port
    one = box(server, "unsafe", port=port, security=security, ca_file=str(certificate(tmp_path)))
    async with one.running():
        await until("it is told", lambda: one.book.error)
    assert one.book.error == f"TLS: the certificate of localhost:{port} is not trusted: self-signed certificate"


async def test_an_authority_that_cannot_be_read_is_named(server: Dovecot, tmp_path: Path) -> None:
    one = box(server, "unsafe", port=server.tls_port, security="tls", ca_file=str(tmp_path / "none.pem"))
    async with one.running():
        await until("it is told", lambda: one.book.error)
    assert one.book.error == f"ca_file: cannot use {tmp_path}/none.pem: No such file or directory"


async def test_a_large_mail_comes_whole(server: Dovecot) -> None:
    one = box(server, "large")
    large = mail(1, "\r\n".join(random.Random(1).randbytes(400).hex() for _ in range(25_000)))
    assert len(large) > 20_000_000
    await put(server, "large", mail(0), large, mail(2))
    async with one.running():
        raws = await taken(one, 3)
        await all_seen(server, "large")
    assert sorted(raws) == sorted([mail(0), large, mail(2)])


async def test_a_mail_that_is_too_large_or_refused_for_good_stays_and_its_neighbours_pass(server: Dovecot) -> None:
    one = box(server, "refused", max_size=2_000)
    one.intake.error = lambda draft: Permanent("no", reason="not that") if b"Subject: 3" in draft.raw else None
    await put(server, "refused", mail(1), mail(2, "x" * 3_000), mail(3), mail(4))
    async with one.running():
        await taken(one, 2)
        await put(server, "refused", mail(5))
        await taken(one, 3)
        await until("it is marked", lambda: "\\Seen" in server.flags("refused")[5])
    seen, flagged = {"\\Seen"}, {"$PriyomRefused"}
    assert server.flags("refused") == {1: seen, 2: flagged, 3: flagged, 4: seen, 5: seen}
    assert sorted(one.refused) == ["intake", "size"]
    assert [(line["uid"], line["why"]) for line in one.events("imap.refused")] == [(2, "size"), (3, "intake")]
    assert one.bookmarks.kept["imap", "support", "INBOX"]["uid"] == 5


async def test_a_mail_that_somebody_has_seen_is_taken_all_the_same(server: Dovecot) -> None:
    one = box(server, "seen")
    await put(server, "seen", mail(1))
    with server.client("seen") as client:
        client.uid("STORE", "1", "+FLAGS", "(\\Seen)")
    async with one.running():
        assert await taken(one, 1) == [mail(1)]


async def test_a_thousand_mails_are_taken_in_batches(server: Dovecot) -> None:
    one = box(server, "many", batch=200)
    mails = [mail(n) for n in range(1_000)]
    await put(server, "many", *mails)
    async with one.running():
        raws = await taken(one, 1_000)
        await all_seen(server, "many")
    assert raws == mails
    assert [line["mails"] for line in one.events("imap.taken")] == [200] * 5


async def test_a_connection_that_falls_silent_is_noticed_within_30_seconds(server: Dovecot) -> None:
    silent = asyncio.Event()
    async with _proxy(server.port, silent) as port:
        one = box(server, "silent", port=port, poll_s=3600.0)
        await put(server, "silent", mail(1))
        async with one.running():
            await taken(one, 1)
            await until("it is connected", lambda: one.book.connected)
            silent.set()
            await until("it is noticed", lambda: one.book.told[-1].condition == "failing", within=30)
            assert one.book.error == "no answer to DONE within 10 s"
            silent.clear()
            await put(server, "silent", mail(2))
            assert await taken(one, 2) == [mail(1), mail(2)]


@contextlib.asynccontextmanager
async def _proxy(port: int, silent: asyncio.Event) -> Any:
    """A way to the server; while it is ``silent`` connections stay and nothing passes."""
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                if not silent.is_set():
                    sink.write(piece)
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        tasks.add(asyncio.create_task(pipe(reader, forth)))
        tasks.add(asyncio.create_task(pipe(back, writer)))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()


async def test_killed_at_any_moment_it_loses_nothing_and_marks_nothing_too_early(server: Dovecot) -> None:
    """Whatever is marked was accepted before; at the end everything is both."""
    one = box(server, "killed", batch=3)
    one.intake.takes = 0.005
    mails = [mail(n) for n in range(150)]
    await put(server, "killed", *mails)
    dice = random.Random(7)
    for killed in range(40):
        task = asyncio.create_task(one.receiver().run(asyncio.Event()))
        await asyncio.sleep(dice.uniform(0.0, 0.15))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        seen = [uid for uid, flags in server.flags("killed").items() if "\\Seen" in flags]
        assert {mails[uid - 1] for uid in seen} <= set(one.intake.mails)
        if len(seen) == len(mails):
            assert killed > 0  # fifty batches take longer than any of these lives
            break
    async with one.running():
        await all_seen(server, "killed")
    assert set(one.intake.mails) == set(mails)


@pytest.mark.parametrize(("path", "automatic"), [("<>", "auto_reply"), ("<a@client.example>", None), (None, None)])
async def test_a_mail_without_an_envelope_is_not_from_the_null_sender(
    server: Dovecot, path: str | None, automatic: str | None
) -> None:
    """The transport's sender is not known; what the mailbox wrote into Return-Path is."""
    raw = (f"Return-Path: {path}\r\n".encode() if path else b"") + mail(1)
    user = f"path-{len(path or '')}"
    await put(server, user, raw)
    one = box(server, user)
    async with one.running():
        await taken(one, 1)
    draft = one.intake.kept[0]
    envelope = Envelope(
        id="E" * 26,
        channel=draft.channel,
        account=draft.account,
        adapter=draft.adapter,
        received_at=datetime.now(UTC),
        media_type=draft.media_type,
        size=len(draft.raw),
        sha256="0" * 64,
        raw=draft.raw,
        meta=draft.meta,
    )
    message = normalize(envelope, draft.raw).message
    assert (message.automatic.kind if message.automatic else None) == automatic
    assert message.sender.address == "a@client.example"


async def test_the_password_is_in_nothing_that_is_told(server: Dovecot) -> None:
    one = box(server, "quiet")
    async with one.running():
        await until("it is connected", lambda: one.book.connected)
    assert PASSWORD not in repr(one.lines) + repr(one.book.told) + repr(one.settings)
