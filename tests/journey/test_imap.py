"""From a mailbox to tickets: a real Dovecot, and ``priyom up`` with accounts of it."""

from collections.abc import Iterator
from email.utils import getaddresses

import pytest

from tests.dovecot import PASSWORD, Dovecot, dovecot
from tests.journey.cluster import cluster
from tests.journey.instance import Instance, instance
from tests.journey.system import System, until
from tests.journey.test_mail_both_ways import letter, mail_settings, only_ticket, received, tickets_of
from tests.relay import Relay, relay
from tests.servers import NatsServer, PostgresServer

pytestmark = pytest.mark.xdist_group("processes")


def account(server: Dovecot, name: str, **fields: str) -> dict[str, str]:
    """Variables of one account, whose user is its name."""
    usual = {
        "host": "localhost",
        "port": str(server.tls_port),
        "ca_file": str(server.ca),
        "username": name,
        "password": PASSWORD,
    }
    return {f"PRIYOM_CHANNELS__IMAP__{name.upper()}__{key.upper()}": text for key, text in {**usual, **fields}.items()}


def mail(key: str) -> bytes:
    head = f"From: {key}@client.example\r\nTo: support@example.org\r\nSubject: {key}\r\nMessage-ID: <{key}@x.example>"
    return f"{head}\r\n\r\nThe body of {key}.\r\n".encode()


def tickets(priyom: System, prefix: str) -> list[str]:
    """Subjects of the messages that are a ticket each."""
    rows = priyom.rows(f"SELECT subject, number FROM messages WHERE subject LIKE '{prefix}%' ORDER BY subject")
    assert len({row["number"] for row in rows}) == len(rows)
    return [row["subject"] for row in rows]


def conditions(priyom: Instance) -> dict[str, str]:
    return {row["account"]: row["condition"] for row in priyom.rows("SELECT account, condition FROM channel_accounts")}


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture(scope="module")
def post() -> Iterator[Relay]:
    with relay() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(server: Dovecot, post: Relay) -> Iterator[Instance]:
    server.make("support", "Заявки")
    settings = {
        **mail_settings(post.port),
        **account(server, "support", folders='["INBOX", "Заявки"]', poll_s="1"),
        **account(server, "billing", after="move", move_to="Принято"),
        **account(server, "broken", password="not-this-one"),
    }
    with instance(settings=settings) as running:
        yield running


def test_mails_of_every_mailbox_become_tickets_once(priyom: Instance, server: Dovecot) -> None:
    wanted = [f"box{n:02}" for n in range(30)]
    server.put("support", *(mail(key) for key in wanted[:10]))
    server.put("billing", *(mail(key) for key in wanted[10:20]))
    for key in wanted[20:]:
        server.save("support", "Заявки", mail(key))
    until("all are tickets", lambda: tickets(priyom, "box") == wanted)
    until("all are marked", lambda: server.unseen("support") == [] and server.flags("billing") == {})
    ledger = priyom.quiet_ledger()
    assert ledger["total"]["accepted"] == ledger["total"]["ticketed"] == 30
    found = priyom.rows(
        "SELECT account, adapter, COUNT(*) AS n FROM messages WHERE direction = 'inbound' GROUP BY account, adapter"
    )
    assert {(row["account"], row["adapter"]): row["n"] for row in found} == {
        ("support", "imap"): 20,
        ("billing", "imap"): 10,
    }


def test_each_account_says_how_it_fares(priyom: Instance) -> None:
    fine = {"support": "connected", "billing": "connected", "broken": "failing"}
    until("all are told", lambda: conditions(priyom) == fine)
    row = priyom.rows("SELECT error, channel, adapter FROM channel_accounts WHERE account = 'broken'")[0]
    why = "the server refuses the login: [AUTHENTICATIONFAILED] Authentication failed."
    assert row == {"error": why, "channel": "email", "adapter": "imap"}
    assert "not-this-one" not in priyom.log()
    assert PASSWORD not in priyom.log()


def test_the_same_mail_in_two_mailboxes_is_one_ticket(priyom: Instance, server: Dovecot) -> None:
    before = priyom.quiet_ledger()["total"]
    server.put("support", mail("twice"))
    until("it is a ticket", lambda: tickets(priyom, "twice"))
    server.put("billing", mail("twice"))
    until("it is taken", lambda: server.flags("billing") == {})
    until("it is known", lambda: priyom.ledger()["total"]["duplicate"] == before["duplicate"] + 1)
    assert tickets(priyom, "twice") == ["twice"]


def test_what_was_fetched_is_answered_by_mail_and_the_customers_answer_joins_its_ticket(
    priyom: Instance, server: Dovecot, post: Relay
) -> None:
    olga = "olga@client.example"
    asked = letter("Как обновиться?", "Подскажите, пожалуйста.", sender=olga, message_id="<asked@client.example>")
    server.put("support", asked.as_bytes())
    number = only_ticket(priyom, olga)
    answer = priyom.request("POST", f"/api/v1/tickets/{number}/reply", body={"text": "Кнопкой «Обновить»."})
    assert answer.status == 201, answer
    ours = next(taken for taken in received(post, olga, 2) if "Кнопкой «Обновить»." in taken.text)
    assert "<asked@client.example>" in ours.mail["References"]

    ((_, reply_to),) = getaddresses([ours.mail["Reply-To"]])
    back = letter("Re: Как обновиться?", "Получилось.", sender=olga, to=reply_to)
    back["In-Reply-To"] = ours.mail["Message-ID"]
    server.put("support", back.as_bytes())
    until(
        "the customer's answer joined the ticket",
        lambda: priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["text"].strip() == "Получилось.",
    )
    assert len(tickets_of(priyom, olga)) == 1


def test_two_processes_of_many_machines_make_one_ticket_a_mail_and_mark_nothing_while_the_bus_is_away(
    server: Dovecot, nats: NatsServer, postgres: PostgresServer
) -> None:
    first, second = [f"many{n:02}" for n in range(20)], [f"away{n}" for n in range(5)]
    with cluster(nats, postgres, ("imap.2",), account(server, "many", poll_s="1")) as priyom:
        server.put("many", *(mail(key) for key in first))
        until("all are tickets", lambda: tickets(priyom, "many") == first)
        until("all are marked", lambda: server.unseen("many") == [])

        nats.stop()
        server.put("many", *(mail(key) for key in second))
        until("they are put off", lambda: all('"imap.postponed"' in priyom.log(one) for one in ("imap", "imap.2")))
        assert len(server.unseen("many")) == len(second)
        nats.start()
        until("they are tickets", lambda: tickets(priyom, "away") == second)
        until("they are marked", lambda: server.unseen("many") == [])
        ledger = priyom.quiet_ledger()["total"]
    assert ledger["ticketed"] == len(first) + len(second)
    assert ledger["accepted"] == ledger["ticketed"] + ledger["duplicate"]


def test_a_wrong_account_stops_the_start_and_names_its_setting(server: Dovecot) -> None:
    settings = account(server, "support", batch="1000")
    with pytest.raises(AssertionError, match="batch is from 1 to 200"), instance(settings=settings):
        raise RuntimeError("it has started")
