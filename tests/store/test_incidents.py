"""Monitoring systems' tickets on both databases: which are in work, whom they are linked to, how they close."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from domain.clocks import ClockRecord
from domain.effects import Appended, Changed
from domain.facts import TicketMarked
from domain.message import Address, Message
from domain.status import Status
from domain.ticket import Incident
from domain.views import Scope
from store import Database
from store.incidents import query
from tests.make import NOON, appended, message, open_tickets, opened

EVERY = Scope(reader="t", lines=None)


def alert(status: str = "firing", handle: str = "h1", **changes: Any) -> Message:
    values: dict[str, Any] = {
        "channel": "alert",
        "account": "prometheus",
        "sender": Address(channel="alert", address="prometheus"),
        "conversation": (handle,),
        "flags": (f"alert_{status}",),
    }
    return message(**{**values, **changes})


async def open_alert(database: Database, *, handle: str = "h1", **changes: Any) -> int:
    [number] = await open_tickets(database.store, [alert(handle=handle)], channel="alert", **changes)
    return number


async def join(database: Database, number: int, source: Message, status: Status | None = None, **changes: Any) -> None:
    async with database.store.begin() as uow:
        known = await uow.recall([source], NOON)
        author = known.identities[source.sender.channel, source.sender.address].id
        effect = replace(appended(number, author, source, status), **changes)
        await uow.save([effect], NOON + timedelta(minutes=1))


async def in_work(database: Database, most: int = 50) -> list[Incident]:
    async with database.store.begin() as uow:
        return list(await uow.incidents(most))


async def standing(database: Database, number: int) -> tuple[Status, datetime | None]:
    async with database.store.begin() as uow:
        state = (await uow.states([number]))[number]
    return state.status, state.closed_at


async def untouched(database: Database, handle: str = "h1") -> bool:
    async with database.store.begin() as uow:
        known = await uow.recall([alert(handle=handle)], NOON)
    [ticket] = known.tickets.values()
    return ticket.untouched


async def test_open_alerts_that_still_fire_are_in_work_the_latest_first(database: Database) -> None:
    await open_tickets(database.store, [message()])
    first = await open_alert(database, catalog="cash", fields={"product": "till"})
    second = await open_alert(database, handle="h2", catalog="stock", fields={"product": 7})
    assert await in_work(database) == [
        Incident(number=second, catalog="stock", product="", at=NOON),
        Incident(number=first, catalog="cash", product="till", at=NOON),
    ]
    assert [each.number for each in await in_work(database, 1)] == [second]


async def test_what_is_over_is_in_work_no_more_though_its_ticket_is_open(database: Database) -> None:
    number = await open_alert(database)
    await join(database, number, alert("resolved"))
    assert await in_work(database) == []
    await join(database, number, alert(received_at=NOON + timedelta(minutes=2)))


async def test_a_closed_ticket_is_in_work_no_more_and_closed_when_its_alert_was_over(database: Database) -> None:
    number = await open_alert(database)
    clocks: tuple[ClockRecord, ...] = ()
    await join(database, number, alert("resolved"), Status.CLOSED, clocks=clocks, timers=())
    assert await in_work(database) == []
    assert await standing(database, number) == (Status.CLOSED, NOON + timedelta(minutes=1))


async def test_several_moves_of_one_batch_leave_the_last_one_standing(database: Database) -> None:
    first, over, again = alert(), alert("resolved"), alert()
    async with database.store.begin() as uow:
        known = await uow.recall([first, over, again], NOON)
        author = known.identities["alert", "prometheus"].id
        [number] = await uow.next_numbers(1)
        ends: list[Appended] = [
            appended(number, author, over, Status.CLOSED),
            appended(number, author, again, Status.IN_PROGRESS),
        ]
        await uow.save([opened(number, author, first, channel="alert"), *ends], NOON)
    assert await standing(database, number) == (Status.IN_PROGRESS, None)


async def test_a_request_is_linked_in_the_transaction_that_opens_it(database: Database) -> None:
    cause = await open_alert(database)
    source = message()
    async with database.store.begin() as uow:
        known = await uow.recall([source], NOON)
        author = known.identities[source.sender.channel, source.sender.address].id
        [number] = await uow.next_numbers(1)
        await uow.save([replace(opened(number, author, source), caused_by=cause)], NOON)
    links = [(each.number, each.relation) for each in (await database.views.ticket(EVERY, number)).links]
    assert links == [(cause, "caused_by")]
    assert [each.number for each in (await database.views.ticket(EVERY, cause)).links] == [number]


async def test_a_ticket_is_untouched_until_somebody_does_something(database: Database) -> None:
    number = await open_alert(database)
    assert await untouched(database) is True
    for by, after in (("timekeeper", True), ("agent:A1", False)):
        async with database.store.begin() as uow:
            state = (await uow.states([number]))[number]
            fact = TicketMarked(ticket=number, at=NOON, by=by, line=state.line, flag=f"by-{by}")
            await uow.change([Changed(before=state, after=state, facts=(fact,))], NOON)
        assert await untouched(database) is after


async def test_nothing_of_this_is_told_of_other_tickets(database: Database) -> None:
    await open_tickets(database.store, [message(conversation=("h9",))])
    assert await untouched(database, "h9") is False


async def test_open_alerts_are_found_by_an_index_that_holds_no_other_tickets(database: Database) -> None:
    if database.engines.write.dialect.name != "sqlite":  # with few rows PostgreSQL reads the table
        return
    statement = str(query(50).compile(database.engines.write, compile_kwargs={"literal_binds": True}))
    async with database.engines.write.begin() as connection:
        plan = [row.detail for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]
    assert any("ix_tickets_alerts" in line for line in plan), plan
    assert not any(line.startswith("SCAN tickets") and "INDEX" not in line for line in plan), plan
