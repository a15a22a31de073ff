"""Quarantine, release, ledger sums, receipts, outbox."""

from datetime import timedelta

import pytest

from domain.errors import Conflict, NotFound
from domain.views import LedgerRow, Receipt, Scope
from store import Database, Dead
from tests.make import NOON, message, open_tickets, repeated, suppressed

ADMIN = Scope(reader="t", lines=None, admin=True)
AGENT = Scope(reader="t", lines=frozenset({"first"}))


def dead(envelope: str = "E-dead") -> Dead:
    return Dead(
        envelope_id=envelope,
        channel="email",
        account="smtp",
        origin="intake.email",
        reason="not an envelope payload",
        payload_blob="c" * 64,
    )


async def test_the_ledger_counts_every_outcome_once(database: Database) -> None:
    first, copy, auto = message(), message(), message()
    await open_tickets(database.store, [first])
    async with database.store.begin() as uow:
        await uow.recall([copy, auto], NOON)
        await uow.save([repeated(copy, 1, first.envelope_id), suppressed(auto)], NOON)
    assert await database.books.quarantine(dead(), NOON)
    row = LedgerRow(channel="email", accepted=0, ticketed=1, duplicate=1, suppressed=1, quarantined=1)
    assert await database.views.ledger() == [row]


async def test_a_dead_letter_that_comes_twice_is_held_once(database: Database) -> None:
    assert await database.books.quarantine(dead(), NOON) is True
    assert await database.books.quarantine(dead(), NOON) is False
    (held,) = await database.views.held(ADMIN)
    assert (held.outcome, held.origin, held.reason) == ("quarantined", "intake.email", "not an envelope payload")


async def test_a_release_moves_the_ledger_from_suppressed_to_ticketed(database: Database) -> None:
    held = message()
    async with database.store.begin() as uow:
        await uow.recall([held], NOON)
        await uow.save([suppressed(held)], NOON)
    (row,) = await database.views.held(ADMIN)
    release = await database.books.claim_release(row.id, "agent:1", NOON)
    assert (release.envelope_id, release.origin) == (held.envelope_id, "message.email")
    await open_tickets(database.store, [message(envelope_id=held.envelope_id, flags=("released",))])
    assert await database.views.ledger() == [LedgerRow(channel="email", accepted=0, ticketed=1)]
    shown = await database.views.held_one(ADMIN, row.id)
    assert (shown.ticket, shown.released_at) == (1, NOON)


async def test_a_release_is_refused_twice_but_may_be_tried_again_when_nothing_came_of_it(database: Database) -> None:
    await database.books.quarantine(dead(), NOON)
    (row,) = await database.views.held(ADMIN)
    await database.books.claim_release(row.id, "agent:1", NOON)
    with pytest.raises(Conflict):
        await database.books.claim_release(row.id, "agent:1", NOON + timedelta(seconds=30))
    await database.books.claim_release(row.id, "agent:1", NOON + timedelta(minutes=2))
    with pytest.raises(NotFound):
        await database.books.claim_release("unknown", "agent:1", NOON)


async def test_held_messages_are_shown_to_administrators_only(database: Database) -> None:
    await database.books.quarantine(dead(), NOON)
    (row,) = await database.views.held(ADMIN)
    assert await database.views.held(AGENT) == ()
    with pytest.raises(NotFound):
        await database.views.held_one(AGENT, row.id)


async def test_held_messages_come_page_by_page_newest_first(database: Database) -> None:
    for name in ("E1", "E2", "E3"):
        await database.books.quarantine(dead(name), NOON)
    first = await database.views.held(ADMIN, limit=2)
    rest = await database.views.held(ADMIN, limit=2, before=first[-1].id)
    assert [row.envelope_id for row in (*first, *rest)] == ["E3", "E2", "E1"]
    assert await database.views.held(ADMIN, outcome="suppressed") == []


async def test_a_receipt_says_what_became_of_an_envelope(database: Database) -> None:
    mail = message()
    await open_tickets(database.store, [mail])
    assert await database.views.receipt(mail.envelope_id) == Receipt(state="ticketed", ticket=1)
    assert await database.views.receipt("unknown") is None


async def test_the_floor_and_the_purge_are_remembered(database: Database) -> None:
    assert (await database.books.floor(), await database.books.purged_below()) == (0, 0)
    await database.books.set_floor(41)
    await database.books.set_floor(42)
    await database.books.count_purged({"email": 3}, below=4)
    await database.books.count_purged({"email": 2, "form": 1}, below=7)
    assert (await database.books.floor(), await database.books.purged_below()) == (42, 7)
    sums = {row.channel: row.accepted for row in await database.views.ledger()}
    assert sums == {"email": 5, "form": 1}


async def test_facts_wait_in_the_outbox_until_they_are_sent(database: Database) -> None:
    await open_tickets(database.store, [message()])
    assert await database.outbox.left(NOON, 10) == []
    rows = await database.outbox.left(NOON + timedelta(seconds=1), 10)
    assert [row.fact for row in rows] == ["ticket.created", "ticket.assigned"]
    assert rows[0].data["ticket"] == 1
    assert await database.outbox.waiting() == (2, NOON)
    await database.outbox.sent([row.id for row in rows])
    assert await database.outbox.waiting() == (0, None)
