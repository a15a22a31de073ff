"""What the bot answers itself: commands, buttons, numbers; and what it knows of where a message belongs."""

from collections.abc import AsyncIterator, Iterator

import pytest

from domain.errors import Unavailable
from tests.botapi import BotApi, Person, botapi
from tests.channels.bots import Bot, brief, meta, until

ANNA, BORIS = 501, 502
CASH, TAX = brief(12, "Касса не печатает"), brief(34, "Отчёт НДС", "waiting_requester")


@pytest.fixture
def running() -> Iterator[BotApi]:
    with botapi() as api:
        yield api


@pytest.fixture
async def bot(running: BotApi) -> AsyncIterator[Bot]:
    bot = Bot(running)
    async with bot.polling():
        yield bot


@pytest.fixture
def anna(bot: Bot) -> Person:
    return bot.api.person(ANNA)


async def reply(bot: Bot, chat: int = ANNA) -> str:
    """What the bot says next."""
    before = len(bot.api.texts(chat))
    return (await bot.said(chat, before + 1))[before]


async def answered(bot: Bot, query: str) -> str:
    def look() -> list[str]:
        calls = bot.api.calls("answerCallbackQuery")
        return [call.text for call in calls if call.params["callback_query_id"] == query]

    await until("the query is answered", look)
    return look()[0]


async def shown(bot: Bot, count: int = 1) -> str:
    """What stands in the place of a question."""
    await until("the question is replaced", lambda: len(bot.api.calls("editMessageText")) >= count)
    return bot.api.calls("editMessageText")[-1].text


# -- commands


async def test_start_greets_in_the_language_of_who_writes(bot: Bot, anna: Person) -> None:
    anna.write("/start")
    assert (await bot.said(ANNA, 1))[0].startswith("Здравствуйте!")
    keyboard = bot.api.calls("sendMessage")[0].params["reply_markup"]
    assert keyboard["keyboard"] == [[{"text": "Поделиться номером", "request_contact": True}]]
    bot.api.person(BORIS, language="en-GB").write("/start@priyom_bot")
    assert (await bot.said(BORIS, 1))[0].startswith("Hello!")
    assert bot.drafts == []


async def test_whose_language_we_do_not_speak_hears_that_of_the_account(bot: Bot) -> None:
    bot.api.person(BORIS, language="de").write("/help")
    assert (await bot.said(BORIS, 1))[0].startswith("/new — новое обращение")


async def test_a_link_with_a_secret_makes_the_person_known(bot: Bot, anna: Person) -> None:
    bot.requests.secrets = {"abc-1"}
    anna.write("/start link_abc-1")
    anna.write("/start link_wrong")
    assert await bot.said(ANNA, 2) == ["Готово: мы вас узнали.", "Ссылка не подходит или устарела."]
    assert bot.requests.done == [
        ("link", "telegram", "501", "abc-1", "Анна Петрова"),
        ("link", "telegram", "501", "wrong", "Анна Петрова"),
    ]


async def test_a_code_by_mail_makes_the_person_known(bot: Bot, anna: Person) -> None:
    bot.requests.secrets = {"01234567"}
    for text in ("/email", "/email anna", "/email Anna@client.example", "/code 1", "/code 01234567"):
        anna.write(text)
    assert await bot.said(ANNA, 5) == [
        "Напишите адрес после команды: /email anna@example.org",
        "Напишите адрес после команды: /email anna@example.org",
        "Если с этого адреса нам писали, туда ушёл код. Отправьте его сюда: /code 12345678",
        "Код не подходит или устарел. /email пришлёт новый.",
        "Готово: мы вас узнали.",
    ]
    assert bot.requests.done == [
        ("send_code", "telegram", "501", "Anna@client.example", "ru"),
        ("prove", "telegram", "501", "1", "Анна Петрова"),
        ("prove", "telegram", "501", "01234567", "Анна Петрова"),
    ]
    assert bot.drafts == []


async def test_codes_that_are_asked_for_too_often_are_refused(bot: Bot, anna: Person) -> None:
    for _ in range(3):
        anna.write("/email anna@client.example")
    assert (await bot.said(ANNA, 3))[2] == "Отправить код сейчас нельзя. Попробуйте через 15 минут."


async def test_a_link_of_a_product_goes_with_the_next_message_alone(bot: Bot, anna: Person) -> None:
    anna.write("/start sigma-cash_2")
    await bot.said(ANNA, 1)
    first = anna.write("Не печатает")
    anna.write("И ещё")
    await bot.took(2)
    number = first["message_id"]
    assert [meta(draft) for draft in bot.drafts] == [
        {"product": "sigma-cash_2", "new": True, "thread": number},
        {"thread": number},
    ]


async def test_a_payload_that_no_link_of_ours_has_is_greeted(bot: Bot, anna: Person) -> None:
    anna.write("/start <script>")
    assert (await bot.said(ANNA, 1))[0].startswith("Здравствуйте!")


async def test_status_lists_open_requests_with_a_word_for_each(bot: Bot, anna: Person) -> None:
    anna.write("/status")
    await bot.said(ANNA, 1)
    bot.requests.opened = [CASH, TAX]
    anna.write("/status")
    assert await bot.said(ANNA, 2) == [
        "Открытых обращений нет.",
        "Ваши открытые обращения:\nT-000012 Касса не печатает — в работе\nT-000034 Отчёт НДС — ждём вас",
    ]


async def test_close_asks_which_and_a_second_press_does_no_harm(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH, TAX]
    anna.write("/close")
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    assert question.buttons == {"T-000012 Касса не печатает": "close:12", "T-000034 Отчёт НДС": "close:34"}
    assert await answered(bot, anna.press(question, "T-000034")) == "Обращение закрыто. Спасибо!"
    assert await shown(bot) == "T-000034\nОбращение закрыто. Спасибо!"
    assert await answered(bot, anna.press(question, "T-000034")) == "Это обращение закрыть нельзя."
    assert [one.number for one in bot.requests.opened] == [12]


async def test_an_unknown_command_is_said_to_be_unknown_and_a_path_is_a_message(bot: Bot, anna: Person) -> None:
    anna.write("/nonsense")
    anna.write("/var/log переполнен")
    anna.write("/help me please")
    await bot.took(1)
    assert await bot.said(ANNA, 2) == ["Такой команды нет. /help покажет, какие есть.", (bot.api.texts(ANNA))[1]]
    assert bot.texts == ["/var/log переполнен"]


async def test_a_command_that_was_mistyped_and_put_right_is_obeyed(bot: Bot, anna: Person) -> None:
    mistyped = anna.write("/stauts")
    await bot.said(ANNA, 1)
    anna.edit(mistyped["message_id"], "/status")
    assert (await bot.said(ANNA, 2))[1] == "Открытых обращений нет."
    assert bot.drafts == []


async def test_a_store_that_is_away_answers_later_and_messages_are_taken_all_the_same(bot: Bot, anna: Person) -> None:
    bot.requests.away = True
    bot.bookmarks.error = None
    anna.write("/status")
    assert await bot.said(ANNA, 1) == ["Сейчас не получается. Попробуйте чуть позже."]
    anna.write("Не печатает")
    [draft] = await bot.took(1)
    assert meta(draft) == {}


# -- a new request, and its catalog


async def test_new_opens_a_request_and_what_follows_belongs_to_it_for_half_an_hour(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH]
    anna.write("/new")
    await bot.said(ANNA, 1)
    first = anna.write("Другое")
    anna.write("И вот ещё что")
    await bot.took(2)
    bot.pass_(minutes=31)
    anna.write("А это потом")
    await bot.took(3)
    number = first["message_id"]
    assert [meta(draft) for draft in bot.drafts] == [
        {"new": True, "thread": number},
        {"thread": number},
        {"choice": 12},
    ]


async def test_the_catalog_is_offered_by_levels_and_what_is_chosen_goes_with_the_message(
    bot: Bot, anna: Person
) -> None:
    entries = {entry.path: entry for entry in bot.policy.current.catalog.values()}
    top = sorted(path for path in entries if "/" not in path and entries[path].form and not entries[path].audiences)
    anna.write("/new")
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    assert set(question.buttons) == {entries[path].title.ru for path in top} | {"Не выбирать"}
    assert all(len(data.encode()) <= 64 for data in question.buttons.values())
    path = next(one for one in top if any(other.startswith(f"{one}/") for other in entries))
    anna.press(question, entries[path].title.ru)
    await shown(bot)
    below = bot.api.calls("editMessageText")[-1]
    child = next(one for one in sorted(entries) if one.startswith(f"{path}/"))
    assert entries[child].title.ru in below.buttons
    anna.press(below, entries[child].title.ru)
    await shown(bot, 2)
    anna.write("Не печатает")
    [draft] = await bot.took(1)
    assert meta(draft)["catalog"] == child


async def test_a_button_of_a_catalog_pressed_after_the_message_changes_nothing(bot: Bot, anna: Person) -> None:
    anna.write("/new")
    await bot.said(ANNA, 1)
    anna.write("Не печатает")
    await bot.took(1)
    [question] = bot.api.calls("sendMessage")
    assert await answered(bot, anna.press_data(question.message_id, next(iter(question.buttons.values())))) == (
        "Кнопка устарела."
    )


# -- which request


async def test_with_one_open_request_a_message_continues_it(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH]
    anna.write("Ещё вот что")
    assert [meta(draft) for draft in await bot.took(1)] == [{"choice": 12}]


async def test_with_none_open_a_message_begins_anew_and_leaves_a_closed_one_closed(bot: Bot, anna: Person) -> None:
    anna.write("Здравствуйте")
    await bot.took(1)
    bot.requests.lately = CASH
    later = anna.write("Новая беда")
    await bot.took(2)
    assert [meta(draft) for draft in bot.drafts] == [{}, {"thread": later["message_id"]}]


async def test_with_several_open_a_message_is_accepted_at_once_and_its_sender_asked(bot: Bot, anna: Person) -> None:
    bot.requests.opened, bot.requests.waiting = [CASH, TAX], {"E1"}
    anna.write("Ещё вот что")
    assert [meta(draft) for draft in await bot.took(1)] == [{"ask": True}]
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    assert (question.text, question.buttons) == (
        "К какому обращению относится сообщение?",
        {"T-000012 Касса не печатает": "to:E1:12", "T-000034 Отчёт НДС": "to:E1:34", "Новое обращение": "to:E1:new"},
    )
    assert await answered(bot, anna.press(question, "T-000034")) == "Сообщение добавлено к обращению."
    assert await shown(bot) == "Сообщение добавлено к обращению."
    assert await answered(bot, anna.press(question, "T-000012")) == "Этот вопрос уже решён."
    assert bot.requests.done[0] == ("place", "telegram", "501", "E1", 34)
    anna.write("И ещё")
    await bot.took(2)
    bot.pass_(minutes=31)
    anna.write("И снова")
    await bot.took(3)
    assert [meta(draft) for draft in bot.drafts[1:]] == [{"choice": 34}, {"ask": True}]
    assert len(bot.api.calls("editMessageText")) == 1


async def test_who_chooses_a_new_request_goes_on_in_it(bot: Bot, anna: Person) -> None:
    bot.requests.opened, bot.requests.waiting = [CASH, TAX], {"E1"}
    first = anna.write("Третья беда")
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    assert await answered(bot, anna.press(question, "Новое")) == "Открываем новое обращение."
    anna.write("Подробности")
    await bot.took(2)
    assert bot.requests.done == [("place", "telegram", "501", "E1", None)]
    assert meta(bot.drafts[1]) == {"thread": first["message_id"]}


async def test_a_choice_that_comes_before_its_message_is_known_is_tried_again(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH, TAX]
    anna.write("Ещё")
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    query = anna.press(question, "T-000012")
    await until("it was tried", lambda: bot.requests.done)
    bot.requests.waiting = {"E1"}
    assert await answered(bot, query) == "Сообщение добавлено к обращению."


async def test_a_reply_to_a_message_is_threaded_and_one_to_the_bots_own_words_is_none(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH, TAX]
    anna.write("/help")
    await bot.said(ANNA, 1)
    own_words = bot.api.calls("sendMessage")[0].message_id
    letter = bot.api.keep({"from": {"id": 1, "is_bot": True}, "chat": {"id": ANNA, "type": "private"}, "text": "Ответ"})
    anna.write("Спасибо", reply_to=letter["message_id"])
    anna.write("Не понял", reply_to=own_words)
    await bot.took(2)
    assert [meta(draft) for draft in bot.drafts] == [{"reply": True}, {"ask": True}]


async def test_a_button_of_somebody_else_or_of_nobody_does_nothing(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH]
    anna.write("/close")
    await bot.said(ANNA, 1)
    [question] = bot.api.calls("sendMessage")
    stranger = bot.api.person(BORIS)
    assert await answered(bot, anna.press(question, "T-000012", by=stranger)) == "Эта кнопка не для вас."
    for data in ("close:x", "to:E1", "nonsense", "", "cat:zz"):
        assert await answered(bot, anna.press_data(question.message_id, data)) == "Кнопка устарела."
    assert bot.requests.done == []


# -- numbers, groups, floods


async def test_ones_own_number_is_kept_and_somebody_elses_card_is_a_message(bot: Bot, anna: Person) -> None:
    anna.say(contact={"phone_number": "7 916 123-45-67", "first_name": "Анна", "user_id": ANNA})
    assert await bot.said(ANNA, 1) == ["Спасибо, номер сохранён."]
    anna.say(contact={"phone_number": "+79160000000", "first_name": "Борис", "user_id": BORIS})
    anna.say(contact={"phone_number": "+79160000000", "first_name": "Без телеграма"})
    await bot.took(2)
    assert bot.requests.done == [("number", "telegram", "501", "+79161234567", "Анна Петрова")]


async def test_in_a_group_it_asks_once_to_be_written_to_privately_and_takes_nothing(bot: Bot, anna: Person) -> None:
    group = {"id": -100500, "type": "supergroup", "title": "Отдел"}
    member = {"user": anna.user, "status": "member"}
    bot.api.update(my_chat_member={"chat": group, "from": anna.user, "date": 1, "new_chat_member": member})
    for text in ("/start", "Помогите", "Эй"):
        bot.api.update(message=bot.api.keep({"from": anna.user, "chat": group, "date": 1, "text": text}))
    anna.write("Лично")
    await bot.took(1)
    assert bot.api.texts(-100500) == ["Напишите мне, пожалуйста, в личные сообщения."]
    assert bot.texts == ["Лично"]


async def test_a_bot_that_is_blocked_costs_no_message(bot: Bot, anna: Person) -> None:
    bot.requests.opened = [CASH, TAX]
    bot.api.fail("sendMessage", 403, "Forbidden: bot was blocked by the user")
    anna.write("Ещё")
    anna.write("И ещё")
    await bot.took(2)
    await until("it is noted", lambda: bot.events("telegram.unsaid"))
    assert [line["reason"] for line in bot.events("telegram.unsaid")] == ["the person has blocked the bot (403)"]


async def test_who_types_faster_than_people_do_is_not_answered_each_time(bot: Bot, anna: Person) -> None:
    with bot.api.together():
        for _ in range(40):
            anna.write("/help")
        anna.write("Сообщение")
    await bot.took(1)
    assert len(bot.api.texts(ANNA)) == 30


async def test_nothing_is_remembered_while_bookmarks_are_away_and_nothing_lost(running: BotApi) -> None:
    bot = Bot(running)
    bot.requests.opened = [CASH, TAX]
    async with bot.polling():
        anna = bot.api.person(ANNA)
        anna.write("/new")
        await bot.said(ANNA, 1)
        bot.bookmarks.error = Unavailable("database")
        anna.write("Первое")
        await bot.took(1)
        anna.write("/start product")
        await bot.said(ANNA, 2)
        bot.bookmarks.error = None
    assert bot.api.texts(ANNA)[1] == "Сейчас не получается. Попробуйте чуть позже."
    assert bot.events("telegram.forgotten") != []
