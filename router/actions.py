"""Commands on tickets: reads and locks the ticket, asks ``router.act``, commits. The thin shell around a pure core.

Called by the API and the desk for people; what is done is told by facts through the outbox, as the router's own is.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from domain.commands import Actor, Assign, Classify, Command, Escalate, LinkTo, Reassign, Reply, Return, SetStatus
from domain.errors import Conflict, NotFound
from domain.ids import format_number
from domain.outgoing import NO_OUTLET, Correspondence, Outlet
from domain.people import Worker
from domain.policy import Policy
from domain.ports import Clock, Ids, PolicySource
from domain.ticket import TicketState
from domain.unitofwork import Store, UnitOfWork
from domain.views import Scope
from router.act import act
from router.internal import settle_parents
from router.setting import Setting
from router.steps.assign import automatic


class TicketActions:
    """``domain.ports.Actions``."""

    def __init__(self, store: Store, policy: PolicySource, clock: Clock, ids: Ids, outlet: Outlet = NO_OUTLET) -> None:
        self._outlet = outlet
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
                outlet=self._outlet,
                correspondences=await self._correspondences(uow, command, number, now),
            )
            changed = act(ticket, command, setting)
            if changed.facts:
                await uow.change([changed], now)
                await settle_parents(uow, [changed], setting)
                return replace(changed.after, version=ticket.version + 1)
        return ticket

    async def _correspondences(
        self, uow: UnitOfWork, command: Command, number: int, now: datetime
    ) -> Mapping[int, Correspondence]:
        """Only where a letter may follow."""
        moving = SetStatus | Escalate | Return | Classify
        tells = isinstance(command, Reply) or (self._outlet.channels and isinstance(command, moving))
        return await uow.correspondences([number], now) if tells else {}


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
