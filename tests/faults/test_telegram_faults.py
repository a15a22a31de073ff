"""kill -9 of the receiving process in the middle of a batch of updates: exactly one effect each.

The oracle is the test's own list of what was written in the chats: each is one message, whatever was done again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.roles import FRONT
from tests.botapi import BotApi, botapi
from tests.faults import aimed
from tests.faults.aiming import arm
from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.journey.test_telegram import account

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

SPOTS = (
    aimed.AFTER_THE_BUS,
    aimed.BEFORE_BOOKMARK,
    aimed.BEFORE_THE_BUS,
    aimed.AFTER_BOOKMARK,
)


@pytest.fixture(scope="module")
def api() -> Iterator[BotApi]:
    with botapi() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(api: BotApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    aims: Path = tmp_path_factory.mktemp("aims")
    settings = {"PRIYOM_TEST_AIM": str(aims), **account(api, poll_s="1")}
    with instance(settings=settings, program=aimed.PROGRAM) as running:
        yield running


@pytest.mark.parametrize("spot", [*SPOTS[:2], *(pytest.param(spot, marks=pytest.mark.slow) for spot in SPOTS[2:])])
def test_killed_in_a_batch_every_update_has_one_effect(priyom: Instance, api: BotApi, spot: str) -> None:
    at = SPOTS.index(spot)
    before = priyom.quiet_ledger()["total"]
    old = priyom.part("front")
    until("the bot is watched", lambda: priyom.rows("SELECT 1 FROM channel_accounts WHERE condition = 'connected'"))
    people = [api.person(3_000 + 100 * at + number) for number in range(8)]
    wanted = [f"spot{at} {person.id} {number}" for person in people for number in range(5)]
    album = api.person(3_090 + 100 * at)
    armed = arm(priyom, "-".join(FRONT), spot)
    with api.together():
        for number in range(5):
            for person in people:
                person.write(f"spot{at} {person.id} {number}")
        album.send_album([b"one", b"two", b"three"], f"spot{at} album")
    until(f"it has killed itself {spot}", lambda: not armed.exists())
    priyom.is_again("front", old)
    until("all is confirmed", lambda: api.pending == [])
    until("all are there", lambda: len(_texts(priyom, at)) >= len(wanted) + 1)
    after = priyom.quiet_ledger()["total"]
    assert sorted(_texts(priyom, at)) == sorted([*wanted, f"spot{at} album"])
    grown = {name: after[name] - before[name] for name in after}
    assert grown["ticketed"] == len(people) + 1
    assert grown["appended"] == len(wanted) - len(people)
    assert grown["accepted"] == len(wanted) + 1 + grown["duplicate"]
    assert (grown["suppressed"], grown["quarantined"]) == (0, 0)
    files = "SELECT COUNT(*) AS n FROM attachments a JOIN messages m ON m.id = a.message_id"
    assert priyom.rows(f"{files} WHERE m.text = 'spot{at} album'") == [{"n": 3}]
    if spot in (aimed.AFTER_THE_BUS, aimed.BEFORE_BOOKMARK):
        assert grown["duplicate"] > 0  # so it was killed where it should be


def _texts(priyom: Instance, at: int) -> list[str]:
    rows = priyom.rows(f"SELECT text FROM messages WHERE direction = 'inbound' AND text LIKE 'spot{at} %'")
    return [row["text"] for row in rows]
