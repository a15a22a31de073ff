"""A database for each test, once on SQLite and once on PostgreSQL; the migrated ones are copies of one."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.system import SystemClock, UlidIds
from store import Database
from tests.servers import PostgresServer

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.database()


def _migrated(url: str) -> None:
    async def migrate() -> None:
        database = Database(url, ids=UlidIds(), clock=SystemClock())
        await database.upgrade()
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # the tests' own loop is running in this one
        thread.submit(lambda: asyncio.run(migrate())).result()


def migrated_sqlite(path: Path) -> Path:
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated_sqlite(tmp_path_factory.mktemp("template") / "template.db")


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    url = postgres.database()
    _migrated(url)
    return url.rpartition("/")[2]


@pytest.fixture(params=KINDS)
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SystemClock, ids: UlidIds
) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        url = f"sqlite:///{tmp_path}/test.db"
    else:
        url = request.getfixturevalue("postgres").database(request.getfixturevalue("postgres_template"))
    database = Database(url, ids=ids, clock=clock)
    yield database
    await database.close()
