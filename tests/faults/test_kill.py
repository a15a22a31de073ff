"""kill -9 at any moment, of anything: what was answered 250 is exactly one ticket in the end.

The oracle is the senders' own ledger (``tests.journey.senders``).
"""

from pathlib import Path

import nats as nats_client
import pytest

from tests.journey.conversation import conversation, ticketed
from tests.journey.instance import Instance, Part, instance
from tests.journey.senders import Senders, endless, hold_to_account, mails
from tests.journey.system import await_here, children_of

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


def test_five_times_kill_9_of_the_whole_instance_under_load_loses_and_doubles_nothing() -> None:
    with instance() as priyom, Senders(priyom.smtp, endless(), connections=4) as senders:
        for _ in range(5):
            senders.take(25)
            priyom.kill_whole()
            priyom.start()
        senders.take(25)
        senders.finish()
        hold_to_account(priyom, senders)


def test_a_supervisor_killed_alone_takes_its_children_along_and_the_next_start_waits_for_them() -> None:
    with instance(settings={"PRIYOM_GRACE": "4"}) as priyom, conversation(priyom.smtp) as endless_one:
        endless_one.begin()  # keeps the front from ending before its grace time is over
        assert priyom.process is not None
        orphans = children_of(priyom.process.pid)
        assert len(orphans) >= 3
        priyom.process.kill()
        priyom.process.wait(20)
        priyom.start()
        assert [pid for pid in orphans if (Path("/proc") / str(pid)).exists()] == []
        assert ticketed(priyom, b"From: a@client.example\r\nSubject: Still here\r\n\r\nx") == 1


@pytest.mark.parametrize(("part", "seed"), [("front", 21), ("work", 22), ("nats", 23), ("parse", 24)])
def test_a_part_that_is_killed_under_load_is_started_again_and_nothing_is_lost(
    priyom: Instance, part: Part, seed: int
) -> None:
    with Senders(priyom.smtp, endless(seed=seed), connections=4) as senders:
        for _ in range(2):
            senders.take(25)
            priyom.kill_part(part)
        senders.take(25)
        senders.finish()
        hold_to_account(priyom, senders)


def test_mail_is_taken_into_the_spool_while_the_bus_stands_still_and_follows_in_order() -> None:
    before, during, after = mails(20, seed=1), mails(30, seed=2), mails(20, seed=3)
    with instance() as priyom:
        with Senders(priyom.smtp, before, connections=1) as first:
            first.join()
        first_sent = first.envelopes
        priyom.wait_settled(first_sent)
        priyom.hold_part("nats")
        with Senders(priyom.smtp, during, connections=1) as second:
            second.join()
        assert [sent.words for sent in second.sent] == [["acknowledged"]] * len(during)
        assert [path.name.split(".")[1] for path in priyom.spooled()] == second.envelopes
        priyom.release_part("nats")
        with Senders(priyom.smtp, after, connections=1) as third:
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
        assert await_here(lambda: _raw_log(priyom)) == [*first_sent, *second.envelopes, *third.envelopes]


async def _raw_log(priyom: Instance) -> list[str]:
    """The accepted envelopes in the order of the raw log."""
    client = await nats_client.connect(priyom.endpoints["nats"])
    stream = client.jetstream()
    last = (await stream.stream_info("INTAKE")).state.last_seq
    stored = [await stream.get_msg("INTAKE", seq=sequence) for sequence in range(1, last + 1)]
    await client.close()
    return [str((message.headers or {})["Priyom-Envelope"]) for message in stored]


def test_a_bus_that_dies_again_and_again_only_delays_mail(priyom: Instance) -> None:
    with Senders(priyom.smtp, endless(seed=24), connections=4) as senders:
        for _ in range(3):
            senders.take(15)
            priyom.kill_part("nats")
        senders.take(15)
        senders.finish()
        assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
        hold_to_account(priyom, senders)
