"""Address lists (RFC 5322, 3.4) to addresses. Called by parties.

Not the standard library's parser: that one recurses on comments and has no strict mode in 3.11. This is one pass of
tokens over a field whose length is capped; what it does not understand it passes over, and if nothing is left it takes
whatever looks like an address.
"""

import contextlib
import re

from domain.message import Address
from normalizer.mail import caps
from normalizer.mail.headers import decode_words, one_line

_TOKEN = re.compile(
    r"(?P<word>=\?[^?\s]*\?[bBqQ]\?[^?]*\?=)"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"?'
    r"|<(?P<angle>[^<>]*)>?"
    r"|(?P<mark>[(),;:>])"
    r'|(?P<atom>(?:(?!=\?)[^\s"<>(),;:])+|=)'
    r"|(?P<blank>\s+)",
    re.DOTALL,
)
_ANYWHERE = re.compile(r"[^\s<>\"'(),;:\[\]]{1,64}@[^\s<>\"'(),;:\[\]]{1,255}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SIMPLE = re.compile(
    r"(?:\"?([^\"\\<>@,;:()=]*)\"?\s*<([^\s<>@,;:()\"]+@[^\s<>@,;:()\"]+)>|([^\s<>@,;:()\"]+@[^\s<>@,;:()\"]+))\s*\Z"
)
_QUOTED_LOCAL = re.compile(r'"[^"\\]{1,64}"@')
NOBODY = Address(channel="email", address="")


def parse(field: str) -> tuple[tuple[Address, ...], bool]:
    """The addresses of a field whose encoded words are not decoded yet, and whether some were cut off."""
    simple = _SIMPLE.match(field)
    if simple:
        return (make(simple[2] or simple[3], simple[1] or ""),), False
    found: list[Address] = []
    words: list[str] = []
    comment: list[str] = []
    angle = ""
    depth = 0
    for token in _TOKEN.finditer(field):
        kind = token.lastgroup
        value = token[0]
        if kind == "mark" and value == "(":
            depth += 1
        elif kind == "mark" and value == ")":
            depth = max(0, depth - 1)
        elif depth:
            comment.append(value)
        elif kind == "mark" and value in ",;":
            _close(found, words, comment, angle)
            words, comment, angle = [], [], ""
            if len(found) > caps.ADDRESSES:
                return tuple(found[: caps.ADDRESSES]), True
        elif kind == "mark" and value == ":":
            words = []
        elif kind == "angle":
            angle = angle or token["angle"].strip()
        elif kind == "quoted":
            words.append(_ESCAPED.sub(r"\1", token["quoted"]))
        elif kind != "mark":
            words.append(value)
    _close(found, words, comment, angle)
    if not any(one.address for one in found):
        found += [make(match[0], "") for match in _ANYWHERE.finditer(field[:4096])]
    named = [one for one in found if one.address] or found
    return tuple(named[: caps.ADDRESSES]), len(named) > caps.ADDRESSES


def _close(found: list[Address], words: list[str], comment: list[str], angle: str) -> None:
    """One address is complete: ``Name <a@b>``, ``a@b (Name)`` or ``a@b``."""
    phrase = "".join(words).strip()
    if not angle:
        at = next((index for index in range(len(words) - 1, -1, -1) if "@" in words[index]), None)
        if at is not None:
            local = f'"{words[at - 1]}"' if at and words[at].startswith("@") else ""
            angle = local + words[at]
            phrase = "".join(words[: at - bool(local)]).strip()
    if angle or phrase:
        found.append(make(angle, phrase or "".join(comment)))


def make(address: str, name: str) -> Address:
    """A normalised address; the name decoded, on one line, without the quotes that some put inside."""
    if "=?" in address:
        address = decode_words(address)
    if "=?" in name:
        name = decode_words(name)
    name = one_line(name).strip("\"' ")[: caps.NAME]
    normal = normalize(address)
    return Address(channel="email", address=normal, name="" if name.lower() == normal else name)


def normalize(address: str) -> str:
    """Lower-case, the domain out of punycode (RFC 5891), no source route, no blanks; ``""`` if it is no address."""
    address = one_line(address).strip("<>' ").lower()
    if not _QUOTED_LOCAL.match(address):
        address = address.replace('"', "").strip("' ").replace("\\", "")
    if address.startswith("mailto:"):
        address = address[7:]
    if address.startswith("@") and ":" in address:
        address = address.rpartition(":")[2]
    local, at, domain = address.rpartition("@")
    local, domain = local.strip(), domain.strip().rstrip(".")
    if not at or not local or not domain or len(address) > caps.ADDRESS or " " in domain:
        return ""
    if "xn--" in domain:
        with contextlib.suppress(UnicodeError, ValueError):
            domain = domain.encode("ascii").decode("idna")
    return f"{local}@{domain}"
