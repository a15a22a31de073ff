"""A cable that is pulled for eight seconds between a role and what it needs (``tests.faults.partition``)."""

import time
from collections.abc import Sequence

import pytest

from tests.faults.conftest import Ways
from tests.faults.partition import Way
from tests.journey.cluster import Cluster
from tests.journey.senders import Senders, endless, hold_to_account

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

FOR = 8.0


@pytest.fixture
def priyom(aimed_cluster: Cluster) -> Cluster:
    return aimed_cluster


def _pulled(priyom: Cluster, ways: Sequence[Way], *, seed: int, lost: bool) -> Senders:
    """Under load, the ways pass nothing for eight seconds; then they do again, or the connections are lost."""
    with Senders(priyom.smtp, endless(seed=seed), rate=20) as senders:
        senders.take(20)
        for way in ways:
            way.hold()
        began, passed = time.monotonic(), [way.passed for way in ways]
        try:
            senders.take(30)
            time.sleep(max(FOR - (time.monotonic() - began), 0))
            quiet = [way.passed for way in ways]
            if lost:
                for way in ways:
                    way.cut()
        finally:
            for way in ways:
                way.heal()
        senders.take(20)
        senders.finish()
        assert all(after - before < 100_000 for before, after in zip(passed, quiet, strict=True))
        hold_to_account(priyom, senders)
    assert priyom.rows("SELECT origin, reason FROM held") == []
    return senders


@pytest.mark.parametrize("seed", [81, 82], ids=["router and database", "router and bus"])
def test_a_router_cut_off_for_a_while_goes_on_where_it_was(priyom: Cluster, ways: Ways, seed: int) -> None:
    _pulled(priyom, [ways.router_database if seed == 81 else ways.router_bus], seed=seed, lost=False)
    assert "message.retried" not in priyom.log("router")


def test_a_router_that_loses_its_connections_to_both_in_the_end_loses_no_mail(priyom: Cluster, ways: Ways) -> None:
    _pulled(priyom, [ways.router_database, ways.router_bus], seed=83, lost=True)
    assert "message.retried" not in priyom.log("router")


@pytest.mark.parametrize("lost", [False, True], ids=["healed", "connections lost"])
def test_smtp_cut_off_from_the_bus_takes_mail_into_its_spool_and_refuses_nobody(
    priyom: Cluster, ways: Ways, lost: bool
) -> None:
    senders = _pulled(priyom, [ways.smtp_bus], seed=84 + lost, lost=lost)
    assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
    assert "intake.spooling" in priyom.log("smtp")
