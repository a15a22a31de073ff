"""Polling: what becomes a draft, when Telegram may forget it, and what no failure around it may cost."""

import asyncio
import hashlib
from collections.abc import Iterator

import pytest

from domain.errors import Permanent, Unavailable
from domain.message import StoredFile
from domain.ports import Draft
from tests.botapi import BOT, BotApi, botapi
from tests.channels.bots import Bot, meta, until, update_of

ANNA, BORIS = 501, 502


@pytest.fixture
def api() -> Iterator[BotApi]:
    with botapi() as running:
        yield running


@pytest.fixture
def bot(api: BotApi) -> Bot:
    return Bot(api)


async def test_a_message_becomes_a_draft_with_the_update_as_it_came(api: BotApi, bot: Bot) -> None:
    async with bot.polling():
        message = api.person(ANNA).write("Касса не печатает 🧾")
        [draft] = await bot.took(1)
    assert update_of(draft) == {"update_id": 1000, "message": message}
    assert draft == Draft(
        channel="telegram",
        account="support",
        adapter="telegram",
        media_type="application/vnd.telegram.update+json",
        raw=draft.raw,
        meta={"bot_id": BOT, "update_id": 1000, "kind": "message"},
    )
    assert api.calls("deleteWebhook")[0].params == {"drop_pending_updates": False}
    assert [call.params.get("language_code") for call in api.calls("setMyCommands")] == [None, "ru"]
    assert "Касса" in draft.raw.decode()


async def test_the_offset_moves_only_when_everything_below_it_is_accepted(api: BotApi, bot: Bot) -> None:
    api.update(poll={"id": "1"})  # nothing that we ask for: it is passed over
    anna, boris = api.person(ANNA), api.person(BORIS)
    first, second = anna.write("one"), boris.write("two")
    bot.intake.error = lambda draft: Unavailable("bus") if b'"one"' in draft.raw else None
    async with bot.polling():
        await bot.took(1)
        await until("it is tried again", lambda: bot.intake.entered >= 3)
        assert bot.offset == 1001
        assert {one["update_id"] for one in api.pending} == {1001, 1002}
        bot.intake.error = lambda _draft: None
        await bot.took(2)
        await until("all of it is confirmed", lambda: api.pending == [])
    assert [update_of(draft)["message"] for draft in bot.drafts] == [second, first]
    assert bot.offset == 1003


async def test_what_one_chat_says_keeps_its_order_over_a_bus_that_is_away(api: BotApi, bot: Bot) -> None:
    anna, boris = api.person(ANNA), api.person(BORIS)
    refusals = iter([True, False, True, False, False, False])
    bot.intake.error = lambda draft: Unavailable("bus") if b'"a' in draft.raw and next(refusals, False) else None
    with api.together():
        for number in range(4):
            anna.write(f"a{number}")
            boris.write(f"b{number}")
    async with bot.polling():
        await bot.took(8)
    assert [text for text in bot.texts if text.startswith("a")] == ["a0", "a1", "a2", "a3"]
    assert [text for text in bot.texts if text.startswith("b")] == ["b0", "b1", "b2", "b3"]


async def test_after_a_restart_nothing_is_taken_twice_and_nothing_left_out(api: BotApi, bot: Bot) -> None:
    anna = api.person(ANNA)
    async with bot.polling():
        anna.write("one")
        await bot.took(1)
    assert bot.offset == 1001
    anna.write("two")
    async with bot.polling():
        await bot.took(2)
    assert bot.texts == ["one", "two"]
    offsets = [one.get("offset") for one in api.asked]
    assert offsets[0] is None
    assert offsets.index(1001) == next(n for n, one in enumerate(offsets) if one is not None)


async def test_bookmarks_that_are_away_hold_the_offset_and_cost_no_second_acceptance(api: BotApi, bot: Bot) -> None:
    bot.bookmarks.error = Unavailable("database")
    async with bot.polling():
        api.person(ANNA).write("one")
        await bot.took(1)
        await until("it is said", lambda: len(bot.events("telegram.postponed")) >= 2)
        assert len(api.pending) == 1
        bot.bookmarks.error = None
        await until("it is confirmed", lambda: api.pending == [])
    assert bot.texts == ["one"]
    assert bot.offset == 1001


@pytest.mark.parametrize(
    "broken",
    [
        {"message": "no object"},
        {"message": {"message_id": 5, "chat": {"id": "x", "type": "private"}}},
        {"message": {"message_id": 5, "chat": {"id": ANNA, "type": "private"}}},
        {"edited_message": None},
        {"what": {"is": "this"}},
        {},
    ],
)
async def test_an_unreadable_update_is_accepted_as_it_is_and_its_neighbours_pass(
    api: BotApi, bot: Bot, broken: dict[str, object]
) -> None:
    api.load(
        [
            {"update_id": 7, "message": api.person(ANNA).message(text="before")},
            {"update_id": 8, **broken},
            {"update_id": 9, "message": api.person(ANNA).message(text="after")},
        ]
    )
    async with bot.polling():
        drafts = await bot.took(3)
        await until("all are confirmed", lambda: api.pending == [])
    by_id = {draft.meta["update_id"]: draft for draft in drafts}
    assert update_of(by_id[8]) == {"update_id": 8, **broken}
    assert by_id[8].meta == {"bot_id": BOT, "update_id": 8, "kind": "unreadable"}
    assert [update_of(by_id[n])["message"]["text"] for n in (7, 9)] == ["before", "after"]


async def test_a_fault_of_ours_on_one_update_costs_only_what_the_bot_knows_of_it(api: BotApi, bot: Bot) -> None:
    async def broken(*_words: str) -> None:
        raise RuntimeError("odd")

    bot.requests.open = broken  # type: ignore[assignment, method-assign]
    async with bot.polling():
        api.person(ANNA).write("one")
        api.person(ANNA).write("two")
        await bot.took(2)
    assert bot.texts == ["one", "two"]
    assert [line["error"] for line in bot.events("telegram.broken")] == ["RuntimeError", "RuntimeError"]


async def test_a_message_that_intake_refuses_for_good_is_passed_over_and_counted(api: BotApi, bot: Bot) -> None:
    bot.intake.error = lambda draft: Permanent("too large") if b'"one"' in draft.raw else None
    async with bot.polling():
        api.person(ANNA).write("one")
        api.person(ANNA).write("two")
        await bot.took(1)
        await until("all are confirmed", lambda: api.pending == [])
    assert (bot.texts, bot.refused) == (["two"], ["intake"])


async def test_ids_that_begin_anew_are_new_updates(api: BotApi, bot: Bot) -> None:
    bot.bookmarks.kept["telegram", "support", "updates"] = {"offset": 5_000}
    kept = api._offered
    api._offered = lambda _offset, limit: kept(None, limit)  # type: ignore[method-assign]
    api.load([{"update_id": 12, "message": api.person(ANNA).message(text="after a week")}])
    async with bot.polling():
        await bot.took(1)
        await until("the bookmark follows", lambda: bot.offset == 13)
        api._offered = kept  # type: ignore[method-assign]
        await until("it is confirmed", lambda: api.pending == [])
    assert bot.texts == ["after a week"]


# -- files


async def test_files_are_fetched_before_the_message_is_accepted(api: BotApi, bot: Bot) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    person = api.person(ANNA)
    async with bot.polling():
        person.send_document("../../Отчёт\u202e.pdf", b"%PDF-1.7 text", caption="вот")
        person.send_photo(png)
        person.say(voice={**api.file(b"OggS" + b"0" * 30), "duration": 3, "mime_type": "audio/ogg"})
        person.say(sticker={**api.file(b"RIFF1234WEBPVP8 "), "emoji": "👍", "width": 1, "height": 1})
        drafts = await bot.took(4)
    found = [(file.name, file.size, file.media_type) for draft in drafts for file in draft.files]
    number = [update_of(draft)["message"]["message_id"] for draft in drafts]
    assert found == [
        ("Отчёт.pdf", 13, "application/pdf"),
        (f"photo-{number[1]}.jpg", 48, "image/png"),
        (f"voice-{number[2]}.ogg", 34, found[2][2]),
        (f"sticker-{number[3]}.webp", 16, "image/webp"),
    ]
    for draft in drafts:
        assert [hashlib.sha256(bot.blobs.contents[file.blob]).hexdigest() for file in draft.files] == [
            str(file.blob) for file in draft.files
        ]


async def test_a_file_over_the_limit_is_left_out_and_its_sender_told(api: BotApi, bot: Bot) -> None:
    bot.changed = {"max_file": 1024 * 1024}
    async with bot.polling():
        api.person(ANNA).say(caption="видео", video={**api.file(b"x", size=1024 * 1024 + 1), "duration": 1})
        api.person(BORIS, language="en").send_document("a.bin", b"x" * (1024 * 1024 + 1))
        drafts = await bot.took(2)
        russian = await bot.said(ANNA, 1)
        english = await bot.said(BORIS, 1)
    assert [draft.files for draft in drafts] == [(), ()]
    missing = sorted((one["name"], one["why"]) for draft in drafts for one in draft.meta["missing"])
    assert [why for _, why in missing] == ["too_large", "too_large"]
    assert russian == ["Сообщение принято, но файл слишком большой и не дошёл.\nПредел — 1 МБ."]
    assert english == ["The message was received, but a file is too large and did not arrive.\nThe limit is 1 MB."]


async def test_a_download_that_fails_for_a_while_only_delays(
    api: BotApi, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.telegram.reception.Reception.__init__.__kwdefaults__", {"pauses": (0.01, 0.01)})
    api.fail("getFile", 429, "Too Many Requests", retry_after=1)
    api.break_off("file")
    async with bot.polling():
        api.person(ANNA).send_document("a.txt", b"text")
        [draft] = await bot.took(1)
    [file] = draft.files
    assert file == StoredFile(blob=file.blob, name="a.txt", size=4, media_type="text/plain")
    assert meta(draft) == {}


async def test_a_file_that_cannot_be_had_does_not_keep_back_its_message(
    api: BotApi, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.telegram.reception.Reception.__init__.__kwdefaults__", {"pauses": (0.01, 0.01)})
    for _ in range(3):
        api.fail("file", 502, "Bad Gateway")
    async with bot.polling():
        api.person(ANNA).send_document("a.txt", b"text", caption="caption")
        gone = api.person(ANNA).message(document={**api.file(b"x"), "file_name": "b.txt"})
        api.forget_file(gone["document"]["file_id"])
        api.update(message=gone)
        drafts = await bot.took(2)
        await bot.said(ANNA, 2)
    assert [meta(draft) for draft in drafts] == [
        {"missing": [{"name": "a.txt", "why": "file_missing"}]},
        {"missing": [{"name": "b.txt", "why": "file_missing"}]},
    ]
    assert set(api.texts(ANNA)) == {"Сообщение принято, но файл не дошёл. Пришлите его ещё раз."}


async def test_blobs_that_are_away_hold_the_message_back(api: BotApi, bot: Bot) -> None:
    bot.blobs.away = True
    async with bot.polling():
        api.person(ANNA).send_document("a.txt", b"text")
        await until("it is said", lambda: bot.events("telegram.postponed"))
        assert (bot.drafts, len(api.pending)) == ([], 1)
        bot.blobs.away = False
        [draft] = await bot.took(1)
    assert [file.name for file in draft.files] == ["a.txt"]


# -- albums


async def test_an_album_is_one_message_with_all_its_files(api: BotApi, bot: Bot) -> None:
    person = api.person(ANNA)
    async with bot.polling():
        parts = person.send_album([b"one", b"two", b"three"], "Три снимка")
        [draft] = await bot.took(1)
        person.write("and that is all")
        await bot.took(2)
    assert [update["message"] for update in update_of(draft)] == parts
    assert [bot.blobs.contents[file.blob] for file in draft.files] == [b"one", b"two", b"three"]
    assert draft.meta == {"bot_id": BOT, "update_id": 1000, "kind": "album"}
    assert len(bot.drafts) == 2


async def test_parts_that_come_one_after_the_other_are_waited_for_and_not_confirmed(api: BotApi, bot: Bot) -> None:
    bot.changed = {"albums_s": 1.0}
    parts = [api.person(ANNA).message(photo=api.photo(b"%d" % n), media_group_id="g") for n in range(3)]
    async with bot.polling():
        for part in parts[:2]:
            api.update(message=part)
            await asyncio.sleep(0.4)
        assert (bot.drafts, len(api.pending)) == ([], 2)
        api.update(message=parts[2])
        [draft] = await bot.took(1)
        await until("it is confirmed", lambda: api.pending == [])
    assert [update["message"]["message_id"] for update in update_of(draft)] == [p["message_id"] for p in parts]


async def test_what_is_said_after_an_album_comes_after_it_and_other_chats_do_not_wait(api: BotApi, bot: Bot) -> None:
    async with bot.polling():
        with api.together():
            api.person(ANNA).send_album([b"one", b"two"])
            api.person(ANNA).write("after")
            api.person(BORIS).write("aside")
        await bot.took(3)
    said = [update_of(draft) for draft in bot.drafts]
    assert [one["message"]["text"] if isinstance(one, dict) else len(one) for one in said] == ["aside", 2, "after"]


async def test_an_album_taken_again_after_a_kill_has_the_same_parts_and_a_late_one_is_its_own(
    api: BotApi, bot: Bot
) -> None:
    with api.together():
        api.person(ANNA).send_album([b"one", b"two"], group="g")
    bot.bookmarks.kept["telegram", "support", "albums:501"] = {"group": "g", "ids": [1000, 1001]}
    api.update(message=api.person(ANNA).message(photo=api.photo(b"late"), media_group_id="g"))
    async with bot.polling():
        drafts = await bot.took(2)
    assert [[update["update_id"] for update in update_of(draft)] for draft in drafts] == [[1000, 1001], [1002]]
    assert [bot.blobs.contents[file.blob] for draft in drafts for file in draft.files] == [b"one", b"two", b"late"]


async def test_an_album_that_cannot_be_kept_stays_whole(api: BotApi, bot: Bot) -> None:
    bot.intake.error = lambda _draft: Unavailable("bus")
    async with bot.polling():
        api.person(ANNA).send_album([b"one", b"two"])
        await until("it was tried", lambda: bot.intake.entered)
        bot.intake.error = lambda _draft: None
        [draft] = await bot.took(1)
    assert len(update_of(draft)) == 2


# -- edits


async def test_an_edited_message_is_a_draft_of_its_own(api: BotApi, bot: Bot) -> None:
    async with bot.polling():
        message = api.person(ANNA).write("Кассса")
        await bot.took(1)
        api.person(ANNA).edit(message["message_id"], "Касса")
        [_, draft] = await bot.took(2)
    assert update_of(draft)["edited_message"]["text"] == "Касса"
    assert draft.meta == {"bot_id": BOT, "update_id": 1001, "kind": "edit"}


# -- the account


async def test_another_program_that_polls_is_named_and_outlasted(api: BotApi, bot: Bot) -> None:
    conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    api.fail("getUpdates", 409, conflict)
    async with bot.polling():
        await until("it fails", lambda: "failing" in bot.book.conditions and "409" in bot.book.told[-1].error)
        await until("it is back", lambda: bot.book.connected)
        api.person(ANNA).write("one")
        await bot.took(1)


async def test_a_rejected_token_is_told_without_showing_it(api: BotApi, bot: Bot) -> None:
    bot.changed = {"token": "700001:" + "z" * 35}
    async with bot.polling():
        await until("it fails", lambda: bot.book.error == "Telegram rejects the token (401)")
    assert "zzz" not in repr(bot.lines) + repr(bot.book.told) + repr(bot.account)


async def test_a_network_that_is_away_is_told_and_come_back_to(api: BotApi, bot: Bot) -> None:
    api.break_off("getMe")
    async with bot.polling():
        await until("it fails", lambda: "cannot be reached" in bot.book.error)
        await until("it is back", lambda: bot.book.connected)
    assert "getMe" not in repr(bot.lines)


async def test_it_ends_within_a_long_poll(api: BotApi, bot: Bot) -> None:
    bot.changed = {"poll_s": 50}
    async with bot.polling():
        await until("it polls", lambda: api.asked)
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
    assert api.asked[-1]["timeout"] == 50
    assert api.asked[-1]["allowed_updates"] == ["message", "edited_message", "callback_query", "my_chat_member"]
