"""What quotas count: requests and minutes of work of an organisation, by kind, since the month began."""

from datetime import timedelta

from domain.commands import Actor
from domain.effects import Changed, Work
from domain.facts import WorkLogged
from domain.identity import Organization
from store import Database
from tests.make import NOON, message, open_tickets

ANNA = Actor(id="token:T1", name="CRM")


async def _worked(database: Database, number: int, minutes: int, ago: timedelta = timedelta()) -> None:
    async with database.store.begin() as uow:
        found = (await uow.states([number]))[number]
        fact = WorkLogged(ticket=number, at=NOON, by=ANNA.id, line=found.line, minutes=minutes)
        work = Work(minutes=minutes, text="звонок", author=ANNA)
        await uow.change([Changed(before=found, after=found, facts=(fact,), work=work)], NOON - ago)


async def test_requests_and_work_since_the_month_began_are_counted_by_kind(database: Database) -> None:
    sender = message().sender.address
    await database.people.add_organization(
        Organization(id="O1", name="Ромашка", domains=(sender.rpartition("@")[2],)), NOON
    )
    mails = [message(envelope_id=f"E{n}", key=f"K{n}", native_id=f"<{n}@x>") for n in range(3)]
    numbers = await open_tickets(database.store, mails[:2], organization="O1", kind="question")
    numbers += await open_tickets(database.store, mails[2:], organization="O1", kind="outage")
    await _worked(database, numbers[0], 40)
    await _worked(database, numbers[1], 25)
    await _worked(database, numbers[1], -10)
    await _worked(database, numbers[1], 500, timedelta(days=40))
    await _worked(database, numbers[2], 5)

    async with database.store.begin() as uow:
        again = message(envelope_id="E9", key="K9")
        month = NOON - timedelta(days=20)
        known = await uow.recall([again], NOON, (), month)
        assert known.used == {("O1", "question"): 2, ("O1", "outage"): 1}
        assert known.worked == {("O1", "question"): 55, ("O1", "outage"): 5}
        nothing = await uow.recall([again], NOON, (), None)
        assert (nothing.used, nothing.worked) == ({}, {})
