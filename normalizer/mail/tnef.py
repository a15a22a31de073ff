"""Outlook's winmail.dat (MS-OXTNEF) opened by tnefparse. Called by content. Never raises."""

import logging
from dataclasses import dataclass

import tnefparse

from normalizer.mail import caps, charsets

logging.getLogger("tnef-decode").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Opened:
    text: str
    html: str
    files: tuple[tuple[str, bytes], ...]


def read(data: bytes) -> Opened | None:
    """Text, HTML and files; None if it cannot be read."""
    if len(data) > caps.TNEF:
        return None
    try:
        found = tnefparse.TNEF(data, do_checksum=False)
        files = tuple(
            (str(one.long_filename() or one.name or ""), bytes(one.data or b""))
            for one in found.attachments[: caps.PARTS]
        )
        return Opened(_text(found.body), _text(found.htmlbody), files)
    except Exception:  # broken structures raise struct errors, index errors, lookups and more
        return None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = charsets.decode(value)[0]
    return charsets.clean(str(value))[: caps.TEXT] if value else ""
