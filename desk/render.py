"""Templates: one environment, strict about names, autoescaping, with the words and times that pages share."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from desk import i18n, reasons, statics, times, words
from desk.deps import Desk, desk_of
from desk.session import ME, csrf_of
from domain.errors import Fault, Invalid
from domain.ids import format_number

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "priyom_theme"


@cache
def environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("desk"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        static=statics.url_for,
        number=format_number,
        words=words,
        reasons=reasons,
        word=words.word,
        size=size,
        icon=icon,
        error_texts=error_texts,
    )
    env.filters.update(exact=times.exact, span=times.span, iso=iso)
    return env


def install(app: web.Application) -> None:
    app[aiohttp_jinja2.APP_KEY] = environment()


def render(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page or a fragment, with what every template may use."""
    desk = desk_of(request)
    context = {**common(request, desk), **values}
    html = environment().get_template(template).render(context)
    return web.Response(text=html, status=status, content_type="text/html")


def common(request: web.Request, desk: Desk) -> dict[str, Any]:
    now = desk.clock.now()
    policy = desk.policy.current
    theme = request.cookies.get(THEME_COOKIE, "auto")
    me = request.get(ME)
    return {
        "me": me,
        "agent": me.session.agent if me else None,
        "presence": me.session.agent.presence_at(now) if me else None,
        "csrf": csrf_of(request),
        "lang": i18n.speaking.get(),
        "theme": theme if theme in THEMES else "auto",
        "here": request.path_qs,
        "policy": policy,
        "now": now,
        "due": lambda at: times.due(at, now),
        "due_brief": lambda at: times.due_brief(at, now),
        "ago": lambda at: times.ago(at, now),
        "age": lambda at: times.age(at, now),
        "short": lambda at: times.short(at, now),
        "urgency": lambda at: times.urgency(at, now),
        "ticking": times.ticking_words,
    }


def icon(name: str, title: str = "") -> Markup:
    """A drawing from our sprite. With a title it speaks for itself; without, it is decoration."""
    href = f"{statics.url_for('icons.svg')}#{name}"
    if title:
        return Markup('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>').format(title, href)
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>').format(href)


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def size(count: int) -> str:
    """``1.4 MB`` / ``1,4 МБ``."""
    units = (i18n.gettext("B"), i18n.gettext("KB"), i18n.gettext("MB"))
    value, step = float(count), 0
    while value >= 1024 and step < len(units) - 1:
        value, step = value / 1024, step + 1
    shown = f"{value:.0f}" if value >= 10 or step == 0 else f"{value:.1f}".removesuffix(".0")
    if i18n.speaking.get() == "ru":
        shown = shown.replace(".", ",")
    return f"{shown}\u00a0{units[step]}"


def error_texts(status: int) -> tuple[str, str]:
    """Title and advice of an error page."""
    _ = i18n.gettext
    pages: Mapping[int, tuple[str, str]] = {
        401: (_("Sign in first"), _("Your session has ended.")),
        403: (_("This form has gone stale"), _("Go back, reload the page and send it again.")),
        404: (_("There is nothing here"), _("The address is wrong, or this is not for your lines to see.")),
        405: (_("That cannot be done here"), _("The page does not take this kind of request.")),
        409: (_("Done already"), _("Somebody else was faster. Reload to see what stands now.")),
        413: (_("That is too large"), _("Send less at once.")),
        422: (_("The address does not make sense"), _("Part of it is not something we know.")),
        429: (_("Too many at once"), _("Wait a little and try again.")),
        503: (_("Back in a moment"), _("Part of the service is away. Nothing you sent was lost: try again shortly.")),
    }
    return pages.get(status, (_("Something broke on our side"), _("It has been logged. Try again in a moment.")))


def error_page(request: web.Request, status: int, fault: Fault | None = None) -> web.Response:
    """The styled error; for htmx and other fragments, its plain words."""
    title, advice = error_texts(status)
    if isinstance(fault, Invalid):
        advice = f"{advice} ({fault.field})"
    if request.headers.get("HX-Request"):
        return web.Response(text=f"{title}. {advice}", status=status)
    return render(request, "error.html", status=status, status_code=status, title=title, advice=advice)
