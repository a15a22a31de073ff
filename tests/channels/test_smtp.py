"""SMTP and LMTP, spoken by real clients over real sockets to a listener whose intake is in memory."""

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog

from channels.smtp import SmtpServer, SmtpSettings, refusal
from config.loader import SAMPLE, compile_policy, load_folder
from domain.errors import Permanent, Unavailable
from domain.policy import Policy
from domain.ports import Draft
from gateway.sockets import bind
from gateway.system import SystemClock

POLICY = compile_policy(load_folder(SAMPLE), 1)
MAIL = "From: a@client.example\r\nSubject: x\r\n\r\nhello\r\n"


@dataclass
class Intake:
    """Keeps drafts; ``error`` is raised instead; ``gate`` holds every acceptance until it is set."""

    kept: list[Draft] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, draft: Draft) -> str:
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.kept.append(draft)
        return f"E{len(self.kept)}"


@dataclass
class Source:
    current: Policy


@dataclass
class Listener:
    refused: list[str]
    server: SmtpServer
    intake: Intake
    port: int

    async def run(self, talk: Callable[[Any], Any], kind: type[smtplib.SMTP] = smtplib.SMTP) -> Any:
        """Lets a blocking client talk, in a thread."""

        def session() -> Any:
            client = kind("127.0.0.1", self.port, timeout=10)
            try:
                return talk(client)
            finally:
                client.close()

        return await asyncio.to_thread(session)


@contextlib.asynccontextmanager
async def listening(settings: SmtpSettings | None = None, *, lmtp: bool = False) -> AsyncIterator[Listener]:
    intake = Intake()
    log = structlog.get_logger()
    refused: list[str] = []
    server = SmtpServer(
        settings or SmtpSettings(), intake, Source(POLICY), log, SystemClock(), lmtp=lmtp, refused=refused.append
    )
    sock = bind("smtp", "127.0.0.1:0")
    await server.serve(sock)
    try:
        yield Listener(refused, server, intake, sock.getsockname()[1])
    finally:
        await server.stop(1)


def send(client: smtplib.SMTP) -> Any:
    return client.sendmail("a@client.example", ["support@example.org"], MAIL)


async def test_bytes_arrive_as_they_were_with_what_the_transport_knew() -> None:
    raw = b"Subject: \xd0\xbf\r\n\r\n..dot\r\n.\x00\xff line\r\n" + b"x" * 5000 + b"\r\n"
    async with listening() as listener:
        await listener.run(
            lambda c: c.sendmail("", ["support+tag@example.org", "Billing@Example.ORG"], raw, ["BODY=8BITMIME"])
        )
    (draft,) = listener.intake.kept
    assert draft.raw == raw
    assert (draft.channel, draft.adapter, draft.media_type) == ("email", "smtp", "message/rfc822")
    assert draft.meta["mail_from"] == ""
    assert draft.meta["rcpt_tos"] == ["support+tag@example.org", "Billing@Example.ORG"]
    assert (draft.meta["peer"], draft.meta["tls"]) == ("127.0.0.1", False)


OURS = ["support@example.org", "SUPPORT@EXAMPLE.ORG", "support+t1.abc@example.org", "anyone@example.org", "Postmaster"]
FOREIGN = [
    "a@other.example",
    "a%other.example@example.org",
    "a!b@example.org",
    "@other.example:a@example.org",
    '"a@other.example"@example.org',
    "support@example.org@other.example",
    "support@sub.example.org",
    "support@[127.0.0.1]",
    "support",
    "@example.org",
    f"{'a' * 65}@example.org",
    f"a@{'b' * 250}.example.org",
    "a b@example.org",
    "a\x00@example.org",
]


@pytest.mark.parametrize("address", OURS)
def test_our_own_addresses_are_taken(address: str) -> None:
    assert refusal(address, POLICY.mail.domains, POLICY.mail.addresses) is None


@pytest.mark.parametrize("address", FOREIGN)
def test_everything_else_is_refused_for_good(address: str) -> None:
    refused = refusal(address, POLICY.mail.domains, POLICY.mail.addresses)
    assert refused is not None
    assert refused.startswith(("550 5.7.1", "550 5.1.3"))


def test_an_address_alone_is_ours_without_its_domain() -> None:
    mail = replace(POLICY.mail, domains=frozenset(), addresses=frozenset({"help@firm.example"}))
    assert refusal("help+tag@firm.example", mail.domains, mail.addresses) is None
    assert refusal("boss@firm.example", mail.domains, mail.addresses) is not None


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Unavailable("bus", reason="secret host 10.0.0.1 refused"), 451, b"4.3.0"),
        (RuntimeError("secret traceback"), 451, b"4.3.0"),
        (Permanent("The message is larger than 5 bytes", reason="secret"), 552, b"5.3.4 The message is larger"),
    ],
)
async def test_a_fault_inside_is_told_in_the_protocols_terms_without_its_text(
    error: Exception, code: int, words: bytes
) -> None:
    async with listening() as listener:
        listener.intake.error = error
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await listener.run(send)
    assert refused.value.smtp_code == code
    assert words in refused.value.smtp_error  # type: ignore[operator]
    assert b"secret" not in refused.value.smtp_error  # type: ignore[operator]


async def test_a_mail_over_the_size_is_refused_at_mail_from_and_at_data() -> None:
    async with listening(SmtpSettings(max_size=1000)) as listener:
        with pytest.raises(smtplib.SMTPSenderRefused) as early:
            await listener.run(lambda c: c.sendmail("a@b.example", ["support@example.org"], "x" * 2000))
        assert early.value.smtp_code == 552

        def lie(client: smtplib.SMTP) -> tuple[int, bytes]:
            client.ehlo()
            client.mail("a@b.example")
            client.rcpt("support@example.org")
            return client.data("x" * 2000)

        assert (await listener.run(lie))[0] == 552
    assert listener.intake.kept == []


async def test_auth_is_neither_offered_nor_taken() -> None:
    def talk(client: smtplib.SMTP) -> tuple[bool, int]:
        client.ehlo()
        return client.has_extn("auth"), client.docmd("AUTH", "PLAIN AGEAYg==")[0]

    async with listening() as listener:
        assert await listener.run(talk) == (False, 502)


async def test_lmtp_answers_for_each_recipient_of_one_message() -> None:
    def talk(client: smtplib.LMTP) -> tuple[dict[str, Any], list[bytes]]:
        client.ehlo()
        client.mail("a@b.example")
        client.rcpt("support@example.org")
        client.rcpt("billing@example.org")
        code, _ = client.data(MAIL)
        assert code == 250
        return {}, [client.file.readline()]  # type: ignore[union-attr]

    async with listening(lmtp=True) as listener:
        _, (second,) = await listener.run(talk, smtplib.LMTP)
    assert second.startswith(b"250 ")
    (draft,) = listener.intake.kept
    assert (draft.adapter, draft.meta["rcpt_tos"]) == ("lmtp", ["support@example.org", "billing@example.org"])


async def test_too_many_connections_of_one_peer_hear_421_and_leave_room_when_they_go() -> None:
    async with listening(SmtpSettings(connections_per_peer=2)) as listener:
        held = [smtplib.SMTP() for _ in range(2)]
        for client in held:
            await asyncio.to_thread(client.connect, "127.0.0.1", listener.port)
        third = smtplib.SMTP()
        code, text = await asyncio.to_thread(third.connect, "127.0.0.1", listener.port)
        assert (code, text[:5]) == (421, b"4.7.0")
        for client in held:
            await asyncio.to_thread(client.quit)
        for _ in range(100):
            code, _ = await asyncio.to_thread(third.connect, "127.0.0.1", listener.port)
            if code == 220:
                break
        assert code == 220
        third.close()


async def test_a_peer_that_sends_too_fast_is_asked_to_slow_down() -> None:
    def three(client: smtplib.SMTP) -> None:
        for _ in range(3):
            send(client)

    async with listening(SmtpSettings(rate_per_peer=2)) as listener:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            await listener.run(three)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (452, b"4.3.1")  # type: ignore[index]
    assert listener.refused == ["rate"]
    assert len(listener.intake.kept) == 2


async def test_when_told_to_stop_what_is_being_stored_is_answered_and_the_rest_hears_421() -> None:
    async with listening() as listener:
        listener.intake.gate = asyncio.Event()
        idle = smtplib.SMTP()
        await asyncio.to_thread(idle.connect, "127.0.0.1", listener.port)
        await asyncio.to_thread(idle.ehlo)
        sending = asyncio.create_task(listener.run(send))
        await listener.intake.entered.wait()
        stopping = asyncio.create_task(listener.server.stop(10))
        code, text = await asyncio.to_thread(idle.getreply)
        assert (code, text[:5]) == (421, b"4.3.2")
        listener.intake.gate.set()
        assert await sending == {}
        await stopping
    assert len(listener.intake.kept) == 1


async def test_a_silent_connection_is_closed() -> None:
    async with listening(SmtpSettings(timeout=0.3)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await reader.readline()
        assert await asyncio.wait_for(reader.read(), 10) in (b"", b"421 4.4.2 Timeout\r\n")
        writer.close()
