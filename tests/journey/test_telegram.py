"""A running ``priyom up`` and a bot: what is written in a chat becomes tickets, and what agents answer comes back."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.botapi import BOT, TOKEN, BotApi, Call, Person, botapi
from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.journey.test_mail_both_ways import letter, mail_settings, only_ticket, received, write
from tests.relay import Relay, relay

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]


def account(api: BotApi, **fields: str) -> dict[str, str]:
    """Variables of the account ``support``."""
    usual = {"token": TOKEN, "api_url": api.url, "albums_s": "0.5", "poll_s": "5"}
    return {f"PRIYOM_CHANNELS__TELEGRAM__SUPPORT__{key.upper()}": text for key, text in {**usual, **fields}.items()}


@pytest.fixture(scope="module")
def api() -> Iterator[BotApi]:
    with botapi() as running:
        yield running


@pytest.fixture(scope="module")
def post() -> Iterator[Relay]:
    with relay() as running:
        yield running


@pytest.fixture(scope="module")
def priyom(api: BotApi, post: Relay) -> Iterator[Instance]:
    with instance(settings={**account(api), **mail_settings(post.port)}) as running:
        yield running


def tickets_of(priyom: Instance, person: Person) -> list[dict[str, Any]]:
    items = priyom.get("/api/v1/tickets?sort=oldest")["items"]
    return [item for item in items if item["requester"]["address"] == str(person.id)]


def tickets(priyom: Instance, person: Person, count: int = 1) -> list[str]:
    """Numbers, once there are so many."""
    found = until(f"{count} tickets", lambda: t if len(t := tickets_of(priyom, person)) >= count else None)
    assert len(found) == count
    return [item["number"] for item in found]


def messages(priyom: Instance, number: str, count: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = priyom.get(f"/api/v1/tickets/{number}")["messages"]
        return found if len([one for one in found if one["direction"] == "inbound"]) >= count else None

    found: list[dict[str, Any]] = until(f"{count} messages on {number}", look)
    return [one for one in found if one["direction"] == "inbound"]


def reply(priyom: Instance, number: str, text: str) -> None:
    answer = priyom.request("POST", f"/api/v1/tickets/{number}/reply", body={"text": text})
    assert answer.status == 201, answer


def heard(api: BotApi, person: Person, text: str) -> Call:
    """The bot's message with this text."""

    def look() -> Call | None:
        return next((call for call in api.calls("sendMessage", person.id) if text in call.text), None)

    found: Call = until(f"{text!r} is heard", look)
    return found


def test_a_message_is_a_ticket_and_its_answer_and_the_answer_to_that_are_on_it(priyom: Instance, api: BotApi) -> None:
    anna = api.person(601)
    first = anna.write("Касса не печатает чек\nСмена закрыта.")
    [number] = tickets(priyom, anna)
    assert tickets_of(priyom, anna)[0]["subject"] == "Касса не печатает чек"
    reply(priyom, number, "Обновите программу до 8.4.")
    ours = heard(api, anna, "Обновите программу до 8.4.")
    assert ours.params["reply_parameters"]["message_id"] == first["message_id"]
    native = f"tg:{BOT}:{anna.id}:{ours.message_id}"
    until("it is known to be sent", lambda: priyom.rows(f"SELECT * FROM messages WHERE native_id = '{native}'"))

    anna.write("Спасибо, помогло!", reply_to=ours.message_id)
    assert messages(priyom, number, 2)[-1]["text"] == "Спасибо, помогло!"
    assert len(tickets_of(priyom, anna)) == 1


def test_a_second_message_continues_the_open_request_and_new_opens_another(priyom: Instance, api: BotApi) -> None:
    vera = api.person(602, first_name="Вера")
    vera.write("Не сходится баланс")
    [number] = tickets(priyom, vera)
    vera.write("Уже второй день")
    assert [one["text"] for one in messages(priyom, number, 2)] == ["Не сходится баланс", "Уже второй день"]
    vera.write("/new")
    heard(api, vera, "Следующее сообщение откроет новое обращение")
    with api.together():
        vera.write("И ещё: не приходят письма")
        vera.write("с утра")
    other = tickets(priyom, vera, 2)[1]
    assert [one["text"] for one in messages(priyom, other, 2)] == ["И ещё: не приходят письма", "с утра"]
    vera.write("/status")
    listed = heard(api, vera, "Ваши открытые обращения")
    assert {number, other} <= set(listed.text.split())


def test_a_code_by_mail_shows_that_a_chat_and_an_address_are_one_persons(
    priyom: Instance, api: BotApi, post: Relay
) -> None:
    ira, address = api.person(609, first_name="Ира"), "ira@client.example"
    write(priyom, letter("Нет отчёта", "Не формируется отчёт.", sender=address), sender=address)
    number = only_ticket(priyom, address)
    ira.write(f"/email {address}")
    heard(api, ira, "туда ушёл код")
    asked = next(taken for taken in received(post, address, 2) if "Код подтверждения" in taken.mail["Subject"])
    (code,) = re.findall(r"^\d{8}$", asked.text, re.MULTILINE)
    ira.write(f"/code {code}")
    heard(api, ira, "мы вас узнали")
    known = priyom.get(f"/api/v1/tickets/{number}")["requester"]["identities"]
    assert {(one["channel"], one["verified"]) for one in known} == {("email", True), ("telegram", True)}
    ira.write("/status")
    assert number in heard(api, ira, "Ваши открытые обращения").text


def test_with_several_open_the_sender_is_asked_and_the_choice_places_the_message(priyom: Instance, api: BotApi) -> None:
    oleg = api.person(603, first_name="Олег")
    oleg.write("Первая беда")
    [first] = tickets(priyom, oleg)
    oleg.write("/start cash")
    heard(api, oleg, "о выбранном продукте")
    oleg.write("Вторая беда")
    second = tickets(priyom, oleg, 2)[1]
    assert priyom.get(f"/api/v1/tickets/{second}")["fields"] == {"product": "cash"}
    _forget_chat(priyom, oleg)  # as after the half hour for which the bot remembers which request was begun
    oleg.write("К какой из них?")
    question = heard(api, oleg, "К какому обращению")
    assert len(question.buttons) == 3
    assert {one["direction"] for one in priyom.get(f"/api/v1/tickets/{first}")["messages"]} >= {"inbound"}
    oleg.press(question, second)
    assert messages(priyom, second, 2)[-1]["text"] == "К какой из них?"
    assert len(tickets_of(priyom, oleg)) == 2


def _forget_chat(priyom: Instance, person: Person) -> None:
    with contextlib.closing(sqlite3.connect(priyom.data / "priyom.db", timeout=20)) as db:
        db.execute("DELETE FROM bookmarks WHERE place = ?", (f"chat:{person.id}",))
        db.commit()


def test_an_album_is_one_message_with_its_files_and_an_edit_is_a_revision_of_it(priyom: Instance, api: BotApi) -> None:
    inna = api.person(604, first_name="Инна")
    pictures = [b"\x89PNG\r\n\x1a\n" + bytes([n]) * 50 for n in range(3)]
    parts = inna.send_album(pictures, "Вот снимки экрана")
    [number] = tickets(priyom, inna)
    [message] = messages(priyom, number, 1)
    assert message["text"] == "Вот снимки экрана"
    rows = priyom.rows(f"SELECT blob FROM attachments WHERE message_id = '{message['id']}' ORDER BY position")
    assert [priyom.blob(row["blob"]) for row in rows] == pictures
    inna.edit(parts[0]["message_id"], "Вот снимки экрана ошибки")
    edited = messages(priyom, number, 2)[-1]
    assert edited["text"] == "Вот снимки экрана ошибки"
    [row] = priyom.rows(f"SELECT flags FROM messages WHERE id = '{edited['id']}'")
    assert "edited" in row["flags"]
    assert len(tickets_of(priyom, inna)) == 1


def test_what_cannot_be_read_is_in_quarantine_and_a_pin_is_suppressed(priyom: Instance, api: BotApi) -> None:
    before = priyom.quiet_ledger()["channels"]["telegram"]
    zoya = api.person(605, first_name="Зоя")
    zoya.say(pinned_message={"message_id": 1})
    api.update(message={"message_id": 5, "chat": "nonsense"})
    zoya.write("Я после них")
    tickets(priyom, zoya)
    after = priyom.quiet_ledger()["channels"]["telegram"]
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {"accepted": 3, "ticketed": 1, "suppressed": 1, "quarantined": 1}


def test_the_account_says_how_it_fares_and_no_log_has_its_token(priyom: Instance) -> None:
    row = until("it is told", lambda: priyom.rows("SELECT * FROM channel_accounts WHERE adapter = 'telegram'"))[0]
    assert (row["account"], row["channel"], row["condition"]) == ("support", "telegram", "connected")
    assert TOKEN.partition(":")[2] not in priyom.log()


def test_a_person_who_has_blocked_the_bot_is_unreachable_there(priyom: Instance, api: BotApi) -> None:
    lev = api.person(606, first_name="Лев")
    lev.write("Вопрос")
    [number] = tickets(priyom, lev)
    until("the acknowledgement is through", lambda: api.texts(lev.id))
    api.fail("sendMessage", 403, "Forbidden: bot was blocked by the user")
    reply(priyom, number, "Ответ")

    def failed() -> Any:
        delivery = priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"]
        return delivery if delivery["state"] == "failed" else None

    assert "blocked" in until("it has failed", failed)["error"]


def test_in_webhook_mode_what_telegram_posts_becomes_tickets_and_what_it_must_not_is_turned_away() -> None:
    secret = "a-secret-of-the-webhook"
    with botapi() as api, instance(settings=account(api, mode="webhook", secret=secret)) as priyom:
        path = "/hooks/telegram/support"
        assert priyom.request("POST", path, body={"update_id": 1}, token=False).status == 401
        api.webhook = {"url": priyom.endpoints["http"] + path, "secret_token": secret}
        anna = api.person(601)
        anna.write("Касса не печатает чек")
        [number] = tickets(priyom, anna)
        pictures = [b"\x89PNG\r\n\x1a\n" + bytes([n]) * 50 for n in range(3)]
        anna.send_album(pictures, "Вот снимки")
        assert messages(priyom, number, 2)[-1]["text"] == "Вот снимки"
        until("all is confirmed", lambda: api.pending == [])
        reply(priyom, number, "Спасибо, видим.")
        heard(api, anna, "Спасибо, видим.")
        ledger = priyom.quiet_ledger()["channels"]["telegram"]
        assert (ledger["accepted"], ledger["ticketed"], ledger["appended"]) == (2, 1, 1)
        assert priyom.rows("SELECT COUNT(*) AS n FROM attachments") == [{"n": 3}]
        assert api.calls("getUpdates") == []
