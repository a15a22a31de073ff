"""A small policy, built by hand: the router's tests depend on no file of ``config``."""

from datetime import UTC, date, datetime, timedelta

from domain.businesstime import Calendar
from domain.policy import (
    CatalogEntry,
    Condition,
    FormPolicy,
    Goal,
    Group,
    Kind,
    Line,
    MailPolicy,
    Plan,
    Policy,
    PriorityMatrix,
    Rule,
    Text,
)
from domain.ticket import Level, Priority

HOUR = 3600
OFFICE = ((9 * HOUR, 18 * HOUR),)


def text(words: str) -> Text:
    return Text(ru=words, en=words)


def words(*phrases: str, field: str = "text") -> Condition:
    return Condition(op="words", field=field, values=phrases)


def is_(field: str, value: object) -> Condition:
    return Condition(op="is", field=field, values=(value,))


def plan(key: str, calendar: str, first: int, resolution: int | None, raises: int = 0) -> Plan:
    return Plan(
        key=key,
        title=text(key),
        calendar=calendar,
        goals={
            "first_response": {p: Goal(cell=f"{key}/{p}", seconds=first) for p in Priority},
            "resolution": {p: Goal(cell=f"{key}/{p}", seconds=resolution) for p in Priority},
        },
        raises_priority=raises,
    )


def entry(path: str, line: str, group: str | None = None, kind: str | None = None) -> CatalogEntry:
    return CatalogEntry(path=path, title=text(path), line=line, group=group, kind=kind)


def kind(key: str, type_: str, impact: Level, urgency: Level, line: str | None = None) -> Kind:
    return Kind(key=key, type=type_, title=text(key), impact=impact, urgency=urgency, regulation=text("do"), line=line)


RULES = (
    Rule(key="ads", when=words("выгодное предложение"), sets={"suppress": "advertising"}, where="rules.yaml:3"),
    Rule(key="robot", when=is_("sender.domain", "robots.example"), sets={"let_through": "yes", "kind": "outage"}),
    Rule(key="everyone", when=words("у всех", "everyone"), sets={"impact": "high"}),
    Rule(key="urgent", when=words("срочно", "urgent"), sets={"urgency": "high"}),
    Rule(key="boss", when=is_("segment", "internal"), sets={"priority": "p4"}),
    Rule(
        key="invoice-words", when=words("счёт", "invoice"), sets={"catalog": "billing/invoices"}, where="rules.yaml:9"
    ),
    Rule(key="stock-words", when=words("остатки", "stock"), sets={"catalog": "stock", "kind": "outage"}),
    Rule(
        key="stock-and-down",
        when=Condition(
            op="all",
            children=(Condition(op="under", field="catalog", values=("stock",)), words("не работает", "down")),
        ),
        sets={"line": "second", "group": "experts"},
    ),
    Rule(key="down", when=words("не работает", "down"), sets={"kind": "outage"}),
)


def make_policy(**changes: object) -> Policy:
    lines = (
        Line(
            key="first", order=1, title=text("first"), calendar="always", groups=(Group(key="money", title=text("m")),)
        ),
        Line(
            key="second",
            order=2,
            title=text("second"),
            calendar="office",
            groups=(Group(key="experts", title=text("e")),),
        ),
    )
    levels = tuple(Level)
    values: dict[str, object] = {
        "revision": 7,
        "name": text("Test"),
        "catalog": {
            e.path: e
            for e in (
                entry("other", "first"),
                entry("billing", "first", "money"),
                entry("billing/invoices", "first", "money", "question"),
                entry("stock", "first"),
            )
        },
        "kinds": {
            k.key: k
            for k in (
                kind("question", "question", Level.LOW, Level.LOW),
                kind("outage", "incident", Level.MEDIUM, Level.MEDIUM),
                kind("development", "idea", Level.LOW, Level.MEDIUM, "second"),
            )
        },
        "lines": {line.key: line for line in lines},
        "plans": {
            p.key: p
            for p in (plan("standard", "office", 4 * HOUR, None), plan("premium", "always", 900, 4 * HOUR, raises=1))
        },
        "calendars": {
            "always": Calendar.always("always"),
            "office": Calendar(
                key="office", zone="Europe/Moscow", week=(OFFICE,) * 5 + ((),) * 2, exceptions={date(2026, 11, 4): ()}
            ),
        },
        "rules": RULES,
        "matrix": PriorityMatrix(
            cells={
                (impact, urgency): tuple(Priority)[min(i + u, 3)]
                for i, impact in enumerate(levels)
                for u, urgency in enumerate(levels)
            }
        ),
        "mail": MailPolicy(
            domains=frozenset({"example.org"}),
            addresses=frozenset({"support@example.org", "billing@example.org"}),
            catalogs={"billing@example.org": "billing"},
            authserv_ids=frozenset({"mx.example.org"}),
            public_domains=frozenset({"mail.example"}),
        ),
        "forms": {
            "default": FormPolicy(
                slug="default", title=text("f"), intro=text("f"), consent=text("f"), consent_version="1"
            )
        },
        "letters": {},
        "default_catalog": "other",
        "default_kind": "question",
        "default_plan": "standard",
        "fallback_line": "first",
        "reopen_days": 14,
    }
    return Policy(**{**values, **changes})  # type: ignore[arg-type]


NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Moscow."""
LONG_AGO = NOW - timedelta(days=14, seconds=1)
LATELY = NOW - timedelta(days=14)
