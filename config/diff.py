"""What differs between two policies, thing by thing, in the words of the files.

Arrives: two bundles without faults. Leaves: ``Change``s in the order of the files. Compared is what is meant, not how
it is written: what is left out is as its default, catalog entries are as they stand after inheritance, calendars as
their dates. Called by ``priyom policy diff``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, get_args

from pydantic import BaseModel

from config.bundle import INHERITED, Bundle, placed
from config.calendars import compiled_all
from config.values import WEEKDAYS, duration
from domain.businesstime import DAY_S, Calendar, Span
from domain.clocks import Target

_DURATIONS = {"stay", "after", "link_within", "wait", "shorter_before_holidays", *get_args(Target)}
"""Keys whose numbers are seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One key: what it was and what it is; None where it is not there."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``sort`` and ``key`` name the thing (``plan``, ``premium``; what there is one of has no key). ``moved`` are rules
    and reactions that stand elsewhere among those that stayed; their detail is the place, counted from 1."""

    sort: str
    key: str
    what: Literal["added", "removed", "changed", "moved"]
    details: tuple[Detail, ...] = ()


SORTS = (
    *("policy", "line", "calendar", "plan", "sla cell", "audience", "catalog entry", "type", "kind"),
    *("rule", "mail", "form", "letter budget", "letter", "reaction"),
)
Flat = Mapping[str, str]
"""Dotted key -> value as it is written."""


def differences(old: Bundle, new: Bundle) -> tuple[Change, ...]:
    before, after = dict(_things(old)), dict(_things(new))
    result: list[Change] = []
    for sort in SORTS:
        mine = {key: flat for (its, key), flat in before.items() if its == sort}
        theirs = {key: flat for (its, key), flat in after.items() if its == sort}
        result += _compared(sort, mine, theirs)
        if sort in ("rule", "reaction"):
            result += _moved(sort, list(mine), list(theirs))
    return tuple(result)


def _compared(sort: str, old: Mapping[str, Flat], new: Mapping[str, Flat]) -> Iterator[Change]:
    for key in (*new, *(key for key in old if key not in new)):
        if key not in old:
            yield Change(sort=sort, key=key, what="added")
        elif key not in new:
            yield Change(sort=sort, key=key, what="removed")
        elif old[key] != new[key]:
            names = dict.fromkeys((*new[key], *old[key]))
            details = (Detail(key=name, old=old[key].get(name), new=new[key].get(name)) for name in names)
            yield Change(sort=sort, key=key, what="changed", details=tuple(d for d in details if d.old != d.new))


def _moved(sort: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    stayed_old, stayed_new = [key for key in old if key in set(new)], [key for key in new if key in set(old)]
    blocks = SequenceMatcher(None, stayed_old, stayed_new, autojunk=False).get_matching_blocks()
    in_place = {key for block in blocks for key in stayed_old[block.a : block.a + block.size]}
    for key in stayed_new:
        if key not in in_place:
            place = Detail(key="place", old=str(old.index(key) + 1), new=str(new.index(key) + 1))
            yield Change(sort=sort, key=key, what="moved", details=(place,))


def _things(bundle: Bundle) -> Iterator[tuple[tuple[str, str], Flat]]:
    """((sort, key), what it says), in the order of the files. Files that are not there have nothing."""
    if bundle.policy:
        yield ("policy", ""), _flat(bundle.policy)
    if bundle.lines:
        yield from (_thing("line", key, each) for key, each in bundle.lines.lines.items())
    if bundle.calendars:
        for key, calendar in compiled_all(bundle.calendars).items():
            yield ("calendar", key), _calendar(bundle.calendars.calendars[key], calendar)
    if bundle.plans:
        yield from (_thing("plan", key, each) for key, each in bundle.plans.plans.items())
        yield from (_thing("sla cell", each.key, each) for each in bundle.plans.sla)
    if bundle.catalog:
        yield from (_thing("audience", key, each) for key, each in bundle.catalog.audiences.items())
        for entry in placed(bundle.catalog):
            said = {"title": entry.document.title, "retired": entry.document.retired}
            yield ("catalog entry", entry.path), _flat(said | {name: getattr(entry, name) for name in INHERITED})
    if bundle.kinds:
        yield from (_thing("type", key, each) for key, each in bundle.kinds.types.items())
        yield from (_thing("kind", key, each) for key, each in bundle.kinds.kinds.items())
    if bundle.rules:
        yield from (_thing("rule", each.key, each) for each in bundle.rules.rules)
    if bundle.mail:
        yield ("mail", ""), _flat(bundle.mail.mail)
    if bundle.forms:
        yield from (_thing("form", key, each) for key, each in bundle.forms.forms.items())
    if bundle.letters:
        yield ("letter budget", ""), _flat(bundle.letters.budget)
        yield from (_thing("letter", key, each) for key, each in bundle.letters.letters.items())
    if bundle.reactions:
        yield from (_thing("reaction", each.key, each) for each in bundle.reactions.reactions)


def _thing(sort: str, key: str, model: BaseModel) -> tuple[tuple[str, str], Flat]:
    flat = _flat(model)
    return (sort, key), {name: value for name, value in flat.items() if name != "key"}


def _calendar(document: BaseModel, calendar: Calendar) -> Flat:
    """Its settings, its week by day, and the dates that are not as the week says, holidays written out."""
    said = _flat(document.model_dump(exclude={"week", "exceptions"}, exclude_none=True))
    week = {f"week.{name}": _shifts(shifts) for name, shifts in zip(WEEKDAYS, calendar.week, strict=True) if shifts}
    return {**said, **week, **{str(day): _shifts(shifts) for day, shifts in calendar.exceptions.items()}}


def _flat(value: Any) -> Flat:
    return dict(_leaves(value, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True, exclude_none=True)
    if path == "when":
        yield path, json.dumps(value, ensure_ascii=False)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(each, (Mapping, BaseModel)) for each in value):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}[{index}]")
    elif value is not None and value not in ((), []):
        yield path, _written(value, path)


def _written(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(str(each) for each in value)}]"
    if isinstance(value, int) and not _DURATIONS.isdisjoint(path.split(".")):
        return duration(value)
    return str(value).strip()


def _shifts(shifts: Sequence[Span]) -> str:
    return (
        ", ".join(f"{_clock(start)}-{_clock(end - DAY_S if end > DAY_S else end)}" for start, end in shifts) or "closed"
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"
