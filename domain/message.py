"""What arrives (Envelope) and what it means (Message).

An Envelope is the untouched bytes with what the transport knew; a Message is the normalised form that every
channel shares and that the router reads. Both are frozen and travel the bus as versioned JSON.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from domain.ids import BlobKey

ChannelName = str
"""An open string, not an enum: ``email``, ``telegram``, ``form``, ``ivr``, ``alert``, ``api``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that was put into the blobs before its message was accepted (form uploads)."""

    blob: BlobKey
    name: str
    size: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Raw bytes as accepted. Exactly one of ``raw`` and ``blob`` is set (the claim check: over 256 KiB, blob).

    ``adapter`` is the module that received it (``smtp``, ``lmtp``, ``form``), ``account`` the configured mailbox,
    listener or form slug. ``meta`` holds transport facts with JSON values: for mail ``mail_from`` (str, "" for
    the null sender), ``rcpt_tos`` (list of str), ``peer``, ``helo``, ``tls`` (bool); for a form ``peer``, ``locale``;
    for the API ``filed_by`` and, of an internal request, ``parent`` (the number of the ticket that asks).
    """

    id: str
    channel: ChannelName
    account: str
    adapter: str
    received_at: datetime
    media_type: str
    size: int
    sha256: BlobKey
    raw: bytes | None = None
    blob: BlobKey | None = None
    files: tuple[StoredFile, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on a channel, normalised for comparison; ``name`` is what its owner calls themselves.

    ``address`` for mail is lower-cased with an IDNA-decoded domain; ``""`` where the message named none.
    """

    channel: ChannelName
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a message. Its content lies in the blobs under ``blob`` (SHA-256 of the content).

    ``media_type`` is sniffed from the content, ``declared_type`` is what the sender said. ``name`` is safe to
    offer for saving: no path, no control or bidirectional-override characters, never empty.
    ``content_id`` is set for images that the HTML shows by ``cid:`` (without angle brackets).
    """

    blob: BlobKey
    name: str
    size: int
    media_type: str
    declared_type: str = ""
    content_id: str | None = None
    inline: bool = False


RELEASED = "released"
"""Flag of a message that a person took out of the held ones: neither suppressed nor a duplicate any more."""

AWAITS_CHOICE = "awaits_choice"
"""Flag of a message whose sender has been asked which of their requests it belongs to: it is held until they say."""
NEW_REQUEST = "new_request"
"""Flag of a message whose sender wants a request of its own, whatever it answers."""

UNPROVEN = frozenset({"dmarc_fail", "forged_token", "sender_unverified"})
"""Flags of messages whose sender may not be who they say: they claim no conversation."""

AutomaticKind = Literal["auto_reply", "bounce", "delivery_report", "list", "bulk", "loop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """A program wrote this message. ``because`` names the header or form that gave it away."""

    kind: AutomaticKind
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What a delivery report says (RFC 3464). ``status`` is the enhanced code, ``5.1.1``; ``""`` if none was given.

    ``message_id`` is the Message-ID of the returned mail, if it came along.
    """

    action: Literal["failed", "delayed", "delivered", "relayed", "expanded", ""]
    recipient: str
    status: str
    diagnostic: str = ""
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResult:
    """One ``Authentication-Results`` header (RFC 8601). Trusted only if ``authserv_id`` is our own relay's."""

    authserv_id: str
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a call's transcript by one speaker, in milliseconds from its beginning."""

    speaker: str
    text: str
    start_ms: int | None = None
    end_ms: int | None = None


TranscriptStatus = Literal["none", "pending", "partial", "final", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One event of a telephone call: of the call itself, or of its transcript. They come in any order.

    ``keys``: every id under which other events of this call may come, each ``provider/account/<kind>:<id>`` with the
    kinds ``call``, ``leg``, ``recording`` and ``transcript``; the call's own first. ``event_id``: the event's own.
    ``seq``: its place among the events of its leg, 0 where the provider counts none. ``over``: it says that the call
    has ended. ``transcribed``: whether the account ever posts a transcript.
    ``number``: the caller as E.164, which ``number_valid`` says to exist; a hint, never a proof of who calls.
    ``internal``: an extension of the PBX; ``withheld``: the caller hides the number. ``extension``: what is dialled
    behind a number. ``attestation``: how far the network vouches for the number (STIR/SHAKEN: ``A``, ``B``, ``C``).
    ``path`` and ``digits``: the way through the menu. ``recording_auth``: what the link asks of who opens it.
    ``revision``: of the transcript; the highest wins. ``piece``: this transcript is one utterance of a longer one:
    pieces follow one another by revision, and none takes another's place. ``confidence`` is from 0 to 1, None where
    nobody said it.
    """

    keys: tuple[str, ...]
    event: Literal["call", "transcript"]
    event_id: str
    seq: int = 0
    over: bool = False
    transcribed: bool = True
    direction: str = "inbound"
    status: str = ""
    from_raw: str = ""
    number: str | None = None
    number_valid: bool = False
    internal: bool = False
    withheld: bool = False
    extension: str | None = None
    attestation: str | None = None
    to: str = ""
    started_at: datetime | None = None
    duration_s: int | None = None
    path: tuple[str, ...] = ()
    digits: str = ""
    product: str | None = None
    recording_url: str | None = None
    recording_id: str | None = None
    recording_auth: Literal["none", "basic", "bearer"] = "none"
    transcript_status: TranscriptStatus = "none"
    revision: int = 0
    piece: bool = False
    confidence: float | None = None
    confidence_source: str = ""
    engine: str = ""
    segments: tuple[Segment, ...] = ()


def call_keys(
    provider: str, account: str, *, call: str = "", leg: str = "", recording: str = "", transcript: str = ""
) -> tuple[str, ...]:
    """``Call.keys`` of the ids that are known. The account is ours: what one provider's account posts never joins the
    calls of another's."""
    known = {"call": call, "leg": leg, "recording": recording, "transcript": transcript}
    return tuple(f"{provider}/{account}/{kind}:{one}" for kind, one in known.items() if one)


def call_event_key(call_key: str, event_id: str) -> str:
    """The idempotency key of an event of the call that ``call_key`` names."""
    return f"ivr:{hashlib.sha256(f'{call_key}|{event_id}'.encode('utf-8', 'replace')).hexdigest()}"


AlertStatus = Literal["firing", "resolved"]
WhenResolved = Literal["policy", "close", "note"]
"""What a resolved alert does to its ticket: as the policy says, closes it, or only notes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a monitoring system says of a trouble that it watches.

    ``fingerprint``: the system's own id of the trouble, the same each time it comes; ``status``: whether it is there.
    ``severity`` is in lower case without blanks, ``""`` where none was told; ``product``: what it is about, as the
    account's labels name it. ``started_at``, ``ended_at``: of this occurrence. ``when_resolved``: the account's word on
    what becomes of the ticket then.
    """

    fingerprint: str
    status: AlertStatus
    severity: str = ""
    product: str = ""
    host: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    when_resolved: WhenResolved = "policy"


def alert_key(account: str, fingerprint: str, event_id: str) -> str:
    """The idempotency key of one event of an alert: ``event_id`` tells its beginnings and ends apart."""
    told = "\n".join((account, fingerprint, event_id))
    return f"alert:{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A normalised message: what the router decides on and the agent reads.

    ``key``: idempotency key, unique in the store; the same message by whatever adapter gives the same key.
    ``conversation``: native conversation handles (hashed), the first is the message's own; a message that shares a
    handle with an open ticket may belong to it. For mail a handle is made of one Message-ID of the thread and the
    sender, so that knowing a Message-ID grants a stranger nothing.
    ``native_id``: the channel's own id (mail: Message-ID without brackets). ``references``: the ids it answers,
    nearest parent first.
    ``tokens``: ticket tokens found in recipients and references, unverified.
    ``text`` is the new part, ``quoted`` the earlier mails below it, ``signature`` what stands between;
    ``full_text`` is everything as it was, set only where the split took something off ``text``.
    ``html`` is sanitised (allow-list), images by ``cid:`` kept as such, or None.
    ``flags`` are short fixed words: ``reply_to_mismatch``, ``encrypted``, ``signed``, ``unparsed``, ``capped:depth``,
    ``charset_guessed`` ...; the router adds its own (``UNPROVEN``, ``foreign_sender``, ``automatic``).
    ``fields`` are answers of a form or an IVR; ``catalog`` a service that the requester chose themselves.
    ``parent``: the number of the ticket on whose behalf one of us asks another department.
    ``choice``: the number of their own request that the sender has chosen for it; the router checks that it is theirs.
    ``organization``: the id of the one that our own lookup says the sender belongs to.
    ``call``: for messages of the channel ``ivr``, what the telephone system says of the call.
    ``alert``: for messages of the channel ``alert``, what the monitoring system says of the trouble.
    """

    envelope_id: str
    channel: ChannelName
    account: str
    adapter: str
    received_at: datetime
    key: str
    sender: Address
    subject: str
    text: str
    raw: BlobKey
    size: int
    native_id: str | None = None
    references: tuple[str, ...] = ()
    conversation: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    reply_to: Address | None = None
    recipients: tuple[str, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    sent_at: datetime | None = None
    language: str | None = None
    quoted: str = ""
    signature: str = ""
    full_text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    automatic: Automatic | None = None
    bounces: tuple[Bounce, ...] = ()
    authentication: tuple[AuthenticationResult, ...] = ()
    catalog: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    parent: int | None = None
    choice: int | None = None
    organization: str | None = None
    call: Call | None = None
    alert: Alert | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalized:
    """What normalising gives: the message, and the contents of its attachments by blob key."""

    message: Message
    contents: Mapping[BlobKey, bytes] = field(default_factory=dict)
