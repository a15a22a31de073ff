"""Puts the routes onto the application: token, scope, query, then the handler."""

import functools
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from desk.api import openapi
from desk.api.handlers import Call
from desk.api.problems import Refused, problem
from desk.api.query import read_query
from desk.api.routes import ROUTES, ApiRoute
from desk.deps import Desk, desk_of
from domain.people import ApiToken
from domain.views import Scope

RANK = {"read": 0, "agent": 1, "admin": 2}
NOBODY = Scope(reader="public", lines=frozenset())


def add_api(app: web.Application) -> None:
    for route in ROUTES:
        if route.handler is not None:
            add = app.router.add_get if route.method == "GET" else app.router.add_post
            add(route.path, served(route, route.handler))
    app.router.add_get("/api/v1/openapi.json", openapi.serve)


def served(
    route: ApiRoute, handler: Callable[[Call], Awaitable[web.StreamResponse]]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        desk = desk_of(request)
        try:
            token = None if route.needs == "public" else await authorise(desk, request, route)
            query = read_query(list(request.query.items()), route.query)
            scope = scope_of(token) if token else NOBODY
            return await handler(Call(request=request, desk=desk, query=query, scope=scope, token=token))
        except Refused as refusal:
            return problem(refusal.status, refusal.detail, refusal.errors)

    return handle


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
