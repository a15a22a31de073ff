"""What there is to read in a mail and what is attached to it. Called by the pipeline's second step.

Walks the tree once. Text parts become units of plain text and HTML; an attached mail is shown below a header block and
attached too; signed and encrypted parts are kept as they are and flagged; winmail.dat, uuencoded files and invitations
are opened. Everything else is an attachment.
"""

import hashlib
import re
from dataclasses import dataclass, field

from domain.ids import BlobKey
from domain.message import Attachment
from normalizer.mail import calendar, caps, charsets, files, flowed, headers, markup, tnef, transfer
from normalizer.mail.headers import Headers
from normalizer.mail.parts import Part

_HTML_START = re.compile(r"\s*<(?:!doctype html|html|body|head)\b", re.IGNORECASE)
_BINARY = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_PGP = "-----BEGIN PGP "
_SIGNED = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_REPORTS = ("message/delivery-status", "message/global-delivery-status", "message/disposition-notification")
_NO_HTML = re.compile(
    r"\W*(?:this (?:message|e-?mail) (?:is in|contains|requires) (?:html|an html)|(?:your|ваш[аи]?) .{0,80}html)",
    re.IGNORECASE,
)
_PROSE = ("text/plain", "text/html", "text/enriched")
_FILES = ("text/vcard", "text/x-vcard", "text/directory", "text/rtf", "text/css", "text/csv", "text/xml")
_WIDE = ("utf-16", "utf-32", "unicode", "utf16", "ucs")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_SHOWN = ("from", "date", "to", "cc", "subject")


@dataclass(slots=True)
class Unit:
    """One thing to read: the plain text, the HTML, or both forms of the same."""

    plain: str = ""
    html: str = ""


@dataclass(slots=True)
class Content:
    """What the walk has gathered."""

    units: list[Unit] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    contents: dict[BlobKey, bytes] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    reports: list[Part] = field(default_factory=list)
    """Delivery reports, for ``bounces``."""
    returned: list[Headers] = field(default_factory=list)
    """Header fields of mails that came back or were attached."""

    def attach(
        self, data: bytes, name: str, declared: str, content_id: str | None = None, *, inline: bool = False
    ) -> None:
        media_type = files.sniff(data, declared, name)
        blob = BlobKey(hashlib.sha256(data).hexdigest())
        self.contents[blob] = data
        self.attachments.append(
            Attachment(
                blob=blob,
                name=files.safe_name(name, media_type, len(self.attachments) + 1),
                size=len(data),
                media_type=media_type,
                declared_type=declared[:200],
                content_id=content_id,
                inline=inline,
            )
        )


def gather(root: Part) -> Content:
    """Everything in the mail."""
    content = Content()
    _walk(root, content, root=True, report=root.media_type == "multipart/report", related=False)
    return content


def _walk(part: Part, content: Content, *, root: bool, report: bool, related: bool) -> None:
    kind = part.media_type
    if kind.startswith("multipart/"):
        _walk_multipart(part, content, report=report or kind == "multipart/report", related=related)
    elif kind in _REPORTS:
        content.reports.append(part)
        content.attach(part.content(), part.name, kind)
    elif part.children:
        _attached_mail(part, content, shown=not report)
    elif kind == "text/rfc822-headers":
        content.returned.append(_headers_of(part))
        content.attach(part.content(), part.name or "headers.txt", kind)
    elif kind.startswith("text/") or (
        root and kind in ("message/partial", "application/octet-stream") and not part.name
    ):
        _text(part, content, root=root, related=related)
    else:
        _file(part, content, related=related)
    if kind == "message/partial":
        content.flags.add("partial")


def _walk_multipart(part: Part, content: Content, *, report: bool, related: bool) -> None:
    kind = part.media_type
    if not part.children:
        body = part.body
        if body.strip():
            content.attach(body, part.name, "application/octet-stream")
        return
    if kind == "multipart/encrypted":
        content.flags.add("encrypted")
        for child in part.children:
            content.attach(child.content(), child.name, child.media_type)
    elif kind == "multipart/alternative":
        _alternative(part, content, report=report)
    else:
        if kind == "multipart/signed":
            content.flags.add("signed")
        related = related or kind == "multipart/related"
        for child in part.children:
            _walk(child, content, root=False, report=report, related=related)


def _alternative(part: Part, content: Content, *, report: bool) -> None:
    """Forms of one thing (RFC 2046, 5.1.4): gathered apart, then the texts made one unit."""
    inner = Content(attachments=content.attachments, contents=content.contents, flags=content.flags)
    inner.reports, inner.returned = content.reports, content.returned
    for child in part.children:
        if child.media_type not in ("text/x-amp-html", "text/watch-html"):
            _walk(child, inner, root=False, report=report, related=child.media_type == "multipart/related")
    plain = [unit.plain for unit in inner.units if unit.plain and not unit.html]
    html = [unit.html for unit in inner.units if unit.html]
    if plain or html:
        usable = "\n\n".join(text for text in plain if not (html and _is_stub(text)))
        content.units.append(Unit(plain=usable, html="\n".join(html)))


def _is_stub(text: str) -> bool:
    """A plain part that only says that there is an HTML part."""
    stripped = text.strip()
    return not stripped or (len(stripped) < 300 and _NO_HTML.match(stripped) is not None)


def _text(part: Part, content: Content, *, root: bool, related: bool) -> None:
    """A text part: shown, or attached if it says so, is named, or is no text at all."""
    data = part.content()
    kind = part.media_type
    wide = part.parameters.get("charset", "").lower().startswith(_WIDE)
    if data.startswith(_BINARY) or (not wide and _is_binary(data[:512])):
        content.attach(data, part.name, kind, part.content_id)
        return
    if kind == "text/calendar":
        _invitation(part, data, content)
        return
    named = bool(part.name) and (bool(content.units) or kind not in _PROSE)
    if not root and (part.disposition == "attachment" or named or kind in _FILES):
        content.attach(data, part.name, kind, part.content_id, inline=related and part.content_id is not None)
        return
    text = read_text(part, data, content.flags)
    if kind in ("text/html", "text/enriched") or (kind == "text/plain" and _HTML_START.match(text[:200])):
        content.units.append(Unit(html=text))
        return
    if part.parameters.get("format", "").lower() == "flowed":
        text = flowed.unwrap(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    if "begin" in text:
        text, taken = transfer.take_uuencoded(text)
        for name, file in taken:
            content.attach(file, name, "application/octet-stream")
    if _PGP in text:
        content.flags.add("encrypted" if f"{_PGP}MESSAGE" in text else "signed" if f"{_PGP}SIGNED" in text else "pgp")
    content.units.append(Unit(plain=text))


def _is_binary(sample: bytes) -> bool:
    """Full of bytes that no text has; a few stray ones are taken out of a text instead."""
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    return len(sample) - len(sample.translate(None, _CONTROLS)) > max(8, len(sample) // 10)


def read_text(part: Part, data: bytes, flags: set[str]) -> str:
    """A text part's bytes as text, cut at the cap."""
    limit = caps.TEXT * 4
    if len(data) > limit:
        data = data[:limit]
        flags.add("capped:text")
    text, guessed = charsets.decode(data, part.parameters.get("charset", ""))
    if guessed:
        flags.add("charset_guessed")
    if len(text) > caps.TEXT:
        text = text[: caps.TEXT]
        flags.add("capped:text")
    return charsets.clean(text).replace(markup.QUOTE_BEGINS, "").replace(markup.QUOTE_ENDS, "")


def _invitation(part: Part, data: bytes, content: Content) -> None:
    """An invitation is told in words and attached."""
    shown = calendar.tell(data, part.parameters.get("charset", ""))
    if shown:
        content.units.append(Unit(plain=shown))
    content.attach(data, part.name or "invite.ics", part.media_type, part.content_id)


def _attached_mail(part: Part, content: Content, *, shown: bool) -> None:
    """A mail inside the mail: attached as it is; shown below a header block unless it is one that came back."""
    inner = part.children[0]
    content.returned.append(inner.headers)
    subject = inner.headers.text("subject")
    raw = part.content() if part.encoding in ("base64", "quoted-printable") else part.body
    if shown:
        position = len(content.units)
        _walk(inner, content, root=True, report=inner.media_type == "multipart/report", related=False)
        content.units.insert(position, Unit(plain=header_block(inner.headers)))
    content.attach(raw, part.name or (f"{subject[:80]}.eml" if subject else "message.eml"), part.media_type)


def header_block(fields: Headers) -> str:
    """The fields of an attached mail as a reader wants them."""
    shown = [f"{name.title()}: {fields.text(name)[:500]}" for name in _SHOWN if name in fields]
    return "\n".join(["---------- Forwarded message ----------", *shown])


def _headers_of(part: Part) -> Headers:
    data = part.content()
    return headers.parse(data, 0, len(data))[0]


def _file(part: Part, content: Content, *, related: bool) -> None:
    """Everything that is not text."""
    data = part.content()
    kind = part.media_type
    if kind in _SIGNED:
        content.flags.add("signed")
    elif kind in _SMIME:
        signed = part.parameters.get("smime-type", "").lower().startswith("signed")
        content.flags.add("signed" if signed else "encrypted")
        content.attach(data, part.name or "smime.p7m", kind)
        return
    elif (kind in _TNEF or part.name.lower() == "winmail.dat") and _open_tnef(data, content):
        return
    content_id = part.content_id
    inline = part.disposition == "inline" or (content_id is not None and related and part.disposition != "attachment")
    content.attach(data, part.name, kind, content_id, inline=inline and content_id is not None)


def _open_tnef(data: bytes, content: Content) -> bool:
    """The files inside Outlook's winmail.dat, and its text if the mail has none."""
    opened = tnef.read(data)
    if opened is None or not (opened.files or opened.text or opened.html):
        return False
    content.flags.add("tnef")
    for name, file in opened.files:
        content.attach(file, name, "application/octet-stream")
    if (opened.text or opened.html) and not any(unit.plain.strip() or unit.html for unit in content.units):
        content.units.append(Unit(plain=opened.text, html=opened.html))
    return True
