"""The catalog as it is after inheritance, written out as YAML: what is inherited says from whom, what is said anew says
instead of what. Called by ``priyom policy export``; what it writes is a ``catalog.yaml`` itself."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from config.bundle import INHERITED, Placed, placed
from config.catalog_schema import EVERYBODY, CatalogFile


def effective_catalog(file: CatalogFile) -> str:
    entries = {entry.path: entry for entry in placed(file)}
    written: dict[str, CommentedMap] = {}
    root = CommentedMap()
    for path, entry in entries.items():
        written[path] = _entry(entry, entries.get(entry.above))
        siblings = written[entry.above].setdefault("children", CommentedMap()) if entry.above else root
        siblings[path.rpartition("/")[2]] = written[path]
    top = CommentedMap()
    if file.audiences:
        top["audiences"] = CommentedMap({key: _inline(each) for key, each in file.audiences.items()})
    top["catalog"] = root
    return _text(top)


def _entry(entry: Placed, parent: Placed | None) -> CommentedMap:
    result = CommentedMap(title=_inline(entry.document.title))
    for name in INHERITED:
        if name == "fields":
            _fields(result, entry, parent)
            continue
        origin = entry.origin.get(name)
        if origin is None:
            continue
        result[name] = _inline(_value(entry, name))
        if origin != entry.path:
            result.yaml_add_eol_comment(f"from {origin}", name, column=0)
        elif parent is not None and name in parent.origin:
            result.yaml_add_eol_comment(f"overrides {_flow(_value(parent, name))}", name, column=0)
    if entry.document.retired:
        result["retired"] = True
    return result


def _fields(result: CommentedMap, entry: Placed, parent: Placed | None) -> None:
    if not entry.fields:
        return
    fields = result["fields"] = CommentedMap()
    for key, field in entry.fields.items():
        fields[key] = _inline(field)
        origin = entry.origin[f"fields.{key}"]
        if origin != entry.path:
            fields.yaml_add_eol_comment(f"from {origin}", key, column=0)
        elif parent is not None and key in parent.fields:
            fields.yaml_add_eol_comment(f"overrides {parent.origin[f'fields.{key}']}", key, column=0)


def _value(entry: Placed, name: str) -> Any:
    value = getattr(entry, name)
    return (value or (EVERYBODY,)) if name == "audience" else value


def _inline(value: Any) -> Any:
    """In the flow style, ``{ru: ..., en: ...}`` and ``[...]``; a scalar as it is. Defaults are left out."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        result: Any = CommentedMap({key: _inline(each) for key, each in value.items()})
    elif isinstance(value, (list, tuple)):
        result = CommentedSeq([_inline(each) for each in value])
    else:
        return value
    result.fa.set_flow_style()
    return result


def _flow(value: Any) -> str:
    """On one line, as a comment has it."""
    return _text(_inline(value)).removesuffix("...\n").strip()


def _text(value: Any) -> str:
    writer = YAML()
    writer.width = 10_000
    written = StringIO()
    writer.dump(value, written)
    return written.getvalue()
