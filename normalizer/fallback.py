"""A mail that was not parsed, as a message all the same. Called by the pipeline when a step failed, and by the gateway
when the worker that parsed it was stopped for taking too long.

Only the header block is read, field by field; the raw mail is attached. The key and the conversation are those that
the parsed mail would have had. Never raises.
"""

from domain.message import Address, Attachment, Envelope, Message, Normalized
from normalizer.mail import caps, charsets, files, headers, parties, parts, thread
from normalizer.mail.headers import Headers

_PREVIEW = 4_000
"""Bytes of the body that are shown as they are."""


def raw_only(envelope: Envelope, raw: bytes, flag: str) -> Normalized:
    """``flag`` says why: ``unparsed``, or ``capped:time`` for a parse that was stopped."""
    data, start = parts.prepare(raw)
    try:
        fields, body = headers.parse(data, start, len(data))
        people = parties.read(fields, envelope.meta)
        subject = fields.text("subject")[: caps.SUBJECT]
        found = thread.read(fields, data[body:], people)
        sent_at = thread.sent_at(fields)
    except Exception:  # the last line: whatever is wrong with the header, the mail becomes a message
        fields, body, people, subject, sent_at = Headers({}), 0, parties.UNKNOWN, "", None
        found = thread.read(fields, raw, people)
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=found.key,
        sender=people.sender
        if people.sender.address
        else Address(channel="email", address="", name=people.sender.name),
        subject=subject,
        text=charsets.clean(charsets.decode(data[body : body + _PREVIEW])[0]).strip("\n"),
        raw=envelope.sha256,
        size=envelope.size,
        native_id=found.native_id,
        references=found.references,
        conversation=found.conversation,
        tokens=found.tokens,
        reply_to=people.reply_to,
        recipients=people.recipients,
        to=people.to,
        cc=people.cc,
        sent_at=sent_at,
        attachments=(
            Attachment(
                blob=envelope.sha256,
                name=files.safe_name("message.eml", "message/rfc822", 1),
                size=len(raw),
                media_type="message/rfc822",
                declared_type="message/rfc822",
            ),
        ),
        flags=tuple(dict.fromkeys((flag, *people.flags))),
    )
    return Normalized(message=message, contents={envelope.sha256: raw})
