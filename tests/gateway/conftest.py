"""A bus of its own for each test, on a real nats-server of its own."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.bus import Bus
from gateway.system import SystemClock, UlidIds
from store import Database
from store.blobs import FileBlobs
from tests.servers import nats_server
from tests.store.conftest import migrated_sqlite


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    with nats_server() as server:
        bus = Bus(server.url, name="test")
        await bus.open()
        await bus.ensure_topology()
        yield bus
        await bus.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated_sqlite(tmp_path_factory.mktemp("template") / "template.db")


@pytest.fixture
async def database(template: Path, tmp_path: Path, clock: SystemClock, ids: UlidIds) -> AsyncIterator[Database]:
    shutil.copy(template, tmp_path / "priyom.db")
    database = Database(f"sqlite:///{tmp_path}/priyom.db", ids=ids, clock=clock)
    yield database
    await database.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    files = FileBlobs(tmp_path / "blobs")
    files.open()
    yield files
    files.close()


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


async def until(condition: Callable[[], Any], within: float = 20.0) -> Any:
    """Waits for a condition (plain or awaitable) to be true, and gives what it gave."""
    async with asyncio.timeout(within):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(work: Any, stop: asyncio.Event) -> AsyncIterator[None]:
    """Runs a coroutine beside the test; told to stop and waited for at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task
