"""Telephony webhooks: ``POST /hooks/ivr/{account}`` and what providers add to it -> Draft -> intake.

Arrives: a request in its account's dialect. Leaves: a Draft whose raw is the untouched body and whose meta holds the
canonical event; then 202 (or what the provider waits for) once it is safe.

Failures, as problem documents (RFC 9457): 404 for an account that is not in the settings, 413 over its limit, 401 for a
signature that is missing, wrong or old, 422 naming the field, 409 where another body has this event's id, 503 with
Retry-After while neither bus nor spool takes it. What came before gets 200 and has no second effect: a reservation on
the bus tells it apart, and while there is none, the store's own key decides.
"""

import hashlib
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from channels.hooks import Asking, Hook, HookDeps, body_of, problem
from channels.ivr import canonical, mango, twilio
from channels.ivr.account import IvrAccount
from channels.ivr.event import Event, Posted
from domain.message import call_event_key
from domain.ports import Draft

ADAPTER = "ivr"


class Dialect(Protocol):
    """A module per provider. ``BELOW``: it posts to paths below the account's own."""

    BELOW: bool

    def check(self, account: IvrAccount, posted: Posted) -> None:
        """Raises ``BadSignature``."""
        ...

    def read(self, account: IvrAccount, posted: Posted) -> Event | None:
        """None: nothing that a call consists of. Raises ``Malformed``."""
        ...

    def received(self, account: IvrAccount, posted: Posted, envelope: str, *, new: bool) -> web.Response:
        """What the provider is told once the event is safe."""
        ...


DIALECTS: Mapping[str, Dialect] = {"canonical": canonical, "twilio": twilio, "mango": mango}


IvrDeps = HookDeps[IvrAccount]
"""What gateway hands over."""


class IvrChannel:
    """The hook's handler. ``add_routes`` puts it on an application."""

    def __init__(self, deps: IvrDeps) -> None:
        self._deps = deps
        self._hook = Hook(deps, adapter=ADAPTER, channel="ivr")

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hooks/ivr/{account:[a-z0-9_-]+}{below:(?:/.*)?}", self.post)
        app.on_cleanup.append(self._hook.told)

    async def post(self, request: web.Request) -> web.Response:
        name, below = request.match_info["account"], request.match_info["below"].strip("/")
        account = self._deps.accounts.get(name)
        if account is None or (below and not DIALECTS[account.dialect].BELOW):
            return problem(404, "There is no such account.")
        return await self._hook.answered(
            name,
            account.max_size,
            lambda: self._take(request, name, account, below),
            credentials="The signature is missing, wrong or too old.",
        )

    async def _take(self, request: web.Request, name: str, account: IvrAccount, below: str) -> web.Response:
        posted = await self._posted(request, account, below)
        dialect = DIALECTS[account.dialect]
        dialect.check(account, posted)
        event = dialect.read(account, posted)
        if event is None:
            if posted.body:  # what is empty is not signed, and no proof that anybody is there
                self._hook.heard(name)
            return web.Response(status=200)
        envelope, new = await self._accept(request, name, account, posted, event)
        self._hook.heard(name)
        return dialect.received(account, posted, envelope, new=new)

    async def _posted(self, request: web.Request, account: IvrAccount, below: str) -> Posted:
        body = await body_of(request, account.max_size)
        query = request.rel_url.raw_query_string
        return Posted(
            url=_url(request, account, below),
            below=below,
            query=query,
            headers=request.headers,
            body=body,
            media_type=request.content_type[:100].encode("ascii", "replace").decode(),
            now=self._deps.clock.now(),
        )

    async def _accept(
        self, request: web.Request, name: str, account: IvrAccount, posted: Posted, event: Event
    ) -> tuple[str, bool]:
        """The envelope under which the event is kept, and whether it came now."""
        draft = Draft(
            channel="ivr",
            account=name,
            adapter=ADAPTER,
            media_type=posted.media_type,
            raw=posted.body,
            meta={
                "peer": request.remote or "",
                "dialect": account.dialect,
                "event": event.plain(),
                "path": posted.below,
                "region": account.region,
                "transcripts": account.transcribes,
            },
        )
        key = call_event_key(event.keys(name)[0], event.event_id).removeprefix("ivr:")
        return await self._hook.accept(draft, key, hashlib.sha256(posted.body).hexdigest(), Asking())


def _url(request: web.Request, account: IvrAccount, below: str) -> str:
    """As the provider called it: what stands in the settings where a proxy is before us, else what we were called."""
    if account.public_url is None:
        return f"{request.scheme}://{request.host}{request.rel_url.raw_path_qs}"
    base = f"{account.public_url.rstrip('/')}/{below}" if below else account.public_url
    query = request.rel_url.raw_query_string
    return f"{base}?{query}" if query else base
