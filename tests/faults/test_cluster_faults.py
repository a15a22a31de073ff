"""A cluster that loses its database, its streams or its processes in the middle of the work, and heals."""

import signal
from collections.abc import Iterator

import nats as nats_client
import pytest

from tests.faults.streams import unsettled
from tests.journey.cluster import Cluster, cluster
from tests.journey.senders import Senders, endless, hold_to_account, mails
from tests.journey.system import await_here, until
from tests.servers import NatsServer, PostgresServer

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def priyom(nats: NatsServer, postgres: PostgresServer) -> Iterator[Cluster]:
    """One for all of these faults, with a reconciler that does not wait long."""
    with cluster(nats, postgres, settings={"PRIYOM_RECONCILE_GRACE": "2"}) as running:
        yield running


def _nothing_was_given_up(priyom: Cluster) -> None:
    assert priyom.rows("SELECT origin, reason FROM held") == []


def test_postgresql_stopped_at_once_and_started_again_costs_no_mail_and_no_attempt(
    priyom: Cluster, postgres: PostgresServer
) -> None:
    with Senders(priyom.smtp, endless(seed=31), rate=60) as senders:
        for _ in range(2):
            senders.take(30)
            postgres.stop("immediate")
            senders.take(60)  # SMTP does not need the database
            postgres.start()
        senders.take(30)
        senders.finish()
        assert {word for sent in senders.sent for word in sent.words} == {"acknowledged"}
        hold_to_account(priyom, senders)
    _nothing_was_given_up(priyom)
    for role in ("router", "normalizer"):
        assert "message.retried" not in priyom.log(role)
        assert "message.buried" not in priyom.log(role)


@pytest.mark.parametrize(("roles", "seed"), [("normalizer router", 32), ("smtp", 34), ("web timekeeper", 35)])
def test_roles_killed_in_the_middle_of_their_work_leave_it_to_their_successors(
    priyom: Cluster, roles: str, seed: int
) -> None:
    with Senders(priyom.smtp, endless(seed=seed), connections=4) as senders:
        for role in roles.split():
            senders.take(40)
            priyom.stop(role, signal.SIGKILL)
            if role != "smtp":
                senders.take(20)
            priyom.start(role)
        senders.take(40)
        senders.finish()
        hold_to_account(priyom, senders)
    _nothing_was_given_up(priyom)


@pytest.mark.parametrize(("how", "seed"), [("delete", 37), ("purge", 38)])
def test_middle_streams_that_are_wiped_under_load_are_made_again_and_every_mail_still_comes_through(
    priyom: Cluster, nats: NatsServer, how: str, seed: int
) -> None:
    """Nothing in MESSAGE or TICKET is the only copy of anything; their consumers go with them."""

    async def wipe() -> None:
        client = await nats_client.connect(nats.url)
        stream = client.jetstream()
        for name in ("MESSAGE", "TICKET"):
            await (stream.delete_stream(name) if how == "delete" else stream.purge_stream(name))
        await client.close()

    with Senders(priyom.smtp, endless(seed=seed), rate=60) as senders:
        senders.take(30)
        priyom.processes["router"].send_signal(signal.SIGSTOP)  # so that there is something to lose
        senders.take(60)
        until("messages wait", lambda: unsettled(nats.url) > 20)
        await_here(wipe)
        priyom.processes["router"].send_signal(signal.SIGCONT)
        senders.take(30)
        senders.finish()
        hold_to_account(priyom, senders)
    _nothing_was_given_up(priyom)
    until("the consumers are there", lambda: await_here(lambda: _consumers(nats.url)) == {"driver", "router"})


async def _consumers(url: str) -> set[str]:
    client = await nats_client.connect(url)
    found = {info.name for info in await client.jetstream().consumers_info("MESSAGE")}
    await client.close()
    return found


def test_without_a_spool_a_bus_that_is_away_refuses_mail_for_now_and_says_it_is_not_ready(
    priyom: Cluster, nats: NatsServer
) -> None:
    nats.stop(signal.SIGKILL)
    try:
        with Senders(priyom.smtp, mails(4, seed=39), connections=1) as senders:
            until("one is refused", lambda: any("refused" in sent.words for sent in senders.sent))
            answer = until("it is told", lambda: _unready(priyom))
            assert "bus" in answer["parts"]
            nats.start()
            senders.join()
    finally:
        if nats.process is None:
            nats.start()
    assert len(senders.acknowledged) >= 2  # those that were sent again
    hold_to_account(priyom, senders)


def _unready(priyom: Cluster) -> dict[str, object] | None:
    answer = priyom.request("GET", "/health/ready", token=False)
    return answer.json() if answer.status == 503 else None
