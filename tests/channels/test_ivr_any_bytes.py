"""Whatever is posted to the telephony hook is an event, a named mistake or an unsigned request: never a failure."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.hooks import Malformed
from channels.ivr import canonical, mango, twilio
from channels.ivr.account import IvrAccount
from channels.ivr.event import BadSignature, Event, Posted
from domain.message import call_keys
from tests.channels.calls import FORM, SECRET, mango_form
from tests.fakes_desk_data import NOON

LINE = IvrAccount(dialect="twilio", secret=SECRET)
OFFICE = IvrAccount(dialect="mango", secret=SECRET, key="the-vpbx-key")
PBX = IvrAccount(dialect="canonical", secret=SECRET)


def posted(body: bytes, *, below: str = "", query: str = "", host: str = "x.example", signature: str = "") -> Posted:
    url, headers = f"https://{host}/hooks/ivr/line", {"X-Twilio-Signature": signature, "X-Intake-Signature": signature}
    return Posted(url=url, below=below, query=query, headers=headers, body=body, media_type=FORM, now=NOON)


def outcome(read: Callable[[IvrAccount, Posted], Event | None], account: IvrAccount, given: Posted) -> Event | str:
    """The event, or the field at fault."""
    try:
        event = read(account, given)
    except Malformed as mistake:
        return mistake.field
    assert event is not None
    json.dumps(event.plain(), allow_nan=False).encode()
    return event


_TWILIO = (
    *("CallSid", "RecordingSid", "TranscriptionSid", "CallStatus", "CallDuration", "SequenceNumber", "Timestamp"),
    *("SpeechResult", "UnstableSpeechResult", "Confidence", "Digits", "Direction", "StirVerstat", "TranscriptionData"),
    *("TranscriptionEvent", "TranscriptionStatus", "From", "RecordingUrl", "SequenceId", "LanguageCode", "Final"),
)
_WORDS = (
    *("transcription-content", "true", '{"transcript": 1, "confidence": "x"}', "{}", "completed", "0001-01-01"),
    *("nan", "inf", "1e999", "0.5", "1", "CA1"),
)


@given(st.dictionaries(st.sampled_from(_TWILIO), st.text(max_size=20) | st.sampled_from(_WORDS)), st.text(max_size=20))
def test_whatever_twilio_sends_is_an_event_or_a_named_mistake(fields: dict[str, str], question: str) -> None:
    given = posted(urlencode(fields).encode(), query=urlencode({"question": question}))
    found = outcome(twilio.read, LINE, given)
    assert found
    assert isinstance(found, str) or found.keys("line")[0].startswith("twilio/line/")


_MANGO = (
    *("entry_id", "call_id", "seq", "timestamp", "call_state", "location", "from", "to", "line_number", "create_time"),
    *("end_time", "entry_result", "call_direction", "dtmf", "initiator", "recording_id"),
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("0001-01-01 00:00:00"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["number", "line_number"]), inner),
    max_leaves=4,
)


@given(
    st.sampled_from(["events/call", "events/summary", "events/dtmf", "events/record/added"]),
    st.dictionaries(st.sampled_from(_MANGO), _ANY, max_size=8),
)
def test_whatever_mango_sends_is_an_event_or_a_named_mistake(below: str, fields: dict[str, Any]) -> None:
    given = posted(mango_form(json.dumps(fields).encode()), below=below)
    found = outcome(mango.read, OFFICE, given)
    assert found
    assert isinstance(found, str) or found.keys("office")[0] == call_keys("mango", "office", call=found.call.id)[0]


@given(st.binary(max_size=100) | _ANY.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_posted_as_canonical_is_an_event_or_a_named_mistake(body: bytes) -> None:
    assert outcome(canonical.read, PBX, posted(body))


@given(st.binary(max_size=200), st.text(max_size=30), st.text(max_size=40))
def test_no_bytes_break_the_check_of_a_signature(body: bytes, host: str, signature: str) -> None:
    for dialect, account in ((twilio, LINE), (mango, OFFICE), (canonical, PBX)):
        with pytest.raises(BadSignature):
            dialect.check(account, posted(body or b"x", host=host, signature=signature))
