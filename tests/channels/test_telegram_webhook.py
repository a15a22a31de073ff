"""The webhook: who may post, what is answered, and albums whose parts come one request after the other."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from domain.errors import Unavailable
from tests.botapi import BOT, BotApi, botapi
from tests.channels.bots import SECRET, Bot, meta, until, update_of

ANNA = 501


@pytest.fixture
def api() -> Iterator[BotApi]:
    with botapi() as running:
        yield running


@pytest.fixture
def bot(api: BotApi) -> Bot:
    return Bot(api)


async def post(
    server: TestServer, body: Any, *, secret: str | None = SECRET, account: str = "support"
) -> tuple[int, Any, str | None]:
    """Status, problem document if there is one, Retry-After."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Telegram-Bot-Api-Secret-Token"] = secret
    url = server.make_url(f"/hooks/telegram/{account}")
    async with ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        problem = await answer.json() if answer.content_type == "application/problem+json" else None
        return answer.status, problem, answer.headers.get("Retry-After")


def update(bot: Bot, number: int, text: str = "one") -> dict[str, Any]:
    return {"update_id": number, "message": bot.api.person(ANNA).message(text=text)}


async def test_an_update_is_accepted_before_it_is_answered(bot: Bot) -> None:
    async with bot.hooked() as server:
        posted = update(bot, 7)
        assert await post(server, posted) == (200, None, None)
        [draft] = bot.drafts
    assert (update_of(draft), draft.meta) == (posted, {"bot_id": BOT, "update_id": 7, "kind": "message"})


async def test_what_comes_again_is_answered_alike_and_has_the_same_key(bot: Bot) -> None:
    async with bot.hooked() as server:
        posted = update(bot, 7)
        assert [(await post(server, posted))[0] for _ in range(2)] == [200, 200]
    assert len({draft.raw for draft in bot.drafts}) == 1


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], "ключ"])
async def test_without_the_secret_nobody_posts(bot: Bot, secret: str | None) -> None:
    async with bot.hooked() as server:
        given = secret.encode().decode("latin-1") if secret else secret
        status, problem, _ = await post(server, update(bot, 7), secret=given)
    assert (status, problem["status"], bot.drafts, bot.refused) == (401, 401, [], ["secret"])


async def test_an_account_that_is_not_there_or_is_polled_is_not_found(bot: Bot, api: BotApi) -> None:
    async with bot.hooked() as server:
        assert (await post(server, update(bot, 7), account="other"))[0] == 404
    polled = Bot(api, changed={"mode": "polling"})
    async with polled.hooked() as server:
        assert (await post(server, update(bot, 7)))[0] == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b'{"message": {}}', b'{"update_id": "x"}', b"[" * 9000]
)
async def test_what_is_no_update_is_refused(bot: Bot, body: bytes) -> None:
    async with bot.hooked() as server:
        status, problem, _ = await post(server, body)
    assert (status, problem["title"], bot.refused) == (422, "Unprocessable Entity", ["malformed"])


async def test_an_update_that_cannot_be_read_further_is_taken_as_it_is(bot: Bot) -> None:
    async with bot.hooked() as server:
        assert (await post(server, {"update_id": 7, "message": "x"}))[0] == 200
    assert [draft.meta["kind"] for draft in bot.drafts] == ["unreadable"]


async def test_a_body_over_the_limit_is_refused(bot: Bot) -> None:
    async with bot.hooked() as server:
        status, _, _ = await post(server, b" " * (1024 * 1024 + 1))
    assert (status, bot.refused) == (413, ["size"])


async def test_while_nothing_can_be_kept_it_is_to_be_sent_again(bot: Bot) -> None:
    bot.intake.error = lambda _draft: Unavailable("bus")
    async with bot.hooked() as server:
        status, problem, later = await post(server, update(bot, 7))
        assert (status, problem["status"], later) == (503, 503, "10")
        bot.intake.error = lambda _draft: None
        assert (await post(server, update(bot, 7)))[0] == 200
    assert len(bot.drafts) == 1


# -- with Telegram


async def test_the_webhook_is_set_where_the_pages_have_https(api: BotApi, bot: Bot) -> None:
    async with bot.hooked("https://desk.example.org/"):
        await until("it is set", lambda: api.webhook)
        await until("it is well", lambda: bot.book.connected)
    assert api.webhook == {
        "url": "https://desk.example.org/hooks/telegram/support",
        "secret_token": SECRET,
        "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
        "max_connections": 40,
    }


async def test_without_https_it_is_only_said(api: BotApi, bot: Bot) -> None:
    async with bot.hooked():
        await until("it is said", lambda: bot.events("telegram.webhook_not_set"))
        await until("it is told", lambda: bot.book.error == "no webhook is set with Telegram")
    assert api.webhook == {}


async def test_a_token_that_is_rejected_is_told_and_what_is_posted_is_taken(api: BotApi, bot: Bot) -> None:
    bot.changed = {"token": "700001:" + "z" * 35}
    async with bot.hooked() as server:
        await until("it is told", lambda: bot.book.error == "Telegram rejects the token (401)")
        assert (await post(server, update(bot, 7)))[0] == 200
    assert "zzz" not in repr(bot.lines)


async def test_telegram_posts_and_repeats_what_was_not_taken(api: BotApi, bot: Bot) -> None:
    async with bot.hooked() as server:
        api.webhook = {"url": str(server.make_url("/hooks/telegram/support")), "secret_token": SECRET}
        bot.intake.error = lambda _draft: Unavailable("bus")
        for number in range(4):
            api.person(ANNA).write(f"a{number}")
        await until("it was refused", lambda: (1000, 503) in api.posted)
        bot.intake.error = lambda _draft: None
        await bot.took(4)
        await until("all is confirmed", lambda: api.pending == [])
    assert bot.texts == ["a0", "a1", "a2", "a3"]


async def test_an_album_is_one_message_though_its_parts_are_posted_one_by_one(api: BotApi, bot: Bot) -> None:
    async with bot.hooked() as server:
        api.webhook = {"url": str(server.make_url("/hooks/telegram/support")), "secret_token": SECRET}
        parts = api.person(ANNA).send_album([b"one", b"two", b"three"], "Снимки")
        await until("all is confirmed", lambda: api.pending == [])
        [draft] = await bot.took(1)
        api.person(ANNA).write("after")
        await bot.took(2)
    assert [one["message"] for one in update_of(draft)] == parts
    assert [bot.blobs.contents[file.blob] for file in draft.files] == [b"one", b"two", b"three"]
    assert (draft.meta["kind"], meta(draft)) == ("album", {})
    assert bot.bookmarks.kept["telegram", "support", "albums"] == {"chats": []}


async def test_what_is_said_behind_an_album_ends_it(bot: Bot) -> None:
    bot.changed = {"albums_s": 10.0}
    parts = album(bot, 7, 2)
    async with bot.hooked() as server:
        for part in parts:
            assert (await post(server, part))[0] == 200
        assert bot.drafts == []
        assert (await post(server, update(bot, 9, "after")))[0] == 200
    first, after = (update_of(draft) for draft in bot.drafts)
    assert first == parts
    assert after["message"]["text"] == "after"


def album(bot: Bot, first: int, count: int, group: str = "g") -> list[dict[str, Any]]:
    person, api = bot.api.person(ANNA), bot.api
    parts = [person.message(photo=api.photo(b"%d" % n), media_group_id=group) for n in range(count)]
    return [{"update_id": first + n, "message": part} for n, part in enumerate(parts)]


async def test_parts_that_were_answered_outlive_a_process_that_is_killed(bot: Bot) -> None:
    bot.changed = {"albums_s": 10.0}
    parts = album(bot, 7, 3)
    async with bot.hooked() as server:
        for part in parts:
            await post(server, part)
    assert bot.drafts == []  # it was stopped, as if killed: nothing is in its memory any more
    bot.changed = {"albums_s": 0.1}
    async with bot.hooked():
        [draft] = await bot.took(1)
    assert update_of(draft) == parts


async def test_a_part_that_is_posted_again_and_one_that_comes_late_change_no_album(bot: Bot) -> None:
    parts = album(bot, 7, 3)
    async with bot.hooked() as server:
        for part in (parts[0], parts[0], parts[1]):
            assert (await post(server, part))[0] == 200
        await bot.took(1)
        for part in (parts[1], parts[2]):
            assert (await post(server, part))[0] == 200
        await bot.took(2)
        await asyncio.sleep(0.6)
    assert [update_of(draft) for draft in bot.drafts] == [parts[:2], parts[2:]]


async def test_an_album_that_was_about_to_be_accepted_is_accepted_with_the_same_parts(bot: Bot) -> None:
    parts = album(bot, 7, 3)
    closed = {"group": "g", "ids": [7, 8], "waiting": "g", "parts": parts[:2]}
    bot.bookmarks.kept["telegram", "support", "albums:501"] = closed
    bot.bookmarks.kept["telegram", "support", "albums"] = {"chats": [501]}
    async with bot.hooked() as server:
        assert (await post(server, parts[2]))[0] == 200
        await bot.took(2)
    assert [update_of(draft) for draft in bot.drafts] == [parts[:2], parts[2:]]


async def test_a_part_that_cannot_be_written_down_is_not_answered_as_taken(bot: Bot) -> None:
    [part] = album(bot, 7, 1)
    async with bot.hooked() as server:
        bot.bookmarks.error = Unavailable("database")
        assert (await post(server, part))[0] == 503
        bot.bookmarks.error = None
        assert (await post(server, part))[0] == 200
        await bot.took(1)


async def test_an_album_waits_for_a_bus_that_is_away(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.telegram.webhook._AGAIN_S", 0.2)
    bot.intake.error = lambda _draft: Unavailable("bus")
    async with bot.hooked() as server:
        for part in album(bot, 7, 2):
            assert (await post(server, part))[0] == 200
        await until("it was tried", lambda: bot.intake.entered)
        bot.intake.error = lambda _draft: None
        [draft] = await bot.took(1)
    assert len(update_of(draft)) == 2
