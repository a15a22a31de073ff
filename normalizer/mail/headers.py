"""A header block: bytes to fields, fields to text (RFC 5322, 2047, 2231). Called by parts and by whoever reads a field.

Fields are kept as bytes, unfolded, and decoded when somebody asks: most of them nobody asks for. Every loop here is
linear in the bytes it sees.
"""

import binascii
import re
from collections.abc import Iterator

from normalizer.mail import caps, charsets

_NAME = re.compile(rb"([!-9;-~]{1,80})[ \t]*:")
_ESSENTIAL = frozenset(
    {
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "auto-submitted",
    }
)
_UNPRINTABLE = re.compile("[\x00-\x20\x7f\x85\xa0\u2028\u2029\ufeff\ud800-\udfff]+")
_BASE64_JUNK = re.compile(rb"[^A-Za-z0-9+/]+")


class Headers:
    """The fields of one part in their order. Names are lower-case; ``hint`` is the charset of raw 8-bit fields."""

    __slots__ = ("capped", "fields", "hint")

    def __init__(self, fields: dict[str, list[bytes]], capped: bool = False, hint: str = "") -> None:
        self.fields = fields
        self.capped = capped
        self.hint = hint

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def raw(self, name: str) -> bytes:
        """The first field of that name as bytes on one line; empty if there is none."""
        found = self.fields.get(name)
        return found[0] if found else b""

    def all(self, name: str) -> list[bytes]:
        return self.fields.get(name, [])

    def plain(self, name: str) -> str:
        """The first field as text, encoded words left alone: for structured fields that are parsed before decoding."""
        found = self.fields.get(name)
        return to_text(found[0], self.hint) if found else ""

    def text(self, name: str) -> str:
        """The first field decoded, on one line, without control characters."""
        found = self.fields.get(name)
        return one_line(decode_words(to_text(found[0], self.hint))) if found else ""


def parse(data: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The header block that begins at ``start``, and where its body begins. Never raises.

    A line that is neither a field nor a continuation ends the block, as a missing blank line does in the wild; the
    ``From `` line of a mailbox file is passed over.
    """
    stop, body = _block_end(data, start, end)
    fields: dict[str, list[bytes]] = {}
    capped = False
    kept = 0
    offset = start
    lines = data[start:stop].split(b"\n")
    pending: list[bytes] = []
    name = ""
    for number, line in enumerate(lines):
        if number > caps.HEADER_LINES:
            capped = True
            break
        if line[:1] in (b" ", b"\t"):
            pending.append(line)
        else:
            found = _NAME.match(line)
            if found is None:
                if line[:5] not in (b"From ", b">From") and line.rstrip(b"\r"):
                    body = offset
                    break
            else:
                if name:
                    capped |= not _keep(fields, name, pending, kept)
                kept += 1
                name = found[1].decode("ascii").lower()
                pending = [line[found.end() :]]
        offset += len(line) + 1
    if name:
        capped |= not _keep(fields, name, pending, kept)
    return Headers(fields, capped), body


def _block_end(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the block stops and where the body begins; looked for in a small window first."""
    if data[start : start + 1] == b"\n":
        return start, start + 1
    if data[start : start + 2] == b"\r\n":
        return start, start + 2
    for window in (min(start + 16_384, end), end):
        crlf = data.find(b"\n\r\n", start, window)
        bare = data.find(b"\n\n", start, window if crlf < 0 else crlf)
        if bare >= 0:
            return bare, bare + 2
        if crlf >= 0:
            return crlf, crlf + 3
    return end, end


def _keep(fields: dict[str, list[bytes]], name: str, lines: list[bytes], kept: int) -> bool:
    """Adds a field; False if something of it was cut off."""
    if kept > caps.HEADERS and (name not in _ESSENTIAL or len(fields.get(name, ())) > 1):
        return False
    value = lines[0].strip() if len(lines) == 1 else b" ".join([line.strip() for line in lines]).strip()
    fields.setdefault(name, []).append(value[: caps.HEADER_VALUE])
    return len(value) <= caps.HEADER_VALUE


def to_text(value: bytes, hint: str = "") -> str:
    """Raw field to text. Bytes above ASCII are in the body's charset, in UTF-8, or in the likeliest Cyrillic one."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    return charsets.decode(value, hint)[0]


def one_line(text: str) -> str:
    """Runs of blanks, line ends and control characters become one space."""
    return _UNPRINTABLE.sub(" ", text).strip()


def decode_words(text: str) -> str:
    """Encoded words (RFC 2047) to text, in every way that they are broken in the wild: split inside a character, with
    blanks inside, without padding, without blanks between, inside quotes, nested once, cut off at the end."""
    if "=?" not in text:
        return text
    once = "".join(_pieces(text))
    return "".join(_pieces(once)) if "=?" in once and "?=" in once else once


def _pieces(text: str) -> Iterator[str]:
    """Text between words as it is; words that follow each other in one charset are decoded together."""
    position = 0
    charset = ""
    data = b""
    for begin, end, word_charset, word in _words(text):
        between = text[position:begin]
        if data and (between.strip() or word_charset != charset):
            yield charsets.decode(data, charset)[0]
            data = b""
            if between.strip():
                yield between
        elif not data:
            yield between
        charset = word_charset
        data += word
        position = end
    if data:
        yield charsets.decode(data, charset)[0]
    yield text[position:]


def _words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Begin, end, charset and decoded bytes of each encoded word."""
    position = 0
    for _ in range(caps.ENCODED_WORDS):
        begin = text.find("=?", position)
        if begin < 0:
            return
        charset_end = text.find("?", begin + 2, begin + 60)
        kind = text[charset_end + 1 : charset_end + 2].lower()
        if charset_end < 0 or kind not in ("b", "q") or text[charset_end + 2 : charset_end + 3] != "?":
            position = begin + 2
            continue
        content = charset_end + 3
        end, position = _word_end(text, content)
        charset = text[begin + 2 : charset_end].partition("*")[0].strip().lower()
        word = text[content:end].encode("utf-8", "replace")
        yield begin, position, charset, _base64(word) if kind == "b" else _quoted(word)


def _word_end(text: str, content: int) -> tuple[int, int]:
    """Where a word's content ends and where the text goes on; a word whose end is missing runs to the next, or to the
    next blank."""
    end = text.find("?=", content)
    following = text.find("=?", content, end if end >= 0 else len(text))
    if end >= 0 and (following < 0 or following == end + 1):
        return end, end + 2
    if following >= 0:
        return following, following
    blank = text.find(" ", content)
    end = blank if blank >= 0 else len(text)
    return end, end


def _base64(word: bytes) -> bytes:
    word = _BASE64_JUNK.sub(b"", word)
    try:
        return binascii.a2b_base64(word[: len(word) - (len(word) % 4 == 1)] + b"==")
    except binascii.Error:
        return b""


def _quoted(word: bytes) -> bytes:
    return binascii.a2b_qp(word.replace(b" ", b"_"), header=True)
