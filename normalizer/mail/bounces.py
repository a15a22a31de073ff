"""Delivery reports: which of our mails did not arrive, and why. Called by automatic and the pipeline.

RFC 3464 and RFC 8098 reports are parsed; for servers that only write prose, the addresses and codes are taken from it.
"""

import re

from domain.message import Bounce
from normalizer.mail import addresses, caps, headers, thread
from normalizer.mail.content import Content
from normalizer.mail.headers import Headers
from normalizer.mail.parts import Part

_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
_REJECTED = re.compile(r"automatic-action/[^;]*;\s*(?:deleted|denied|failed)", re.IGNORECASE)
"""A filter threw the mail away unseen (RFC 5429, 2.2 answers so); a person's "deleted" is no failure."""

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_PROSE_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
_DELAYED = re.compile(
    r"\bdelay|not yet been delivered|will be retried|keep trying|still being retried|задержан|отложен", re.IGNORECASE
)
_ADDRESS = re.compile(r"<?([\w.+=/'#&%!$*~^{}|-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,10})>?")
_RETURNED_ID = re.compile(r"^[> \t]*Message-ID:[ \t]*<([^<>\s]{1,512})>", re.IGNORECASE | re.MULTILINE)


def read(content: Content) -> tuple[Bounce, ...]:
    """The recipients that the mail's reports tell of."""
    returned = _returned_id(content.returned)
    found: list[Bounce] = []
    for report in content.reports:
        found += _from_report(report, returned)
        if len(found) >= caps.BOUNCES:
            break
    return tuple(dict.fromkeys(found))[: caps.BOUNCES]


def _from_report(report: Part, returned: str | None) -> list[Bounce]:
    blocks = _blocks(report)
    if report.media_type == "message/disposition-notification":
        fields = blocks[0] if blocks else Headers({})
        original = thread.ids(fields.plain("original-message-id"))
        return [
            Bounce(
                action="failed" if _REJECTED.search(fields.plain("disposition")) else "",
                recipient=_recipient(fields, "final-recipient", "original-recipient"),
                status="",
                diagnostic=fields.text("disposition")[:500],
                message_id=original[0] if original else returned,
            )
        ]
    named = [
        block for block in blocks if "final-recipient" in block or "original-recipient" in block or "action" in block
    ]
    return [_bounce(block, returned) for block in named[: caps.BOUNCES]]


def _bounce(block: Headers, returned: str | None) -> Bounce:
    action = block.text("action").lower().partition(" ")[0].strip(";,")
    status = _STATUS.search(block.text("status")) or _STATUS.search(block.text("diagnostic-code"))
    action = "failed" if action.startswith("fail") else action
    if action not in _ACTIONS:
        action = {"5": "failed", "4": "delayed", "2": "delivered"}.get(status[1], "") if status else ""
    return Bounce(
        action=action,  # type: ignore[arg-type]
        recipient=_recipient(block, "original-recipient", "final-recipient"),
        status=status[0] if status else "",
        diagnostic=block.text("diagnostic-code").partition(";")[2].strip()[:500] or block.text("diagnostic-code")[:500],
        message_id=returned,
    )


def _recipient(block: Headers, *names: str) -> str:
    """``rfc822; someone@example.org`` to the address; the field that has one first."""
    for name in names:
        value = block.plain(name)
        address = addresses.normalize(value.rpartition(";")[2])
        if address:
            return address
    return ""


def _blocks(report: Part) -> list[Headers]:
    """The groups of fields that blank lines part (RFC 3464, 2.1)."""
    inner = report.content().replace(b"\r\n", b"\n")
    found = []
    for block in re.split(rb"\n[ \t]*\n", inner)[: caps.BOUNCES * 2]:
        fields, _ = headers.parse(block, 0, len(block)) if block.strip() else (None, 0)
        if fields is not None and fields.fields:
            found.append(fields)
    return found


def _returned_id(returned: list[Headers]) -> str | None:
    for fields in returned:
        found = thread.ids(fields.plain("message-id"))
        if found:
            return found[0]
    return None


def from_prose(subject: str, text: str, own: str) -> tuple[Bounce, ...]:
    """Recipients, status and returned Message-ID of a report in prose. ``own`` is the server that wrote it."""
    head = text[:20_000]
    found_id = _RETURNED_ID.search(head)
    status = _PROSE_STATUS.search(head)
    late = _DELAYED.search(subject) or _DELAYED.search(head[:800]) or (status is not None and status[0][0] == "4")
    cut = re.search(
        r"^[- ]*(?:-{3,}|This is a copy|Original message|Below this line|Ниже)",
        head[200:],
        re.MULTILINE | re.IGNORECASE,
    )
    upper = head[: 200 + cut.start()] if cut else head[:4000]
    named = dict.fromkeys(addresses.normalize(one) for one in _ADDRESS.findall(upper))
    recipients = [one for one in named if one and one != own and not one.startswith(("mailer-daemon@", "postmaster@"))]
    return tuple(
        Bounce(
            action="delayed" if late else "failed",
            recipient=recipient,
            status=status[0] if status else "",
            message_id=found_id[1] if found_id else None,
        )
        for recipient in recipients[:10]
    )
