"""What the tests of telephone calls share: events as the normaliser leaves them, and what became of a call."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.effects import Appended, Effect, Opened, Outcome
from domain.message import Address, Call, Message, call_event_key, call_keys
from router.calls import SUPERSEDED, merged
from tests.fakes_store import FakeStore
from tests.router.policies import NOW

CALLER = "+79161234567"


def event(
    call: str = "1",
    name: str = "e",
    text: str = "",
    *,
    keys: tuple[str, ...] | None = None,
    fields: dict[str, Any] | None = None,
    caller: str | None = CALLER,
    **parts: Any,
) -> Message:
    """An event of a call. ``parts`` are of its ``Call``; ``keys`` are its keys' kinds."""
    kinds = ("call",) if keys is None else keys
    ids = call_keys("pbx", "office", **{kind: f"{call}-{kind}" for kind in kinds})
    told = Call(
        keys=ids,
        event="transcript" if "transcript_status" in parts else "call",
        event_id=name,
        **{"from_raw": caller or "", "number": caller, "to": "+74951234567", **parts},
    )
    sender = Address(channel="phone", address=caller) if caller else Address(channel="ivr", address=f"withheld:{call}")
    seq = told.seq or told.revision
    doubts = ("low_confidence",) if (told.confidence or 0) < 0.6 and told.transcript_status == "final" else ()
    return Message(
        envelope_id=f"E-{call}-{name}",
        channel="ivr",
        account="office",
        adapter="ivr",
        received_at=NOW - timedelta(minutes=5) + timedelta(seconds=seq),
        key=call_event_key(ids[0], name),
        sender=sender,
        subject=text.partition(".")[0] or f"{caller}, 2026-11-23 07:00 UTC",
        text=text,
        raw=hashlib.sha256(f"{call}/{name}".encode()).hexdigest(),
        size=100,
        native_id=f"{call}-{kinds[0]}",
        conversation=tuple(hashlib.sha256(f"ivr|{key}".encode()).hexdigest()[:32] for key in ids),
        recipients=(told.to,),
        language="ru" if text else None,
        fields=fields or {},
        flags=(*doubts, *(() if text else ("no_transcript",))),
        call=told,
    )


def transcript(call: str = "1", text: str = "Не работает печать.", revision: int = 1, **parts: Any) -> Message:
    name = parts.pop("name", f"text-{revision}")
    values = {"confidence": 0.9, "transcript_status": "final", "keys": ("call", "recording"), **parts}
    return event(call, name, text, revision=revision, **values)


def completed(call: str = "1", **parts: Any) -> Message:
    return event(call, "end", **{"over": True, "duration_s": 74, "status": "completed", "seq": 9, **parts})


def recording(call: str = "1", **parts: Any) -> Message:
    values = {
        "recording_id": f"{call}-recording",
        "recording_url": f"https://pbx.example/{call}.wav",
        "seq": 8,
        **parts,
    }
    return event(call, "record", keys=("call", "recording"), **values)


def digits(call: str = "1", pressed: str = "2", seq: int = 2, **parts: Any) -> Message:
    return event(call, f"dtmf-{seq}", digits=pressed, path=("main", pressed), seq=seq, **parts)


def again(message: Message, copy: int = 1) -> Message:
    """The same event delivered once more, under an envelope of its own."""
    return replace(message, envelope_id=f"{message.envelope_id}-copy{copy}")


def standing_text(store: FakeStore, call: str = "1") -> str:
    """The words that hold, as the store has the call."""
    (found,) = [each for each in store.tables.calls.values() if f"pbx/office/call:{call}-call" in each.keys]
    return merged(found.events, found.events[0]).text


def shown(effects: Iterable[Effect], number: int) -> list[str]:
    """The texts that a reader of the ticket finds, but for those in whose place others stand."""
    return [
        effect.message.text
        for effect in effects
        if (isinstance(effect, Opened) and effect.ticket.number == number)
        or (isinstance(effect, Appended) and effect.number == number and not effect.silent)
        if effect.message.text and SUPERSEDED not in effect.message.flags
    ]


def books(store: FakeStore) -> dict[str, int]:
    """Outcomes by name, of those that there are."""
    counted = [settled.outcome.value for settled in store.tables.ledger.values()]
    return {outcome.value: counted.count(outcome.value) for outcome in Outcome if outcome.value in counted}


def cut(messages: Sequence[Message], sizes: Sequence[int]) -> list[list[Message]]:
    """In batches of these sizes, over and over."""
    batches, at, turn = [], 0, 0
    while at < len(messages):
        size = sizes[turn % len(sizes)]
        batches.append(list(messages[at : at + size]))
        at, turn = at + size, turn + 1
    return batches
