"""Deliveries, on both databases: taken in hand once, settled, sent once more, and never forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.commands import Actor
from domain.effects import Changed
from domain.message import Bounce, StoredFile
from domain.outgoing import Correspondent, Outgoing, Result
from domain.views import DeliveryView, Scope
from gateway.system import UlidIds
from store import Database
from tests.make import NOON, appended, message, open_tickets, suppressed

EVERY = Scope(reader="t", lines=None)
FOREIGN = Scope(reader="t", lines=frozenset({"second"}))
LEASE = timedelta(seconds=30)
_ids = UlidIds()


async def requester(database: Database, number: int = 1) -> str:
    return (await database.views.ticket(EVERY, number)).requester.id


def outgoing(to: str, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "id": _ids.new(),
        "delivery": _ids.new(),
        "author": Actor(id="agent:A1", name="Вера"),
        "to": to,
        "channel": "email",
        "account": "smtp",
        "subject": "[T-000001] Ответ",
        "text": "Обновите программу.\n\nВера",
        "words": "Обновите программу.",
    }
    return Outgoing(**{**values, **changes})


async def sent_out(database: Database, *letters: Outgoing, number: int = 1) -> None:
    async with database.store.begin() as uow:
        state = (await uow.states([number]))[number]
        await uow.change([Changed(before=state, after=state, facts=(), letters=letters)], NOON)


async def opened_with(database: Database, **changes: Any) -> Outgoing:
    await open_tickets(database.store, [message(recipients=("support@example.org",))])
    letter = outgoing(await requester(database), **changes)
    await sent_out(database, letter)
    return letter


async def shown(database: Database, number: int = 1) -> list[DeliveryView]:
    view = await database.views.ticket(EVERY, number)
    return [each for message in view.messages for each in message.deliveries]


async def test_an_answer_is_part_of_the_conversation_and_its_delivery_waits(database: Database) -> None:
    file = StoredFile(blob="d" * 64, name="патч.zip", size=3, media_type="application/zip")  # type: ignore[arg-type]
    letter = await opened_with(database, files=(file,))
    ours = (await database.views.ticket(EVERY, 1)).messages[-1]
    assert (ours.direction, ours.author, ours.text, ours.full_text) == ("outbound", "Вера", letter.words, letter.text)
    assert [each.file.name for each in ours.attachments] == ["патч.zip"]
    (way,) = ours.deliveries
    assert (way.state, way.channel, way.address, way.attempts) == ("queued", "email", "anna@romashka.example", 0)


async def test_what_a_sender_gets_has_the_conversation_so_far(database: Database) -> None:
    first = message(native_id="one@romashka.example", recipients=("support+x@example.org",), text="Не печатает")
    await open_tickets(database.store, [first])
    who = await requester(database)
    second = message(native_id="two@romashka.example", recipients=("billing@example.org",), text="Всё ещё")
    async with database.store.begin() as uow:
        await uow.recall([second], NOON)
        await uow.save([appended(1, who, second)], NOON)
    await sent_out(database, outgoing(who))
    (taken,) = await database.deliveries.claim("email", NOON, LEASE, 10)
    assert (taken.address, taken.name, taken.attempt) == ("anna@romashka.example", "Анна", 1)
    assert taken.references == ("one@romashka.example", "two@romashka.example")
    assert (taken.recipients, taken.quoted) == (("billing@example.org",), "Всё ещё")
    assert taken.text == "Обновите программу.\n\nВера"


async def test_two_processes_never_take_the_same(database: Database) -> None:
    await open_tickets(database.store, [message()])
    who = await requester(database)
    await sent_out(database, *(outgoing(who) for _ in range(20)))
    taken = await asyncio.gather(*(database.deliveries.claim("email", NOON, LEASE, 5) for _ in range(6)))
    ids = [each.id for batch in taken for each in batch]
    assert len(ids) == len(set(ids)) == 20
    assert await database.deliveries.claim("telegram", NOON, LEASE, 5) == []


async def test_a_result_is_shown_noted_and_found_by_what_answers_it(database: Database) -> None:
    letter = await opened_with(database)
    await database.deliveries.claim("email", NOON, LEASE, 10)
    result = Result(delivery=letter.delivery, state="sent", at=NOON, native_id="t1.mac.x@example.org")
    await database.deliveries.settle([result])
    (way,) = await shown(database)
    assert (way.state, way.settled_at, way.attempts) == ("sent", NOON, 1)
    history = (await database.views.ticket(EVERY, 1)).history
    assert history[-1].fact == "ticket.delivery_settled"
    assert history[-1].detail["state"] == "sent"
    answer = message(references=("t1.mac.x@example.org",))
    async with database.store.begin() as uow:
        assert (await uow.recall([answer], NOON)).natives["t1.mac.x@example.org"] == 1


async def test_what_failed_for_now_waits_and_what_failed_marks_the_ticket(database: Database) -> None:
    letter = await opened_with(database)
    await database.deliveries.claim("email", NOON, LEASE, 10)
    later = NOON + timedelta(minutes=1)
    again = Result(delivery=letter.delivery, state="queued", at=NOON, error="451 later", retry_at=later)
    await database.deliveries.settle([again])
    assert await database.deliveries.claim("email", NOON, LEASE, 10) == []
    (taken,) = await database.deliveries.claim("email", later, LEASE, 10)
    assert taken.attempt == 2
    gone = Result(delivery=letter.delivery, state="failed", at=later, error="550 5.1.1 nobody", unreachable=True)
    await database.deliveries.settle([gone])
    view = await database.views.ticket(EVERY, 1)
    assert "undelivered" in view.flags
    assert (view.messages[-1].deliveries[-1].state, view.messages[-1].deliveries[-1].error) == (
        "failed",
        "550 5.1.1 nobody",
    )
    async with database.store.begin() as uow:
        (person,) = (await uow.correspondences([1], NOON))[1].people
    assert (person.unreachable, person.wrote, person.requester) == ("550 5.1.1 nobody", True, True)


async def test_a_message_from_an_address_makes_it_reachable_again(database: Database) -> None:
    letter = await opened_with(database)
    gone = Result(delivery=letter.delivery, state="failed", at=NOON, error="550 5.1.1 nobody", unreachable=True)
    await database.deliveries.settle([gone])
    async with database.store.begin() as uow:
        await uow.recall([message()], NOON)
    async with database.store.begin() as uow:
        (person,) = (await uow.correspondences([1], NOON))[1].people
    assert person.unreachable == ""


async def test_who_dies_with_a_delivery_in_hand_leaves_it_to_be_sent_again_or_unknown(database: Database) -> None:
    letter = await opened_with(database)
    chat = outgoing(letter.to, channel="telegram", account="bot")
    await sent_out(database, chat)
    for channel in ("email", "telegram"):
        assert len(await database.deliveries.claim(channel, NOON, LEASE, 10)) == 1
    assert await database.deliveries.expire(NOON + LEASE / 2, ["email"]) == 0
    await database.deliveries.hold([letter.delivery], NOON + 3 * LEASE)
    over = NOON + LEASE + timedelta(seconds=1)
    assert await database.deliveries.expire(over, ["email"]) == 1
    assert {way.channel: way.state for way in await shown(database)} == {"email": "sending", "telegram": "unknown"}
    assert await database.deliveries.expire(NOON + 4 * LEASE, ["email"]) == 1
    assert {way.channel: way.state for way in await shown(database)} == {"email": "queued", "telegram": "unknown"}


async def test_an_agent_has_it_sent_once_more(database: Database) -> None:
    letter = await opened_with(database)
    repeat = database.deliveries.repeat
    assert not await repeat(EVERY, 1, letter.delivery, NOON)
    await database.deliveries.settle([Result(delivery=letter.delivery, state="unknown", at=NOON, error="lost")])
    assert not await repeat(FOREIGN, 1, letter.delivery, NOON)
    assert not await repeat(EVERY, 2, letter.delivery, NOON)
    assert await repeat(EVERY, 1, letter.delivery, NOON)
    (taken,) = await database.deliveries.claim("email", NOON, LEASE, 10)
    assert (taken.id, taken.attempt) == (letter.delivery, 1)


async def test_what_is_muted_is_kept_and_not_sent(database: Database) -> None:
    await opened_with(database, muted="too many letters")
    (way,) = await shown(database)
    assert (way.state, way.error) == ("muted", "too many letters")
    assert await database.deliveries.claim("email", NOON, LEASE, 10) == []


async def test_a_caller_is_telephoned_and_that_is_noted(database: Database) -> None:
    letter = await opened_with(database, channel="phone")
    (way,) = await shown(database)
    assert way.state == "call_back"
    assert not await database.deliveries.called(FOREIGN, 1, letter.delivery, NOON)
    assert await database.deliveries.called(EVERY, 1, letter.delivery, NOON)
    assert not await database.deliveries.called(EVERY, 1, letter.delivery, NOON)
    assert [way.state for way in await shown(database)] == ["called_back"]


async def test_the_same_message_goes_another_way(database: Database) -> None:
    letter = await opened_with(database)
    await database.deliveries.settle([Result(delivery=letter.delivery, state="failed", at=NOON, error="550")])
    other = message(address="anna.home@romashka.example")
    async with database.store.begin() as uow:
        identity = (await uow.recall([other], NOON)).identities["email", "anna.home@romashka.example"]
    way = Correspondent(id=identity.id, channel="email", account="smtp", verified=True, requester=True)
    await database.deliveries.redirect(letter.delivery, way, NOON)
    states = [(each.state, each.address) for each in await shown(database)]
    assert sorted(states) == [("failed", "anna@romashka.example"), ("queued", "anna.home@romashka.example")]
    (taken,) = await database.deliveries.claim("email", NOON, LEASE, 10)
    assert (taken.message, taken.text) == (letter.id, letter.text)


async def test_a_bounce_is_the_deliverys_failure(database: Database) -> None:
    letter = await opened_with(database)
    await database.deliveries.claim("email", NOON, LEASE, 10)
    await database.deliveries.settle(
        [Result(delivery=letter.delivery, state="sent", at=NOON, native_id="ours@example.org")]
    )
    for action, state in (("delayed", "sent"), ("failed", "failed")):
        bounce = Bounce(
            action=action,  # type: ignore[arg-type]
            recipient="anna@romashka.example",
            status="5.1.1" if action == "failed" else "4.4.1",
            diagnostic="smtp; nobody",
            message_id="ours@example.org",
        )
        report = replace(suppressed(message(address="mailer-daemon@x.example", bounces=(bounce,))), number=1)
        async with database.store.begin() as uow:
            await uow.recall([report.message], NOON)
            await uow.save([report], NOON)
        (way,) = await shown(database)
        assert (way.state, "nobody" in way.error) == (state, True)


async def test_letters_that_nobody_wrote_are_counted_by_the_hour_and_the_day(database: Database) -> None:
    letter = await opened_with(database, automatic=True)
    async with database.store.begin() as uow:
        assert await uow.mailed([letter.to, "nobody"], NOON) == {letter.to: (1, 1)}
        assert await uow.mailed([letter.to], NOON + timedelta(hours=2)) == {letter.to: (0, 1)}
        assert await uow.mailed([letter.to], NOON + timedelta(days=2)) == {}


async def test_letters_are_counted_over_all_channels_of_a_person(database: Database) -> None:
    letter = await opened_with(database, automatic=True)
    chat = message(channel="telegram", sender=replace(message().sender, channel="telegram", address="777"))
    await open_tickets(database.store, [chat])
    other = await requester(database, 2)
    await sent_out(database, outgoing(other, automatic=True, channel="telegram"), number=2)
    async with database.store.begin() as uow:
        assert await uow.mailed([letter.to, other], NOON) == {letter.to: (1, 1), other: (1, 1)}
    await database.identities.merge(EVERY, other, letter.to, "agent:A1", NOON)
    async with database.store.begin() as uow:
        assert await uow.mailed([letter.to, other], NOON) == {letter.to: (2, 2), other: (2, 2)}


async def test_whom_a_ticket_may_be_answered_to_and_what_was_last_said(database: Database) -> None:
    first = message(reply_to=replace(message().sender, address="boss@romashka.example"))
    await open_tickets(database.store, [first])
    who = await requester(database)
    await sent_out(database, outgoing(who, author=Actor(id="agent:A1", name="Вера"), letter="reply"))
    async with database.store.begin() as uow:
        found = (await uow.correspondences([1], NOON))[1]
    (person,) = found.people
    assert (person.id, person.address, person.account) == (who, "boss@romashka.example", "smtp")
    assert found.written == {"reply": NOON}
