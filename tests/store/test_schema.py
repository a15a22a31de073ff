"""The database's version."""

import asyncio

import pytest
from sqlalchemy import text

from domain.errors import Permanent, Unavailable
from gateway.system import SystemClock, UlidIds
from store import Database, schema


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


async def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    database = _open("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="database"):
        await database.ping()
    await database.close()
