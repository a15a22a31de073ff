"""Ports: what the rooms need of each other, as Protocols with their obligations.

Contract tests under ``tests/contract/`` run every implementation of a port, fake and real, through the same cases.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.accounts import AccountState
from domain.commands import Actor, Command
from domain.effects import Changed, Effect, Firing, Settled
from domain.identity import Identity, Organization
from domain.ids import BlobKey
from domain.message import Message, StoredFile
from domain.people import Agent, AgentChange, ApiToken, Leaving, Presence, Session, TokenScope, Worker
from domain.policy import Policy
from domain.ticket import Earlier, KnownTicket, TicketState
from domain.views import (
    AttachmentView,
    Filter,
    HeldRow,
    LedgerRow,
    LineCount,
    Page,
    QueueRow,
    Receipt,
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


@dataclass(slots=True, kw_only=True)
class Recollection:
    """All that the store knows about a batch of messages, read (and locked) at once.

    ``handled``: envelopes that already have a ledger line (a redelivery). ``keys``: idempotency key -> the envelope
    that came first and its ticket. ``conversations``: handle -> ticket number. ``natives``: native message id (of the
    batch's own messages, and of those they refer to) -> ticket number.
    ``identities``: (channel, address) -> identity; every sender of the batch is there, made if new.
    ``organizations`` by id, ``domains`` mail domain -> organisation id. ``repeats``: identity id -> tickets
    it opened in the last 30 days, the newest first. ``used``: (organisation id, kind) -> requests since ``month``,
    ``worked`` the minutes that were worked on them since then.
    """

    handled: dict[str, Settled] = field(default_factory=dict)
    keys: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    conversations: dict[str, int] = field(default_factory=dict)
    natives: dict[str, int] = field(default_factory=dict)
    tickets: dict[int, KnownTicket] = field(default_factory=dict)
    identities: dict[tuple[str, str], Identity] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    repeats: dict[str, tuple[Earlier, ...]] = field(default_factory=dict)
    used: dict[tuple[str, str], int] = field(default_factory=dict)
    worked: dict[tuple[str, str], int] = field(default_factory=dict)


class UnitOfWork(Protocol):
    """One transaction over a batch. Nothing persists before the context manager is left without an exception."""

    async def recall(
        self, messages: Sequence[Message], now: datetime, tokens: Iterable[int] = (), month: datetime | None = None
    ) -> Recollection:
        """Reads what the batch refers to and locks its keys and conversations against other routers until the end of
        the transaction, so that two routers never open two tickets for one conversation. ``tokens``: numbers of
        verified ticket tokens, whose tickets are read too. ``month``: since when requests and work count against
        quotas."""
        ...

    async def workers(self, lines: Collection[str]) -> Sequence[Worker]:
        """The active agents of these lines with what they have in hand, by id; the lines are locked, so that two
        processes do not give one agent two tickets at once."""
        ...

    async def leaving(self, now: datetime, lines: Collection[str], most: int) -> Sequence[Leaving]:
        """Tickets that have to leave their agents, the most urgent first: every open one of an agent who is not active
        any more, or does not work on its line any more; of one who is away now, those on these lines that are work."""
        ...

    async def unassigned(self, lines: Collection[str], most: int) -> Sequence[int]:
        """Open tickets of these lines that are nobody's and wait for us, the most urgent first."""
        ...

    async def next_numbers(self, count: int) -> Sequence[int]:
        """Ticket numbers, never given before nor again; a rolled back transaction leaves a gap."""
        ...

    async def save(self, effects: Sequence[Effect], now: datetime) -> None:
        """Tickets, messages, clocks, decisions, history, search, ledger lines and outbox rows of the batch."""
        ...

    async def states(self, numbers: Sequence[int]) -> Mapping[int, TicketState]:
        """Tickets as they stand, locked until the end of the transaction; absent ones are left out."""
        ...

    async def open_children(self, numbers: Sequence[int]) -> Mapping[int, Sequence[int]]:
        """Internal requests of these tickets that are open, by the ticket that asked; tickets without are left out."""
        ...

    async def visible(self, scope: Scope, number: int) -> bool:
        """Whether the ticket exists for this reader."""
        ...

    async def agents(self, ids: Sequence[str]) -> Mapping[str, Agent]:
        """Agents by id; absent ones are left out."""
        ...

    async def fire(self, now: datetime, most: int) -> int:
        """Makes firings of the timers that have come due, at most so many; returns how many there were. Two processes
        at once never fire the same."""
        ...

    async def firings(self, most: int) -> Sequence[Firing]:
        """The oldest that wait for what follows from them, locked; what another process has in hand is left out."""
        ...

    async def done(self, ids: Sequence[str]) -> None:
        """What follows from these firings is in this transaction."""
        ...

    async def next_timer(self) -> datetime | None:
        """When the next timer is due; None while there is none."""
        ...

    async def change(self, changed: Sequence[Changed], now: datetime) -> None:
        """Writes what commands did: ticket, clocks, note, link, history, search and outbox. ``before`` of each must
        have been read by ``states`` in this transaction."""
        ...


class Store(Protocol):
    def begin(self, *, person: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Raises ``Unavailable("database")`` when it cannot be reached, on entry, on use or on commit. ``person``:
        somebody waits for it, so it goes before what is queued in this process."""
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
