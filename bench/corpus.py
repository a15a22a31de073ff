"""A seeded corpus of mails with what each of them means: 70 % plain text (utf-8, cp1251, koi8-r), 20 % alternative,
8 % with a 50 KB and 2 % with a 1 MB attachment; 37 KB on the mean.

The same seed makes the same mails, byte for byte. Used by bench/intake.py and by the journey that compares every ticket
with what its mail meant.
"""

import base64
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from email.utils import formataddr, formatdate
from typing import Literal

Kind = Literal["plain", "alternative", "attachment", "large"]
RECIPIENT = "support@example.org"

_CHARSETS = ("utf-8", "cp1251", "koi8-r")
_NAMES = ("Анна Петрова", "Игорь Лебедев", "Мария Кузнецова", "Олег Смирнов", "Ольга Иванова", "Пётр Волков")
_SUBJECTS = (
    "Не проводится накладная",
    "Ошибка при закрытии месяца",
    "Вопрос по отчёту о продажах",
    "Прошу добавить пользователя",
    "Не открывается приложение на телефоне",
    "Счёт и закрывающие документы",
    "Медленно работает склад",
    "Предложение по интерфейсу",
)
_SENTENCES = (
    "При проведении документа появляется сообщение об ошибке, работа отдела остановлена.",
    "Вчера всё работало, сегодня с утра программа закрывается сама.",
    "Подскажите, пожалуйста, где включается печать второй копии накладной.",
    "Мы обновились до последней версии в пятницу вечером.",
    "Остатки по складу не совпадают с инвентаризацией на семь позиций.",
    "Нужна выгрузка контрагентов за третий квартал в таблицу.",
    "В мобильном приложении не видно заказов торгового представителя.",
    "Отчёт формируется больше десяти минут, раньше хватало одной.",
    "Прошу открыть доступ новому сотруднику бухгалтерии.",
    "Если нужно, пришлю снимок экрана и журнал регистрации.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail and what it means. ``attachments``: (name, SHA-256 of the content)."""

    kind: Kind
    message_id: str
    sender: str
    subject: str
    text: str
    attachments: tuple[tuple[str, str], ...]
    raw: bytes


def generate(count: int, *, seed: int = 1, text_only: bool = False) -> Iterator[Mail]:
    """``text_only``: the plain part alone. Kinds come in a shuffled, exact proportion."""
    rng = random.Random(seed)
    kinds = ["plain"] * count if text_only else _kinds(count, rng)
    for number, kind in enumerate(kinds):
        yield _mail(number, kind, rng, seed)  # type: ignore[arg-type]


def _kinds(count: int, rng: random.Random) -> list[str]:
    shares = (("alternative", 20), ("attachment", 8), ("large", 2))
    kinds = [kind for kind, share in shares for _ in range(count * share // 100)]
    kinds += ["plain"] * (count - len(kinds))
    rng.shuffle(kinds)
    return kinds


def _mail(number: int, kind: Kind, rng: random.Random, seed: int) -> Mail:
    charset = rng.choice(_CHARSETS)
    name = rng.choice(_NAMES)
    sender = f"client{rng.randrange(400)}@firma{rng.randrange(80)}.example"
    subject = f"{rng.choice(_SUBJECTS)} #{number}"
    message_id = f"{seed}.{number}.{rng.getrandbits(64):016x}@firma.example"
    paragraphs = [" ".join(rng.choices(_SENTENCES, k=rng.randint(2, 5))) for _ in range(rng.randint(2, 5))]
    text = "Здравствуйте!\n\n" + "\n\n".join(paragraphs)
    head = "\r\n".join(
        (
            f"From: {formataddr((str(Header(name, charset)), sender))}",
            f"To: {RECIPIENT}",
            f"Subject: {Header(subject, charset).encode(linesep=chr(13) + chr(10))}",
            f"Date: {formatdate(1_735_800_000 + number)}",
            f"Message-ID: <{message_id}>",
            "MIME-Version: 1.0",
        )
    )
    attachments: tuple[tuple[str, str], ...] = ()
    if kind == "plain":
        body = _text_part(text, charset)
    elif kind == "alternative":
        html = "<html><body>" + "".join(f"<p>{p}</p>" for p in text.split("\n\n")) + "</body></html>"
        parts = (_text_part(text, charset), _text_part(html, charset, subtype="html"))
        body = _multipart("alternative", parts, f"alt-{number}")
    else:
        size = 50_000 if kind == "attachment" else 1_000_000
        content = b"\x89PNG\r\n\x1a\n" + rng.randbytes(size)
        file_name = f"screen-{number}.png"
        attachments = ((file_name, hashlib.sha256(content).hexdigest()),)
        body = _multipart("mixed", (_text_part(text, charset), _file_part(file_name, content)), f"mix-{number}")
    raw = f"{head}\r\n".encode("ascii") + body
    return Mail(
        kind=kind,
        message_id=message_id,
        sender=sender,
        subject=subject,
        text=text,
        attachments=attachments,
        raw=raw,
    )


def _text_part(text: str, charset: str, *, subtype: str = "plain") -> bytes:
    encoded = base64.encodebytes(text.replace("\n", "\r\n").encode(charset)).replace(b"\n", b"\r\n")
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode("ascii") + encoded


def _file_part(name: str, content: bytes) -> bytes:
    head = (
        f"Content-Type: image/png; name={name}\r\n"
        f"Content-Disposition: attachment; filename={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode("ascii") + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _multipart(subtype: str, parts: tuple[bytes, ...], boundary: str) -> bytes:
    mark = f"--{boundary}".encode("ascii")
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
