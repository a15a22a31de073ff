"""Telephone calls: numbers, words and doubts, and what the events of one call find one another by."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.message import Address, Call, Envelope, Message, Segment
from gateway import codec
from normalizer.pipeline import normalize
from normalizer.telephone import Telephone, read
from tests.channels.calls import sample
from tests.normalizer.support import envelope


def arrived(event: Any, region: str = "RU") -> Envelope:
    raw = json.dumps(event).encode()
    made = envelope(raw, "ivr", event=event, region=region, peer="127.0.0.1", dialect="canonical", path="")
    return replace(made, account="pbx")


def heard(event: Any, region: str = "RU") -> Message:
    return normalize(arrived(event, region), b"").message


def call_event(name: str = "canonical-call.json", **parts: Any) -> dict[str, Any]:
    """A sample with members of its parts changed."""
    event: dict[str, Any] = json.loads(sample(name))
    for part, members in parts.items():
        event[part] = {**event[part], **members} if isinstance(members, dict) and part in event else members
    return event


def final(text: str = "Да.", **members: Any) -> Message:
    return heard(call_event("canonical-transcript.json", transcript={"text": text, **members}))


def test_a_final_transcript_becomes_a_message_with_everything_that_was_said() -> None:
    message = heard(call_event("canonical-transcript.json"))
    assert message.sender == Address(channel="phone", address="+79161234567")
    assert message.subject == "Добрый день."
    assert message.text == "Добрый день. Не печатаются накладные после обновления, помогите, пожалуйста."
    assert (message.language, message.catalog, message.flags) == ("ru", "accounting/documents", ())
    assert message.fields == {"contract": "77-120"}
    assert (message.native_id, message.recipients) == ("1763888400.17", ("+74951234567",))
    assert message.sent_at == datetime(2026, 11, 23, 9, 3, tzinfo=UTC)
    assert message.attachments == ()
    assert message.call == Call(
        keys=("asterisk/pbx/call:1763888400.17", "asterisk/pbx/recording:rec-17", "asterisk/pbx/transcript:t-17"),
        event="transcript",
        event_id="a1-text-1",
        seq=7,
        direction="inbound",
        status="completed",
        from_raw="+8 916 123-45-67",
        number="+79161234567",
        number_valid=True,
        to="+74951234567",
        started_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
        duration_s=74,
        path=("main", "2"),
        digits="2",
        product="accounting/documents",
        recording_url="https://pbx.example.net/records/17.wav",
        recording_id="rec-17",
        recording_auth="basic",
        transcript_status="final",
        revision=1,
        confidence=0.91,
        confidence_source="engine",
        engine="vosk",
    )
    assert len(message.conversation) == len(set(message.conversation)) == 3


def test_a_call_without_words_is_known_by_number_and_time() -> None:
    message = heard(call_event())
    assert (message.subject, message.text, message.language) == ("+79161234567, 2026-11-23 09:00 UTC", "", None)
    assert message.flags == ("no_transcript",)
    assert message.call is not None
    assert (message.call.event, message.call.transcript_status, message.call.confidence) == ("call", "none", None)


def test_the_call_and_its_transcript_share_a_handle_and_have_keys_of_their_own() -> None:
    call, transcript = heard(call_event()), heard(call_event("canonical-transcript.json"))
    assert call.conversation[0] == transcript.conversation[0]
    assert call.key != transcript.key
    assert call.call is not None
    assert transcript.call is not None
    assert set(call.call.keys) < set(transcript.call.keys)


def test_several_speakers_have_a_line_a_turn() -> None:
    message = heard(call_event("canonical-dialogue.json"))
    assert message.text == "operator: Support, good morning.\ncaller: My invoices no longer print after the update."
    assert message.subject == "Support, good morning."
    assert (message.language, message.flags) == ("en", ("confidence_unsure", "withheld_number"))
    assert message.call is not None
    assert message.call.segments[0] == Segment(
        speaker="operator", text="Support, good morning.", start_ms=0, end_ms=1800
    )


def test_one_speakers_segments_are_their_text() -> None:
    segments = [{"speaker": "inbound_track", "text": "Первое."}, {"speaker": "inbound_track", "text": "Второе."}]
    message = final("", segments=segments)
    assert message.text == "Первое.\nВторое."
    assert final("Как есть.", segments=segments).text == "Как есть."


@pytest.mark.parametrize(
    ("status", "confidence", "text", "flags"),
    [
        ("final", 0.85, "Да.", ()),
        ("final", 0.849, "Да.", ("confidence_unsure",)),
        ("final", 0.6, "Да.", ("confidence_unsure",)),
        ("final", 0.599, "Да.", ("low_confidence",)),
        ("final", 0, "Да.", ("low_confidence",)),
        ("final", None, "Да.", ("low_confidence",)),
        ("final", 0.9, "", ("no_transcript",)),
        ("failed", 0.9, "", ("low_confidence", "no_transcript")),
        ("partial", None, "Да", ()),
        ("pending", None, "", ("no_transcript",)),
    ],
)
def test_doubts_are_flagged(status: str, confidence: float | None, text: str, flags: tuple[str, ...]) -> None:
    assert final(text, status=status, confidence=confidence).flags == flags


def test_who_hides_the_number_is_a_person_of_their_own_at_each_call() -> None:
    def sender(call: str, number: str = "anonymous", **told: Any) -> str:
        return heard(call_event(call={"id": call, "from_raw": number, **told})).sender.address

    assert (sender("1"), sender("2"), sender("1", "+266696687")) == (
        "withheld:1@pbx",
        "withheld:2@pbx",
        "withheld:1@pbx",
    )
    assert sender("3", "+79161234567", withheld=True) == "withheld:3@pbx"
    message = heard(call_event(call={"from_raw": "Anonymous"}))
    assert message.flags == ("withheld_number", "no_transcript")
    assert message.subject == "2026-11-23 09:00 UTC"


def test_a_number_that_was_not_told_is_not_one_that_is_withheld() -> None:
    message = heard(call_event(call={"from_raw": ""}))
    assert message.flags == ("no_transcript",)
    assert message.sender.address == "withheld:1763888400.17@pbx"


def test_an_extension_is_somebody_of_this_pbx() -> None:
    message = heard(call_event(call={"from_raw": "102"}))
    assert message.sender.address == "internal:102@pbx"
    assert message.call is not None
    assert (message.call.internal, message.call.number, message.call.number_valid) == (True, None, False)


def test_of_a_call_that_goes_out_the_other_party_is_the_one_who_was_called() -> None:
    told = {"direction": "outbound", "from_raw": "102", "to": "8 903 123-45-67"}
    message = heard(call_event(call=told))
    assert (message.sender.address, message.recipients) == ("+79031234567", ("+79031234567",))


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("ru-RU", "Hello.", "ru"),
        ("EN_us", "Привет.", "en"),
        ("", "Не печатаются накладные после обновления.", "ru"),
        (None, "The printer does not print any invoices today.", "en"),
        ("?", "Не печатаются накладные после обновления.", "ru"),
        ("ru-RU", "", None),
    ],
)
def test_the_language_is_the_transcripts_own_word_or_told_by_the_text(
    language: str | None, text: str, told: str | None
) -> None:
    assert final(text, language=language).language == told


def test_a_long_first_sentence_is_cut_between_words() -> None:
    subject = final("слово " * 60).subject
    assert (len(subject) <= 80, subject.endswith("слово…")) == (True, True)
    assert len(final("щ" * 500).subject) == 81


@pytest.mark.parametrize(
    ("product", "catalog"),
    [
        ("accounting/documents", "accounting/documents"),
        ("field", "field"),
        ("Бухгалтерия", None),
        ("a//b", None),
        ("a/b c", None),
        ("a" * 201, None),
        (None, None),
    ],
)
def test_a_product_that_looks_like_a_path_is_a_hint_for_the_catalog(product: str | None, catalog: str | None) -> None:
    message = heard(call_event(ivr={"product": product}))
    assert message.catalog == catalog
    assert message.call is not None
    assert message.call.product == product


def test_what_a_stranger_said_is_cleaned_and_capped() -> None:
    assert final("Да\x00\x07 нет\r\nвсё").text == "Да нет\nвсё"
    long = final("слово " * 100_000)
    assert (len(long.text), long.flags) == (400_000, ("capped:text",))
    answers = heard(call_event(ivr={"answers": {"q\x00": "a\x00b" * 3000, "n": 5}})).fields
    assert (list(answers), len(answers["q"]), answers["n"]) == (["q", "n"], 4000, 5)


def test_an_event_that_names_no_call_is_invalid() -> None:
    for event in ({}, {"provider": "x", "call": {}}, [], None):
        with pytest.raises(Invalid):
            heard(event)


NUMBERS: list[tuple[str, Telephone]] = [
    ("+79161234567", Telephone(raw="+79161234567", e164="+79161234567", valid=True)),
    ("8 (916) 123-45-67", Telephone(raw="8 (916) 123-45-67", e164="+79161234567", valid=True)),
    ("79161234567", Telephone(raw="79161234567", e164="+79161234567", valid=True)),
    ("9161234567", Telephone(raw="9161234567", e164="+79161234567", valid=True)),
    ("+89161234567", Telephone(raw="+89161234567", e164="+79161234567", valid=True)),
    ("+84951234567", Telephone(raw="+84951234567", e164="+84951234567", valid=True)),
    ("+77011234567", Telephone(raw="+77011234567", e164="+77011234567", valid=True)),
    ("8 701 123 45 67", Telephone(raw="8 701 123 45 67", e164="+77011234567", valid=True)),
    ("810 49 30 1234567", Telephone(raw="810 49 30 1234567", e164="+49301234567", valid=True)),
    ("tel:+7-916-123-45-67", Telephone(raw="tel:+7-916-123-45-67", e164="+79161234567", valid=True)),
    (
        "sip:+79161234567@pbx.example;user=phone",
        Telephone(raw="sip:+79161234567@pbx.example;user=phone", e164="+79161234567", valid=True),
    ),
    ("<sips:%2B79161234567@x>", Telephone(raw="<sips:%2B79161234567@x>", e164="+79161234567", valid=True)),
    (
        "8 495 123-45-67 доб. 12",
        Telephone(raw="8 495 123-45-67 доб. 12", e164="+74951234567", valid=True, extension="12"),
    ),
    ("84951234567,12", Telephone(raw="84951234567,12", e164="+74951234567", valid=True, extension="12")),
    ("+74951234567;ext=7", Telephone(raw="+74951234567;ext=7", e164="+74951234567", valid=True, extension="7")),
    ("+1 650 253 0000 x123", Telephone(raw="+1 650 253 0000 x123", e164="+16502530000", valid=True, extension="123")),
    ("102", Telephone(raw="102", internal=True, name="102")),
    ("1050", Telephone(raw="1050", internal=True, name="1050")),
    ("sip:alice@pbx", Telephone(raw="sip:alice@pbx", internal=True, name="alice")),
    ('"Ivan" <sip:102@pbx>', Telephone(raw='"Ivan" <sip:102@pbx>', internal=True, name="102")),
    ("+7495", Telephone(raw="+7495", e164="+7495")),
    ("99999999999999999999", Telephone(raw="99999999999999999999")),
    ("anonymous", Telephone(raw="anonymous", withheld=True)),
    ("sip:Anonymous@anonymous.invalid", Telephone(raw="sip:Anonymous@anonymous.invalid", withheld=True)),
    ("+266696687", Telephone(raw="+266696687", withheld=True)),
    ("скрыт", Telephone(raw="скрыт", withheld=True)),
    ("", Telephone(raw="")),
]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_numbers_as_telephone_systems_write_them(text: str, number: Telephone) -> None:
    assert read(text) == number


def test_the_region_is_where_a_number_without_a_country_belongs() -> None:
    assert read("030 123456", "DE").e164 == "+4930123456"
    assert read("9161234567", "US").e164 == "+19161234567"


@given(st.text(max_size=80))
def test_any_text_is_read_as_a_number_or_as_none(text: str) -> None:
    number = read(text)
    assert number.e164 is None or number.e164.startswith("+")
    assert not (number.withheld and (number.e164 or number.internal))


def events_of_a_call() -> list[dict[str, Any]]:
    """Every event of one call that a provider may send, with the ids that it knows at the time."""
    legs = [call_event(call={"leg_id": f"leg-{n}"}, event="call.updated", event_id="", seq=n) for n in range(1, 4)]
    pieces = [
        call_event("canonical-transcript.json", event_id="", transcript={"revision": n, "piece": True, "text": f"{n}."})
        for n in range(1, 4)
    ]
    for piece in pieces:
        piece["event_id"] = f"piece-{piece['transcript']['revision']}"
    for leg in legs:
        leg["event_id"] = f"leg-{leg['seq']}"
    return [*legs, *pieces, call_event(), call_event("canonical-transcript.json")]


def identities(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    messages = [heard(event) for event in events]
    return {(message.key, message.call.keys[0]) for message in messages if message.call is not None}


@settings(max_examples=60)
@given(st.data())
def test_in_whatever_order_and_however_often_they_come_the_events_are_the_same(data: st.DataObject) -> None:
    events = events_of_a_call()
    repeats = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=10))
    order = data.draw(st.permutations([*range(len(events)), *repeats]))
    found = identities([events[n] for n in order])
    assert found == identities(events)
    assert len(found) == len(events)
    assert {key for _, key in found} == {"asterisk/pbx/call:1763888400.17"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"provider": st.just("x"), "call": st.fixed_dictionaries({"id": st.just("1")}, optional={"to": _JSON})},
        optional=dict.fromkeys(("ivr", "recording", "transcript", "occurred_at", "seq", "event_id"), _JSON),
    )
)
def test_no_event_breaks_the_normaliser(event: dict[str, Any]) -> None:
    assert heard(event).call is not None


@pytest.mark.parametrize("name", ["canonical-call.json", "canonical-transcript.json", "canonical-dialogue.json"])
def test_a_call_survives_the_bus_and_the_store(name: str) -> None:
    message = heard(call_event(name))
    assert codec.decode_message(codec.encode(codec.MessagePayload(message=message))).message == message  # type: ignore[union-attr]
    assert codec.message_from_builtins(msgspec.json.decode(msgspec.json.encode(message))) == message
    assert asdict(message)["call"]["keys"]


def test_it_is_told_whether_a_call_is_over_and_whether_a_transcript_is_to_be_waited_for() -> None:
    told = [heard(call_event(event=event)).call for event in ("call.updated", "call.completed")]
    assert [(call.over, call.transcribed) for call in told if call] == [(False, True), (True, True)]
    posted = arrived(call_event())
    silent = normalize(replace(posted, meta={**posted.meta, "transcripts": False}), b"").message.call
    assert silent is not None
    assert silent.transcribed is False
