"""A Telegram update to a message: synthetic samples of each kind, compared whole, and what is no update."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.ids import BlobKey
from domain.message import Automatic, Envelope, Message, StoredFile
from normalizer.pipeline import normalize
from normalizer.telegram import handle

SAMPLES = Path(__file__).parents[1] / "samples" / "telegram"
BOT, ANNA = 700001, 501
PLACE = (BOT, ANNA, ANNA)
CHAT = handle(PLACE, None)
_USUAL = ("envelope_id", "channel", "account", "adapter", "received_at", "raw", "size")


def message(raw: bytes, files: tuple[StoredFile, ...] = (), **meta: Any) -> Message:
    envelope = Envelope(
        id="01JGN000000000000000000000",
        channel="telegram",
        account="support",
        adapter="telegram",
        received_at=datetime(2026, 1, 2, 12, 0, tzinfo=UTC),
        media_type="application/vnd.telegram.update+json",
        size=len(raw),
        sha256=BlobKey(hashlib.sha256(raw).hexdigest()),
        raw=raw,
        files=files,
        meta={"bot_id": BOT, **meta},
    )
    normalized = normalize(envelope, raw)
    assert normalized.contents == {}
    return normalized.message


def sample(name: str, files: tuple[StoredFile, ...] = (), **meta: Any) -> Message:
    return message((SAMPLES / f"{name}.json").read_bytes(), files, **meta)


def told(found: Message) -> dict[str, Any]:
    """Every field that the update decides and that is not empty."""
    return {n: v for n, v in asdict(found).items() if n not in _USUAL and v not in (None, "", (), {}, [])}


def usual(number: int, update: int, **more: Any) -> dict[str, Any]:
    """What every message of Anna's has."""
    return {
        "key": f"telegram:{BOT}:{update}",
        "sender": {"channel": "telegram", "address": "501", "name": "Анна Петрова"},
        "native_id": f"tg:{BOT}:{ANNA}:{number}",
        "conversation": (handle(PLACE, number), CHAT),
        "sent_at": datetime.fromtimestamp(1767348000 + number, UTC),
        "language": "ru",
        **more,
    }


def test_a_text() -> None:
    text = "Касса не печатает чек.\n\nСмена закрыта, бумага есть: https://example.org"
    assert told(sample("text")) == usual(11, 9001, subject="Касса не печатает чек.", text=text)


def test_a_reply_refers_to_what_it_answers_and_quotes_what_was_picked_out() -> None:
    assert told(sample("reply", reply=True)) == usual(
        12,
        9002,
        subject="Спасибо, помогло!",
        text="Спасибо, помогло!",
        quoted="Обновите",
        references=(f"tg:{BOT}:{ANNA}:7",),
        conversation=(handle(PLACE, 12), handle(PLACE, 7)),
    )


def test_an_edited_message_refers_to_the_one_it_replaces_and_has_its_handle() -> None:
    expected = usual(
        11,
        9003,
        subject="Касса не печатает чек и отчёт.",
        text="Касса не печатает чек и отчёт.",
        references=(f"tg:{BOT}:{ANNA}:11",),
        conversation=(handle(PLACE, 11),),
        sent_at=datetime.fromtimestamp(1767348100, UTC),
        flags=("edited",),
    )
    del expected["native_id"]
    assert told(sample("edited")) == expected


def test_an_album_is_one_message_with_the_key_of_its_first_update() -> None:
    files = tuple(
        StoredFile(blob=BlobKey(letter * 64), name=f"photo-{n}.jpg", size=n, media_type="image/jpeg")
        for n, letter in ((13, "a"), (14, "b"))
    )
    attached = tuple(
        {
            "blob": letter * 64,
            "name": f"photo-{n}.jpg",
            "size": n,
            "media_type": "image/jpeg",
            "declared_type": "image/jpeg",
            "content_id": None,
            "inline": False,
        }
        for n, letter in ((13, "a"), (14, "b"))
    )
    assert told(sample("album", files, kind="album")) == usual(
        13,
        9004,
        key=f"telegram:{BOT}:9004:1300",
        subject="Два снимка экрана",
        text="Два снимка экрана",
        attachments=attached,
    )


def test_what_is_forwarded_is_quoted_with_who_wrote_it() -> None:
    assert told(sample("forwarded")) == usual(
        15,
        9006,
        subject="Счёт не проходит,",
        quoted="Переслано от Борис Иванов:\nСчёт не проходит,\nпомогите",
        full_text="Счёт не проходит,\nпомогите",
    )


@pytest.mark.parametrize(
    ("origin", "author"),
    [
        ({"type": "hidden_user", "sender_user_name": "Некто"}, "Некто"),
        ({"type": "chat", "sender_chat": {"id": -1, "title": "Отдел"}}, "Отдел"),
        ({"type": "channel", "chat": {"id": -2, "title": "Новости"}}, "Новости"),
        ({"type": "new"}, "?"),
    ],
)
def test_whoever_the_forwarded_was_written_by(origin: Mapping[str, Any], author: str) -> None:
    update = json.loads((SAMPLES / "forwarded.json").read_bytes())
    update["message"]["forward_origin"] = origin
    found = message(json.dumps(update).encode())
    assert found.quoted.partition("\n")[0] == f"Переслано от {author}:"


def test_a_contact_and_a_place_are_lines_of_text_and_fields() -> None:
    card = "Борис Иванов, +79160000000"
    assert told(sample("contact")) == usual(
        16, 9007, subject=f"Контакт: {card}", text=f"Контакт: {card}", fields={"contact": card}
    )
    assert told(sample("venue")) == usual(
        17,
        9008,
        subject="Место: Склад 2, ул. Примерная, 1",
        text="Место: Склад 2, ул. Примерная, 1\nМесто: 55.75124, 37.61842",
        fields={"venue": "Склад 2, ул. Примерная, 1", "location": "55.75124, 37.61842"},
    )


def test_a_pin_is_nobodys_message() -> None:
    found = sample("pinned")
    assert (found.text, found.flags) == ("", ())
    assert found.automatic == Automatic(kind="auto_reply", because="Telegram's own message: pinned_message")


def test_what_cannot_be_shown_is_flagged_and_a_poll_is_its_question() -> None:
    assert sample("poll").text == "Опрос: Когда обновимся?"
    assert told(sample("unsupported")) == usual(21, 9012, flags=("unsupported_content",))


def test_an_english_writer() -> None:
    found = sample("english")
    assert (found.language, found.sender.name, found.automatic) == ("en", "Ann", None)


def test_a_language_that_telegram_names_otherwise_is_told_by_the_text() -> None:
    update = json.loads((SAMPLES / "text.json").read_bytes())
    update["message"]["from"]["language_code"] = "de"
    assert message(json.dumps(update).encode()).language == "ru"
    update["message"]["text"] = "?"
    assert message(json.dumps(update).encode()).language is None


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"ask": True}, {"flags": ("awaits_choice",)}),
        ({"choice": 12}, {"choice": 12}),
        ({"choice": "12"}, {}),
        ({"choice": True}, {}),
        ({"thread": 3}, {"conversation": (handle(PLACE, 11), handle(PLACE, 3))}),
        ({"thread": 11, "new": True}, {"conversation": (handle(PLACE, 11),), "flags": ("new_request",)}),
        ({"product": "sigma_2"}, {"fields": {"product": "sigma_2"}}),
        ({"catalog": "cash/registers"}, {"catalog": "cash/registers"}),
        ({"missing": [{"name": "a", "why": "too_large"}]}, {"flags": ("file_too_large",)}),
        ({"missing": [{"name": "a", "why": "file_missing"}, 7, {"why": "x"}]}, {"flags": ("file_missing",)}),
        ({"reply": True}, {}),
    ],
)
def test_what_the_bot_knew_goes_with_the_message(meta: dict[str, Any], expected: dict[str, Any]) -> None:
    plain = told(sample("text"))
    assert told(sample("text", **meta)) == {**plain, **expected}


def test_what_came_with_a_start_is_a_field() -> None:
    update = json.loads((SAMPLES / "text.json").read_bytes())
    update["message"]["text"] = "/start sigma"
    assert message(json.dumps(update).encode()).fields == {"start": "sigma"}


def test_a_subject_is_the_first_line_shortened_or_the_first_file() -> None:
    update = json.loads((SAMPLES / "text.json").read_bytes())
    update["message"]["text"] = "\n \nслово " + "слово " * 40
    assert message(json.dumps(update).encode()).subject == "слово " * 12 + "слово…"
    del update["message"]["text"]
    file = StoredFile(blob=BlobKey("a" * 64), name="чек.pdf", size=1)
    assert message(json.dumps(update).encode(), (file,)).subject == "чек.pdf"


def test_two_people_share_no_handle_and_two_bots_neither() -> None:
    handles = {handle(place, number) for place in (PLACE, (BOT, 502, 502), (1, ANNA, ANNA)) for number in (None, 1, 2)}
    assert len(handles) == 9


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[" * 5000,
        b"[]",
        b"null",
        b'"text"',
        b'{"message": {}}',
        b'{"update_id": true, "message": {}}',
        b'{"update_id": 1}',
        b'{"update_id": 1, "message": 5}',
        b'{"update_id": 1, "message": {"message_id": 1}}',
        b'{"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}}}',
        b'{"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}, "from": {"id": -4}}}',
        b'[{"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}, "from": {"id": 1}}}, 7]',
    ],
)
def test_what_is_no_update_is_rejected(raw: bytes) -> None:
    with pytest.raises(Invalid):
        message(raw)


def test_without_the_bots_id_nothing_can_be_keyed() -> None:
    with pytest.raises(Invalid):
        sample("text", bot_id=None)


_TOLD = (SAMPLES / "venue.json", SAMPLES / "forwarded.json", SAMPLES / "reply.json", SAMPLES / "album.json")
_NAMES = st.sampled_from(sorted(set(re.findall(r'"([a-z_]+)":', "".join(path.read_text() for path in _TOLD)))))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(parts=st.dictionaries(_NAMES, _JSON, max_size=6), meta=st.dictionaries(st.text(max_size=8), _JSON, max_size=3))
def test_whatever_a_message_holds_it_becomes_one(parts: dict[str, Any], meta: dict[str, Any]) -> None:
    body = {**parts, "message_id": 1, "chat": {"id": 5, "type": "private"}, "from": {"id": 5, "first_name": "A"}}
    found = message(json.dumps({"update_id": 1, "message": body}).encode(), **{**meta, "bot_id": BOT})
    assert found.key.startswith(f"telegram:{BOT}:1")
    assert json.dumps(asdict(found), default=str)
    found.text.encode()
