"""Mail that was written to do harm."""

import base64
import random


def _nested(depth: int) -> bytes:
    head = b"From: deep@evil.example\r\nSubject: deep\r\nMIME-Version: 1.0\r\n"
    parts = b"".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode() for n in range(depth))
    return head + parts + b"Content-Type: text/plain\r\n\r\nthe bottom\r\n"


def poison() -> list[bytes]:
    """A hundred mails, each hostile in its way."""
    rng = random.Random(18)
    found = [_nested(1_000)]
    found.append(b"From: a@evil.example\r\nTo: " + b"(" * 100_000 + b"\r\nSubject: brackets\r\n\r\nx")
    found.append(b"From: " + b"<" * 50_000 + b"\r\nSubject: angles\r\n\r\nx")
    found.append(b"From: a@evil.example\r\nTo: " + b"a@b.example," * 16_000 + b"\r\nSubject: addresses\r\n\r\nx")
    found.append(b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\nx")
    found.append(b"From: a@evil.example\r\nSubject: " + b"=?utf-8?B?4pi6?= " * 5_000 + b"\r\n\r\nx")
    found.append(b"From: a@evil.example\r\nReferences: " + b"<x@y.example> " * 15_000 + b"\r\n\r\nx")
    found.append(b'Content-Type: text/plain; charset="' + b"x" * 10_000 + b'"\r\n\r\nx')
    found.append(b"Content-Type: text/plain; " + b"".join(b"a*%d*=x; " % n for n in range(5_000)) + b"\r\n\r\nx")
    found.append(b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000)
    found.append(b"Content-Type: text/html\r\n\r\n<a " + b"x='y' " * 30_000)
    found.append(b"From: a@evil.example\r\nSubject: quotes\r\n\r\n" + b"On a a " * 14_000)
    found.append(b"From: a@evil.example\r\nSubject: depth\r\n\r\n" + b">" * 100_000)
    found.append(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nq\r\n" * 15_000)
    found.append(b"Content-Type: multipart/mixed\r\n\r\nno boundary")
    found.append(b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n")
    found.append(b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 1_000 + b"!!!")
    found.append(
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+Ig"
    )
    found.append(b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"end")
    found.append(b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\nMessage-ID: <<>>\r\n\r\nx")
    found.append(b"")
    found.append(b"\r\n\r\n")
    found.append(b"\0" * 1_000)
    found.append(b"Subject: =?utf-8?Q?=ED=A0=80?=\r\nFrom: \xed\xa0\x80\r\n\r\n\xed\xa0\x80\xff\xfe")
    found.append(b"Subject: \x00\x01\x1b[31mred\r\nFrom: nul\x00@evil.example\r\n\r\nnul \x00 in text")
    while len(found) < 100:
        junk = rng.randbytes(rng.randint(1, 3_000)).replace(b"\r\n.\r\n", b"")
        heads = (b"", b"Subject: junk\r\n\r\n", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n")
        found.append(rng.choice(heads) + base64.encodebytes(junk)[: rng.randint(0, 50)] + junk)
    return [mail.replace(b"\r\n.", b"\r\n..") for mail in found]
