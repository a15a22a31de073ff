"""The router's thin shell: a batch of messages, one unit of work.

Arrives: normalised messages, from gateway's consumer. Leaves: the effects that were committed and the facts that
follow from them. A message whose own decision fails is named in ``failed`` and the rest of the batch commits; when the
database is away, nothing commits and ``Unavailable`` goes to the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.calls import CallKept
from domain.commands import Actor
from domain.effects import Appended, Changed, Effect, Opened
from domain.errors import Temporary
from domain.facts import Fact, LettersMuted
from domain.message import Message
from domain.outgoing import NO_OUTLET, Outlet
from domain.policy import Policy
from domain.ports import Clock, Ids, PolicySource
from domain.ticket import TicketState
from domain.tokens import verify_ticket
from domain.unitofwork import Store, UnitOfWork
from router.batch import BatchView, claimed_tokens
from router.calling import CallBatch, Group
from router.clockwork import events_of
from router.decide import decide
from router.enact import BY, enact
from router.forwarding import opened_there
from router.incidents import standing
from router.internal import asked
from router.letters import acknowledged
from router.setting import Setting
from router.steps.assign import automatic
from router.verdict import Join, Open

_CALLS_TOGETHER = 100
_MOST_INCIDENTS = 50


@dataclass(frozen=True, slots=True)
class _Decided:
    """A batch, decided. ``changes``: what becomes of tickets beside their messages: one waits for another that was
    opened now, or more is known of its call."""

    effects: list[Effect]
    failed: dict[int, Exception]
    changes: list[Changed]
    calls: list[CallKept]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """``effects`` and ``facts`` in the messages' order. ``failed``: index of a message -> why it could not be decided.
    A message that is in neither was a redelivery: its effect stands already."""

    effects: tuple[Effect, ...]
    facts: tuple[Fact, ...]
    failed: Mapping[int, Exception]


class Router:
    """``secret`` signs ticket tokens; ``outlet`` is what requesters may be written to on."""

    def __init__(
        self,
        store: Store,
        policy: PolicySource,
        clock: Clock,
        ids: Ids,
        secret: bytes,
        outlet: Outlet = NO_OUTLET,
    ) -> None:
        self._outlet = outlet
        self._store = store
        self._policy = policy
        self._clock = clock
        self._ids = ids
        self._secret = secret

    async def route(self, messages: Sequence[Message]) -> Routed:
        """Decides and commits. Returns only after the commit; the same policy revision serves the whole batch."""
        if not messages:
            return Routed(effects=(), facts=(), failed={})
        async with self._store.begin() as uow:
            return await self._route(messages, uow)

    async def overdue_calls(self) -> Routed:
        """Makes tickets of some telephone calls whose wait for a transcript is over; nothing is done with none. Called
        by the timekeeper, in any number of processes: each call is taken once."""
        async with self._store.begin() as uow:
            messages = await uow.overdue_calls(self._clock.now(), _CALLS_TOGETHER)
            if not messages:
                return Routed(effects=(), facts=(), failed={})
            return await self._route(messages, uow, overdue=True)

    async def _route(self, messages: Sequence[Message], uow: UnitOfWork, *, overdue: bool = False) -> Routed:
        now = self._clock.now()
        decided = await self._decide_batch(messages, uow, self._policy.current, now, overdue)
        await uow.save(decided.effects, now, decided.calls)
        await uow.change(decided.changes, now)
        facts = tuple(fact for effect in decided.effects for fact in effect.facts)
        return Routed(effects=tuple(decided.effects), facts=facts, failed=decided.failed)

    async def _decide_batch(
        self, messages: Sequence[Message], uow: UnitOfWork, policy: Policy, now: datetime, overdue: bool
    ) -> _Decided:
        month = policy.calendars[policy.plans[policy.default_plan].calendar].month(now)
        recalled = await uow.recall(messages, now, self._verified(messages), month)
        shared_out = automatic(policy)
        asks = policy.alerts is not None and any(message.alert is None for message in messages)
        view = BatchView(
            recalled,
            self._secret,
            await uow.workers(shared_out) if shared_out else (),
            await uow.incidents(_MOST_INCIDENTS) if asks else (),
        )
        states = dict(await uow.states(view.joinable()))
        people = [identity.id for identity in recalled.identities.values() if identity.channel in self._outlet.channels]
        mailed = dict(await uow.mailed(people, now)) if people else {}
        setting = Setting(policy=policy, now=now, actor=Actor(id=BY), ids=self._ids, agents={})
        calls = CallBatch(messages, view, setting, overdue=overdue)
        count = view.may_open(messages) + calls.will_open()
        numbers = list(reversed(await uow.next_numbers(count))) if count else []
        done = _Decided([], {}, calls.changes, calls.kept)
        for index, message in enumerate(messages):
            group = calls.at(index)
            if group is None and (overdue or calls.has(index) or view.is_handled(message)):
                continue
            try:
                if group is None:
                    effects = [await self._settled(message, view, uow, numbers, states, setting)]
                else:
                    effects = await _settled_call(group, calls, uow, numbers, states)
            except Temporary:  # the transaction itself is at fault
                raise
            except Exception as fault:  # one message's fault must not stop its neighbours
                done.failed.update(dict.fromkeys(group.places if group else (index,), fault))
                calls.postpone(group)
                continue
            for made in effects:
                effect = self._acknowledged(made, view, mailed, policy, now) if isinstance(made, Opened) else made
                view.remember(effect)
                done.effects.append(effect)
                _move_on(effect, states, done.changes, setting)
                view.watch(effect, states)
        return done

    async def _settled(
        self,
        message: Message,
        view: BatchView,
        uow: UnitOfWork,
        numbers: list[int],
        states: Mapping[int, TicketState],
        setting: Setting,
    ) -> Effect:
        """``numbers``: those that are there for new tickets; more are asked for where they do not last."""
        policy, now = setting.policy, setting.now
        verdict = decide(message, view.known(message), policy, now)
        if isinstance(verdict, Open) and not numbers:
            numbers += await uow.next_numbers(1)
        number = numbers.pop() if isinstance(verdict, Open) else 0
        state = states.get(verdict.number) if isinstance(verdict, Join) else None
        return enact(verdict, message, number=number, policy=policy, state=state, ids=self._ids, now=now)

    def _acknowledged(
        self, effect: Opened, view: BatchView, mailed: dict[str, tuple[int, int]], policy: Policy, now: datetime
    ) -> Opened:
        """With the letter that tells its requester of the new ticket, if one is to be sent."""
        identity = view.identity(effect.message)
        hour, day = mailed.get(identity.id, (0, 0))
        forwards = opened_there(
            effect,
            effect.message,
            policy,
            department=view.department(effect.ticket.organization),
            organization=view.organization_name(effect.ticket.organization),
            outlet=self._outlet,
            ids=self._ids,
        )
        effect = acknowledged(
            effect,
            effect.message,
            identity,
            policy,
            mailed=(hour, day),
            outlet=self._outlet,
            organization=view.organization_name(effect.ticket.organization),
            ids=self._ids,
            now=now,
        )
        if effect.letters:
            mailed[identity.id] = (hour + 1, day + 1)
        muted = [fact for fact in effect.facts if isinstance(fact, LettersMuted)]
        effect = replace(effect, timers=(*effect.timers, *events_of(muted, policy, now))) if muted else effect
        return replace(effect, letters=(*effect.letters, *forwards)) if forwards else effect

    def _verified(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Numbers of every token of the batch that is ours, of every ticket that one of us asks for, and of every
        request that its sender has chosen."""
        found = [verify_ticket(token, self._secret) for message in messages for token in claimed_tokens(message)]
        found += [number for message in messages for number in (message.parent, message.choice)]
        return tuple(dict.fromkeys(number for number in found if number is not None))


async def _settled_call(
    group: Group, calls: CallBatch, uow: UnitOfWork, numbers: list[int], states: dict[int, TicketState]
) -> list[Effect]:
    if group.opens and not numbers:
        numbers += await uow.next_numbers(1)
    effects = calls.settle(group, numbers[-1] if group.opens else 0, states)
    if any(isinstance(effect, Opened) for effect in effects):
        numbers.pop()
    return effects


def _move_on(effect: Effect, states: dict[int, TicketState], changes: list[Changed], setting: Setting) -> None:
    """The tickets as the next message of the batch finds them."""
    if isinstance(effect, Appended) and effect.number in states:
        states[effect.number] = _after(states[effect.number], effect)
    if isinstance(effect, Opened) and effect.message.alert is not None:
        states[effect.ticket.number] = standing(effect.ticket)  # its end may stand in the same batch
    if isinstance(effect, Opened) and effect.ticket.parent in states:
        changes.append(asked(states[effect.ticket.parent], effect.ticket, setting))
        states[effect.ticket.parent] = changes[-1].after


def _after(state: TicketState, effect: Appended) -> TicketState:
    """The ticket as the next message of the batch finds it."""
    return replace(
        state,
        status=effect.status or state.status,
        clocks=state.clocks if effect.clocks is None else effect.clocks,
    )
