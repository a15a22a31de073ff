"""Ten thousand updates in disorder: duplicates, batches that come again, ids out of order; exactly one effect each."""

import random
from typing import Any

import pytest

from tests.botapi import BotApi, botapi
from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.journey.test_telegram import account

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(900)]


def _updates(api: BotApi, count: int, *, seed: int) -> list[dict[str, Any]]:
    """Of two sets of chats, one in order, the other shuffled within windows; every tenth comes again, under its own id,
    at once or much later."""
    dice = random.Random(seed)
    orderly = [api.person(number) for number in range(1_001, 1_041)]
    disorderly = [api.person(number) for number in range(2_001, 2_041)]
    made = []
    for number in range(count):
        person = dice.choice(orderly if number % 2 else disorderly)
        made.append({"update_id": 50_000 + number, "message": person.message(text=f"update {number}")})
    for start in range(0, count, 50):
        window = [one for one in made[start : start + 50] if one["message"]["from"]["id"] > 2_000]
        places = [at for at, one in enumerate(made[start : start + 50], start) if one in window]
        dice.shuffle(window)
        for at, one in zip(places, window, strict=True):
            made[at] = one
    again = dice.sample(made, count // 10)
    for one in again:
        at = made.index(one)
        made.insert(min(len(made), at + dice.choice((1, 3, 400))), one)
    return made


class _Disorder:
    """Hands a batch of updates out as they stand, confirmed ones again at times: at least once, as Telegram says."""

    def __init__(self, api: BotApi, updates: list[dict[str, Any]], *, seed: int) -> None:
        self._api = api
        self._batches = [updates[start : start + 100] for start in range(0, len(updates), 100)]
        self._dice = random.Random(seed)
        self._at = 0
        self.handed = 0
        api._offered = self.offered  # type: ignore[method-assign]

    @property
    def done(self) -> bool:
        return self._at >= len(self._batches)

    def offered(self, offset: int | None, _limit: int) -> list[dict[str, Any]]:
        if self._at and offset is not None:
            last = self._batches[self._at - 1]
            if offset <= max(one["update_id"] for one in last):
                return last
        if self.done:
            return []
        self._at += 1
        self.handed += 1
        if self._at > 2 and self._dice.random() < 0.1:  # an older one comes in between
            self._batches.insert(self._at - 1, list(self._batches[self._at - 3]))
        return self._batches[self._at - 1]


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_updates_in_disorder_have_one_effect_each(count: int) -> None:
    with botapi() as api:
        updates = _updates(api, count, seed=7)
        with instance(settings=account(api, poll_s="1")) as priyom:
            disorder = _Disorder(api, updates, seed=8)
            until("all is handed out", lambda: disorder.done, within=600)
            until("all is confirmed", lambda: len(_texts(priyom)) >= count, within=300, every=1.0)
            ledger = priyom.quiet_ledger(within=300)["total"]
            found = _texts(priyom)
            assert sorted(found) == sorted(f"update {number}" for number in range(count))
            assert ledger["ticketed"] + ledger["appended"] == count
            assert ledger["accepted"] == count + ledger["duplicate"]
            assert (ledger["suppressed"], ledger["quarantined"]) == (0, 0)
            rows = priyom.rows("SELECT author_id, COUNT(DISTINCT number) AS n FROM messages GROUP BY author_id")
            assert {row["n"] for row in rows if row["author_id"]} == {1}  # a chat's messages are one conversation


def _texts(priyom: Instance) -> list[str]:
    return [row["text"] for row in priyom.rows("SELECT text FROM messages WHERE direction = 'inbound'")]
