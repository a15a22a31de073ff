"""Turns an accepted Envelope into a Message. Called by gateway.consumer; touches no network, no store and no clock.

``normalize(envelope, raw)``: ``raw`` are the envelope's bytes, wherever they lay. For mail it never raises and its
work is bounded by counts (see ``mail.caps``): what cannot be parsed becomes a message with the raw mail attached.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from domain.errors import Permanent
from domain.message import AuthenticationResult, Envelope, Message, Normalized
from normalizer import alert, fallback, form, ivr, language, plain, telegram
from normalizer.mail import authentication, automatic, caps, content, markup, parties, parts, quoting, thread
from normalizer.mail.automatic import Recognised
from normalizer.mail.content import Content
from normalizer.mail.parties import Parties
from normalizer.mail.parts import Part
from normalizer.mail.quoting import Split
from normalizer.mail.thread import Thread

CONTEXT = "x-context-"
"""Fields of mails that a product of ours writes: what stands behind it names a field of the request."""
_NOTHING_SPLIT = Split("", "", "", "")
_NOTHING_RECOGNISED = Recognised(None, (), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail on its way through the steps; each step fills what it is named for."""

    envelope: Envelope
    raw: bytes
    root: Part
    flags: tuple[str, ...]
    subject: str = ""
    parties: Parties = parties.UNKNOWN
    thread: Thread = thread.NONE
    content: Content = field(default_factory=Content)
    shown: str = ""
    html: str | None = None
    split: Split = _NOTHING_SPLIT
    recognised: Recognised = _NOTHING_RECOGNISED
    authentication: tuple[AuthenticationResult, ...] = ()
    language: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


Step = Callable[[Draft], Draft]


def read_head(draft: Draft) -> Draft:
    """Subject and people."""
    headers = draft.root.headers
    people = parties.read(headers, draft.envelope.meta)
    subject = headers.text("subject")
    flags = (*draft.flags, *people.flags)
    if len(subject) > caps.SUBJECT:
        subject, flags = subject[: caps.SUBJECT], (*flags, "capped:subject")
    return replace(draft, subject=subject, parties=people, flags=flags)


def find_thread(draft: Draft) -> Draft:
    """Ids, conversation handles, tokens, idempotency key."""
    root, people = draft.root, draft.parties
    body = root.data[root.start :]
    return replace(draft, thread=thread.read(root.headers, body, people))


def gather_content(draft: Draft) -> Draft:
    """What there is to read, and the attachments."""
    found = content.gather(draft.root)
    return replace(draft, content=found, flags=(*draft.flags, *sorted(found.flags)))


def strip_markup(draft: Draft) -> Draft:
    """One text and, if any part is HTML, one sanitised HTML; the text is made of the HTML where there is no other."""
    texts: list[str] = []
    pages: list[str] = []
    formatted = any(unit.html for unit in draft.content.units)
    flags = draft.flags
    for unit in draft.content.units:
        text = unit.plain
        if unit.html:
            rendered = markup.render(unit.html, with_text=not text.strip())
            text = text if text.strip() else rendered.text
            pages.append(markup.paragraphs(text) if rendered.html is None else rendered.html)
            flags = (*flags, "capped:html") if rendered.capped else flags
        elif formatted:
            pages.append(markup.paragraphs(text))
        if text.strip():
            texts.append(text.strip("\n"))
    return replace(draft, shown="\n\n".join(texts), html="\n".join(pages) if formatted else None, flags=flags)


def trim_quotes(draft: Draft) -> Draft:
    """The new part, the earlier mails below it, the signature."""
    return replace(draft, split=quoting.split(draft.shown, draft.subject))


def recognise_automatic(draft: Draft) -> Draft:
    """Programs that write mail, and what their reports say."""
    sender = draft.parties.sender
    found = automatic.recognise(
        draft.root,
        draft.content,
        sender=sender.address,
        name=sender.name,
        subject=draft.subject,
        text=draft.split.full,
        meta=draft.envelope.meta,
    )
    return replace(draft, recognised=found, flags=(*draft.flags, *found.flags))


def read_authentication(draft: Draft) -> Draft:
    """What relays say of the sender."""
    return replace(draft, authentication=authentication.read(draft.root.headers))


def read_context(draft: Draft) -> Draft:
    """What a product of ours says of itself in the mails that it writes: ``X-Context-Version: 8.4``."""
    headers = draft.root.headers
    named = [name for name in headers.fields if name.startswith(CONTEXT) and len(name) > len(CONTEXT)]
    known = {name.removeprefix(CONTEXT).replace("-", "_"): headers.text(name) for name in named[: caps.CONTEXT]}
    return replace(draft, context={name: value[: caps.CONTEXT_VALUE] for name, value in known.items() if value})


def tell_language(draft: Draft) -> Draft:
    """Of the new text; a text too short to tell by is read together with the subject."""
    told = language.tell(draft.split.text) or language.tell(f"{draft.subject}\n{draft.split.text}")
    return replace(draft, language=told)


def attach_what_was_cut(draft: Draft) -> Draft:
    """A mail that a cap cut is attached whole, so that nothing of it is out of the agent's sight."""
    if not any(flag.startswith("capped:") for flag in draft.flags):
        return draft
    draft.content.attach(draft.raw, "message.eml", "message/rfc822")
    return draft


STEPS: tuple[Step, ...] = (
    read_head,
    find_thread,
    gather_content,
    strip_markup,
    trim_quotes,
    recognise_automatic,
    read_authentication,
    read_context,
    tell_language,
    attach_what_was_cut,
)


def normalize(envelope: Envelope, raw: bytes) -> Normalized:
    """The message that the bytes hold. Raises ``Permanent`` for a channel without a normaliser and for a malformed
    form or call; never for mail."""
    if envelope.media_type == plain.MEDIA_TYPE:
        return plain.normalize(envelope, raw)
    if envelope.channel == "email":
        return _mail(envelope, raw)
    if envelope.channel in ("form", "api"):
        return form.normalize(envelope, raw)
    if envelope.channel == "ivr":
        return ivr.normalize(envelope, raw)
    if envelope.channel == "alert":
        return alert.normalize(envelope, raw)
    if envelope.channel == "telegram":
        return telegram.normalize(envelope, raw)
    raise Permanent("This channel is not supported", reason=f"no normaliser for channel {envelope.channel[:40]!r}")


def _mail(envelope: Envelope, raw: bytes) -> Normalized:
    try:
        root, tally = parts.parse(raw)
        draft = Draft(envelope=envelope, raw=raw, root=root, flags=tuple(sorted(tally.flags)))
        root.headers.hint = _body_charset(root)
        for step in STEPS:
            draft = step(draft)
        return _finished(draft)
    except Exception:  # the promise: no mail is refused for what is in it
        return fallback.raw_only(envelope, raw, "unparsed")


def _body_charset(part: Part) -> str:
    """The charset of the first part that names one: raw 8-bit header fields are most likely in it."""
    for _ in range(caps.DEPTH):
        charset = part.parameters.get("charset", "")
        if charset or not part.children:
            return charset
        part = part.children[0]
    return ""


def _finished(draft: Draft) -> Normalized:
    envelope, people, found, split = draft.envelope, draft.parties, draft.thread, draft.split
    message = Message(
        envelope_id=envelope.id,
        channel=envelope.channel,
        account=envelope.account,
        adapter=envelope.adapter,
        received_at=envelope.received_at,
        key=found.key,
        sender=people.sender,
        subject=draft.subject,
        text=split.text,
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
        sent_at=thread.sent_at(draft.root.headers),
        language=draft.language,
        quoted=split.quoted,
        signature=split.signature,
        full_text=split.full if split.quoted or split.signature else None,
        html=draft.html,
        attachments=tuple(draft.content.attachments),
        automatic=draft.recognised.automatic,
        bounces=draft.recognised.bounces,
        authentication=draft.authentication,
        fields=draft.context,
        flags=tuple(dict.fromkeys(draft.flags)),
    )
    return Normalized(message=message, contents=draft.content.contents)
