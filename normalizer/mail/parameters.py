"""Parameters of Content-Type and Content-Disposition (RFC 2045, 2183, 2231). Called by parts."""

import re
from urllib.parse import unquote_to_bytes

from normalizer.mail import caps, charsets
from normalizer.mail.headers import decode_words, one_line

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_CONTINUED = re.compile(r"([^*]+)\*(\d{1,3})(\*?)\Z")


def parse(field: str) -> tuple[str, dict[str, str]]:
    """``text/plain; charset="x"`` to its value in lower case and its parameters by lower-case name.

    Parameters in parts (``name*0*=``) are joined, percent-encoded ones decoded by their charset, and encoded words,
    which have no business there and are everywhere, are decoded too.
    """
    value, semicolon, _ = field.partition(";")
    found: dict[str, str] = {}
    if not semicolon:
        return value.strip().lower(), found
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for number, match in enumerate(_PARAMETER.finditer(field)):
        if number >= caps.PARAMETERS:
            break
        name = match[1].lower()
        text = _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3].strip()
        if "*" not in name:
            found.setdefault(name, text)
            continue
        continued = _CONTINUED.match(name)
        if continued:
            pieces.setdefault(continued[1], {})[int(continued[2])] = (text, bool(continued[3]))
        else:
            pieces.setdefault(name.rstrip("*"), {})[0] = (text, True)
    for name, parts in pieces.items():
        found[name] = _join(parts)
    return value.strip().lower(), found


def _join(parts: dict[int, tuple[str, bool]]) -> str:
    """The pieces of one parameter in order; the first says the charset (RFC 2231, 4.1)."""
    charset = ""
    data = b""
    for number, (piece, encoded) in sorted(parts.items()):
        text = piece
        if encoded and number == min(parts) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        data += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return charsets.decode(data, charset)[0]


def file_name(parameters: dict[str, str]) -> str:
    """The name a part gives its file, decoded; ``""`` if it gives none. It is not safe to save under yet."""
    name = parameters.get("filename") or parameters.get("name") or ""
    return one_line(decode_words(name)) if name else ""
