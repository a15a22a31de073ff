"""kill -9 exactly between two steps: before and after the bus has it, the commit, the acknowledgement, the outbox.

In the cluster the bus remembers ids for half a second only: what is done again is done after its window.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import aimed
from tests.faults.aiming import arm, has_fallen, kill_at, kill_part_at
from tests.faults.streams import headers
from tests.journey.cluster import Cluster
from tests.journey.conversation import conversation, send
from tests.journey.instance import Instance, instance
from tests.journey.senders import Senders, endless, hold_to_account
from tests.journey.system import System, until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

MAIL = b"From: a@client.example\r\nSubject: %s\r\nMessage-ID: <%s@client.example>\r\n\r\nThe body."


@pytest.fixture
def priyom(aimed_cluster: Cluster) -> Cluster:
    return aimed_cluster


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """``priyom up``: SQLite, a bus of its own, a spool."""
    aims: Path = tmp_path_factory.mktemp("aims")
    with instance(settings={"PRIYOM_TEST_AIM": str(aims)}, program=aimed.PROGRAM) as running:
        yield running


def _unanswered(place: tuple[str, int], mail: bytes) -> str:
    """What a peer hears whose mail's receiver dies: nothing."""
    with conversation(place) as talking:
        talking.begin()
        talking.write(mail + b"\r\n.\r\n")
        with contextlib.suppress(ConnectionResetError):
            return talking.reply()
    return ""


def _every_ticket_was_told(priyom: System) -> list[str]:
    """One fact for each ticket, and nothing left to send. Returns the ids as they stand, repeated ones too."""
    until("the outbox is empty", lambda: priyom.rows("SELECT id FROM outbox") == [])
    facts = headers(priyom.endpoints["nats"], "TICKET").values()
    told = [sent["Nats-Msg-Id"] for subject, sent in facts if subject == "ticket.created"]
    assert len(set(told)) == len(priyom.rows("SELECT number FROM tickets"))
    return told


def test_smtp_killed_before_the_bus_has_it_has_accepted_nothing(priyom: Cluster) -> None:
    before = priyom.quiet_ledger()["total"]["accepted"]
    mail = MAIL % (b"early", b"early")
    arm(priyom, "smtp", aimed.BEFORE_THE_BUS)
    assert _unanswered(priyom.smtp, mail) == ""
    has_fallen(priyom, "smtp")
    priyom.start("smtp")
    assert priyom.ledger()["total"]["accepted"] == before

    assert priyom.outcome(priyom.envelope_of(send(priyom.smtp, mail)))["outcome"] == "ticketed"
    assert priyom.quiet_ledger()["total"]["accepted"] == before + 1


def test_smtp_killed_between_the_bus_and_its_250_makes_one_ticket_however_often_the_peer_comes_again(
    priyom: Cluster,
) -> None:
    before = priyom.quiet_ledger()["total"]["accepted"]
    mail = MAIL % (b"late", b"late")
    arm(priyom, "smtp", aimed.AFTER_THE_BUS)
    assert _unanswered(priyom.smtp, mail) == ""
    has_fallen(priyom, "smtp")
    priyom.start("smtp")
    until("the mail is a ticket", lambda: priyom.rows("SELECT number FROM tickets WHERE subject = 'late'"))

    assert priyom.outcome(priyom.envelope_of(send(priyom.smtp, mail)))["outcome"] == "duplicate"
    assert len(priyom.rows("SELECT number FROM messages WHERE subject = 'late'")) == 1
    assert priyom.quiet_ledger()["total"]["accepted"] == before + 2


STEPS = [
    ("normalizer", aimed.BEFORE_MESSAGES),
    ("normalizer", aimed.AFTER_MESSAGES),
    ("router", aimed.BEFORE_COMMIT),
    ("router", aimed.AFTER_COMMIT),
    ("router", aimed.BEFORE_MESSAGES),
    ("router", aimed.FACTS_SENT),
]


def test_stages_killed_before_and_after_each_of_their_steps_lose_and_double_nothing(priyom: Cluster) -> None:
    with Senders(priyom.smtp, endless(seed=51), rate=30) as senders:
        for role, spot in STEPS:
            senders.take(10)
            kill_at(priyom, role, spot)
        # What the router had committed and not told is the timekeeper's to tell, and it dies of it as well.
        kill_at(priyom, "timekeeper", aimed.FACTS_SENT)
        senders.take(10)
        senders.finish()
        hold_to_account(priyom, senders)
    assert priyom.rows("SELECT origin, reason FROM held") == []
    told = _every_ticket_was_told(priyom)
    assert len(told) > len(set(told))  # some were told twice, under one id, since the kills came in between


@pytest.mark.slow
def test_on_one_machine_they_lose_and_double_nothing_either(alone: Instance) -> None:
    steps = (aimed.BEFORE_COMMIT, aimed.AFTER_COMMIT, aimed.FACTS_SENT)
    with Senders(alone.smtp, endless(seed=52), rate=30) as senders:
        for spot in (aimed.BEFORE_THE_BUS, aimed.AFTER_THE_BUS):
            senders.take(10)
            kill_part_at(alone, "front", spot)
        for spot in steps:
            senders.take(10)
            kill_part_at(alone, "work", spot)
        senders.take(10)
        senders.finish()
        assert any("unknown" in sent.words for sent in senders.sent)
        hold_to_account(alone, senders)
    assert alone.rows("SELECT origin, reason FROM held") == []
    _every_ticket_was_told(alone)
