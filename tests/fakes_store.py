"""A store in memory that keeps the promises of ``domain.unitofwork.Store``; for tests of those who use a store.

One dictionary a table. A transaction works on a copy and replaces the original on commit, so that a rolled back batch
leaves nothing but a gap in the numbers.
"""

import copy
import itertools
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

from domain.calls import CallKept, KnownCall
from domain.effects import (
    EVENTS,
    Appended,
    Changed,
    Effect,
    Firing,
    Opened,
    Outcome,
    Repeated,
    Settled,
    Suppressed,
    Timer,
)
from domain.errors import Unavailable
from domain.identity import Identity, Organization, mail_domain
from domain.message import RELEASED, UNPROVEN, Message
from domain.outgoing import Correspondence
from domain.people import Agent, Leaving, Worker
from domain.policy import Policy
from domain.status import OPEN, RUNNING, Status
from domain.ticket import Earlier, Incident, KnownTicket, Ticket, TicketState
from domain.unitofwork import Recollection
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
    incidents: dict[int, Incident] = field(default_factory=dict)
    correspondences: dict[int, Correspondence] = field(default_factory=dict)
    mailed: dict[str, tuple[int, int]] = field(default_factory=dict)
    calls: dict[str, KnownCall] = field(default_factory=dict)


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
        spoken = {key for message in messages if message.call is not None for key in message.call.keys}
        known.calls = {
            each.id: replace(each, touched=self._touched(each.number))
            for each in tables.calls.values()
            if not spoken.isdisjoint(each.keys)
        }
        for message in (*messages, *(event for call in known.calls.values() for event in call.events)):
            place = (message.sender.channel, message.sender.address)
            if place not in tables.identities:
                tables.identities[place] = Identity(
                    id=f"I{len(tables.identities) + 1}", channel=place[0], address=place[1]
                )
            known.identities[place] = tables.identities[place]
            if message not in messages:
                continue
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
        numbers |= {call.number for call in known.calls.values() if call.number is not None}
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

    async def incidents(self, most: int) -> Sequence[Incident]:
        found = [i for i in self.tables.incidents.values() if self.tables.tickets[i.number].status in OPEN]
        return sorted(found, key=lambda each: each.number, reverse=True)[:most]

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

    async def correspondences(self, numbers: Collection[int], now: datetime) -> dict[int, Correspondence]:
        return {number: self.tables.correspondences.get(number, Correspondence()) for number in numbers}

    async def mailed(self, identities: Collection[str], now: datetime) -> dict[str, tuple[int, int]]:
        return _of(self.tables.mailed, identities)

    async def next_numbers(self, count: int) -> Sequence[int]:
        self.store.asked_for.append(count)
        return [next(self.store.numbers) for _ in range(count)]

    async def save(self, effects: Sequence[Effect], now: datetime, kept: Sequence[CallKept] = ()) -> None:
        for call in kept:
            self._keep(call, now)
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
                    untouched=effect.message.alert is not None and effect.ticket.assignee is None,
                    kind=effect.ticket.kind if effect.message.alert is not None else None,
                )
                self.tables.states[number] = _state(effect.ticket)
                self._set_timers(number, effect.timers)
                self._claim(effect.message, number)
            elif isinstance(effect, Appended):
                ticket = self.tables.tickets[effect.number]
                if effect.status is not None:
                    closed_at = now if effect.status is Status.CLOSED else None
                    self.tables.tickets[effect.number] = replace(ticket, status=effect.status, closed_at=closed_at)
                self._move(effect, now)
                self._claim(effect.message, effect.number)
            self._watch(effect, now)
        self.tables.effects += effects

    async def overdue_calls(self, now: datetime, most: int) -> Sequence[Message]:
        due = [call for call in self.tables.calls.values() if call.wait_until is not None and call.wait_until <= now]
        return [call.events[0] for call in sorted(due, key=lambda call: (call.wait_until, call.id))][:most]

    def _keep(self, call: CallKept, now: datetime) -> None:
        held = self.tables.calls
        had = [held[each].events for each in (call.id, *call.absorbed) if each in held]
        for each in call.absorbed:
            del held[each]
        held[call.id] = KnownCall(
            id=call.id,
            account=call.account,
            keys=frozenset(call.keys),
            number=call.number,
            wait_until=call.wait_until,
            events=(*(event for events in had for event in events), *call.events),
        )
        for event in call.gathered:
            assert self.tables.ledger[event.envelope_id].outcome is Outcome.SUPPRESSED, "it was parked"
            self.tables.ledger[event.envelope_id] = Settled(
                envelope_id=event.envelope_id, outcome=Outcome.APPENDED, ticket=call.number, reason="", at=now
            )
            self.tables.keys[event.key] = (self.tables.keys[event.key][0], call.number)

    def _touched(self, number: int | None) -> bool:
        facts = (fact for each in self.tables.changes for fact in each.facts if fact.ticket == number)
        return any(
            fact.by.startswith(("agent:", "token:")) or fact.NAME in ("ticket.escalated", "ticket.returned")
            for fact in facts
        )

    def _watch(self, effect: Effect, now: datetime) -> None:
        if effect.message.alert is None or not isinstance(effect, (Opened, Appended)):
            return
        number = effect.ticket.number if isinstance(effect, Opened) else effect.number
        state = self.tables.states[number]
        named = state.fields.get("product")
        product = named if isinstance(named, str) else ""
        if effect.message.alert.status == "resolved":
            self.tables.incidents.pop(number, None)
        else:
            self.tables.incidents[number] = Incident(
                number=number, catalog=state.catalog, product=product, at=effect.message.received_at
            )

    def _move(self, effect: Appended, now: datetime) -> None:
        if effect.timers is not None:
            self._set_timers(effect.number, effect.timers)
        state = self.tables.states.get(effect.number)
        if state is not None:
            self.tables.states[effect.number] = replace(
                state,
                status=effect.status or state.status,
                clocks=state.clocks if effect.clocks is None else effect.clocks,
                closed_at=now if effect.status is Status.CLOSED else None if effect.status else state.closed_at,
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
        return found is not None and scope.sees(found)

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
                known,
                status=each.after.status,
                line=each.after.line,
                closed_at=each.after.closed_at,
                untouched=known.untouched and not any(f.by.startswith(("agent:", "token:")) for f in each.facts),
            )
            if each.after.requester != each.before.requester:
                present, new = self.tables.tickets[number], each.after.requester
                writers = present.participants - {each.before.requester} | {new}
                self.tables.tickets[number] = replace(present, requester=new, participants=writers)
        self.tables.changes += changed

    def _settle(self, effect: Effect, now: datetime) -> None:
        envelope = effect.message.envelope_id
        anew = RELEASED in effect.message.flags or effect.message.call is not None  # as what a call gathers
        assert envelope not in self.tables.ledger or anew, "an envelope has one effect"
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
