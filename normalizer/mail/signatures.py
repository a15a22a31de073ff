"""Where a signature begins. Called by quoting with the lines of the new part."""

import re
from collections.abc import Sequence

_DEVICE = re.compile(
    r"\s*(?:Sent (?:from|with|via|by) (?:my |the )?\w"
    r"|Отправлено (?:с |из |через |от )\w"
    r"|Отправлено из мобильн"
    r"|Послано с \w"
    r"|Gesendet (?:von|mit|über|aus) \w"
    r"|Von meinem .{2,40} gesendet"
    r"|Diese Nachricht wurde von meinem"
    r"|Envoyé (?:de|depuis|avec|à partir) \w"
    r"|Enviado (?:desde|do|con|de) \w"
    r"|Get Outlook for |Скачать Outlook|Скачайте Outlook|Получить Outlook|Obtenir Outlook"
    r"|Outlook für .{2,20} (?:holen|beziehen))",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\s*(?:С\s+(?:глубоким\s+|большим\s+|искренним\s+)?уважением"
    r"|С\s+наилучшими(?:\s+пожеланиями)?|Всего\s+(?:доброго|хорошего|наилучшего)|Хорошего\s+(?:вам\s+)?дня|Заранее\s+благодар\w+"
    r"|(?:With\s+)?(?:Best|Kind|Warm|Kindest|Warmest|Many)?\s*regards|Best\s+wishes|(?:Yours\s+)?sincerely(?:\s+yours)?"
    r"|Yours\s+(?:faithfully|truly)|Cheers|All\s+the\s+best|Thanks\s+(?:and|&)\s+regards|Best"
    r"|Mit\s+(?:freundlichen?|besten|herzlichen|vielen)\s+Gr(?:ü|ue)(?:ß|ss)en?|(?:Freundliche|Viele|Beste|Liebe|Herzliche)\s+Gr(?:ü|ue)(?:ß|ss)e|MfG|LG"
    r"|(?:Bien\s+)?cordialement|Bien\s+à\s+vous|(?:Sincères|Meilleures|Cordiales)\s+salutations"
    r"|(?:Un\s+(?:cordial\s+)?)?saludos?(?:\s+cordiales)?|Atentamente|Cordialmente)"
    r"(?!\w)(?P<rest>[^?]{0,45}\Z)",
    re.IGNORECASE,
)
_FOOTER = re.compile(r"\s*[_=*-]{20,}\s*\Z")
_DELIMITERS = frozenset({"--", "---", "—", "–"})
_REACH = 40
"""Lines from the end in which a delimiter is looked for."""


def begin(lines: Sequence[str]) -> int:
    """The index of the first line of the signature, or ``len(lines)``. Something is always left above it."""
    last = len(lines)
    while last and not lines[last - 1].strip():
        last -= 1
    top = max(0, last - _REACH)
    first = 0
    while first < last and not lines[first].strip():
        first += 1
    found = len(lines)
    for index in range(last - 1, max(top, first + 1) - 1, -1):
        line = lines[index]
        if len(line) > 120:
            if index < last - 8:
                break
            continue
        stripped = line.strip()
        if (
            (stripped == "--" and index > first)
            or (stripped in _DELIMITERS and last - index <= 12)
            or (
                stripped
                and (
                    (closes(stripped) and _short_below(lines, index, last))
                    or (_DEVICE.match(stripped) and _short_below(lines, index, last))
                    or (_FOOTER.match(stripped) and last - index <= 8)
                )
            )
        ):
            found = index
    return found if any(line.strip() for line in lines[:found]) else len(lines)


def closes(line: str) -> bool:
    """A polite phrase that ends a letter, with no more than a name behind it."""
    found = _CLOSING.match(line)
    return found is not None and len(found["rest"].split()) <= 5


def _short_below(lines: Sequence[str], index: int, last: int) -> bool:
    """A signature is a few short lines; text that goes on below a polite phrase is text."""
    below = [line for line in lines[index + 1 : last] if line.strip()]
    return len(below) <= 14 and all(len(line) <= 120 for line in below)


def is_footer(lines: Sequence[str]) -> bool:
    """Whether these lines, found below quoted text, are nothing but a signature or a list's footer."""
    filled = [line for line in lines if line.strip()]
    if not filled:
        return True
    first = filled[0].strip()
    if first in _DELIMITERS or _FOOTER.match(first):
        return len(filled) <= _REACH
    return bool(len(filled) <= 15 and (closes(first) or _DEVICE.match(first)))
