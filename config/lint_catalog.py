"""Checks of ``catalog.yaml``: audiences, and what each entry says after inheritance."""

from collections.abc import Iterator

from config.bundle import Bundle, Placed
from config.catalog_schema import EVERYBODY
from config.names import Fault, Names, catalog_path
from config.problems import Path

FILE = "catalog.yaml"


def audiences(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, audience in bundle.catalog.audiences.items() if bundle.catalog else ():
        path: Path = ("audiences", key)
        if key == EVERYBODY:
            yield FILE, path, "is the audience that is always there; give yours another key"
        yield from names.refer_all(FILE, (*path, "plans"), "plan", audience.plans)


def catalog(bundle: Bundle, names: Names) -> Iterator[Fault]:
    without_line: set[str] = set()
    for entry in (names.entries or {}).values():
        path = catalog_path(entry.path)
        yield from _references(entry, path, names)
        if entry.line is None:
            without_line.add(entry.path)
            if entry.above not in without_line:
                yield FILE, path, "has no line, and no entry above it has one"
        message = names.group_fault(entry.line, entry.document.group)
        if message:
            yield FILE, (*path, "group"), message
        yield from _contradictions(entry, path)


def _references(entry: Placed, path: Path, names: Names) -> Iterator[Fault]:
    document = entry.document
    yield from names.refer(FILE, (*path, "line"), "line", document.line)
    yield from names.refer(FILE, (*path, "kind"), "kind", document.kind)
    yield from names.refer_all(FILE, (*path, "kinds"), "kind", document.kinds or ())
    yield from names.refer_all(FILE, (*path, "audience"), "audience", document.audience or ())
    yield from names.refer_all(FILE, (*path, "route"), "line", document.route or ())
    for plan, instead in (document.plans or {}).items():
        yield from names.refer(FILE, (*path, "plans", plan), "plan", plan)
        yield from names.refer(FILE, (*path, "plans", plan), "plan", instead)


def _contradictions(entry: Placed, path: Path) -> Iterator[Fault]:
    """Between what the entry says and what it has from above; named at what it says itself."""
    own = entry.own
    if own & {"route", "line"} and entry.route and entry.line is not None and entry.line not in entry.route:
        at = "route" if "route" in own else "line"
        yield FILE, (*path, at), f"has a route that its line is not on: {entry.line}"
    if own & {"kinds", "kind"} and entry.kinds and entry.kind is not None and entry.kind not in entry.kinds:
        at = "kinds" if "kinds" in own else "kind"
        yield FILE, (*path, at), f"offers kinds that its usual kind is not among: {entry.kind}"
    audience = entry.document.audience or ()
    if EVERYBODY in audience and len(audience) > 1:
        yield FILE, (*path, "audience"), "is for everybody and for others; one of the two is enough"


def doubtful_kinds(bundle: Bundle, names: Names) -> Iterator[Fault]:
    """A usual kind that does not visit the entry's line."""
    kinds = bundle.kinds.kinds if bundle.kinds else {}
    for entry in (names.entries or {}).values():
        kind = kinds.get(entry.document.kind or "")
        if kind is None or not kind.lines or kind.line is not None or entry.line in (None, *kind.lines):
            continue
        message = f"is a kind that does not visit line {entry.line}: {entry.document.kind}"
        yield FILE, (*catalog_path(entry.path), "kind"), message
