"""Ticket tokens: only ours verify, in whatever case and place they come back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tokens import find_tokens, sign_ticket, verify_ticket

SECRET = b"a secret for tests"
TOKEN = sign_ticket(123, SECRET)


@given(st.integers(0, 10**18 - 1), st.binary(min_size=1, max_size=64))
def test_a_signed_number_verifies_to_itself(number: int, secret: bytes) -> None:
    assert verify_ticket(sign_ticket(number, secret), secret) == number


def test_a_token_has_128_bits_of_mac_in_letters_that_mail_systems_keep() -> None:
    assert re.fullmatch(r"t123\.[a-z2-7]{26}", TOKEN)


@pytest.mark.parametrize(
    "token",
    [
        sign_ticket(123, b"another secret"),
        TOKEN.replace("t123", "t124"),
        TOKEN[:-1],
        TOKEN + "a",
        f" {TOKEN}",
        "t123.",
        "t-1." + TOKEN[5:],
        "",
    ],
)
def test_what_we_did_not_sign_does_not_verify(token: str) -> None:
    assert verify_ticket(token, SECRET) is None


@given(st.integers(0, 25), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_changed_letter_of_the_mac_verifies(place: int, letter: str) -> None:
    at = len("t123.") + place
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert verify_ticket(changed, SECRET) == (123 if changed == TOKEN else None)


def test_a_token_is_found_in_addresses_and_message_ids_once_and_in_lower_case() -> None:
    other = sign_ticket(9, SECRET)
    texts = [f"Support <support+{TOKEN.upper()}@example.org>", f"<{TOKEN}.unique@example.org>", f"{other}@x"]
    assert find_tokens(texts) == (TOKEN, other)
    assert verify_ticket(TOKEN.upper(), SECRET) == 123


@pytest.mark.parametrize("text", [f"x{TOKEN}", f"{TOKEN}7", "t123.short", "T-000123", ""])
def test_what_merely_contains_a_token_is_not_one(text: str) -> None:
    assert find_tokens([text]) == ()
