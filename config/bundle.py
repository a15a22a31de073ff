"""The files of a policy, read, and the catalog after inheritance: what the checks and the compiler both work on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.catalog_schema import EVERYBODY, CatalogDoc, CatalogFile, FieldDoc
from config.kind_schema import KindsFile
from config.letter_schema import LettersFile
from config.line_schema import CalendarsFile, LinesFile
from config.plan_schema import PlansFile
from config.reaction_schema import ReactionsFile
from config.rule_schema import RulesFile
from config.schema import FormsFile, MailFile, PolicyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A file that could not be read is None, and the lint says what it can without it; so is a file that may be left
    out and was."""

    policy: PolicyFile | None = None
    lines: LinesFile | None = None
    calendars: CalendarsFile | None = None
    plans: PlansFile | None = None
    catalog: CatalogFile | None = None
    kinds: KindsFile | None = None
    rules: RulesFile | None = None
    mail: MailFile | None = None
    forms: FormsFile | None = None
    letters: LettersFile | None = None
    reactions: ReactionsFile | None = None


INHERITED = ("line", "group", "kind", "form", "kinds", "audience", "fields", "plans", "route")
"""Keys of an entry that its children have from it, in the order in which they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A catalog entry after inheritance; ``line`` None where neither it nor anything above names one. ``origin``:
    each thing that was said -> the path of the entry that says it; a field is ``fields.<key>``."""

    path: str
    document: CatalogDoc
    line: str | None = None
    group: str | None = None
    kind: str | None = None
    form: bool = True
    kinds: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    fields: Mapping[str, FieldDoc] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    route: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> frozenset[str]:
        """What of ``INHERITED`` the entry says itself."""
        said = {name: getattr(self.document, name) for name in INHERITED}
        return frozenset(name for name, value in said.items() if value is not None and (value or name != "fields"))

    @property
    def above(self) -> str:
        """Path of the parent, empty at the root."""
        return self.path.rpartition("/")[0]


def placed(file: CatalogFile) -> Iterator[Placed]:
    """The catalog tree, parents first, with what each entry has from the entries above it."""
    yield from _below(file.catalog, None)


def _below(children: Mapping[str, CatalogDoc], parent: Placed | None) -> Iterator[Placed]:
    for key, document in children.items():
        entry = _entry(f"{parent.path}/{key}" if parent else key, document, parent)
        yield entry
        yield from _below(document.children, entry)


def _entry(path: str, document: CatalogDoc, parent: Placed | None) -> Placed:
    values: dict[str, Any] = {name: getattr(parent, name) for name in INHERITED} if parent else {}
    origin = dict(parent.origin) if parent else {}
    if document.line is not None and document.line != values.get("line"):
        # A group belongs to its line: an entry that goes to another line does not take the group along.
        values["group"] = None
        origin.pop("group", None)
    for name in ("line", "group", "kind", "form", "kinds", "plans", "route"):
        given = getattr(document, name)
        if given is not None:
            values[name] = tuple(given) if isinstance(given, list) else given
            origin[name] = path
    if document.audience is not None:
        values["audience"] = tuple(key for key in document.audience if key != EVERYBODY)
        origin["audience"] = path
    if document.fields:
        values["fields"] = {**values.get("fields", {}), **document.fields}
        origin |= {f"fields.{key}": path for key in document.fields}
    return Placed(path=path, document=document, origin=origin, **values)
