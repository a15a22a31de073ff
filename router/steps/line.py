"""Whose queue: a rule's line, else the kind's, else the catalog entry's, else the fallback; and one of its groups."""

from domain.decision import Step
from domain.policy import CatalogEntry, Kind, Line, Policy
from router.features import Features
from router.steps.classify import Hits


def choose_line(
    hits: Hits, features: Features, policy: Policy, kind: Kind, entry: CatalogEntry
) -> tuple[Line, str | None, Step]:
    line, because, rule = _line(hits, features, policy, kind, entry)
    group, why = _group(hits, features, line, entry)
    outcome = f"{line.key}/{group}" if group else line.key
    return line, group, Step(step="line", outcome=outcome, because=f"{because}{why}", rule=rule)


def _line(
    hits: Hits, features: Features, policy: Policy, kind: Kind, entry: CatalogEntry
) -> tuple[Line, str, str | None]:
    hit = hits.get("line")
    if hit is not None and hit.value in policy.lines:
        return policy.lines[hit.value], hit.sentence(features), hit.key
    if kind.line is not None and kind.line in policy.lines:
        return policy.lines[kind.line], f"Kind {kind.key} goes to line {kind.line}.", None
    if entry.line in policy.lines:
        return policy.lines[entry.line], f"Catalog entry {entry.path} belongs to line {entry.line}.", None
    fallback = policy.lines[policy.fallback_line]
    return fallback, f"The policy has no line {entry.line}, so line {fallback.key} takes it.", None


def _group(hits: Hits, features: Features, line: Line, entry: CatalogEntry) -> tuple[str | None, str]:
    groups = {group.key for group in line.groups}
    hit = hits.get("group")
    if hit is not None and hit.value in groups:
        return hit.value, f" Group {hit.value}: {hit.sentence(features)}"
    if entry.group in groups:
        return entry.group, f" Group {entry.group} looks after {entry.path}."
    return None, ""
