"""How messages are cut into batches decides nothing: routed at once or one by one, the same becomes of them."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.effects import Effect, Opened
from domain.message import Message
from domain.status import Status
from domain.tokens import sign_ticket
from router.service import Router
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, automatic, dmarc, message, ticket
from tests.router.policies import LONG_AGO, NOW, make_policy

POLICY = make_policy()
SENDERS = ("anna@romashka.example", "boris@romashka.example", "x@stranger.example")
HELD = (13, 14)
"""Envelopes that were held before, and that a person releases."""
THREADS = st.lists(st.sampled_from("abc"), max_size=2, unique=True)


@st.composite
def mails(draw: st.DrawFn) -> Message:
    """Few senders, threads and keys, so that messages often have to do with one another."""
    sender = draw(st.sampled_from(SENDERS))
    thread = draw(THREADS)
    envelope = draw(st.integers(1, 14))
    return message(
        draw(st.sampled_from(["hello", "срочно", "выгодное предложение"])),
        sender=sender,
        envelope_id=f"E{envelope}",
        key=f"key-{draw(st.integers(1, 8))}",
        native_id=draw(st.sampled_from([None, "na", "nb"])),
        references=tuple(draw(st.lists(st.sampled_from(["na", "nb", "old"]), max_size=2, unique=True))),
        conversation=tuple(f"{sender}:{name}" for name in thread),
        tokens=draw(st.sampled_from([(), (), (sign_ticket(90, SECRET),), (sign_ticket(90, b"forged"),)])),
        authentication=dmarc(draw(st.sampled_from(["", "", "fail"]))),
        automatic=draw(st.sampled_from([None, None, None, automatic("bulk"), automatic("auto_reply")])),
        flags=("released",) if envelope in HELD else (),
    )


def routed(batches: list[list[Message]]) -> list[Any]:
    """What became of each message; tickets are told apart by the order in which they were opened."""
    store = FakeStore()
    store.add_ticket(ticket(90, Status.WAITING_REQUESTER, "I1"), handles=[f"{SENDERS[0]}:a"])
    store.add_ticket(ticket(91, Status.CLOSED, "I1", closed_at=LONG_AGO), handles=[f"{SENDERS[0]}:b"], natives=["old"])
    router = Router(store, FixedPolicy(POLICY), FixedClock(NOW), CountingIds(), SECRET)
    held = [message(envelope_id=f"E{n}", key=f"key-{n}", automatic=automatic("loop")) for n in HELD]
    asyncio.run(router.route(held))
    effects: list[Effect] = []
    for batch in batches:
        result = asyncio.run(router.route(batch))
        assert result.failed == {}
        effects += result.effects
    opened = [effect.ticket.number for effect in effects if isinstance(effect, Opened)]
    order = {number: place for place, number in enumerate(opened)}
    found = []
    for effect in effects:
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        facts = [type(fact).__name__ for fact in effect.facts]
        place = None if number is None else order.get(number, number)
        found.append((effect.message.envelope_id, effect.outcome, place, effect.message.flags, facts))
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(mails(), max_size=8), st.integers(1, 7))
def test_the_cut_of_the_batches_decides_nothing(sent: list[Message], cut: int) -> None:
    one_by_one = routed([[each] for each in sent])
    assert routed([sent]) == one_by_one
    assert routed([sent[:cut], sent[cut:]]) == one_by_one


@settings(max_examples=50, deadline=None)
@given(st.lists(mails(), max_size=8))
def test_delivering_everything_twice_changes_nothing(sent: list[Message]) -> None:
    assert routed([sent, sent]) == routed([sent])
