"""Twilio's and Mango Office's webhooks: signatures worked out anew, and what becomes of each of their events."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from channels.ivr.account import IvrAccount
from tests.channels.calls import FORM, SECRET, Hook, form_pairs, mango_form, problem, sample, twilio_signature

CA, RE, TR, GT = (kind + digit * 32 for kind, digit in (("CA", "1"), ("RE", "2"), ("TR", "3"), ("GT", "4")))
ENTRY, LEG = "MzY5NTI0NjQ4OjQ0NQ==", "MToxMDA1NzU5Mzo1MDI6NjI1ODM4MzQ="
PROXIED = "https://support.example.org/hooks/ivr/behind"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    accounts = {
        "line": IvrAccount(dialect="twilio", secret=SECRET),
        "behind": IvrAccount(dialect="twilio", secret=SECRET, public_url=PROXIED),
        "goodbye": IvrAccount(dialect="twilio", secret=SECRET, twiml="<Response><Say>Bye</Say></Response>"),
        "office": IvrAccount(dialect="mango", secret=SECRET, key="the-vpbx-key"),
    }
    async with Hook(**accounts).served() as served:
        yield served


def told(event: dict[str, Any]) -> dict[str, Any]:
    """What an event says, without what is empty and without its hashed id."""
    said: dict[str, Any] = {}
    for name, value in event.items():
        kept = (
            {k: v for k, v in value.items() if v not in (None, "", [], {}, False)} if isinstance(value, dict) else value
        )
        if kept not in (None, "", [], {}, 0) and name not in ("event_id", "schema", "account"):
            said[name] = kept
    return said


CALLER = {"direction": "inbound", "from_raw": "+79161234567", "to": "+74951234567"}
RECORDING = {"id": RE, "url": f"https://api.example.net/Recordings/{RE}", "auth": "basic"}
TWILIO: dict[str, tuple[int, dict[str, Any]]] = {
    "twilio-status.txt": (
        204,
        {
            "event": "call.completed",
            "seq": 3,
            "provider": "twilio",
            "occurred_at": "2026-11-23T09:01:14Z",
            "call": {"id": CA, **CALLER, "attestation": "B", "duration_s": 74, "status": "completed"},
        },
    ),
    "twilio-gather.txt": (
        200,
        {
            "event": "transcript.ready",
            "provider": "twilio",
            "call": {"id": CA, **CALLER, "status": "in-progress"},
            "transcript": {
                "status": "final",
                "revision": 1,
                "piece": True,
                "text": "не печатаются накладные",
                "language": "ru-RU",
                "confidence": 0.87654321,
                "confidence_source": "twilio",
                "engine": "twilio gather",
            },
        },
    ),
    "twilio-recording.txt": (
        204,
        {
            "event": "call.updated",
            "provider": "twilio",
            "occurred_at": "2026-11-23T09:00:20Z",
            "call": {"id": CA, "direction": "inbound"},
            "recording": RECORDING,
        },
    ),
    "twilio-transcription.txt": (
        204,
        {
            "event": "transcript.ready",
            "provider": "twilio",
            "call": {"id": CA, **CALLER, "status": "completed"},
            "recording": RECORDING,
            "transcript": {
                "status": "final",
                "id": TR,
                "revision": 1,
                "text": "The printer does not print invoices.",
                "engine": "twilio",
            },
        },
    ),
    "twilio-realtime.txt": (
        204,
        {
            "event": "transcript.ready",
            "provider": "twilio",
            "occurred_at": "2026-11-23T09:00:31.123456Z",
            "call": {"id": CA, "direction": "inbound"},
            "transcript": {
                "status": "final",
                "id": GT,
                "revision": 4,
                "piece": True,
                "text": "My printer is dead.",
                "language": "en-US",
                "confidence": 0.96,
                "confidence_source": "twilio",
                "engine": "twilio real-time",
                "segments": [
                    {"speaker": "inbound_track", "text": "My printer is dead.", "start_ms": None, "end_ms": None}
                ],
            },
        },
    ),
}


@pytest.mark.parametrize("name", TWILIO)
async def test_each_of_twilios_events_is_answered_as_it_expects_and_read_whole(hook: Hook, name: str) -> None:
    status, wanted = TWILIO[name]
    answer = await hook.twilio(sample(name))
    assert answer.status == status
    if status == 200:
        assert (answer.content_type, await answer.text()) == (
            "text/xml",
            '<?xml version="1.0" encoding="UTF-8"?><Response/>',
        )
    else:
        assert await answer.read() == b""
    assert [told(event) for event in hook.events] == [wanted]
    assert hook.world.intake.drafts[0].raw == sample(name)
    again = await hook.twilio(sample(name))
    assert (again.status, len(hook.world.intake.drafts)) == (status, 1)


@pytest.mark.parametrize("name", TWILIO)
async def test_what_twilio_did_not_sign_is_refused(hook: Hook, name: str) -> None:
    body = sample(name)
    url = str(hook.client.make_url("/hooks/ivr/line"))
    good = twilio_signature(url, form_pairs(body))
    for body_sent, signature in [
        (body, ""),
        (body, twilio_signature(url, form_pairs(body), secret="somebody else's")),
        (body, twilio_signature(f"{url}?to=other", form_pairs(body))),
        (body.replace(b"CA1", b"CA2"), good),
        (body + b"&Extra=1", good),
        (body, good[:-2] + ("A=" if good[-2] != "A" else "B=")),
    ]:
        answer = await hook.post("line", body_sent, X_Twilio_Signature=signature, Content_Type=FORM)
        assert await problem(answer) == (401, [])
    assert hook.world.intake.drafts == []


@pytest.mark.parametrize(
    ("signed", "status"),
    [
        (PROXIED, 204),
        ("https://support.example.org:443/hooks/ivr/behind", 204),
        ("http://support.example.org/hooks/ivr/behind", 401),
        ("https://support.example.org/hooks/ivr/line", 401),
    ],
)
async def test_behind_a_proxy_the_public_address_is_what_is_signed(hook: Hook, signed: str, status: int) -> None:
    assert (await hook.twilio(sample("twilio-status.txt"), path="behind", url=signed)).status == status


async def test_the_port_may_be_in_what_is_signed_or_not(hook: Hook) -> None:
    url = hook.client.make_url("/hooks/ivr/line")
    without = f"http://{url.host}/hooks/ivr/line"
    assert str(url.port) in str(url)
    assert (await hook.twilio(sample("twilio-status.txt"), url=without)).status == 204


async def test_the_query_is_part_of_what_is_signed_and_steers_the_menu(hook: Hook) -> None:
    asked = f"question={quote('Номер договора')}&path=main/2&product=accounting/documents"
    body = urlencode({"CallSid": CA, "From": "+79161234567", "Digits": "77120", "CallStatus": "in-progress"}).encode()
    answer = await hook.twilio(body, path="line?" + asked, url=f"{hook.client.make_url('/hooks/ivr/line')}?{asked}")
    assert answer.status == 200
    assert hook.events[0]["ivr"] == {
        "path": ["main", "2"],
        "digits": "77120",
        "product": "accounting/documents",
        "answers": {"Номер договора": "77120"},
    }
    unsigned = await hook.twilio(body, path=f"line?{asked}", url=str(hook.client.make_url("/hooks/ivr/line")))
    assert unsigned.status == 401


async def test_a_field_that_comes_twice_is_signed_once_for_each_value_in_order(hook: Hook) -> None:
    body = b"CallSid=" + CA.encode() + b"&To=%2B2&To=%2B1&To=%2B2&CallStatus=completed"
    text = f"{hook.client.make_url('/hooks/ivr/line')}CallSid{CA}CallStatuscompletedTo+1To+2"
    answer = await hook.post("line", body, X_Twilio_Signature=twilio_signature(text, []), Content_Type=FORM)
    assert answer.status == 204


async def test_json_is_signed_by_its_hash_in_the_query(hook: Hook) -> None:
    body = json.dumps(dict(form_pairs(sample("twilio-status.txt")))).encode()

    async def post(sent: bytes, query: str) -> int:
        url = f"{hook.client.make_url('/hooks/ivr/line')}{query}"
        signature = twilio_signature(url, [])
        headers = {"X_Twilio_Signature": signature, "Content_Type": "application/json"}
        return (await hook.post(f"line{query}", sent, **headers)).status

    hashed = f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert [await post(body, ""), await post(body + b" ", hashed)] == [401, 401]
    assert (await post(body, hashed), hook.events[0]["call"]["duration_s"]) == (204, 74)


@pytest.mark.parametrize(
    ("fields", "status", "digits"),
    [
        ({"CallStatus": "ringing"}, 200, ""),
        ({"CallStatus": "in-progress", "Digits": "2"}, 200, "2"),
        ({"CallStatus": "in-progress", "RecordingUrl": "https://api.example.net/r", "Digits": "hangup"}, 200, ""),
        ({"CallStatus": "completed"}, 204, ""),
        ({"CallStatus": "in-progress", "UnstableSpeechResult": "не печ", "SequenceNumber": "2"}, 204, ""),
    ],
)
async def test_twilio_gets_twiml_only_where_a_call_waits_for_it(
    hook: Hook, fields: dict[str, str], status: int, digits: str
) -> None:
    answer = await hook.twilio(urlencode({"CallSid": CA, **fields}).encode())
    assert (answer.status, hook.events[0]["ivr"]["digits"]) == (status, digits)


async def test_an_account_says_how_a_call_goes_on(hook: Hook) -> None:
    answer = await hook.twilio(sample("twilio-gather.txt"), path="goodbye")
    assert await answer.text() == "<Response><Say>Bye</Say></Response>"


REAL_TIME = dict(form_pairs(sample("twilio-realtime.txt")))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"Final": "false", "TranscriptionData": '{"transcript": "My pri"}'}, ("transcript.ready", "partial", 0)),
        ({"Final": "true"}, ("transcript.ready", "final", 4)),
        ({"TranscriptionEvent": "transcription-started"}, ("transcript.ready", "pending", 0)),
        ({"TranscriptionEvent": "transcription-error"}, ("transcript.ready", "failed", 0)),
    ],
)
async def test_of_real_time_transcription_only_what_is_final_has_a_revision(
    hook: Hook, changes: dict[str, str], wanted: tuple[str, str, int]
) -> None:
    assert (await hook.twilio(urlencode({**REAL_TIME, **changes}).encode())).status == 204
    [event] = hook.events
    assert (event["event"], event["transcript"]["status"], event["transcript"]["revision"]) == wanted


async def test_the_end_of_real_time_transcription_is_no_transcript(hook: Hook) -> None:
    await hook.twilio(urlencode({**REAL_TIME, "TranscriptionEvent": "transcription-stopped"}).encode())
    assert [(event["event"], event["transcript"]) for event in hook.events] == [("call.updated", None)]


async def test_confidence_that_twilio_does_not_know_is_unknown_and_not_nothing(hook: Hook) -> None:
    for value in ("0.0", ""):
        body = urlencode({"CallSid": CA, "SpeechResult": f"да {value}", "Confidence": value}).encode()
        assert (await hook.twilio(body)).status == 200
    assert [event["transcript"]["confidence"] for event in hook.events] == [None, None]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"From": "+1"}, "CallSid"),
        ({"CallSid": CA, "CallDuration": "long"}, "CallDuration"),
        ({"CallSid": CA, "SpeechResult": "a", "Confidence": "high"}, "Confidence"),
        ({"CallSid": CA, "SpeechResult": "a", "Confidence": "7"}, "transcript.confidence"),
        ({"CallSid": CA, "Timestamp": "noon"}, "Timestamp"),
        ({**REAL_TIME, "TranscriptionData": "not json"}, "TranscriptionData"),
        ({**REAL_TIME, "TranscriptionData": "[]"}, "TranscriptionData"),
        ({"CallSid": "C" * 300}, "call.id"),
    ],
)
async def test_what_twilio_would_never_send_is_named(hook: Hook, fields: dict[str, str], named: str) -> None:
    assert await problem(await hook.twilio(urlencode(fields).encode())) == (422, [named])
    assert hook.world.intake.drafts == []


async def test_a_form_with_bytes_that_are_no_text_is_taken_with_marks_in_their_place(hook: Hook) -> None:
    body = b"CallSid=" + CA.encode() + b"&SpeechResult=%ff%fe&CallStatus=in-progress"
    assert (await hook.twilio(body)).status == 200
    assert hook.events[0]["transcript"]["text"] == "\ufffd\ufffd"


MANGO: dict[str, tuple[str, dict[str, Any]]] = {
    "mango-call.txt": (
        "events/call",
        {
            "event": "call.updated",
            "seq": 2,
            "provider": "mango",
            "occurred_at": "2026-11-23T09:00:00Z",
            "call": {
                "id": ENTRY,
                "leg_id": LEG,
                "direction": "inbound",
                "from_raw": "79161234567",
                "to": "74951234567",
                "status": "connected",
            },
            "ivr": {"path": ["ivr"]},
        },
    ),
    "mango-summary.txt": (
        "events/summary",
        {
            "event": "call.completed",
            "provider": "mango",
            "occurred_at": "2026-11-23T09:01:14Z",
            "call": {
                "id": ENTRY,
                "direction": "inbound",
                "from_raw": "79161234567",
                "to": "74951234567",
                "started_at": "2026-11-23T09:00:00Z",
                "duration_s": 74,
                "status": "completed",
            },
        },
    ),
    "mango-dtmf.txt": (
        "events/dtmf",
        {
            "event": "call.updated",
            "seq": 1,
            "provider": "mango",
            "occurred_at": "2026-11-23T09:00:05Z",
            "call": {
                "id": ENTRY,
                "leg_id": LEG,
                "direction": "inbound",
                "from_raw": "79161234567",
                "to": "74951234567",
            },
            "ivr": {"path": ["ivr", "2"], "digits": "124"},
        },
    ),
    "mango-record-added.txt": (
        "events/record/added",
        {
            "event": "call.updated",
            "provider": "mango",
            "occurred_at": "2026-11-23T09:01:20Z",
            "call": {"id": ENTRY, "direction": "inbound"},
            "recording": {"id": "MToxMDA1NzU5MzoxMDYxODc2NDk6MA==", "auth": "none"},
        },
    ),
}


@pytest.mark.parametrize("name", MANGO)
async def test_each_of_mangos_events_is_read_whole_and_kept_once(hook: Hook, name: str) -> None:
    path, wanted = MANGO[name]
    answers = [await hook.mango(sample(name), f"office/{path}") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [told(event) for event in hook.events] == [wanted]
    assert (hook.world.intake.drafts[0].raw, hook.world.intake.drafts[0].meta["path"]) == (
        mango_form(sample(name)),
        path,
    )


async def test_mangos_signature_is_of_the_text_as_it_came(hook: Hook) -> None:
    text = sample("mango-call.txt")
    good = mango_form(text)
    sign = good.partition(b"&sign=")[2][:64]
    flipped = sign[:-1] + (b"0" if sign[-1:] != b"0" else b"1")
    for body in [
        good.replace(sign, flipped),
        good.replace(b"seq%22%3A2", b"seq%22%3A3"),
        good.replace(b"%2C", b"%2C+", 1),
        good.replace(b"sign=", b"sing="),
        mango_form(text, salt="another salt"),
        mango_form(text, key="another-key"),
        b"json=" + text,
    ]:
        assert await problem(await hook.post("office/events/call", body, Content_Type=FORM)) == (401, [])
    assert hook.world.intake.drafts == []


async def test_a_check_of_the_connection_and_events_of_other_matters_keep_nothing(hook: Hook) -> None:
    assert (await hook.post("office", b"")).status == 200
    assert hook.book.told == []
    for path in ("events/sms", "events/record/tagged", "result/callback", "events"):
        assert (await hook.mango(b'{"command_id": "1"}', f"office/{path}")).status == 200
    assert hook.world.intake.drafts == []
    assert await problem(await hook.post("office/events/sms", b"json={}")) == (401, [])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"entry_id": None, "call_id": None}, "entry_id"),
        ({"seq": "second"}, "seq"),
        ({"timestamp": "noon"}, "timestamp"),
        ({"from": "79161234567"}, "from"),
        ({"call_state": ["Connected"]}, "call_state"),
        ({"entry_id": "x" * 300}, "call.id"),
    ],
)
async def test_what_mango_would_never_send_is_named(hook: Hook, changes: dict[str, Any], named: str) -> None:
    text = json.dumps({**json.loads(sample("mango-call.txt")), **changes}).encode()
    assert await problem(await hook.mango(text)) == (422, [named])


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (1795424400, "2026-11-23T09:00:00Z"),
        ("1795424400", "2026-11-23T09:00:00Z"),
        ("2026-11-23 12:00:00", "2026-11-23T09:00:00Z"),
        ("2026-11-23T09:00:00+00:00", "2026-11-23T09:00:00Z"),
        (0, None),
        ("", None),
    ],
)
async def test_times_of_mango_are_numbers_or_text_of_moscow(hook: Hook, given: object, read: str | None) -> None:
    text = json.dumps({**json.loads(sample("mango-call.txt")), "timestamp": given}).encode()
    await hook.mango(text)
    assert hook.events[0]["occurred_at"] == read


async def test_mangos_events_keep_their_order_whatever_the_order_they_come_in(hook: Hook) -> None:
    first = json.loads(sample("mango-call.txt"))
    for seq in (3, 1, 2):
        await hook.mango(json.dumps({**first, "seq": seq}).encode())
    assert [event["seq"] for event in hook.events] == [3, 1, 2]
    assert {event["call"]["id"] for event in hook.events} == {ENTRY}


async def test_a_missed_call_and_one_that_goes_out_are_told_apart(hook: Hook) -> None:
    summary = json.loads(sample("mango-summary.txt"))
    out = {"call_direction": 2, "from": {"extension": "102"}, "to": {"number": "79031234567"}}
    for changes in ({"entry_result": 0, "talk_time": 0}, out):
        await hook.mango(json.dumps({**summary, **changes}).encode(), "office/events/summary")
    assert [
        (event["call"]["status"], event["call"]["direction"], event["call"]["from_raw"], event["call"]["to"])
        for event in hook.events
    ] == [("missed", "inbound", "79161234567", "74951234567"), ("completed", "outbound", "102", "79031234567")]
