"""What HTTP hooks of other systems share: a body within its limit, JSON with its faults named, an event accepted once,
and every failure as a problem document (RFC 9457).

Called by a channel's handler, which knows its dialects. Failures: 401, 409, 413, 422 naming the field, and 503 with
Retry-After while neither bus nor spool takes it. What came before has no second effect: a reservation on the bus tells
it apart, and while there is none, the store's own key decides.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

from channels.health import Health
from domain.errors import Conflict, Permanent, Unavailable
from domain.ports import AccountBook, Clock, Draft, Ids, Intake, Reservations
from domain.views import Receipt

RETRY_S = 10
ASK_WITHIN_S = 2.0
"""Patience with the question whether an event came before: callers hang up after 10 or 15 s and send it again."""

A = TypeVar("A")
_WHERE = re.compile(r"^(?P<why>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)


class BadCredentials(Exception):
    """Nothing proves that the account's own system sends this (401). Says why to nobody but the operator."""


class Malformed(Exception):
    """Not what the dialect says (422); ``field`` is where."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class TooLarge(Exception):
    """Over the account's limit (413)."""


def decoded(text: bytes | str, where: str) -> Any:
    """Any JSON value. Raises ``Malformed``, also for half characters, which no store takes."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(where, "is not JSON") from error


def mistake(error: msgspec.ValidationError) -> Malformed:
    """msgspec's sentence, ``Expected `int`, got `str` - at `$.call.seq```, as field and reason."""
    found = _WHERE.match(str(error))
    path = (found["path"] or "").lstrip(".") if found else ""
    why = found["why"] if found else str(error)
    if not path and (missing := re.search(r"required field `(\w+)`", why)):
        path = missing[1]
    elif missing := re.search(r"required field `(\w+)`", why):
        path = f"{path}.{missing[1]}"
    return Malformed(path or "body", why)


def problem(status: int, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> web.Response:
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    full = {**document, "errors": list(errors)} if errors else document
    return web.json_response(full, status=status, content_type="application/problem+json")


async def body_of(request: web.Request, max_size: int) -> bytes:
    """Raises ``TooLarge``, before it is read where the request says its length."""
    if (request.content_length or 0) > max_size:
        raise TooLarge
    body = bytearray()
    async for chunk in request.content.iter_chunked(65_536):
        body += chunk
        if len(body) > max_size:
            raise TooLarge
    return bytes(body)


@dataclass(frozen=True, kw_only=True)  # typing writes the type argument on what it makes, for which slots have no room
class HookDeps(Generic[A]):
    """What gateway hands over. ``receipt_state``: None for what nobody accepted. ``refused`` is told the account and a
    fixed word for the reason, for log and metrics."""

    accounts: Mapping[str, A]
    intake: Intake
    reservations: Reservations
    receipt_state: Callable[[str], Awaitable[Receipt | None]]
    book: AccountBook
    clock: Clock
    ids: Ids
    refused: Callable[[str, str], None] = lambda _account, _reason: None


@dataclass(slots=True)
class Asking:
    """Of one request. ``away``: the bus did not answer once, and is not asked again for its other events."""

    away: bool = False


class Hook(Generic[A]):
    """What a handler does whatever the dialect."""

    def __init__(self, deps: HookDeps[A], *, adapter: str, channel: str) -> None:
        self._deps = deps
        self._health = {
            name: Health(deps.book, deps.clock, adapter=adapter, account=name, channel=channel)
            for name in deps.accounts
        }
        self._telling: set[asyncio.Task[None]] = set()

    async def answered(
        self, name: str, max_size: int, take: Callable[[], Awaitable[web.Response]], *, credentials: str
    ) -> web.Response:
        """What ``take`` answers, or the problem that it raises. ``credentials``: what a 401 says."""
        try:
            return await take()
        except TooLarge:
            return self._refuse(name, "size", 413, f"A request may have {max_size} bytes.")
        except BadCredentials as why:
            return self._refuse(name, f"signature: {why}", 401, credentials)
        except Malformed as why:
            errors = ({"field": why.field, "why": why.why},)
            return self._refuse(name, "malformed", 422, "The request is not what it should be; see errors.", errors)
        except Conflict:
            return self._refuse(name, "conflict", 409, "An event with this id came before with other content.")
        except Unavailable:
            answer = self._refuse(name, "unavailable", 503, "Nothing was kept; please send it again.")
            answer.headers["Retry-After"] = str(RETRY_S)
            return answer
        except Permanent:
            return self._refuse(name, "size", 413, "The request is too large to be kept.")

    async def accept(self, draft: Draft, key: str, said: str, asking: Asking) -> tuple[str, bool]:
        """The envelope under which the event is kept, and whether it came now. ``key`` in lower-case hex; ``said``: a
        hash of what may not differ under it. One that was reserved and yet is nowhere failed on its way: it is taken up
        again under the same id, which the bus and the store know a repeat by."""
        mine = self._deps.ids.new()
        envelope = await self._reserved(key, said, mine, asking)
        if envelope != mine and await self._stands(envelope, asking):
            return envelope, False
        return await self._deps.intake.accept(replace(draft, id=envelope)), True

    async def _reserved(self, key: str, said: str, mine: str, asking: Asking) -> str:
        """The envelope that stands under the key. With the bus away, ours: the store's key decides then."""
        if asking.away:
            return mine
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                return await self._deps.reservations.reserve(key, said, mine)
        except (Unavailable, TimeoutError):
            asking.away = True
            return mine

    async def _stands(self, envelope: str, asking: Asking) -> bool:
        if asking.away:
            return False
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                return await self._deps.receipt_state(envelope) is not None
        except (Unavailable, TimeoutError):
            asking.away = True
            return False

    def heard(self, name: str) -> None:
        """Tells that the account works, beside the answer: a database that is slow keeps no caller waiting."""
        health = self._health[name]
        health.took()
        task = asyncio.create_task(health.connected())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def told(self, _app: web.Application) -> None:
        """For ``on_cleanup``: what is to be told is told."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    def _refuse(
        self, name: str, reason: str, status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()
    ) -> web.Response:
        self._deps.refused(name, reason)
        return problem(status, detail, errors)
