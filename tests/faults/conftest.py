"""One instance, and one cluster that can be aimed at, for the faults that leave them whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import aimed
from tests.faults.partition import Way, way
from tests.journey.cluster import Cluster, cluster
from tests.journey.instance import Instance, instance
from tests.journey.showing import pytest_runtest_makereport
from tests.servers import NatsServer, PostgresServer, nats_server

__all__ = ["pytest_runtest_makereport"]

CONNECTIONS = 600


@pytest.fixture(scope="session")
def priyom() -> Iterator[Instance]:
    with instance(settings={"PRIYOM_SMTP_CONNECTIONS": str(CONNECTIONS)}) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Ways:
    """Between whom and whom."""

    router_bus: Way
    smtp_bus: Way
    router_database: Way


@pytest.fixture(scope="package")
def own_nats() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


@pytest.fixture(scope="package")
def ways(own_nats: NatsServer, postgres: PostgresServer) -> Iterator[Ways]:
    with way(own_nats.port) as first, way(own_nats.port) as second, way(postgres.port) as third:
        yield Ways(router_bus=first, smtp_bus=second, router_database=third)


@pytest.fixture(scope="package")
def aimed_cluster(
    own_nats: NatsServer, postgres: PostgresServer, ways: Ways, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Its bus remembers ids for half a second only, so that whatever comes again comes after the window. SMTP has a
    spool. Router and SMTP go over ways that a test may interrupt."""
    folder: Path = tmp_path_factory.mktemp("aimed")
    (folder / "aims").mkdir()
    database = postgres.database()
    settings = {
        "PRIYOM_DATABASE_URL": database,
        "PRIYOM_RECONCILE_GRACE": "2",
        "PRIYOM_SPOOL_DIR": str(folder / "spool"),
        "PRIYOM_TEST_AIM": str(folder / "aims"),
        "PRIYOM_TEST_WINDOW": "0.5",
    }
    own = {
        "smtp": {"PRIYOM_NATS_URL": f"nats://127.0.0.1:{ways.smtp_bus.port}"},
        "router": {
            "PRIYOM_NATS_URL": f"nats://127.0.0.1:{ways.router_bus.port}",
            "PRIYOM_DATABASE_URL": database.replace(f":{postgres.port}/", f":{ways.router_database.port}/"),
        },
    }
    with cluster(own_nats, postgres, settings=settings, program=aimed.PROGRAM, own=own) as running:
        yield running
