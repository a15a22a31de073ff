"""Identifiers. Surrogates only: none tells anything about a person.

``EnvelopeId`` is minted when bytes arrive and follows a message through every stage, log line and table.
A ticket's number is an integer from a sequence (gaps allowed, never reused) that people see as ``T-000123``.
"""

import re
from typing import NewType

EnvelopeId = NewType("EnvelopeId", str)
TicketNumber = NewType("TicketNumber", int)
BlobKey = NewType("BlobKey", str)
"""Lower-case hex SHA-256 of the content; or, of what was packed, its place with that hash at the end."""

_NUMBER = re.compile(r"^T-(\d{1,18})$", re.IGNORECASE)


def format_number(number: int) -> str:
    """123 -> ``T-000123``."""
    return f"T-{number:06d}"


def parse_number(text: str) -> TicketNumber | None:
    """``T-000123`` -> 123; anything else -> None."""
    found = _NUMBER.match(text.strip())
    return TicketNumber(int(found[1])) if found else None
