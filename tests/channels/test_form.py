"""The web form, page and API: what is accepted, what comes back, and that nothing typed is lost."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from channels.form import Limits, carried
from channels.formrules import offered
from channels.support import SlidingWindow, safe_name, sniff
from domain.message import StoredFile
from domain.views import Receipt
from tests.desk.conftest import application
from tests.fakes_desk import World
from tests.fakes_desk_data import NOON, PNG, key_of

Client = TestClient[web.Request, web.Application]
GOOD = {
    "name": "Ольга Пак",
    "email": "Olga.Pak@example.org",
    "phone": "",
    "subject": "Не выгружаются заказы",
    "body": "С утра не проходит обмен.\r\nВерсия 4.12.1.",
    "catalog": "field/sync",
    "consent": "1",
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(world))) as opened:
        yield opened


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


async def opened(client: Client, world: World, seconds: float = 10) -> dict[str, str]:
    """The hidden fields of a page that has been looked at for a while."""
    page = await (await client.get("/form/default")).text()
    world.clock.pass_(seconds=seconds)
    return {name: hidden(page, name) for name in ("token", "idempotency_key", "locale")}


async def post(
    client: Client, fields: dict[str, str], *files: tuple[str, bytes], lang: str = "en"
) -> tuple[int, str, str]:
    form = FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    for name, content in files:
        form.add_field("files", content, filename=name, content_type="application/octet-stream")
    form.add_field("files", b"", filename="", content_type="application/octet-stream")
    answer = await client.post(f"/form/default?lang={lang}", data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", ""), await answer.text()


async def api(client: Client, body: Any, path: str = "/api/v1/form/default") -> tuple[int, Any]:
    answer = await client.post(path, json=body)
    assert answer.content_type == ("application/json" if answer.status == 202 else "application/problem+json")
    return answer.status, await answer.json()


def sent(world: World) -> list[dict[str, Any]]:
    return [json.loads(draft.raw) for draft in world.intake.drafts]


async def test_a_filled_in_page_becomes_a_draft_and_a_receipt(client: Client, world: World) -> None:
    extra = await opened(client, world)
    status, location, _ = await post(client, {**GOOD, **extra, "fields[магазин]": "№ 12"}, ("счёт.png", PNG))
    [draft] = world.intake.drafts
    assert (status, location) == (303, f"/form/default/sent/{draft.id}")
    assert json.loads(draft.raw) == {
        "form": "default",
        "name": "Ольга Пак",
        "email": "Olga.Pak@example.org",
        "phone": "",
        "subject": "Не выгружаются заказы",
        "body": "С утра не проходит обмен.\nВерсия 4.12.1.",
        "catalog": "field/sync",
        "fields": {"магазин": "№ 12"},
        "consent": {"version": "2026-09", "at": "2026-11-23T09:00:10Z"},
        "locale": "en",
        "idempotency_key": extra["idempotency_key"],
    }
    assert (draft.channel, draft.account, draft.adapter, draft.media_type) == (
        "form",
        "default",
        "form",
        "application/json",
    )
    assert draft.meta == {"peer": "127.0.0.1", "locale": "en"}
    assert [(f.blob, f.name, f.size, f.media_type) for f in draft.files] == [
        (key_of(PNG), "счёт.png", len(PNG), "image/png")
    ]
    assert world.blobs.contents[key_of(PNG)] == PNG


async def test_what_the_link_knew_goes_along_unseen_and_survives_a_mistake(client: Client, world: World) -> None:
    link = "/form/default?product=crm&version=8.4%22%3E&subject=%D0%A1%D0%B1%D0%BE%D0%B9&BAD-name=x&empty="
    page = await (await client.get(link)).text()
    hidden = dict(re.findall(r'name="fields\[([^"]*)\]" value="([^"]*)"', page))
    assert hidden == {"product": "crm", "version": "8.4&#34;&gt;"}
    assert 'value="Сбой"' in page
    extra = await opened(client, world)
    carried = {"fields[product]": "crm", "fields[version]": '8.4">'}
    _, _, again = await post(client, {**GOOD, **extra, **carried, "email": "no address", "phone": ""})
    assert dict(re.findall(r'name="fields\[([^"]*)\]" value="([^"]*)"', again)) == hidden
    await post(client, {**GOOD, **extra, **carried})
    assert sent(world)[-1]["fields"] == {"product": "crm", "version": '8.4">'}


def test_a_link_carries_so_much_and_no_more() -> None:
    found = carried({f"n{n}": "x" * 300 for n in range(30)} | {"email": "a@b.example", "lang": "ru"})
    assert (len(found), {len(value) for value in found.values()}) == (20, {200})


async def test_the_receipts_page_follows_the_message(client: Client, world: World) -> None:
    _, location, _ = await post(client, {**GOOD, **await opened(client, world)})
    waiting = await client.get(location)
    assert waiting.headers["Refresh"] == "3"
    assert "Its number follows in a moment" in await waiting.text()
    world.receipts[location.rpartition("/")[2]] = Receipt(state="ticketed", ticket=123)
    settled = await client.get(location)
    assert "Refresh" not in settled.headers
    assert "T-000123" in await settled.text()


async def test_the_honeypot_gets_what_success_looks_like(client: Client, world: World) -> None:
    real = await post(client, {**GOOD, **await opened(client, world)})
    trapped = await post(client, {**GOOD, **await opened(client, world), "website": "https://spam.example"})
    assert len(world.intake.drafts) == 1
    assert (trapped[0], re.sub(r"\d{26}", "", trapped[1])) == (real[0], re.sub(r"\d{26}", "", real[1]))
    pages = [await (await client.get(location)).text() for _, location, _ in (real, trapped)]
    assert re.sub(r"\d{26}", "", pages[0]) == re.sub(r"\d{26}", "", pages[1])
    page = await (await client.get("/form/default")).text()
    assert re.search(r'<input type="text" name="website" tabindex="-1" autocomplete="off" value="">', page)


async def test_faster_than_anybody_types_is_asked_to_look_again(client: Client, world: World) -> None:
    extra = await opened(client, world, seconds=1)
    status, _, page = await post(client, {**GOOD, **extra})
    assert (status, world.intake.drafts) == (422, [])
    assert "That was very quick" in page
    assert hidden(page, "token") == extra["token"]
    world.clock.pass_(seconds=5)
    assert (await post(client, {**GOOD, **extra}))[0] == 303


@pytest.mark.parametrize("spoil", ["", "1763888400.0123", "x", "expired", "other"])
async def test_a_token_that_does_not_hold_brings_the_page_back(client: Client, world: World, spoil: str) -> None:
    extra = await opened(client, world)
    if spoil == "expired":
        world.clock.pass_(hours=9)
    elif spoil == "other":
        page = await (await client.get("/form/embedded")).text()
        extra["token"] = hidden(page, "token")
    else:
        extra["token"] = spoil
    status, _, page = await post(client, {**GOOD, **extra})
    assert (status, world.intake.drafts) == (422, [])
    assert "The page had been open for long" in page
    assert "Не выгружаются заказы" in page
    assert "Версия 4.12.1." in page
    world.clock.pass_(seconds=10)
    again = {**extra, "token": hidden(page, "token")}
    assert (await post(client, {**GOOD, **again}))[0] == 303


@pytest.mark.parametrize(
    ("changes", "field", "english", "russian"),
    [
        ({"subject": " "}, "subject", "Please say in a few words", "Скажите в двух словах"),
        ({"body": ""}, "body", "Please describe your request", "Опишите обращение"),
        ({"email": ""}, "email", "Please leave an e-mail address or a telephone", "Оставьте почту или телефон"),
        ({"email": "olga"}, "email", "does not look like an e-mail", "Не похоже на адрес почты"),
        ({"email": "a@b.c\nBcc: x@y.zz"}, "email", "does not look like an e-mail", "Не похоже на адрес почты"),
        ({"phone": "звоните"}, "phone", "does not look like a telephone", "Не похоже на номер"),
        ({"catalog": "monitoring"}, "catalog", "choose one of the services", "Выберите услугу"),
        ({"consent": ""}, "consent", "We need your consent", "Без согласия"),
        ({"subject": "я" * 251}, "subject", "At most 250 characters", "Не больше 250 знаков"),
    ],
)
async def test_every_mistake_stands_at_its_field_in_both_languages(
    client: Client, world: World, changes: dict[str, str], field: str, english: str, russian: str
) -> None:
    extra = await opened(client, world)
    for lang, words in (("en", english), ("ru", russian)):
        status, _, page = await post(client, {**GOOD, **extra, **changes}, lang=lang)
        assert status == 422
        where = page.index(f'id="{field}-why"')
        assert words in page[where : where + 400]
        assert f'aria-describedby="{field}-why"' in page
    assert world.intake.drafts == []
    status, document = await api(client, {**GOOD, "consent": changes.get("consent") != "", **changes})
    assert status == 422
    assert [error["field"] for error in document["errors"]] == [field]
    assert english in document["errors"][0]["why"]


async def test_typed_values_come_back_escaped_and_consent_unticked(client: Client, world: World) -> None:
    vector = '"><script>alert(1)</script>'
    fields = {**GOOD, **await opened(client, world), "subject": vector, "body": f"</textarea>{vector}", "email": ""}
    _, _, page = await post(client, fields)
    assert "<script>alert" not in page
    assert "&lt;/textarea&gt;" in page
    assert "checked" not in page


async def test_a_bus_that_is_away_keeps_what_was_typed(client: Client, world: World) -> None:
    world.intake.away = True
    form = FormData()
    for name, value in {**GOOD, **await opened(client, world)}.items():
        form.add_field(name, value)
    answer = await client.post("/form/default", data=form)
    page = await answer.text()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert "Версия 4.12.1." in page
    world.intake.away = False
    again = {name: hidden(page, name) for name in ("token", "idempotency_key")}
    assert (await post(client, {**GOOD, **again}))[0] == 303
    assert len(world.intake.drafts) == 1


async def test_blobs_that_are_away_are_a_503_of_the_api_too(client: Client, world: World) -> None:
    world.blobs.away = True
    form = FormData()
    for name, value in GOOD.items():
        form.add_field(name, value)
    form.add_field("files", PNG, filename="a.png")
    answer = await client.post("/api/v1/form/default", data=form)
    assert (answer.status, answer.headers["Retry-After"], answer.content_type) == (
        503,
        "10",
        "application/problem+json",
    )
    assert world.intake.drafts == []


async def test_the_same_key_and_body_give_the_same_receipt_and_one_message(client: Client, world: World) -> None:
    body = {**GOOD, "consent": True, "idempotency_key": "k-1"}
    answers = [await api(client, body) for _ in range(3)]
    assert answers == [(202, {"receipt": world.intake.drafts[0].id})] * 3
    assert len(world.intake.drafts) == 1


async def test_the_same_key_with_another_body_is_a_conflict(client: Client, world: World) -> None:
    await api(client, {**GOOD, "consent": True, "idempotency_key": "k-1"})
    status, document = await api(client, {**GOOD, "consent": True, "idempotency_key": "k-1", "body": "Другое"})
    assert (status, document["errors"][0]["field"]) == (409, "idempotency_key")
    assert len(world.intake.drafts) == 1


async def test_files_are_part_of_the_body(client: Client, world: World) -> None:
    extra = await opened(client, world)
    assert (await post(client, {**GOOD, **extra}, ("a.png", PNG)))[0] == 303
    assert (await post(client, {**GOOD, **extra}, ("b.png", PNG)))[0] == 303
    status, _, page = await post(client, {**GOOD, **extra}, ("a.png", PNG + b"x"))
    assert (status, len(world.intake.drafts)) == (409, 1)
    assert hidden(page, "idempotency_key") != extra["idempotency_key"]


async def test_a_reservation_whose_acceptance_failed_is_taken_up_under_its_receipt(
    client: Client, world: World
) -> None:
    body = {**GOOD, "consent": True, "idempotency_key": "k-1"}
    world.intake.away = True
    assert (await api(client, body))[0] == 503
    [(_, reserved)] = world.reservations.kept.values()
    world.intake.away = False
    assert await api(client, body) == (202, {"receipt": reserved})
    assert [draft.id for draft in world.intake.drafts] == [reserved]


async def test_with_reservations_away_the_form_goes_on(client: Client, world: World) -> None:
    world.reservations.away = True
    status, answer = await api(client, {**GOOD, "consent": True, "idempotency_key": "k-1"})
    assert (status, answer["receipt"]) == (202, world.intake.drafts[0].id)
    assert sent(world)[0]["idempotency_key"] == "k-1"


async def test_without_a_key_the_receipt_is_the_key(client: Client, world: World) -> None:
    _, answer = await api(client, {**GOOD, "consent": True})
    assert sent(world)[0]["idempotency_key"] == answer["receipt"]


async def test_json_may_carry_everything_the_contract_names(client: Client, world: World) -> None:
    upload = await world.uploads.add(stored_file(), NOON)
    body = {
        "subject": "S", "body": "B", "phone": "8 (916) 555-01-17 доб. 12", "fields": {"shop": "12", "count": 3},
        "consent": {"version": "2026-09"}, "locale": "ru", "files": [upload], "name": None,
    }  # fmt: skip
    status, _ = await api(client, body)
    assert status == 202
    [draft] = world.intake.drafts
    assert (sent(world)[0]["fields"], sent(world)[0]["locale"]) == ({"shop": "12", "count": "3"}, "ru")
    assert [file.name for file in draft.files] == ["a.png"]


def stored_file() -> StoredFile:
    return StoredFile(blob=key_of(PNG), name="a.png", size=len(PNG), media_type="image/png")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subjct": "x"}, "subjct"),
        ({"body": 3}, "body"),
        ({"fields": []}, "fields"),
        ({"files": "x"}, "files"),
        ({"files": ["nope"]}, "files[0]"),
        ({"consent": {"version": "2020-01"}}, "consent"),
        ({"consent": {}}, "consent"),
        ({"idempotency_key": "a b"}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"fields": {"a": "x" * 4001}}, "fields.a"),
    ],
)
async def test_json_that_breaks_a_rule_names_the_member(client: Client, world: World, change: Any, field: str) -> None:
    status, document = await api(client, {**GOOD, "consent": True, **change})
    assert (status, document["title"]) == (422, "Unprocessable Entity")
    assert field in [error["field"] for error in document["errors"]]
    assert world.intake.drafts == []


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"x", "text/plain", 415),
        (b'{"body": "' + b"x" * 300_000 + b'"}', "application/json", 413),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b"nonsense", "multipart/form-data", 400),
    ],
)
async def test_bodies_that_cannot_be_read_are_problems(
    client: Client, body: bytes, media_type: str, status: int
) -> None:
    answer = await client.post("/api/v1/form/default", data=body, headers={"Content-Type": media_type})
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    page = await client.post("/form/default", data=body, headers={"Content-Type": media_type})
    assert page.status == status or (status, page.status) == (400, 422)


async def test_a_form_that_does_not_exist(client: Client) -> None:
    assert (await client.get("/form/nope")).status == 404
    assert (await client.get("/form/default/sent/short")).status == 404
    assert (await api(client, GOOD, "/api/v1/form/nope"))[0] == 404


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("a.bin", b"x" * 2_097_153)], "a.bin is too large: a file may have 2 MB."),
        ([("a.bin", b"x" * 2_000_000), ("b.bin", b"x" * 2_000_000)], "All files together may have 3 MB."),
        ([(f"{n}.bin", b"x") for n in range(4)], "At most 3 files can be sent."),
    ],
)
async def test_files_have_limits_and_the_words_stay(
    client: Client, world: World, files: list[tuple[str, bytes]], words: str
) -> None:
    status, _, page = await post(client, {**GOOD, **await opened(client, world)}, *files)
    assert status == 413
    assert words in page
    assert "Версия 4.12.1." in page
    assert world.intake.drafts == []


async def test_names_of_files_are_made_safe(client: Client, world: World) -> None:
    fields = {**GOOD, **await opened(client, world)}
    await post(client, fields, ("../../etc/pass\u202ewd.html", b"<html><script>1</script></html>"))
    assert [file.name for file in world.intake.drafts[0].files] == ["passwd.html"]


async def test_the_form_may_be_framed_only_where_the_policy_says(client: Client) -> None:
    own = (await client.get("/form/default")).headers["Content-Security-Policy"]
    framed = (await client.get("/form/embedded")).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in own
    assert "frame-ancestors 'self' https://shop.example.org;" in framed
    assert framed.replace("'self' https://shop.example.org", "'none'") == own.replace(
        "ancestors 'self'", "ancestors 'none'"
    )


async def test_a_form_without_a_consent_text_asks_for_none(client: Client, world: World) -> None:
    policy = world.policy.current
    silent = replace(policy.forms["default"], consent=type(policy.forms["default"].consent)(ru="", en=""))
    world.policy.current = replace(policy, forms=MappingProxyType({"default": silent}))
    assert 'name="consent"' not in await (await client.get("/form/default")).text()
    assert (await api(client, {key: value for key, value in GOOD.items() if key != "consent"}))[0] == 202
    assert sent(world)[0]["consent"] is None


async def test_limits_hold_per_email_and_say_when_to_come_back(world: World) -> None:
    app = application(world, limits=Limits(per_email=2, window=timedelta(minutes=10)))
    async with TestClient(TestServer(app)) as client:
        body = {**GOOD, "consent": True}
        assert [(await api(client, body))[0] for _ in range(2)] == [202, 202]
        answer = await client.post("/api/v1/form/default", json={**body, "email": "OLGA.PAK@example.org "})
        assert (answer.status, answer.headers["Retry-After"]) == (429, "600")
        status, _, page = await post(client, {**GOOD, **await opened(client, world)})
        assert status == 429
        assert "Версия 4.12.1." in page
        world.clock.pass_(minutes=11)
        assert (await api(client, body))[0] == 202


async def test_limits_hold_per_address_but_not_for_a_proxy_on_this_machine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(world, limits=Limits(per_address=1, per_email=100))
    async with TestClient(TestServer(app)) as client:
        body = {**GOOD, "consent": True}
        assert [(await api(client, body))[0] for _ in range(3)] == [202, 202, 202]
        monkeypatch.setattr("channels.form.is_loopback", lambda peer: False)
        assert [(await api(client, body))[0] for _ in range(2)] == [202, 429]


async def test_many_at_once_get_one_receipt_for_one_key(client: Client, world: World) -> None:
    body = {**GOOD, "consent": True, "idempotency_key": "k-9"}
    answers = await asyncio.gather(*(api(client, body) for _ in range(8)))
    assert len({answer["receipt"] for _, answer in answers}) == 1
    assert {draft.id for draft in world.intake.drafts} == {answers[0][1]["receipt"]}


def test_the_window_slides() -> None:
    window = SlidingWindow(2, timedelta(seconds=10))
    at = [NOON + timedelta(seconds=s) for s in (0, 4, 5, 10, 11, 14)]
    assert [window.wait("a", moment) for moment in at] == [0, 0, 5, 0, 3, 0]
    assert window.wait("b", NOON) == 0


def test_a_window_forgets_who_has_been_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.support.MAX_KEYS", 10)
    window = SlidingWindow(1, timedelta(seconds=10))
    for number in range(11):
        window.wait(number, NOON + timedelta(seconds=number))
    assert window.wait(10, NOON + timedelta(seconds=10)) == 10
    assert len(window._calls) <= 6


def test_names_and_types() -> None:
    assert [safe_name(name) for name in ("a/b\\c.txt", "..", "", "\u202etxt.exe", "a\r\nb", " .x. ")] == [
        "c.txt", "file", "file", "txt.exe", "ab", "x",
    ]  # fmt: skip
    assert sniff(PNG) == "image/png"
    assert sniff("Просто текст".encode()) == "text/plain"
    assert sniff(b"\x00\x01\x02\x03" * 4) == "application/octet-stream"


def test_a_form_offers_what_is_for_everybody_and_what_it_names_but_nothing_retired() -> None:
    policy = World().policy.current
    catalog = dict(policy.catalog)
    catalog["internal/access"] = replace(catalog["internal/access"], audiences=("staff",))
    catalog["billing/refunds"] = replace(catalog["billing/refunds"], retired=True)
    changed = replace(policy, catalog=MappingProxyType(catalog))
    form = policy.forms["default"]
    paths = [entry.path for entry in offered(changed, form)]
    assert {"billing", "field/sync"} <= set(paths)
    assert not {"internal/access", "billing/refunds", "monitoring"} & set(paths)
    named = replace(form, catalogs=("internal/access", "billing/refunds"))
    assert [entry.path for entry in offered(changed, named)] == ["internal/access"]
