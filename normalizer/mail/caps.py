"""Limits by count, so that no mail makes the parser crawl. Read by the other mail modules; imports nothing.

Every limit is on something that is counted, never on time: the same mail is cut at the same place on every machine.
What is over a limit is named in the message's flags (``capped:depth``) and the raw mail is attached to the ticket.
"""

HEADER_LINES = 200_000
"""Lines of one header block that are looked at."""

HEADERS = 1_000
"""Header fields of one part that are kept; a few that decide the structure are kept beyond."""

HEADER_VALUE = 64 * 1024
"""Bytes of one header field."""

CONTEXT, CONTEXT_VALUE = 20, 500
"""Fields that a product says of itself, and characters of each."""
SUBJECT = 998
"""Characters of a subject (RFC 5322, 2.1.1: no line is longer)."""

ADDRESSES = 500
"""Addresses of one list."""

ADDRESS = 320
"""Characters of one address: 64 + @ + 255 (RFC 5321, 4.5.3.1)."""

NAME = 200
"""Characters of a display name or a file name."""

REFERENCES = 50
"""Message-IDs of a thread."""

MESSAGE_ID = 512
"""Characters of one Message-ID."""

PARAMETERS = 100
"""Parameters of one Content-Type or Content-Disposition."""

DEPTH = 24
"""Levels of multipart and message/rfc822 inside one another."""

PARTS = 500
"""MIME parts of one mail, attached mails included."""

TEXT = 400_000
"""Characters of one text part that are shown and searched."""

LINES = 20_000
"""Lines of text in which quoted history is looked for."""

HTML = 400_000
"""Characters of one HTML part."""

HTML_DEPTH = 200
"""Open elements at once: the sanitiser's time grows with the square of it."""

HTML_TAGS = 20_000
"""Tags of one HTML part that are laid out as text with care; more are only stripped."""

ENCODED_WORDS = 2_000
"""Encoded words (RFC 2047) of one header field."""

BOUNCES = 100
"""Recipients of one delivery report."""

AUTHENTICATION_HEADERS = 10
"""Authentication-Results fields that are read."""

CALENDAR = 64 * 1024
"""Bytes of one calendar part."""

TNEF = 32 * 1024 * 1024
"""Bytes of one winmail.dat."""

UUENCODED = 50
"""Files uuencoded into one text."""
