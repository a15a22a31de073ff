"""``domain.unitofwork.Store`` and ``UnitOfWork``: the store in memory, SQLite and PostgreSQL keep the same promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.businesstime import Calendar
from domain.calls import CallKept
from domain.clocks import ended, paused
from domain.commands import Actor
from domain.effects import Changed, Note, Outcome, Settled, Timer
from domain.facts import TicketEscalated
from domain.message import Alert, Bounce, Message
from domain.status import Status
from domain.ticket import Earlier, Priority
from domain.views import Scope
from gateway.system import SystemClock, UlidIds
from store import Database
from tests.fakes_store import FakeStore
from tests.make import NOON, appended, message, open_tickets, opened, repeated, suppressed
from tests.router.phone import digits, recording, transcript


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SystemClock, ids: UlidIds) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield FakeStore()
        return
    sqlite = f"sqlite:///{tmp_path}/t.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    database = Database(url, ids=ids, clock=clock)
    await database.upgrade()
    yield database.store
    await database.close()


async def test_every_sender_of_a_batch_is_an_identity_and_stays_the_same_one(store: Any) -> None:
    first, second = message(address="a@x.example"), message(address="b@x.example")
    async with store.begin() as uow:
        once = (await uow.recall([first, second], NOON)).identities
    async with store.begin() as uow:
        again = (await uow.recall([second, first], NOON)).identities
    assert set(once) == {("email", "a@x.example"), ("email", "b@x.example")}
    assert {place: identity.id for place, identity in once.items()} == {p: i.id for p, i in again.items()}


async def test_numbers_are_given_once_even_where_a_batch_is_rolled_back(store: Any) -> None:
    async with store.begin() as uow:
        first = list(await uow.next_numbers(3))
    with pytest.raises(RuntimeError):
        async with store.begin() as uow:
            await uow.next_numbers(2)
            raise RuntimeError
    async with store.begin() as uow:
        third = list(await uow.next_numbers(1))
    assert len(set(first)) == 3
    assert not set(first) & set(third)


async def test_what_was_saved_is_recalled_by_key_envelope_conversation_and_native_id(store: Any) -> None:
    mail = message()
    (number,) = await open_tickets(store, [mail])
    answer = message(references=(mail.native_id,), conversation=("own", *mail.conversation), key=mail.key)
    async with store.begin() as uow:
        known = await uow.recall([mail, answer], NOON)
    assert known.keys == {mail.key: (mail.envelope_id, number)}
    assert known.conversations == {mail.conversation[0]: number}
    assert known.natives == {mail.native_id: number}
    assert known.tickets[number].status is Status.CLASSIFICATION
    assert known.tickets[number].participants == {known.identities["email", mail.sender.address].id}
    settled = known.handled[mail.envelope_id]
    assert settled == Settled(
        envelope_id=mail.envelope_id, outcome=Outcome.TICKETED, ticket=number, reason="", at=settled.at
    )


async def test_a_batch_that_fails_leaves_nothing(store: Any) -> None:
    mail = message()
    with pytest.raises(RuntimeError):
        async with store.begin() as uow:
            known = await uow.recall([mail], NOON)
            (number,) = await uow.next_numbers(1)
            await uow.save([opened(number, known.identities["email", mail.sender.address].id, mail)], NOON)
            raise RuntimeError
    async with store.begin() as uow:
        known = await uow.recall([mail], NOON)
    assert (known.handled, known.keys, known.conversations, known.tickets) == ({}, {}, {}, {})


async def test_an_appended_message_moves_the_status_and_claims_its_handles(store: Any) -> None:
    mail = message()
    (number,) = await open_tickets(store, [mail], status=Status.WAITING_REQUESTER)
    answer = message(conversation=("answer-handle",))
    async with store.begin() as uow:
        author = (await uow.recall([answer], NOON)).identities["email", answer.sender.address].id
        await uow.save([appended(number, author, answer, Status.IN_PROGRESS)], NOON)
    async with store.begin() as uow:
        known = await uow.recall([message(conversation=("answer-handle",))], NOON)
    assert known.conversations == {"answer-handle": number}
    assert known.tickets[number].status is Status.IN_PROGRESS


async def test_a_mail_joins_its_conversation_while_many_others_stand(store: Any) -> None:
    """Regression: the check of the ticket that holds a handle looked at every conversation there was."""
    await open_tickets(store, [message(conversation=(f"other-{n}",)) for n in range(5)])
    await open_tickets(store, [message(conversation=(f"closed-{n}",)) for n in range(3)], status=Status.CLOSED)
    (number,) = await open_tickets(store, [message(conversation=("mine",))])
    answer = message(conversation=("answer", "mine"))
    async with store.begin() as uow:
        author = (await uow.recall([answer], NOON)).identities["email", answer.sender.address].id
        await uow.save([appended(number, author, answer)], NOON)
    async with store.begin() as uow:
        known = await uow.recall([message(conversation=("answer", "mine", "other-1", "closed-2"))], NOON)
    assert known.conversations == {"answer": number, "mine": number, "other-1": 2, "closed-2": 8}


async def test_an_open_tickets_conversation_is_not_taken_by_another_ticket(store: Any) -> None:
    mail = message(conversation=("shared",))
    (number,) = await open_tickets(store, [mail])
    await open_tickets(store, [message(conversation=("shared",))])
    async with store.begin() as uow:
        known = await uow.recall([message(conversation=("shared",))], NOON)
    assert known.conversations == {"shared": number}


async def test_a_closed_tickets_conversation_goes_to_the_next_ticket(store: Any) -> None:
    await open_tickets(store, [message(conversation=("shared",))], status=Status.CLOSED)
    (second,) = await open_tickets(store, [message(conversation=("shared",))])
    async with store.begin() as uow:
        known = await uow.recall([message(conversation=("shared",))], NOON)
    assert known.conversations == {"shared": second}


@pytest.mark.parametrize("flag", ["dmarc_fail", "forged_token", "sender_unverified"])
async def test_a_sender_who_is_not_believed_claims_no_conversation(store: Any, flag: str) -> None:
    await open_tickets(store, [message(conversation=("coveted",), flags=(flag,))])
    async with store.begin() as uow:
        known = await uow.recall([message(conversation=("coveted",))], NOON)
    assert known.conversations == {}


async def test_duplicates_and_suppressed_messages_are_settled_without_a_ticket(store: Any) -> None:
    first = message()
    (number,) = await open_tickets(store, [first])
    copy, automatic = message(key=first.key), message()
    async with store.begin() as uow:
        await uow.recall([copy, automatic], NOON)
        await uow.save([repeated(copy, number, first.envelope_id), suppressed(automatic, "auto-reply")], NOON)
    async with store.begin() as uow:
        handled = (await uow.recall([copy, automatic], NOON)).handled
    assert {e: (s.outcome, s.ticket, s.reason) for e, s in handled.items()} == {
        copy.envelope_id: (Outcome.DUPLICATE, number, ""),
        automatic.envelope_id: (Outcome.SUPPRESSED, None, "auto-reply"),
    }


async def test_a_released_message_is_settled_again(store: Any) -> None:
    held = message()
    async with store.begin() as uow:
        await uow.recall([held], NOON)
        await uow.save([suppressed(held)], NOON)
    released = message(envelope_id=held.envelope_id, key=held.key, flags=("released",))
    (number,) = await open_tickets(store, [released])
    async with store.begin() as uow:
        known = await uow.recall([released], NOON)
    assert known.handled[held.envelope_id].outcome is Outcome.TICKETED
    assert known.keys[held.key][1] == number


async def test_a_bounce_recalls_the_ticket_of_the_returned_mail(store: Any) -> None:
    mail = message(native_id="ours@example.org")
    (number,) = await open_tickets(store, [mail])
    returned = Bounce(action="failed", recipient="x@y.example", status="5.1.1", message_id="ours@example.org")
    async with store.begin() as uow:
        known = await uow.recall([message(bounces=(returned,), address="mailer-daemon@y.example")], NOON)
    assert known.natives == {"ours@example.org": number}


async def test_earlier_tickets_of_a_requester_are_repeats(store: Any) -> None:
    (number,) = await open_tickets(store, [message()])
    again = message()
    async with store.begin() as uow:
        known = await uow.recall([again], NOON + timedelta(days=1))
    identity = known.identities["email", again.sender.address].id
    earlier = Earlier(number=number, at=NOON, catalog="warehouse/documents", kind="malfunction", line="first")
    assert known.repeats[identity] == (earlier,)


async def test_a_batch_of_one_conversation_racing_with_another_waits_for_it(store: Any) -> None:
    """Two routers, one conversation: whoever comes second sees what the first has done."""
    parent, child = message(conversation=("thread",)), message(conversation=("child", "thread"))
    began = asyncio.Event()

    async def first() -> int:
        async with store.begin() as uow:
            known = await uow.recall([parent], NOON)
            began.set()
            await asyncio.sleep(0.1)
            (number,) = await uow.next_numbers(1)
            await uow.save([opened(number, known.identities["email", parent.sender.address].id, parent)], NOON)
        return number

    async def second() -> dict[str, int]:
        await began.wait()
        async with store.begin() as uow:
            return dict((await uow.recall([child], NOON)).conversations)

    if isinstance(store, FakeStore):
        number, seen = await first(), await second()
    else:
        number, seen = await asyncio.gather(first(), second())
    assert seen == {"thread": number}


async def test_a_ticket_is_read_as_it_stands_with_its_clocks_and_lines(store: Any) -> None:
    (number,) = await open_tickets(store, [message()])
    async with store.begin() as uow:
        found = await uow.states([number, 999_999])
    state = found[number]
    assert set(found) == {number}
    assert (state.status, state.line, state.visits, state.version) == (Status.CLASSIFICATION, "first", ("first",), 1)
    assert [clock.target for clock in state.clocks] == ["first_response", "resolution"]
    assert {clock.segments[-1].until for clock in state.clocks} == {None}


async def test_a_change_is_read_again_as_it_was_made(store: Any) -> None:
    (number,) = await open_tickets(store, [message()])
    always = Calendar.always("always")
    async with store.begin(person=True) as uow:
        before = (await uow.states([number]))[number]
        stopped = tuple(paused(clock, always, NOON + timedelta(hours=1), "waiting") for clock in before.clocks)
        after = replace(
            before,
            status=Status.WAITING_REQUESTER,
            substatus="log",
            priority=Priority.P1,
            line="second",
            fields={"version": "9.1"},
            clocks=stopped,
            visits=("first", "second"),
        )
        escalated = TicketEscalated(ticket=number, at=NOON, by="agent:A1", line="second", old="first", because="x")
        note = Note(id="N1", author=Actor(id="token:T1", name="CRM"), text="Заметка")
        await uow.change([Changed(before=before, after=after, facts=(escalated,), note=note)], NOON)
    async with store.begin() as uow:
        assert (await uow.states([number]))[number] == replace(after, version=2)


async def test_open_requests_of_a_ticket_are_found_until_they_are_closed(store: Any) -> None:
    (parent,) = await open_tickets(store, [message()])
    (child,) = await open_tickets(store, [message(envelope_id="E-child", key="K-child")], parent=parent)
    async with store.begin() as uow:
        assert await uow.open_children([parent, child]) == {parent: [child]}
        before = (await uow.states([child]))[child]
        assert before.parent == parent
        await uow.change([Changed(before=before, after=replace(before, status=Status.CLOSED), facts=())], NOON)
        assert await uow.open_children([parent]) == {}


async def test_a_ticket_outside_the_scope_is_not_visible(store: Any) -> None:
    (number,) = await open_tickets(store, [message()])
    async with store.begin() as uow:
        assert await uow.visible(Scope(reader="x", lines=None), number)
        assert await uow.visible(Scope(reader="x", lines=frozenset({"first"})), number)
        assert not await uow.visible(Scope(reader="x", lines=frozenset({"second"})), number)
        assert not await uow.visible(Scope(reader="x", lines=frozenset()), number)
        assert not await uow.visible(Scope(reader="x", lines=None), number + 1)


async def test_a_ticket_keeps_its_audiences_and_is_visible_by_group_and_audience(store: Any) -> None:
    met = frozenset({"retail", "vip-2"})
    (number,) = await open_tickets(store, [message()], group="money", audiences=met)
    async with store.begin() as uow:
        before = (await uow.states([number]))[number]
        assert before.audiences == met
        await uow.change([Changed(before=before, after=replace(before, fields={"a": 1}), facts=())], NOON)
    async with store.begin() as uow:
        assert (await uow.states([number]))[number].audiences == met
        for narrower, seen in (
            ({"groups": frozenset({("first", "money")})}, True),
            ({"groups": frozenset({("first", "experts")})}, False),
            ({"groups": frozenset({("second", "experts")})}, True),
            ({"audiences": frozenset({"retail"})}, True),
            ({"audiences": frozenset({"vip"})}, False),
            ({"audiences": frozenset({"vip"}), "groups": frozenset({("first", "money")})}, False),
        ):
            scope = Scope(reader="x", lines=frozenset({"first"}), **narrower)
            assert await uow.visible(scope, number) is seen


async def test_a_requesters_word_sets_the_clocks_that_it_brings(store: Any) -> None:
    mail = message()
    (number,) = await open_tickets(store, [mail])
    answer = message(references=(mail.native_id,))
    async with store.begin() as uow:
        state = (await uow.states([number]))[number]
        known = await uow.recall([answer], NOON)
        author = known.identities["email", answer.sender.address].id
        clocks = tuple(ended(clock, Calendar.always("always"), NOON) for clock in state.clocks)
        effect = appended(number, author, answer, status=Status.IN_PROGRESS)
        await uow.save([replace(effect, clocks=clocks)], NOON)
    async with store.begin() as uow:
        again = (await uow.states([number]))[number]
    assert (again.status, {clock.state for clock in again.clocks}) == (Status.IN_PROGRESS, {"met"})


async def _timed(store: Any, *moments: datetime) -> int:
    """A ticket with a timer at each moment."""
    (number,) = await open_tickets(store, [message()])
    async with store.begin() as uow:
        before = (await uow.states([number]))[number]
        timers = tuple(Timer(what="clock", at=at, clock="C1", share=share) for share, at in enumerate(moments, 1))
        await uow.change([Changed(before=before, after=before, facts=(), timers=timers)], NOON)
    return number


async def test_timers_fire_when_they_are_due_and_wait_until_they_are_followed(store: Any) -> None:
    number = await _timed(store, NOON, NOON + timedelta(minutes=1), NOON + timedelta(hours=1))
    async with store.begin() as uow:
        assert await uow.next_timer() == NOON
        assert await uow.fire(NOON - timedelta(microseconds=1), 10) == 0
        assert await uow.fire(NOON + timedelta(minutes=1), 10) == 2
        assert await uow.fire(NOON + timedelta(minutes=1), 10) == 0
        assert await uow.next_timer() == NOON + timedelta(hours=1)
    async with store.begin() as uow:
        found = await uow.firings(10)
        assert [(f.number, f.timer.share, f.timer.at) for f in found] == [
            (number, 1, NOON),
            (number, 2, NOON + timedelta(minutes=1)),
        ]
        await uow.done([found[0].id])
    async with store.begin() as uow:
        assert [f.timer.share for f in await uow.firings(10)] == [2]


async def test_as_many_fire_as_are_asked_for_the_earliest_first(store: Any) -> None:
    await _timed(store, NOON + timedelta(minutes=2), NOON, NOON + timedelta(minutes=1))
    async with store.begin() as uow:
        assert await uow.fire(NOON + timedelta(hours=1), 2) == 2
        assert [f.timer.at for f in await uow.firings(10)] == [NOON, NOON + timedelta(minutes=1)]


async def test_a_rewritten_ticket_keeps_no_old_timer_and_sets_none_that_has_fired(store: Any) -> None:
    number = await _timed(store, NOON, NOON + timedelta(hours=1))
    async with store.begin() as uow:
        assert await uow.fire(NOON, 10) == 1
        before = (await uow.states([number]))[number]
        again = tuple(Timer(what="clock", at=NOON + timedelta(hours=h), clock="C1", share=h) for h in (1, 2, 3))
        await uow.change([Changed(before=before, after=before, facts=(), timers=again)], NOON)
        assert await uow.fire(NOON + timedelta(days=1), 10) == 2
        assert [f.timer.share for f in await uow.firings(10)] == [1, 2, 3]


async def test_an_event_waits_beside_the_timers_and_outlives_their_rewriting(store: Any) -> None:
    number = await _timed(store, NOON + timedelta(hours=1))
    event = Timer(what="nobody_eligible", at=NOON)
    async with store.begin() as uow:
        before = (await uow.states([number]))[number]
        await uow.change([Changed(before=before, after=before, facts=(), events=(event,))], NOON)
    async with store.begin() as uow:
        await uow.change([Changed(before=before, after=before, facts=(), timers=())], NOON)
        assert await uow.fire(NOON + timedelta(days=1), 10) == 1
        assert [f.timer for f in await uow.firings(10)] == [event]


async def test_a_firing_that_is_rolled_back_fires_again(store: Any) -> None:
    await _timed(store, NOON)
    with pytest.raises(RuntimeError):
        async with store.begin() as uow:
            assert await uow.fire(NOON, 10) == 1
            raise RuntimeError
    async with store.begin() as uow:
        assert await uow.firings(10) == []
        assert await uow.fire(NOON, 10) == 1


async def test_two_timekeepers_at_once_fire_each_timer_once(store: Any) -> None:
    await _timed(store, *(NOON + timedelta(seconds=n) for n in range(40)))

    async def fire() -> int:
        async with store.begin() as uow:
            return int(await uow.fire(NOON + timedelta(hours=1), 100))

    # The store in memory has transactions one after the other.
    together = isinstance(store, FakeStore)
    fired = [await fire(), await fire()] if together else list(await asyncio.gather(fire(), fire()))
    async with store.begin() as uow:
        found = await uow.firings(100)
    assert (sum(fired), len({f.timer.share for f in found}), len(found)) == (40, 40, 40)


async def test_a_call_is_recalled_by_any_of_its_keys_and_its_parked_events_are_settled_anew(store: Any) -> None:
    first, second = digits(), transcript(keys=("recording",), caller=None)
    waiting = {"account": "office", "wait_until": NOON + timedelta(minutes=10)}
    async with store.begin() as uow:
        await uow.recall([first, second], NOON)
        kept = [
            CallKept(id=key, keys=event.call.keys, events=(event,), **waiting)
            for key, event in (("C1", first), ("C2", second))
        ]
        await uow.save([suppressed(first), suppressed(second)], NOON, kept)
    link = recording()
    async with store.begin() as uow:
        assert list(await uow.overdue_calls(NOON + timedelta(minutes=9), 5)) == []
        assert await uow.overdue_calls(NOON + timedelta(minutes=10), 1) == [first]
        known = await uow.recall([link], NOON)
        assert {call.id: (call.number, call.events, call.touched) for call in known.calls.values()} == {
            "C1": (None, (first,), False),
            "C2": (None, (second,), False),
        }
        assert ("phone", first.sender.address) in known.identities
        (number,) = await uow.next_numbers(1)
        one = CallKept(
            id="C1",
            account="office",
            keys=(*link.call.keys,),
            events=(link,),
            number=number,
            absorbed=("C2",),
            gathered=(first, second),
        )
        author = known.identities["phone", link.sender.address].id
        await uow.save([opened(number, author, link)], NOON, [one])
    async with store.begin() as uow:
        known = await uow.recall([replace(first, key="other"), second], NOON)
        assert [(call.id, call.number, len(call.events)) for call in known.calls.values()] == [("C1", number, 3)]
        assert {key: (each.outcome, each.ticket) for key, each in known.handled.items()} == {
            event.envelope_id: (Outcome.APPENDED, number) for event in (first, second)
        }
        assert list(await uow.overdue_calls(NOON + timedelta(days=1), 5)) == []


async def test_alerts_that_fire_are_in_work_until_they_are_over_or_their_ticket_is_closed(store: Any) -> None:
    def alert(status: Any, handle: str) -> Message:
        told = Alert(fingerprint=handle, status=status)
        flags = (f"alert_{status}",)
        return message(channel="alert", conversation=(handle,), alert=told, flags=flags, received_at=NOON)

    async def join(number: int, source: Message, status: Status | None = None) -> None:
        async with store.begin() as uow:
            author = (await uow.recall([source], NOON)).identities["email", source.sender.address].id
            await uow.save([appended(number, author, source, status)], NOON)

    async def in_work() -> list[tuple[int, str]]:
        async with store.begin() as uow:
            return [(each.number, each.product) for each in await uow.incidents(5)]

    first, second, third = await open_tickets(
        store, [alert("firing", each) for each in "abc"], channel="alert", fields={"product": "cash"}
    )
    assert await in_work() == [(third, "cash"), (second, "cash"), (first, "cash")]
    await join(first, alert("resolved", "a"))
    await join(third, alert("firing", "c"), Status.CLOSED)
    assert await in_work() == [(second, "cash")]
    async with store.begin() as uow:
        known = await uow.recall([alert("firing", "b"), alert("firing", "c")], NOON)
    assert [(known.tickets[each].untouched, known.tickets[each].closed_at) for each in (second, third)] == [
        (True, None),
        (True, NOON),
    ]
