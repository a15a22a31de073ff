"""Ten thousand signed posts of a telephone system, in disorder and some of them twice: each has exactly one effect."""

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.journey.instance import Instance, instance

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow, pytest.mark.timeout(900)]

SECRET = "a secret of the telephone system"
CALLS, COPIES, CLIENTS = 1_800, 1_000, 4


@pytest.fixture
def switchboard() -> Iterator[Instance]:
    settings = {"PRIYOM_CHANNELS__IVR__PBX__DIALECT": "canonical", "PRIYOM_CHANNELS__IVR__PBX__SECRET": SECRET}
    with instance(settings=settings) as running:
        yield running


def _events(number: int) -> list[dict[str, Any]]:
    """Five events of a call; its second transcript knows the recording alone."""
    call, recording = f"call-{number}", {"id": f"rec-{number}", "url": f"https://pbx.example.net/{number}.wav"}
    head = {"schema": "ivr.v1", "provider": "pbx"}
    told = {"id": call, "from_raw": f"+7916{number:07}", "to": "+74951234567"}
    menu = {"digits": "2", "path": ["main", "2"], "answers": {"contract": f"77-{number}"}}

    def words(text: str, revision: int, status: str = "final") -> dict[str, Any]:
        return {"status": status, "revision": revision, "text": text, "language": "ru-RU", "confidence": 0.9}

    return [
        {**head, "event": "call.updated", "event_id": "menu", "seq": 1, "call": told, "ivr": menu},
        {**head, "event": "call.completed", "event_id": "end", "seq": 2, "call": {**told, "duration_s": 60 + number}},
        {**head, "event": "call.updated", "event_id": "rec", "seq": 3, "call": told, "recording": recording},
        {
            **head,
            "event": "transcript.ready",
            "event_id": "w1",
            "call": told,
            "transcript": words("Не то.", 1, "partial"),
        },
        {
            **head,
            "event": "transcript.ready",
            "event_id": "w2",
            "call": {"id": ""},
            "recording": {"id": recording["id"]},
            "transcript": words(f"Вопрос {number}.", 2),
        },
    ]


async def _post_all(url: str, bodies: list[bytes]) -> tuple[Counter[int], set[str]]:
    """By a few clients at once; what is refused for lack of room is sent again. Statuses and envelopes."""
    left, statuses, envelopes = iter(bodies), Counter[int](), set[str]()

    async def client() -> None:
        async with aiohttp.ClientSession() as session:
            for body in left:
                while True:
                    stamp = str(int(time.time()))
                    signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
                    headers = {
                        "Content-Type": "application/json",
                        "X-Intake-Timestamp": stamp,
                        "X-Intake-Signature": signature,
                    }
                    async with session.post(url, data=body, headers=headers) as answer:
                        if answer.status == 503:
                            await asyncio.sleep(float(answer.headers["Retry-After"]))
                            continue
                        statuses[answer.status] += 1
                        envelopes.add((await answer.json())["id"])
                        break

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return statuses, envelopes


def test_ten_thousand_posts_are_as_many_tickets_as_there_were_calls(switchboard: Instance) -> None:
    chance = random.Random(7)
    events = [json.dumps(event).encode() for number in range(1, CALLS + 1) for event in _events(number)]
    bodies = [*events, *chance.sample(events, COPIES)]
    assert len(bodies) == 10_000
    chance.shuffle(bodies)

    url = f"{switchboard.endpoints['http']}/hooks/ivr/pbx"
    statuses, envelopes = asyncio.run(_post_all(url, bodies))
    assert set(statuses) <= {200, 202}, statuses
    assert statuses.total() == len(bodies)
    assert len(envelopes) == len(events), "an event has one envelope, however often it came"

    switchboard.wait_settled(envelopes, within=600)
    total = switchboard.quiet_ledger(within=120)["total"]
    assert total["accepted"] >= len(events)
    assert (total["ticketed"], total["suppressed"], total["quarantined"]) == (CALLS, 0, 0)
    assert total["appended"] == len(events) - CALLS
    tickets = switchboard.rows("SELECT subject, fields FROM tickets")
    assert len(tickets) == CALLS
    assert {row["subject"]: json.loads(row["fields"]) for row in tickets} == {
        f"Вопрос {number}.": {
            "contract": f"77-{number}",
            "call_recording": f"https://pbx.example.net/{number}.wav",
            "call_duration_s": 60 + number,
        }
        for number in range(1, CALLS + 1)
    }
    assert switchboard.rows("SELECT state, count(*) AS n FROM calls GROUP BY state") == [
        {"state": "ticketed", "n": CALLS}
    ]
    assert switchboard.rows("SELECT 1 FROM held") == []
