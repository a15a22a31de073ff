"""Checks of ``policy.yaml``: the defaults, the priority matrix, what moves a priority, alerts."""

from collections.abc import Iterator
from typing import get_args

from config.bundle import Bundle
from config.names import Fault, Names
from config.problems import Path
from config.values import LevelName

LEVELS = get_args(LevelName)


def defaults(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.policy is None:
        return
    given = bundle.policy.defaults
    yield from names.refer_open("policy.yaml", ("defaults", "catalog"), given.catalog)
    for key, value in (("kind", given.kind), ("plan", given.plan), ("line", given.line)):
        yield from names.refer("policy.yaml", ("defaults", key), key, value)
    yield from names.refer_open("policy.yaml", ("defaults", "refused"), given.refused)
    refused = (names.entries or {}).get(given.refused or "")
    if refused is not None and refused.audience:
        yield "policy.yaml", ("defaults", "refused"), f"is not open to everybody itself: {refused.path}"


def matrix(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.policy is None:
        return
    for impact in LEVELS:
        row = bundle.policy.matrix.get(impact)
        if row is None:
            yield "policy.yaml", ("matrix",), f"has no row for impact {impact}"
            continue
        for urgency in LEVELS:
            if urgency not in row:
                yield "policy.yaml", ("matrix", impact), f"has no priority for impact {impact} and urgency {urgency}"


def adjustments(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.policy is None or names.fields is None:
        return
    given = bundle.policy.adjustments
    path: Path = ("adjustments",)
    if given.paid_field is not None and given.paid_field not in names.fields:
        yield "policy.yaml", (*path, "paid_field"), _no_field(given.paid_field)
    seen: set[str] = set()
    for index, each in enumerate(given.fields):
        here = (*path, "fields", index)
        if each.name in seen:
            yield "policy.yaml", (*here, "name"), f"names field {each.name} twice"
        seen.add(each.name)
        field = names.fields.get(each.name)
        if field is None:
            yield "policy.yaml", (*here, "name"), _no_field(each.name)
        elif field.type == "choice":
            for part, values in (("impact", each.impact), ("urgency", each.urgency)):
                for value in values:
                    if value not in field.choices:
                        yield "policy.yaml", (*here, part, value), f"is not a choice of field {each.name}: {value}"


def alerts(bundle: Bundle, names: Names) -> Iterator[Fault]:
    given = bundle.policy.alerts if bundle.policy is not None else None
    if given is None:
        return
    yield from names.refer_open("policy.yaml", ("alerts", "catalog"), given.catalog)
    yield from names.refer("policy.yaml", ("alerts", "kind"), "kind", given.kind)


def _no_field(key: str) -> str:
    return f"refers to a field that no kind and no catalog entry has: {key}"
