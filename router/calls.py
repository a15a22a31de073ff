"""The events of one telephone call -> one message, the same in whatever order they came. Pure; called by
``router.calling``.

A later ``seq`` or revision wins. Of transcripts the highest revision stands; where there are only pieces, all of them
do, one after another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from domain.message import Address, Call, Message, TranscriptStatus

MAX_TEXT = 400_000
"""Characters of a transcript that is put together, as the normaliser has it for one that came whole."""
SUPERSEDED = "superseded"
"""Flag of a transcript in whose place another stands."""
DOUBTS = ("low_confidence", "confidence_unsure", "withheld_number", "no_transcript")
"""Flags that say how a call stands as a whole, and go where they do not hold any more."""
RECORDING, DURATION = "call_recording", "call_duration_s"
"""Fields of a call's ticket."""

Place = tuple[int, int, datetime, str, str]


def call_of(message: Message) -> Call:
    assert message.call is not None, "only the events of calls are put together"
    return message.call


def place(event: Message) -> Place:
    """Where an event stands among those of its call."""
    call = call_of(event)
    return call.seq, call.revision, event.sent_at or event.received_at, call.event_id, event.key


def said(event: Message) -> bool:
    """It has words that may stand."""
    return call_of(event).transcript_status == "final" and bool(event.text.strip())


def standing(events: Sequence[Message]) -> tuple[Message, ...]:
    """Whose words are the call's: of equal revisions the first that came."""
    heard = [event for event in events if said(event)]
    whole = [event for event in heard if not call_of(event).piece]
    if whole:
        return (max(whole, key=lambda event: call_of(event).revision),)
    return tuple(sorted(heard, key=lambda event: (call_of(event).revision, place(event))))


def waits_for(events: Sequence[Message]) -> str:
    """What keeps the call from being a ticket, in words; "" where nothing does."""
    calls = [call_of(event) for event in events]
    if not any(_is_call(key) for call in calls for key in call.keys):
        return "waits for the call that it belongs to"
    if any(call.transcript_status == "final" and not call.piece for call in calls):
        return ""
    if any((call.recording_url or call.recording_id) and not call.transcribed for call in calls):
        return ""
    over = any(call.over for call in calls)
    if over and any(call.transcript_status == "failed" for call in calls):
        return ""
    if not any(said(event) for event in events):
        return "waits for the transcript of its call"
    return "" if over else "waits for the end of its call"


def merged(events: Sequence[Message], lead: Message) -> Message:
    """The call as one message, received when the first event was. ``lead`` gives envelope, key and bytes."""
    ordered = sorted(events, key=place)
    words = standing(events)
    call = _call(ordered, words, call_of(lead).event_id)
    text = _text(words)
    flags = [flag for event in (*ordered, lead) for flag in event.flags if flag not in DOUBTS and flag != SUPERSEDED]
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        flags.append("capped:text")
    fields: dict[str, Any] = {}
    for event in ordered:
        fields |= event.fields
    handles: dict[str, str] = {}
    for event in ordered:
        handles.update(zip(call_of(event).keys, event.conversation, strict=False))
    last = ordered[-1]
    return replace(
        last,
        envelope_id=lead.envelope_id,
        key=lead.key,
        raw=lead.raw,
        size=lead.size,
        account=lead.account,
        adapter=lead.adapter,
        received_at=min(event.received_at for event in events),
        sender=_sender(ordered),
        subject=words[0].subject if words else _subject(ordered),
        text=text,
        native_id=next((e.native_id for e in ordered if _is_call(call_of(e).keys[0])), last.native_id),
        conversation=tuple(dict.fromkeys(handles[key] for key in call.keys if key in handles)),
        recipients=tuple(dict.fromkeys(each for event in ordered for each in event.recipients)),
        to=tuple(dict.fromkeys(each for event in ordered for each in event.to)),
        sent_at=min((event.sent_at for event in ordered if event.sent_at is not None), default=None),
        language=next((event.language for event in words if event.language), None),
        catalog=_last(event.catalog for event in ordered),
        fields=fields,
        flags=tuple(dict.fromkeys((*flags, *_doubts(ordered, words, text)))),
        call=call,
    )


def ticket_fields(message: Message) -> Mapping[str, Any]:
    """What a call's message puts into the fields of its ticket: the answers, the recording, how long it was."""
    call = call_of(message)
    told = {RECORDING: call.recording_url or call.recording_id, DURATION: call.duration_s}
    return {**message.fields, **{name: value for name, value in told.items() if value is not None}}


def bearing(message: Message) -> object:
    """Who called, and what rules may ask of it: where it changes, they are asked anew."""
    call = call_of(message)
    doubts = tuple(flag for flag in message.flags if flag in DOUBTS)
    asked = (message.sender, message.subject, message.text, message.language, message.catalog, message.recipients)
    return *asked, dict(message.fields), call.digits, call.path, call.product, call.transcript_status, doubts


def news(message: Message) -> object:
    """What a reader learns of a call."""
    return bearing(message), ticket_fields(message), replace(call_of(message), keys=(), event_id="", seq=0, over=False)


def _is_call(key: str) -> bool:
    return key.split("/", 2)[2].startswith("call:")


def _last(values: Iterable[Any]) -> Any:
    """The last that says anything."""
    found = None
    for value in values:
        found = value if value not in (None, "", ()) else found
    return found


def _call(ordered: Sequence[Message], words: Sequence[Message], event_id: str) -> Call:
    calls = [call_of(event) for event in ordered]
    heard = [call_of(event) for event in words]
    ended = [call for call in calls if call.over]
    numbered = next((call for call in reversed(calls) if call.from_raw), calls[-1])
    recorded = next((call for call in reversed(calls) if call.recording_url), None)
    recorded = recorded or next((call for call in reversed(calls) if call.recording_id), calls[-1])
    keys = dict.fromkeys(key for call in calls for key in call.keys)
    return Call(
        keys=tuple(sorted(keys, key=lambda key: (not _is_call(key), key))),
        event="transcript" if heard else "call",
        event_id=event_id,
        seq=max(call.seq for call in calls),
        over=bool(ended),
        transcribed=all(call.transcribed for call in calls),
        direction=numbered.direction,
        status=_last(call.status for call in ended or calls) or "",
        from_raw=numbered.from_raw,
        number=numbered.number,
        number_valid=numbered.number_valid,
        internal=numbered.internal,
        withheld=any(call.withheld for call in calls),
        extension=numbered.extension,
        attestation=_last(call.attestation for call in calls),
        to=_last(call.to for call in calls) or "",
        started_at=_last(call.started_at for call in calls),
        duration_s=_last(call.duration_s for call in calls),
        path=_last(call.path for call in calls) or (),
        digits=_last(call.digits for call in calls) or "",
        product=_last(call.product for call in calls),
        recording_url=recorded.recording_url,
        recording_id=recorded.recording_id,
        recording_auth=recorded.recording_auth,
        transcript_status=_status(calls),
        revision=max((call.revision for call in heard), default=0),
        piece=bool(heard) and heard[0].piece,
        confidence=_least([call.confidence for call in heard]),
        confidence_source=_last(call.confidence_source for call in heard) or "",
        engine=_last(call.engine for call in heard) or "",
        segments=tuple(segment for call in heard for segment in call.segments),
    )


_FARTHEST: tuple[TranscriptStatus, ...] = ("final", "failed", "pending", "partial")


def _status(calls: Sequence[Call]) -> TranscriptStatus:
    there = {call.transcript_status for call in calls}
    found: TranscriptStatus | Literal["none"] = next((each for each in _FARTHEST if each in there), "none")
    return "pending" if found == "partial" else found


def _least(known: Sequence[float | None]) -> float | None:
    """As sure as the least sure; unknown where one is unknown."""
    told = [value for value in known if value is not None]
    return min(told) if told and len(told) == len(known) else None


def _text(words: Sequence[Message]) -> str:
    """A line a piece, with its speaker where several speak."""
    spoken = [call_of(event).segments for event in words]
    speakers = {segment.speaker for segments in spoken for segment in segments if segment.speaker}
    if len(words) < 2 or len(speakers) < 2 or any(len(segments) != 1 for segments in spoken):
        return "\n".join(event.text for event in words)
    return "\n".join(f"{segments[0].speaker}: {event.text}" for segments, event in zip(spoken, words, strict=True))


def _doubts(ordered: Sequence[Message], words: Sequence[Message], text: str) -> list[str]:
    """Of the words that stand; of all of them where there are none."""
    found = {flag for event in words or ordered for flag in event.flags}
    doubts = [flag for flag in DOUBTS[:2] if flag in found][:1]
    if any("withheld_number" in event.flags for event in ordered):
        doubts.append("withheld_number")
    return doubts if text.strip() else [*doubts, "no_transcript"]


def _sender(ordered: Sequence[Message]) -> Address:
    """By number, else by extension. Who hides the number in one event hides it in the call."""
    hidden = [event for event in ordered if call_of(event).withheld]

    def trust(event: Message) -> tuple[bool, bool, bool]:
        address = event.sender.address
        return event.sender.channel == "phone", address.startswith("internal:"), _is_call(call_of(event).keys[0])

    return max(reversed(hidden or ordered), key=trust).sender


def _subject(ordered: Sequence[Message]) -> str:
    """Number and time, of whichever event knows most of them."""

    def knows(event: Message) -> tuple[bool, bool]:
        call = call_of(event)
        return bool(call.from_raw), call.started_at is not None

    return max(reversed(ordered), key=knows).subject
