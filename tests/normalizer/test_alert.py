"""Alerts: whatever a monitoring system says becomes one message a beginning and an end, with one handle a trouble."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.alerts.account import AlertAccount
from channels.alerts.http import DIALECTS
from domain.errors import Invalid
from domain.message import Address, Alert, Message, alert_key
from normalizer.pipeline import normalize
from tests.channels.alarms import SAMPLES, TOKEN, sample
from tests.normalizer.support import envelope

FIRING = sample("alertmanager-firing")
NOTHING: dict[str, Any] = {"fingerprint": "f1", "event_id": "e1", "status": "firing", "title": "Down"}


def read(dialect: Any, values: Any, **settings: Any) -> list[dict[str, Any]]:
    account = AlertAccount(dialect=dialect, token=TOKEN, **settings)
    return [each.event.plain() for each in DIALECTS[dialect](account, values, b"{}")]


def message(alert: Any, **meta: Any) -> Message:
    return normalize(envelope(b"{}", "alert", alert=alert, **meta), b"{}").message


def test_an_alert_of_alertmanager_is_a_message_with_its_labels_readable() -> None:
    [told, _] = read("alertmanager", FIRING)
    got = message(told, catalog="general/monitoring", when_resolved="close")
    handle = hashlib.sha256(b"alert|support|1a30ba71cca2921f").hexdigest()[:32]
    started = datetime(2026, 11, 23, 6, 50, 12, 739267, tzinfo=UTC)
    assert got == replace(
        got,
        key=alert_key("support", "1a30ba71cca2921f", told["event_id"]),
        sender=Address(channel="alert", address="support", name="priyom"),
        subject="Cash service does not answer",
        native_id="1a30ba71cca2921f",
        conversation=(handle,),
        sent_at=started,
        language="en",
        catalog="general/monitoring",
        fields={
            "severity": "critical",
            "product": "accounting/cash",
            "host": "cash-1.example.net:9100",
            "instance": "cash-1.example.net:9100",
            "job": "cash",
            "service": "accounting/cash",
        },
        flags=("alert_firing",),
        automatic=None,
        alert=Alert(
            fingerprint="1a30ba71cca2921f",
            status="firing",
            severity="critical",
            product="accounting/cash",
            host="cash-1.example.net:9100",
            started_at=started,
            when_resolved="close",
        ),
    )
    assert got.text == (
        "Receipts are not sent since five minutes.\n\n"
        "status: firing\nseverity: critical\nproduct: accounting/cash\nhost: cash-1.example.net:9100\n"
        "started_at: 2026-11-23 06:50:12 UTC\n\n"
        "runbook_url: https://wiki.example.net/cash\n\n"
        "alertname: CashServiceDown\ninstance: cash-1.example.net:9100\njob: cash\nservice: accounting/cash\n"
        "severity: critical\n\n"
        "source: http://prometheus.example.net:9090/graph?g0.expr=up\n"
        "alertmanager: http://alertmanager.example.net:9093"
    )


def test_the_words_of_an_alert_tell_its_language() -> None:
    assert message(read("alertmanager", FIRING)[1]).language == "ru"
    assert message(read("zabbix", sample("zabbix-problem"))[0]).language == "ru"


def test_severities_are_one_lower_case_word() -> None:
    said = ["Not classified", "HIGH", " Major ", "very_high", ""]
    read_as = [message({**NOTHING, "severity": each}).alert for each in said]
    assert [alert.severity if alert else None for alert in read_as] == [
        "not-classified",
        "high",
        "major",
        "very-high",
        "",
    ]


def test_the_end_of_an_alert_has_its_handle_and_another_key() -> None:
    begun = {**FIRING["alerts"][0]}
    over = {**begun, "status": "resolved", "endsAt": "2026-11-23T07:10:00Z"}
    first, last = (message(read("alertmanager", {**FIRING, "alerts": [each]})[0]) for each in (begun, over))
    assert (first.conversation, first.key != last.key) == (last.conversation, True)
    assert (last.flags, last.sent_at) == (("alert_resolved",), datetime(2026, 11, 23, 7, 10, tzinfo=UTC))
    assert last.alert is not None
    assert (last.alert.status, last.alert.ended_at) == ("resolved", last.sent_at)


def test_the_same_alert_of_two_accounts_is_two_troubles() -> None:
    one = envelope(b"{}", "alert", alert=NOTHING)
    first, second = (normalize(each, b"{}").message for each in (one, replace(one, account="other")))
    assert first.key != second.key
    assert set(first.conversation).isdisjoint(second.conversation)


def test_line_ends_and_controls_stay_out_of_lines() -> None:
    hostile = {**NOTHING, "title": "a\r\nBcc: b\x00", "host": "h\n1", "labels": {"x\ny": "z\r\nw"}}
    got = message(hostile)
    assert (got.subject, got.fields) == ("a Bcc: b", {"host": "h 1", "x y": "z w"})
    assert got.sender.name == "h 1"


def test_a_label_is_a_field_and_no_more_than_thirty_are() -> None:
    labels = {f"l{n:02}": "v" for n in range(60)} | {"alertname": "A", "severity": "x", "empty": ""}
    fields = message({**NOTHING, "labels": labels, "severity": "info"}).fields
    assert (len(fields), fields["severity"], "alertname" in fields) == (31, "info", False)


@pytest.mark.parametrize("alert", [None, [], "x", {}, {"fingerprint": ""}, {"fingerprint": 7}])
def test_what_is_no_alert_is_refused(alert: Any) -> None:
    with pytest.raises(Invalid):
        message(alert)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.dictionaries(st.sampled_from(sorted(read("alertmanager", FIRING)[0])), VALUES, max_size=8)


@settings(deadline=None)  # the first text loads the model that tells languages
@given(alert=MEMBERS, meta=st.dictionaries(st.sampled_from(["catalog", "when_resolved"]), VALUES))
def test_whatever_is_told_becomes_a_message_or_is_refused(alert: dict[str, Any], meta: dict[str, Any]) -> None:
    try:
        got = message({**NOTHING, **alert}, **meta)
    except Invalid:
        return
    assert got.subject
    assert "\n" not in got.subject
    assert got.alert is not None
    assert len(got.conversation) == 1


def test_there_is_a_sample_of_each_dialect() -> None:
    assert {path.stem.partition("-")[0] for path in SAMPLES.glob("*.json")} == set(DIALECTS)
