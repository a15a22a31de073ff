"""Machines whose clocks are an hour off, beside one whose clock is right."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from config.loader import SAMPLE, compile_policy, load_folder
from tests.journey.cluster import Cluster
from tests.journey.conversation import send
from tests.journey.senders import Senders, endless, hold_to_account

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

HOUR = timedelta(hours=1)
NEAR = timedelta(minutes=10)


@pytest.fixture
def priyom(aimed_cluster: Cluster) -> Cluster:
    return aimed_cluster


@contextmanager
def _wrong(priyom: Cluster, role: str, by: timedelta) -> Iterator[None]:
    """The role with another clock; with its own again at the end. A second process of one is there only meanwhile."""
    before = priyom.own.get(role, {})
    template = priyom.own.get(role.partition(".")[0], {})
    if role in priyom.processes:
        priyom.stop(role)
    priyom.own[role] = {**template, "PRIYOM_TEST_CLOCK": str(by.total_seconds())}
    priyom.start(role)
    try:
        yield
    finally:
        priyom.stop(role)
        priyom.own[role] = before
        if "." not in role:
            priyom.start(role)


def _clocks(priyom: Cluster, subjects: str) -> list[dict[str, datetime]]:
    """When each of these tickets came, was decided, and is due."""
    calendars = compile_policy(load_folder(SAMPLE), 1).calendars
    query = (
        "SELECT m.at AS received_at, d.decided_at, c.started_at, c.due_at, c.goal_s, c.calendar FROM messages m "
        "JOIN decisions d ON d.message_id = m.id JOIN clocks c ON c.number = m.number "
        f"WHERE m.native_id LIKE '{subjects}'"
    )
    rows = priyom.rows(query)
    for row in rows:
        assert row["due_at"] == calendars[row["calendar"]].add(row["started_at"], row["goal_s"])
    return rows


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_router_and_a_timekeeper_an_hour_off_lose_and_double_nothing_and_put_no_due_time_off(
    priyom: Cluster, by: timedelta
) -> None:
    seed = 91 if by > timedelta(0) else 92
    with _wrong(priyom, "timekeeper", by), _wrong(priyom, "router.2", by):
        with Senders(priyom.smtp, endless(seed=seed), rate=40) as senders:
            senders.take(120)
            senders.finish()
            hold_to_account(priyom, senders)
        told = priyom.log("router.2")
    assert "message.settled" in told
    assert priyom.rows("SELECT origin, reason FROM held") == []
    rows = _clocks(priyom, f"{seed}.%")
    assert len(rows) >= 120
    off = [row["decided_at"] - row["received_at"] for row in rows]
    assert {abs(late) < NEAR or abs(late - by) < NEAR for late in off} == {True}
    assert any(abs(late - by) < NEAR for late in off)  # else its clock was right
    assert any(abs(late) < NEAR for late in off)
    assert all(row["started_at"] == min(row["received_at"], row["decided_at"]) for row in rows)


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_mail_taken_by_a_clock_an_hour_off_is_due_by_that_hour_earlier_at_most_and_never_later(
    priyom: Cluster, by: timedelta
) -> None:
    name = f"off{by.total_seconds():+.0f}"
    mail = f"From: a@client.example\r\nSubject: {name}\r\nMessage-ID: <{name}@client.example>\r\n\r\nThe body."
    with _wrong(priyom, "smtp", by):
        assert priyom.outcome(priyom.envelope_of(send(priyom.smtp, mail.encode())))["outcome"] == "ticketed"
    [row] = _clocks(priyom, f"{name}@%")[:1]
    assert abs(row["received_at"] - datetime.now(UTC) - by) < NEAR
    assert abs(row["started_at"] - datetime.now(UTC) - min(by, timedelta(0))) < NEAR
    priyom.quiet_ledger()
