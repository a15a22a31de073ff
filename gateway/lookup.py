"""What our own systems know of who writes: an HTTP hook that is asked between normalising and routing.

Arrives: a normalised message. Leaves: the same with what the hook says of its sender: organisation, and fields such as
the program's version or the day of the last data load. It is a help and no gate: what takes too long, fails or says
nonsense leaves the message as it was, with a flag, and is not asked again for a while.

Request: ``GET <url>?channel=email&address=anna@client.example`` with ``Authorization: Bearer``. Answer: 404, or 200
with ``{"organization": "<id>", "fields": {"version": "8.4", "last_load": "2026-03-01"}}``; both may be left out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from channels.guard import guarded_session
from domain.message import Address, Message
from domain.ports import Clock
from gateway import logs, metrics

log = logs.get()

FAILED = "lookup_failed"
_MOST_BYTES = 65_536
_MOST_FIELDS, _LONGEST = 50, 1_000
_REMEMBERED = 10_000
_FAILURES = 5
_REST = timedelta(seconds=30)
"""After so many failures in a row nobody is asked for so long: a hook that hangs must not slow every message."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the hook said of an address. All empty: it does not know it."""

    organization: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


NOBODY = Known()


class Lookup:
    """``timeout``: seconds for the whole answer; ``keep``: how long one is good for. ``private``: whether it may
    be inside our own network."""

    def __init__(
        self,
        url: str,
        *,
        token: str,
        timeout: float,
        keep: timedelta,
        clock: Clock,
        private: bool,
    ) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout
        self._keep = keep
        self._clock = clock
        self._private = private
        self._session: aiohttp.ClientSession | None = None
        self._known: OrderedDict[tuple[str, str], tuple[datetime, Known]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Future[Known | None]] = {}
        self._failures = 0
        self._rests_until: datetime | None = None

    async def enrich(self, message: Message) -> Message:
        """What the sender or a form said themselves stands above what the hook says."""
        if message.automatic is not None or not message.sender.address:
            return message
        known = await self._of(message.sender)
        if known is None:
            return replace(message, flags=(*message.flags, FAILED))
        if known is NOBODY:
            return message
        fields = {**known.fields, **message.fields}
        return replace(message, organization=known.organization or message.organization, fields=fields)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _of(self, sender: Address) -> Known | None:
        """None: it could not be asked. Who is being asked about is not asked about twice at once."""
        place = (sender.channel, sender.address)
        now = self._clock.now()
        kept = self._known.get(place)
        if kept is not None and now - kept[0] < self._keep:
            return kept[1]
        if self._rests_until is not None and now < self._rests_until:
            return None
        if place in self._asking:
            return await asyncio.shield(self._asking[place])
        asking = self._asking[place] = asyncio.get_running_loop().create_future()
        try:
            found = await self._ask(sender)
            asking.set_result(found)
        finally:
            del self._asking[place]
            if not asking.done():
                asking.set_result(None)
        self._note(place, found, now)
        return found

    def _note(self, place: tuple[str, str], found: Known | None, now: datetime) -> None:
        if found is None:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._rests_until = now + _REST
                log.warning("lookup.resting", seconds=_REST.total_seconds())
            return
        self._failures, self._rests_until = 0, None
        self._known[place] = (now, found)
        self._known.move_to_end(place)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _ask(self, sender: Address) -> Known | None:
        if self._session is None:
            headers = {"Accept": "application/json"} | (
                {"Authorization": f"Bearer {self._token}"} if self._token else {}
            )
            self._session = guarded_session(private=self._private, timeout_s=self._timeout)
            self._session.headers.update(headers)
        query = {"channel": sender.channel, "address": sender.address}
        try:
            async with self._session.get(self._url, params=query, allow_redirects=False) as answer:
                if answer.status == 404:
                    metrics.LOOKUPS.labels(outcome="unknown").inc()
                    return NOBODY
                body = await answer.content.read(_MOST_BYTES + 1)
                found = _read(answer.status, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            metrics.LOOKUPS.labels(outcome="failed").inc()
            log.warning("lookup.failed", error=type(error).__name__)
            return None
        metrics.LOOKUPS.labels(outcome="known").inc()
        return found


def _read(status: int, body: bytes) -> Known:
    """Raises ``ValueError`` for what is no answer."""

    if status != 200 or len(body) > _MOST_BYTES:
        raise ValueError(f"answer {status} of {len(body)} bytes")
    document = msgspec.json.decode(body)
    if not isinstance(document, dict):
        raise ValueError("no object")
    organization, fields = document.get("organization"), document.get("fields") or {}
    if not isinstance(fields, dict) or not isinstance(organization, str | None):
        raise ValueError("members of other types")
    kept = {str(name)[:100]: value for name, value in list(fields.items())[:_MOST_FIELDS] if _plain(value)}
    return Known(organization=organization or None, fields=kept)


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _LONGEST)
