"""The telephony hook and its own dialect: what is accepted, what is refused and how, and that a repeat does nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.ivr.account import IvrAccount
from domain.accounts import AccountState
from tests.channels.calls import NOW, SECRET, Hook, problem, sample, stamped
from tests.fakes_desk_data import NOON

CALL = sample("canonical-call.json")
TRANSCRIPT = sample("canonical-transcript.json")
LEAST: dict[str, Any] = {
    "schema": "ivr.v1",
    "event": "call.completed",
    "provider": "asterisk",
    "call": {"id": "1763888400.17"},
}


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    account = IvrAccount(dialect="canonical", secret=SECRET, language="ru-RU", max_size=4096)
    async with Hook(pbx=account, other=IvrAccount(dialect="canonical", secret="another secret")).served() as served:
        yield served


def changed(**members: Any) -> bytes:
    return json.dumps({**LEAST, **members}).encode()


async def test_a_signed_event_becomes_a_draft_with_the_untouched_body(hook: Hook) -> None:
    answer = await hook.canonical(CALL)
    [draft] = hook.world.intake.drafts
    assert (answer.status, await answer.json()) == (202, {"id": draft.id, "duplicate": False})
    assert (draft.channel, draft.account, draft.adapter, draft.media_type, draft.raw) == (
        "ivr",
        "pbx",
        "ivr",
        "application/json",
        CALL,
    )
    event = draft.meta["event"]
    assert {name: value for name, value in draft.meta.items() if name != "event"} == {
        "peer": "127.0.0.1",
        "dialect": "canonical",
        "path": "",
        "region": "RU",
        "transcripts": True,
    }
    assert event == {
        **json.loads(CALL),
        "account": "",
        "call": {**json.loads(CALL)["call"], "leg_id": None, "from": None, "withheld": False, "attestation": None},
        "transcript": None,
    }


async def test_an_event_that_comes_again_has_one_effect_and_is_told_so(hook: Hook) -> None:
    first = await hook.canonical(CALL)
    hook.world.clock.pass_(seconds=60)
    again = await hook.canonical(CALL, stamp=str(int(NOW) + 60))
    assert (first.status, again.status) == (202, 200)
    assert await again.json() == {"id": (await first.json())["id"], "duplicate": True}
    assert len(hook.world.intake.drafts) == 1


async def test_the_call_and_its_transcript_are_two_events(hook: Hook) -> None:
    assert [(await hook.canonical(body)).status for body in (TRANSCRIPT, CALL, TRANSCRIPT)] == [202, 202, 200]
    assert [event["event"] for event in hook.events] == ["transcript.ready", "call.completed"]


async def test_another_body_under_an_event_id_is_a_conflict_and_not_lost_in_silence(hook: Hook) -> None:
    await hook.canonical(changed(event_id="e1", seq=1))
    assert await problem(await hook.canonical(changed(event_id="e1", seq=2))) == (409, [])
    assert len(hook.world.intake.drafts) == 1


async def test_events_without_an_id_are_told_apart_by_sequence_and_revision(hook: Hook) -> None:
    bodies = [
        changed(seq=1),
        changed(seq=2),
        *(changed(event="transcript.ready", transcript={"status": "final", "revision": n}) for n in (1, 2)),
    ]
    assert [(await hook.canonical(body)).status for body in (*bodies, *bodies)] == [202] * 4 + [200] * 4
    assert len({event["event_id"] for event in hook.events}) == 4


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@pytest.mark.parametrize("at", [0, 40, len(CALL) // 2, len(CALL) - 1])
async def test_one_bit_of_the_body_breaks_the_signature(hook: Hook, at: int) -> None:
    assert await problem(await hook.post("pbx", flipped(CALL, at), **stamped(CALL))) == (401, [])
    assert (hook.world.intake.drafts, hook.refused) == ([], [("pbx", "signature: signature")])


@pytest.mark.parametrize("header", ["X_Intake_Timestamp", "X_Intake_Signature"])
async def test_one_character_of_a_header_breaks_the_signature(hook: Hook, header: str) -> None:
    headers = stamped(CALL)
    last = headers[header][-1]
    headers[header] = headers[header][:-1] + ("1" if last != "1" else "2")
    assert await problem(await hook.post("pbx", CALL, **headers)) == (401, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Intake_Timestamp": NOW},
        {"X_Intake_Signature": "0" * 64},
        {**stamped(CALL), "X_Intake_Timestamp": "yesterday"},
        {**stamped(CALL), "X_Intake_Timestamp": "9" * 400},
        {**stamped(CALL), "X_Intake_Signature": "ключ"},
        {**stamped(CALL), "X_Intake_Signature": ""},
        stamped(CALL, secret="another secret"),
    ],
)
async def test_what_is_not_signed_with_the_accounts_secret_is_refused(hook: Hook, headers: dict[str, str]) -> None:
    assert await problem(await hook.post("pbx", CALL, **headers)) == (401, [])
    assert hook.world.intake.drafts == []


async def test_headers_that_are_no_text_are_refused_like_any_others(hook: Hook) -> None:
    reader, writer = await asyncio.open_connection(hook.client.host, hook.client.port)
    head = f"POST /hooks/ivr/pbx HTTP/1.1\r\nHost: [\r\nConnection: close\r\nX-Intake-Timestamp: {NOW}\r\n"
    writer.write(head.encode() + b"X-Intake-Signature: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.split(b" ")[1] == b"401"


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 202), (300, 202), (301, 401)])
async def test_a_signature_holds_for_five_minutes(hook: Hook, seconds: int, status: int) -> None:
    assert (await hook.canonical(CALL, stamp=str(int(NOW) + seconds))).status == status


async def test_an_account_that_is_not_in_the_settings_does_not_exist(hook: Hook) -> None:
    assert await problem(await hook.canonical(CALL, path="nobody")) == (404, [])
    assert await problem(await hook.canonical(CALL, path="pbx/events/call")) == (404, [])
    assert (await hook.client.get("/hooks/ivr/pbx")).status == 405
    assert hook.world.intake.drafts == []


BAD: list[tuple[bytes, str]] = [
    (b"", "body"),
    (b"{", "body"),
    (b"\xff\xfe", "body"),
    (b'{"schema": "\\ud800"}', "body"),
    (b"[" * 4000, "body"),
    (b"[]", "body"),
    (b"{}", "schema"),
    (changed(schema="ivr.v2"), "schema"),
    (changed(event="call.begun"), "event"),
    (changed(provider="A/B"), "provider"),
    (changed(call={}), "call.id"),
    (changed(call={"id": 17}), "call.id"),
    (changed(call={"id": "a\x00b"}), "call.id"),
    (changed(call={"id": "1", "duration_s": "74"}), "call.duration_s"),
    (changed(call={"id": "1", "duration_s": -1}), "call.duration_s"),
    (changed(call={"id": "1", "direction": "sideways"}), "call.direction"),
    (changed(call={"id": "1", "started_at": "yesterday"}), "call.started_at"),
    (changed(call={"id": "1", "started_at": "2026-11-23T09:00:00"}), "call.started_at"),
    (changed(occurred_at=1763888400), "occurred_at"),
    (changed(seq="3"), "seq"),
    (changed(ivr={"path": "main/2"}), "ivr.path"),
    (changed(ivr={"answers": {"contract": ["77"]}}), "ivr.answers[...]"),
    (changed(recording={"auth": "digest"}), "recording.auth"),
    (changed(transcript={}), "transcript.status"),
    (changed(transcript={"status": "done"}), "transcript.status"),
    (changed(transcript={"status": "final", "confidence": 91}), "transcript.confidence"),
    (changed(transcript={"status": "final", "text": None}), "transcript.text"),
    (changed(transcript={"status": "final", "segments": [{}, {"text": 1}]}), "transcript.segments[1].text"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
async def test_what_is_malformed_is_told_by_its_place(hook: Hook, body: bytes, field: str) -> None:
    assert await problem(await hook.canonical(body)) == (422, [field])
    assert (hook.world.intake.drafts, hook.refused) == ([], [("pbx", "malformed")])


async def test_a_newer_sender_may_say_more_than_we_know(hook: Hook) -> None:
    body = changed(mood="good", call={"id": "1", "codec": "opus"}, ivr={"path": ["a"], "menu": 7})
    assert (await hook.canonical(body)).status == 202
    assert "mood" not in hook.events[0]
    assert hook.world.intake.drafts[0].raw == body


async def test_another_call_id_will_do_where_the_calls_own_is_not_known(hook: Hook) -> None:
    for part in ({"recording": {"id": "r"}}, {"transcript": {"status": "final", "id": "t"}}):
        assert (await hook.canonical(changed(call={}, **part))).status == 202
    assert len(hook.world.intake.drafts) == 2


async def test_too_large_a_request_is_refused_whether_it_says_so_or_not(hook: Hook) -> None:
    body = changed(padding="x" * 5000)
    assert await problem(await hook.canonical(body)) == (413, [])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    headers = {name.replace("_", "-"): value for name, value in stamped(body).items()}
    assert (await hook.client.post("/hooks/ivr/pbx", data=pieces(), headers=headers)).status == 413
    assert hook.world.intake.drafts == []


async def test_with_bus_and_spool_away_nothing_is_kept_and_the_next_try_is_new(hook: Hook) -> None:
    hook.world.intake.away = True
    answer = await hook.canonical(CALL)
    assert (await problem(answer), answer.headers["Retry-After"]) == ((503, []), "10")
    hook.world.intake.away = False
    assert [(await hook.canonical(CALL)).status for _ in range(2)] == [202, 200]
    assert len(hook.world.intake.drafts) == 1


async def test_without_reservations_a_repeat_is_accepted_and_the_stores_key_decides(hook: Hook) -> None:
    hook.world.reservations.away = True
    assert [(await hook.canonical(CALL)).status for _ in range(2)] == [202, 202]
    first, second = hook.events
    assert first == second


async def test_two_accounts_do_not_take_each_others_events_for_repeats(hook: Hook) -> None:
    assert (await hook.canonical(CALL)).status == 202
    other = await hook.post("other", CALL, **stamped(CALL, secret="another secret"))
    assert other.status == 202


async def test_the_accounts_language_stands_where_the_transcript_says_none(hook: Hook) -> None:
    await hook.canonical(changed(event="transcript.ready", transcript={"status": "final", "text": "да"}))
    assert hook.events[0]["transcript"]["language"] == "ru-RU"


async def test_an_account_is_connected_once_something_good_came(hook: Hook) -> None:
    await hook.post("pbx", CALL)
    assert hook.book.told == []
    await hook.canonical(CALL)
    await hook.client.close()
    assert hook.book.told == [
        AccountState(
            adapter="ivr",
            account="pbx",
            channel="ivr",
            condition="connected",
            since=NOON,
            told_at=NOON,
            last_message_at=NOON,
        )
    ]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"secret": "short"}, "secret"),
        ({"dialect": "mango"}, "key"),
        ({"max_size": 10}, "max_size"),
        ({"max_size": 1_000_000}, "max_size"),
        ({"region": "Russia"}, "region"),
        ({"public_url": "support.example.org"}, "public_url"),
    ],
)
def test_settings_that_cannot_work_are_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        IvrAccount(**{"dialect": "canonical", "secret": SECRET, **wrong})


def test_secrets_do_not_show() -> None:
    assert SECRET not in repr(IvrAccount(dialect="mango", secret=SECRET, key="the-vpbx-key"))
    assert "the-vpbx-key" not in repr(IvrAccount(dialect="mango", secret=SECRET, key="the-vpbx-key"))


def test_only_accounts_of_mango_have_no_transcripts_unless_the_settings_say_otherwise() -> None:
    assert [
        IvrAccount(dialect="canonical", secret=SECRET).transcribes,
        IvrAccount(dialect="canonical", secret=SECRET, transcripts=False).transcribes,
        IvrAccount(dialect="mango", secret=SECRET, key="k").transcribes,
        IvrAccount(dialect="mango", secret=SECRET, key="k", transcripts=True).transcribes,
    ] == [True, False, False, True]
