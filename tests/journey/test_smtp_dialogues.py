"""What SMTP and LMTP say to whom, over the wire."""

import asyncio
import smtplib
import socket
import ssl
from pathlib import Path

import pytest

from channels.smtp import SmtpServer, SmtpSettings
from config.loader import SAMPLE, compile_policy, load_folder
from domain.errors import Permanent, Unavailable
from domain.policy import Policy
from domain.ports import Draft
from gateway import logs
from gateway.system import SystemClock
from tests.journey.conversation import conversation, send
from tests.journey.instance import Instance

pytestmark = pytest.mark.xdist_group("processes")


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("<support@example.org>", "250"),
        ("<SUPPORT@Example.ORG>", "250"),
        ("<support+urgent@example.org>", "250"),
        ("<anyone@example.org>", "250"),
        ("<postmaster>", "250"),
        ("<Postmaster@example.org>", "250"),
        ("<victim@elsewhere.example>", "550"),
        ("<victim%elsewhere.example@example.org>", "550"),
        ("<@example.org:victim@elsewhere.example>", "550"),
        ("<elsewhere.example!victim@example.org>", "550"),
        ('<"victim@elsewhere.example"@example.org>', "550"),
        ('<"victim@elsewhere.example">', "550"),
        ("<victim@elsewhere.example@example.org>", "550"),
        ("<support@example.org.elsewhere.example>", "550"),
        ("<support@[127.0.0.1]>", "550"),
        ("<support>", "550"),
        ("<>", "550"),
    ],
)
def test_only_our_own_recipients_are_taken(priyom: Instance, recipient: str, code: str) -> None:
    with conversation(priyom.smtp) as talking:
        talking.say_all("EHLO client.example", "MAIL FROM:<someone@client.example>")
        reply = talking.say(f"RCPT TO:{recipient}")
        refused = code != "250"
        if code == "550" and reply.startswith(("501", "553")):
            code = reply[:3]  # refused as no address at all: as good
        assert reply[:3] == code, reply
        if refused:
            assert talking.say("DATA")[:3] == "503"


def test_a_mail_over_the_announced_size_is_refused_before_and_after_its_body(priyom: Instance) -> None:
    limit = 26_214_400
    with conversation(priyom.smtp) as talking:
        talking.say("EHLO client.example")
        assert talking.say(f"MAIL FROM:<big@client.example> SIZE={limit + 1}")[:3] == "552"
        talking.begin("liar@client.example")
        line = b"x" * 998 + b"\r\n"
        for _ in range(limit // len(line) // 100 + 1):
            talking.write(line * 100)
        talking.write(b".\r\n")
        assert talking.reply()[:3] == "552"
        assert talking.say("NOOP")[:3] == "250"


def test_starttls_with_the_configured_certificate(priyom: Instance, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with smtplib.SMTP(*priyom.smtp, timeout=30) as client:
        client._host = "localhost"  # the name that the certificate is for
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=context)
        client.ehlo()
        assert not client.has_extn("starttls")
        client.mail("tls@client.example")
        client.rcpt("support@example.org")
        code, reply = client.data(b"From: tls@client.example\r\nSubject: Over TLS\r\n\r\nHidden on the way.\r\n")
    assert code == 250
    assert priyom.outcome(priyom.envelope_of(reply))["outcome"] == "ticketed"


def test_what_was_said_before_starttls_counts_for_nothing_after_it(priyom: Instance) -> None:
    """CVE-2011-0411 and its kin: commands put into the clear part are not executed in the encrypted one."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with conversation(priyom.smtp) as talking:
        talking.say("EHLO client.example")
        talking.write(b"STARTTLS\r\nMAIL FROM:<injected@client.example>\r\n")
        assert talking.reply()[:3] == "220"
        with context.wrap_socket(talking.socket, server_hostname="localhost") as secure:
            lines = secure.makefile("rb")
            secure.sendall(b"EHLO client.example\r\n")
            while (line := lines.readline())[3:4] == b"-":
                pass
            assert line[:3] == b"250"
            secure.sendall(b"RCPT TO:<support@example.org>\r\n")
            assert lines.readline()[:3] == b"503"


def test_an_internationalised_sender_and_eight_bit_text_come_through(priyom: Instance) -> None:
    with conversation(priyom.smtp) as talking:
        talking.say("EHLO client.example")
        assert talking.say("MAIL FROM:<почта@пример.рф> SMTPUTF8 BODY=8BITMIME")[:3] == "250"
        assert talking.say("RCPT TO:<support@example.org>")[:3] == "250"
        assert talking.say("DATA")[:3] == "354"
        talking.write(
            "From: Почта <почта@пример.рф>\r\nSubject: Кириллица в адресе\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nТекст.\r\n.\r\n".encode()
        )
        reply = talking.reply()
    ticket = priyom.ticket(priyom.outcome(priyom.envelope_of(reply))["number"])
    assert (ticket["subject"], ticket["messages"][0]["text"].strip()) == ("Кириллица в адресе", "Текст.")
    assert [i["address"] for i in ticket["requester"]["identities"]] == ["почта@пример.рф"]


SMUGGLED = (
    b"MAIL FROM:<smuggled@evil.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n"
    b"From: smuggled@evil.example\r\nSubject: smuggled\r\n\r\nGotcha."
)


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r.\r\n", b"\r\n\0.\r\n"]
)
def test_no_other_end_of_data_than_crlf_dot_crlf_ends_a_mail(priyom: Instance, end: bytes) -> None:
    name = end.hex()
    head = f"From: a@client.example\r\nSubject: End {name}\r\nMessage-ID: <end-{name}@client.example>\r\n\r\n"
    reply = send(priyom.smtp, head.encode() + b"Before" + end + SMUGGLED)
    line = priyom.outcome(priyom.envelope_of(reply))
    (message,) = priyom.ticket(line["number"])["messages"]
    assert "Gotcha." in message["text"]
    assert priyom.rows("SELECT number FROM tickets WHERE subject = 'smuggled'") == []


def test_dots_that_begin_a_line_are_kept_as_they_were_written(priyom: Instance) -> None:
    text = b"first\r\n..two dots were sent\r\n...and three\r\nlast"
    reply = send(priyom.smtp, b"From: dots@client.example\r\nSubject: Dots\r\n\r\n" + text)
    ticket = priyom.ticket(priyom.outcome(priyom.envelope_of(reply))["number"])
    assert ticket["messages"][0]["text"].split("\n") == ["first", ".two dots were sent", "..and three", "last"]


def test_a_hundred_recipients_are_taken_and_the_next_is_for_another_transaction(priyom: Instance) -> None:
    with conversation(priyom.smtp) as talking:
        talking.say_all("EHLO client.example", "MAIL FROM:<many@client.example>")
        replies = [talking.say(f"RCPT TO:<to{n}@example.org>")[:3] for n in range(101)]
    assert replies == ["250"] * 100 + ["452"]


class _Policy:
    def __init__(self) -> None:
        self._policy = compile_policy(load_folder(SAMPLE), 1)

    @property
    def current(self) -> Policy:
        return self._policy


class _Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def accept(self, _draft: Draft) -> str:
        raise self._error


@pytest.mark.parametrize("lmtp", [False, True])
@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RuntimeError("secret text"), "451 4.3.0 Temporary failure, try again later"),
        (KeyError("secret text"), "451 4.3.0 Temporary failure, try again later"),
        (Unavailable("bus", reason="secret text"), "451 4.3.0 Temporary failure, try again later"),
        (
            Permanent("The message is larger than 5 bytes", reason="secret text"),
            "552 5.3.4 The message is larger than 5 bytes",
        ),
    ],
)
async def test_an_internal_fault_is_answered_without_a_word_of_its_text(
    error: Exception, answer: str, *, lmtp: bool
) -> None:
    server = SmtpServer(SmtpSettings(), _Failing(error), _Policy(), logs.get(), SystemClock(), lmtp=lmtp)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    await server.serve(listening)
    try:
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        lines = ["LHLO" if lmtp else "EHLO", "MAIL FROM:<a@b.example>", "RCPT TO:<support@example.org>", "DATA"]
        lines[0] += " client.example"
        assert (await reader.readline())[:3] == b"220"
        for line in lines:
            writer.write(line.encode() + b"\r\n")
            while (reply := await reader.readline())[3:4] == b"-":
                pass
            assert reply[:3] in (b"250", b"354")
        writer.write(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert (await reader.readline()).decode().rstrip() == answer
        writer.write(b"NOOP\r\n")
        assert (await reader.readline())[:3] == b"250"
        writer.close()
    finally:
        await server.stop(1)
