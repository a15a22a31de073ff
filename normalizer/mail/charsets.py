"""Bytes to text, whatever the sender said about the charset. Called by headers and content.

The declared charset is believed when it decodes strictly and the outcome reads like writing. Otherwise: UTF-8, then the
five Cyrillic charsets judged by the frequency of letters, then charset-normalizer. A guess is reported, so that the
message can be flagged ``charset_guessed``.
"""

import codecs
import re
from collections import Counter
from functools import lru_cache

from charset_normalizer import from_bytes

ALIASES = {
    "ansi_x3.4-1968": "ascii",
    "ansi_x3.110-1983": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "window-1251": "cp1251",
    "windows-1251-1": "cp1251",
    "x-cp1251": "cp1251",
    "cp-1251": "cp1251",
    "ansi-1251": "cp1251",
    "koi8": "koi8_r",
    "koi-8-r": "koi8_r",
    "koi8r": "koi8_r",
    "cskoi8r": "koi8_r",
    "koi8-ru": "koi8_u",
    "cp-866": "cp866",
    "dos-866": "cp866",
    "x-cp866": "cp866",
    "alt": "cp866",
    "iso-ir-144": "iso8859_5",
    "x-mac-cyrillic": "mac_cyrillic",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "cp950",
    "x-x-big5": "cp950",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_2",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "utf8": "utf_8",
    "utf-8": "utf_8",
    "utf8mb4": "utf_8",
    "unicode-1-1-utf-7": "utf_7",
    "unicode": "utf_16",
}
_NOT_CHARSETS = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_BLIND = {"cp1252", "cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic"}
"""Single-byte charsets that decode almost anything, so that a wrong declaration goes unnoticed."""

CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866")
_SAMPLE = 1_500

_COMMON = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_WEIGHT = {letter: 1.0 - rank * 0.02 for rank, letter in enumerate(_COMMON)}
_CAPITALS = {letter.upper(): 0.25 for letter in _COMMON}
_HIGH = re.compile(r"[^\x00-\x7f]+")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_MIXED = re.compile(r"[а-яё][А-ЯЁ]|[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")
"""A capital inside a word, or a letter of another alphabet: the charset is another one."""

_CHINESE = re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]|[\x00-\x7f]++)*+\Z")
"""GB 2312 with its frequent characters and punctuation only."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")


@lru_cache(maxsize=512)
def lookup(name: str) -> str | None:
    """Python's name of the codec for a declared charset, or None if there is none or it is no charset."""
    cleaned = name.strip().strip("\"'").lower()
    if not cleaned or len(cleaned) > 40:
        return None
    try:
        found = codecs.lookup(ALIASES.get(cleaned, cleaned))
    except (LookupError, ValueError, UnicodeError):
        return None
    usable = getattr(found, "_is_text_encoding", True) and found.name.replace("-", "_") not in _NOT_CHARSETS
    return ALIASES.get(found.name, found.name) if usable else None


def decode(data: bytes, declared: str = "") -> tuple[str, bool]:
    """The text of ``data`` and whether its charset had to be guessed. Never raises; NUL is left for ``clean``."""
    codec = lookup(declared) if declared else None
    if data.isascii() and (codec is None or not codec.startswith(("iso2022", "utf-7", "utf-16", "utf-32", "hz"))):
        if b"\x1b$" in data or b"\x1b(" in data:
            return _strict(data, "iso2022_jp_2") or data.decode("ascii"), False
        return data.decode("ascii"), False
    if data.startswith(b"\xef\xbb\xbf"):
        codec = "utf-8"
        data = data[3:]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) > 3:
        codec = "utf_16"
    if codec is not None and codec not in ("ascii", "utf_8"):
        text = _strict(data, codec)
        if text is not None:
            return _doubt(data, codec, text) if codec in _BLIND else (text, False)
    text = _strict(data, "utf-8")
    if text is not None:
        return text, codec not in (None, "utf_8", "utf-8", "ascii")
    return _guess(data, codec), True


def clean(text: str) -> str:
    """Text as it may be stored: ``\\n`` line ends, no NUL or other control characters, no lone surrogates."""
    if "\r" in text or not text.isascii():
        text = _LINE_ENDS.sub("\n", text)
    return _CONTROLS.sub("", text)


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None


def _doubt(data: bytes, codec: str, text: str) -> tuple[str, bool]:
    """Decoded strictly by a charset that takes anything: is it what it says?"""
    high = sum(map(len, _HIGH_BYTES.findall(data, 0, _SAMPLE)))
    if high < 3:
        return text, False
    unicode = _strict(data, "utf-8")
    if unicode is not None:
        return unicode, True
    letters = sum(map(str.isalpha, text[:_SAMPLE]))
    if codec == "cp1252" and high < 0.5 * letters:
        return text, False
    as_declared = cyrillic_score(text[:_SAMPLE])
    if as_declared > 0.6:
        return text, False
    best, score = _best_cyrillic(data)
    if best != codec and score > 0.55 and score > as_declared + 0.2:
        guessed = _strict(data, best)
        if guessed is not None:
            return guessed, True
    return text, False


def cyrillic_score(text: str) -> float:
    """How much the characters above ASCII look like Russian: 0 for noise, about 0.85 for prose."""
    high = "".join(_HIGH.findall(text))
    if not high:
        return 0.0
    total = sum((_WEIGHT.get(char) or _CAPITALS.get(char, -0.5)) * count for char, count in Counter(high).items())
    return (total - len(_MIXED.findall(text))) / len(high)


def _best_cyrillic(data: bytes) -> tuple[str, float]:
    sample = data[:_SAMPLE]
    scored = [(cyrillic_score(sample.decode(codec, "replace")), codec) for codec in CYRILLIC]
    score, codec = max(scored, key=lambda pair: pair[0])
    return codec, score


def _guess(data: bytes, codec: str | None) -> str:
    """Not UTF-8 and not what it says, if it says anything."""
    high = sum(map(len, _HIGH_BYTES.findall(data)))
    for candidate in dict.fromkeys((codec or "utf-8", "utf-8")):
        text = data.decode(candidate, "replace")
        if candidate != "ascii" and candidate not in _BLIND and text.count("\ufffd") * 20 <= high:
            return text
    best, score = _best_cyrillic(data)
    if score > 0.5:
        return data.decode(best, "replace")
    if codec is not None and codec != "ascii" and codec not in _BLIND:
        return data.decode(codec, "replace")
    chinese = _strict(data, "gb18030") if _CHINESE.match(data[:_SAMPLE]) else None
    if chinese is not None:
        return chinese
    match = from_bytes(data[:_SAMPLE], cp_isolation=["utf_8", "cp1251", "koi8_r", "iso8859_5", "cp866"]).best()
    if match is not None and cyrillic_score(str(match)) > 0.4:
        return data.decode(match.encoding, "replace")
    match = from_bytes(data[:_SAMPLE]).best() if high > 8 else None
    return data.decode(match.encoding if match else "cp1252", "replace")
