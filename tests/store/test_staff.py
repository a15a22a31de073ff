"""What assignment reads of agents and of tickets that are nobody's."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from domain.effects import Changed
from domain.people import Worker
from domain.status import Status
from domain.ticket import Priority
from store import Database
from store.recall import tickets
from store.tables import AgentAudienceRow, AgentGroupRow, AgentRow, AgentSkillRow
from store.tables.base import table
from tests.make import NOON, message, open_tickets


async def _agent(database: Database, name: str, lines: Iterable[str], **columns: Any) -> str:
    agent = await database.accounts.add_agent(email=f"{name}@example.org", name=name, lines=lines, admin=False)
    if columns:
        rows = table(AgentRow)
        async with database.engines.write.begin() as connection:
            await connection.execute(update(rows).where(rows.c.id == agent.id).values(**columns))
    return agent.id


async def _workers(database: Database, *lines: str) -> dict[str, Worker]:
    async with database.store.begin() as uow:
        return {worker.name: worker for worker in await uow.workers(lines)}


async def test_the_active_agents_of_the_lines_come_with_all_that_assignment_asks(database: Database) -> None:
    vera = await _agent(
        database, "Vera", ["first", "second"], presence="away", away_until=NOON, calendar="office", capacity=7
    )
    await _agent(database, "Gone", ["first"], active=False)
    await _agent(database, "Elsewhere", ["third"])
    async with database.engines.write.begin() as connection:
        await connection.execute(insert(table(AgentGroupRow)).values(agent_id=vera, line="first", group="billing"))
        await connection.execute(insert(table(AgentSkillRow)).values(agent_id=vera, skill="databases", level=2))
        await connection.execute(insert(table(AgentAudienceRow)).values(agent_id=vera, audience="retail"))
    assert await _workers(database, "first", "second") == {
        "Vera": Worker(
            id=vera,
            name="Vera",
            lines=frozenset({"first", "second"}),
            groups=frozenset({("first", "billing")}),
            skills={"databases": 2},
            presence="away",
            away_until=NOON,
            calendar="office",
            capacity=7,
            audiences=frozenset({"retail"}),
        )
    }


async def test_in_hand_is_what_is_work_now(database: Database) -> None:
    vera = await _agent(database, "Vera", ["first"])
    numbers = await open_tickets(database.store, [message() for _ in range(4)])
    statuses = (Status.IN_PROGRESS, Status.IN_PROGRESS, Status.WAITING_REQUESTER, Status.CLOSED)
    async with database.engines.write.begin() as connection:
        for number, status in zip(numbers, statuses, strict=True):
            where = update(tickets).where(tickets.c.number == number)
            await connection.execute(where.values(assignee_id=vera, status=status.value))
    assert (await _workers(database, "first"))["Vera"].in_hand == {"p3": 2}


async def test_what_is_nobodys_comes_with_the_most_urgent_first(database: Database) -> None:
    numbers = await open_tickets(database.store, [message() for _ in range(5)])
    vera = await _agent(database, "Vera", ["first"])
    changes: list[dict[str, Any]] = [
        {},
        {"priority": Priority.P1.value},
        {"assignee_id": vera},
        {"line": "second"},
        {"status": Status.FEEDBACK.value},
    ]
    async with database.engines.write.begin() as connection:
        for number, values in zip(numbers, changes, strict=True):
            if values:
                await connection.execute(update(tickets).where(tickets.c.number == number).values(**values))
    async with database.store.begin() as uow:
        assert list(await uow.unassigned(["first"], 10)) == [numbers[1], numbers[0]]
        assert list(await uow.unassigned(["first"], 1)) == [numbers[1]]
        assert list(await uow.unassigned(["third"], 10)) == []


async def test_who_is_given_a_ticket_is_so_from_then(database: Database) -> None:
    vera = await _agent(database, "Vera", ["first"])
    (number,) = await open_tickets(database.store, [message()])
    later = NOON + timedelta(hours=1)
    async with database.store.begin() as uow:
        before = (await uow.states([number]))[number]
        await uow.change([Changed(before=before, after=replace(before, assignee=vera), facts=())], later)
    assert (await _workers(database, "first"))["Vera"].assigned_at == later
