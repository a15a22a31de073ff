"""What comes again after the bus has forgotten its id: half a second, in this cluster, instead of two minutes."""

import time

import pytest

from tests.faults import aimed
from tests.faults.aiming import arm, has_fallen
from tests.faults.conftest import Ways
from tests.faults.streams import headers, stream
from tests.journey.cluster import Cluster
from tests.journey.conversation import send
from tests.journey.system import OUTCOMES, until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

MAIL = b"From: a@client.example\r\nSubject: %s\r\nMessage-ID: <%s@client.example>\r\n\r\nThe body."
BEYOND = 1.0


@pytest.fixture
def priyom(aimed_cluster: Cluster) -> Cluster:
    return aimed_cluster


def _raw_copies(url: str, envelope: str) -> list[int]:
    """Where in the raw log an envelope stands."""
    return [at for at, (_, sent) in headers(url, "INTAKE").items() if sent.get("Priyom-Envelope") == envelope]


def _change(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in ("accepted", *OUTCOMES) if after[name] != before[name]}


def test_the_same_mail_three_times_with_more_than_the_window_between_is_one_ticket_and_two_duplicates(
    priyom: Cluster,
) -> None:
    for name in ("INTAKE", "MESSAGE", "TICKET"):
        assert (stream(priyom.nats.url, name).config.duplicate_window or 0) < BEYOND
    before = priyom.quiet_ledger()["total"]
    mail = MAIL % (b"patient", b"patient")
    lines = []
    for _ in range(3):
        lines.append(priyom.outcome(priyom.envelope_of(send(priyom.smtp, mail))))
        time.sleep(BEYOND)

    assert [line["outcome"] for line in lines] == ["ticketed", "duplicate", "duplicate"]
    assert len({line["number"] for line in lines}) == 1
    after = priyom.quiet_ledger()["total"]
    assert _change(before, after) == {"accepted": 3, "ticketed": 1, "duplicate": 2}
    assert len(priyom.ticket(lines[0]["number"])["messages"]) == 1


def test_what_the_bus_has_and_is_sent_out_of_the_spool_again_after_the_window_is_accepted_once(
    priyom: Cluster, ways: Ways
) -> None:
    before = priyom.quiet_ledger()["total"]
    ways.smtp_bus.hold()
    envelope = priyom.envelope_of(send(priyom.smtp, MAIL % (b"spooled", b"spooled")))
    arm(priyom, "smtp", aimed.SPOOLED_AND_SENT)
    ways.smtp_bus.heal()
    has_fallen(priyom, "smtp")
    first = _raw_copies(priyom.nats.url, envelope)
    assert first
    time.sleep(BEYOND)
    priyom.start("smtp")  # and sends it again, since the file is still there

    until("the double is removed", lambda: "rawlog.double_removed" in priyom.log("timekeeper"))
    assert priyom.outcome(envelope)["outcome"] == "ticketed"
    assert _change(before, priyom.quiet_ledger()["total"]) == {"accepted": 1, "ticketed": 1}
    assert len(priyom.rows("SELECT number FROM messages WHERE subject = 'spooled'")) == 1
    assert _raw_copies(priyom.nats.url, envelope) == first[:1]
