"""Bookmarks of receivers and the state of their accounts (``domain.ports.Bookmarks``, ``domain.ports.AccountBook``)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from domain.accounts import AccountState
from store.dialect import insert
from store.engine import Engines, faults
from store.tables import BookmarkRow, ChannelAccountRow
from store.tables.base import table
from store.writer import Turn, Writer

_bookmarks = table(BookmarkRow)
_accounts = table(ChannelAccountRow)


class SqlChannels:
    def __init__(self, engines: Engines, writer: Writer) -> None:
        self._engines = engines
        self._writer = writer

    async def bookmark(self, adapter: str, account: str, place: str) -> Mapping[str, Any] | None:
        query = select(_bookmarks.c.value).where(
            _bookmarks.c.adapter == adapter, _bookmarks.c.account == account, _bookmarks.c.place == place
        )
        with faults():
            async with self._engines.read.connect() as connection:
                found: Mapping[str, Any] | None = (await connection.execute(query)).scalar_one_or_none()
        return found

    async def set_bookmark(
        self, adapter: str, account: str, place: str, value: Mapping[str, Any], now: datetime
    ) -> None:
        values = {"adapter": adapter, "account": account, "place": place, "value": dict(value), "at": now}
        async with self._writer.turn(Turn.ROUTING):
            with faults():
                async with self._engines.write.begin() as connection:
                    statement = insert(connection, _bookmarks).values(**values)
                    changed = {"value": statement.excluded.value, "at": statement.excluded.at}
                    places = ["adapter", "account", "place"]
                    await connection.execute(statement.on_conflict_do_update(index_elements=places, set_=changed))

    async def tell(self, state: AccountState) -> None:
        values = {column.name: getattr(state, column.name) for column in _accounts.c}
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    statement = insert(connection, _accounts).values(**values)
                    changed = {name: statement.excluded[name] for name in values if name not in ("adapter", "account")}
                    await connection.execute(
                        statement.on_conflict_do_update(index_elements=["adapter", "account"], set_=changed)
                    )

    async def states(self) -> Sequence[AccountState]:
        query = select(_accounts).order_by(_accounts.c.adapter, _accounts.c.account)
        with faults():
            async with self._engines.read.connect() as connection:
                return [AccountState(**row._mapping) for row in await connection.execute(query)]
