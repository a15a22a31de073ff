"""Ticket numbers as people see them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import format_number, parse_number


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_read_back_as_it_was_written(number: int) -> None:
    assert parse_number(format_number(number)) == number


def test_a_number_has_at_least_six_digits() -> None:
    assert [format_number(n) for n in (7, 123, 1_234_567)] == ["T-000007", "T-000123", "T-1234567"]


@pytest.mark.parametrize("text", ["", "123", "T123", "T-", "T-12a", "T-1234567890123456789", "see T-000123"])
def test_anything_else_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_case_and_blanks_around_a_number_do_not_matter() -> None:
    assert parse_number(" t-000123 ") == 123
