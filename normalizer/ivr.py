"""A telephone call's event to a Message. Called by the pipeline.

Arrives: an envelope whose meta holds the canonical event (``docs/schemas/ivr.v1.json``), which ``channels.ivr`` made
and checked. Leaves: a message with a ``Call``, by whose keys the events of one call find one another, in whatever order
they come. Raises ``Invalid`` where the event is not there or names no call.

The transcript is what a machine heard a stranger say: text, and nothing more. A caller's number is a hint.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.errors import Invalid
from domain.message import Address, Call, Envelope, Message, Normalized, Segment, call_event_key, call_keys
from normalizer import language, telephone
from normalizer.mail import caps, charsets
from normalizer.mail.headers import one_line
from normalizer.telephone import Telephone

SURE, HEARD = 0.85, 0.6
"""From ``SURE`` on a transcript is taken as it is; below ``HEARD`` somebody checks it."""
_SUBJECT = 80
_ANSWER = 4_000
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CATALOG = re.compile(r"[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)*")
_STATUSES = ("pending", "partial", "final", "failed")


def normalize(envelope: Envelope, _raw: bytes) -> Normalized:
    """The message of one event."""
    event = _event(envelope)
    told, menu, heard = _part(event, "call"), _part(event, "ivr"), _part(event, "transcript")
    region = _line(envelope.meta, "region") or "RU"
    caller = telephone.read(_line(told, "from_raw") or _line(told, "from"), region)
    callee = telephone.read(_line(told, "to"), region)
    segments = _segments(heard)
    call = _call(envelope, event, caller, callee, segments)
    text, flags = _text(heard, segments)
    to = Address(channel="ivr", address=call.to)
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=call_event_key(call.keys[0], call.event_id),
        sender=_sender(call, callee if call.direction == "outbound" else caller, envelope.account),
        subject=_subject(call, text, segments, _moment(event, "occurred_at") or envelope.received_at),
        text=text,
        raw=envelope.sha256,
        size=envelope.size,
        native_id=_own_id(call),
        conversation=tuple(hashlib.sha256(f"ivr|{key}".encode()).hexdigest()[:32] for key in call.keys),
        recipients=(call.to,) if call.to else (),
        to=(to,) if call.to else (),
        sent_at=_moment(event, "occurred_at"),
        language=_language(heard, text),
        catalog=_catalog(menu),
        fields=_answers(menu),
        flags=(*flags, *_doubts(call, text)),
        call=call,
    )
    return Normalized(message=message)


def _event(envelope: Envelope) -> Mapping[str, Any]:
    event = envelope.meta.get("event")
    if not isinstance(event, Mapping):
        raise Invalid("event", "is not there")
    return event


def _call(
    envelope: Envelope, event: Mapping[str, Any], caller: Telephone, callee: Telephone, segments: tuple[Segment, ...]
) -> Call:
    told, menu, heard = _part(event, "call"), _part(event, "ivr"), _part(event, "transcript")
    recording = _part(event, "recording")
    status = _line(heard, "status")
    auth = _line(recording, "auth")
    path = menu.get("path")
    return Call(
        keys=_keys(event, envelope.account),
        event="transcript" if _line(event, "event") == "transcript.ready" else "call",
        event_id=_line(event, "event_id"),
        seq=_number(event, "seq") or 0,
        over=_line(event, "event") == "call.completed",
        transcribed=envelope.meta.get("transcripts") is not False,
        direction=_line(told, "direction") or "inbound",
        status=_line(told, "status"),
        from_raw=caller.raw,
        number=caller.e164,
        number_valid=caller.valid,
        internal=caller.internal,
        withheld=caller.withheld or told.get("withheld") is True,
        extension=caller.extension,
        attestation=_line(told, "attestation") or None,
        to=(callee.e164 if callee.valid else None) or callee.name or callee.raw,
        started_at=_moment(told, "started_at"),
        duration_s=_number(told, "duration_s"),
        path=tuple(one_line(step) for step in path if isinstance(step, str)) if isinstance(path, list) else (),
        digits=_line(menu, "digits"),
        product=_line(menu, "product") or None,
        recording_url=_line(recording, "url") or None,
        recording_id=_line(recording, "id") or None,
        recording_auth=auth if auth in ("basic", "bearer") else "none",  # type: ignore[arg-type]
        transcript_status=status if status in _STATUSES else "none",  # type: ignore[arg-type]
        revision=_number(heard, "revision") or 0,
        piece=heard.get("piece") is True,
        confidence=_confidence(heard),
        confidence_source=_line(heard, "confidence_source"),
        engine=_line(heard, "engine"),
        segments=segments,
    )


def _keys(event: Mapping[str, Any], account: str) -> tuple[str, ...]:
    told, recording, heard = _part(event, "call"), _part(event, "recording"), _part(event, "transcript")
    keys = call_keys(
        _line(event, "provider"),
        account,
        call=_line(told, "id"),
        leg=_line(told, "leg_id"),
        recording=_line(recording, "id"),
        transcript=_line(heard, "id"),
    )
    if not keys:
        raise Invalid("call.id", "is needed, or recording.id or transcript.id in its place")
    return keys


def _sender(call: Call, other: Telephone, account: str) -> Address:
    """By number, which is the same person's on a form; an extension is one of its PBX. Who hides the number is a
    person of their own at each call: two of them are never taken for one."""
    if other.e164 is not None and not call.withheld:
        return Address(channel="phone", address=other.e164)
    if other.internal and not call.withheld:
        return Address(channel="ivr", address=f"internal:{other.name}@{account}")
    return Address(channel="ivr", address=f"withheld:{_own_id(call)}@{account}")


def _own_id(call: Call) -> str:
    return call.keys[0].split("/", 2)[2].partition(":")[2]


def _subject(call: Call, text: str, segments: tuple[Segment, ...], at: datetime) -> str:
    """The first sentence; without words, number and time, which read the same in every language."""
    said = (segments[0].text if segments else "") or text
    first = next((sentence for part in _SENTENCE.split(said[:2000]) if (sentence := one_line(part))), "")
    if first:
        return first if len(first) <= _SUBJECT else f"{first[:_SUBJECT].rpartition(' ')[0] or first[:_SUBJECT]}…"
    when = (call.started_at or at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    who = "" if call.withheld else call.number or call.from_raw
    return f"{who}, {when}" if who else when


def _text(heard: Mapping[str, Any], segments: tuple[Segment, ...]) -> tuple[str, tuple[str, ...]]:
    """A line a turn where several speak."""
    speakers = {segment.speaker for segment in segments if segment.speaker}
    text = charsets.clean(str(heard.get("text") or "")).strip()
    if len(speakers) > 1:
        turns = (f"{segment.speaker}: {segment.text}" if segment.speaker else segment.text for segment in segments)
        text = "\n".join(turns)
    elif not text:
        text = "\n".join(segment.text for segment in segments)
    return (text[: caps.TEXT], ("capped:text",)) if len(text) > caps.TEXT else (text, ())


def _segments(heard: Mapping[str, Any]) -> tuple[Segment, ...]:
    given = heard.get("segments")
    found = []
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and (text := one_line(str(each.get("text") or ""))):
            bounds = {name: _number(each, name) for name in ("start_ms", "end_ms")}
            found.append(Segment(speaker=_line(each, "speaker")[: caps.NAME], text=text, **bounds))
    return tuple(found)


def _doubts(call: Call, text: str) -> tuple[str, ...]:
    """What a person has to know before they believe the words, or miss them."""
    flags = []
    if call.transcript_status == "failed" or (
        call.transcript_status == "final" and (call.confidence is None or call.confidence < HEARD)
    ):
        flags.append("low_confidence")
    elif call.transcript_status == "final" and call.confidence is not None and call.confidence < SURE:
        flags.append("confidence_unsure")
    if call.withheld:
        flags.append("withheld_number")
    if not text:
        flags.append("no_transcript")
    return tuple(flags)


def _language(heard: Mapping[str, Any], text: str) -> str | None:
    """``ru-RU`` is ``ru``. Without a text there is nothing in any language."""
    named = _LANGUAGE.match(_line(heard, "language").lower())
    return (named[0] if named else language.tell(text)) if text else None


def _catalog(menu: Mapping[str, Any]) -> str | None:
    """The menu's product where it looks like an entry of the catalog; whether it is one, the router sees."""
    product = _line(menu, "product")
    return product if len(product) <= 200 and _CATALOG.fullmatch(product) else None


def _answers(menu: Mapping[str, Any]) -> dict[str, Any]:
    given = menu.get("answers")
    if not isinstance(given, Mapping):
        return {}
    return {
        one_line(str(question))[:100]: charsets.clean(answer)[:_ANSWER] if isinstance(answer, str) else answer
        for question, answer in given.items()
    }


def _confidence(heard: Mapping[str, Any]) -> float | None:
    value = heard.get("confidence")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 else None


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _line(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return one_line(found) if isinstance(found, str) else ""


def _number(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _moment(values: Mapping[str, Any], name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_line(values, name))
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
