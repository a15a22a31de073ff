"""A telephone call and its transcript, over real HTTP: from the hook to one ticket, and the same event never twice."""

import hashlib
import hmac
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.loader import SAMPLE as SAMPLE_POLICY
from tests.journey.instance import Instance, instance
from tests.journey.system import Answer, until

pytestmark = pytest.mark.xdist_group("processes")

SECRET = "a secret of the telephone system"
SAMPLE = json.loads((Path(__file__).parents[1] / "samples" / "ivr" / "canonical-transcript.json").read_bytes())

IDS = {"call": "", "recording": "-recording", "transcript": "-words"}


@pytest.fixture(scope="module")
def switchboard() -> Iterator[Instance]:
    settings = {"PRIYOM_CHANNELS__IVR__PBX__DIALECT": "canonical", "PRIYOM_CHANNELS__IVR__PBX__SECRET": SECRET}
    with instance(settings=settings) as running:
        yield running


def _post(priyom: Instance, event: Any, *, secret: str = SECRET, path: str = "pbx") -> Answer:
    body, stamp = json.dumps(event).encode(), str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Intake-Timestamp": stamp,
        "X-Intake-Signature": signature,
    }
    return priyom.request("POST", f"/hooks/ivr/{path}", body=body, headers=headers, token=False)


def _event(call: str, **changed: Any) -> dict[str, Any]:
    """The sample as another call, with a recording and a transcript of its own."""
    parts = {part: {**SAMPLE[part], "id": f"{call}{mark}"} for part, mark in IDS.items()}
    return {**SAMPLE, **parts, **changed}


def test_a_call_with_its_transcript_becomes_a_ticket_and_its_repeat_does_nothing(switchboard: Instance) -> None:
    before = switchboard.quiet_ledger()["total"]
    event = _event("call-1", event_id="e1")
    first = _post(switchboard, event)
    assert first.status == 202, first
    line = switchboard.outcome(first.json()["id"])
    again = _post(switchboard, event)
    assert (again.status, again.json()) == (200, {"id": first.json()["id"], "duplicate": True})

    ticket = switchboard.ticket(line["number"])
    assert {name: ticket[name] for name in ("subject", "channel", "catalog", "fields")} == {
        "subject": "Добрый день.",
        "channel": "ivr",
        "catalog": "accounting/documents",
        "fields": {
            "contract": "77-120",
            "call_recording": "https://pbx.example.net/records/17.wav",
            "call_duration_s": 74,
        },
    }
    assert ticket["messages"][0]["text"] == SAMPLE["transcript"]["text"]
    assert [(one["channel"], one["address"]) for one in ticket["requester"]["identities"]] == [
        ("phone", "+79161234567")
    ]
    [row] = switchboard.rows(f"SELECT language, features FROM messages WHERE number = {line['number']}")
    assert row["language"] == "ru"
    call = json.loads(row["features"])["call"]
    assert (call["keys"][0], call["confidence"]) == ("asterisk/pbx/call:call-1", 0.91)

    after = switchboard.quiet_ledger()["total"]
    assert {name: after[name] - before[name] for name in ("accepted", "ticketed", "duplicate")} == {
        "accepted": 1,
        "ticketed": 1,
        "duplicate": 0,
    }
    told = switchboard.rows("SELECT adapter, account, condition FROM channel_accounts")
    assert told == [{"adapter": "ivr", "account": "pbx", "condition": "connected"}]


def test_what_is_not_signed_by_the_switchboard_is_refused_and_leaves_nothing(switchboard: Instance) -> None:
    before = switchboard.quiet_ledger()["total"]["accepted"]
    event = _event("call-2", event_id="e2")
    refused = [_post(switchboard, event, secret="somebody else's"), _post(switchboard, event, path="another")]
    assert [answer.status for answer in refused] == [401, 404]
    assert all(answer.headers["Content-Type"].startswith("application/problem+json") for answer in refused)
    assert _post(switchboard, _event("call-2", seq="first")).json()["errors"] == [
        {"field": "seq", "why": "Expected `int`, got `str`"}
    ]
    assert switchboard.ledger()["total"]["accepted"] == before
    assert "ivr.refused" in switchboard.log()
    assert SECRET not in switchboard.logs()


def test_decisions_on_calls_can_be_made_again_from_what_was_kept(switchboard: Instance) -> None:
    answer = _post(switchboard, _event("call-3", event_id="e3", seq=9))
    switchboard.outcome(answer.json()["id"])
    verified = json.loads(switchboard.told("policy", "verify", "--json"))
    assert verified["decisions"] >= 1
    assert verified["mismatches"] == []


def test_while_the_bus_stands_still_a_call_is_kept_in_the_spool_and_follows(switchboard: Instance) -> None:
    switchboard.hold_part("nats")
    try:
        answer = _post(switchboard, _event("call-4", event_id="e4"))
        assert answer.status == 202, answer
        assert any(answer.json()["id"] in path.name for path in switchboard.spooled())
    finally:
        switchboard.release_part("nats")
    assert switchboard.outcome(answer.json()["id"])["outcome"] == "ticketed"
    assert _post(switchboard, _event("call-4", event_id="e4")).status in (200, 202)
    switchboard.quiet_ledger()
    assert switchboard.rows("SELECT count(*) AS n FROM messages WHERE native_id = 'call-4'") == [{"n": 1}]


def test_the_answer_to_a_caller_is_a_call_that_somebody_makes(switchboard: Instance) -> None:
    number = switchboard.outcome(_post(switchboard, _event("call-9", event_id="e9")).json()["id"])["number"]
    path = f"/api/v1/tickets/T-{number:06d}"
    answer = switchboard.request("POST", f"{path}/reply", body={"text": "Счёт выставлен заново."})
    assert answer.status == 201, answer
    waiting = answer.json()["messages"][-1]["delivery"]
    assert (waiting["state"], waiting["channel"], waiting["address"]) == ("call_back", "phone", "+79161234567")
    called = switchboard.request("POST", f"{path}/deliveries/{waiting['id']}/called", body={})
    assert called.status == 200, called
    assert switchboard.get(path)["messages"][-1]["delivery"]["state"] == "called_back"
    again = switchboard.request("POST", f"{path}/deliveries/{waiting['id']}/called", body={})
    assert (again.status, again.json()["detail"]) == (409, "There is no call to make.")


def _completed(call: str) -> dict[str, Any]:
    """A call that is over, with its recording; the words are still to come."""
    event = _event(call, event="call.completed", event_id=f"{call}-end", seq=6)
    return {**event, "transcript": {"status": "pending", "id": event["transcript"]["id"]}}


def _words(call: str, text: str, revision: int = 1) -> dict[str, Any]:
    """What a recogniser knows: the call's id and what was said."""
    return {
        "schema": "ivr.v1",
        "event": "transcript.ready",
        "event_id": f"{call}-words-{revision}",
        "provider": SAMPLE["provider"],
        "call": {"id": call},
        "transcript": {**SAMPLE["transcript"], "id": f"{call}-words", "revision": revision, "text": text},
    }


def _posted(priyom: Instance, event: Any) -> str:
    """The envelope of an event that was taken."""
    answer = _post(priyom, event)
    assert answer.status == 202, answer
    envelope: str = answer.json()["id"]
    return envelope


def _settled_as(priyom: Instance, envelope: str, outcome: str) -> int:
    """The ticket of an event, once it has the outcome."""

    def look() -> dict[str, Any] | None:
        line = priyom.settled().get(envelope)
        return line if line is not None and line["outcome"] == outcome else None

    number: int = until(f"{envelope} is {outcome}", look)["number"]
    return number


def _flags(priyom: Instance, ticket: dict[str, Any]) -> list[str]:
    [row] = priyom.rows(f"SELECT flags FROM tickets WHERE number = {int(ticket['number'].removeprefix('T-'))}")
    return [flag for flag in json.loads(row["flags"]) if flag not in ("unassigned", "repeat")]  # of other tests


@pytest.fixture
def hasty(switchboard: Instance, tmp_path: Path) -> Iterator[Instance]:
    """For so long a transcript is waited for one second only."""
    quick = Path(shutil.copytree(SAMPLE_POLICY, tmp_path / "quick"))
    text = (quick / "policy.yaml").read_text(encoding="utf-8")
    assert "wait: 10m" in text
    (quick / "policy.yaml").write_text(text.replace("wait: 10m", "wait: 1s"), encoding="utf-8")
    switchboard.told("policy", "apply", str(quick), "--comment", "no patience")
    yield switchboard
    switchboard.told("policy", "apply", str(SAMPLE_POLICY), "--comment", "as before")


def test_a_call_waits_for_its_transcript_and_is_one_ticket_with_it(switchboard: Instance) -> None:
    call = _posted(switchboard, _completed("call-5"))
    line = switchboard.outcome(call)
    assert (line["outcome"], line["reason"]) == ("suppressed", "waits for the transcript of its call")
    [held] = switchboard.rows(f"SELECT outcome, released_at FROM held WHERE envelope_id = '{call}'")
    assert held == {"outcome": "suppressed", "released_at": None}
    number = _settled_as(switchboard, _posted(switchboard, _words("call-5", "Касса не печатает чек.")), "ticketed")
    assert _settled_as(switchboard, call, "appended") == number
    ticket = switchboard.ticket(number)
    assert (ticket["subject"], ticket["fields"]) == (
        "Касса не печатает чек.",
        {"contract": "77-120", "call_recording": "https://pbx.example.net/records/17.wav", "call_duration_s": 74},
    )
    assert ticket["requester"]["identities"][0]["address"] == "+79161234567", "which the transcript did not name"
    assert [message["text"] for message in ticket["messages"]] == ["Касса не печатает чек."]
    assert switchboard.rows(f"SELECT 1 FROM held WHERE envelope_id = '{call}'") == []
    switchboard.quiet_ledger()


def test_a_transcript_that_comes_first_is_the_ticket_and_the_call_fills_it(switchboard: Instance) -> None:
    number = _settled_as(switchboard, _posted(switchboard, _words("call-6", "Не сходится отчёт.")), "ticketed")
    assert switchboard.ticket(number)["fields"] == {}
    assert _settled_as(switchboard, _posted(switchboard, _completed("call-6")), "appended") == number
    ticket = switchboard.ticket(number)
    assert ticket["fields"]["call_duration_s"] == 74
    assert [message["text"] for message in ticket["messages"]] == ["Не сходится отчёт.", ""]
    switchboard.quiet_ledger()


def test_without_a_transcript_the_recording_is_a_ticket_and_words_that_come_late_are_for_who_has_not_begun(
    hasty: Instance,
) -> None:
    untouched, touched = (_settled_as(hasty, _posted(hasty, _completed(call)), "ticketed") for call in ("c-7", "c-8"))
    before = {number: hasty.ticket(number) for number in (untouched, touched)}
    for ticket in before.values():
        assert (_flags(hasty, ticket), ticket["fields"]["contract"]) == (["no_transcript"], "77-120")
    noted = hasty.request("POST", f"/api/v1/tickets/T-{touched:06d}/note", body={"text": "Прослушано, перезвоню."})
    assert noted.status == 201, noted
    said = "Не работает касса, у всех, срочно. Не печатает чек."
    for call, number in (("c-7", untouched), ("c-8", touched)):
        assert _settled_as(hasty, _posted(hasty, _words(call, said)), "appended") == number
    after = {number: hasty.ticket(number) for number in (untouched, touched)}
    kept = ("subject", "kind", "priority", "catalog", "line")
    assert {name: after[touched][name] for name in kept} == {name: before[touched][name] for name in kept}
    assert [_flags(hasty, after[number]) for number in (touched, untouched)] == [["no_transcript"], []]
    assert after[untouched]["subject"] == "Не работает касса, у всех, срочно."
    assert after[untouched]["priority"] != before[untouched]["priority"]
    classified = hasty.rows(f"SELECT number FROM facts WHERE fact = 'ticket.classified' AND number >= {untouched}")
    assert {row["number"] for row in classified} == {untouched}

    older = _settled_as(hasty, _posted(hasty, _words("c-7", "Всё работает.", revision=0)), "appended")
    assert older == untouched
    shown = hasty.rows(f"SELECT text, flags FROM messages WHERE number = {untouched} ORDER BY id")
    assert ["superseded" in json.loads(row["flags"]) for row in shown] == [False, False, True]
    assert hasty.ticket(untouched)["subject"] == "Не работает касса, у всех, срочно."
    verified = json.loads(hasty.told("policy", "verify", "--json"))
    assert verified["mismatches"] == []
    hasty.quiet_ledger()
