"""What gateway hands over, and where handlers find it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from domain.decision import Decision
from domain.ports import (
    AccountBook,
    Accounts,
    Actions,
    Blobs,
    Clock,
    Deliveries,
    Identities,
    Ids,
    Intake,
    LiveFeed,
    PolicySource,
    Recordings,
    Releases,
    Reservations,
    Uploads,
    Views,
)
from domain.views import Receipt, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The desk's dependencies. Nothing here is opened or closed by the desk.

    ``explain`` gives a ticket's decision with the rules that were tried (``NotFound`` outside the scope);
    ``describe`` turns what a client calls a file, and its content, into a safe name and a media type;
    ``receipt_state`` says where a submitted message stands, None if nobody ever accepted it; ``secret`` signs
    short-lived URLs and form tokens; ``base_url`` is how people reach us, without a slash at the end;
    ``secure_cookies`` is on wherever they do so by https. ``timezone`` is used until a browser tells its own.
    """

    views: Views
    accounts: Accounts
    blobs: Blobs
    policy: PolicySource
    live: LiveFeed
    intake: Intake
    uploads: Uploads
    releases: Releases
    actions: Actions
    deliveries: Deliveries
    identities: Identities
    channels: AccountBook
    recordings: Recordings
    reservations: Reservations
    clock: Clock
    ids: Ids
    secret: bytes
    explain: Callable[[Scope, int], Awaitable[Decision]]
    describe: Callable[[str, bytes], tuple[str, str]]
    receipt_state: Callable[[str], Awaitable[Receipt | None]]
    base_url: str
    secure_cookies: bool
    timezone: str = "UTC"


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)


def desk_of(request: web.Request) -> Desk:
    return request.app[DESK]
