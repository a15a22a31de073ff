"""Policy revisions: numbered, with author, time and comment. The head is what runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from domain.errors import Conflict
from store.engine import Engines, faults
from store.tables import PolicyRevisionRow
from store.tables.base import table
from store.writer import Turn, Writer

_revisions = table(PolicyRevisionRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """``documents``: file name -> YAML text. ``expanded``: dates and tzdata version the calendars were made with."""

    revision: int
    author: str
    comment: str
    at: datetime
    documents: Mapping[str, str]
    expanded: Mapping[str, Any] = field(default_factory=dict)


class SqlRevisions:
    def __init__(self, engines: Engines, writer: Writer) -> None:
        self._engines = engines
        self._writer = writer

    async def head_number(self) -> int:
        """The newest revision's number; 0 where there is none."""
        with faults():
            async with self._engines.read.connect() as connection:
                return int((await connection.execute(select(func.max(_revisions.c.revision)))).scalar() or 0)

    async def get(self, revision: int) -> Revision | None:
        with faults():
            async with self._engines.read.connect() as connection:
                query = select(_revisions).where(_revisions.c.revision == revision)
                row = (await connection.execute(query)).mappings().first()
        return None if row is None else Revision(**row)

    async def add(self, new: Revision) -> None:
        """Raises ``Conflict`` where this number is taken: somebody else applied a policy meanwhile."""
        values = {name: getattr(new, name) for name in Revision.__slots__}
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        await connection.execute(insert(_revisions).values(**values))
                except IntegrityError:
                    raise Conflict(f"Revision {new.revision} was applied meanwhile by somebody else") from None
