"""The first mail: from a real client to a ticket that says why it is where it is."""

import hashlib
import re
import shutil
import smtplib
import subprocess
import time
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.journey.instance import Instance
from tests.journey.system import until

pytestmark = pytest.mark.xdist_group("processes")

SUBJECT = "Не проводится накладная, склад стоит"
TEXT = "Добрый день!\n\nС утра не проводятся расходные накладные, склад стоит."


def swaks(place: tuple[str, int], *words: str) -> str:
    """What swaks prints: the whole dialogue."""
    program = shutil.which("swaks")
    assert program, "swaks is not installed: tests/packages.sh names what the tests need"
    server = f"{place[0]}:{place[1]}"
    done = subprocess.run([program, "--server", server, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _look(priyom: Instance, subject: str) -> dict[str, Any] | None:
    items = priyom.get("/api/v1/tickets")["items"]
    return next((item for item in items if item["subject"] == subject), None)


def test_a_mail_that_swaks_sends_is_a_ticket_within_a_second_and_says_why(priyom: Instance, tmp_path: Path) -> None:
    priyom.get("/api/v1/tickets")  # the token is made, and the connection warm
    warm = swaks(priyom.smtp, "--from", "warm@client.example", "--to", "support@example.org", "--body", "warm")
    priyom.outcome(priyom.envelope_of(warm))
    screenshot = tmp_path / "экран.png"
    screenshot.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Анна Петрова <anna@romashka.example>", "support@example.org", SUBJECT
    mail["Message-ID"] = "<first@romashka.example>"
    mail.set_content(TEXT)
    mail.add_attachment(screenshot.read_bytes(), maintype="image", subtype="png", filename=screenshot.name)
    raw = bytes(mail).replace(b"\n", b"\r\n")
    (tmp_path / "mail.eml").write_bytes(raw)

    words = ("--from", "anna@romashka.example", "--to", "support@example.org", "--data", f"@{tmp_path}/mail.eml")
    spoken = swaks(priyom.smtp, *words)
    answered = time.monotonic()
    row = until("the ticket is listed", lambda: _look(priyom, SUBJECT), within=10, every=0.02)
    assert time.monotonic() - answered < 1.0

    assert re.search(r"^<-  250 2\.0\.0 Accepted as [0-9A-Z]{26}$", spoken, re.MULTILINE), spoken
    ticket = priyom.ticket(int(row["number"].removeprefix("T-")))
    assert {name: ticket[name] for name in ("subject", "channel", "line", "group", "catalog")} == {
        "subject": SUBJECT,
        "channel": "email",
        "line": "first",
        "group": "accounting",
        "catalog": "accounting/documents",
    }
    because = {step["step"]: step["because"] for step in ticket["decision"]["steps"]}
    assert {"correlation", "catalog", "kind", "line", "priority"} <= because.keys()
    assert "" not in because.values()
    (message,) = ticket["messages"]
    assert message["text"].strip() == TEXT
    (attachment,) = message["attachments"]
    assert (attachment["name"], attachment["size"]) == (screenshot.name, screenshot.stat().st_size)
    downloaded = priyom.request("GET", attachment["url"])
    assert (downloaded.status, downloaded.body) == (200, screenshot.read_bytes())

    (kept,) = priyom.rows("SELECT raw, envelope_id FROM messages WHERE native_id = 'first@romashka.example'")
    assert priyom.blob(kept["raw"]).rstrip(b"\r\n") == raw.rstrip(b"\r\n")
    assert kept["envelope_id"] == priyom.envelope_of(spoken)
    way = priyom.told("trace", kept["envelope_id"])
    assert [line.split()[0] for line in way.splitlines()][:2] == ["intake", "router"]
    assert row["number"] in way


def test_a_mail_over_lmtp_is_answered_for_each_recipient_and_is_one_ticket(priyom: Instance) -> None:
    mail = b"From: a@client.example\r\nSubject: Two recipients\r\nMessage-ID: <lmtp-1@client.example>\r\n\r\nOnce.\r\n"
    client = smtplib.LMTP(*priyom.lmtp, timeout=30)
    client.ehlo_or_helo_if_needed()
    client.mail("a@client.example")
    assert [client.rcpt(to)[0] for to in ("support@example.org", "billing@example.org")] == [250, 250]
    client.putcmd("data")
    assert client.getreply()[0] == 354
    client.send(mail + b".\r\n")
    replies = [client.getreply() for _ in range(2)]
    client.quit()

    assert [code for code, _ in replies] == [250, 250]
    first, second = (priyom.envelope_of(text) for _, text in replies)
    assert first == second
    assert priyom.outcome(first)["outcome"] == "ticketed"
    rows = priyom.rows("SELECT recipients FROM messages WHERE native_id = 'lmtp-1@client.example'")
    assert len(rows) == 1


def test_a_mail_of_a_megabyte_goes_by_way_of_the_blobs_and_comes_out_whole(priyom: Instance) -> None:
    content = hashlib.shake_256(b"large").digest(1_000_000)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "big@client.example", "support@example.org", "A large file"
    mail.set_content("See the file.")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="dump.bin")
    with smtplib.SMTP(*priyom.smtp, timeout=60) as client:
        client.ehlo()
        client.mail("big@client.example")
        client.rcpt("support@example.org")
        code, reply = client.data(mail.as_bytes(policy=policy.SMTP))
    assert code == 250, reply
    line = priyom.outcome(priyom.envelope_of(reply))
    (message,) = priyom.ticket(line["number"])["messages"]
    downloaded = priyom.request("GET", message["attachments"][0]["url"])
    assert hashlib.sha256(downloaded.body).hexdigest() == hashlib.sha256(content).hexdigest()
