"""The hook of monitoring systems: what is accepted, what is refused and how, and that a repeat does nothing."""

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.alerts.account import AlertAccount
from domain.accounts import AccountState
from tests.channels.alarms import TOKEN, Alarms, sample
from tests.channels.calls import problem
from tests.fakes_desk_data import NOON

FIRING, PROBLEM, PLAIN = sample("alertmanager-firing"), sample("zabbix-problem"), sample("plain")
ACCOUNTS = {
    "prometheus": AlertAccount(dialect="alertmanager", token=TOKEN, catalog="general/monitoring", resolved="close"),
    "zabbix": AlertAccount(dialect="zabbix", token=TOKEN),
    "cron": AlertAccount(dialect="plain", token=TOKEN, max_size=4096),
}
OF = {"prometheus": FIRING, "zabbix": PROBLEM, "cron": PLAIN}


@pytest.fixture
async def alarms() -> AsyncIterator[Alarms]:
    async with Alarms(**ACCOUNTS).served() as served:
        yield served


def changed(body: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**body, **members}


def of_alerts(*changes: dict[str, Any]) -> dict[str, Any]:
    """The group with its first alert, changed."""
    return {**FIRING, "alerts": [{**FIRING["alerts"][0], **change} for change in changes]}


async def test_each_alert_of_a_group_is_a_message_of_its_own_with_its_groups_context(alarms: Alarms) -> None:
    answer = await alarms.post("prometheus", FIRING)
    first, second = alarms.world.intake.drafts
    assert (answer.status, await answer.json()) == (
        202,
        {
            "alerts": [
                {"fingerprint": "1a30ba71cca2921f", "id": first.id, "duplicate": False},
                {"fingerprint": "9f02cc7d5517ab03", "id": second.id, "duplicate": False},
            ]
        },
    )
    assert (first.channel, first.account, first.adapter, first.media_type) == (
        "alert",
        "prometheus",
        "alerts",
        "application/json",
    )
    assert [json.loads(draft.raw) for draft in (first, second)] == [
        {**FIRING, "alerts": [alert]} for alert in FIRING["alerts"]
    ]
    assert {name: value for name, value in first.meta.items() if name != "alert"} == {
        "peer": "127.0.0.1",
        "dialect": "alertmanager",
        "catalog": "general/monitoring",
        "when_resolved": "close",
    }
    assert alarms.alerts[0] == {
        "fingerprint": "1a30ba71cca2921f",
        "event_id": "2026-11-23T06:50:12.739267+00:00:firing",
        "status": "firing",
        "title": "Cash service does not answer",
        "text": "Receipts are not sent since five minutes.",
        "severity": "critical",
        "product": "accounting/cash",
        "host": "cash-1.example.net:9100",
        "source": "priyom",
        "labels": FIRING["alerts"][0]["labels"],
        "annotations": {"runbook_url": "https://wiki.example.net/cash"},
        "links": {
            "source": "http://prometheus.example.net:9090/graph?g0.expr=up",
            "alertmanager": "http://alertmanager.example.net:9093",
        },
        "started_at": "2026-11-23T06:50:12.739267Z",
        "ended_at": None,
    }


async def test_an_event_of_zabbix_is_one_alert_whose_trigger_names_it(alarms: Alarms) -> None:
    assert (await alarms.post("zabbix", PROBLEM)).status == 202
    [draft] = alarms.world.intake.drafts
    assert json.loads(draft.raw) == PROBLEM
    assert alarms.alerts == [
        {
            "fingerprint": "23012",
            "event_id": "184467:firing",
            "status": "firing",
            "title": "Мало места на диске /var",
            "text": "Осталось 4.2 % на /var.",
            "severity": "High",
            "product": "warehouse",
            "host": "db-1",
            "source": "",
            "labels": {"service": "warehouse", "scope": "capacity"},
            "annotations": {"value": "4.2 %"},
            "links": {"source": PROBLEM["url"]},
            "started_at": None,
            "ended_at": None,
        }
    ]


async def test_a_plain_alert_says_what_it_says(alarms: Alarms) -> None:
    assert (await alarms.post("cron", PLAIN)).status == 202
    assert alarms.alerts == [
        {
            "fingerprint": "backup-nightly",
            "event_id": "2026-11-23T02:00:00+00:00:firing",
            "status": "firing",
            "title": "Nightly backup failed",
            "text": "tar: exit status 2",
            "severity": "Major",
            "product": "backups",
            "host": "files-1",
            "source": "",
            "labels": {"job": "backup", "attempt": "3", "retry": "false"},
            "annotations": {},
            "links": {"source": "https://cron.example.net/runs/42"},
            "started_at": "2026-11-23T02:00:00Z",
            "ended_at": None,
        }
    ]


@pytest.mark.parametrize("account", OF)
async def test_what_comes_again_has_one_effect_and_is_told_so(alarms: Alarms, account: str) -> None:
    first = await alarms.post(account, OF[account])
    count = len(alarms.world.intake.drafts)
    again = await alarms.post(account, OF[account])
    assert (first.status, again.status) == (202, 200)
    told = [{**each, "duplicate": True} for each in (await first.json())["alerts"]]
    assert (await again.json(), len(alarms.world.intake.drafts)) == ({"alerts": told}, count)


async def test_what_still_fires_is_the_same_event_whatever_it_measures_now(alarms: Alarms) -> None:
    await alarms.post("prometheus", of_alerts({}))
    again = of_alerts({"annotations": {"summary": "Still down", "description": "91 %"}})
    assert [(await alarms.post("prometheus", changed(again, groupKey="other"))).status] == [200]
    updated = changed(PROBLEM, update_status="1", message="Иванов: смотрю", item_value="3.9 %")
    assert [(await alarms.post("zabbix", body)).status for body in (PROBLEM, updated)] == [202, 200]
    assert len(alarms.world.intake.drafts) == 2


async def test_the_end_and_another_beginning_are_events_of_their_own(alarms: Alarms) -> None:
    bodies = [
        of_alerts({}),
        of_alerts({"status": "resolved", "endsAt": "2026-11-23T07:10:00Z"}),
        of_alerts({"startsAt": "2026-11-23T08:00:00Z"}),
        of_alerts({"startsAt": "2026-11-23T08:00:00Z", "status": "resolved", "endsAt": "2026-11-23T08:10:00Z"}),
    ]
    assert [(await alarms.post("prometheus", body)).status for body in (*bodies, *bodies)] == [202] * 4 + [200] * 4
    assert [(each["status"], each["ended_at"]) for each in alarms.alerts] == [
        ("firing", None),
        ("resolved", "2026-11-23T07:10:00Z"),
        ("firing", None),
        ("resolved", "2026-11-23T08:10:00Z"),
    ]
    recovered = changed(PROBLEM, event_value="0")
    assert [(await alarms.post("zabbix", body)).status for body in (PROBLEM, recovered)] == [202, 202]
    assert (await alarms.post("zabbix", changed(PROBLEM, event_id=184468))).status == 202


async def test_grafanas_alerting_posts_the_same_shape_with_more_in_it(alarms: Alarms) -> None:
    more = {"version": "1", "orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "x"}
    body = {**of_alerts({"silenceURL": "https://grafana.example/", "values": {"B": 44.2}}), **more}
    assert (await alarms.post("prometheus", body)).status == 202
    assert json.loads(alarms.world.intake.drafts[0].raw) == body


async def test_a_group_of_which_some_came_before_is_new_as_far_as_it_is(alarms: Alarms) -> None:
    await alarms.post("prometheus", of_alerts({}))
    answer = await alarms.post("prometheus", FIRING)
    told = (await answer.json())["alerts"]
    assert (answer.status, [each["duplicate"] for each in told]) == (202, [True, False])


async def test_beginning_and_end_in_one_group_keep_their_order(alarms: Alarms) -> None:
    both = of_alerts({}, {"status": "resolved", "endsAt": "2026-11-23T07:10:00Z"}, {"fingerprint": "f2"})
    assert (await alarms.post("prometheus", both)).status == 202
    own = [each["status"] for each in alarms.alerts if each["fingerprint"] == "1a30ba71cca2921f"]
    assert own == ["firing", "resolved"]


async def test_an_id_beside_the_fingerprint_tells_occurrences_apart(alarms: Alarms) -> None:
    bare = {"status": "firing", "title": "Down", "fingerprint": "web"}
    bodies = [changed(bare, id="1"), changed(bare, id="2"), changed(bare, id="1", text="again")]
    assert [(await alarms.post("cron", body)).status for body in bodies] == [202, 202, 200]


async def test_an_alert_without_a_fingerprint_is_known_by_its_labels(alarms: Alarms) -> None:
    old = {name: value for name, value in FIRING["alerts"][0].items() if name != "fingerprint"}
    turned = {**old, "labels": dict(reversed(old["labels"].items()))}
    bodies = [{**FIRING, "alerts": [each]} for each in (old, turned)]
    assert [(await alarms.post("prometheus", body)).status for body in bodies] == [202, 200]
    assert len(alarms.alerts[0]["fingerprint"]) == 16


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", basic(f"anybody:{TOKEN}")])
async def test_the_token_may_be_shown_in_two_ways(alarms: Alarms, header: str) -> None:
    assert (await alarms.post("cron", PLAIN, authorization=header)).status == 202


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Token {TOKEN}",
        "Bearer ключ",
        basic(f"{TOKEN}:"),
        basic(TOKEN),
        basic("anybody:wrong"),
        "Basic !!!",
        "Basic ключ",
    ],
)
async def test_without_the_token_nothing_is_taken(alarms: Alarms, header: str | None) -> None:
    answer = await alarms.post("cron", PLAIN, authorization=header)
    assert await problem(answer) == (401, [])
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="alerts"'
    assert alarms.world.intake.drafts == []
    [(account, reason)] = alarms.refused
    assert (account, reason.partition(":")[0]) == ("cron", "signature")


async def test_headers_that_are_no_text_are_refused_like_any_others(alarms: Alarms) -> None:
    reader, writer = await asyncio.open_connection(alarms.client.host, alarms.client.port)
    head = b"POST /hooks/alerts/cron HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \xff\xfe\r\n"
    writer.write(head + b"Content-Length: 2\r\n\r\n{}")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.split(b" ")[1] == b"401"


async def test_an_account_that_is_not_in_the_settings_does_not_exist(alarms: Alarms) -> None:
    assert await problem(await alarms.post("nobody", PLAIN)) == (404, [])
    assert (await alarms.post("cron/below", PLAIN)).status == 404
    assert (await alarms.client.get("/hooks/alerts/cron")).status == 405


ALERT = FIRING["alerts"][0]
BAD: list[tuple[str, Any, str]] = [
    *((account, b"", "body") for account in OF),
    *((account, b"\xff", "body") for account in OF),
    *((account, b"[]", "body") for account in OF),
    *((account, b'{"title": "\\ud800"}', "body") for account in OF),
    ("cron", b"[" * 4000, "body"),
    ("prometheus", {}, "version"),
    ("prometheus", changed(FIRING, version="3"), "version"),
    ("prometheus", changed(FIRING, alerts=[]), "alerts"),
    ("prometheus", changed(FIRING, alerts=[ALERT, 7]), "alerts[1]"),
    ("prometheus", changed(FIRING, alerts=[{**ALERT, "annotations": {}}] * 2001), "alerts"),
    ("prometheus", of_alerts({}, {"status": "pending"}), "alerts[1].status"),
    ("prometheus", of_alerts({"startsAt": "yesterday"}), "alerts[0].startsAt"),
    ("prometheus", of_alerts({"startsAt": "2026-11-23T08:00:00"}), "alerts[0].startsAt"),
    ("prometheus", of_alerts({"labels": {"job": 1}}), "alerts[0].labels[...]"),
    ("prometheus", of_alerts({"fingerprint": "x" * 257}), "alerts[0].fingerprint"),
    ("zabbix", changed(PROBLEM, event_id="{EVENT.ID}"), "event_id"),
    ("zabbix", changed(PROBLEM, event_value="2"), "event_value"),
    ("zabbix", changed(PROBLEM, trigger_id=""), "trigger_id"),
    ("zabbix", changed(PROBLEM, trigger_name=" "), "trigger_name"),
    ("zabbix", changed(PROBLEM, severity=6), "severity"),
    ("zabbix", changed(PROBLEM, tags=[{"tag": 1}]), "tags[0][...]"),
    ("cron", changed(PLAIN, status="ok"), "status"),
    ("cron", changed(PLAIN, title=""), "title"),
    ("cron", changed(PLAIN, fingerprint=""), "fingerprint"),
    ("cron", changed(PLAIN, fingerprint="a\nb"), "fingerprint"),
    ("cron", changed(PLAIN, started_at=None), "started_at"),
    ("cron", changed(PLAIN, started_at="0001-01-01T00:00:00+05:00"), "started_at"),
    ("cron", changed(PLAIN, labels={"a": []}), "labels[...]"),
]


@pytest.mark.parametrize(("account", "body", "field"), BAD)
async def test_what_is_malformed_is_told_by_its_place(alarms: Alarms, account: str, body: Any, field: str) -> None:
    assert await problem(await alarms.post(account, body)) == (422, [field])
    assert (alarms.world.intake.drafts, alarms.refused) == ([], [(account, "malformed")])


@pytest.mark.parametrize(
    ("given", "read"), [("4", "high"), (5, "disaster"), ("0", "not-classified"), ("*UNKNOWN*", ""), ("{X.Y}", "")]
)
async def test_severities_of_zabbix_may_be_numbers(alarms: Alarms, given: Any, read: str) -> None:
    assert (await alarms.post("zabbix", changed(PROBLEM, severity=given))).status == 202
    assert alarms.alerts[0]["severity"] == read


@pytest.mark.parametrize("tags", ["*UNKNOWN*", "{EVENT.TAGSJSON}", "[1]", "", [], [{"value": "no name"}]])
async def test_tags_that_are_none_keep_no_alert_away(alarms: Alarms, tags: Any) -> None:
    assert (await alarms.post("zabbix", changed(PROBLEM, tags=tags))).status == 202
    assert alarms.alerts[0]["labels"] == {}


async def test_what_is_long_is_cut_and_whole_in_its_raw_bytes(alarms: Alarms) -> None:
    long = {"description": "x" * 100_000, **{f"note{n}": "y" * 5000 for n in range(80)}}
    assert (await alarms.post("prometheus", of_alerts({"annotations": long}))).status == 202
    [event] = alarms.alerts
    assert (len(event["text"]), len(event["annotations"]), len(event["annotations"]["note0"])) == (40_000, 50, 500)
    assert json.loads(alarms.world.intake.drafts[0].raw)["alerts"][0]["annotations"] == long


async def test_what_a_group_says_beside_its_alerts_is_kept_with_each_as_far_as_there_is_room(alarms: Alarms) -> None:
    await alarms.post("prometheus", changed(FIRING, commonAnnotations={"note": "x" * 40_000}))
    small = {name: value for name, value in FIRING.items() if name != "commonAnnotations"}
    assert [json.loads(draft.raw) for draft in alarms.world.intake.drafts] == [
        {**small, "alerts": [alert]} for alert in FIRING["alerts"]
    ]


async def test_too_large_a_request_is_refused_whether_it_says_so_or_not(alarms: Alarms) -> None:
    body = json.dumps(changed(PLAIN, text="x" * 5000)).encode()
    assert await problem(await alarms.post("cron", body)) == (413, [])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await alarms.client.post("/hooks/alerts/cron", data=pieces(), headers=headers)).status == 413
    assert alarms.world.intake.drafts == []


async def test_with_bus_and_spool_away_nothing_is_kept_and_the_next_try_is_new(alarms: Alarms) -> None:
    alarms.world.intake.away = True
    answer = await alarms.post("prometheus", FIRING)
    assert (await problem(answer), answer.headers["Retry-After"]) == ((503, []), "10")
    alarms.world.intake.away = False
    assert [(await alarms.post("prometheus", FIRING)).status for _ in range(2)] == [202, 200]
    assert len(alarms.world.intake.drafts) == 2


async def test_without_reservations_a_repeat_is_accepted_and_the_stores_key_decides(alarms: Alarms) -> None:
    alarms.world.reservations.away = True
    assert [(await alarms.post("cron", PLAIN)).status for _ in range(2)] == [202, 202]
    first, second = alarms.alerts
    assert first == second


async def test_an_account_is_connected_once_something_good_came(alarms: Alarms) -> None:
    await alarms.post("cron", PLAIN, authorization=None)
    assert alarms.book.told == []
    await alarms.post("cron", PLAIN)
    await alarms.client.close()
    assert alarms.book.told == [
        AccountState(
            adapter="alerts",
            account="cron",
            channel="alert",
            condition="connected",
            since=NOON,
            told_at=NOON,
            last_message_at=NOON,
        )
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_json_is_accepted_or_refused_by_its_place(alarms: Alarms, data: st.DataObject) -> None:
    account = data.draw(st.sampled_from(sorted(OF)))
    body = copy.deepcopy(OF[account])
    target = data.draw(st.sampled_from([body, *body.get("alerts", ())]))
    for name in data.draw(st.lists(st.sampled_from(sorted(target)), min_size=1, max_size=3)):
        target[name] = data.draw(VALUES)
    sent = data.draw(st.sampled_from([body, data.draw(VALUES)]))
    assert (await alarms.post(account, sent)).status in (200, 202, 422, 413)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"token": "short"}, "token"),
        ({"max_size": 10}, "max_size"),
        ({"max_size": 2_000_000}, "max_size"),
        ({"catalog": "Общее"}, "catalog"),
        ({"product_labels": ("product", " ")}, "product_labels"),
        ({"annotate_url": "ftp://x/"}, "annotate_url"),
        ({"annotate_url": "https://"}, "annotate_url"),
        ({"annotate_url": "https://[::1/x"}, "annotate_url"),
        ({"annotate_url": "https://x:99999/"}, "annotate_url"),
        ({"annotate_token": "secret"}, "annotate_token"),
        ({"annotate_url": "https://x/", "annotate_token": "a\r\nb"}, "annotate_token"),
    ],
)
def test_settings_that_cannot_work_are_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        AlertAccount(**{"dialect": "plain", "token": TOKEN, **wrong})


def test_secrets_do_not_show() -> None:
    shown = repr(AlertAccount(dialect="plain", token=TOKEN, annotate_url="https://x/", annotate_token="the-way-back"))
    assert (TOKEN in shown, "the-way-back" in shown) == (False, False)
