"""IMAP's notation: what is written into commands, and what is read out of the lines that aioimaplib hands back.

Pure. Called by ``channels.imap.session``. Lines come as the library leaves them: without "* ", literals apart from them
as ``bytearray``, the text of the tagged answer last.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

Lines = Sequence[bytes | bytearray]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_LONGEST_WORD = 160
_FETCH = re.compile(rb"\d+ FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_DATE = re.compile(
    rb'\bINTERNALDATE " ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"', re.IGNORECASE
)
_QUOTED_BODY = re.compile(rb'\bBODY\[\] "((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_VALIDITY = re.compile(rb"\[UIDVALIDITY (\d+)\]", re.IGNORECASE)
_PERMANENT = re.compile(rb"\[PERMANENTFLAGS \(([^)]*)\)\]", re.IGNORECASE)


def folder_name(name: str) -> str:
    """A folder's name as a quoted string in modified UTF-7 (RFC 3501, 5.1.3)."""
    return quoted("".join(_modified_utf7(run) for run in _PLAIN.findall(name)))


def _modified_utf7(run: str) -> str:
    if run.isascii() and run.isprintable():
        return run.replace("&", "&-")
    coded = base64.b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
    return f"&{coded.decode('ascii')}-"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def printable(said: bytes) -> str:
    """What a server says, for a log or an operator."""
    return _UNPRINTABLE.sub(" ", said.decode("utf-8", "replace"))[:_LONGEST_WORD].strip()


def uid_set(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))


def search_date(day: date) -> str:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A selected folder. ``keywords``: it keeps flags that we make up."""

    validity: int
    writable: bool
    keywords: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a mail before it is fetched. ``at``: when the mailbox got it."""

    size: int
    at: datetime | None


def mailbox(lines: Lines) -> Mailbox | None:
    """None for a server that names no UIDVALIDITY."""
    told = b"\n".join(bytes(line) for line in lines)
    validity, flags = _VALIDITY.search(told), _PERMANENT.search(told)
    if validity is None:
        return None
    writable = b"[READ-ONLY]" not in bytes(lines[-1]).upper()
    return Mailbox(int(validity[1]), writable, flags is not None and b"\\*" in flags[1])


def numbers(lines: Lines) -> list[int]:
    """UIDs of a SEARCH, ascending."""
    return sorted({int(word) for line in lines[:-1] for word in bytes(line).split() if word.isdigit()})


def heads(lines: Lines) -> dict[int, Head]:
    found = {}
    for text, _ in _records(lines):
        uid, size = _UID.search(text), _SIZE.search(text)
        if uid and size:
            found[int(uid[1])] = Head(int(size[1]), _moment(text))
    return found


def bodies(lines: Lines) -> dict[int, bytes]:
    """Mails by UID. What a server tells unasked of other mails has no body, and is left out."""
    found = {}
    for text, literal in _records(lines):
        uid, short = _UID.search(text), _QUOTED_BODY.search(text)
        if uid and literal is not None:
            found[int(uid[1])] = literal
        elif uid and short:
            found[int(uid[1])] = re.sub(rb"\\(.)", rb"\1", short[1])
    return found


def _records(lines: Lines) -> Iterator[tuple[bytes, bytes | None]]:
    """One a FETCH answer: its text without the literal, and the literal."""
    text, literal, begun = b"", None, False
    for line in lines[:-1]:
        if isinstance(line, bytearray):
            literal = bytes(line)
        elif _FETCH.match(line):
            if begun:
                yield text, literal
            text, literal, begun = line, None, True
        else:
            text += b" " + line
    if begun:
        yield text, literal


def _moment(text: bytes) -> datetime | None:
    found = _DATE.search(text)
    if found is None or found[2].decode().title() not in _MONTHS:
        return None
    month = _MONTHS.index(found[2].decode().title()) + 1
    offset = timedelta(hours=int(found[8]), minutes=int(found[9])) * (-1 if found[7] == b"-" else 1)
    try:
        zone = timezone(offset)
        day, hour, minute, second = (int(found[group]) for group in (1, 4, 5, 6))
        at = datetime(int(found[3]), month, day, hour, minute, second, tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
