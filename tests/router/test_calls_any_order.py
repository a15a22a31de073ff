"""Property: whatever order, copies and batches the events of a call come in, it is one ticket, and always the same."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.message import Message
from router.service import Router
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET
from tests.router.phone import again, books, completed, cut, digits, event, recording, shown, standing_text, transcript
from tests.router.policies import NOW, make_policy

WAIT = timedelta(minutes=10)


def piece(revision: int, text: str) -> Message:
    return transcript(text=text, revision=revision, name=f"piece-{revision}", piece=True, keys=("call",))


SILENT = (
    event(name="ring", status="ringing", seq=1),
    digits(pressed="2", seq=2),
    digits(pressed="3", seq=3, fields={"contract": "77-1"}),
    event(name="heard", text="Не раб", transcript_status="partial", seq=4),
    recording(),
    completed(fields={"contract": "77-120"}, product="stock"),
)
"""What a call may leave without any words."""
WHOLE = (
    transcript(text="Остатки.", revision=1, fields={"mood": "calm"}, caller=None),
    transcript(text="Остатки не работают, срочно.", revision=3, keys=("recording", "transcript"), caller=None),
    transcript(text="Остатки не верны.", revision=2, keys=("call", "transcript"), fields={"mood": "bad"}),
)
PIECES = (piece(1, "Добрый день."), piece(2, "Не сходятся остатки."), piece(3, "Срочно."))


class House:
    def __init__(self) -> None:
        self.store, self.clock = FakeStore(), FixedClock(NOW)
        self.router = Router(self.store, FixedPolicy(make_policy()), self.clock, CountingIds(), SECRET)

    def route(self, *batches: list[Message]) -> None:
        for batch in batches:
            failed = asyncio.run(self.router.route(batch)).failed
            assert not failed, failed

    def wait(self, passed: timedelta) -> int:
        self.clock.at += passed
        return len(asyncio.run(self.router.overdue_calls()).effects)

    def outcome(self) -> dict[str, Any]:
        """What a call has become, without what depends on the order alone."""
        (ticket,) = self.store.tables.states.values()
        kept = ("catalog", "kind", "priority", "line", "group", "subject")
        return {
            "text": standing_text(self.store),
            "requester": next(i.address for i in self.store.tables.identities.values() if i.id == ticket.requester),
            "fields": ticket.fields,
            "flags": sorted(ticket.flags),
            **{name: getattr(ticket, name) for name in kept},
        }


def arrivals(of: tuple[Message, ...]) -> st.SearchStrategy[list[Message]]:
    """The events, some of them more than once, in any order."""
    copies = st.lists(st.sampled_from(range(1, 4)), min_size=len(of), max_size=len(of))

    def with_copies(counts: list[int]) -> list[Message]:
        return [
            copy for e, count in zip(of, counts, strict=True) for copy in (e, *(again(e, n) for n in range(1, count)))
        ]

    return copies.map(with_copies).flatmap(st.permutations)


SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(arrived=arrivals((*SILENT, *WHOLE)), sizes=SIZES)
def test_a_call_with_whole_transcripts_is_the_same_ticket_in_any_order(
    arrived: list[Message], sizes: list[int]
) -> None:
    house = House()
    house.route(*cut(arrived, sizes))
    assert house.outcome() == {
        "text": "Остатки не работают, срочно.",
        "fields": {
            "contract": "77-120",
            "mood": "bad",
            "call_recording": "https://pbx.example/1.wav",
            "call_duration_s": 74,
        },
        "flags": [],
        "requester": "+79161234567",
        "subject": "Остатки не работают, срочно",
        **_classified(),
    }
    assert shown(house.store.tables.effects, 1)[-1:] == ["Остатки не работают, срочно."]
    count = len(SILENT) + len(WHOLE)
    assert books(house.store) == _books(ticketed=1, appended=count - 1, duplicate=len(arrived) - count)
    assert house.wait(WAIT) == 0


@settings(max_examples=100, deadline=None)
@given(arrived=arrivals((*SILENT, *PIECES)), sizes=SIZES)
def test_pieces_of_a_transcript_come_together_in_any_order(arrived: list[Message], sizes: list[int]) -> None:
    house = House()
    house.route(*cut(arrived, sizes))
    text = "Добрый день.\nНе сходятся остатки.\nСрочно."
    found = house.outcome()
    assert {name: found[name] for name in ("text", "subject", "flags")} == {
        "text": text,
        "subject": "Добрый день",
        "flags": [],
    }
    assert sorted("\n".join(shown(house.store.tables.effects, 1)).split("\n")) == sorted(text.split("\n"))
    count = len(SILENT) + len(PIECES)
    assert books(house.store) == _books(ticketed=1, appended=count - 1, duplicate=len(arrived) - count)


@settings(max_examples=100, deadline=None)
@given(arrived=arrivals(SILENT), sizes=SIZES, late=st.integers(0, len(SILENT)))
def test_a_call_without_a_transcript_is_one_ticket_once_the_wait_is_over(
    arrived: list[Message], sizes: list[int], late: int
) -> None:
    """``late``: so many of its events come after that."""
    house = House()
    first, rest = arrived[: len(arrived) - late], arrived[len(arrived) - late :]
    house.route(*cut(first, sizes))
    assert house.store.tables.states == {}
    assert house.wait(WAIT - timedelta(seconds=1)) == 0
    assert [house.wait(timedelta(seconds=1)), house.wait(WAIT)] == [1 if first else 0, 0]
    house.route(*cut(rest, sizes))
    if not first:
        house.wait(WAIT)
    found = house.outcome()
    assert (found["text"], found["flags"]) == ("", ["no_transcript"])
    assert found["fields"] == {
        "contract": "77-120",
        "call_recording": "https://pbx.example/1.wav",
        "call_duration_s": 74,
    }
    assert books(house.store) == _books(ticketed=1, appended=len(SILENT) - 1, duplicate=len(arrived) - len(SILENT))
    assert all(each.number == 1 for each in house.store.tables.calls.values())


@settings(max_examples=60, deadline=None)
@given(data=st.data(), sizes=SIZES)
def test_calls_never_mix(data: st.DataObject, sizes: list[int]) -> None:
    """Of one caller, at the same time."""
    calls = ("1", "2", "3")
    events = [make(call) for call in calls for make in (digits, recording, completed)]
    events += [transcript(call, text=f"Вопрос {call}.") for call in calls]
    house = House()
    house.route(*cut(data.draw(st.permutations(events)), sizes))
    found = {state.subject: dict(state.fields) for state in house.store.tables.states.values()}
    assert found == {
        f"Вопрос {call}": {"call_recording": f"https://pbx.example/{call}.wav", "call_duration_s": 74} for call in calls
    }


def _books(**counts: int) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _classified() -> dict[str, Any]:
    """As the same words in a call that came in order."""
    house = House()
    house.route(list(SILENT), [replace(each) for each in WHOLE])
    found = house.outcome()
    assert (found["catalog"], found["kind"]) == ("stock", "outage")
    return {name: found[name] for name in ("catalog", "kind", "priority", "line", "group")}
