"""Outbound on a real bus and a real database: what each word of a sender makes of a delivery."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Permanent, Temporary, Uncertain
from domain.message import StoredFile
from domain.outgoing import Delivery, Outlet, Parcel, Sent
from domain.tokens import verify_ticket
from gateway.bus import Bus
from gateway.consumer import Consumer
from gateway.outbound import GIVE_UP_AFTER, LADDER, LEASE, Outbound, pick
from gateway.relay import Relay
from gateway.topology import OUTBOUND
from store import Database
from store.blobs import FileBlobs
from tests.fakes_store import FixedClock
from tests.gateway.conftest import running, until
from tests.make import NOON
from tests.store.test_deliveries import opened_with, outgoing, requester, sent_out, shown

SECRET = b"s" * 32


@dataclass
class Recorder:
    """A sender that keeps what it got and says what it is told to."""

    repeatable: bool = True
    answer: Callable[[Parcel], Sent] = lambda parcel: Sent(native_id=f"{parcel.key}@example.org")
    got: list[Parcel] = field(default_factory=list)

    async def send(self, parcel: Parcel) -> Sent:
        self.got.append(parcel)
        await asyncio.sleep(0)
        return self.answer(parcel)


def refusing(fault: Exception) -> Callable[[Parcel], Sent]:
    def answer(_parcel: Parcel) -> Sent:
        raise fault

    return answer


class House:
    def __init__(self, database: Database, blobs: FileBlobs, **senders: Recorder) -> None:
        self.clock = FixedClock(NOON)
        self.senders = senders or {"email": Recorder()}
        accounts = {channel: {"main": sender} for channel, sender in self.senders.items()}
        outlet = Outlet(channels=frozenset(self.senders))
        self.outbound = Outbound(database, blobs, self.clock, SECRET, accounts, outlet)
        self.database = database

    async def way(self) -> Any:
        return (await shown(self.database))[-1]


async def test_a_parcel_carries_the_tickets_signed_token_and_the_files_bytes(
    database: Database, blobs: FileBlobs
) -> None:
    key = await blobs.put(b"zip")
    file = StoredFile(blob=key, name="патч.zip", size=3, media_type="application/zip")
    letter = await opened_with(database, files=(file,))
    house = House(database, blobs)
    assert await house.outbound.step("email") == 1
    (parcel,) = house.senders["email"].got
    assert verify_ticket(parcel.token, SECRET) == 1
    assert parcel.files == ((file, b"zip"),)
    assert parcel.key == letter.id.lower()
    assert (await house.way()).state == "sent"
    assert await house.outbound.step("email") == 0


@pytest.mark.parametrize(
    ("fault", "repeatable", "state", "error"),
    [
        (Permanent("no", reason="550 spam"), True, "failed", "550 spam"),
        (Temporary("later", reason="451 later"), True, "queued", "451 later"),
        (Uncertain("?", reason="lost"), True, "queued", "lost"),
        (Uncertain("?", reason="lost"), False, "unknown", "lost"),
    ],
)
async def test_what_a_sender_raises_is_what_the_delivery_shows(
    database: Database, blobs: FileBlobs, fault: Exception, repeatable: bool, state: str, error: str
) -> None:
    await opened_with(database)
    house = House(database, blobs, email=Recorder(repeatable=repeatable, answer=refusing(fault)))
    await house.outbound.step("email")
    assert ((await house.way()).state, (await house.way()).error) == (state, error)


async def test_attempts_follow_the_ladder_and_end_after_two_days(database: Database, blobs: FileBlobs) -> None:
    await opened_with(database)
    house = House(database, blobs, email=Recorder(answer=refusing(Temporary("later", reason="451 later"))))
    begun = house.clock.at
    pauses = []
    while (way := await house.way()).state != "failed":
        if way.next_at is not None and way.attempts:
            pauses.append((way.next_at - house.clock.at).total_seconds())
            house.clock.at = way.next_at
        assert await house.outbound.step("email") == 1
    assert tuple(pauses[: len(LADDER)]) == LADDER
    assert set(pauses[len(LADDER) :]) == {LADDER[-1]}
    assert GIVE_UP_AFTER < house.clock.at - begun < GIVE_UP_AFTER + timedelta(hours=3)
    assert way.error == "given up after 48 hours: 451 later"


async def test_the_other_side_says_when_to_come_back(database: Database, blobs: FileBlobs) -> None:
    await opened_with(database)
    house = House(database, blobs, email=Recorder(answer=refusing(Temporary("slow", reason="429", retry_after=3.0))))
    await house.outbound.step("email")
    assert (await house.way()).next_at == NOON + timedelta(seconds=3)


async def test_one_address_is_written_to_in_order_and_a_failure_stops_nobody(
    database: Database, blobs: FileBlobs
) -> None:
    first = await opened_with(database)
    others = [outgoing(first.to, subject=f"{n}") for n in range(6)]
    await sent_out(database, *others)

    def answer(parcel: Parcel) -> Sent:
        if parcel.delivery.subject == "2":
            raise Permanent("no", reason="550")
        return Sent()

    house = House(database, blobs, email=Recorder(answer=answer))
    await house.outbound.step("email")
    subjects = [parcel.delivery.subject for parcel in house.senders["email"].got]
    assert subjects == [first.subject, "0", "1", "2", "3", "4", "5"]
    assert sorted(way.state for way in await shown(database)) == ["failed", *["sent"] * 6]


async def test_where_nobody_is_there_it_goes_to_what_is_known_to_be_theirs(
    database: Database, blobs: FileBlobs
) -> None:
    letter = await opened_with(database)
    await _verified_chat(database, letter.to)
    gone = Permanent("no", reason="550 5.1.1 nobody", unreachable=True)
    house = House(database, blobs, email=Recorder(answer=refusing(gone)), telegram=Recorder())
    await house.outbound.step("email")
    await house.outbound.step("telegram")
    assert [(way.channel, way.state) for way in await shown(database)] == [("email", "failed"), ("telegram", "sent")]
    (parcel,) = house.senders["telegram"].got
    assert (parcel.delivery.address, parcel.delivery.message) == ("777", letter.id)


async def _verified_chat(database: Database, identity: str) -> None:
    """The requester's own chat, proven."""
    from sqlalchemy import insert, update

    from store.tables import IdentityRow, PersonRow
    from store.tables.base import table

    identities, persons = table(IdentityRow), table(PersonRow)
    async with database.engines.write.begin() as connection:
        person = {"id": "P1", "name": "Анна", "vip": False, "contact": False, "created_at": NOON}
        await connection.execute(insert(persons).values(**person))
        chat = {"id": "I-chat", "channel": "telegram", "address": "777", "name": "", "verified": True}
        await connection.execute(insert(identities).values(**chat, person_id="P1", created_at=NOON, unreachable=""))
        await connection.execute(update(identities).where(identities.c.id == identity).values(person_id="P1"))


async def test_a_file_whose_content_is_gone_fails_with_its_name(database: Database, blobs: FileBlobs) -> None:
    file = StoredFile(blob="e" * 64, name="нет.zip", size=3, media_type="application/zip")  # type: ignore[arg-type]
    await opened_with(database, files=(file,))
    house = House(database, blobs)
    await house.outbound.step("email")
    assert ((await house.way()).state, (await house.way()).error) == ("failed", "the content of нет.zip is absent")


async def test_a_reply_on_the_bus_wakes_the_sender_and_none_waits_without_it(
    bus: Bus, database: Database, blobs: FileBlobs, stop: asyncio.Event
) -> None:
    house = House(database, blobs)
    relay = Relay(bus)
    await opened_with(database)
    rows = await database.outbox.left(NOON + timedelta(hours=1), 100)
    relay.push([row for row in rows if row.fact == "reply"])
    async with (
        running(Consumer(bus, OUTBOUND, house.outbound.handle).run(stop), stop),
        running(relay.run(database, stop), stop),
        running(house.outbound.run(stop), stop),
    ):
        await until(lambda: house.senders["email"].got)
        await sent_out(database, outgoing(await requester(database)))  # nothing of it goes over the bus
        await until(lambda: len(house.senders["email"].got) == 2)


async def test_a_killed_senders_mail_is_sent_again_under_the_same_id(database: Database, blobs: FileBlobs) -> None:
    await opened_with(database)
    house = House(database, blobs)
    (lost,) = await database.deliveries.claim("email", NOON, LEASE, 10)  # and its process is no more
    assert await house.outbound.step("email") == 0
    house.clock.at = NOON + LEASE + timedelta(seconds=1)
    assert await database.deliveries.expire(house.clock.at, ["email"]) == 1
    await house.outbound.step("email")
    (parcel,) = house.senders["email"].got
    assert (parcel.delivery.id, parcel.delivery.attempt) == (lost.id, 2)


def test_the_account_that_the_request_came_through_answers_it() -> None:
    first, second = Recorder(), Recorder()
    delivery = Delivery(
        id="D", message=None, number=1, channel="email", account="second", address="a@b.example", name="", subject="",
        text="", automatic=False, attempt=1, created_at=NOON,
    )  # fmt: skip
    accounts = {"first": first, "second": second}
    assert pick(accounts, delivery) is second  # type: ignore[arg-type]
    assert pick({"first": first}, delivery) is first  # type: ignore[dict-item]
