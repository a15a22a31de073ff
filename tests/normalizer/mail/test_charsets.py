"""Bytes to text where the declaration helps little."""

import pytest

from normalizer.mail import charsets

RUSSIAN = "Прошу проверить счёт за декабрь, сумма указана неверно."


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "iso8859-5", "cp866"])
@pytest.mark.parametrize("declared", ["", "utf-8", "us-ascii", "iso-8859-1", "no-such-charset", "cp1251", "koi8-r"])
def test_russian_is_read_whatever_was_declared(codec: str, declared: str) -> None:
    text, guessed = charsets.decode(RUSSIAN.encode(codec), declared)
    assert text == RUSSIAN
    assert guessed == (charsets.lookup(declared) != codec)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("L'été à Besançon, c'est déjà passé.", "cp1252"),
        ("Größe und Maße prüfen, bitte.", "cp1252"),
        ("¿Cuándo volverá a funcionar la conexión?", "cp1252"),
        ("Zażółć gęślą jaźń", "iso8859-2"),
        ("Καλημέρα σας", "iso8859-7"),
    ],
)
def test_a_declared_charset_of_another_alphabet_is_believed(text: str, codec: str) -> None:
    assert charsets.decode(text.encode(codec), codec) == (text, False)


def test_western_text_without_a_declaration_is_not_taken_for_russian() -> None:
    assert charsets.decode("información de la línea".encode("cp1252"), "") == ("información de la línea", True)


def test_a_few_broken_bytes_do_not_spoil_a_text() -> None:
    assert charsets.decode(RUSSIAN.encode() + b"\xd0", "utf-8") == (RUSSIAN + "\ufffd", True)


@pytest.mark.parametrize(
    "name", ["base64", "zlib", "punycode", "idna", "unicode_escape", "undefined", "rot13", "", "x" * 90]
)
def test_what_is_no_charset_is_not_looked_up(name: str) -> None:
    assert charsets.lookup(name) is None


def test_regression_mixed_chinese_and_ascii_is_judged_in_linear_time() -> None:
    data = b"abcdefgh \xb0\xa1" * 300 + b"\xff" * 9
    assert charsets.decode(data, "")[1] is True


def test_control_characters_and_lone_surrogates_are_cleaned_out() -> None:
    assert charsets.clean("a\x00b\r\nc\rd\x1b[0m\ud800\u2028e\tf") == "ab\nc\nd[0m\ne\tf"
