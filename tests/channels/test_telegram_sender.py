"""Out to Telegram: what arrives in the chat, and what each answer of Telegram's means."""

from collections.abc import Iterator
from typing import Any

import pytest

from channels.telegram import TelegramAccount
from channels.telegram.sender import split
from domain.errors import Permanent, Temporary, Uncertain
from domain.ids import BlobKey
from domain.message import StoredFile
from domain.outgoing import Sent
from tests.botapi import BOT, BotApi, botapi
from tests.channels.bots import Bot, parcel

ANNA = 501
TO = str(ANNA)


@pytest.fixture
def api() -> Iterator[BotApi]:
    with botapi() as running:
        yield running


@pytest.fixture
def bot(api: BotApi) -> Bot:
    return Bot(api)


def stored(name: str, content: bytes, media_type: str) -> tuple[StoredFile, bytes]:
    return StoredFile(blob=BlobKey("a" * 64), name=name, size=len(content), media_type=media_type), content


async def test_a_letter_is_a_plain_message_that_answers_the_customers_last(api: BotApi, bot: Bot) -> None:
    asked = [api.person(ANNA).message(text=text) for text in ("Раз", "Два")]
    known = (f"tg:{BOT}:{ANNA}:{asked[0]['message_id']}", f"tg:{BOT}:{ANNA}:{asked[1]['message_id']}", "x@y")
    async with bot.sending() as sender:
        sent = await sender.send(parcel("Здравствуйте!\n<b>не жирно</b>", TO, references=known))
    [call] = api.calls("sendMessage")
    assert sent == Sent(native_id=f"tg:{BOT}:{ANNA}:{call.message_id}")
    assert call.params == {
        "chat_id": ANNA,
        "text": "Здравствуйте!\n<b>не жирно</b>",
        "reply_parameters": {"message_id": asked[1]["message_id"], "allow_sending_without_reply": True},
    }


async def test_it_answers_the_customer_and_not_itself(api: BotApi, bot: Bot) -> None:
    asked = api.person(ANNA).message(text="Раз")["message_id"]
    async with bot.sending() as sender:
        ours = (await sender.send(parcel("Принято", TO))).native_id
        assert ours is not None
        await sender.send(parcel("Ответ", TO, references=(f"tg:{BOT}:{ANNA}:{asked}", ours)))
    assert api.calls("sendMessage")[1].params["reply_parameters"]["message_id"] == asked


async def test_references_of_another_chat_or_bot_are_not_answered(api: BotApi, bot: Bot) -> None:
    async with bot.sending() as sender:
        await sender.send(parcel("Да", TO, references=(f"tg:{BOT}:502:7", f"tg:1:{ANNA}:7", "tg:x")))
    assert "reply_parameters" not in api.calls("sendMessage")[0].params


async def test_pictures_and_documents_follow_the_text_and_the_last_one_is_its_id(api: BotApi, bot: Bot) -> None:
    files = (
        stored("снимок.png", b"\x89PNG\r\n\x1a\nsmall", "image/png"),
        stored("отчёт.pdf", b"%PDF", "application/pdf"),
        stored("large.jpg", b"x" * (5 * 1024 * 1024 + 1), "image/jpeg"),
    )
    async with bot.sending() as sender:
        sent = await sender.send(parcel("Смотрите", TO, *files))
    assert [call.method for call in api.sent] == ["sendMessage", "sendPhoto", "sendDocument", "sendDocument"]
    assert api.sent[2].files == {"document": ("отчёт.pdf", b"%PDF")}
    assert sent.native_id == f"tg:{BOT}:{ANNA}:{api.sent[3].message_id}"


async def test_a_picture_that_telegram_does_not_take_goes_as_a_document(api: BotApi, bot: Bot) -> None:
    api.fail("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    async with bot.sending() as sender:
        await sender.send(parcel("", TO, stored("a.png", b"\x89PNG", "image/png")))
    assert [call.method for call in api.sent] == ["sendDocument"]


async def test_parts_to_one_chat_are_a_second_apart(api: BotApi, bot: Bot) -> None:
    text = "\n\n".join(["абзац " * 299 + "абзац"] * 4)
    async with bot.sending() as sender:
        await sender.send(parcel(text, TO))
    calls = api.calls("sendMessage")
    assert "\n\n".join(call.text for call in calls) == text
    assert len(calls) == 2
    assert calls[1].at - calls[0].at > 0.9


Outcome = tuple[type[Exception], dict[str, Any]]


@pytest.mark.parametrize(
    ("code", "description", "parameters", "outcome"),
    [
        (429, "Too Many Requests: retry after 7", {"retry_after": 7}, (Temporary, {"retry_after": 7.0})),
        (403, "Forbidden: bot was blocked by the user", {}, (Permanent, {"unreachable": True})),
        (400, "Bad Request: chat not found", {}, (Permanent, {"unreachable": True})),
        (400, "Bad Request: message is too long", {}, (Permanent, {"unreachable": False})),
        (401, "Unauthorized", {}, (Temporary, {})),
        (502, "Bad Gateway", {}, (Uncertain, {})),
    ],
)
async def test_what_telegram_answers(
    api: BotApi, bot: Bot, code: int, description: str, parameters: dict[str, Any], outcome: Outcome
) -> None:
    api.fail("sendMessage", code, description, **parameters)
    async with bot.sending() as sender:
        with pytest.raises(outcome[0]) as raised:
            await sender.send(parcel("Да", TO))
    assert raised.value.detail == outcome[1]  # type: ignore[attr-defined]
    assert bot.account.token not in raised.value.reason  # type: ignore[attr-defined]
    assert [state.error for state in bot.book.told] == (["Telegram rejects the token (401)"] if code == 401 else [])


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_that_is_lost_with_the_request_leaves_it_unknown(api: BotApi, bot: Bot, after: bool) -> None:
    api.break_off("sendMessage", after=after)
    async with bot.sending() as sender:
        with pytest.raises(Uncertain):
            await sender.send(parcel("Да", TO))
    assert len(api.texts(ANNA)) == int(after)


async def test_without_a_connection_nothing_was_sent(bot: Bot) -> None:
    bot.changed = {"api_url": "http://127.0.0.1:9"}
    async with bot.sending() as sender:
        with pytest.raises(Temporary, match="ConnectError"):
            await sender.send(parcel("Да", TO))


async def test_a_failure_after_the_first_part_is_told_as_half_arrived(api: BotApi, bot: Bot) -> None:
    api.fail("sendDocument", 400, "Bad Request: wrong file")
    async with bot.sending() as sender:
        with pytest.raises(Uncertain, match="1 parts sent"):
            await sender.send(parcel("Да", TO, stored("a.pdf", b"%PDF", "application/pdf")))
    assert api.texts(ANNA) == ["Да"]


async def test_a_short_wait_between_parts_is_waited_for(api: BotApi, bot: Bot) -> None:
    api.fail("sendDocument", 429, "Too Many Requests", retry_after=1)
    async with bot.sending() as sender:
        await sender.send(parcel("Да", TO, stored("a.pdf", b"%PDF", "application/pdf")))
    assert [call.method for call in api.sent] == ["sendMessage", "sendDocument"]


async def test_a_chat_that_has_moved_is_followed_once(api: BotApi, bot: Bot) -> None:
    api.fail("sendMessage", 400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777)
    async with bot.sending() as sender:
        sent = await sender.send(parcel("Да", "-777"))
    assert (sent.detail, api.texts(-100777)) == ({"migrated_to": -100777}, ["Да"])


async def test_what_cannot_be_sent_at_all(bot: Bot) -> None:
    async with bot.sending() as sender:
        assert sender.repeatable is False
        for wrong in (parcel("Да", "anna@client.example"), parcel("  ", TO)):
            with pytest.raises(Permanent):
                await sender.send(wrong)
        with pytest.raises(Permanent, match="50 MB"):
            await sender.send(parcel("Да", TO, stored("a", b"x" * (50 * 1024 * 1024 + 1), "application/pdf")))


def test_texts_are_split_at_borders_by_the_units_that_telegram_counts() -> None:
    assert split("") == []
    assert split("one\n\ntwo") == ["one\n\ntwo"]
    assert [len(part) for part in split("a" * 5000)] == [4096, 904]
    smileys = split("😀" * 3000)
    assert [len(part.encode("utf-16-le")) // 2 for part in smileys] == [4096, 1904]
    paragraphs = split("\n\n".join(["word " * 500] * 4))
    assert [part.count("\n\n") for part in paragraphs] == [0, 0, 0, 0]
    assert "".join(paragraphs).replace(" ", "") == "word" * 2000
    lines = split("x" * 3000 + "\n" + "y" * 3000)
    assert lines == ["x" * 3000, "y" * 3000]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"token": "sesame"}, "token is not what BotFather gives"),
        ({"mode": "webhook"}, "secret is needed for mode = webhook"),
        ({"mode": "webhook", "secret": "short"}, "secret is needed for mode = webhook"),
        ({"api_url": "ftp://x"}, "api_url begins with"),
        ({"albums_s": 11.0}, "albums_s is from"),
        ({"max_file": 0}, "max_file is at least"),
        ({"poll_s": 51}, "poll_s is from"),
        ({"timeout": 0.0}, "timeout is from"),
    ],
)
def test_a_wrong_account_is_named_and_not_shown(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        TelegramAccount(**{"token": "1234567:" + "A" * 35, **changed})
    assert "sesame" not in str(raised.value)


def test_an_account_shows_no_secret() -> None:
    account = TelegramAccount(token="1234567:" + "A" * 35, mode="webhook", secret="s" * 20)
    assert "AAA" not in repr(account)
    assert "sss" not in repr(account)
    assert account.bot_id == 1234567
