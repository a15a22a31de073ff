"""Puts the routes onto the application: token or session, scope, query, then the handler."""

import functools
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from desk.api import openapi
from desk.api.handlers import Call
from desk.api.problems import Refused, problem
from desk.api.query import read_query
from desk.api.routes import ROUTES, ApiRoute
from desk.deps import Desk, desk_of
from desk.session import ME, Me, find_me, same_origin
from domain.people import ApiToken
from domain.views import Scope

RANK = {"read": 0, "agent": 1, "admin": 2}
NOBODY = Scope(reader="public", lines=frozenset())


def add_api(app: web.Application) -> None:
    for route in ROUTES:
        if route.handler is not None:
            handler = served(route, route.handler)
            if route.method == "GET":
                app.router.add_get(route.path, handler)
            else:
                app.router.add_route(route.method, route.path, handler)
    app.router.add_get("/api/v1/openapi.json", openapi.serve)


def served(
    route: ApiRoute, handler: Callable[[Call], Awaitable[web.StreamResponse]]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        desk = desk_of(request)
        try:
            me = await signed_in(request, route)
            token = None if route.needs == "public" or me is not None else await authorise(desk, request, route)
            query = read_query(list(request.query.items()), route.query)
            scope = me.scope if me else scope_of(token) if token else NOBODY
            return await handler(Call(request=request, desk=desk, query=query, scope=scope, token=token, me=me))
        except Refused as refusal:
            return problem(refusal.status, refusal.detail, refusal.errors)

    return handle


async def signed_in(request: web.Request, route: ApiRoute) -> Me | None:
    """The agent whose browser asks without a token, where the route is for them too. Raises ``Refused`` 403 for who is
    no administrator where one is needed, and for what does not come from a page of ours (``X-CSRF-Token``)."""
    if route.session is None or hdrs.AUTHORIZATION in request.headers:
        return None
    me = await find_me(request)
    if me is None:
        return None
    request[ME] = me
    if request.method != hdrs.METH_GET:
        sent = request.headers.get("X-CSRF-Token", "")
        if not same_origin(request) or not hmac.compare_digest(sent.encode(), me.session.csrf.encode()):
            raise Refused(403, "The request does not carry the session's X-CSRF-Token.")
    if route.session == "admin" and not me.scope.admin:
        raise Refused(403, "This is for administrators.")
    return me


async def authorise(desk: Desk, request: web.Request, route: ApiRoute) -> ApiToken:
    """Raises ``Refused`` 401 without a token of ours, 403 where its scope is too small."""
    scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token = await desk.accounts.token(secret.strip()) if scheme.lower() == "bearer" and secret.strip() else None
    if token is None:
        raise Refused(401)
    if RANK[token.scope] < RANK[route.needs]:
        raise Refused(403)
    return token


def scope_of(token: ApiToken) -> Scope:
    """Tokens belong to systems, not to a line: they read every line."""
    return Scope(reader=f"token:{token.id}", lines=None, admin=token.scope == "admin")
