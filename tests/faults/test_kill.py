"""kill -9 at any moment, of anything: what was answered 250 is exactly one ticket in the end.

The oracle is the senders' own ledger (``tests.journey.senders``).
"""

import pytest

from tests.journey.instance import Part, instance
from tests.journey.senders import Senders, hold_to_account, mails
from tests.journey.system import until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


def _some_are_taken(senders: Senders, more: int) -> None:
    """Until that many further mails are acknowledged: the kill falls into the load."""
    before = len(senders.acknowledged)
    until(f"{more} more are acknowledged", lambda: len(senders.acknowledged) >= before + more, every=0.01)


def test_five_times_kill_9_of_the_whole_instance_under_load_loses_and_doubles_nothing() -> None:
    with instance() as priyom, Senders(priyom.smtp, mails(100_000), connections=4) as senders:
        for _ in range(5):
            _some_are_taken(senders, 25)
            priyom.kill_whole()
            priyom.start()
        _some_are_taken(senders, 25)
        senders.finish()
        hold_to_account(priyom, senders)


@pytest.mark.parametrize("part", ["front", "work", "nats"])
def test_a_part_that_is_killed_under_load_is_started_again_and_nothing_is_lost(part: Part) -> None:
    with instance() as priyom, Senders(priyom.smtp, mails(100_000), connections=4) as senders:
        for _ in range(2):
            _some_are_taken(senders, 25)
            priyom.kill_part(part)
        _some_are_taken(senders, 25)
        senders.finish()
        hold_to_account(priyom, senders)


def test_mail_is_taken_into_the_spool_while_the_bus_stands_still_and_follows_in_order() -> None:
    before, during, after = mails(20, seed=1), mails(30, seed=2), mails(20, seed=3)
    with instance() as priyom:
        with Senders(priyom.smtp, before) as first:
            first.join()
        first_sent = first.envelopes
        priyom.wait_settled(first_sent)
        priyom.hold_part("nats")
        with Senders(priyom.smtp, during, connections=1) as second:
            second.join()
        assert [sent.words for sent in second.sent] == [["acknowledged"]] * len(during)
        assert [path.name.split(".")[1] for path in priyom.spooled()] == second.envelopes
        priyom.release_part("nats")
        with Senders(priyom.smtp, after) as third:
            third.join()
        priyom.wait_settled([*second.envelopes, *third.envelopes])

        assert priyom.quiet_ledger()["total"] == {
            "accepted": 70,
            "ticketed": 70,
            "appended": 0,
            "duplicate": 0,
            "suppressed": 0,
            "quarantined": 0,
            "in_flight": 0,
        }
        assert priyom.spooled() == []
        rows = priyom.rows("SELECT envelope_id FROM messages ORDER BY number")
        order = [row["envelope_id"] for row in rows]
        assert [envelope for envelope in order if envelope in second.envelopes] == second.envelopes


def test_a_bus_that_dies_again_and_again_only_delays_mail() -> None:
    with instance() as priyom, Senders(priyom.smtp, mails(100_000), connections=4) as senders:
        for _ in range(3):
            _some_are_taken(senders, 15)
            priyom.kill_part("nats")
        _some_are_taken(senders, 15)
        senders.finish()
        assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
        hold_to_account(priyom, senders)
