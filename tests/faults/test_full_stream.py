"""A raw log that is full, on a bus of one's own and without a spool: refused for now, never dropped."""

from collections.abc import Iterator

import pytest

from tests.faults.streams import stream
from tests.journey.cluster import Cluster, cluster
from tests.journey.conversation import conversation, send
from tests.journey.senders import Senders, hold_to_account, mails
from tests.journey.system import until
from tests.servers import NatsServer, PostgresServer

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

LIMIT = 3_000_000
FORM = {
    "name": "Anna",
    "email": "anna@client.example",
    "subject": "No room",
    "body": "All of it is wanted.",
    "catalog": "warehouse/stock",
    "consent": True,
}


@pytest.fixture
def priyom(nats: NatsServer, postgres: PostgresServer) -> Iterator[Cluster]:
    with cluster(nats, postgres, settings={"PRIYOM_RAWLOG_LIMIT": str(LIMIT)}) as running:
        yield running


def _mail(number: int, lines: int) -> bytes:
    head = f"From: a@client.example\r\nSubject: Wanted {number}\r\nMessage-ID: <wanted{number}@client.example>\r\n\r\n"
    return head.encode() + b"All of it is wanted.\r\n" * lines


def _parts(priyom: Cluster) -> dict[str, str]:
    """Why it is not ready; empty where it is."""
    found: dict[str, str] = priyom.request("GET", "/health/ready", token=False).json().get("parts", {})
    return found


def _fill(priyom: Cluster) -> list[str]:
    """Sends until not even the smallest is taken; the envelopes of what was."""
    taken: list[str] = []
    sent = 0
    with conversation(priyom.smtp) as talking:
        for lines in (5_000, 50, 1):
            while (answer := talking.mail(_mail(len(taken), lines))).startswith("250"):
                taken.append(priyom.envelope_of(answer))
                sent += 20 * lines
                assert sent < LIMIT, "it took more than it can hold"
            assert answer == "451 4.3.0 Temporary failure, try again later"
    return taken


def test_a_full_raw_log_refuses_mail_and_forms_names_itself_and_goes_on_once_there_is_room(priyom: Cluster) -> None:
    assert _parts(priyom) == {}
    taken = _fill(priyom)
    assert len(taken) > 10
    assert _parts(priyom)["bus"] == "the stream INTAKE is full"
    priyom.wait_settled(taken)  # what was taken is worked on all the same
    assert stream(priyom.nats.url, "INTAKE").state.first_seq == 1  # and the oldest still stands there
    assert priyom.request("POST", "/api/v1/form/default", body=FORM, token=False).status == 503
    assert priyom.quiet_ledger()["total"]["accepted"] == len(taken)

    with Senders(priyom.smtp, mails(40, seed=61), connections=4) as senders:
        until("all are refused", lambda: [sent.words[:1] for sent in senders.sent[:4]] == [["refused"]] * 4)
        # Room is made as an operator would make it: by keeping settled mail for a shorter time.
        priyom.stop("timekeeper")
        priyom.own["timekeeper"] = {"PRIYOM_RAWLOG_DAYS": "0.00001"}
        priyom.start("timekeeper")
        until("it is ready again", lambda: _parts(priyom) == {})
        senders.join()
        assert len(senders.acknowledged) >= 20  # those that come again
        hold_to_account(priyom, senders)
    assert priyom.settled().keys() >= {*taken}
    assert len(priyom.rows("SELECT number FROM tickets WHERE subject LIKE 'Wanted %'")) == len(taken)
    assert send(priyom.smtp, _mail(len(taken), 5_000))[:3] == "250"
