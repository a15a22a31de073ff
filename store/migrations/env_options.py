"""What Alembic compares: everything but the search tables (and FTS5's shadows), which are written by hand."""

from typing import Any

_BY_HAND = ("search_messages", "search_notes")


def include_object(_object: Any, name: str | None, kind: str, _reflected: bool, compared: Any) -> bool:
    return not (kind in ("table", "index") and name is not None and name.removeprefix("ix_").startswith(_BY_HAND))
