"""Stemming: forms of a word meet, in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import words
from router.words import stems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("счёт", "СЧЕТА"),
        ("приёмка", "приемке"),
        ("Ёлка", "ёлки"),
        ("ёлкой", "елка"),
        ("синхронизация", "синхронизацию"),
        ("invoice", "Invoices"),
        ("print", "printing"),
        ("не работает", "не   работают"),
        ("1С-Битрикс", "1с битрикс"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stems(one) == stems(other)


@pytest.mark.parametrize(("one", "other"), [("счёт", "счастье"), ("stock", "stack"), ("касса", "kassa")])
def test_other_words_do_not(one: str, other: str) -> None:
    assert stems(one) != stems(other)


@given(st.text())
def test_a_text_gives_the_same_stems_again(text: str) -> None:
    assert stems(text) == stems(text)
    assert all(stems(text))


def test_only_the_beginning_of_a_very_long_text_is_read() -> None:
    assert stems("a " * words.MAX_CHARS) == ("a",) * (words.MAX_CHARS // 2)


def test_the_memory_of_stems_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_stems", {})
    monkeypatch.setattr(words, "_MAX_REMEMBERED", 10)
    stems("x" * 500 + " ".join(f" word{n}" for n in range(100)))
    assert 0 < len(words._stems) <= 10
    assert max(len(word) for word in words._stems) <= words._MAX_WORD
