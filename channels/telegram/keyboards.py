"""Buttons, and what a press of one says: ``callback_data`` of at most 64 bytes. Pure; called by dialogue.

| data | means |
|---|---|
| ``to:<envelope>:<number or new>`` | the message that waits belongs there |
| ``close:<number>`` | close this request |
| ``cat:<hash>``, ``cat:-``, ``cat:=`` | the next request is about this entry; about none; the one chosen last stands |

Who presses may be anybody and the data may be old: whoever reads it asks whether it is theirs.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from channels.telegram import words
from channels.telegram.words import Tongue
from domain.ids import format_number
from domain.policy import CatalogEntry, Policy
from domain.views import RequestBrief

_TO = re.compile(r"to:([0-9A-Za-z]{1,40}):(new|[0-9]{1,15})")
_CLOSE = re.compile(r"close:([0-9]{1,15})")
_CATALOG = re.compile(r"cat:([0-9a-f]{12}|[-=])")
_LABEL = 60
_MOST_BUTTONS = 50


@dataclass(frozen=True, slots=True)
class To:
    """``number`` None: a new request."""

    envelope: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Close:
    number: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """``entry``: a hash of its path, ``-`` or ``=``."""

    entry: str


def parse(data: str) -> To | Close | Catalog | None:
    """None for what is no button of ours."""
    if found := _TO.fullmatch(data):
        return To(found[1], None if found[2] == "new" else int(found[2]))
    if found := _CLOSE.fullmatch(data):
        return Close(int(found[1]))
    if found := _CATALOG.fullmatch(data):
        return Catalog(found[1])
    return None


def label(brief: RequestBrief) -> str:
    text = f"{format_number(brief.number)} {' '.join(brief.subject.split())}"
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def which(envelope: str, briefs: Iterable[RequestBrief], language: Tongue) -> InlineKeyboardMarkup:
    """One button a request, and one for a new one."""
    rows = [[InlineKeyboardButton(label(one), callback_data=f"to:{envelope}:{one.number}")] for one in briefs]
    new = InlineKeyboardButton(words.say("new_request", language), callback_data=f"to:{envelope}:new")
    return InlineKeyboardMarkup([*rows, [new]])


def closing(briefs: Iterable[RequestBrief]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label(one), callback_data=f"close:{one.number}")] for one in briefs]
    )


def offered(policy: Policy) -> list[CatalogEntry]:
    """What is meant for requesters and for everybody: nobody knows yet who asks."""
    return [one for one in policy.catalog.values() if one.form and not one.retired and not one.audiences]


def entry_hash(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def entry_of(policy: Policy, hashed: str) -> CatalogEntry | None:
    return next((one for one in offered(policy) if entry_hash(one.path) == hashed), None)


def top(policy: Policy) -> list[CatalogEntry]:
    """Entries that stand below no other that is offered."""
    entries = offered(policy)
    paths = {one.path for one in entries}
    return [one for one in entries if not any(above in paths for above in _above(one.path))]


def children(policy: Policy, path: str) -> list[CatalogEntry]:
    """The entries next below."""
    entries = [one for one in offered(policy) if one.path.startswith(f"{path}/")]
    paths = {one.path for one in entries}
    return [one for one in entries if not any(above in paths for above in _above(one.path))]


def _above(path: str) -> Iterable[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def catalog(entries: Sequence[CatalogEntry], language: Tongue, *, below: bool = False) -> InlineKeyboardMarkup:
    """``below``: they are the children of one that is chosen already."""
    rows = [
        [InlineKeyboardButton(one.title.in_language(language)[:_LABEL], callback_data=f"cat:{entry_hash(one.path)}")]
        for one in entries[:_MOST_BUTTONS]
    ]
    last = ("this_one", "cat:=") if below else ("no_catalog", "cat:-")
    rows.append([InlineKeyboardButton(words.say(last[0], language), callback_data=last[1])])
    return InlineKeyboardMarkup(rows)


def share(language: Tongue) -> ReplyKeyboardMarkup:
    """Below the text field: telling one's own telephone number."""
    button = KeyboardButton(words.say("share", language), request_contact=True)
    return ReplyKeyboardMarkup([[button]], resize_keyboard=True, one_time_keyboard=True)
