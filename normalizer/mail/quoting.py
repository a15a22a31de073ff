"""The new part of a mail, the earlier mails below it, and the signature. Called by the pipeline with the whole text.

The rules look at one line at a time, or at a few neighbours, so that the time grows with the length only. They know
how Outlook, Gmail, Apple Mail, Thunderbird, Mail.ru and Yandex introduce a quotation in Russian, English, German,
French and Spanish. Every line goes to exactly one of the three; where the answers stand between the quoted lines, or
where the mail forwards another, everything stays in the text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from normalizer.mail import signatures
from normalizer.mail.markup import QUOTE_BEGINS, QUOTE_ENDS


@dataclass(frozen=True, slots=True)
class Split:
    """``full`` is the text without marks; it equals ``text`` where nothing was taken off."""

    text: str
    quoted: str
    signature: str
    full: str


_VERB = re.compile(
    r"\b(?:wrote|writes|schrieb(?:en)?|écrit|ecrit|escribió|escribio|escribe|пишет|писал(?:[аи]|\(-?а\))?|написал(?:[аи]|\(-?а\))?"
    r"|сообщил(?:[аи]|\(-?а\))?|scritto|schreef|escreveu|napisał)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}[:.hч]\d{2}")
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2}\b")
_ADDRESS_LAST = re.compile(
    r"(?:<[^<>\s]{1,200}@[^<>\s]{1,200}>|[\w.+-]{1,64}@[\w.-]{1,200}|\[mailto:[^\]\s]{1,200}\])[>\]\"'*\s]*:\Z"
)
_START = re.compile(
    r"\s*(?:On|Am|Le|El|Em|Op|Il|Den|At|W dniu|В|\d{1,4}[./ -]|[^\W\d]{2,11}\.?,? +(?:\d|den |the |le |el ))",
)
_SEPARATOR = re.compile(
    r"\s*[-–—_=*]{2,}\s*(?:Original (?:Message|Mail|Appointment)|Reply Message|Original"
    r"|Исходное (?:сообщение|письмо)|Оригинальное сообщение|Первоначальное сообщение"
    r"|Ursprüngliche Nachricht|Original-?nachricht|Message d.origine|Message original"
    r"|Mensaje original|Messaggio originale|Oorspronkelijk bericht|Mensagem original)[^-–—_=*\n]{0,60}[-–—_=*]*\s*\Z",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"\s*(?:[-–—_=*]{2,}\s*(?:Forwarded (?:message|mail)"
    r"|(?:Пересылаемое|Пересланное|Перенаправленное|Переадресованное) (?:сообщение|письмо)"
    r"|Переслано|Начало пересылаемого сообщения|Weitergeleitete (?:Nachricht|Mail)"
    r"|Message (?:transféré|transmis|réexpédié)|Mensaje reenviado|Messaggio inoltrato)"
    r"|Begin forwarded message\s*:|Начало пере\w{3,20} (?:сообщения|письма)\s*:"
    r"|Anfang der weitergeleiteten (?:Nachricht|E-Mail)\s*:"
    r"|Début du (?:message|courriel) (?:réexpédié|transféré)\s*:|Inicio del mensaje reenviado\s*:)",
    re.IGNORECASE,
)
_FORWARD_SUBJECT = re.compile(r"\s*(?:fwd?|fw|wg|tr|rv|i|пересл|пересл\.|fwd\(\d+\)|enc)\s*:", re.IGNORECASE)
_FROM_LABEL = re.compile(
    r"[\s*_]*(?:From|От|От кого|Von|De|Da|Expéditeur|Absender|Remitente)[*_]*\s*:[*_]*\s*\S",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"[\s*_]*(?P<label>From|Sent|Date|To|Cc|Subject|Importance|Reply-To"
    r"|От|От кого|Отправлено|Дата|Дата и время|Кому|Копия|Тема"
    r"|Von|Gesendet|Datum|An|Kopie|Betreff|Envoyé|À|A|Objet|De|Enviado(?: el)?|Fecha|Para|Asunto)[*_]*\s*:",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*[_-]{10,}\s*\Z")
_LONGEST = 400
"""Characters of a line that may introduce a quotation."""


def split(text: str, subject: str = "") -> Split:
    """Takes a text apart; ``text`` is never left empty by it."""
    lines, marked = _lines(text)
    full = "\n".join(lines).strip("\n")
    quoted_lines = [
        mark or line.startswith((">", "&gt;")) or line.lstrip().startswith(">")
        for line, mark in zip(lines, marked, strict=True)
    ]
    cut, forward = _first_cut(lines, quoted_lines, _FORWARD_SUBJECT.match(subject) is not None)
    if forward:
        return Split(full, "", "", full)
    owners = _owners(lines, quoted_lines, cut)
    own = [line for line, owner in zip(lines, owners, strict=True) if owner == "text"]
    if not any(map(_tells, own)):
        return Split(full, "", "", full)
    begin = signatures.begin(own)
    quoted = [line for line, owner in zip(lines, owners, strict=True) if owner == "quoted"]
    footer = [line for line, owner in zip(lines, owners, strict=True) if owner == "signature"]
    return Split(
        _joined(own[:begin]),
        _joined(quoted),
        _joined([*own[begin:], *footer]),
        full,
    )


def _lines(text: str) -> tuple[list[str], list[bool]]:
    """Lines without the marks of quoted HTML, and for each whether it stood between marks."""
    lines = text.split("\n")
    if QUOTE_BEGINS not in text:
        return lines, [False] * len(lines)
    kept: list[str] = []
    marked: list[bool] = []
    depth = 0
    for line in lines:
        begins, ends = line.count(QUOTE_BEGINS), line.count(QUOTE_ENDS)
        if begins or ends:
            rest = line.replace(QUOTE_BEGINS, "").replace(QUOTE_ENDS, "")
            if rest.strip():
                kept.append(rest)
                marked.append(depth + begins > 0)
            depth = max(0, depth + begins - ends)
            continue
        kept.append(line)
        marked.append(depth > 0)
    return kept, marked


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()


def _tells(line: str) -> bool:
    """A line with a letter or a digit in it."""
    return any(map(str.isalnum, line))


def _first_cut(lines: Sequence[str], quoted: Sequence[bool], forwards: bool) -> tuple[int, bool]:
    """Where an earlier mail begins that is not marked line by line (else ``len(lines)``); whether the mail forwards."""
    for index, line in enumerate(lines):
        if not line or len(line) > _LONGEST or (quoted[index] and not forwards):
            if quoted[index] and line and _first_quoted(quoted, index) and _FORWARD.match(line):
                return index, True
            continue
        last = line.rstrip()[-1:]
        if (last in ("-", "—", "–", "_", "=", "*", ":") or "---" in line) and _FORWARD.match(line):
            return index, True
        if last in ("-", "—", "–", "_", "=", "*") and _SEPARATOR.match(line):
            return index, forwards
        if ":" in line and _FROM_LABEL.match(line) and _is_header_block(lines, index):
            return _with_rule(lines, index), forwards
        if last == ":" and not quoted[index]:
            begin = _attribution(lines, quoted, index)
            if begin is not None and not _quoted_below(quoted, lines, index):
                return begin, forwards
    return len(lines), False


def _first_quoted(quoted: Sequence[bool], index: int) -> bool:
    """Whether a quoted line is among the first of its block: there a forwarding program names what it forwards."""
    return index < 3 or not quoted[index - 3]


def _is_header_block(lines: Sequence[str], index: int) -> bool:
    """``From:`` with at least two other fields of a mail in the lines below it."""
    labels = set()
    for line in lines[index + 1 : index + 9]:
        found = _LABEL.match(line)
        if found:
            labels.add(found["label"].lower())
    return len(labels) >= 2


def _with_rule(lines: Sequence[str], index: int) -> int:
    """The line that Outlook draws above its block belongs to it."""
    above = index - 1
    while above >= 0 and index - above <= 2 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and _RULE.match(lines[above]) else index


def _attribution(lines: Sequence[str], quoted: Sequence[bool], index: int) -> int | None:
    """The first line of "On ... wrote:" if it ends at ``index``; mail programs wrap it over up to three lines."""
    if _introduces(lines[index].strip()) and (_START.match(lines[index]) or not _wrapped(lines, quoted, index)):
        return index
    joined = lines[index].strip()
    for above in range(index - 1, max(-1, index - 3), -1):
        line = lines[above]
        if not line.strip() or quoted[above] or len(line) > 200:
            break
        joined = f"{line.strip()} {joined}"
        if _START.match(line) and _introduces(joined):
            return above
    return index if _introduces(lines[index].strip()) else None


def _wrapped(lines: Sequence[str], quoted: Sequence[bool], index: int) -> bool:
    """Whether the line above may be the beginning of a wrapped introduction."""
    return index > 0 and not quoted[index - 1] and bool(lines[index - 1].strip()) and len(lines[index - 1]) <= 200


def _introduces(line: str) -> bool:
    """A verb of writing with a date or an address, or a date and time with an address at the very end."""
    if len(line) > _LONGEST:
        return False
    tail = line.rstrip(": *_")[-120:]
    if _VERB.search(tail) and ("@" in line or (_TIME.search(line) or _DATE.search(line))):
        return True
    return bool((_TIME.search(line) or _DATE.search(line)) and _ADDRESS_LAST.search(line[-240:]))


def _quoted_below(quoted: Sequence[bool], lines: Sequence[str], index: int) -> bool:
    """Whether the lines after the introduction are marked as quoted one by one."""
    for below in range(index + 1, min(len(lines), index + 5)):
        if lines[below].strip():
            return quoted[below]
    return False


def _owners(lines: Sequence[str], quoted: Sequence[bool], cut: int) -> list[str]:
    """For each line ``text``, ``quoted`` or ``signature``; below ``cut`` everything is quoted."""
    blocks = _blocks(lines, quoted, cut)
    owners = ["text"] * cut + ["quoted"] * (len(lines) - cut)
    if not blocks:
        return owners
    above = any(map(_tells, lines[: blocks[0][0]]))
    below = lines[blocks[-1][1] : cut]
    between = any(any(map(_tells, lines[end:begin])) for (_, end), (begin, _) in pairwise(blocks))
    footer = signatures.is_footer(below)
    if between or (above and not footer):
        return owners
    for begin, end in blocks:
        owners[begin:end] = ["quoted"] * (end - begin)
    owners[blocks[0][0] : blocks[-1][1]] = ["quoted"] * (blocks[-1][1] - blocks[0][0])
    if above and footer:
        owners[blocks[-1][1] : cut] = ["signature"] * len(below)
    return owners


def _blocks(lines: Sequence[str], quoted: Sequence[bool], cut: int) -> list[tuple[int, int]]:
    """Runs of quoted lines with what introduces them; a line between two quoted ones is a wrapped end of the first."""
    blocks: list[tuple[int, int]] = []
    index = 0
    while index < cut:
        if not quoted[index]:
            index += 1
            continue
        end = index
        while end < cut and (
            quoted[end]
            or (end + 1 < cut and quoted[end + 1] and _broken(lines[end]))
            or _blank_within(lines, quoted, end, cut)
        ):
            end += 1
        begin = _introduced_at(lines, quoted, index, blocks[-1][1] if blocks else 0)
        if blocks and not any(line.strip() for line in lines[blocks[-1][1] : begin]):
            blocks[-1] = (blocks[-1][0], end)
        else:
            blocks.append((begin, end))
        index = end
    return blocks


def _broken(line: str) -> bool:
    """Short enough to be the end of a quoted line that was wrapped without its mark, and no sentence of its own."""
    return 0 < len(line.strip()) <= 20 and not line.strip().endswith((".", "!", "?", ":"))


def _blank_within(lines: Sequence[str], quoted: Sequence[bool], index: int, cut: int) -> bool:
    return not lines[index].strip() and index + 1 < cut and quoted[index + 1]


def _introduced_at(lines: Sequence[str], quoted: Sequence[bool], index: int, lowest: int) -> int:
    """Where the introduction of the block at ``index`` begins; ``index`` itself if it has none."""
    above = index - 1
    while above >= lowest and index - above <= 3 and not lines[above].strip():
        above -= 1
    if above >= lowest and _RULE.match(lines[above]):
        return above
    if above < lowest or quoted[above] or not lines[above].rstrip().endswith(":"):
        return index
    begin = _attribution(lines, quoted, above)
    return index if begin is None or begin < lowest else begin
