"""Agents, one-time links, sessions, API tokens."""

from datetime import timedelta

import pytest

from domain.errors import Conflict, NotFound
from domain.ids import BlobKey
from domain.message import StoredFile
from domain.people import Agent
from store import Database
from tests.make import NOON

VALID = timedelta(minutes=15)


async def _agent(database: Database) -> Agent:
    return await database.accounts.add_agent(email="Olga@Example.org", name="Ольга", lines=["first"], admin=False)


async def test_an_agent_is_found_by_address_in_any_case(database: Database) -> None:
    agent = await _agent(database)
    assert await database.accounts.agent_by_email("OLGA@example.ORG") == agent
    assert await database.accounts.agents() == [agent]
    assert agent == Agent(id=agent.id, email="olga@example.org", name="Ольга", lines=frozenset({"first"}))


async def test_the_same_address_cannot_be_an_agent_twice(database: Database) -> None:
    await _agent(database)
    with pytest.raises(Conflict, match=r"olga@example\.org is an agent already"):
        await _agent(database)


async def test_a_link_opens_one_session_and_only_once(database: Database) -> None:
    agent = await _agent(database)
    link = await database.accounts.new_link(agent.id, NOON, VALID)
    opened = await database.accounts.use_link(link, NOON + timedelta(minutes=1), timedelta(hours=12))
    assert opened is not None
    secret, session = opened
    assert session.agent == agent
    assert await database.accounts.use_link(link, NOON + timedelta(minutes=1), timedelta(hours=12)) is None
    assert await database.accounts.session(secret, NOON + timedelta(hours=1)) == session
    assert await database.accounts.session(secret, NOON + timedelta(hours=13)) is None
    await database.accounts.end_session(secret)
    assert await database.accounts.session(secret, NOON + timedelta(hours=1)) is None


async def test_a_link_that_is_out_of_date_or_made_up_opens_nothing(database: Database) -> None:
    agent = await _agent(database)
    link = await database.accounts.new_link(agent.id, NOON, VALID)
    assert await database.accounts.use_link(link, NOON + VALID, timedelta(hours=1)) is None
    assert await database.accounts.use_link("made up", NOON, timedelta(hours=1)) is None
    with pytest.raises(NotFound):
        await database.accounts.new_link("nobody", NOON, VALID)


async def test_a_token_is_known_by_its_secret_and_its_name_is_taken_once(database: Database) -> None:
    secret = await database.accounts.add_token(name="grafana", scope="read", now=NOON)
    found = await database.accounts.token(secret)
    assert found is not None
    assert (found.name, found.scope) == ("grafana", "read")
    assert await database.accounts.token(secret + "x") is None
    with pytest.raises(Conflict):
        await database.accounts.add_token(name="grafana", scope="admin", now=NOON)


async def test_links_and_sessions_past_their_end_are_forgotten_and_others_stay(database: Database) -> None:
    agent = await _agent(database)
    used = await database.accounts.new_link(agent.id, NOON, VALID)
    opened = await database.accounts.use_link(used, NOON, timedelta(hours=12))
    later = await database.accounts.new_link(agent.id, NOON + timedelta(days=2), VALID)
    assert await database.accounts.forget(NOON + timedelta(minutes=16)) == 1
    assert opened is not None
    assert await database.accounts.session(opened[0], NOON + timedelta(hours=1)) is not None
    assert await database.accounts.forget(NOON + timedelta(hours=13)) == 1
    assert await database.accounts.use_link(later, NOON + timedelta(days=2), VALID) is not None


async def test_files_that_no_message_named_are_forgotten(database: Database) -> None:
    file = StoredFile(blob=BlobKey("c" * 64), name="лог.txt", size=3, media_type="text/plain")
    old = await database.uploads.add(file, NOON)
    new = await database.uploads.add(file, NOON + timedelta(days=1))
    assert await database.uploads.forget(NOON + timedelta(hours=1)) == 1
    assert await database.uploads.find(old) is None
    assert await database.uploads.find(new) == file
