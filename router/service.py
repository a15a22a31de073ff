"""The router's thin shell: a batch of messages, one unit of work.

Arrives: normalised messages, from gateway's consumer. Leaves: the effects that were committed and the facts that
follow from them. A message whose own decision fails is named in ``failed`` and the rest of the batch commits; when the
database is away, nothing commits and ``Unavailable`` goes to the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.commands import Actor
from domain.effects import Appended, Changed, Effect, Opened
from domain.errors import Temporary
from domain.facts import Fact
from domain.message import Message
from domain.policy import Policy
from domain.ports import Clock, Ids, PolicySource, Store, UnitOfWork
from domain.ticket import TicketState
from domain.tokens import verify_ticket
from router.act import Setting
from router.batch import BatchView, claimed_tokens
from router.decide import decide
from router.enact import BY, enact
from router.internal import asked
from router.steps.assign import automatic
from router.verdict import Join, Open


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """``effects`` and ``facts`` in the messages' order. ``failed``: index of a message -> why it could not be decided.
    A message that is in neither was a redelivery: its effect stands already."""

    effects: tuple[Effect, ...]
    facts: tuple[Fact, ...]
    failed: Mapping[int, Exception]


class Router:
    """``secret`` signs ticket tokens."""

    def __init__(self, store: Store, policy: PolicySource, clock: Clock, ids: Ids, secret: bytes) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._ids = ids
        self._secret = secret

    async def route(self, messages: Sequence[Message]) -> Routed:
        """Decides and commits. Returns only after the commit; the same policy revision serves the whole batch."""
        if not messages:
            return Routed(effects=(), facts=(), failed={})
        now = self._clock.now()
        async with self._store.begin() as uow:
            effects, failed, parents = await self._decide_batch(messages, uow, self._policy.current, now)
            await uow.save(effects, now)
            await uow.change(parents, now)
        facts = tuple(fact for effect in effects for fact in effect.facts)
        return Routed(effects=tuple(effects), facts=facts, failed=failed)

    async def _decide_batch(
        self, messages: Sequence[Message], uow: UnitOfWork, policy: Policy, now: datetime
    ) -> tuple[list[Effect], dict[int, Exception], list[Changed]]:
        """The effects, what could not be decided, and tickets that now wait for one of those that were opened."""
        month = policy.calendars[policy.plans[policy.default_plan].calendar].month(now)
        recalled = await uow.recall(messages, now, self._verified(messages), month)
        shared_out = automatic(policy)
        view = BatchView(recalled, self._secret, await uow.workers(shared_out) if shared_out else ())
        states = dict(await uow.states(view.joinable()))
        numbers = list(reversed(await uow.next_numbers(count))) if (count := view.may_open(messages)) else []
        effects: list[Effect] = []
        failed: dict[int, Exception] = {}
        parents: list[Changed] = []
        setting = Setting(policy=policy, now=now, actor=Actor(id=BY), ids=self._ids, agents={})
        for index, message in enumerate(messages):
            if view.is_handled(message):
                continue
            try:
                verdict = decide(message, view.known(message), policy, now)
                if isinstance(verdict, Open) and not numbers:
                    numbers = list(await uow.next_numbers(1))
                number = numbers.pop() if isinstance(verdict, Open) else 0
                state = states.get(verdict.number) if isinstance(verdict, Join) else None
                effect = enact(verdict, message, number=number, policy=policy, state=state, ids=self._ids, now=now)
            except Temporary:  # the transaction itself is at fault
                raise
            except Exception as fault:  # one message's fault must not stop its neighbours
                failed[index] = fault
                continue
            view.remember(effect)
            if isinstance(effect, Appended) and effect.number in states:
                states[effect.number] = _after(states[effect.number], effect)
            if isinstance(effect, Opened) and effect.ticket.parent in states:
                parents.append(asked(states[effect.ticket.parent], effect.ticket, setting))
                states[effect.ticket.parent] = parents[-1].after
            effects.append(effect)
        return effects, failed, parents

    def _verified(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Numbers of every token of the batch that is ours, and of every ticket that one of us asks for."""
        found = [verify_ticket(token, self._secret) for message in messages for token in claimed_tokens(message)]
        found += [message.parent for message in messages]
        return tuple(dict.fromkeys(number for number in found if number is not None))


def _after(state: TicketState, effect: Appended) -> TicketState:
    """The ticket as the next message of the batch finds it."""
    return replace(
        state,
        status=effect.status or state.status,
        clocks=state.clocks if effect.clocks is None else effect.clocks,
    )
