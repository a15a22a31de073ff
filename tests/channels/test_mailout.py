"""Mail out, to real SMTP servers: what the mail says of itself, and what each word of the relay makes of a delivery."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.health import Health
from channels.mailbody import compose, page, with_quote
from channels.mailout import MailAccount, MailSender
from domain.accounts import AccountState
from domain.errors import Permanent, Temporary, Uncertain
from domain.message import StoredFile
from domain.outgoing import Delivery, Parcel
from domain.tokens import find_tokens, sign_ticket, verify_ticket
from gateway.system import SystemClock
from tests.relay import Relay, Taken, relay

SECRET = b"s" * 32
TOKEN = sign_ticket(123, SECRET)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def parcel(**changes: Any) -> Parcel:
    files = changes.pop("contents", ())
    values: dict[str, Any] = {
        "id": "01D",
        "message": "01MESSAGE",
        "number": 123,
        "channel": "email",
        "account": "smtp",
        "address": "anna@client.example",
        "name": "Анна",
        "subject": "[T-000123] Ответ",
        "text": "Здравствуйте!\n\nОбновите программу: https://example.org/up?a=1&b=2.\n",
        "automatic": False,
        "attempt": 1,
        "created_at": NOON,
        "references": ("one@client.example", "two@client.example"),
        "language": "ru",
    }
    return Parcel(delivery=Delivery(**{**values, **changes}), token=TOKEN, files=files)


class Book:
    def __init__(self) -> None:
        self.told: list[AccountState] = []

    async def tell(self, state: AccountState) -> None:
        self.told.append(state)

    async def states(self) -> list[AccountState]:
        return self.told


class Post:
    """A sender and the relay that it hands over to."""

    def __init__(self, running: Relay, **changes: Any) -> None:
        self.relay, self.book = running, Book()
        values = {"host": "127.0.0.1", "port": running.port, "security": "none", "address": "support@example.org"}
        self.account = MailAccount(**{**values, "name": "Поддержка", **changes})
        health = Health(self.book, SystemClock(), adapter="mail", account="support", channel="email")
        self.sender = MailSender(self.account, health)

    async def send(self, **changes: Any) -> Taken:
        await self.sender.send(parcel(**changes))
        return self.relay.taken[-1]


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    with relay() as running:
        made = Post(running)
        yield made
        await made.sender.close()


async def test_an_answer_threads_in_every_mail_program_and_comes_back_to_its_ticket(post: Post) -> None:
    taken = await post.send()
    mail = taken.mail
    assert (str(mail["From"]), str(mail["To"])) == ("Поддержка <support@example.org>", "Анна <anna@client.example>")
    assert str(mail["Subject"]) == "[T-000123] Ответ"
    assert mail["Message-ID"] == f"<{TOKEN}.01message@example.org>"
    assert verify_ticket(find_tokens([mail["Message-ID"]])[0], SECRET) == 123
    assert mail["In-Reply-To"] == "<two@client.example>"
    assert mail["References"] == "<one@client.example> <two@client.example>"
    assert f"support+{TOKEN}@example.org" in mail["Reply-To"]
    assert (taken.returns_to, taken.to) == (f"support+{TOKEN}@example.org", ("anna@client.example",))
    assert taken.text == "Здравствуйте!\n\nОбновите программу: https://example.org/up?a=1&b=2.\n"
    shown = mail.get_body(("html",))
    assert shown is not None
    assert '<a href="https://example.org/up?a=1&amp;b=2">' in shown.get_content()
    assert [mail[name] for name in ("Auto-Submitted", "Precedence", "X-Priyom")] == [None, None, None]


async def test_a_letter_that_nobody_wrote_says_so_and_has_nowhere_to_come_back_to(post: Post) -> None:
    taken = await post.send(automatic=True)
    assert taken.returns_to == ""
    assert taken.mail["Auto-Submitted"] == "auto-replied"
    assert taken.mail["X-Auto-Response-Suppress"] == "All"
    assert taken.mail["X-Priyom"] == "automatic"


async def test_a_second_attempt_is_the_same_mail(post: Post) -> None:
    first, second = await post.send(), await post.send(attempt=2)
    assert first.mail["Message-ID"] == second.mail["Message-ID"]
    assert first.mail["Date"] == second.mail["Date"]


async def test_files_arrive_with_their_names_and_bytes(post: Post) -> None:
    files = (
        (StoredFile(blob="b" * 64, name="Счёт №5.pdf", size=4, media_type="application/pdf"), b"%PDF"),
        (StoredFile(blob="c" * 64, name="mail.eml", size=4, media_type="message/rfc822"), b"From: x\n\nhello"),
    )  # type: ignore[arg-type]
    taken = await post.send(contents=files)
    found = [
        (part.get_filename(), part.get_content_type(), part.get_content()) for part in taken.mail.iter_attachments()
    ]
    assert found == [
        ("Счёт №5.pdf", "application/pdf", b"%PDF"),
        ("mail.eml", "application/octet-stream", b"From: x\n\nhello"),
    ]


async def test_a_request_to_another_address_of_ours_is_answered_from_that_one(post: Post) -> None:
    taken = await post.send(recipients=("billing+old@example.org",))
    assert str(taken.mail["From"]) == "Поддержка <billing@example.org>"
    elsewhere = await post.send(recipients=("sales@other.example",))
    assert str(elsewhere.mail["From"]) == "Поддержка <support@example.org>"


@pytest.mark.parametrize(
    ("word", "fault", "gone"),
    [
        ("451 4.7.1 come back later", Temporary, False),
        ("452 4.2.2 mailbox full", Temporary, False),
        ("550 5.7.1 spam", Permanent, False),
        ("554 5.1.1 nobody", Permanent, True),
    ],
)
async def test_a_refusal_is_for_now_or_for_good(post: Post, word: str, fault: type[Exception], gone: bool) -> None:
    post.relay.answer = lambda _mail: word
    with pytest.raises(fault) as raised:
        await post.send()
    assert word.split(" ", 1)[1] in str(raised.value)
    assert bool(getattr(raised.value, "detail", {}).get("unreachable")) is gone
    post.relay.answer = lambda _mail: "250 taken"
    assert (await post.send()).to == ("anna@client.example",)


async def test_a_recipient_that_is_not_there_is_unreachable(post: Post) -> None:
    post.relay.recipient = lambda address: "550 5.1.1 no such user" if address.startswith("anna") else None
    with pytest.raises(Permanent) as raised:
        await post.send()
    assert raised.value.detail["unreachable"] is True


async def test_a_relay_that_is_away_is_told_and_tried_again() -> None:
    with relay() as running:
        made = Post(running)
    with pytest.raises(Temporary, match="Connect"):
        await made.send()
    assert (made.book.told[-1].condition, made.book.told[-1].account) == ("failing", "support")
    with relay(port=made.relay.port) as again:
        made.relay = again
        assert (await made.send()).to == ("anna@client.example",)
        assert made.book.told[-1].condition == "connected"
        await made.sender.close()


async def test_a_relay_that_goes_away_between_two_mails_is_connected_to_anew(post: Post) -> None:
    await post.send()
    post.sender._client.close()  # type: ignore[union-attr]
    assert len((await post.send(), post.relay.taken)[1]) == 2


async def test_a_relay_that_is_lost_while_it_takes_the_mail_leaves_the_result_unknown() -> None:
    """It says 354, takes the mail, and hangs up before its answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                break
            writer.write(b"250 OK\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    made = Post(Relay(port=server.sockets[0].getsockname()[1]))
    with pytest.raises(Uncertain):
        await made.send()
    server.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_the_relay_is_spoken_to_under_tls_and_by_name_and_password(
    security: str, tls: tuple[ssl.SSLContext, Path]
) -> None:
    context, certificate = tls
    with relay(tls=context, starttls=security == "starttls", users={"robot": "planted"}) as running:
        known = {"security": security, "ca_file": str(certificate), "username": "robot", "password": "planted"}
        made = Post(running, **known)
        assert (await made.send()).to == ("anna@client.example",)
        await made.sender.close()
        wrong = Post(running, **{**known, "password": "guessed"})
        with pytest.raises(Temporary, match="Authentication credentials invalid"):
            await wrong.send()
        assert "guessed" not in repr(wrong.book.told) + repr(wrong.account)
        unknown = Post(running, **{**known, "ca_file": None})
        with pytest.raises(Temporary, match="certificate"):
            await unknown.send()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"address": "support"}, "address: 'support' is not a mail address"),
        ({"username": "robot"}, "username and password go together"),
    ],
)
def test_a_wrong_account_is_named(given: dict[str, Any], named: str) -> None:
    values = {"host": "h", "address": "support@example.org", **given}
    with pytest.raises(ValueError, match=named):
        MailAccount(**values)


ANYTHING = st.text(alphabet=st.characters(blacklist_categories=()), max_size=60)
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References"}
HEADERS |= {"Content-Language", "MIME-Version", "Content-Type"}


@given(subject=ANYTHING, name=ANYTHING, text=ANYTHING, file=ANYTHING, reference=ANYTHING)
def test_nothing_that_somebody_wrote_adds_a_header(
    subject: str, name: str, text: str, file: str, reference: str
) -> None:
    text = text.encode("utf-8", "replace").decode()  # what the store holds has no lone surrogates
    files = ((StoredFile(blob="b" * 64, name=file, size=1, media_type="text/plain"), b"x"),)  # type: ignore[arg-type]
    given_parcel = parcel(subject=subject, name=name, text=text, contents=files, references=(reference, "ok@x.example"))
    mail = compose(
        given_parcel, sender="support@example.org", sender_name=name, id_domain="example.org", tagged=True, quote=False
    )
    head, _, _ = mail.as_bytes().partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(HEADERS)
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_the_requesters_words_stand_quoted_below_where_that_is_wanted() -> None:
    assert with_quote("Ответ\n", "Вопрос\n\nЕщё\n") == "Ответ\n\n> Вопрос\n>\n> Ещё\n"
    shown = page("Ответ", "<b>Вопрос</b>")
    assert "<blockquote" in shown
    assert "&lt;b&gt;Вопрос&lt;/b&gt;" in shown


def test_an_address_that_no_mail_can_have_is_refused_for_good() -> None:
    made = Post(Relay(port=1))
    for address in ("a b@c.example", "a@@c.example", "a@c.example\r\nBcc: x@y.example", ""):
        with pytest.raises(Permanent, match="no mail address"):
            asyncio.run(made.sender.send(parcel(address=address)))
