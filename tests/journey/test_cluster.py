"""The same journey on many machines' parts: PostgreSQL, a bus of its own, each role a process of the Procfile."""

import smtplib
from collections import Counter

import pytest

from tests.journey.cluster import Cluster, cluster
from tests.journey.senders import Senders, endless, hold_to_account, mails
from tests.journey.system import until
from tests.servers import NatsServer, PostgresServer

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


def _first_mail(priyom: Cluster) -> None:
    mail = (
        "From: anna@romashka.example\r\nTo: support@example.org\r\nSubject: Не проводится накладная\r\n"
        "Message-ID: <first@romashka.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nСклад стоит.\r\n"
    )
    with smtplib.SMTP(*priyom.smtp, timeout=30) as client:
        client.ehlo()
        client.mail("anna@romashka.example")
        client.rcpt("support@example.org")
        code, reply = client.data(mail.encode())
    assert code == 250, reply
    line = priyom.outcome(priyom.envelope_of(reply))
    ticket = priyom.ticket(line["number"])
    assert (ticket["subject"], ticket["line"], ticket["catalog"]) == (
        "Не проводится накладная",
        "first",
        "accounting/documents",
    )
    assert "" not in {step["because"] for step in ticket["decision"]["steps"]}


def test_two_routers_and_two_normalizers_of_the_procfile_make_each_mail_one_ticket(
    nats: NatsServer, postgres: PostgresServer
) -> None:
    with cluster(nats, postgres, ["router.2", "normalizer.2"]) as priyom:
        _first_mail(priyom)
        with Senders(priyom.smtp, mails(200), connections=4) as senders:
            senders.join()
        assert Counter(word for sent in senders.sent for word in sent.words) == {"acknowledged": 200}
        priyom.wait_settled(senders.envelopes)

        assert priyom.quiet_ledger()["total"] == {
            "accepted": 201,
            "ticketed": 201,
            "appended": 0,
            "duplicate": 0,
            "suppressed": 0,
            "quarantined": 0,
            "in_flight": 0,
        }
        rows = priyom.rows("SELECT native_id, number FROM messages")
        assert Counter(row["native_id"] for row in rows) == Counter(
            ["first@romashka.example", *(sent.mail.message_id for sent in senders.sent)]
        )
        assert len({row["number"] for row in rows}) == 201


def test_a_rolling_restart_of_every_role_under_load_loses_nothing(nats: NatsServer, postgres: PostgresServer) -> None:
    with cluster(nats, postgres) as priyom, Senders(priyom.smtp, endless(), rate=40) as senders:
        for role in ("smtp", "normalizer", "router", "timekeeper", "web"):
            before = len(senders.acknowledged)
            assert priyom.stop(role) == 0, priyom.logs()
            assert "role.cut_off" not in priyom.log(role)  # it ended by itself, within its grace time
            priyom.start(role)
            until("mail is taken", lambda before=before: len(senders.acknowledged) > before + 10)
        senders.finish()
        hold_to_account(priyom, senders)
