"""Peers that hang up, dawdle or are in the middle of a mail when we are told to stop."""

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.conftest import CONNECTIONS
from tests.journey.conversation import conversation, send
from tests.journey.instance import Instance, instance
from tests.journey.senders import Senders, endless, hold_to_account
from tests.journey.system import until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

MAIL = b"From: a@client.example\r\nSubject: %s\r\nMessage-ID: <%s@client.example>\r\n\r\nThe body."


def _files(priyom: Instance) -> int:
    """Open files of the front process: what a leaked connection would be one of."""
    from pathlib import Path

    return len(list(Path(f"/proc/{priyom.part('front')}/fd").iterdir()))


def test_a_mail_whose_connection_is_cut_in_its_middle_is_not_accepted_and_leaves_nothing(priyom: Instance) -> None:
    send(priyom.smtp, MAIL % (b"warm", b"warm"))
    before, files = priyom.quiet_ledger()["total"], _files(priyom)
    for cut in (b"", b"From: a@client.example\r\n", MAIL % (b"cut", b"cut"), MAIL % (b"cut", b"cut") + b"\r\n."):
        for _ in range(5):
            with conversation(priyom.smtp) as talking:
                talking.begin()
                talking.write(cut)
    until("the connections are gone", lambda: _files(priyom) <= files, within=30)

    number = priyom.outcome(priyom.envelope_of(send(priyom.smtp, MAIL % (b"after", b"after"))))["number"]
    assert priyom.ticket(number)["subject"] == "after"
    after = priyom.quiet_ledger()["total"]
    assert after["accepted"] == before["accepted"] + 1
    assert priyom.rows("SELECT number FROM tickets WHERE subject = 'cut'") == []


def _addresses() -> Iterator[str]:
    """Each for as many connections as one address may have, less a few."""
    return (f"127.0.1.{1 + number // 45}" for number in itertools.count())


def test_five_hundred_slow_and_half_open_connections_keep_nobody_elses_mail_out(priyom: Instance) -> None:
    with contextlib.ExitStack() as stack:
        addresses = _addresses()
        slow = [stack.enter_context(conversation(priyom.smtp, next(addresses))) for _ in range(500)]
        assert {talking.greeting[:3] for talking in slow} == {"220"}
        for talking in slow[::2]:
            talking.begin()
            talking.write(b"From: slow@client.example\r\nSubj")
        taken = [priyom.envelope_of(send(priyom.smtp, MAIL % (b"quick", b"quick%d" % n))) for n in range(20)]
        priyom.wait_settled(taken)
        assert {priyom.settled()[envelope]["outcome"] for envelope in taken} == {"ticketed"}
        # And the slow ones are still served.
        slow[0].write(b"ect: slow\r\n\r\nAt last.\r\n.\r\n")
        assert priyom.outcome(priyom.envelope_of(slow[0].reply()))["outcome"] == "ticketed"

        # So are all that there is room for, and nobody beyond.
        rest = [stack.enter_context(conversation(priyom.smtp, next(addresses))) for _ in range(CONNECTIONS - 500)]
        assert {talking.greeting[:3] for talking in rest} == {"220"}
        assert _greeting(priyom, "127.0.0.1") == "421"
        assert slow[1].say("NOOP")[:3] == "250"
    until("there is room again", lambda: _greeting(priyom, "127.0.0.1") == "220", within=30)


def test_one_address_gets_its_share_of_connections_and_the_others_theirs(priyom: Instance) -> None:
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(conversation(priyom.smtp, "127.0.0.9")) for _ in range(51)]
        assert [talking.greeting[:3] for talking in greedy] == ["220"] * 50 + ["421"]
        assert stack.enter_context(conversation(priyom.smtp)).greeting[:3] == "220"
    until("there is room again", lambda: _greeting(priyom, "127.0.0.9") == "220", within=30)


def _greeting(priyom: Instance, source: str) -> str:
    with conversation(priyom.smtp, source) as talking:
        return talking.greeting[:3]


def test_told_to_stop_it_finishes_the_mail_in_hand_and_tells_everybody_else_to_come_again() -> None:
    with instance() as priyom, conversation(priyom.smtp) as sending, conversation(priyom.smtp) as idle:
        idle.say("EHLO idle.example")
        sending.begin()
        sending.write(MAIL % (b"in-hand", b"in-hand"))
        assert priyom.process is not None
        priyom.process.send_signal(signal.SIGTERM)
        assert idle.reply() == "421 4.3.2 Service is shutting down"
        assert idle.reply() == ""
        sending.write(b"\r\n.\r\n")
        envelope = priyom.envelope_of(sending.reply())
        assert sending.reply() == "421 4.3.2 Service is shutting down"
        assert priyom.process.wait(60) == 0
        priyom.start()
        assert priyom.outcome(envelope)["outcome"] == "ticketed"
        assert priyom.quiet_ledger()["total"]["accepted"] == 1


def test_a_mail_that_does_not_end_within_the_grace_time_hears_421_and_the_process_ends_in_time() -> None:
    grace = 3.0
    with instance(settings={"PRIYOM_GRACE": str(grace)}) as priyom, conversation(priyom.smtp) as endless:
        endless.begin()
        endless.write(MAIL % (b"endless", b"endless"))
        assert priyom.process is not None
        began = time.monotonic()
        priyom.process.send_signal(signal.SIGTERM)
        assert endless.reply() == "421 4.3.2 Service is shutting down"
        assert priyom.process.wait(60) == 0
        assert time.monotonic() - began < grace + 25  # and what the supervisor and the bus need to end
        assert "role.cut_off" not in priyom.log()
        priyom.start()
        assert priyom.quiet_ledger()["total"]["accepted"] == 0


def test_stopping_under_load_and_starting_again_loses_nothing() -> None:
    with instance() as priyom, Senders(priyom.smtp, endless(), connections=4) as senders:
        for _ in range(3):
            before = len(senders.acknowledged)
            until("some are taken", lambda before=before: len(senders.acknowledged) > before + 20, every=0.01)
            assert priyom.stop() == 0, priyom.logs()
            priyom.start()
        senders.finish()
        hold_to_account(priyom, senders)
