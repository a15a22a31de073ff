"""Around every request: language and zone, security headers, and errors as pages or problem documents.

The outermost layers of the application. An error never shows its own text: a ``Fault`` speaks with its ``public``
voice, anything else is a 500 that names nothing and goes to the log.
"""

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from desk import i18n, times
from desk.api.problems import problem_of
from desk.deps import desk_of
from desk.render import error_page
from desk.session import remember_visitor
from domain.errors import Conflict, Fault, Invalid, NotFound, Unavailable

log = structlog.get_logger(__name__)

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; frame-src 'self'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
RETRY_AFTER_S = 10


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sets the reader's language and zone for everything below."""
    language = i18n.speaking.set(i18n.negotiate(request))
    zone = times.zone.set(times.zone_of(request.cookies.get(times.ZONE_COOKIE), desk_of(request).timezone))
    try:
        response = await handler(request)
    finally:
        i18n.speaking.reset(language)
        times.zone.reset(zone)
    return response


@web.middleware
async def shield(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns errors into answers and puts the security headers on whatever goes out."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = error if error.status < 400 else answer(request, error.status, allow=error.headers.get(hdrs.ALLOW))
    except Fault as fault:
        response = answer(request, status_of(fault), fault)
    except Exception:
        log.exception("page.failed", method=request.method, route=route_name(request))
        response = answer(request, 500)
    if not response.prepared:
        harden(request, response)
    return response


def harden(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/"):
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    remember_visitor(request, response)


def status_of(fault: Fault) -> int:
    match fault:
        case NotFound():
            return 404
        case Invalid():
            return 422
        case Conflict():
            return 409
        case Unavailable():
            return 503
    return 500


def answer(request: web.Request, status: int, fault: Fault | None = None, allow: str | None = None) -> web.Response:
    """The error as a page, or as RFC 9457 under ``/api``."""
    if status == 500 and fault is not None:
        log.error("page.failed", method=request.method, route=route_name(request), reason=fault.reason)
    of_api = request.path.startswith("/api/")
    response = problem_of(status, fault) if of_api else error_page(request, status, fault)
    if status == 503:
        response.headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_S)
    if allow:
        response.headers[hdrs.ALLOW] = allow
    return response


def route_name(request: web.Request) -> str:
    """The route's pattern, never the path itself: paths may hold secrets."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


MIDDLEWARES = (speak, shield)
