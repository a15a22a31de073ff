"""What somebody may see and do with their own requests, from a channel that knows who they are
(``domain.ports.OwnRequests``). Called by channels with a dialogue.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from channels.support import SlidingWindow
from domain.commands import Actor, SetStatus
from domain.errors import Conflict, Fault
from domain.message import NEW_REQUEST
from domain.outgoing import Notice, Outlet
from domain.ports import Actions, Clock, Ids, PolicySource
from domain.status import MOVES, Status
from domain.views import RequestBrief, Scope
from gateway.releases import BusReleases
from store import Database

_EVERYTHING = Scope(reader="requester", lines=None)
_REQUESTER = Actor(id="requester")
_GOOD_FOR = timedelta(minutes=15)
_CODES, _TRIES = 3, 5
"""How many codes are good for an address at a time, and how many an identity may try: of a hundred million."""
_CODE_LETTER = {
    "ru": (
        "Код подтверждения",
        "Кто-то, надеемся, что вы, просит подтвердить этот адрес в чате с нами. Отправьте туда код:\n\n{code}\n\n"
        "Он действует 15 минут. Если это были не вы, никому его не показывайте: без него ваших обращений не увидят.",
    ),
    "en": (
        "Confirmation code",
        "Somebody, we hope you, asks to confirm this address in a chat with us. Send the code there:\n\n{code}\n\n"
        "It is good for 15 minutes. If this was not you, show it to nobody: without it nobody sees your requests.",
    ),
}


class Requests:
    """``actions`` writes no letters: who says that it is settled need not be told so."""

    def __init__(
        self,
        database: Database,
        actions: Actions,
        releases: BusReleases,
        policy: PolicySource,
        clock: Clock,
        ids: Ids,
        outlet: Outlet,
    ) -> None:
        self._database = database
        self._actions = actions
        self._releases = releases
        self._policy = policy
        self._clock = clock
        self._ids = ids
        self._outlet = outlet
        self._asked = SlidingWindow(_CODES, _GOOD_FOR)
        self._tried = SlidingWindow(_TRIES, _GOOD_FOR)

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

    async def send_code(self, channel: str, address: str, mail: str, language: str) -> bool:
        now = self._clock.now()
        if "email" not in self._outlet.channels or self._asked.wait((channel, address), now):
            return False
        code = f"{secrets.randbelow(10**8):08}"
        found = await self._database.identities.challenge(
            mail.strip().lower(), _bound(channel, address, code), now, _GOOD_FOR, most=_CODES
        )
        if found is not None:
            identity, number = found
            subject, text = _CODE_LETTER["en" if language == "en" else "ru"]
            notice = Notice(
                delivery=self._ids.new(),
                identity=identity,
                number=number,
                subject=subject,
                text=text.format(code=code),
                language=language,
            )
            await self._database.deliveries.notify([notice], now)
        return True

    async def prove(self, channel: str, address: str, code: str, name: str) -> bool:
        now = self._clock.now()
        if self._tried.wait((channel, address), now):
            return False
        secret = _bound(channel, address, code.strip())
        return await self._database.identities.accept(channel, address, name, secret, now, how="code")

    async def shared_number(self, channel: str, address: str, number: str, name: str) -> None:
        await self._database.identities.shared_number(channel, address, number, name, self._clock.now())


def _bound(channel: str, address: str, code: str) -> str:
    """A code is good from the identity that asked for it, and from no other."""
    return f"{channel} {address} {code}"


def _way_to_close(status: Status) -> tuple[Status, ...]:
    if Status.CLOSED in MOVES[status]:
        return (Status.CLOSED,)
    if Status.FEEDBACK in MOVES[status]:
        return (Status.FEEDBACK, Status.CLOSED)
    return (Status.IN_PROGRESS, Status.FEEDBACK, Status.CLOSED)
