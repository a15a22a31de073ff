"""Header fields, addresses and parameters that are broken in the usual ways."""

import pytest

from domain.message import Address
from normalizer.mail import addresses, headers, parameters


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?B?0J/RgNC40LLQtdGC?=", "Привет"),
        ("=?UTF-8?b?0J/RgNC40LLQtdGC?= =?utf-8?q?!?=", "Привет!"),
        ("=?utf-8?Q?=D0=9F=D1?= =?utf-8?Q?=80=D0=B8?=", "При"),
        ("=?utf-8?Q?a b=20c_d?=", "a b c d"),
        ("=?utf-8?B?0J/RgNC4=?=", "При"),
        ("=?utf-8?B?0J/R gNC4?=", "При"),
        ("=?windows-1251?Q?=CF=F0=E8?= and =?koi8-r?B?8NLJ?=", "При and При"),
        ("=?utf-8*ru?Q?=D0=9F?=", "П"),
        ("=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        ("a =?utf-8?Q?b?= c", "a b c"),
        ("=?utf-8?X?b?=", "=?utf-8?X?b?="),
        ("=?no-such?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        ("100 =? 200 ?= 300", "100 =? 200 ?= 300"),
        ("=?utf-8?Q?cut_off", "cut off"),
    ],
)
def test_encoded_words_are_read_as_they_were_meant(field: str, text: str) -> None:
    assert headers.decode_words(field) == text


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("a@b.example", [("a@b.example", "")]),
        ("Иван <A@B.Example>", [("a@b.example", "Иван")]),
        ('"Петров, Иван" <a@b.example>, c@d.example', [("a@b.example", "Петров, Иван"), ("c@d.example", "")]),
        ("a@b.example (Иван (младший))", [("a@b.example", "Иван младший")]),
        ("a@b.example; c@d.example", [("a@b.example", ""), ("c@d.example", "")]),
        ("Group: a@b.example, c@d.example;", [("a@b.example", ""), ("c@d.example", "")]),
        ("undisclosed-recipients:;", []),
        ("<mailto:a@b.example>", [("a@b.example", "")]),
        ("=?utf-8?Q?a,b?= <a@b.example>", [("a@b.example", "a,b")]),
        ('"a@b.example" <c@d.example>', [("c@d.example", "a@b.example")]),
        ("'a@b.example' <a@b.example>", [("a@b.example", "")]),
        ('"unbalanced <a@b.example>', [("a@b.example", "unbalanced")]),
        ("a@xn--e1afmkfd.xn--p1ai", [("a@пример.рф", "")]),
        ('"system administrator"@b.example', [('"system administrator"@b.example', "")]),
        ("a@b.example.", [("a@b.example", "")]),
        ("x" * 400 + "@b.example", []),
        ("", []),
    ],
)
def test_addresses_are_read_as_they_were_meant(field: str, found: list[tuple[str, str]]) -> None:
    parsed, capped = addresses.parse(field)
    assert [one for one in parsed if one.address] == [Address(channel="email", address=a, name=n) for a, n in found]
    assert capped is False


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("attachment; filename=a.pdf", "attachment", "a.pdf"),
        ('attachment; filename="a b;c.pdf"', "attachment", "a b;c.pdf"),
        ('attachment; filename="a\\"b.pdf"', "attachment", 'a"b.pdf'),
        ("attachment; filename*=utf-8''%D0%90.pdf", "attachment", "А.pdf"),
        ('attachment; filename*0="a"; filename*1="b.pdf"', "attachment", "ab.pdf"),
        ("attachment; filename*1*=%D0%90.pdf; filename*0*=utf-8''%D0%90", "attachment", "АА.pdf"),
        ("attachment; filename==?utf-8?B?0JAucGRm?=", "attachment", "А.pdf"),
        ('ATTACHMENT ;FILENAME="a.pdf', "attachment", "a.pdf"),
        ("attachment", "attachment", ""),
    ],
)
def test_parameters_are_read_as_they_were_meant(field: str, value: str, name: str) -> None:
    found, params = parameters.parse(field)
    assert (found, parameters.file_name(params)) == (value, name)


def test_a_header_block_ends_where_a_line_is_no_field() -> None:
    raw = b"From a@b Fri Jan  3 10:00:00 2025\nSubject: one\n\ttwo\nno field here\nSubject: three\n\nbody"
    fields, body = headers.parse(raw, 0, len(raw))
    assert (fields.text("subject"), raw[body:]) == ("one two", b"no field here\nSubject: three\n\nbody")


def test_a_field_can_not_bring_line_ends_along() -> None:
    raw = b"Subject: =?utf-8?Q?a=0D=0AX:_b=00?=\n\n"
    assert headers.parse(raw, 0, len(raw))[0].text("subject") == "a X: b"
