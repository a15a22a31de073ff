"""Signing in by a one-time link that an administrator handed out, signing out, and how pages look and speak."""

import re

from aiohttp import hdrs, web

from desk import i18n
from desk.deps import desk_of
from desk.render import THEME_COOKIE, THEMES, render
from desk.session import ME, SESSION_LIFE, Me, drop_session, safe_next, session_cookie, set_session

YEAR_S = 365 * 24 * 3600
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")


def see_other(target: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: target})


async def root(request: web.Request) -> web.Response:
    return see_other("/desk")


async def explain(request: web.Request) -> web.Response:
    """How to get in. No mail is sent, so the page asks for no address: it explains, and takes a pasted link."""
    if ME in request:
        return see_other(safe_next(request.query.get("next", "/desk")))
    return render(request, "signin.html", secret=None, problem="")


async def paste(request: web.Request) -> web.Response:
    """The pasted link or its last part leads to the page with the button."""
    pasted = str((await request.post()).get("link", "")).strip()
    secret = pasted.split("?")[0].rstrip("/").rpartition("/")[2]
    if not _SECRET.fullmatch(secret):
        return render(request, "signin.html", status=422, secret=None, problem="link")
    return see_other(f"/desk/sign-in/{secret}")


async def offer(request: web.Request) -> web.Response:
    """GET consumes nothing: mail scanners and messengers fetch links before people do."""
    return render(request, "signin.html", secret=request.match_info["secret"], problem="")


async def consume(request: web.Request) -> web.Response:
    """POST uses the link up. An unknown, used and expired one are told apart by nothing."""
    desk = desk_of(request)
    used = await desk.accounts.use_link(request.match_info["secret"], desk.clock.now(), SESSION_LIFE)
    if used is None:
        return render(request, "signin.html", status=403, secret=None, problem="used")
    if earlier := request.cookies.get(session_cookie(desk)):
        await desk.accounts.end_session(earlier)
    response = see_other("/desk")
    set_session(desk, response, used[0])
    return response


async def sign_out(request: web.Request, me: Me) -> web.Response:
    desk = desk_of(request)
    await desk.accounts.end_session(request.cookies[session_cookie(desk)])
    response = see_other("/desk/sign-in")
    drop_session(desk, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def preferences(request: web.Request) -> web.Response:
    """Language and theme, kept in cookies; back to where the reader was."""
    data = await request.post()
    response = see_other(safe_next(str(data.get("back", "/desk"))))
    secure = desk_of(request).secure_cookies
    for name, cookie, allowed in (("lang", i18n.LOCALE_COOKIE, i18n.LOCALES), ("theme", THEME_COOKIE, THEMES)):
        if (value := str(data.get(name, ""))) in allowed:
            response.set_cookie(cookie, value, max_age=YEAR_S, samesite="Lax", secure=secure, httponly=True, path="/")
    return response
