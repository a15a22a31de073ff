"""kill -9 of the receiving process around ``\\Seen``, and a mailbox whose UIDs begin anew.

The oracle is the test's own list of what it put into the mailbox: each is one ticket, and marked.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.roles import FRONT
from tests.dovecot import Dovecot, dovecot
from tests.faults import aimed
from tests.faults.aiming import arm
from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.journey.test_imap import account, mail, tickets

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

SPOTS = (
    aimed.BEFORE_SEEN,
    aimed.AFTER_SEEN,
    aimed.BEFORE_THE_BUS,
    aimed.AFTER_THE_BUS,
    aimed.BEFORE_BOOKMARK,
    aimed.AFTER_BOOKMARK,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(server: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    aims: Path = tmp_path_factory.mktemp("aims")
    settings = {"PRIYOM_TEST_AIM": str(aims), **account(server, "support", batch="3")}
    with instance(settings=settings, program=aimed.PROGRAM) as running:
        yield running


@pytest.mark.parametrize("spot", [*SPOTS[:2], *(pytest.param(spot, marks=pytest.mark.slow) for spot in SPOTS[2:])])
def test_killed_around_seen_every_mail_is_one_ticket(priyom: Instance, server: Dovecot, spot: str) -> None:
    prefix = f"spot{SPOTS.index(spot)}-"
    wanted = [f"{prefix}{n}" for n in range(8)]
    before = priyom.quiet_ledger()["total"]
    old = priyom.part("front")
    connected = "SELECT account FROM channel_accounts WHERE condition = 'connected'"
    until("the mailbox is watched", lambda: priyom.rows(connected))
    armed = arm(priyom, "-".join(FRONT), spot)
    server.put("support", *(mail(key) for key in wanted))
    until(f"it has killed itself {spot}", lambda: not armed.exists())
    priyom.is_again("front", old)
    until("all are marked", lambda: server.unseen("support") == [])
    until("all are tickets", lambda: tickets(priyom, prefix) == wanted)
    after = priyom.quiet_ledger()["total"]
    assert after["ticketed"] - before["ticketed"] == len(wanted)
    again = after["duplicate"] - before["duplicate"]
    assert after["accepted"] - before["accepted"] == len(wanted) + again
    assert again <= 3  # a batch
    if spot in (aimed.BEFORE_SEEN, aimed.AFTER_SEEN, aimed.BEFORE_BOOKMARK):
        assert again > 0  # so it was killed where it should be


def test_a_new_uidvalidity_makes_no_second_tickets(priyom: Instance, server: Dovecot) -> None:
    wanted = [f"valid-{n:02}" for n in range(20)]
    server.put("support", *(mail(key) for key in wanted))
    until("all are tickets", lambda: tickets(priyom, "valid-") == wanted)
    until("all are marked", lambda: server.unseen("support") == [])
    before = priyom.quiet_ledger()["total"]
    mails = len(server.flags("support"))

    server.stop()
    server.forget_uids("support")
    server.start()
    server.put("support", mail("valid-new"))
    until("the new one is a ticket", lambda: "valid-new" in tickets(priyom, "valid-"))
    until("the rest was read again", lambda: priyom.ledger()["total"]["duplicate"] == before["duplicate"] + mails)
    after = priyom.quiet_ledger()["total"]
    assert after["ticketed"] == before["ticketed"] + 1
    assert tickets(priyom, "valid-") == sorted([*wanted, "valid-new"])
