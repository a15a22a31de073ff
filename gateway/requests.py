"""What somebody may see and do with their own requests, from a channel that knows who they are
(``domain.ports.OwnRequests``). Called by channels with a dialogue.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.commands import Actor, SetStatus
from domain.errors import Conflict, Fault
from domain.message import NEW_REQUEST
from domain.ports import Actions, Clock, PolicySource
from domain.status import MOVES, Status
from domain.views import RequestBrief, Scope
from gateway.releases import BusReleases
from store import Database

_EVERYTHING = Scope(reader="requester", lines=None)
_REQUESTER = Actor(id="requester")


class Requests:
    """``actions`` writes no letters: who says that it is settled need not be told so."""

    def __init__(
        self, database: Database, actions: Actions, releases: BusReleases, policy: PolicySource, clock: Clock
    ) -> None:
        self._database = database
        self._actions = actions
        self._releases = releases
        self._policy = policy
        self._clock = clock

    async def open(self, channel: str, address: str) -> Sequence[RequestBrief]:
        return await self._database.identities.own(channel, address)

    async def closed_lately(self, channel: str, address: str) -> RequestBrief | None:
        since = self._clock.now() - timedelta(days=self._policy.current.reopen_days)
        found = await self._database.identities.own(channel, address, closed_since=since)
        return found[0] if found else None

    async def close(self, channel: str, address: str, number: int) -> bool:
        """By the requester's word: the kind says whether that closes it."""
        mine = {each.number: each for each in await self._database.identities.own(channel, address)}
        if number not in mine:
            return False
        async with self._database.store.begin() as uow:
            ticket = (await uow.states([number])).get(number)
        kind = self._policy.current.kinds.get(ticket.kind) if ticket is not None else None
        if ticket is None or (kind is not None and "requester" not in kind.closing.by):
            return False
        try:
            for status in _way_to_close(ticket.status):
                command = SetStatus(status=status, reason="the requester says that it is settled", by_process=True)
                await self._actions.act(_EVERYTHING, number, command, _REQUESTER)
        except Fault:
            return False
        return True

    async def place(self, channel: str, address: str, envelope_id: str, number: int | None) -> bool:
        waiting = await self._database.identities.waiting(envelope_id)
        if waiting is None or (waiting.channel, waiting.address) != (channel, address):
            return False
        if number is not None and number not in {each.number for each in await self.open(channel, address)}:
            return False
        try:
            await self._releases.release(
                waiting.held_id,
                by="requester",
                changed=lambda message: replace(
                    message,
                    choice=number,
                    flags=message.flags if number is not None else (*message.flags, NEW_REQUEST),
                ),
            )
        except Conflict:
            return False
        return True

    async def link(self, channel: str, address: str, secret: str, name: str) -> bool:
        return await self._database.identities.accept(channel, address, name, secret, self._clock.now())

    async def shared_number(self, channel: str, address: str, number: str, name: str) -> None:
        await self._database.identities.shared_number(channel, address, number, name, self._clock.now())


def _way_to_close(status: Status) -> tuple[Status, ...]:
    if Status.CLOSED in MOVES[status]:
        return (Status.CLOSED,)
    if Status.FEEDBACK in MOVES[status]:
        return (Status.FEEDBACK, Status.CLOSED)
    return (Status.IN_PROGRESS, Status.FEEDBACK, Status.CLOSED)
