"""Commands on tickets: reads and locks the ticket, asks ``router.act``, commits. The thin shell around a pure core.

Called by the API and the desk for people; what is done is told by facts through the outbox, as the router's own is.
"""

from dataclasses import replace

from domain.commands import Actor, Assign, Classify, Command, Escalate, LinkTo, Reassign, Return
from domain.errors import Conflict, NotFound
from domain.ids import format_number
from domain.people import Worker
from domain.policy import Policy
from domain.ports import Clock, Ids, PolicySource, Store, UnitOfWork
from domain.ticket import TicketState
from domain.views import Scope
from router.act import Setting, act
from router.internal import settle_parents
from router.steps.assign import automatic


class TicketActions:
    """``domain.ports.Actions``."""

    def __init__(self, store: Store, policy: PolicySource, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._ids = ids

    async def act(
        self, scope: Scope, number: int, command: Command, actor: Actor, *, version: int | None = None
    ) -> TicketState:
        async with self._store.begin(person=True) as uow:
            ticket = await _seen(uow, scope, number)
            if version is not None and version != ticket.version:
                raise Conflict(
                    f"{format_number(number)} has changed since version {version}; it is at {ticket.version}."
                )
            now = self._clock.now()
            named = [command.agent] if isinstance(command, Assign) and command.agent else []
            setting = Setting(
                policy=self._policy.current,
                now=now,
                actor=actor,
                ids=self._ids,
                agents=await uow.agents(named),
                others=await _others(uow, scope, command),
                workers=await _workers(uow, command, self._policy.current),
            )
            changed = act(ticket, command, setting)
            if changed.facts:
                await uow.change([changed], now)
                await settle_parents(uow, [changed], setting)
                return replace(changed.after, version=ticket.version + 1)
        return ticket


async def _seen(uow: UnitOfWork, scope: Scope, number: int) -> TicketState:
    found = (await uow.states([number])).get(number) if await uow.visible(scope, number) else None
    if found is None:
        raise NotFound("There is no such ticket")
    return found


async def _others(uow: UnitOfWork, scope: Scope, command: Command) -> frozenset[int]:
    if isinstance(command, LinkTo) and await uow.visible(scope, command.other):
        return frozenset({command.other})
    return frozenset()


async def _workers(uow: UnitOfWork, command: Command, policy: Policy) -> tuple[Worker, ...]:
    lines = automatic(policy) if isinstance(command, Escalate | Return | Classify | Reassign) else ()
    return tuple(await uow.workers(lines)) if lines else ()
