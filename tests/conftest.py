"""Fixtures that every test may ask for: real servers, once a run, and the house's clock and ids."""

from collections.abc import Iterator

import pytest

from gateway.system import SystemClock, UlidIds
from tests.servers import NatsServer, PostgresServer, nats_server, postgres_server


@pytest.fixture(scope="session")
def nats() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture(scope="session")
def ids() -> UlidIds:
    return UlidIds()
