"""Who is asking: session cookies, CSRF and the origin of POSTs, and the guard around every agent's page."""

import functools
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from desk.deps import Desk, desk_of
from desk.signing import visitor_csrf
from domain.errors import NotFound
from domain.people import Session
from domain.views import Scope, scope_of

SESSION_LIFE = timedelta(hours=12)
_VISITOR = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The signed-in agent of this request and what they may see."""

    session: Session
    scope: Scope


AgentPage = Callable[[web.Request, Me], Awaitable[web.StreamResponse]]
Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
ME: web.RequestKey[Me] = web.RequestKey("me", Me)
VISITOR: web.RequestKey[str] = web.RequestKey("visitor", str)


def session_cookie(desk: Desk) -> str:
    """``__Host-`` binds the cookie to this host and to https, where we have https."""
    return "__Host-priyom_session" if desk.secure_cookies else "priyom_session"


def visitor_cookie(desk: Desk) -> str:
    return "__Host-priyom_visitor" if desk.secure_cookies else "priyom_visitor"


def set_session(desk: Desk, response: web.StreamResponse, secret: str) -> None:
    response.set_cookie(
        session_cookie(desk),
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=desk.secure_cookies,
        path="/",
    )


def drop_session(desk: Desk, response: web.StreamResponse) -> None:
    response.del_cookie(session_cookie(desk), path="/", secure=desk.secure_cookies, httponly=True, samesite="Lax")


async def find_me(request: web.Request) -> Me | None:
    """The agent whose session cookie came along and still holds."""
    desk = desk_of(request)
    secret = request.cookies.get(session_cookie(desk), "")
    session = await desk.accounts.session(secret, desk.clock.now()) if secret else None
    if session is None or not session.agent.active:
        return None
    return Me(session=session, scope=scope_of(session.agent, desk.policy.current))


def csrf_of(request: web.Request) -> str:
    """The token to put into this page's forms: the session's, or one bound to the visitor's cookie."""
    if (me := request.get(ME)) is not None:
        return str(me.session.csrf)
    desk = desk_of(request)
    visitor = request.cookies.get(visitor_cookie(desk), "")
    if not _VISITOR.fullmatch(visitor):
        visitor = request[VISITOR] = request.get(VISITOR) or secrets.token_urlsafe(16)
    return visitor_csrf(desk.secret, visitor)


def remember_visitor(request: web.Request, response: web.StreamResponse) -> None:
    """Sets the visitor's cookie if ``csrf_of`` minted one for this page."""
    if (visitor := request.get(VISITOR)) is not None and not response.prepared:
        desk = desk_of(request)
        response.set_cookie(
            visitor_cookie(desk), visitor, httponly=True, samesite="Lax", secure=desk.secure_cookies, path="/"
        )


def same_origin(request: web.Request) -> bool:
    """A browser says where a POST comes from; if it does, it must be one of our own pages."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return True
    ours = {urlsplit(desk_of(request).base_url).netloc, request.host}
    return urlsplit(origin).netloc in ours


async def check_post(request: web.Request) -> None:
    """Raises 403 unless the POST comes from our own page: its origin, and the hidden field ``csrf`` (or the header)."""
    sent = request.headers.get("X-CSRF-Token") or str((await request.post()).get("csrf", ""))
    if not same_origin(request) or not hmac.compare_digest(sent.encode(), csrf_of(request).encode()):
        raise web.HTTPForbidden(reason="csrf")


def for_agents(handler: AgentPage) -> Page:
    """Lets signed-in agents alone through. Pages send the rest to sign in; fragments and streams say 401."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        me = await find_me(request)
        if me is None:
            return _sign_in_first(request)
        request[ME] = me
        if request.method == hdrs.METH_POST:
            await check_post(request)
        return await handler(request, me)

    return guarded


def for_anyone(handler: Page) -> Page:
    """Public pages of the desk: the session is known if there is one, and POSTs are checked all the same."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if (me := await find_me(request)) is not None:
            request[ME] = me
        if request.method == hdrs.METH_POST:
            await check_post(request)
        return await handler(request)

    return guarded


def _sign_in_first(request: web.Request) -> web.StreamResponse:
    target = "/desk/sign-in"
    if request.headers.get("HX-Request"):
        return web.Response(status=401, headers={"HX-Redirect": target})
    accepted = request.headers.get(hdrs.ACCEPT, "*/*")
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD) or not ("text/html" in accepted or "*/*" in accepted):
        raise web.HTTPUnauthorized
    return web.Response(status=303, headers={hdrs.LOCATION: f"{target}?next={quote(request.path_qs)}"})


def sees_held(me: Me) -> None:
    """Held messages belong to no line yet: for readers of every line alone. Raises ``NotFound``."""
    if me.scope.lines is not None and not me.scope.admin:
        raise NotFound("There is no such page")


def safe_next(target: str) -> str:
    """Where to go after signing in: a page of the desk, never another host."""
    return target if re.fullmatch(r"/desk(?:[/?][^\\\s]*)?", target) else "/desk"
