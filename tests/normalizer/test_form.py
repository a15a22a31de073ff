"""The web form's JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import Invalid, Permanent
from domain.ids import BlobKey
from domain.message import Address, Message, Normalized, StoredFile
from normalizer.form import phone_number
from normalizer.pipeline import normalize
from tests.normalizer.support import envelope


def submit(files: tuple[StoredFile, ...] = (), **given: Any) -> Normalized:
    raw = json.dumps(given).encode()
    return normalize(replace(envelope(raw, channel="form"), files=files), raw)


def told(**given: Any) -> Message:
    return submit(**given).message


def test_a_filled_form_becomes_a_message_with_everything_that_was_given() -> None:
    file = StoredFile(blob=BlobKey("f" * 64), name="../счёт.pdf", size=7, media_type="application/pdf")
    normalized = submit(
        (file,),
        name="Иван Петров",
        email="Ivan@Client.example",
        phone="8 (916) 123-45-67",
        subject="Не приходит счёт",
        body="Добрый день! Счёт за декабрь не пришёл.",
        catalog="billing/invoices",
        fields={"contract": "12345", "version": "5.2"},
        consent={"version": "2025-01", "at": "2025-01-03T12:00:00Z"},
        locale="ru",
        idempotency_key="k-1",
    )
    message = normalized.message
    assert message.sender == Address(channel="email", address="ivan@client.example", name="Иван Петров")
    assert (message.key, message.catalog, message.language) == ("form:support:k-1", "billing/invoices", "ru")
    assert message.text == "Добрый день! Счёт за декабрь не пришёл."
    assert message.fields == {
        "contract": "12345",
        "version": "5.2",
        "name": "Иван Петров",
        "email": "Ivan@Client.example",
        "phone": "8 (916) 123-45-67",
        "locale": "ru",
        "consent": {"version": "2025-01", "at": "2025-01-03T12:00:00Z"},
    }
    assert [(one.blob, one.name, one.size) for one in message.attachments] == [("f" * 64, "счёт.pdf", 7)]
    assert normalized.contents == {}


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        ({"phone": "+7 916 123-45-67"}, Address(channel="phone", address="+79161234567")),
        ({}, Address(channel="form", address="anonymous:01JGN000000000000000000000")),
        ({"email": "a@xn--e1afmkfd.xn--p1ai"}, Address(channel="email", address="a@пример.рф")),
    ],
)
def test_the_sender_is_the_best_way_to_answer(given: dict[str, str], sender: Address) -> None:
    assert told(body="текст", **given).sender == sender


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8 (916) 123-45-67", "+79161234567"),
        ("9161234567", "+79161234567"),
        ("+49 30 123456", "+4930123456"),
        ("1050", ""),
        ("10500", "10500"),
        ("звоните вечером", ""),
    ],
)
def test_telephone_numbers_become_e164_as_far_as_their_digits_tell(text: str, number: str) -> None:
    assert phone_number(text) == number


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{", "form"),
        (b"[]", "form"),
        (b'"text"', "form"),
        (b'{"body": 5}', "body"),
        (b'{"email": "nobody"}', "email"),
        (b'{"fields": []}', "fields"),
        (b'{"consent": 7}', "consent"),
        (b"[" * 100_000, "form"),
        (b"\xff\xfe\xfd", "form"),
    ],
)
def test_a_malformed_form_is_refused_for_good_with_the_field_named(raw: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        normalize(envelope(raw, channel="form"), raw)
    assert caught.value.field == field
    assert isinstance(caught.value, Permanent)


def test_a_form_without_a_subject_is_named_by_its_first_words() -> None:
    assert told(body="Не могу войти\nв кабинет").subject == "Не могу войти в кабинет"


def test_two_forms_without_a_key_are_two_messages() -> None:
    raw = b'{"body": "text"}'
    first = normalize(envelope(raw, channel="form"), raw).message
    second = normalize(replace(envelope(raw, channel="form"), id="OTHER"), raw).message
    assert (first.key, second.key) == ("form:support:01JGN000000000000000000000", "form:support:OTHER")
    assert first.conversation != second.conversation


def test_what_no_store_takes_is_cleaned_out_of_a_form() -> None:
    raw = b'{"body": "a\\u0000b\\ud800", "fields": {"x\\u0000": ["\\u0000y", {"z": 1}]}}'
    message = normalize(envelope(raw, channel="form"), raw).message
    assert (message.text, message.fields) == ("ab", {"x": ["y", {"z": 1}]})
