"""What holds for every mail, whatever its bytes."""

import os
import random
import re
import time
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.message import Message, Normalized
from normalizer.mail import files, quoting
from normalizer.pipeline import normalize
from tests.normalizer.support import SAMPLES, envelope, mail, message, plain

SEEDS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))]
FUZZ_SECONDS = float(os.environ.get("PRIYOM_FUZZ_SECONDS", "120"))
EVIL_NAME = re.compile(r"[\x00-\x1f\x7f/\\:<>|\"?*\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_TAGS = "script style title iframe object embed form input meta link base svg math"
FORBIDDEN = set(_TAGS.split())
_ATTRIBUTES = (
    "style dir lang title align valign href src alt width height type start border cellpadding cellspacing bgcolor"
    " colspan rowspan span color face size target rel"
)
ALLOWED = set(_ATTRIBUTES.split())
LINES = st.sampled_from(
    [
        "Добрый день!",
        "> старое",
        ">> ещё старше",
        "",
        "-- ",
        "С уважением,",
        "Иван",
        "On Fri, Jan 3, 2025 at 10:00 AM X <x@y.example> wrote:",
        "03.01.2025 10:00, Поддержка пишет:",
        "From: a@b.example",
        "Sent: today",
        "To: c@d.example",
        "Subject: тема",
        "-----Original Message-----",
        "---------- Forwarded message ---------",
        "Отправлено с iPhone",
        "________________________________",
        "a:",
    ]
)


class Inspector(HTMLParser):
    """Reads sanitised HTML as a browser would and objects to anything that could act."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in FORBIDDEN, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name in ALLOWED, name
            if name in ("href", "src"):
                assert re.match(r"(?:https?|mailto|tel|cid):", value or "", re.IGNORECASE), value
            if name == "style":
                assert not re.search(r"position|url\s*\(|expression|z-index|@import", value or "", re.IGNORECASE), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:40]}")


def check(raw: bytes, normalized: Normalized) -> None:
    """Every promise about a mail at once."""
    told = normalized.message
    assert "unparsed" not in told.flags, "a step raised, and the fallback hid it"
    for value in (told.subject, told.sender.name, told.sender.address, told.native_id or "", *told.references):
        assert not re.search(r"[\r\n\x00]", value), value
    for person in (*told.to, *told.cc):
        assert not re.search(r"[\r\n\x00]", person.address + person.name)
    assert told.key.startswith("email:")
    assert told.conversation
    if told.html is not None:
        Inspector().feed(told.html)
    for attachment in told.attachments:
        assert attachment.name
        assert not EVIL_NAME.search(attachment.name)
        assert len(attachment.name) <= 200
        assert len(normalized.contents[attachment.blob]) == attachment.size
    check_split(told)
    (told.text + told.subject + (told.html or "") + told.quoted).encode("utf-8")
    assert "\x00" not in told.text + told.quoted + told.signature + (told.html or "")


def check_split(told: Message) -> None:
    """Nothing of the text is lost by taking it apart, and nothing is said twice."""
    if told.full_text is None:
        assert (told.quoted, told.signature) == ("", "")
    else:
        parts = told.text + told.quoted + told.signature
        assert sorted(re.sub(r"\s", "", parts)) == sorted(re.sub(r"\s", "", told.full_text))


@given(st.binary(max_size=3000))
@settings(max_examples=150, deadline=None)
def test_no_bytes_raise(raw: bytes) -> None:
    check(raw, mail(raw))


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_mutation_of_a_sample_breaks_a_promise(data: st.DataObject) -> None:
    raw = mutate(random.Random(data.draw(st.integers(0, 2**32))))
    first = mail(raw)
    check(raw, first)
    assert mail(raw) == first


@given(st.lists(LINES, max_size=25), st.sampled_from(["Вопрос", "Re: Вопрос", "Fwd: Вопрос"]))
@settings(max_examples=300, deadline=None)
def test_taking_a_text_apart_loses_nothing_and_leaves_a_text(lines: list[str], subject: str) -> None:
    text = "\n".join(lines)
    split = quoting.split(text, subject)
    assert sorted(re.sub(r"\s", "", split.text + split.quoted + split.signature)) == sorted(re.sub(r"\s", "", text))
    assert bool(split.text.strip()) == bool(text.strip())


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_every_file_name_becomes_a_safe_one(name: str) -> None:
    safe = files.safe_name(name, "application/pdf", 1)
    assert safe
    assert not EVIL_NAME.search(safe)
    assert safe not in (".", "..")
    assert len(safe) <= 200
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", safe)
    assert files.safe_name(safe, "application/pdf", 1) == safe


@given(
    st.lists(
        st.sampled_from(
            [
                "Received: from a by b; Fri, 3 Jan 2025 10:00:00 +0300",
                "Return-Path: <x@y.example>",
                "Delivered-To: support@priyom.example",
                "X-Spam-Status: No, score=1.0\n\tautolearn=ham",
                "Authentication-Results: mx.example; spf=pass",
                "DKIM-Signature: v=1; d=x.example;\n b=abc",
                "ARC-Seal: i=1",
            ]
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_trace_headers_and_line_ends_do_not_change_the_key(trace: list[str], crlf: bool) -> None:
    body = plain("Не работает вход.\nПомогите.\n")
    other = "".join(f"{line}\n" for line in trace) + body.replace("Subject: Вопрос", "Subject:\n  Вопрос")
    other = other.replace("\n", "\r\n") if crlf else other
    assert message(other).key == message(body).key


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80))
@settings(deadline=None)
def test_a_header_written_by_the_standard_library_is_read_back(subject: str) -> None:
    written = EmailMessage()
    written["Subject"] = subject
    written["From"] = "a@b.example"
    assert message(written.as_bytes()).subject == " ".join(subject.split())


def test_a_changed_body_changes_the_key() -> None:
    assert message(plain("Раз")).key != message(plain("Два")).key


@pytest.mark.slow
@pytest.mark.timeout(FUZZ_SECONDS + 60)
def test_minutes_of_mutations_break_no_promise_and_none_takes_two_seconds() -> None:
    seed = int(os.environ.get("PRIYOM_FUZZ_SEED", "1"))
    until = time.monotonic() + FUZZ_SECONDS
    tried = 0
    while time.monotonic() < until:
        tried += 1
        raw = mutate(random.Random(seed * 1_000_000 + tried))
        began = time.perf_counter()
        normalized = mail(raw)
        assert time.perf_counter() - began < 2, f"seed {seed}, mutation {tried}"
        check(raw, normalized)
    assert tried > 100


def mutate(dice: random.Random) -> bytes:
    """A sample with a few bytes flipped, a piece cut off, doubled, or taken from another sample."""
    raw = bytearray(dice.choice(SEEDS))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(raw) + 1)
        match dice.randrange(5):
            case 0 if raw:
                raw[min(at, len(raw) - 1)] = dice.randrange(256)
            case 1:
                del raw[at : at + dice.randint(1, 200)]
            case 2:
                other = dice.choice(SEEDS)
                begin = dice.randrange(len(other))
                raw[at:at] = other[begin : begin + dice.randint(1, 400)]
            case 3:
                raw[at:at] = raw[max(0, at - 100) : at] * dice.randint(1, 4)
            case _:
                raw = raw[: max(1, at)] if dice.random() < 0.3 else raw
    return bytes(raw)


def test_the_fallback_gives_the_key_that_the_parsed_mail_has() -> None:
    from normalizer import fallback

    for raw in SEEDS:
        parsed = normalize(envelope(raw), raw).message
        unparsed = fallback.raw_only(envelope(raw), raw, "capped:time").message
        assert (unparsed.key, unparsed.conversation, unparsed.sender) == (
            parsed.key,
            parsed.conversation,
            parsed.sender,
        )
