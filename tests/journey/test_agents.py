"""Who goes away from a running instance, or is removed, has no open tickets a moment later."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journey.conversation import ticketed
from tests.journey.instance import Instance, instance
from tests.journey.system import until

pytestmark = pytest.mark.xdist_group("processes")

SOON = 5
"""Seconds. The timekeeper looks every second; the rest is a machine with other things to do."""


@pytest.fixture(scope="module")
def own() -> Iterator[Instance]:
    """An instance of its own: its first line shares tickets out among the agents that this module adds."""
    with instance() as running:
        yield running


def _agent(own: Instance, command: str, name: str, *words: str) -> dict[str, Any]:
    return dict(json.loads(own.told("agent", command, f"{name}@example.org", *words, "--json")))


def _assignee(own: Instance, number: str, *, is_: str | None) -> None:
    held = until(f"{number} is {is_}'s", lambda: own.ticket(number)["assignee"] == is_ or None, within=SOON, every=0.1)
    assert held


def test_open_tickets_follow_who_is_here(own: Instance) -> None:
    for name in ("anna", "boris"):
        _agent(own, "add", name, "--name", name.title(), "--line", "first")
        _agent(own, "set", name, "--skill", "training=10", "--skill", "accounting=10")
    ids = {row["email"].partition("@")[0]: row["id"] for row in own.rows("SELECT id, email FROM agents")}
    number = ticketed(own, b"From: a@client.example\r\nSubject: Question\r\n\r\nHow do I?")
    first = own.ticket(number)["assignee"]
    assert first in ids.values()
    here, other = sorted(ids, key=lambda name: ids[name] != first)

    _agent(own, "presence", here, "away")
    _assignee(own, number, is_=ids[other])
    _agent(own, "presence", here, "on")
    assert _agent(own, "remove", other)["active"] is False
    _assignee(own, number, is_=ids[here])
    _agent(own, "remove", here)
    _assignee(own, number, is_=None)

    ticket = own.ticket(number)
    facts = [(each["fact"], each["detail"].get("left")) for each in ticket["history"] if each["by"] == "timekeeper"]
    assert facts[:4] == [
        ("ticket.assigned", ids[here]),
        ("ticket.assigned", ids[other]),
        ("ticket.assigned", ids[here]),
        ("ticket.nobody_eligible", None),
    ]
    gone = "SELECT count(*) AS n FROM tickets JOIN agents ON agents.id = assignee_id WHERE open AND NOT active"
    assert own.rows(gone) == [{"n": 0}]


def test_a_ticket_goes_to_who_serves_its_requester_and_to_nobody_else(own: Instance) -> None:
    for name, audience in (("vera", "customers"), ("gleb", "staff")):
        _agent(own, "add", name, "--name", name.title(), "--line", "first")
        words = ("--skill", "training=10", "--skill", "accounting=10", "--audience", audience)
        assert _agent(own, "set", name, *words)["audiences"] == [audience]
    ids = {row["email"].partition("@")[0]: row["id"] for row in own.rows("SELECT id, email FROM agents WHERE active")}
    own.told("organization", "add", "Клиент", "--domain", "klient.example")
    number = ticketed(own, b"From: a@klient.example\r\nSubject: Question\r\n\r\nHow do I?")
    ticket = own.ticket(number)
    assert (ticket["assignee"], ticket["audiences"]) == (ids["vera"], ["customers"])
    (assignee,) = (step for step in ticket["decision"]["steps"] if step["step"] == "assignee")
    assert {each["rule"]: each["why"] for each in assignee["tried"]} == {
        ids["vera"]: "could have it",
        ids["gleb"]: "does not serve this requester's audience",
    }
    _agent(own, "remove", "vera")
    _assignee(own, number, is_=None)
    _agent(own, "set", "gleb", "--audience", "")
    _assignee(own, number, is_=ids["gleb"])
    verified = json.loads(own.told("policy", "verify", "--json"))
    assert (verified["decisions"] > 0, verified["mismatches"]) == (True, [])
