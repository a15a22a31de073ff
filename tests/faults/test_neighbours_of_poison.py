"""What hostile mail costs the mail beside it: the time from "accepted" to "ticket", with and without, in one run."""

import itertools
import json
import time
from collections.abc import Sequence
from datetime import datetime

import pytest

from tests.faults.poison import poison
from tests.journey.conversation import conversation
from tests.journey.instance import Instance, instance
from tests.journey.senders import mails

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

PACE = 0.05
FLOOR = 0.2


def _paced(priyom: Instance, neighbours: Sequence[bytes], hostile: Sequence[bytes]) -> list[str]:
    """Sends them at a steady pace, one of each at a time; the neighbours' envelopes."""
    good, bad = [], []
    due = time.monotonic()
    with conversation(priyom.smtp) as talking:
        for mail, evil in itertools.zip_longest(neighbours, hostile):
            if evil is not None:
                bad.append(priyom.envelope_of(talking.mail(evil)))
            good.append(priyom.envelope_of(talking.mail(mail)))
            due += PACE
            time.sleep(max(due - time.monotonic(), 0))
    priyom.wait_settled([*good, *bad])
    return good


def _p95(priyom: Instance, envelopes: Sequence[str]) -> float:
    """Seconds from the line that says accepted to the one that says settled, by one machine's clock."""
    at: dict[tuple[str, str], datetime] = {}
    for line in priyom.log().splitlines():
        if '"message.accepted"' in line or '"message.settled"' in line:
            told = json.loads(line)
            at.setdefault((told["event"], told["envelope"]), datetime.fromisoformat(told["at"]))
    took = sorted((at["message.settled", e] - at["message.accepted", e]).total_seconds() for e in envelopes)
    assert len(took) == len(envelopes)
    return took[int(len(took) * 0.95)]


def test_a_hundred_hostile_mails_do_not_make_their_neighbours_wait() -> None:
    every = [mail.raw.removesuffix(b"\r\n") for mail in mails(220, seed=19)]
    with instance() as priyom:
        _paced(priyom, every[:20], poison()[:20])  # warm
        alone = _p95(priyom, _paced(priyom, every[20:120], ()))
        beside = _p95(priyom, _paced(priyom, every[120:], poison()))
        assert beside < 3 * alone + FLOOR, f"p95 alone {alone:.3f} s, beside poison {beside:.3f} s"
        priyom.quiet_ledger()
