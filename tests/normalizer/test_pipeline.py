"""The pipeline as a whole, where a sample cannot say it: the transport's facts, threads, unknown channels."""

import email
import time
from dataclasses import replace
from email.message import Message as StandardMessage

import pytest

from domain.errors import Permanent
from domain.message import Automatic
from normalizer import pipeline
from normalizer.mail import parts, thread
from normalizer.mail.parts import Part
from normalizer.pipeline import normalize
from tests.normalizer.support import SAMPLES, envelope, mail, message, plain


def test_an_unknown_channel_is_refused_for_good() -> None:
    with pytest.raises(Permanent):
        normalize(replace(envelope(b"{}"), channel="pigeon"), b"{}")


def test_recipients_are_the_envelopes_where_the_transport_knew_them() -> None:
    assert message(plain("x"), rcpt_tos=["Support+T1@Priyom.example"]).recipients == ("support+t1@priyom.example",)
    assert message(plain("x")).recipients == ("support@priyom.example",)


def test_a_token_is_found_in_the_header_when_the_relay_took_it_off_the_envelope() -> None:
    token = "t7." + "a" * 26
    raw = plain("x").replace("support@", f"support+{token}@")
    assert message(raw, rcpt_tos=["support@priyom.example"]).tokens == (token,)


def test_a_null_return_path_is_an_automatic_mail() -> None:
    assert message(plain("x"), mail_from="").automatic == Automatic(kind="auto_reply", because="null return path")
    assert message(plain("x"), mail_from="ivan@client.example").automatic is None


def test_what_a_product_says_of_itself_is_fields_of_the_request() -> None:
    extra = "X-Context-Version: =?utf-8?b?OC40IM6y?=\nX-Context-Last-Load: 2026-03-01\nX-Context-: x\nX-Other: y\n"
    assert message(plain("Сбой", extra=extra)).fields == {"version": "8.4 β", "last_load": "2026-03-01"}
    many = "".join(f"X-Context-N{n}: {'v' * 900}\n" for n in range(40))
    found = message(plain("Сбой", extra=many)).fields
    assert (len(found), {len(value) for value in found.values()}) == (20, {500})


def test_the_sender_is_taken_from_the_transport_when_the_header_names_none() -> None:
    assert message("Subject: x\n\ntext", mail_from="Ivan@Client.example").sender.address == "ivan@client.example"


def test_a_second_mail_on_ones_own_first_shares_a_handle_and_a_strangers_does_not() -> None:
    first = message(plain("раз"))
    second = message(plain("два", extra="In-Reply-To: <m1@client.example>\n").replace("<m1@", "<m2@", 1))
    stranger = message(
        plain("два", extra="In-Reply-To: <m1@client.example>\n").replace("<m1@", "<m2@", 1).replace("ivan@", "eve@")
    )
    assert first.conversation[0] in second.conversation
    assert not set(first.conversation) & set(stranger.conversation)
    assert first.conversation[0] == thread.handle("m1@client.example", "ivan@client.example")


def test_a_mail_without_an_id_has_a_handle_and_a_key_of_its_content() -> None:
    raw = plain("x").replace("Message-ID: <m1@client.example>\n", "")
    assert message(raw).native_id is None
    assert len(message(raw).conversation) == 1
    assert message(raw) == message(raw)
    assert message(raw).key != message(raw + "y").key


def test_a_step_that_fails_leaves_a_message_with_the_mail_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draft: pipeline.Draft) -> pipeline.Draft:
        raise RecursionError

    monkeypatch.setattr(pipeline, "STEPS", (broken,))
    normalized = mail(plain("Не работает вход."))
    told = normalized.message
    assert (told.flags, told.subject, told.text) == (("unparsed",), "Вопрос", "Не работает вход.")
    assert told.sender.address == "ivan@client.example"
    assert [one.name for one in told.attachments] == ["message.eml"]
    assert normalized.contents[told.attachments[0].blob] == plain("Не работает вход.").encode()


def test_the_parts_are_those_that_the_standard_library_sees() -> None:
    compared = 0
    for path in sorted(SAMPLES.glob("*.eml")):
        if path.stem.startswith(
            (
                "boundary",
                "capped",
                "comments",
                "header_missing",
                "no_headers",
                "base64",
                "quoted_",
                "bounce_dsn",
                "delivery_",
            )
        ):
            continue
        raw = path.read_bytes()
        theirs = [one.get_payload(decode=True) for one in _leaves(email.message_from_bytes(raw))]
        ours = [one.content() for one in _own_leaves(parts.parse(raw)[0])]
        assert [_bare(one) for one in ours] == [_bare(one) for one in theirs], path.stem
        compared += 1
    assert compared > 80


def _leaves(part: StandardMessage) -> list[StandardMessage]:
    return [one for one in part.walk() if not one.is_multipart()]


def _own_leaves(part: Part) -> list[Part]:
    if part.media_type == "message/delivery-status" or not part.children:
        return [part]
    return [leaf for child in part.children for leaf in _own_leaves(child)]


def _bare(content: object) -> bytes:
    assert isinstance(content, bytes | None)
    return (content or b"").replace(b"\r\n", b"\n").strip()


def test_an_everyday_mail_takes_less_than_two_milliseconds() -> None:
    raw = plain("Добрый день! С утра не работает печать в бухгалтерии.\n" * 30).encode()
    normalize(envelope(raw), raw)
    took = []
    for _ in range(50):
        began = time.perf_counter()
        normalize(envelope(raw), raw)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.002
