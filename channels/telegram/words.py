"""What the bot says by itself, in Russian and English. Called by dialogue, questions and reception.

No sentence has a place for words that somebody else wrote; a request's own subject is shown to who asked for it alone.
"""

from collections.abc import Mapping
from typing import Any, Literal

from domain.status import Status

Tongue = Literal["ru", "en"]

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "greeting": (
        "Здравствуйте! Напишите, что случилось: сообщение станет обращением. /help покажет команды.",
        "Hello! Write what has happened: your message becomes a request. /help shows the commands.",
    ),
    "product": (
        "Обращение будет о выбранном продукте. Напишите, что случилось.",
        "The request will be about the chosen product. Write what has happened.",
    ),
    "help": (
        "/new — новое обращение\n/status — мои обращения\n/close — закрыть обращение\n"
        "/email — подтвердить свой адрес почты\n/help — эта справка\n\n"
        "Чтобы дополнить обращение, ответьте на наше сообщение.",
        "/new — a new request\n/status — my requests\n/close — close a request\n"
        "/email — confirm your mail address\n/help — this help\n\n"
        "To add to a request, reply to our message.",
    ),
    "new": ("Следующее сообщение откроет новое обращение.", "Your next message opens a new request."),
    "catalog": (
        "Следующее сообщение откроет новое обращение. О чём оно? Можно не выбирать.",
        "Your next message opens a new request. What is it about? You need not choose.",
    ),
    "chosen": ("Выбрано. Теперь напишите, что случилось.", "Chosen. Now write what has happened."),
    "deeper": ("Уточните, если хотите.", "Be more exact if you like."),
    "yours": ("Ваши открытые обращения:", "Your open requests:"),
    "none_open": ("Открытых обращений нет.", "You have no open requests."),
    "which_close": ("Какое обращение закрыть?", "Which request shall be closed?"),
    "closed": ("Обращение закрыто. Спасибо!", "The request is closed. Thank you!"),
    "not_closed": ("Это обращение закрыть нельзя.", "This request cannot be closed."),
    "which": ("К какому обращению относится сообщение?", "Which request does this message belong to?"),
    "placed": ("Сообщение добавлено к обращению.", "The message was added to the request."),
    "placed_new": ("Открываем новое обращение.", "A new request is being opened."),
    "placed_already": ("Этот вопрос уже решён.", "This has been settled already."),
    "not_yours": ("Эта кнопка не для вас.", "This button is not for you."),
    "stale": ("Кнопка устарела.", "This button is out of date."),
    "linked": ("Готово: мы вас узнали.", "Done: we know you now."),
    "not_linked": ("Ссылка не подходит или устарела.", "The link does not fit or is out of date."),
    "email_how": (
        "Напишите адрес после команды: /email anna@example.org",
        "Write the address after the command: /email anna@example.org",
    ),
    "code_sent": (
        "Если с этого адреса нам писали, туда ушёл код. Отправьте его сюда: /code 12345678",
        "If we have had mail from this address, a code has gone there. Send it here: /code 12345678",
    ),
    "code_refused": (
        "Отправить код сейчас нельзя. Попробуйте через 15 минут.",
        "No code can be sent now. Try again in 15 minutes.",
    ),
    "not_proved": (
        "Код не подходит или устарел. /email пришлёт новый.",
        "The code does not fit or is out of date. /email sends a new one.",
    ),
    "number_kept": ("Спасибо, номер сохранён.", "Thank you, the number is kept."),
    "unknown": (
        "Такой команды нет. /help покажет, какие есть.",
        "There is no such command. /help shows what there is.",
    ),
    "later": (
        "Сейчас не получается. Попробуйте чуть позже.",
        "This does not work right now. Try again a little later.",
    ),
    "too_large": (
        "Сообщение принято, но файл слишком большой и не дошёл.\nПредел — {mb} МБ.",
        "The message was received, but a file is too large and did not arrive.\nThe limit is {mb} MB.",
    ),
    "file_missing": (
        "Сообщение принято, но файл не дошёл. Пришлите его ещё раз.",
        "The message was received, but a file did not arrive. Please send it again.",
    ),
    "privately": ("Напишите мне, пожалуйста, в личные сообщения.", "Please write to me privately."),
    "share": ("Поделиться номером", "Share my number"),
    "new_request": ("Новое обращение", "New request"),
    "no_catalog": ("Не выбирать", "Do not choose"),
    "this_one": ("Именно это", "This one"),
}
_STATUSES: Mapping[str, tuple[str, str]] = {
    Status.CLASSIFICATION: ("принято", "received"),
    Status.IN_PROGRESS: ("в работе", "in progress"),
    Status.WAITING_REQUESTER: ("ждём вас", "waiting for you"),
    Status.INTERNAL: ("в работе", "in progress"),
    Status.FEEDBACK: ("решено", "solved"),
    Status.CLOSED: ("закрыто", "closed"),
}
COMMANDS: Mapping[str, tuple[str, str]] = {
    "new": ("Новое обращение", "A new request"),
    "status": ("Мои обращения", "My requests"),
    "close": ("Закрыть обращение", "Close a request"),
    "email": ("Подтвердить адрес почты", "Confirm a mail address"),
    "code": ("Ввести код из письма", "Enter the code of the letter"),
    "help": ("Справка", "Help"),
}


def tongue(language: str, otherwise: Tongue) -> Tongue:
    return "ru" if language == "ru" else "en" if language == "en" else otherwise


def say(sentence: str, language: Tongue, **values: Any) -> str:
    text = _SENTENCES[sentence][language == "en"]
    return text.format(**values) if values else text


def status(value: str, language: Tongue) -> str:
    return _STATUSES.get(value, (value, value))[language == "en"]


def commands(language: Tongue) -> list[tuple[str, str]]:
    return [(name, told[language == "en"]) for name, told in COMMANDS.items()]


_FIRST_LINES = frozenset(text.partition("\n")[0] for pair in _SENTENCES.values() for text in pair)


def is_ours(text: str) -> bool:
    """Whether the bot says this by itself: a reply to it answers no request."""
    return text.partition("\n")[0] in _FIRST_LINES
