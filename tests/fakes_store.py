"""A store in memory that keeps the promises of ``domain.ports.Store``; for tests of those who use a store.

One dictionary a table. A transaction works on a copy and replaces the original on commit, so that a rolled back batch
leaves nothing but a gap in the numbers.
"""

import copy
import itertools
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

from domain.effects import EVENTS, Appended, Changed, Effect, Firing, Opened, Repeated, Settled, Suppressed, Timer
from domain.errors import Unavailable
from domain.identity import Identity, Organization, mail_domain
from domain.message import RELEASED, UNPROVEN, Message
from domain.people import Agent, Leaving, Worker
from domain.policy import Policy
from domain.ports import Recollection
from domain.status import OPEN, RUNNING, Status
from domain.ticket import Earlier, KnownTicket, Ticket, TicketState
from domain.views import Scope


@dataclass
class Tables:
    ledger: dict[str, Settled] = field(default_factory=dict)
    keys: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    conversations: dict[str, int] = field(default_factory=dict)
    natives: dict[str, int] = field(default_factory=dict)
    tickets: dict[int, KnownTicket] = field(default_factory=dict)
    identities: dict[tuple[str, str], Identity] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    states: dict[int, TicketState] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    changes: list[Changed] = field(default_factory=list)
    timers: list[Firing] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)


class FakeStore:
    """``tables`` is what was committed; ``away`` makes every transaction fail."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.numbers = itertools.count(1)
        self.firing_ids = itertools.count(1)
        self.asked_for: list[int] = []
        self.away = False

    @asynccontextmanager
    async def begin(self, *, person: bool = False) -> AsyncIterator["FakeUnitOfWork"]:
        if self.away:
            raise Unavailable("database")
        working = copy.deepcopy(self.tables)
        yield FakeUnitOfWork(self, working)
        self.tables = working

    def add_ticket(self, ticket: KnownTicket, *, handles: Iterable[str] = (), natives: Iterable[str] = ()) -> None:
        self.tables.tickets[ticket.number] = ticket
        self.tables.conversations |= dict.fromkeys(handles, ticket.number)
        self.tables.natives |= dict.fromkeys(natives, ticket.number)

    def add_identity(self, identity: Identity) -> None:
        self.tables.identities[identity.channel, identity.address] = identity

    def add_organization(self, organization: Organization) -> None:
        self.tables.organizations[organization.id] = organization


class FakeUnitOfWork:
    def __init__(self, store: FakeStore, tables: Tables) -> None:
        self.store = store
        self.tables = tables

    async def recall(
        self, messages: Sequence[Message], now: datetime, tokens: Iterable[int] = (), month: datetime | None = None
    ) -> Recollection:
        tables = self.tables
        known = Recollection()
        for message in messages:
            place = (message.sender.channel, message.sender.address)
            if place not in tables.identities:
                tables.identities[place] = Identity(
                    id=f"I{len(tables.identities) + 1}", channel=place[0], address=place[1]
                )
            known.identities[place] = tables.identities[place]
            ids = [
                message.native_id or "",
                *message.references,
                *(b.message_id for b in message.bounces if b.message_id),
            ]
            known.handled |= _of(tables.ledger, [message.envelope_id])
            known.keys |= _of(tables.keys, [message.key])
            known.conversations |= _of(tables.conversations, message.conversation)
            known.natives |= _of(tables.natives, ids)
            for organization in tables.organizations.values():
                if mail_domain(message.sender.address) in organization.domains:
                    known.domains[mail_domain(message.sender.address)] = organization.id
        numbers = {*tokens, *known.conversations.values(), *known.natives.values()}
        numbers |= {number for _, number in known.keys.values() if number is not None}
        known.tickets = _of(tables.tickets, numbers)
        known.organizations = dict(tables.organizations)
        for identity in known.identities.values():
            mine = [each for each in tables.states.values() if each.requester == identity.id]
            known.repeats[identity.id] = tuple(_earlier(each) for each in reversed(mine))
        for state in tables.states.values():
            if state.organization is not None and (month is None or state.created_at >= month):
                place = (state.organization, state.kind)
                known.used[place] = known.used.get(place, 0) + 1
        return known

    async def workers(self, lines: Collection[str]) -> Sequence[Worker]:
        gone = {agent.id for agent in self.tables.agents.values() if not agent.active}
        found = [each for each in self.tables.workers if each.id not in gone and not each.lines.isdisjoint(lines)]
        return [_busy(each, self.tables) for each in found]

    async def leaving(self, now: datetime, lines: Collection[str], most: int) -> Sequence[Leaving]:
        away = {w.id for w in self.tables.workers if w.presence == "away" and (not w.away_until or w.away_until > now)}
        found = []
        for state in sorted(self.tables.states.values(), key=lambda each: (each.priority, each.number)):
            agent = self.tables.agents.get(state.assignee or "")
            if state.status not in OPEN or state.assignee is None:
                continue
            if agent is not None and not agent.active:
                found.append(Leaving(number=state.number, agent=state.assignee, why="removed"))
            elif agent is not None and state.line not in agent.lines:
                found.append(Leaving(number=state.number, agent=state.assignee, why="line"))
            elif state.assignee in away and state.line in lines and state.status in RUNNING:
                found.append(Leaving(number=state.number, agent=state.assignee, why="away"))
        return found[:most]

    async def unassigned(self, lines: Collection[str], most: int) -> Sequence[int]:
        waiting = (Status.CLASSIFICATION, Status.IN_PROGRESS)
        found = [s for s in self.tables.states.values() if s.line in lines and s.assignee is None]
        found = [state for state in found if state.status in waiting]
        return [state.number for state in sorted(found, key=lambda s: (s.priority, s.number))][:most]

    async def next_numbers(self, count: int) -> Sequence[int]:
        self.store.asked_for.append(count)
        return [next(self.store.numbers) for _ in range(count)]

    async def save(self, effects: Sequence[Effect], now: datetime) -> None:
        for effect in effects:
            self._settle(effect, now)
            if isinstance(effect, Opened):
                number = effect.ticket.number
                self.tables.tickets[number] = KnownTicket(
                    number=number,
                    status=effect.ticket.status,
                    line=effect.ticket.line,
                    requester=effect.author,
                    participants=frozenset({effect.author}),
                )
                self.tables.states[number] = _state(effect.ticket)
                self._set_timers(number, effect.timers)
                self._claim(effect.message, number)
            elif isinstance(effect, Appended):
                ticket = self.tables.tickets[effect.number]
                if effect.status is not None:
                    self.tables.tickets[effect.number] = replace(ticket, status=effect.status, closed_at=None)
                self._move(effect)
                self._claim(effect.message, effect.number)
        self.tables.effects += effects

    def _move(self, effect: Appended) -> None:
        if effect.timers is not None:
            self._set_timers(effect.number, effect.timers)
        state = self.tables.states.get(effect.number)
        if state is not None:
            self.tables.states[effect.number] = replace(
                state,
                status=effect.status or state.status,
                clocks=state.clocks if effect.clocks is None else effect.clocks,
                closed_at=None if effect.status else state.closed_at,
                version=state.version + 1,
            )

    async def states(self, numbers: Sequence[int]) -> dict[int, TicketState]:
        return _of(self.tables.states, numbers)

    async def open_children(self, numbers: Sequence[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number, state in sorted(self.tables.states.items()):
            if state.parent in numbers and state.status is not Status.CLOSED:
                found.setdefault(state.parent, []).append(number)
        return found

    async def visible(self, scope: Scope, number: int) -> bool:
        found = self.tables.states.get(number)
        return found is not None and scope.sees(found.line, found.assignee)

    async def agents(self, ids: Sequence[str]) -> dict[str, Agent]:
        return _of(self.tables.agents, ids)

    async def fire(self, now: datetime, most: int) -> int:
        due = sorted((f for f in self.tables.timers if f.timer.at <= now), key=lambda f: (f.timer.at, f.id))[:most]
        self.tables.timers = [each for each in self.tables.timers if each not in due]
        self.tables.firings += due
        return len(due)

    async def firings(self, most: int) -> Sequence[Firing]:
        return sorted(self.tables.firings, key=lambda f: (f.timer.at, f.id))[:most]

    async def done(self, ids: Sequence[str]) -> None:
        self.tables.firings = [each for each in self.tables.firings if each.id not in ids]

    async def next_timer(self) -> datetime | None:
        return min((each.timer.at for each in self.tables.timers), default=None)

    def _set_timers(self, number: int, timers: Sequence[Timer]) -> None:
        waiting = {(f.timer.what, f.timer.clock, f.timer.share) for f in self.tables.firings if f.number == number}
        self.tables.timers = [f for f in self.tables.timers if f.number != number or f.timer.what in EVENTS]
        for timer in timers:
            if (timer.what, timer.clock, timer.share) not in waiting:
                self.tables.timers.append(Firing(id=f"F{next(self.store.firing_ids):06d}", number=number, timer=timer))

    async def change(self, changed: Sequence[Changed], now: datetime) -> None:
        for each in changed:
            number = each.after.number
            if each.timers is not None:
                self._set_timers(number, each.timers)
            for event in each.events:
                self.tables.timers.append(Firing(id=f"F{next(self.store.firing_ids):06d}", number=number, timer=event))
            if each.after != each.before or each.note is not None or each.link is not None:
                self.tables.states[number] = replace(each.after, version=self.tables.states[number].version + 1)
            known = self.tables.tickets[number]
            self.tables.tickets[number] = replace(
                known, status=each.after.status, line=each.after.line, closed_at=each.after.closed_at
            )
        self.tables.changes += changed

    def _settle(self, effect: Effect, now: datetime) -> None:
        envelope = effect.message.envelope_id
        assert envelope not in self.tables.ledger or RELEASED in effect.message.flags, "an envelope has one effect"
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        reason = effect.reason if isinstance(effect, Suppressed) else ""
        self.tables.ledger[envelope] = Settled(
            envelope_id=envelope, outcome=effect.outcome, ticket=number, reason=reason, at=now
        )
        if not isinstance(effect, Repeated):
            number = None if isinstance(effect, Suppressed) else number  # what a key made, not what it was about
            first, held = self.tables.keys.get(effect.message.key, (envelope, None))
            self.tables.keys[effect.message.key] = (first, number if held is None else held)

    def _claim(self, message: Message, number: int) -> None:
        if message.native_id is not None:
            held = self.tables.natives.get(message.native_id, 0)
            self.tables.natives[message.native_id] = max(number, held)  # the latest ticket's
        if UNPROVEN.intersection(message.flags):
            return
        for handle in message.conversation:
            holder = self.tables.tickets.get(self.tables.conversations.get(handle, 0))
            if holder is None or holder.status not in OPEN:
                self.tables.conversations[handle] = number


class FixedClock:
    def __init__(self, now: datetime = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at


class CountingIds:
    """``X1``, ``X2`` ... in the order of asking."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"X{self.count}"


@dataclass
class FixedPolicy:
    current: Policy


def _state(ticket: Ticket) -> TicketState:
    shared = {f.name for f in fields(Ticket)} & {f.name for f in fields(TicketState)}
    return TicketState(**{name: getattr(ticket, name) for name in shared}, version=1, visits=(ticket.line,))


def _earlier(state: TicketState) -> Earlier:
    return Earlier(
        number=state.number,
        at=state.created_at,
        catalog=state.catalog,
        kind=state.kind,
        line=state.line,
        assignee=state.assignee,
    )


def _busy(worker: Worker, tables: Tables) -> Worker:
    work = (Status.CLASSIFICATION, Status.IN_PROGRESS, Status.INTERNAL)
    held = [s.priority.value for s in tables.states.values() if s.assignee == worker.id and s.status in work]
    return replace(worker, in_hand={priority: held.count(priority) for priority in sorted(set(held))})


def _of(table: dict, keys: Iterable) -> dict:
    return {key: table[key] for key in keys if key in table}
