"""The canonical telephony event that every dialect is read into, and what a request is to a dialect. No I/O.

``docs/schemas/ivr.v1.json`` is made of these types. Members that are not named here are let pass, so that a newer
sender may say more; a member that is here has its type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from channels.hooks import BadCredentials, Malformed, mistake
from domain.message import call_keys

Id = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
Line = Annotated[str, Meta(max_length=512)]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**31)]


class CallPart(Struct, kw_only=True, rename={"from_": "from"}):
    """``from_raw``: the caller as the telephone system has it; ``from`` as E.164 where it knows better."""

    id: Id = ""
    leg_id: Id | None = None
    direction: Literal["inbound", "outbound", "internal"] = "inbound"
    from_raw: Line = ""
    from_: Line | None = None
    withheld: bool = False
    attestation: Line | None = None
    to: Line = ""
    started_at: Moment | None = None
    duration_s: Count | None = None
    status: Line = ""


class MenuPart(Struct, kw_only=True):
    """The way through the menu. ``product``: a path of the service catalog; ``answers``: question -> answer."""

    path: Annotated[list[Line], Meta(max_length=50)] = []
    digits: Line = ""
    product: Line | None = None
    answers: Annotated[dict[str, str | bool | int | float | None], Meta(max_length=100)] = {}


class RecordingPart(Struct, kw_only=True):
    id: Id | None = None
    url: Annotated[str, Meta(max_length=2000)] | None = None
    auth: Literal["none", "basic", "bearer"] = "none"


class SegmentPart(Struct, kw_only=True):
    speaker: Line = ""
    text: str = ""
    start_ms: Count | None = None
    end_ms: Count | None = None


class TranscriptPart(Struct, kw_only=True):
    """``revision``: a higher one takes the place of a lower one. ``piece``: this is one utterance of a longer
    transcript; pieces follow one another. ``confidence``: from 0 to 1, null where the engine says none."""

    status: Literal["pending", "partial", "final", "failed"]
    id: Id | None = None
    revision: Count = 1
    piece: bool = False
    text: str = ""
    language: Line | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    confidence_source: Line = ""
    engine: Line = ""
    segments: Annotated[list[SegmentPart], Meta(max_length=5000)] = []


class Event(Struct, kw_only=True):
    """One event of a call. ``event_id`` may be left out where ``seq`` and the revision tell events apart."""

    schema: Literal["ivr.v1"]
    event: Literal["call.updated", "call.completed", "transcript.ready"]
    provider: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$")]
    call: CallPart
    event_id: Id = ""
    seq: Count = 0
    account: Line = ""
    occurred_at: Moment | None = None
    ivr: MenuPart = msgspec.field(default_factory=MenuPart)
    recording: RecordingPart | None = None
    transcript: TranscriptPart | None = None

    def keys(self, account: str) -> tuple[str, ...]:
        """``domain.message.Call.keys`` under an account of ours; empty where no id came."""
        recording = self.recording.id if self.recording else None
        transcript = self.transcript.id if self.transcript else None
        return call_keys(
            self.provider,
            account,
            call=self.call.id,
            leg=self.call.leg_id or "",
            recording=recording or "",
            transcript=transcript or "",
        )

    def named(self) -> "Event":
        """With an id of its own: the sender's, or one made of what tells it apart from others of the call."""
        if not self.event_id:
            revision = f"{self.transcript.status}:{self.transcript.revision}" if self.transcript else "-"
            self.event_id = f"{self.event}:{self.seq}:{revision}"
        return self

    def plain(self) -> dict[str, Any]:
        """As JSON values, with every member."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request as a dialect sees it. ``url``: as the peer named it, with its query; ``below``: the path under the
    account's own, without slashes at the ends."""

    url: str
    below: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    media_type: str
    now: datetime


class BadSignature(BadCredentials):
    """Not signed, signed with another secret, or too old."""


def checked(values: Any) -> Event:
    """An event out of JSON values. Raises ``Malformed`` with the member's path."""
    try:
        event = msgspec.convert(values, Event)
    except msgspec.ValidationError as error:
        raise mistake(error) from error
    return complete(event)


def complete(event: Event) -> Event:
    """With an id of its own. Raises ``Malformed`` where nothing says which call it is of."""
    if not event.keys("-"):
        raise Malformed("call.id", "is needed, or recording.id or transcript.id in its place")
    return event.named()


def json_schema() -> dict[str, Any]:
    """``docs/schemas/ivr.v1.json``."""
    (schema,), components = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": components}
