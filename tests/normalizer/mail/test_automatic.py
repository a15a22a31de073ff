"""Programs and people told apart, beyond the samples."""

import pytest

from domain.message import AuthenticationResult, Automatic
from normalizer.mail import authentication
from normalizer.mail.headers import Headers
from tests.normalizer.support import message


def automatic(headers: str, body: str = "text", **meta: object) -> Automatic | None:
    return message(f"{headers}\n\n{body}", **meta).automatic


HUMAN = "From: Иван <ivan@client.example>\nSubject: Вопрос"


@pytest.mark.parametrize(
    ("field", "kind", "because"),
    [
        ("Auto-Submitted: auto-replied (vacation)", "auto_reply", "Auto-Submitted: auto-replied (vacation)"),
        ("Auto-Submitted: auto-generated", "bulk", "Auto-Submitted: auto-generated"),
        ("X-Autoreply: yes", "auto_reply", "X-Autoreply"),
        ("X-Autorespond: vacation", "auto_reply", "X-Autorespond"),
        ("Precedence: auto_reply", "auto_reply", "Precedence: auto_reply"),
        ("Precedence: junk", "bulk", "Precedence: junk"),
        ("Precedence: list", "list", "Precedence: list"),
        ("List-Id: <x.example>", "list", "List-Id"),
        ("List-Unsubscribe: <mailto:u@x.example>", "bulk", "List-Unsubscribe"),
        ("X-Loop: support@other.example", "loop", "X-Loop"),
        ("X-Priyom: ack", "loop", "X-Priyom"),
        ("Return-Path: <>", "auto_reply", "null return path"),
    ],
)
def test_a_field_gives_the_program_away(field: str, kind: str, because: str) -> None:
    assert automatic(f"{HUMAN}\n{field}") == Automatic(kind=kind, because=because)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers",
    [
        HUMAN,
        f"{HUMAN}\nAuto-Submitted: no",
        f"{HUMAN}\nX-Auto-Response-Suppress: DR, RN, NRN",
        f"{HUMAN}\nPrecedence: first-class",
        f"{HUMAN}\nX-Autoreply: no",
        "From: Иван <ivan@client.example>\nSubject: Out of office не включается",
        "From: Иван <ivan@client.example>\nSubject: Re: Automatic reply: Вопрос",
        "From: Иван <ivan@client.example>\nSubject: Undelivered mail",
        "From: Иван <ivan@client.example>\nSubject: Fwd: failure notice",
    ],
)
def test_a_person_is_no_program(headers: str) -> None:
    assert automatic(headers, "My mail could not be delivered: user unknown.", mail_from="ivan@client.example") is None


def test_a_list_that_marks_its_mails_with_x_loop_is_a_list() -> None:
    found = automatic(f"{HUMAN}\nX-Loop: dev@lists.example\nX-Mailing-List: <dev@lists.example>")
    assert found == Automatic(kind="list", because="X-Mailing-List")


@pytest.mark.parametrize(
    ("asked", "flags"), [("All", ("no_auto_reply",)), ("OOF, AutoReply", ("no_auto_reply",)), ("DR, RN", ())]
)
def test_a_wish_for_no_automatic_answer_is_told(asked: str, flags: tuple[str, ...]) -> None:
    assert message(f"{HUMAN}\nX-Auto-Response-Suppress: {asked}\n\ntext").flags == flags


@pytest.mark.parametrize(
    ("disposition", "kind"),
    [
        ("manual-action/MDN-sent-manually; displayed", "delivery_report"),
        ("manual-action/MDN-sent-manually; deleted", "delivery_report"),
        ("automatic-action/MDN-sent-automatically; deleted", "bounce"),
    ],
)
def test_a_mail_thrown_away_by_a_filter_has_bounced(disposition: str, kind: str) -> None:
    raw = (
        f"{HUMAN}\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n"
        f"--b\n\ntext\n--b\nContent-Type: message/disposition-notification\n\n"
        f"Final-Recipient: rfc822; ivan@client.example\nDisposition: {disposition}\n--b--\n"
    )
    told = message(raw)
    assert told.automatic == Automatic(kind=kind, because="report-type=disposition-notification")  # type: ignore[arg-type]
    assert [one.recipient for one in told.bounces] == ["ivan@client.example"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("mx.example; none", AuthenticationResult(authserv_id="mx.example")),
        ("mx.example 1; spf=pass smtp.mailfrom=x", AuthenticationResult(authserv_id="mx.example", spf="pass")),
        (
            "MX.example; dmarc=fail; dkim=none",
            AuthenticationResult(authserv_id="mx.example", dkim="none", dmarc="fail"),
        ),
        ("mx.example; dkim=fail; dkim=pass", AuthenticationResult(authserv_id="mx.example", dkim="pass")),
    ],
)
def test_results_are_read_the_same_with_and_without_the_library(field: str, expected: AuthenticationResult) -> None:
    plain = Headers({"authentication-results": [field.encode()]})
    commented = Headers({"authentication-results": [f"{field} (a comment)".encode()]})
    assert authentication.read(plain) == (expected,)
    assert authentication.read(commented) == (expected,)


def test_a_result_inside_a_comment_or_a_quotation_is_no_result() -> None:
    field = b'mx.example; spf=fail (dmarc=pass; dkim=pass) smtp.mailfrom="; dmarc=pass"'
    found = authentication.read(Headers({"authentication-results": [field]}))
    assert found == (AuthenticationResult(authserv_id="mx.example", spf="fail"),)


def test_a_field_that_nobody_can_read_is_left_out() -> None:
    assert authentication.read(Headers({"authentication-results": [b'"((', b";;;", b""]})) == ()
