"""Mails made to exhaust a parser: each becomes a readable message within two seconds."""

import base64
import time
from collections.abc import Callable

import pytest

from normalizer import weigh
from tests.normalizer.support import envelope, mail

HEAD = b"From: a@b.example\r\nSubject: hello\r\n"
HTML = HEAD + b"Content-Type: text/html\r\n\r\n"


def _typed(content_type: bytes, body: bytes) -> bytes:
    return HEAD + b"Content-Type: " + content_type + b"\r\n\r\n" + body


def _nested(levels: int) -> bytes:
    inner = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(levels)
    )
    return _typed(b"multipart/mixed; boundary=b0", inner + b"--b%d\r\n\r\nbottom\r\n" % levels)


BOMBS: dict[str, Callable[[], bytes]] = {
    "a thousand nested multiparts": lambda: _nested(1_000),
    "twenty thousand nested multiparts": lambda: _nested(20_000),
    "the same boundary fifty thousand times": lambda: _typed(
        b"multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * 50_000
    ),
    "three thousand mails inside one another": lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 3_000 + b"hi",
    "a hundred thousand brackets in To": lambda: HEAD + b"To: " + b"(" * 100_000 + b"\r\n\r\nhi",
    "sixteen thousand addresses": lambda: (
        HEAD + b"To: " + b",\r\n ".join([b"user@example.org"] * 16_000) + b"\r\n\r\nhi"
    ),
    "a hundred thousand headers": lambda: HEAD + b"X-Header: value\r\n" * 100_000 + b"\r\nhi",
    "a subject of four megabytes": lambda: b"From: a@b.example\r\nSubject: hello " + b"x" * 4_000_000 + b"\r\n\r\nhi",
    "encoded words without end": lambda: HEAD.replace(b"hello", b"hello " + b"=?utf-8?B?" * 100_000) + b"\r\nhi",
    "a hundred thousand references": lambda: HEAD + b"References: " + b"<a@b> " * 100_000 + b"\r\n\r\nhi",
    "thirty thousand parameters": lambda: _typed(b"text/plain" + b"; a*0=x" * 30_000, b"hi"),
    "a hundred thousand nested elements": lambda: HTML + b"<div>" * 100_000 + b"x",
    "elements closed by the wrong name": lambda: HTML + b"<div></x>" * 40_000,
    "unclosed formatting": lambda: HTML + b"<p><font><b>a" * 30_000,
    "forty thousand cells": lambda: HTML + b"<table>" + b"<tr><td>a<td>b" * 20_000,
    "one row of nineteen thousand cells": lambda: HTML + b"<table><tr>" + b"<td>a" * 19_000,
    "nothing but opening brackets": lambda: HTML + b"<" * 400_000,
    "scripts without end": lambda: HTML + b"<script>" * 50_000,
    "twenty megabytes of base64": lambda: (
        HEAD
        + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(bytes(15_000_000))
    ),
    "a long line like an attribution": lambda: HEAD + b"\r\n" + b"On a a " * 15_000,
    "short lines like attributions": lambda: HEAD + b"\r\n" + b"On 1 Jan 2025 10:00 a wrote\n" * 14_000,
    "header blocks without end": lambda: HEAD + b"\r\n" + b"From: a\nTo: b\n" * 20_000,
    "quoted and own lines in turn": lambda: HEAD + b"\r\n" + b"> x\n\ny\n" * 50_000,
    "letters and blanks for a signature": lambda: HEAD + b"\r\nhi\n" + (b"best regards " + b". " * 40 + b"\n") * 3_000,
    "megabytes of blank lines": lambda: HEAD + b"\r\n" + b"\n" * 3_000_000,
    "noise of eight bits": lambda: HEAD + b"\r\n" + bytes(range(128, 256)) * 8_000,
    "frequent Chinese bytes and then a wrong one": lambda: HEAD + b"\r\n" + b"abcdefgh \xb0\xa1" * 300 + b"\xff" * 9,
    "a charset of quadratic cost": lambda: _typed(b"text/plain; charset=punycode", b"a-b" * 100_000),
    "uuencode without end": lambda: HEAD + b"\r\n" + b"begin 644 a\n" * 30_000,
    "comments in authentication results": lambda: (
        HEAD + (b"Authentication-Results: x; " + b'spf=pass (a) smtp.mailfrom="a"; ' * 250 + b"\r\n") * 10 + b"\r\nhi"
    ),
    "a calendar of unclosed events": lambda: _typed(
        b"text/calendar", b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 5_000
    ),
    "twenty thousand failed recipients": lambda: _typed(
        b"message/delivery-status", b"Final-Recipient: rfc822; a@b.c\r\nAction: failed\r\n\r\n" * 20_000
    ),
    "a bounce of one long word": lambda: HEAD.replace(b"a@b", b"mailer-daemon@b") + b"\r\n" + b"a@b." * 60_000,
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS.keys())
def test_hostile_mail_becomes_a_message_within_two_seconds(make: Callable[[], bytes]) -> None:
    raw = make()
    began = time.process_time()
    told = mail(raw).message
    assert time.process_time() - began < 2
    assert told.sender.address in ("a@b.example", "mailer-daemon@b.example")
    assert told.subject.startswith("hello")
    assert "unparsed" not in told.flags


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("a thousand nested multiparts", "capped:depth"),
        ("the same boundary fifty thousand times", "capped:parts"),
        ("sixteen thousand addresses", "capped:addresses"),
        ("a hundred thousand headers", "capped:headers"),
        ("a subject of four megabytes", "capped:subject"),
        ("a hundred thousand nested elements", "capped:html"),
        ("megabytes of blank lines", "capped:text"),
    ],
)
def test_what_a_cap_cut_is_named_and_the_whole_mail_attached(name: str, flag: str) -> None:
    raw = BOMBS[name]()
    normalized = mail(raw)
    last = normalized.message.attachments[-1]
    assert flag in normalized.message.flags
    assert (last.name, last.media_type) == ("message.eml", "message/rfc822")
    assert normalized.contents[last.blob] == raw


def test_the_caps_cut_at_the_same_place_each_time() -> None:
    for make in BOMBS.values():
        raw = make()
        if len(raw) < 1_000_000:
            assert mail(raw) == mail(raw)


def test_hostile_mails_are_weighed_heavy_and_everyday_ones_light() -> None:
    heavy = [name for name, make in BOMBS.items() if weigh.is_heavy(envelope(raw := make()), raw)]
    light = sorted(BOMBS.keys() - set(heavy))
    everyday = HEAD + b"To: x@y.example\r\n\r\n" + b"Hello, this is a mail like any other.\r\n" * 50
    assert not weigh.is_heavy(envelope(everyday), everyday)
    assert light == [
        "a bounce of one long word",
        "a calendar of unclosed events",
        "a long line like an attribution",
        "frequent Chinese bytes and then a wrong one",
        "three thousand mails inside one another",
    ]


def test_html_of_more_tags_than_the_layout_may_see_is_stripped_not_lost() -> None:
    told = mail(HTML + "<i>слово</i> ".encode() * 11_000).message
    assert "capped:html" in told.flags
    assert told.text.startswith("слово слово")
