"""Monitoring systems on a running instance: they file tickets themselves, say when it is over, and hear what agents
answer; who writes about the same finds it in work."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.sockets import bind
from tests.journey.instance import Instance, instance
from tests.journey.system import Answer, until
from tests.journey.test_mail_both_ways import letter, mail_settings, only_ticket, received, write
from tests.relay import Relay, relay

pytestmark = pytest.mark.xdist_group("processes")

SAMPLES = Path(__file__).parents[1] / "samples" / "alert"
FIRING: dict[str, Any] = json.loads((SAMPLES / "alertmanager-firing.json").read_bytes())
PROBLEM: dict[str, Any] = json.loads((SAMPLES / "zabbix-problem.json").read_bytes())
TOKEN = "a token of the monitoring system"


class Wall:
    """A server that takes annotations, in a thread of its own."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str | None]] = []
        self.socket = bind("wall", "127.0.0.1:0")
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/annotations"
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    async def _take(self, request: web.Request) -> web.Response:
        self.headers.append({name: request.headers.get(name) for name in ("Authorization", "Idempotency-Key")})
        self.got.append(await request.json())
        return web.Response(status=204)

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/annotations", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.SockSite(self._runner, self.socket).start()
        self._ready.set()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())

    @contextlib.contextmanager
    def up(self) -> Iterator["Wall"]:
        self._thread.start()
        assert self._ready.wait(20)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(20)


@pytest.fixture(scope="module")
def post() -> Iterator[Relay]:
    with relay() as running:
        yield running


@pytest.fixture(scope="module")
def wall() -> Iterator[Wall]:
    with Wall().up() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(post: Relay, wall: Wall) -> Iterator[Instance]:
    prefix = "PRIYOM_CHANNELS__ALERTS__"
    settings = {
        **mail_settings(post.port),
        f"{prefix}PROMETHEUS__DIALECT": "alertmanager",
        f"{prefix}PROMETHEUS__TOKEN": TOKEN,
        f"{prefix}PROMETHEUS__RESOLVED": "close",
        f"{prefix}PROMETHEUS__ANNOTATE_URL": wall.url,
        f"{prefix}PROMETHEUS__ANNOTATE_TOKEN": "the-way-back",
        f"{prefix}PROMETHEUS__ANNOTATE_PRIVATE": "true",
        f"{prefix}ZABBIX__DIALECT": "zabbix",
        f"{prefix}ZABBIX__TOKEN": TOKEN,
    }
    with instance(settings=settings) as running:
        yield running


def hook(priyom: Instance, account: str, body: Any, token: str = TOKEN) -> Answer:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return priyom.request(
        "POST", f"/hooks/alerts/{account}", body=json.dumps(body).encode(), headers=headers, token=False
    )


def group(mark: str, **changes: Any) -> dict[str, Any]:
    """The sample as troubles of their own."""
    alerts = [{**each, "fingerprint": f"{mark}-{each['fingerprint']}", **changes} for each in FIRING["alerts"]]
    return {**FIRING, "alerts": alerts}


def outcomes(priyom: Instance, answer: Answer) -> list[dict[str, Any]]:
    return [priyom.outcome(each["id"]) for each in answer.json()["alerts"]]


def counts(priyom: Instance) -> dict[str, int]:
    total = priyom.quiet_ledger()["total"]
    return {name: total[name] for name in ("accepted", "ticketed", "appended", "duplicate", "suppressed")}


def test_two_alerts_are_two_urgent_tickets_that_close_by_themselves_and_open_again(priyom: Instance) -> None:
    answer = hook(priyom, "prometheus", group("one"))
    assert answer.status == 202, answer
    numbers = [line["number"] for line in outcomes(priyom, answer)]
    tickets = [priyom.ticket(number) for number in numbers]
    assert [(each["subject"], each["priority"], each["kind"]) for each in tickets] == [
        ("Cash service does not answer", "p1", "monitoring-alert"),
        ("Очередь обмена документами растёт", "p2", "monitoring-alert"),
    ]
    assert {each["channel"] for each in tickets} == {"alert"}

    before = counts(priyom)
    again = hook(priyom, "prometheus", group("one"))
    assert (again.status, [each["duplicate"] for each in again.json()["alerts"]]) == (200, [True, True])
    assert counts(priyom) == before
    assert [priyom.ticket(number) for number in numbers] == tickets

    over = group("one", status="resolved", endsAt="2026-11-23T07:30:00Z")
    outcomes(priyom, hook(priyom, "prometheus", over))
    closed = [priyom.ticket(number) for number in numbers]
    assert [(each["status"], len(each["messages"])) for each in closed] == [("closed", 2)] * 2
    assert all(clock["state"] in ("met", "breached") for each in closed for clock in each["clocks"])

    back = hook(priyom, "prometheus", group("one", startsAt="2026-11-23T08:00:00Z"))
    assert [line["number"] for line in outcomes(priyom, back)] == numbers
    assert [priyom.ticket(number)["status"] for number in numbers] == ["in_progress"] * 2


def test_what_is_over_without_a_ticket_makes_none(priyom: Instance) -> None:
    never = hook(priyom, "prometheus", group("never", status="resolved", endsAt="2026-11-23T07:30:00Z"))
    assert [line["outcome"] for line in outcomes(priyom, never)] == ["suppressed"] * 2


def test_who_writes_about_the_same_is_linked_and_told_that_it_is_in_work(priyom: Instance, post: Relay) -> None:
    problem = {**PROBLEM, "event_id": "2001", "trigger_id": "2001"}
    [line] = outcomes(priyom, hook(priyom, "zabbix", problem))
    cause = priyom.ticket(line["number"])
    assert (cause["priority"], cause["fields"]["product"]) == ("p2", "warehouse")

    olga = "olga@client.example"
    write(priyom, letter("Приёмка", "Не открывается накладная поставщика, приёмка стоит.", sender=olga), sender=olga)
    asked = priyom.get(f"/api/v1/tickets/{only_ticket(priyom, olga)}")
    assert asked["catalog"].startswith("warehouse")
    assert asked["links"] == [{"ticket": cause["number"], "relation": "caused_by", "direction": "outward"}]
    (told,) = received(post, olga, 1)
    assert "Мы знаем о неполадке" in str(told.mail["Subject"])
    assert "приёмка стоит" not in told.text

    [over] = outcomes(priyom, hook(priyom, "zabbix", {**problem, "event_value": "0"}))
    assert over["number"] == line["number"]
    assert priyom.ticket(line["number"])["status"] == "classification"
    pyotr = "pyotr@client.example"
    write(priyom, letter("Приёмка", "Не открывается накладная поставщика.", sender=pyotr), sender=pyotr)
    later = priyom.get(f"/api/v1/tickets/{only_ticket(priyom, pyotr)}")
    assert later["links"] == []
    (told,) = received(post, pyotr, 1)
    assert "Мы получили ваше обращение" in str(told.mail["Subject"])


def test_an_agents_answer_is_an_annotation_and_the_ticket_stays_open_when_the_alert_is_over(
    priyom: Instance, wall: Wall
) -> None:
    first = hook(priyom, "prometheus", group("two"))
    number = outcomes(priyom, first)[0]["number"]
    shown = priyom.ticket(number)["number"]
    answer = priyom.request("POST", f"/api/v1/tickets/{shown}/reply", body={"text": "Перезапускаем службу."})
    assert answer.status == 201, answer
    got = until("the annotation is put up", lambda: wall.got[0] if wall.got else None)
    assert {name: got[name] for name in ("ticket", "fingerprint", "text")} == {
        "ticket": shown,
        "fingerprint": "two-1a30ba71cca2921f",
        "text": "Перезапускаем службу.",
    }
    assert wall.headers[0]["Authorization"] == "Bearer the-way-back"
    until(
        "the answer is known to be sent",
        lambda: priyom.get(f"/api/v1/tickets/{shown}")["messages"][-1]["delivery"]["state"] == "sent",
    )
    over = group("two", status="resolved", endsAt="2026-11-23T07:30:00Z")
    both = [line["number"] for line in outcomes(priyom, hook(priyom, "prometheus", over))]
    assert [priyom.ticket(each)["status"] for each in both] == ["in_progress", "closed"]
    assert len(wall.got) == 1


def test_an_account_without_an_address_is_not_answered(priyom: Instance) -> None:
    [line] = outcomes(priyom, hook(priyom, "zabbix", {**PROBLEM, "event_id": "3001", "trigger_id": "3001"}))
    shown = priyom.ticket(line["number"])["number"]
    priyom.request("POST", f"/api/v1/tickets/{shown}/reply", body={"text": "Смотрим."})

    def failed() -> dict[str, Any] | None:
        delivery: dict[str, Any] = priyom.get(f"/api/v1/tickets/{shown}")["messages"][-1]["delivery"]
        return delivery if delivery["state"] == "failed" else None

    assert until("the answer is known not to go", failed)["error"] == "annotate_url is not set"


def test_what_does_not_show_the_token_is_refused_and_leaves_nothing(priyom: Instance) -> None:
    before = counts(priyom)
    assert hook(priyom, "prometheus", FIRING, token="somebody else's").status == 401
    assert hook(priyom, "nobody", FIRING).status == 404
    assert hook(priyom, "prometheus", {**FIRING, "alerts": []}).status == 422
    assert counts(priyom) == before
    assert "alert.refused" in priyom.log()
    assert TOKEN not in priyom.logs()


def test_decisions_on_alerts_and_links_can_be_made_again_from_what_was_kept(priyom: Instance) -> None:
    verified = json.loads(priyom.told("policy", "verify", "--json"))
    assert verified["decisions"] >= 5
    assert verified["mismatches"] == []
