"""Ports: what the rooms need of each other, as Protocols with their obligations.

Contract tests under ``tests/contract/`` run every implementation of a port, fake and real, through the same cases.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.accounts import AccountState
from domain.commands import Actor, Command
from domain.identity import IdentityLink
from domain.ids import BlobKey
from domain.message import Call, StoredFile
from domain.outgoing import Parcel, Sent
from domain.people import Agent, AgentChange, ApiToken, Presence, Session, TokenScope
from domain.policy import Policy
from domain.ticket import TicketState
from domain.views import (
    AttachmentView,
    Filter,
    HeldRow,
    LedgerRow,
    LineCount,
    Page,
    QueueRow,
    Receipt,
    RequestBrief,
    Scope,
    Sort,
    TicketView,
)


class Clock(Protocol):
    """The only source of the present. Aware, UTC."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Unique, unguessable (80 random bits and more), sortable by the time of making. 26 characters of ``[0-9A-Z]``."""

    def new(self) -> str: ...


class Blobs(Protocol):
    """Bytes under keys. ``put`` and ``put_many`` are content-addressed: the key is the lower-case hex SHA-256 of the
    content, and putting the same content again is a no-op. ``pack`` is for what is small and comes once.

    What keeps returns only when the bytes are durable (fsync, or the object store's acknowledgement). A half-written
    blob is never visible. Raises ``Unavailable("blobs")`` when the storage is away or full.
    """

    async def put(self, content: bytes) -> BlobKey: ...
    async def put_many(self, contents: Mapping[BlobKey, bytes]) -> None:
        """Keys must be the contents' own hashes."""
        ...

    async def pack(self, contents: Mapping[BlobKey, bytes]) -> Mapping[BlobKey, BlobKey]:
        """``contents`` as in ``put_many``; gives, by the hash, the key under which the content lies. Small ones lie
        together and are durable for one sync; their keys say where, differ at every call and end with the hash. A
        large one's key is its hash."""
        ...

    async def get(self, key: BlobKey) -> bytes:
        """Raises ``NotFound``, also for what is erased and for what is no key."""
        ...

    async def erase(self, key: BlobKey) -> None:
        """Removes the content for good, durable on return; what was packed with it stays. Erasing what is absent is
        fine. A further copy of a packed content has a key of its own, and is not touched."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a channel adapter hands to intake: bytes and what the transport knew of them."""

    channel: str
    account: str
    adapter: str
    media_type: str
    raw: bytes
    files: tuple[StoredFile, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    """An envelope id minted beforehand (a form's receipt, reserved under its idempotency key); None: intake mints."""


class Intake(Protocol):
    """The one door. See ``gateway.intake``."""

    async def accept(self, draft: Draft) -> str:
        """Returns the envelope id, and only once the bytes are durable: acknowledged by the bus after its fsync, or
        fsynced in the local spool while the bus is away. Until it returns, the peer must not be told "received".
        Raises ``Unavailable`` (nothing was kept, the peer should try again) and ``Permanent`` (over the size limit)."""
        ...


class Views(Protocol):
    """Reading for the desk and the API. Every method takes the reader's scope; what is outside it does not exist:
    lists leave it out, single reads raise ``NotFound``."""

    async def queue(
        self, scope: Scope, wanted: Filter, *, sort: Sort = "urgency", cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Raises ``Invalid("cursor", ...)`` for a cursor that is not ours."""
        ...

    async def rows(self, scope: Scope, numbers: Sequence[int]) -> Sequence[QueueRow]: ...
    async def counts(self, scope: Scope, now: datetime) -> Sequence[LineCount]:
        """Open, unassigned and overdue tickets per line of the scope; lines without tickets are left out."""
        ...

    async def ticket(self, scope: Scope, number: int) -> TicketView: ...
    async def attachment(self, scope: Scope, attachment_id: str) -> AttachmentView: ...
    async def raw_key(self, scope: Scope, message_id: str) -> BlobKey:
        """Blob key of the raw message; ``NotFound`` for notes and foreign messages."""
        ...

    async def call(self, scope: Scope, message_id: str) -> tuple[str, Call]:
        """The account that a telephone call came by, and what its system said. ``NotFound`` for any other message."""
        ...

    async def message_html(self, scope: Scope, message_id: str) -> tuple[str, Sequence[AttachmentView]]:
        """Sanitised HTML of a message and its attachments (for cid images)."""
        ...

    async def held(
        self, scope: Scope, *, outcome: str | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[HeldRow]:
        """Messages that made no ticket, newest first. Only for readers who see every line or are administrators."""
        ...

    async def held_one(self, scope: Scope, held_id: str) -> HeldRow: ...
    async def receipt(self, envelope_id: str) -> Receipt | None:
        """None: no ledger line yet (in flight, or never accepted; the caller asks the bus)."""
        ...

    async def ledger(self) -> Sequence[LedgerRow]:
        """Outcome sums per channel; ``accepted`` and ``in_flight`` are for the bus to add."""
        ...


class Accounts(Protocol):
    """Agents, their sign-in, API tokens. Times come from the caller's clock."""

    async def add_agent(self, *, email: str, name: str, lines: Iterable[str], admin: bool) -> Agent:
        """Raises ``Conflict`` where the address is an agent's already."""
        ...

    async def agent_by_email(self, email: str) -> Agent | None: ...
    async def agent(self, agent_id: str) -> Agent | None: ...
    async def agents(self) -> Sequence[Agent]:
        """All of them by name, those who are not active any more too."""
        ...

    async def change_agent(self, agent_id: str, change: AgentChange) -> Agent:
        """As they are then. Who loses a line loses its groups; who is not active any more is signed out, and is no
        customer's engineer. ``domain.cards`` says beforehand whether the change may be. Raises ``NotFound``."""
        ...

    async def set_presence(self, agent_id: str, presence: Presence, until: datetime | None) -> Agent:
        """Raises ``NotFound``, also for who is not active."""
        ...

    async def new_link(self, agent_id: str, now: datetime, valid: timedelta) -> str:
        """A one-time sign-in secret (128 bits and more); only its hash is kept."""
        ...

    async def use_link(self, secret: str, now: datetime, valid: timedelta) -> tuple[str, Session] | None:
        """Consumes the link and opens a session: (session secret, session); None if unknown, used or expired."""
        ...

    async def session(self, secret: str, now: datetime) -> Session | None: ...
    async def end_session(self, secret: str) -> None: ...
    async def add_token(self, *, name: str, scope: TokenScope, now: datetime) -> str:
        """The secret, shown once. Raises ``Conflict`` where the name is taken."""
        ...

    async def token(self, secret: str) -> ApiToken | None: ...


class Actions(Protocol):
    """Doing something to a ticket on somebody's behalf."""

    async def act(
        self, scope: Scope, number: int, command: Command, actor: Actor, *, version: int | None = None
    ) -> TicketState:
        """Decides, writes and returns the ticket as it stands then. Raises ``NotFound`` outside the scope, ``Invalid``
        for a value that the policy does not know, ``Refused`` with what is missing, and ``Conflict`` where ``version``
        is given and the ticket has changed since."""
        ...


class PolicySource(Protocol):
    """The running policy. ``current`` costs nothing and may change between two calls."""

    @property
    def current(self) -> Policy: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """A fact as the desk's open pages need it: enough to know whether and what to fetch again."""

    fact: str
    ticket: int
    line: str | None
    at: datetime


class LiveFeed(Protocol):
    """Facts as they happen. Best effort: a page that missed some is put right by its next load."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]: ...


class Reservations(Protocol):
    """Idempotency keys of clients, held before anything is accepted under them."""

    async def reserve(self, key: str, body_hash: str, value: str) -> str:
        """Returns the value that stands under the key: ours if it was free, the first one's where the same body came
        before. Raises ``Conflict`` where another body holds the key, and ``Unavailable`` while the bus is away (the
        store's own key decides afterwards). ``key`` is lower-case hex."""
        ...


class Sender(Protocol):
    """A channel's way out. ``repeatable``: sending the same parcel twice does no harm, since the receiving side can
    tell by its id."""

    repeatable: bool

    async def send(self, parcel: Parcel) -> Sent:
        """Returns when the other side has taken it. Raises ``Permanent`` where it never will (``detail``:
        ``unreachable=True`` where nothing that is sent to this address arrives), ``Temporary`` where it may later
        (``detail``: ``retry_after`` seconds, if it said so), ``Uncertain`` where nobody can tell."""
        ...


class Deliveries(Protocol):
    """What agents do with deliveries."""

    async def repeat(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        """Has one sent once more that failed, is unknown or was muted; False where it is none of these, or not there
        for this reader."""
        ...

    async def called(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        """Somebody has telephoned; False where there was nothing to telephone about."""
        ...


class Identities(Protocol):
    """One customer over several channels. Identities are made one person's by proof or by an agent's word, and each
    such link can be undone."""

    async def invite(self, identity_id: str, now: datetime, valid: timedelta) -> str:
        """A secret for the owner of an identity, to be sent there and nowhere else. Raises ``NotFound``."""
        ...

    async def merge(self, scope: Scope, identity_id: str, with_identity: str, by: str, now: datetime) -> IdentityLink:
        """The first becomes the second's person's. Raises ``NotFound`` where either has no ticket that the reader sees,
        ``Conflict`` where they are one person's."""
        ...

    async def undo(self, scope: Scope, link_id: str, by: str, now: datetime) -> IdentityLink:
        """Takes a link back and returns it. Raises ``NotFound``, ``Conflict`` where it does not hold any more."""
        ...

    async def links(self, scope: Scope, identity_id: str) -> Sequence[IdentityLink]:
        """How an identity came to be its person's, the latest first; what was undone is left out. Raises ``NotFound``
        where it has no ticket that the reader sees."""
        ...


class OwnRequests(Protocol):
    """What somebody may see and do with their own requests from a channel that knows who they are. ``channel`` and
    ``address`` name the identity. Nothing of others' requests is ever told apart from what is not there."""

    async def open(self, channel: str, address: str) -> Sequence[RequestBrief]:
        """Those that are not closed, of all identities of the same person, the one touched last first; 20 at most."""
        ...

    async def closed_lately(self, channel: str, address: str) -> RequestBrief | None:
        """The one that was closed last, where a message would still reopen it."""
        ...

    async def close(self, channel: str, address: str, number: int) -> bool:
        """The requester says that it is settled. False where it is not theirs, or the process does not allow it."""
        ...

    async def place(self, channel: str, address: str, envelope_id: str, number: int | None) -> bool:
        """Puts a message that waits for its sender's choice into one of their requests; None: a new one. False where
        no such message of theirs waits (any more)."""
        ...

    async def link(self, channel: str, address: str, secret: str, name: str) -> bool:
        """The identity is the person's who was given the secret (a signed deep link). False where it is not ours, used
        or over."""
        ...

    async def send_code(self, channel: str, address: str, mail: str, language: str) -> bool:
        """Mails a code to somebody who has written from there, so that they can show that both are theirs. False where
        no mail is sent from here, or it is asked too often; never says whether anybody has written from there."""
        ...

    async def prove(self, channel: str, address: str, code: str, name: str) -> bool:
        """The code came back from the identity that asked for it: both are one person's. False where it is not that
        code, used or over, or too many were tried."""
        ...

    async def shared_number(self, channel: str, address: str, number: str, name: str) -> None:
        """The identity's owner has shared their telephone number (E.164), and the channel vouches that it is theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Of a telephone call, as its system hands it out. ``size`` in bytes, where it is said."""

    media_type: str
    size: int | None
    content: AsyncIterator[bytes]


class Recordings(Protocol):
    """Recordings of telephone calls, which lie with the telephone system."""

    def open(self, account: str, call: Call) -> AbstractAsyncContextManager[Recording]:
        """Raises ``NotFound`` where there is none, ``Unavailable`` where it cannot be had."""
        ...


class Bookmarks(Protocol):
    """How far a receiver has read its account, durable once ``set_bookmark`` has returned. ``adapter`` is the section
    of the settings, ``place`` what of the account (a folder, ``updates``). Raises ``Unavailable``."""

    async def bookmark(self, adapter: str, account: str, place: str) -> Mapping[str, Any] | None: ...
    async def set_bookmark(
        self, adapter: str, account: str, place: str, value: Mapping[str, Any], now: datetime
    ) -> None: ...


class AccountBook(Protocol):
    """How each account of a channel fares, for people and metrics. The last word told is kept."""

    async def tell(self, state: AccountState) -> None: ...
    async def states(self) -> Sequence[AccountState]: ...


class Uploads(Protocol):
    """Files that come before the message that names them (``POST /api/v1/attachments``)."""

    async def add(self, file: StoredFile, now: datetime) -> str: ...
    async def find(self, upload_id: str) -> StoredFile | None: ...


class Releases(Protocol):
    """Making a ticket of what was held."""

    async def release(self, held_id: str, *, by: str) -> str:
        """Sends the held message through again with suppression off; returns its envelope id. Raises ``NotFound``,
        and ``Conflict`` where it has been released already."""
        ...
