"""The unit of work: the one port through which tickets are read to be changed, and written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.calls import CallKept, KnownCall
from domain.effects import Changed, Effect, Firing, Settled
from domain.identity import Identity, Organization
from domain.message import Message
from domain.outgoing import Correspondence
from domain.people import Agent, Leaving, Worker
from domain.ticket import Earlier, Incident, KnownTicket, TicketState
from domain.views import Scope


@dataclass(slots=True, kw_only=True)
class Recollection:
    """All that the store knows about a batch of messages, read (and locked) at once.

    ``handled``: envelopes that already have a ledger line (a redelivery). ``keys``: idempotency key -> the envelope
    that came first and its ticket. ``conversations``: handle -> ticket number. ``natives``: native message id (of the
    batch's own messages, and of those they refer to) -> ticket number.
    ``identities``: (channel, address) -> identity; every sender of the batch is there, made if new.
    ``organizations`` by id, ``domains`` mail domain -> organisation id. ``repeats``: identity id -> tickets
    it opened in the last 30 days, the newest first. ``used``: (organisation id, kind) -> requests since ``month``,
    ``worked`` the minutes that were worked on them since then. ``calls``: telephone calls that share a key with one of
    the batch, by id, locked; the senders of their events are among ``identities``.
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
    calls: dict[str, KnownCall] = field(default_factory=dict)


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

    async def incidents(self, most: int) -> Sequence[Incident]:
        """Open tickets of monitoring systems whose alerts still fire, the latest first."""
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

    async def save(self, effects: Sequence[Effect], now: datetime, kept: Sequence[CallKept] = ()) -> None:
        """Tickets, messages, clocks, decisions, history, search, ledger lines and outbox rows of the batch, and what is
        kept of its telephone calls. An event that a call gathers is settled anew: by its effect here, if it has one,
        else as appended to the call's ticket."""
        ...

    async def overdue_calls(self, now: datetime, most: int) -> Sequence[Message]:
        """Of calls whose wait for a transcript is over, the first event of each, those first that waited longest.
        Nothing is locked: what still holds of them, ``recall`` tells."""
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

    async def correspondences(self, numbers: Collection[int], now: datetime) -> Mapping[int, Correspondence]:
        """Of each ticket, whom a letter may go to, and what it says of them."""
        ...

    async def mailed(self, identities: Collection[str], now: datetime) -> Mapping[str, tuple[int, int]]:
        """Letters that were written by themselves to each identity within the last hour and the last day; who had none
        is left out."""
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
