"""One customer over several channels, on both databases: what proves it, what an agent says, and how it is undone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.effects import Changed
from domain.errors import Conflict, NotFound
from domain.message import Address
from domain.status import Status
from domain.views import Filter, Scope
from store import Database
from tests.make import NOON, message, open_tickets

EVERY = Scope(reader="t", lines=None)
FOREIGN = Scope(reader="t", lines=frozenset({"second"}))
VALID = timedelta(hours=1)


async def mailed(database: Database, address: str = "anna@romashka.example") -> str:
    """The identity of somebody who wrote a mail."""
    (number,) = await open_tickets(database.store, [message(address=address)])
    return (await database.views.ticket(EVERY, number)).requester.id


async def chatted(database: Database, user: str = "777") -> str:
    sender = Address(channel="telegram", address=user, name="Аня")
    (number,) = await open_tickets(database.store, [message(channel="telegram", sender=sender)])
    return (await database.views.ticket(EVERY, number)).requester.id


async def channels_of(database: Database, number: int) -> set[tuple[str, bool]]:
    view = await database.views.ticket(EVERY, number)
    return {(each.channel, each.verified) for each in view.requester.identities}


async def test_a_secret_that_went_by_mail_and_came_back_in_a_chat_proves_both(database: Database) -> None:
    mail = await mailed(database)
    await chatted(database)
    assert await channels_of(database, 1) == {("email", False)}
    secret = await database.identities.invite(mail, NOON, VALID)
    assert await database.identities.accept("telegram", "777", "Аня", secret, NOON)
    assert await channels_of(database, 1) == await channels_of(database, 2) == {("email", True), ("telegram", True)}
    assert {each.number for each in await database.identities.own("telegram", "777")} == {1, 2}
    assert {each.number for each in await database.identities.own("email", "anna@romashka.example")} == {1, 2}


async def test_a_secret_is_used_once_and_in_time(database: Database) -> None:
    mail = await mailed(database)
    secret = await database.identities.invite(mail, NOON, VALID)
    assert not await database.identities.accept("telegram", "777", "", "another", NOON)
    assert not await database.identities.accept("telegram", "777", "", secret, NOON + VALID)
    assert await database.identities.accept("telegram", "777", "", secret, NOON)
    assert not await database.identities.accept("telegram", "666", "", secret, NOON)
    assert await channels_of(database, 1) == {("email", True), ("telegram", True)}
    with pytest.raises(NotFound):
        await database.identities.invite("nobody", NOON, VALID)
    await database.identities.forget(NOON + VALID + timedelta(seconds=1))


async def test_a_secret_for_an_address_goes_with_the_request_touched_last_and_no_more_than_so_many(
    database: Database,
) -> None:
    assert await database.identities.challenge("anna@romashka.example", "one", NOON, VALID, most=2) is None
    mail = await mailed(database)
    await mailed(database)
    given = [await database.identities.challenge("anna@romashka.example", each, NOON, VALID, most=2) for each in "abc"]
    assert given == [(mail, 2), (mail, 2), None]
    assert await database.identities.accept("telegram", "777", "Аня", "b", NOON, how="code")
    assert [link.how for link in await database.identities.links(EVERY, mail)] == ["code"]


async def test_a_shared_number_joins_the_card_that_has_it(database: Database) -> None:
    caller = Address(channel="phone", address="+79161234567")
    await open_tickets(database.store, [message(channel="api", sender=caller)])
    await chatted(database)
    await database.identities.shared_number("telegram", "777", "+79161234567", "Аня", NOON)
    assert await channels_of(database, 1) == {("phone", True), ("telegram", True)}
    assert [each.number for each in await database.identities.own("telegram", "777")] == [2, 1]


async def test_an_agent_says_so_and_takes_it_back(database: Database) -> None:
    mail, chat = await mailed(database), await chatted(database)
    link = await database.identities.merge(EVERY, chat, mail, "agent:A1", NOON)
    assert (link.identity, link.before, link.how) == (chat, None, "agent")
    assert await channels_of(database, 1) == {("email", False), ("telegram", False)}
    with pytest.raises(Conflict, match="one person's already"):
        await database.identities.merge(EVERY, chat, mail, "agent:A1", NOON)
    found = await database.views.queue(EVERY, Filter(customer=chat))
    assert {row.number for row in found.items} == {1, 2}
    assert [each.id for each in await database.identities.links(EVERY, chat)] == [link.id]
    await database.identities.undo(EVERY, link.id, "agent:A2", NOON)
    assert await channels_of(database, 1) == {("email", False)}
    assert await channels_of(database, 2) == {("telegram", False)}
    assert await database.identities.links(EVERY, chat) == []
    with pytest.raises(Conflict, match="does not hold any more"):
        await database.identities.undo(EVERY, link.id, "agent:A2", NOON)


async def test_undoing_gives_an_identity_back_to_the_person_that_it_was_of(database: Database) -> None:
    mail, chat = await mailed(database), await chatted(database)
    phone = (
        await database.views.ticket(
            EVERY,
            (await open_tickets(database.store, [message(sender=Address(channel="phone", address="+79161234567"))]))[0],
        )
    ).requester.id
    first = await database.identities.merge(EVERY, chat, phone, "agent:A1", NOON)
    second = await database.identities.merge(EVERY, chat, mail, "agent:A1", NOON)
    assert second.before == first.person
    with pytest.raises(Conflict, match="does not hold any more"):
        await database.identities.undo(EVERY, first.id, "agent:A1", NOON)
    await database.identities.undo(EVERY, second.id, "agent:A1", NOON)
    assert await channels_of(database, 2) == {("phone", False), ("telegram", False)}


async def test_a_reader_who_sees_none_of_their_tickets_joins_and_undoes_nothing(database: Database) -> None:
    mail, chat = await mailed(database), await chatted(database)
    link = await database.identities.merge(EVERY, chat, mail, "agent:A1", NOON)
    with pytest.raises(NotFound):
        await database.identities.merge(FOREIGN, mail, chat, "agent:A3", NOON)
    with pytest.raises(NotFound):
        await database.identities.undo(FOREIGN, link.id, "agent:A3", NOON)
    with pytest.raises(NotFound):
        await database.identities.links(FOREIGN, chat)


async def test_the_requesters_other_channel_takes_part_in_their_ticket(database: Database) -> None:
    mail, chat = await mailed(database), await chatted(database)
    await database.identities.merge(EVERY, chat, mail, "agent:A1", NOON)
    async with database.store.begin() as uow:
        known = await uow.recall([message()], NOON, tokens=[1])
    assert known.tickets[1].participants == {mail, chat}


async def test_own_requests_are_the_open_ones_or_those_closed_lately(database: Database) -> None:
    await chatted(database)
    await chatted(database, "888")
    (mine,) = await database.identities.own("telegram", "777")
    assert (mine.number, mine.subject, mine.status) == (1, "Не печатает", "classification")
    assert await database.identities.own("telegram", "999") == []
    async with database.store.begin() as uow:
        state = (await uow.states([1]))[1]
        closed = replace(state, status=Status.CLOSED, closed_at=NOON)
        await uow.change([Changed(before=state, after=closed, facts=())], NOON)
    assert await database.identities.own("telegram", "777") == []
    assert [each.number for each in await database.identities.own("telegram", "777", closed_since=NOON)] == [1]
    later = NOON + timedelta(seconds=1)
    assert await database.identities.own("telegram", "777", closed_since=later) == []
