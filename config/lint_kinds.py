"""Checks of ``kinds.yaml``: what each kind refers to, and whether its lines and stages make sense together."""

from collections.abc import Iterator

from config.bundle import Bundle
from config.kind_schema import CheckDoc, KindDoc
from config.names import Fault, Names
from config.problems import Path

FILE = "kinds.yaml"


def kinds(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, kind in bundle.kinds.kinds.items() if bundle.kinds else ():
        path: Path = ("kinds", key)
        yield from names.refer(FILE, (*path, "type"), "type", kind.type)
        yield from names.refer(FILE, (*path, "line"), "line", kind.line)
        yield from names.refer_all(FILE, (*path, "lines"), "line", kind.lines)
        if kind.line is not None and kind.lines and kind.line not in kind.lines:
            yield FILE, (*path, "lines"), f"does not have the kind's own line: {kind.line}"
        for skill in kind.skills:
            yield from names.refer(FILE, (*path, "skills", skill), "skill", skill)
        yield from _stages(key, kind, path, names)


def _stages(key: str, kind: KindDoc, path: Path, names: Names) -> Iterator[Fault]:
    fields = names.fields_of(key)
    checks: dict[str, CheckDoc] = {}
    for status, stage in kind.stages.items():
        here: Path = (*path, "stages", status)
        yield from _needs(stage.needs, (*here, "needs"), fields)
        yield from names.refer_all(FILE, (*here, "templates"), "letter", stage.templates)
        for item, check in stage.checklist.items():
            if checks.setdefault(item, check) != check:
                yield FILE, (*here, "checklist", item), "is the key of another checklist item of this kind too"
    here = (*path, "pass_on")
    yield from _needs(kind.pass_on.needs, (*here, "needs"), fields)
    for index, item in enumerate(kind.pass_on.checks):
        if item not in checks:
            yield FILE, (*here, "checks", index), f"refers to an unknown checklist item: {item}"


def _needs(needs: list[str], path: Path, fields: set[str] | None) -> Iterator[Fault]:
    for index, field in enumerate(needs):
        if fields is not None and field not in fields:
            yield FILE, (*path, index), f"needs a field that neither the kind nor its catalog entries have: {field}"
