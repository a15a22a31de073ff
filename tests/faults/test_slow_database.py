"""PostgreSQL that is there and takes its time: five seconds a question, or a lock that somebody holds."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

import asyncpg
import pytest

from tests.faults.conftest import Ways
from tests.faults.streams import unsettled
from tests.journey.cluster import Cluster
from tests.journey.senders import Senders, endless, hold_to_account
from tests.journey.system import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

SLOW = 5.0
FOR = 12.0


@pytest.fixture
def priyom(aimed_cluster: Cluster) -> Cluster:
    return aimed_cluster


def _nothing_was_tried_in_vain(priyom: Cluster) -> None:
    assert "message.retried" not in priyom.log("router")
    assert priyom.rows("SELECT origin, reason FROM held") == []


def test_five_seconds_a_question_only_delay_mail(priyom: Cluster, ways: Ways) -> None:
    with Senders(priyom.smtp, endless(seed=71), rate=20) as senders:
        senders.take(20)
        ways.router_database.slow(SLOW)
        began = time.monotonic()
        try:
            senders.take(60)
            until("mail waits", lambda: unsettled(priyom.nats.url) > 40)
            time.sleep(max(FOR - (time.monotonic() - began), 0))
        finally:
            ways.router_database.heal()
        senders.take(10)
        senders.finish()
        assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
        hold_to_account(priyom, senders)
    _nothing_was_tried_in_vain(priyom)


@contextlib.contextmanager
def _locked(url: str, table: str) -> Iterator[None]:
    """Somebody else's session keeps everybody from the table."""
    locked, release = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            locked.set()
            await asyncio.to_thread(release.wait)
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    try:
        assert locked.wait(60)
        yield
    finally:
        release.set()
        thread.join(60)


def test_a_table_that_is_locked_for_eight_seconds_only_delays_mail(priyom: Cluster) -> None:
    with Senders(priyom.smtp, endless(seed=72), rate=20) as senders:
        senders.take(20)
        with _locked(priyom.environment["PRIYOM_DATABASE_URL"], "tickets"):
            began = time.monotonic()
            senders.take(60)
            until("mail waits", lambda: unsettled(priyom.nats.url) > 40)
            time.sleep(max(8 - (time.monotonic() - began), 0))
        senders.take(10)
        senders.finish()
        assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
        hold_to_account(priyom, senders)
    _nothing_was_tried_in_vain(priyom)
