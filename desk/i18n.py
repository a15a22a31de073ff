"""Languages: catalogs read from ``locale/*/LC_MESSAGES/desk.po`` at start, and the check that none has gaps.

Message ids are English. ``speaking`` is the reader's language for the running request; templates and ``gettext``
read it, so that nothing below the middleware passes a locale along.
"""

import gettext as stdlib_gettext
import io
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from aiohttp import web
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

HERE = Path(__file__).parent
LOCALES = ("ru", "en")
LOCALE_COOKIE = "priyom_lang"
FORM = HERE.parent / "channels"
SOURCES = (*sorted(HERE.rglob("*.py")), FORM / "form.py", FORM / "formbody.py", FORM / "formrules.py")
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "N_": None,
    "Mistake": (2,),
    "ngettext": (1, 2),
}

speaking: ContextVar[str] = ContextVar("speaking", default="en")


def read_catalog(locale: str) -> Catalog:
    with (HERE / "locale" / locale / "LC_MESSAGES" / "desk.po").open("rb") as file:
        return read_po(file, locale=locale)


@cache
def translations(locale: str) -> stdlib_gettext.NullTranslations:
    """The compiled catalog, in memory."""
    compiled = io.BytesIO()
    write_mo(compiled, read_catalog(locale))
    compiled.seek(0)
    return stdlib_gettext.GNUTranslations(compiled)


def gettext(message: str) -> str:
    return translations(speaking.get()).gettext(message) if message else ""


def ngettext(one: str, many: str, count: int) -> str:
    return translations(speaking.get()).ngettext(one, many, count)


def N_(message: str) -> str:  # noqa: N802  (the gettext convention: marks for translation, translates nothing)
    return message


def negotiate(request: web.Request) -> str:
    """The language asked for by query, cookie or header, in this order; English where none is ours."""
    for wanted in (request.query.get("lang"), request.cookies.get(LOCALE_COOKIE)):
        if wanted in LOCALES:
            return wanted
    return _from_header(request.headers.get("Accept-Language", ""))


def _from_header(header: str) -> str:
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") or "1"
        try:
            ranked.append((-float(quality), place, tag.strip().lower()[:2]))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(ranked) if tag in LOCALES), "en")


def extracted() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Every message id of the code and the templates: (where, id or (singular, plural))."""
    for path in SOURCES:
        with path.open("rb") as file:
            for line, message, _, _ in extract("python", file, keywords=KEYWORDS):
                if message:
                    yield f"{path.name}:{line}", message
    options = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true"}
    for path in sorted((HERE / "templates").rglob("*.*")):
        with path.open("rb") as file:
            for line, message, _, _ in extract("jinja2.ext:babel_extract", file, keywords=KEYWORDS, options=options):
                if message:
                    yield f"{path.name}:{line}", message


def missing(locale: str) -> list[str]:
    """Message ids without words in ``locale``, and words whose id is no longer used. Empty is well."""
    catalog = read_catalog(locale)
    wanted: dict[str, str] = {}
    for where, message in extracted():
        wanted.setdefault(message if isinstance(message, str) else message[0], where)
    gaps = [f"{where}: {key!r} is not translated" for key, where in sorted(wanted.items()) if not _has(catalog, key)]
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in catalog if m.id}
    return gaps + [f"desk.po: {key!r} is not used any more" for key in sorted(known - wanted.keys())]


def _has(catalog: Catalog, message: str) -> bool:
    found = catalog.get(message)
    if found is None or found.fuzzy:
        return False
    return all(found.string) if isinstance(found.string, (tuple, list)) else bool(found.string)
