"""Mail in and mail out on a running instance: acknowledged, answered, answered back; and no two programs that go on
writing to each other."""

import contextlib
import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

import pytest

from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.relay import Relay, Taken, relay

pytestmark = pytest.mark.xdist_group("processes")

ANNA = "anna@client.example"


@pytest.fixture(scope="module")
def post() -> Iterator[Relay]:
    with relay() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(post: Relay) -> Iterator[Instance]:
    with instance(settings=mail_settings(post.port)) as running:
        running.told("agent", "add", "duty@example.org", "--name", "Дежурная", "--line", "first")
        yield running


def mail_settings(port: int, address: str = "support@example.org") -> dict[str, str]:
    prefix = "PRIYOM_CHANNELS__MAIL__SUPPORT__"
    return {
        f"{prefix}HOST": "127.0.0.1",
        f"{prefix}PORT": str(port),
        f"{prefix}SECURITY": "none",
        f"{prefix}ADDRESS": address,
        f"{prefix}NAME": "Поддержка",
    }


def write(priyom: Instance, mail: EmailMessage, *, sender: str = ANNA, to: str = "support@example.org") -> None:
    with smtplib.SMTP(*priyom.smtp, timeout=20) as client:
        client.sendmail(sender, [to], mail.as_bytes())


def letter(
    subject: str, text: str, *, sender: str = ANNA, to: str = "support@example.org", **headers: str
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = headers.pop("message_id", f"<{time.monotonic_ns()}@client.example>")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def tickets_of(priyom: Instance, address: str) -> list[dict[str, Any]]:
    items = priyom.get("/api/v1/tickets?sort=oldest")["items"]
    return [item for item in items if item["requester"]["address"] == address]


def only_ticket(priyom: Instance, address: str) -> str:
    found = until(f"a ticket of {address}", lambda: tickets_of(priyom, address))
    assert len(found) == 1
    number: str = found[0]["number"]
    return number


def received(post: Relay, address: str, count: int) -> list[Taken]:
    return until(f"{count} mails to {address}", lambda: mails if len(mails := post.to(address)) >= count else None)


def test_a_request_is_acknowledged_answered_and_answered_back(priyom: Instance, post: Relay) -> None:
    write(
        priyom,
        letter("Не проводится документ", "Здравствуйте, не проводится реализация.", message_id="<one@client.example>"),
    )
    number = only_ticket(priyom, ANNA)
    (told,) = received(post, ANNA, 1)
    assert told.returns_to == ""
    assert (told.mail["Auto-Submitted"], told.mail["In-Reply-To"]) == ("auto-replied", "<one@client.example>")
    assert number in told.mail["Subject"]
    assert "не проводится реализация" not in told.text

    answer = priyom.request("POST", f"/api/v1/tickets/{number}/reply", body={"text": "Обновите программу до 8.4."})
    assert answer.status == 201, answer
    shown = answer.json()
    assert (shown["status"], shown["messages"][-1]["direction"]) == ("in_progress", "outbound")
    assert {clock["target"]: clock["state"] for clock in shown["clocks"]}["first_response"] == "met"
    ours = received(post, ANNA, 2)[1]
    assert "Обновите программу до 8.4." in ours.text
    assert ours.mail["Auto-Submitted"] is None
    assert "<one@client.example>" in ours.mail["References"]
    sent = until(
        "the answer is known to be sent",
        lambda: (
            d if (d := priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"])["state"] == "sent" else None
        ),
    )
    assert (sent["address"], sent["attempts"], sent["error"]) == (ANNA, 1, "")

    back = letter("Re: Не проводится документ", "Спасибо, помогло!", message_id="<two@client.example>")
    back["In-Reply-To"] = ours.mail["Message-ID"]
    ((_, reply_to),) = getaddresses([ours.mail["Reply-To"]])
    write(priyom, back, to=reply_to)
    until(
        "the customer's answer joined the ticket",
        lambda: priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["text"].strip() == "Спасибо, помогло!",
    )
    assert len(tickets_of(priyom, ANNA)) == 1


def test_a_bounce_of_an_answer_is_shown_on_its_ticket(priyom: Instance, post: Relay) -> None:
    address = "gone@client.example"
    write(priyom, letter("Вопрос", "Как обновиться?", sender=address), sender=address)
    number = only_ticket(priyom, address)
    priyom.request("POST", f"/api/v1/tickets/{number}/reply", body={"text": "Вот так."})
    ours = received(post, address, 2)[1]
    report = f"""From: MAILER-DAEMON@client.example
To: {ours.returns_to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce@client.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Nobody is there.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.client.example

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
--b
Content-Type: text/rfc822-headers

Message-ID: {ours.mail["Message-ID"]}
Subject: returned
--b--
"""
    with smtplib.SMTP(*priyom.smtp, timeout=20) as client:
        client.sendmail("", [ours.returns_to], report)
    failed = until(
        "the answer is known to have come back",
        lambda: (
            d
            if (d := priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"])["state"] == "failed"
            else None
        ),
    )
    assert "5.1.1" in failed["error"]
    assert len(tickets_of(priyom, address)) == 1
    assert not tickets_of(priyom, "mailer-daemon@client.example")


def test_two_instances_that_write_to_each_other_stop_after_one_message_each() -> None:
    """Each has the other's address as a customer: what one sends is given to the other's SMTP."""
    with contextlib.ExitStack() as stack:
        posts = [stack.enter_context(relay()) for _ in range(2)]
        both = [
            stack.enter_context(instance(settings=mail_settings(post.port, "support@example.org"))) for post in posts
        ]
        # The first is written to by the second: by hand once, then by whatever they answer.
        other = "robot@partner.example"
        write(both[0], letter("Заявка", "Прошу помочь.", sender=other), sender=other)
        passed = [0, 0]
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 4:
            for at, (post, far) in enumerate(zip(posts, reversed(both), strict=True)):
                for mail in post.taken[passed[at] :]:
                    passed[at] += 1
                    quiet_since = time.monotonic()
                    # As a relay does that rewrites domains: what was to the partner comes to the other's support.
                    raw = mail.raw.replace(b"support@example.org", b"robot@partner.example")
                    raw = raw.replace(b"To: " + other.encode(), b"To: support@example.org")
                    with smtplib.SMTP(*far.smtp, timeout=20) as client:
                        client.sendmail(mail.returns_to, ["support@example.org"], raw)
            time.sleep(0.1)
        assert passed == [1, 0]
        assert [len(running.get("/api/v1/tickets")["items"]) for running in both] == [1, 0]


def test_what_is_the_customers_own_goes_to_their_department_and_its_answer_comes_back(
    priyom: Instance, post: Relay
) -> None:
    department, address = "it@devices.example", "vendor@devices.example"
    added = ("organization", "add", "Devices", "--domain", "devices.example", "--plan", "standard")
    priyom.told(*added, "--department", department)
    write(priyom, letter("Планшет", "У планшета разбит экран.", sender=address), sender=address)
    number = only_ticket(priyom, address)
    priyom.request("POST", f"/api/v1/tickets/{number}/status", body={"status": "in_progress"})
    moved = priyom.request("POST", f"/api/v1/tickets/{number}/classify", body={"catalog": "own-devices"})
    assert moved.json()["line"] == "customer-department", moved
    (sent,) = received(post, department, 1)
    assert "У планшета разбит экран." in sent.text
    states = {clock["target"]: clock["state"] for clock in priyom.get(f"/api/v1/tickets/{number}")["clocks"]}
    assert states["first_response"] == "paused"

    back = letter("Re: Планшет", "Экран заменили.", sender=department)
    back["In-Reply-To"] = sent.mail["Message-ID"]
    ((_, reply_to),) = getaddresses([sent.mail["Reply-To"]])
    write(priyom, back, sender=department, to=reply_to)
    until(
        "the department's answer joined the ticket",
        lambda: priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["text"].strip() == "Экран заменили.",
    )
    assert priyom.get(f"/api/v1/tickets/{number}")["status"] == "in_progress"
    assert not tickets_of(priyom, department)


def test_a_letter_that_nobody_takes_now_is_sent_when_somebody_does(priyom: Instance, post: Relay) -> None:
    address = "late@client.example"
    post.answer = lambda mail: "451 4.7.1 not now" if address in mail.to else "250 taken"
    write(priyom, letter("Вопрос", "Когда обновление?", sender=address), sender=address)
    number = only_ticket(priyom, address)

    def delivery() -> Any:
        return priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"]

    until("the first attempt has failed", lambda: (delivery() or {}).get("attempts") == 1 and delivery()["error"])
    assert (delivery()["state"], "451" in delivery()["error"]) == ("queued", True)
    post.answer = lambda _mail: "250 taken"
    received(post, address, 1)
    until("it is known to be sent", lambda: delivery()["state"] == "sent")
    assert delivery()["attempts"] == 2
