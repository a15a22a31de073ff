"""What a policy's parts may refer to, and the faults of references. Used by every check of ``config.lint``."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from config.bundle import Bundle, Placed, placed
from config.catalog_schema import EVERYBODY, FieldDoc
from config.problems import Path
from domain.people import Agent

Fault = tuple[str, Path, str]
"""File, path, message."""


class Names:
    """Every key that something may refer to; None where its file could not be read, and then nothing is unknown.

    ``staff``: the active agents, where the instance is known."""

    def __init__(self, bundle: Bundle, staff: Sequence[Agent] | None = None) -> None:
        self.bundle = bundle
        self.staff = None if staff is None else tuple(agent for agent in staff if agent.active)
        self.groups = {key: set(line.groups) for key, line in bundle.lines.lines.items()} if bundle.lines else None
        self.entries = {entry.path: entry for entry in placed(bundle.catalog)} if bundle.catalog else None
        self.known: dict[str, set[str] | None] = {
            "line": set(self.groups) if self.groups is not None else None,
            "calendar": set(bundle.calendars.calendars) if bundle.calendars else None,
            "plan": set(bundle.plans.plans) if bundle.plans else None,
            "kind": set(bundle.kinds.kinds) if bundle.kinds else None,
            "type": set(bundle.kinds.types) if bundle.kinds else None,
            "catalog entry": set(self.entries) if self.entries is not None else None,
            "audience": {EVERYBODY, *bundle.catalog.audiences} if bundle.catalog else None,
            "skill": set(bundle.policy.skills) if bundle.policy else None,
            "letter": set(bundle.letters.letters) if bundle.letters else None,
        }

    def unknown(self, what: str, key: str | None) -> str | None:
        """The fault of a reference, or None."""
        known = self.known[what]
        if key is None or known is None or key in known:
            return None
        return f"refers to an unknown {what}: {key}"

    def refer(self, file: str, path: Path, what: str, key: str | None) -> Iterator[Fault]:
        message = self.unknown(what, key)
        if message:
            yield file, path, message

    def refer_all(self, file: str, path: Path, what: str, keys: Iterable[str]) -> Iterator[Fault]:
        """References of a list, each at its place; one that is named twice is a fault too."""
        seen: set[str] = set()
        for index, key in enumerate(keys):
            yield from self.refer(file, (*path, index), what, key)
            if key in seen:
                yield file, (*path, index), f"names {what} {key} twice"
            seen.add(key)

    def refer_open(self, file: str, path: Path, key: str | None) -> Iterator[Fault]:
        """A catalog entry that takes new requests."""
        yield from self.refer(file, path, "catalog entry", key)
        entry = (self.entries or {}).get(key or "")
        if entry is not None and entry.document.retired:
            yield file, path, f"refers to a catalog entry that is retired: {key}"

    def group_fault(self, line: str | None, group: str | None) -> str | None:
        """A group must be the line's; where the line is left open, some line's."""
        if group is None or self.groups is None or (line is not None and line not in self.groups):
            return None
        homes = [line] if line is not None else list(self.groups)
        if any(group in self.groups[home] for home in homes):
            return None
        return f"refers to an unknown group of line {line}: {group}" if line else f"refers to an unknown group: {group}"

    @cached_property
    def fields(self) -> dict[str, FieldDoc] | None:
        """Every field of a kind or a catalog entry; None where one of the two files could not be read."""
        if self.bundle.kinds is None or self.entries is None:
            return None
        of_entries = [entry.document.fields for entry in self.entries.values()]
        of_kinds = [kind.fields for kind in self.bundle.kinds.kinds.values()]
        return {key: field for fields in (*of_entries, *of_kinds) for key, field in fields.items()}

    def fields_of(self, kind: str) -> set[str] | None:
        """The fields that a request of a kind may have: its own, and those of the entries that offer it."""
        if self.bundle.kinds is None or self.entries is None:
            return None
        offering = (entry.fields for entry in self.entries.values() if _offers(entry, kind))
        return {*self.bundle.kinds.kinds[kind].fields, *(key for fields in offering for key in fields)}


def _offers(entry: Placed, kind: str) -> bool:
    return not entry.kinds or kind in (*entry.kinds, entry.kind)


def catalog_path(path: str) -> Path:
    """``a/b`` -> where it stands in ``catalog.yaml``."""
    first, *rest = path.split("/")
    return ("catalog", first, *(part for key in rest for part in ("children", key)))
