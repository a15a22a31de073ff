"""The database's version."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Column, Connection, MetaData, text

from domain.errors import Permanent, Unavailable
from domain.people import AgentChange
from domain.views import Filter, Scope, scope_of
from gateway.system import SystemClock, UlidIds
from store import Database, schema
from tests.make import NOON
from tests.router.policies import make_policy


def _open(url: str) -> Database:
    return Database(url, ids=UlidIds(), clock=SystemClock())


async def test_an_empty_database_is_refused_until_it_is_upgraded(fresh_url: str) -> None:
    database = _open(fresh_url)
    with pytest.raises(Permanent, match="priyom db upgrade"):
        await database.check()
    assert await database.upgrade() == (None, schema.head())
    assert await database.upgrade() == (schema.head(), schema.head())
    await database.check()
    await database.close()


async def test_a_database_of_a_newer_program_is_refused_in_one_sentence(database: Database) -> None:
    async with database.engines.write.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (database.check(), database.upgrade()):
        with pytest.raises(Permanent, match=r"9999.*newer"):
            await refused


async def test_the_migrated_tables_are_what_the_models_declare(database: Database) -> None:
    assert await schema.differences(database.engines) == []


async def test_two_processes_may_upgrade_at_once(fresh_url: str) -> None:
    first, second = _open(fresh_url), _open(fresh_url)
    done = await asyncio.gather(first.upgrade(), second.upgrade())
    assert sorted(done, key=str) == sorted([(None, schema.head()), (schema.head(), schema.head())], key=str)
    await first.close()
    await second.close()


def _first_version(connection: Connection) -> None:
    """A ticket of the first version's, with its clock."""
    command.upgrade(schema._config(connection), "0001")
    tables = MetaData()
    tables.reflect(connection)
    moment = NOON if connection.dialect.name == "postgresql" else NOON.replace(tzinfo=None)
    known = {
        "identities": {"id": "I1", "channel": "email", "address": "a@x.example", "name": "Анна", "verified": True},
        "tickets": {"number": 7, "requester_id": "I1", "status": "in_progress", "priority": "p2", "line": "first"}
        | {"impact": "high", "urgency": "low"},
        "clocks": {"id": "C1", "number": 7, "target": "resolution", "state": "running"},
        "agents": {"id": "A1", "email": "anna@x.example", "name": "Анна", "active": True, "admin": False},
        "agent_lines": {"agent_id": "A1", "line": "first"},
        "clock_segments": {"clock_id": "C1", "position": 0, "kind": "running"},
    }
    for name, values in known.items():
        row = {column.name: _any(column, moment) for column in tables.tables[name].columns if not column.nullable}
        connection.execute(tables.tables[name].insert().values({**row, **values}))


def _any(column: Column[Any], moment: datetime) -> Any:
    """A value of the column's sort."""
    if column.name in ("fields", "flags"):
        return {"fields": "{}", "flags": "[]"}[column.name]
    kind = column.type.python_type
    return {bool: True, int: 1, datetime: moment}.get(kind, "x")


async def test_a_database_of_the_first_version_is_brought_up_with_all_that_is_in_it(fresh_url: str) -> None:
    database = _open(fresh_url)
    async with database.engines.write.begin() as connection:
        await connection.run_sync(_first_version)
    assert await database.upgrade() == ("0001", schema.head())
    async with database.store.begin() as uow:
        ticket = (await uow.states([7]))[7]
    assert (ticket.line, ticket.priority, ticket.parent, ticket.checks) == ("first", "p2", None, frozenset())
    assert ticket.audiences == frozenset()
    (clock,) = ticket.clocks
    assert (clock.id, clock.warn, clock.fired) == ("C1", (), ())
    page = await database.views.queue(Scope(reader="t", lines=None), Filter())
    assert [row.number for row in page.items] == [7]
    (anna,) = await database.accounts.agents()
    assert (anna.lines, anna.groups, anna.audiences) == (frozenset({"first"}), frozenset(), frozenset())
    assert [row.number for row in (await database.views.queue(scope_of(anna, make_policy()), Filter())).items] == [7]
    served = await database.accounts.change_agent(anna.id, AgentChange(audiences=frozenset({"staff"})))
    page = await database.views.queue(scope_of(served, make_policy()), Filter())
    assert page.items == (), "what was routed before met no audience"
    await database.close()


async def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    database = _open("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="database"):
        await database.ping()
    await database.close()
