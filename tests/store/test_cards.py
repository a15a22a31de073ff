"""Agents' cards: changed in part, presence set, and who is removed parts with everything."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from domain.errors import NotFound
from domain.identity import Organization
from domain.people import Agent, AgentChange, Leaving
from domain.status import Status
from domain.views import Scope, scope_of
from gateway.system import UlidIds
from router.timekeeper import Timekeeper
from store import Database
from store.recall import organizations, tickets
from store.save import facts_
from tests.fakes_store import FixedClock, FixedPolicy
from tests.make import NOON, message, open_tickets
from tests.router.policies import make_policy
from tests.router.test_leaving import lines

LATER = NOON + timedelta(hours=1)


async def _agent(database: Database, name: str = "anna", **changes: Any) -> Agent:
    agent = await database.accounts.add_agent(email=f"{name}@x.example", name=name, lines=["first"], admin=False)
    return await database.accounts.change_agent(agent.id, AgentChange(**changes)) if changes else agent


async def test_what_is_named_changes_and_the_rest_stays(database: Database) -> None:
    anna = await _agent(
        database,
        lines=frozenset({"first", "second"}),
        groups=frozenset({("first", "billing"), ("second", "experts")}),
        skills={"databases": 2},
        audiences=frozenset({"retail", "staff"}),
        calendar="night",
        capacity=7,
    )
    assert anna == Agent(
        id=anna.id,
        email="anna@x.example",
        name="anna",
        lines=frozenset({"first", "second"}),
        groups=frozenset({("first", "billing"), ("second", "experts")}),
        skills={"databases": 2},
        audiences=frozenset({"retail", "staff"}),
        calendar="night",
        capacity=7,
    )
    less = AgentChange(admin=True, skills={}, audiences=frozenset({"staff"}), calendar=None)
    changed = await database.accounts.change_agent(anna.id, less)
    assert (changed.admin, changed.skills, changed.calendar, changed.capacity) == (True, {}, None, 7)
    assert changed.audiences == frozenset({"staff"})
    assert await database.accounts.agent(anna.id) == changed
    assert await database.accounts.change_agent(anna.id, AgentChange()) == changed


async def test_who_loses_a_line_loses_its_groups(database: Database) -> None:
    anna = await _agent(database, groups=frozenset({("first", "billing")}))
    moved = await database.accounts.change_agent(anna.id, AgentChange(lines=frozenset({"second"})))
    assert (moved.lines, moved.groups) == (frozenset({"second"}), frozenset())


async def test_presence_is_theirs_until_a_moment(database: Database) -> None:
    anna = await _agent(database)
    away = await database.accounts.set_presence(anna.id, "away", LATER)
    assert (away.presence, away.away_until) == ("away", LATER)
    back = await database.accounts.set_presence(anna.id, "on", None)
    assert (back.presence, back.away_until) == ("on", None)


async def test_who_is_not_there_is_not_changed(database: Database) -> None:
    gone = await _agent(database, active=False)
    with pytest.raises(NotFound):
        await database.accounts.set_presence(gone.id, "on", None)
    for nobody in ("nobody", ""):
        with pytest.raises(NotFound):
            await database.accounts.change_agent(nobody, AgentChange(admin=True))
        with pytest.raises(NotFound):
            await database.accounts.set_presence(nobody, "on", None)
        assert await database.accounts.agent(nobody) is None


async def test_who_is_removed_is_signed_out_and_nobodys_engineer(database: Database) -> None:
    anna = await _agent(database)
    link = await database.accounts.new_link(anna.id, NOON, timedelta(hours=1))
    opened = await database.accounts.use_link(link, NOON, timedelta(hours=12))
    other = await database.accounts.new_link(anna.id, NOON, timedelta(hours=1))
    assert opened is not None
    await database.people.add_organization(Organization(id="O1", name="O", engineer=anna.id), NOON)
    await database.accounts.set_presence(anna.id, "away", None)
    removed = await database.accounts.change_agent(anna.id, AgentChange(active=False))
    assert (removed.active, removed.presence) == (False, "on")
    await database.accounts.change_agent(anna.id, AgentChange(active=True))
    assert await database.accounts.session(opened[0], NOON) is None
    assert await database.accounts.use_link(other, NOON, timedelta(hours=12)) is None
    async with database.engines.read.connect() as connection:
        assert (await connection.execute(select(organizations.c.engineer_id))).scalars().all() == [None]


async def _given(database: Database, agent: Agent, *statuses: Status, **columns: Any) -> list[int]:
    numbers = await open_tickets(database.store, [message() for _ in statuses])
    async with database.engines.write.begin() as connection:
        for number, status in zip(numbers, statuses, strict=True):
            values = {"assignee_id": agent.id, "status": status.value, "open": status is not Status.CLOSED, **columns}
            await connection.execute(update(tickets).where(tickets.c.number == number).values(**values))
    return numbers


async def _leaving(database: Database, *lines: str, most: int = 100) -> list[Leaving]:
    async with database.store.begin() as uow:
        return list(await uow.leaving(NOON, lines, most))


async def test_tickets_of_who_is_removed_leave_and_of_who_is_away_those_that_are_work(database: Database) -> None:
    here, away, gone = [await _agent(database, name) for name in ("here", "away", "gone")]
    statuses = tuple(Status)
    await _given(database, here, *statuses)
    of_away = dict(zip(statuses, await _given(database, away, *statuses), strict=True))
    of_gone = await _given(database, gone, *statuses)
    assert await _leaving(database, "first") == []
    await database.accounts.set_presence(away.id, "away", None)
    work = [of_away[status] for status in (Status.CLASSIFICATION, Status.IN_PROGRESS, Status.INTERNAL)]
    assert await _leaving(database, "first") == [Leaving(number=n, agent=away.id, why="away") for n in work]
    assert await _leaving(database, "second") == []
    await database.accounts.set_presence(away.id, "away", NOON)
    assert await _leaving(database, "first") == [], "back by now"
    await database.accounts.set_presence(away.id, "break", None)
    assert await _leaving(database, "first") == []
    await database.accounts.change_agent(gone.id, AgentChange(active=False))
    still_open = [number for number, status in zip(of_gone, statuses, strict=True) if status is not Status.CLOSED]
    assert await _leaving(database) == [Leaving(number=n, agent=gone.id, why="removed") for n in still_open]
    assert len(await _leaving(database, most=2)) == 2


async def test_tickets_of_a_line_that_an_agent_loses_leave_too(database: Database) -> None:
    anna = await _agent(database)
    numbers = await _given(database, anna, *Status)
    stays = await _given(database, anna, Status.IN_PROGRESS, line="second")
    await database.accounts.change_agent(anna.id, AgentChange(lines=frozenset({"first", "second"})))
    assert await _leaving(database, "first") == []
    await database.accounts.change_agent(anna.id, AgentChange(lines=frozenset({"second"})))
    leaving = [number for number, status in zip(numbers, Status, strict=True) if status is not Status.CLOSED]
    assert await _leaving(database) == [Leaving(number=n, agent=anna.id, why="line") for n in leaving]
    assert stays[0] not in leaving


async def test_the_timekeeper_hands_over_so_that_nothing_open_is_who_is_not_here(database: Database) -> None:
    policy = make_policy(lines=lines())
    clock = FixedClock(NOON)
    anna, boris = await _agent(database, "anna"), await _agent(database, "boris")
    numbers = await _given(database, anna, *Status, kind="question", catalog="other")
    await database.accounts.change_agent(anna.id, AgentChange(active=False))
    keepers = [Timekeeper(database.store, FixedPolicy(policy), clock, UlidIds()) for _ in range(2)]
    done = await asyncio.gather(*(keeper.hand_over() for keeper in keepers))
    assert (sum(each.count for each in done), [each.failed for each in done]) == (5, [{}, {}])
    assert (await keepers[0].hand_over()).count == 0
    async with database.engines.read.connect() as connection:
        query = select(tickets.c.status, tickets.c.assignee_id).where(tickets.c.number.in_(numbers))
        held = {row.status: row.assignee_id for row in await connection.execute(query)}
        told = select(func.count()).select_from(facts_).where(facts_.c.by == "timekeeper")
        assert (await connection.execute(told)).scalar_one() == 5, "each left once, whoever looked"
    assert held == {
        "classification": boris.id,
        "in_progress": boris.id,
        "internal": boris.id,
        "waiting_requester": None,
        "feedback": None,
        "closed": anna.id,
    }
    view = await database.views.ticket(Scope(reader="t", lines=None), numbers[0])
    last = view.history[-1]
    assert (last.fact, last.by, last.detail["left"]) == ("ticket.assigned", "timekeeper", anna.id)
    assert last.detail["because"].startswith("Its agent does not work here any more: It is the agent with the least")


async def test_on_a_line_of_a_partner_an_agent_sees_what_is_theirs_and_what_is_nobodys(database: Database) -> None:
    found = make_policy().lines
    policy = make_policy(lines={**found, "first": replace(found["first"], partner="ORG-7")})
    anna, boris = await _agent(database, "anna"), await _agent(database, "boris")
    (mine,) = await _given(database, anna, Status.IN_PROGRESS)
    (others,) = await _given(database, boris, Status.IN_PROGRESS)
    (queued,) = await open_tickets(database.store, [message()])
    (passed_on,) = await _given(database, anna, Status.IN_PROGRESS, line="second")
    scope = scope_of(anna, policy)
    assert scope == Scope(reader=anna.id, lines=frozenset({"first"}), own_only=frozenset({"first"}))
    everything = [mine, others, queued, passed_on]
    assert [row.number for row in await database.views.rows(scope, everything)] == [mine, queued]
    async with database.store.begin() as uow:
        assert [await uow.visible(scope, number) for number in everything] == [True, False, True, False]
    both = scope_of(await database.accounts.change_agent(anna.id, AgentChange(lines=frozenset(policy.lines))), policy)
    assert [row.number for row in await database.views.rows(both, everything)] == [mine, queued, passed_on]
    chief = scope_of(await database.accounts.change_agent(anna.id, AgentChange(admin=True)), policy)
    assert [row.number for row in await database.views.rows(chief, everything)] == everything
