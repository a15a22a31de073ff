"""Mail that comes twice, in the wrong order, or was written to do harm."""

import random
import smtplib
from collections import Counter

import nats as nats_client
import pytest

from tests.faults.poison import poison
from tests.journey.conversation import conversation, send, ticketed
from tests.journey.instance import Instance
from tests.journey.senders import mails
from tests.journey.system import OUTCOMES, await_here, until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


def _mail(name: str, body: str = "The body.", *, sender: str = "anna@client.example", more: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: support@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@client.example>\r\n"
        f"{more}\r\n{body}\r\n"
    ).encode()


def _change(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in ("accepted", *OUTCOMES) if after[name] != before[name]}


def test_the_same_mail_three_times_by_different_ways_is_one_ticket_and_two_duplicates(priyom: Instance) -> None:
    """Each way in has an envelope of its own, so the bus's window cannot see it: the store's key does."""
    before = priyom.ledger()["total"]
    mail = _mail("thrice")
    first = send(priyom.smtp, mail)
    second = send(priyom.smtp, b"Received: from relay.example by mx.example; Mon, 5 Jan 2026 10:00:00 +0000\r\n" + mail)
    client = smtplib.LMTP(*priyom.lmtp, timeout=30)
    client.ehlo_or_helo_if_needed()
    client.mail("anna@client.example")
    client.rcpt("support@example.org")
    code, third = client.data(b"Return-Path: <anna@client.example>\r\n" + mail)
    client.quit()
    assert code == 250

    lines = [priyom.outcome(priyom.envelope_of(reply)) for reply in (first, second, third)]
    assert Counter(line["outcome"] for line in lines) == {"ticketed": 1, "duplicate": 2}
    assert len({line["number"] for line in lines}) == 1
    after = priyom.quiet_ledger()["total"]
    assert _change(before, after) == {"accepted": 3, "ticketed": 1, "duplicate": 2}
    assert len(priyom.ticket(lines[0]["number"])["messages"]) == 1


def test_a_reply_that_comes_before_its_parent_shares_one_ticket_with_it(priyom: Instance) -> None:
    answers = "In-Reply-To: <parent@client.example>\r\nReferences: <parent@client.example>\r\n"
    reply = ticketed(priyom, _mail("reply", "And one more thing.", more=answers))
    parent = ticketed(priyom, _mail("parent", "The beginning."))

    assert parent == reply
    messages = priyom.ticket(reply)["messages"]
    assert [message["text"].strip() for message in messages] == ["And one more thing.", "The beginning."]


def test_a_stranger_who_names_the_parent_opens_a_ticket_of_his_own(priyom: Instance) -> None:
    parent = ticketed(priyom, _mail("private", "For your eyes only."))
    answers = "In-Reply-To: <private@client.example>\r\n"
    stranger = ticketed(priyom, _mail("stranger", "Me too.", sender="mallory@evil.example", more=answers))
    assert stranger != parent
    assert len(priyom.ticket(parent)["messages"]) == 1


def test_the_same_message_id_with_another_body_is_kept_as_well(priyom: Instance) -> None:
    lines = [
        priyom.outcome(priyom.envelope_of(send(priyom.smtp, _mail("reused", body))))
        for body in ("The first body.", "Another body.")
    ]
    assert "duplicate" not in {line["outcome"] for line in lines}
    rows = priyom.rows("SELECT text FROM messages WHERE native_id = 'reused@client.example' ORDER BY id")
    assert [row["text"].strip() for row in rows] == ["The first body.", "Another body."]


def test_a_hundred_hostile_mails_are_kept_or_held_with_a_reason_and_their_neighbours_are_tickets(
    priyom: Instance,
) -> None:
    before = priyom.ledger()["total"]
    neighbours, hostile_ones = mails(100, seed=18), poison()
    good, bad = [], []
    with conversation(priyom.smtp) as talking:
        for mail, hostile in zip(neighbours, hostile_ones, strict=True):
            talking.say_all("EHLO client.example")
            bad.append(priyom.envelope_of(talking.mail(hostile)))
            good.append(priyom.envelope_of(talking.mail(mail.raw.removesuffix(b"\r\n"))))
    priyom.wait_settled([*good, *bad])

    settled = priyom.settled()
    assert Counter(settled[envelope]["outcome"] for envelope in good) == {"ticketed": 100}
    silent = {line["outcome"] for e in bad if (line := settled[e])["number"] is None and not line["reason"]}
    assert silent == set()
    after = priyom.quiet_ledger()["total"]
    assert after["accepted"] - before["accepted"] == 200
    assert after["quarantined"] == before["quarantined"], priyom.rows("SELECT origin, reason FROM held")
    subjects = {row["subject"] for row in priyom.rows("SELECT subject FROM messages")}
    assert {mail.subject for mail in neighbours} <= subjects


def test_a_hundred_junk_payloads_on_the_bus_are_quarantined_with_origin_and_reason(priyom: Instance) -> None:
    before = priyom.ledger()["total"]
    rng = random.Random(100)
    junk = [b"", b"{}", b"[]", b"null", b'{"v": 99, "type": "envelope"}', b'{"v":1,"type":"message"}', b"[" * 5_000]
    junk += [rng.randbytes(rng.randint(1, 500)) for _ in range(100 - len(junk))]

    async def publish() -> None:
        client = await nats_client.connect(priyom.endpoints["nats"])
        stream = client.jetstream()
        for payload in junk:
            await stream.publish("intake.email", payload)
        await client.close()

    await_here(publish)
    number = ticketed(priyom, _mail("neighbour"))
    assert priyom.ticket(number)["subject"] == "neighbour"
    until("all of it is held", lambda: len(_held(priyom)) == 100)
    after = priyom.quiet_ledger()["total"]
    assert _change(before, after) == {"accepted": 101, "ticketed": 1, "quarantined": 100}
    assert {row["origin"] for row in _held(priyom)} == {"intake.email"}
    assert all(
        row["reason"].startswith(("not a envelope payload", "envelope payload of version")) for row in _held(priyom)
    )


def _held(priyom: Instance) -> list[dict[str, str]]:
    return priyom.rows("SELECT origin, reason FROM held WHERE outcome = 'quarantined'")
