"""Telephone numbers as telephone systems write them -> E.164, with what can be told of them. Called by
``normalizer.ivr``.

A caller's number is a hint and never a proof: networks let it be forged.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from normalizer.mail.headers import one_line

_LONGEST = 200
_SCHEME = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_BRACKETED = re.compile(r"<([^<>]*)>")
_EXTENSION = re.compile(
    r"(?:[;,]\s*ext\s*[=.:]?|,|\s*(?:доб(?:авочный)?|доп|вн(?:утр)?|ext(?:ension)?|extn|x|#)\s*[.:=]?)\s*(\d{1,7})\s*$",
    re.IGNORECASE,
)
_WITHHELD_WORDS = frozenset(
    {
        *("anonymous", "anon", "private", "restricted", "blocked", "unavailable", "unknown", "withheld", "hidden"),
        *("аноним", "анонимный", "скрыт", "скрытый", "неизвестный", "неопределен", "неопределён"),
    }
)
_WITHHELD_NUMBERS = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})
"""ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a keypad: they stand for a number that is hidden."""
_SHORT = 6
"""Digits up to which a number that exists nowhere is an extension or a service of the PBX's own."""
_OLD_TRUNK = re.compile(r"\+8(\d{10})")
"""A Russian trunk prefix behind a plus sign: ``+8916...`` for ``+7916...``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """``e164``: also where the number cannot exist, which ``valid`` says. ``internal``: of the PBX, in ``name`` as it
    is dialled there."""

    raw: str
    e164: str | None = None
    valid: bool = False
    internal: bool = False
    withheld: bool = False
    extension: str | None = None
    name: str = ""


def read(text: str, region: str = "RU") -> Telephone:
    """``region``: where a number without a country code belongs."""
    raw = one_line(text)[:_LONGEST]
    bare, extension = _bare(raw)
    digits = re.sub(r"\D", "", bare)
    if bare.casefold() in _WITHHELD_WORDS or digits in _WITHHELD_NUMBERS:
        return Telephone(raw=raw, withheld=True)
    if not digits:
        return Telephone(raw=raw, internal=bool(bare), name=bare)
    number = _parsed(bare, region)
    valid = number is not None and phonenumbers.is_valid_number(number)
    if not valid and _is_internal(bare, digits):
        return Telephone(raw=raw, internal=True, name=bare)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164) if number is not None else None
    return Telephone(raw=raw, e164=e164, valid=valid, extension=extension)


def _bare(raw: str) -> tuple[str, str | None]:
    """What is dialled, and the extension behind it: without display name, scheme, host and parameters."""
    bracketed = _BRACKETED.search(raw)
    text = _SCHEME.sub("", (bracketed[1] if bracketed else raw).strip())
    extension = None
    if found := _EXTENSION.search(text.partition("@")[0]):
        behind = text[: found.start()]
        if re.search(r"\d{4}", re.sub(r"\D", "", behind)):
            text, extension = behind, found[1]
    return unquote(text.partition("@")[0].partition(";")[0]).strip(), extension


def _is_internal(bare: str, digits: str) -> bool:
    """A name of the PBX, or a number too short for the world. What begins with a plus sign is meant for the world."""
    return any(map(str.isalpha, bare)) or (len(digits) <= _SHORT and not bare.startswith("+"))


def _parsed(text: str, region: str) -> PhoneNumber | None:
    compact = re.sub(r"[^\d+]", "", text)
    number = _attempt(compact, region)
    if (number is None or not phonenumbers.is_valid_number(number)) and (old := _OLD_TRUNK.fullmatch(compact)):
        meant = _attempt(f"+7{old[1]}", region)
        if meant is not None and phonenumbers.is_valid_number(meant):
            return meant
    return number


def _attempt(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None
