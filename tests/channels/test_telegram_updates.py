"""Reading updates and buttons: whatever comes, something is read out of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.telegram import files, keyboards, updates, words
from channels.telegram.files import Wanted
from channels.telegram.keyboards import Catalog, Close, To
from domain.views import RequestBrief
from tests.fakes_desk_data import NOON, policy

NAMES = st.sampled_from(
    [
        *("message", "edited_message", "callback_query", "my_chat_member", "update_id", "poll", "chat", "from", "id"),
        *("type", "private", "text", "data", "message_id", "media_group_id", "reply_to_message", "photo", "document"),
        *("animation", "sticker", "file_id", "file_size", "file_name", "width", "contact", "language_code"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just("private"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)


@given(raw=JSON)
def test_anything_is_read_and_keeps_what_came(raw: Any) -> None:
    found = updates.read(raw)
    assert found.raw is raw
    if found.kind in ("message", "edit") and found.private:
        assert found.user
        assert found.chat
        assert isinstance(found.message, int)
    assert found.command is None or found.text.startswith("/")


@given(body=st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_files_a_message_names_each_has_an_id_and_a_name(body: dict[str, Any]) -> None:
    assert all(one.id and one.name for one in files.of(body, 7))


def test_which_files_a_message_has() -> None:
    body = {
        "photo": [{"file_id": "s", "width": 90, "file_size": 9}, {"file_id": "l", "width": 900, "file_size": 5}],
        "animation": {"file_id": "a", "file_size": 4},
        "document": {"file_id": "a", "file_name": "a.gif"},
        "video_note": {"file_id": "n", "file_size": 3},
        "audio": {"file_id": "m", "file_name": "песня.mp3"},
        "sticker": {"file_id": "big", "file_size": 10**7},
    }
    assert files.of(body, 7) == [
        Wanted(id="l", name="photo-7.jpg", size=5),
        Wanted(id="m", name="песня.mp3", size=0),
        Wanted(id="n", name="video_note-7.mp4", size=3),
        Wanted(id="a", name="animation-7.mp4", size=4),
    ]


@pytest.mark.parametrize(
    ("data", "means"),
    [
        ("to:01JGN000000000000000000000:12", To("01JGN000000000000000000000", 12)),
        ("to:01JGN000000000000000000000:new", To("01JGN000000000000000000000", None)),
        ("close:34", Close(34)),
        ("cat:0123456789ab", Catalog("0123456789ab")),
        ("cat:-", Catalog("-")),
        ("cat:=", Catalog("=")),
        ("to::12", None),
        ("to:E1:-3", None),
        ("close:", None),
        ("close:٣", None),
        ("cat:xyz", None),
        ("", None),
    ],
)
def test_what_a_button_means(data: str, means: To | Close | Catalog | None) -> None:
    assert keyboards.parse(data) == means


@given(text=st.text())
def test_any_data_of_a_button_is_read(text: str) -> None:
    keyboards.parse(text)


def test_every_button_fits_into_what_telegram_takes() -> None:
    long = RequestBrief(number=10**14, subject="с" * 500, status="x", created_at=NOON, updated_at=NOON)
    boards = [
        keyboards.which("0" * 26, [long], "ru"),
        keyboards.closing([long]),
        keyboards.catalog(keyboards.top(policy()), "ru"),
        *(keyboards.catalog(keyboards.children(policy(), path), "en", below=True) for path in policy().catalog),
    ]
    buttons = [button for board in boards for row in board.inline_keyboard for button in row]
    assert len(buttons) > 5
    assert max(len(str(button.callback_data).encode()) for button in buttons) <= 64
    assert all(keyboards.parse(str(button.callback_data)) is not None for button in buttons)
    assert max(len(button.text) for button in buttons) <= 60


def test_the_bot_knows_its_own_words_again() -> None:
    said = [words.say("help", "ru"), words.say("too_large", "en", mb=20), words.say("yours", "ru") + "\nT-000001 x"]
    assert [words.is_ours(text) for text in said] == [True, True, True]
    assert not words.is_ours("Обновите программу до 8.4.")
