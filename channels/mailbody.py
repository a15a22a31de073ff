"""A mail of ours, composed: headers, threading, text and HTML, files. Called by ``channels.mailout``; no I/O.

RFC 5322 for its shape, 3834 for what nobody wrote, 2369's and 2076's habits so that other programs see it as such.
Every value that somebody else wrote passes a guard: no header of ours has a line end or a control character in it.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from domain.outgoing import Parcel

MARKER = "X-Priyom"
"""On every mail that nobody wrote: another Priyom, or this one, never answers it by itself."""

_LONGEST_SUBJECT = 400
_QUOTED_LINES = 200
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_TOKEN_SAFE = re.compile(r"[^a-z0-9.-]")


def guarded(text: str) -> str:
    """On one line, without control, format or surrogate characters."""
    kept = (char if unicodedata.category(char)[0] != "C" else " " for char in text)
    return " ".join("".join(kept).split())


def plus_addressed(address: str, tag: str) -> str:
    """``support@example.org`` with ``t1.abc`` -> ``support+t1.abc@example.org``."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}@{domain}"


def message_id(parcel: Parcel, domain: str) -> str:
    """Without brackets. The ticket's token stands in it, so that an answer is known by its References alone."""
    return f"{parcel.token}.{_TOKEN_SAFE.sub('', parcel.key)}@{domain}"


def compose(
    parcel: Parcel, *, sender: str, sender_name: str, id_domain: str, tagged: bool, quote: bool
) -> EmailMessage:
    """The mail to be handed to the relay. ``tagged``: answers come to the plus-address of the ticket."""
    delivery = parcel.delivery
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender, sender_name)
    mail["To"] = _address(delivery.address, delivery.name)
    mail["Subject"] = guarded(delivery.subject)[:_LONGEST_SUBJECT] or "-"
    mail["Date"] = format_datetime(delivery.created_at)
    mail["Message-ID"] = f"<{message_id(parcel, id_domain)}>"
    if tagged:
        mail["Reply-To"] = _address(plus_addressed(sender, parcel.token), sender_name)
    answered = [one for one in map(guarded, delivery.references) if one and " " not in one]
    if answered:
        mail["In-Reply-To"] = f"<{answered[-1]}>"
        mail["References"] = " ".join(f"<{one}>" for one in answered)
    if delivery.automatic:
        mail["Auto-Submitted"] = "auto-replied" if answered else "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["Precedence"] = "bulk"
        mail[MARKER] = "automatic"
    quoted = delivery.quoted if quote and not delivery.automatic else ""
    mail.set_content(with_quote(delivery.text, quoted))
    mail.add_alternative(page(delivery.text, quoted), subtype="html")
    for file, content in parcel.files:
        main, _, sub = file.media_type.partition("/")
        if main in ("message", "multipart") or not sub:
            main, sub = "application", "octet-stream"
        mail.add_attachment(content, maintype=main, subtype=sub, filename=guarded(file.name) or "file")
    if delivery.language:
        mail["Content-Language"] = delivery.language  # last: each part that is added takes Content- fields with it
    return mail


def _address(address: str, name: str) -> MailAddress:
    local, _, domain = address.rpartition("@")
    return MailAddress(guarded(name)[:200], local, domain)


def with_quote(text: str, quoted: str) -> str:
    """The requester's last words below ours, as mail programs do it."""
    lines = quoted.strip("\n").splitlines()[:_QUOTED_LINES]
    if not lines:
        return text
    return text.rstrip("\n") + "\n\n" + "\n".join(f"> {line}".rstrip() for line in lines) + "\n"


def page(text: str, quoted: str) -> str:
    """The same as HTML: paragraphs, links that can be clicked, nothing else."""
    shown = "\n".join(_paragraphs(text))
    below = ""
    if quoted.strip():
        inner = "\n".join(_paragraphs("\n".join(quoted.strip("\n").splitlines()[:_QUOTED_LINES])))
        below = f'\n<blockquote style="margin:1em 0 0;padding-left:1em;border-left:2px solid #ccc">{inner}</blockquote>'
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>'
        f'<body style="font-family:sans-serif;line-height:1.5">\n{shown}{below}\n</body></html>\n'
    )


def _paragraphs(text: str) -> Iterable[str]:
    for block in re.split(r"\n{2,}", text.strip("\n")):
        yield "<p>" + "<br>\n".join(_linked(line) for line in block.splitlines()) + "</p>"


def _linked(line: str) -> str:
    parts, at = [], 0
    for match in _LINK.finditer(line):
        link = html.escape(match[0])
        parts += [html.escape(line[at : match.start()]), f'<a href="{link}">{link}</a>']
        at = match.end()
    return "".join((*parts, html.escape(line[at:])))
