"""``priyom agent``, ``organization`` and ``contact`` against an instance that does not run."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_policy_commands import Place

EMAIL = "anna@example.org"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    # Logs would be bound to the runner's output, which is closed when other tests write to them.
    monkeypatch.setattr("gateway.commands.common.logs.configure", lambda *_, **__: None)
    return Place(tmp_path)


def told(place: Place, *words: str, code: int = 0) -> str:
    return place.run(*words, "--data", str(place.data), code=code).output.strip()


def added(place: Place, email: str = EMAIL, *words: str) -> None:
    told(place, "agent", "add", email, "--name", email.partition("@")[0], "--line", "first", *words)


def card(place: Place, *words: str) -> dict[str, Any]:
    return dict(json.loads(told(place, "agent", *words, "--json")))


def rows(place: Place, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(place.data / "priyom.db")) as database:
        return list(database.execute(query))


CARD = {
    "email": EMAIL,
    "name": "anna",
    "lines": ["first"],
    "groups": [],
    "skills": {},
    "audiences": [],
    "calendar": None,
    "capacity": None,
    "admin": False,
    "active": True,
    "presence": "on",
    "away_until": None,
}


def test_what_assignment_knows_of_an_agent_is_set_in_part(place: Place) -> None:
    added(place)
    words = ("--line", "first", "--line", "second", "--group", "first/accounting", "--skill", "warehouse=3")
    served = ("--audience", "staff", "--audience", "payers")
    full = {**CARD, "lines": ["first", "second"], "groups": ["first/accounting"], "skills": {"warehouse": 3}}
    full = {**full, "audiences": ["payers", "staff"]}
    assert card(place, "set", EMAIL, *words, *served, "--calendar", "always", "--capacity", "7", "--admin") == {
        **full,
        "calendar": "always",
        "capacity": 7,
        "admin": True,
    }
    assert card(place, "set", EMAIL, "--calendar", "", "--capacity", "0", "--no-admin") == full
    assert "for payers, staff" in told(place, "agent", "list")
    nothing = ("--group", "", "--skill", "", "--audience", "")
    assert card(place, "set", EMAIL, *nothing, "--line", "first", "--name", "Анна") == {
        **CARD,
        "name": "Анна",
    }
    assert json.loads(told(place, "agent", "list", "--json")) == {"agents": [{**CARD, "name": "Анна"}]}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--line", "nowhere"], "--line: 'nowhere' is not a line of the policy; there are first, second, third"),
        (["--group", "first/nowhere"], "--group: 'nowhere' is not a group of line first; there are accounting, field"),
        (
            ["--group", "second/operations"],
            "--group: second/operations is a group of line second, which the agent does not work",
        ),
        (["--group", "accounting"], "--group: 'accounting' is not LINE/GROUP"),
        (["--skill", "juggling=2"], "--skill: 'juggling' is not a skill of the policy; there are warehouse"),
        (["--skill", "warehouse=11"], "--skill: warehouse is at level 11, and levels are 1 to 10"),
        (["--skill", "warehouse"], "--skill: 'warehouse' is not KEY=LEVEL"),
        (["--audience", "nobody"], "--audience: 'nobody' is not an audience of the policy; there are payers, staff"),
        (["--calendar", "mars"], "--calendar: 'mars' is not a calendar of the policy; there are "),
        (["--capacity", "-1"], "--capacity: -1 is not from 1 to 10000"),
        (["--name", " "], "--name: is empty"),
    ],
)
def test_what_the_policy_does_not_have_is_refused_with_the_option_and_what_there_is(
    place: Place, words: list[str], named: str
) -> None:
    added(place)
    said = told(place, "agent", "set", EMAIL, *words, code=2)
    assert said.startswith(named), said
    assert len(said.splitlines()) == 1
    assert card(place, "set", EMAIL) == CARD


def test_presence_is_said_until_a_time_that_is_to_come(place: Place) -> None:
    added(place)
    until = "2099-11-23T18:00+03:00"
    assert card(place, "presence", EMAIL, "away", "--until", until) == {
        **CARD,
        "presence": "away",
        "away_until": "2099-11-23T15:00:00+00:00",
    }
    assert "away until 2099-11-23T15:00+00:00" in told(place, "agent", "list")
    assert card(place, "presence", EMAIL, "on") == CARD
    for words, named in (
        (["asleep"], "PRESENCE: 'asleep' is not one of on, break, away"),
        (["on", "--until", until], "--until: goes with a break or an absence"),
        (["away", "--until", "2020-01-01T00:00Z"], "--until: is past"),
        (["away", "--until", "2099-01-01T00:00"], "--until: '2099-01-01T00:00' does not say in which zone"),
        (["away", "--until", "tomorrow"], "--until: 'tomorrow' is not a time"),
    ):
        assert told(place, "agent", "presence", EMAIL, *words, code=2).startswith(named)


def test_who_is_removed_stays_in_the_list_and_may_come_back(place: Place) -> None:
    added(place)
    assert card(place, "remove", EMAIL) == {**CARD, "active": False}
    assert told(place, "agent", "list") == f"{EMAIL}  anna  removed"
    assert "was removed" in told(place, "agent", "link", EMAIL, code=2)
    assert told(place, "agent", "presence", EMAIL, "away", code=1)
    assert card(place, "set", EMAIL, "--active") == CARD
    assert "/desk/sign-in/" in told(place, "agent", "link", EMAIL)
    for words in (("set",), ("remove",), ("presence",)):
        rest = ("on",) if words == ("presence",) else ()
        assert "nobody@x.example is no agent's" in told(place, "agent", *words, "nobody@x.example", *rest, code=2)


def organizations(place: Place) -> list[dict[str, Any]]:
    return list(json.loads(told(place, "organization", "list", "--json"))["organizations"])


def test_an_organisation_with_all_that_assignment_and_audiences_ask(place: Place) -> None:
    added(place)
    words = ("--domain", "Romashka.example", "--domain", "romashka.test", "--plan", "premium", "--since", "2026-01-01")
    made = told(
        place, "organization", "add", "Romashka", *words, "--segment", "partner", "--group", "holding",
        "--engineer", EMAIL, "--department", "it@romashka.example",
    )  # fmt: skip
    assert organizations(place) == [
        {
            "id": made,
            "name": "Romashka",
            "segment": "partner",
            "domains": ["romashka.example", "romashka.test"],
            "groups": ["holding"],
            "engineer": EMAIL,
            "department": "it@romashka.example",
            "contracts": [{"plan": "premium", "since": "2026-01-01", "until": None}],
        }
    ]
    told(place, "agent", "remove", EMAIL)
    assert organizations(place)[0]["engineer"] is None


def test_an_organisation_changes_in_part_and_its_contracts_follow_one_another(place: Place) -> None:
    told(place, "organization", "add", "Romashka", "--plan", "standard", "--since", "2026-01-01")
    told(
        place, "organization", "set", "romashka", "--plan", "premium", "--since", "2026-03-01", "--until", "2026-12-31"
    )
    told(place, "organization", "set", "Romashka", "--domain", "r.example", "--rename", "Ромашка")
    (found,) = organizations(place)
    assert (found["name"], found["domains"], found["contracts"]) == (
        "Ромашка",
        ["r.example"],
        [
            {"plan": "standard", "since": "2026-01-01", "until": "2026-02-28"},
            {"plan": "premium", "since": "2026-03-01", "until": "2026-12-31"},
        ],
    )
    told(place, "organization", "set", found["id"], "--until", "2026-06-30", "--domain", "")
    (found,) = organizations(place)
    assert (found["domains"], found["contracts"][1]["until"]) == ([], "2026-06-30")
    told(place, "organization", "set", "Ромашка", "--plan", "standard", "--since", "2026-03-01")
    assert [each["plan"] for each in organizations(place)[0]["contracts"]] == ["standard", "standard"]


@pytest.mark.parametrize(
    ("words", "named", "code"),
    [
        (["add", "Romashka"], "Romashka is an organisation already", 1),
        (["add", " "], "NAME: is empty", 2),
        (["add", "B", "--domain", "romashka.example"], "A mail domain belongs to another organisation already", 1),
        (["add", "B", "--domain", "a@b.example"], "--domain: 'a@b.example' is not a mail domain", 2),
        (["add", "B", "--domain", "mail.example"], "--domain: anyone may have an address at mail.example", 2),
        (["add", "B", "--plan", "gold"], "--plan: 'gold' is not a plan of the policy; there are ", 2),
        (["add", "B", "--plan", "standard", "--since", "soon"], "--since: 'soon' is not a day", 2),
        (["add", "B", "--since", "2026-01-01"], "--since: goes with --plan", 2),
        (["add", "B", "--segment", "odd"], "--segment: 'odd' is not one of external, internal, partner", 2),
        (["add", "B", "--engineer", "x@x.example"], "--engineer: x@x.example is no active agent's address", 2),
        (["set", "nobody"], "NAME: 'nobody' is no organisation", 2),
        (["set", "Romashka", "--until", "2025-01-01"], "--until: its contract begins on 2026-01-01", 2),
        (["set", "Romashka", "--plan", "standard", "--since", "2025-06-01"], "--since: a contract of plan premium", 2),
    ],
)
def test_an_organisation_that_cannot_be_is_refused(place: Place, words: list[str], named: str, code: int) -> None:
    told(place, "organization", "add", "Romashka", "--domain", "romashka.example", "--plan", "premium", "--since",
         "2026-01-01")  # fmt: skip
    before = organizations(place)
    said = told(place, "organization", *words, code=code)
    assert said.startswith(named), said
    assert len(said.splitlines()) == 1
    assert organizations(place) == before


def test_a_contact_is_made_once_and_changed_afterwards(place: Place) -> None:
    told(place, "organization", "add", "Romashka")
    person = told(place, "contact", "add", "Olga@Romashka.example", "--organization", "Romashka", "--name", "Ольга")
    again = ("contact", "add", "olga@romashka.example", "--organization", "romashka")
    assert told(place, *again, "--named", "--vip") == person
    assert told(place, *again, "--no-vip") == person
    assert rows(place, "SELECT name, vip, contact FROM persons") == [("Ольга", 0, 1)]
    assert rows(place, "SELECT address, person_id FROM identities") == [("olga@romashka.example", person)]
    assert told(place, "contact", "add", "olga", "--organization", "Romashka", code=2) == (
        "EMAIL: 'olga' is not an address"
    )
    assert "is no organisation" in told(place, "contact", "add", "a@b.example", "--organization", "Nobody", code=2)
