"""Telephone calls in a real database: thousands of events in disorder, over two routers, and each has one effect."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as listening
from sqlalchemy import text

from domain.errors import Temporary
from domain.message import Message
from domain.policy import Policy
from domain.views import LedgerRow, Scope
from gateway.system import SystemClock, UlidIds
from router.service import Router
from store import Database
from tests.fakes_store import FixedClock, FixedPolicy
from tests.make import message
from tests.router.make import SECRET
from tests.router.phone import again, completed, cut, digits, event, recording, transcript
from tests.router.policies import NOW, make_policy

ADMIN = Scope(reader="t", lines=None, admin=True)
WAIT = timedelta(minutes=10)
POLICY = make_policy()


def router(database: Database, clock: FixedClock | None = None, policy: Policy = POLICY) -> Router:
    return Router(database.store, FixedPolicy(policy), clock or FixedClock(NOW), UlidIds(), SECRET)


@pytest.fixture
async def second(database: Database) -> AsyncIterator[Database]:
    """The same database as another process has it."""
    url = database.engines.write.url.render_as_string(hide_password=False)
    other = Database(url, ids=UlidIds(), clock=SystemClock())
    yield other
    await other.close()


async def rows(database: Database, query: str) -> list[Any]:
    async with database.engines.read.connect() as connection:
        return list(await connection.execute(text(query)))


async def route(routers: list[Router], batches: list[list[Message]]) -> None:
    """Each router takes the next batch that is left; what another was faster with is tried again, as the bus does."""
    left = iter(batches)

    async def work(router: Router) -> None:
        for batch in left:
            for _ in range(20):
                try:
                    routed = await router.route(batch)
                except Temporary:
                    continue
                assert not routed.failed, routed.failed
                break
            else:
                raise AssertionError("twenty attempts were not enough")

    await asyncio.gather(*map(work, routers))


def events_of(call: str) -> list[Message]:
    """Seven events; their last transcript names the recording alone."""
    return [
        digits(call, "2"),
        digits(call, "3", seq=3, fields={"contract": f"77-{call}"}),
        event(call, "heard", "Не раб", transcript_status="partial", seq=4),
        recording(call),
        completed(call),
        transcript(call, f"Вопрос {call}.", 1),
        transcript(call, f"Вопрос {call}, ещё раз.", 2, keys=("recording", "transcript"), caller=None),
    ]


async def test_the_events_of_two_thousand_calls_in_disorder_have_one_effect_each(
    database: Database, second: Database
) -> None:
    calls = [str(number) for number in range(1, 2001)]
    chance = random.Random(4)
    events = [each for call in calls for each in events_of(call)]
    copies = [again(each) for each in chance.sample(events, len(events) // 10)]
    arrived = [*events, *copies, *chance.sample(events, 500)]  # the last are deliveries of the bus that come once more
    chance.shuffle(arrived)
    several = database.engines.write.dialect.name == "postgresql"
    await route([router(database), *([router(second)] if several else ())], cut(arrived, [200]))

    tickets = await rows(database, "SELECT number, subject, fields FROM tickets")
    assert {row.subject: json.loads(row.fields) for row in tickets} == {
        f"Вопрос {call}, ещё раз": {
            "contract": f"77-{call}",
            "call_recording": f"https://pbx.example/{call}.wav",
            "call_duration_s": 74,
        }
        for call in calls
    }
    assert len(tickets) == len(calls)
    assert await database.views.ledger() == [
        LedgerRow(
            channel="ivr",
            accepted=0,
            ticketed=len(calls),
            appended=len(events) - len(calls),
            duplicate=len(copies),
        )
    ]
    lines = await rows(database, "SELECT envelope_id, outcome, number FROM ledger")
    assert len(lines) == len(events) + len(copies)
    settled = {(row.envelope_id.split("-")[1], row.number) for row in lines if row.outcome != "duplicate"}
    assert len(settled) == len(calls), "all events of a call are of one ticket"
    assert await rows(database, "SELECT 1 FROM held") == []
    kept = await rows(
        database, "SELECT state, count(*) AS n, count(DISTINCT number) AS numbers FROM calls GROUP BY state"
    )
    assert [tuple(row) for row in kept] == [("ticketed", len(calls), len(calls))]
    assert (await rows(database, "SELECT count(*) AS n FROM call_events"))[0].n == len(events)


async def test_a_call_without_a_transcript_is_held_and_then_taken_once_by_several_timekeepers(
    database: Database, second: Database
) -> None:
    clock = FixedClock(NOW)
    here, there = router(database, clock), router(second, clock)
    await here.route([each for call in ("1", "2", "3") for each in (digits(call), completed(call), recording(call))])
    held = await database.views.held(ADMIN)
    assert {(row.outcome, row.reason) for row in held} == {("suppressed", "waits for the transcript of its call")}
    assert await database.views.ledger() == [LedgerRow(channel="ivr", accepted=0, suppressed=9)]

    clock.at = NOW + WAIT - timedelta(seconds=1)
    assert (await here.overdue_calls()).effects == ()
    clock.at = NOW + WAIT
    taken = await asyncio.gather(*(each.overdue_calls() for each in (here, there, here, there)))
    assert sorted(len(each.effects) for each in taken) == [0, 0, 0, 3]
    assert await database.views.ledger() == [LedgerRow(channel="ivr", accepted=0, ticketed=3, appended=6)]
    assert list(await database.views.held(ADMIN)) == []
    found = await rows(database, "SELECT fields, flags FROM tickets ORDER BY number")
    assert [json.loads(row.flags)[0] for row in found] == ["no_transcript"] * 3
    assert (await here.overdue_calls()).effects == ()


async def test_a_parked_event_that_is_released_takes_its_call_with_it(database: Database) -> None:
    here = router(database)
    pressed, ended = digits(), completed()
    await here.route([pressed, ended])
    row = next(row for row in await database.views.held(ADMIN) if row.envelope_id == ended.envelope_id)
    await database.books.claim_release(row.id, "agent:1", NOW)
    released = replace(ended, flags=(*ended.flags, "released"))
    assert [effect.outcome for effect in (await here.route([released, released])).effects] == ["ticketed"]
    assert (await here.route([released])).effects == ()
    assert await database.views.ledger() == [LedgerRow(channel="ivr", accepted=0, ticketed=1, appended=1)]
    (left,) = await database.views.held(ADMIN)
    assert (left.envelope_id, left.ticket) == (ended.envelope_id, 1)


async def test_two_calls_that_turn_out_to_be_one_are_one_ticket(database: Database) -> None:
    here = router(database)
    words = transcript(keys=("recording", "transcript"), caller=None)
    await here.route([words])
    await here.route([digits()])
    assert [row.n for row in await rows(database, "SELECT count(*) AS n FROM calls")] == [2]
    routed = await here.route([recording()])
    assert [effect.outcome for effect in routed.effects] == ["ticketed"]
    found = await rows(database, "SELECT state, number FROM calls")
    assert [tuple(row) for row in found] == [("ticketed", 1)]
    assert await database.views.ledger() == [LedgerRow(channel="ivr", accepted=0, ticketed=1, appended=2)]
    [ticket] = await rows(database, "SELECT subject, requester_id FROM tickets")
    [caller] = await rows(database, "SELECT id FROM identities WHERE channel = 'phone'")
    assert (ticket.subject, ticket.requester_id) == ("Не работает печать", caller.id)


async def test_who_called_is_who_asks_once_it_is_known(database: Database) -> None:
    here = router(database)
    await here.route([transcript(caller=None)])
    await here.route([completed()])
    [ticket] = await rows(database, "SELECT number, requester_id, version FROM tickets")
    [caller] = await rows(database, "SELECT id FROM identities WHERE channel = 'phone'")
    assert ticket.requester_id == caller.id
    assert [row.identity_id for row in await rows(database, "SELECT identity_id FROM participants")] == [caller.id]
    [ended] = [each for each in (await database.views.ticket(ADMIN, ticket.number)).messages if not each.text]
    assert ended.call is not None
    assert (ended.call.number, ended.call.duration_s) == ("+79161234567", 74)


async def test_what_a_later_transcript_says_is_what_queues_and_search_show(database: Database) -> None:
    here = router(database)
    await here.route([transcript(text="Остатки.", revision=1)])
    await here.route([transcript(text="Счёт не пришёл.", revision=2)])
    await here.route([transcript(text="Остаток.", revision=1, name="late")])
    [ticket] = await rows(database, "SELECT subject, preview, catalog, version FROM tickets")
    assert tuple(ticket)[:3] == ("Счёт не пришёл", "Счёт не пришёл.", "billing/invoices")
    shown = await rows(database, "SELECT text, flags FROM messages ORDER BY envelope_id")
    assert [tuple(row) for row in shown] == [
        ("Остаток.", '["superseded"]'),
        ("Остатки.", "[]"),
        ("Счёт не пришёл.", "[]"),
    ]
    facts = await rows(database, "SELECT fact, \"by\" FROM facts WHERE fact = 'ticket.classified'")
    assert [tuple(row) for row in facts] == [("ticket.classified", "router")]


async def test_mail_alone_costs_not_one_statement_more(database: Database) -> None:
    """The statements of a batch of mail name no table of calls."""
    said: list[str] = []
    engines = [database.engines.write.sync_engine]
    if database.engines.batches is not None:
        engines.append(database.engines.batches)
    for engine in engines:
        listening.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_rest: said.append(statement))
    await router(database).route([message(), message()])
    assert len(said) > 10
    assert [statement for statement in said if "call" in statement.lower()] == []
