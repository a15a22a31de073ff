"""Simulation and verification over a real store, in this process and in several."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bench.history import fill
from config.loader import SAMPLE, load_folder
from gateway import simulating
from gateway.simulating import Load, Report, simulate, verify
from gateway.system import SystemClock, UlidIds
from store import Database
from tests.servers import PostgresServer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DOCUMENTS = load_folder(SAMPLE)
OTHER = {
    **DOCUMENTS,
    "policy.yaml": DOCUMENTS["policy.yaml"].replace(
        "{high: p2, medium: p3, low: p3}", "{high: p1, medium: p1, low: p1}"
    ),
}
MAILS = 60


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('past')}/test.db"
    else:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.database()
    assert await fill(url, MAILS) == MAILS
    return url


async def simulated(url: str, since: datetime = LONG_AGO, until: datetime | None = None) -> Report:
    database = Database(url, ids=UlidIds(), clock=SystemClock())
    told: list[tuple[int, int]] = []
    try:
        report = await simulate(
            database, url, (DOCUMENTS, OTHER), since, until, lambda done, of: told.append((done, of))
        )
    finally:
        await database.close()
    assert told == sorted(told)
    assert told[-1:] in ([], [(report.messages, report.messages)])
    return report


async def test_several_processes_say_what_one_says(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = await simulated(url)
    monkeypatch.setattr(simulating, "CHUNK", 7)
    together = await simulated(url)
    assert together == alone
    assert alone.messages == alone.tickets == MAILS
    assert {"priority"} <= set(alone.fields) <= {"priority", "first_response", "resolution", "assignee (model)"}
    assert 0 < len(alone.changed) == alone.fields["priority"]
    assert all(change.fields["priority"][1] == "p1" for change in alone.changed)
    assert alone.share == len(alone.changed) / MAILS


async def test_load_is_counted_by_line_and_by_the_hour_in_which_mail_came(url: str) -> None:
    report = await simulated(url)
    assert report.zone == "Europe/Moscow"
    assert sum(load.total[0] for load in report.load.values()) == MAILS
    for load in report.load.values():
        assert [sum(hour[side] for hour in load.hours) for side in (0, 1)] == load.total
        assert load.growth == 0.0
    assert sum(any(any(hour) for hour in load.hours) for load in report.load.values()) >= 1


async def test_only_what_was_decided_in_the_period_is_looked_at(url: str) -> None:
    assert (await simulated(url, since=SystemClock().now() + timedelta(hours=1))).messages == 0
    assert (await simulated(url, until=LONG_AGO)).messages == 0


def test_growth_from_nothing_is_one() -> None:
    assert Load(total=[0, 3]).growth == 1.0
    assert Load(total=[4, 5]).growth == 0.25
    assert Load().growth == 0.0


async def test_a_record_that_somebody_changed_does_not_verify(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    await fill(url, 5)
    database = Database(url, ids=UlidIds(), clock=SystemClock())
    try:
        assert await verify(database, url, LONG_AGO) == (5, [])
        with create_engine(url).begin() as connection:
            forged = """UPDATE decisions SET steps = replace(steps, 'The matrix gives', 'The boss gives')
                        WHERE id = (SELECT max(id) FROM decisions)"""
            connection.execute(text(forged))
            connection.execute(text("UPDATE decisions SET revision = 99 WHERE id = (SELECT min(id) FROM decisions)"))
        count, (gone, wrong) = await verify(database, url, LONG_AGO)
    finally:
        await database.close()
    assert (count, gone.revision, gone.why) == (5, 99, "its revision is gone or does not compile")
    assert "The boss gives" in wrong.why
