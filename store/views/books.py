"""The books as people read them: held messages, receipts, the ledger's sums."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Outcome
from domain.errors import NotFound
from domain.views import HeldRow, LedgerRow, Receipt, Scope
from store.books import RAW_LOG
from store.recall import ledger
from store.save import counters, held


def _may_read(scope: Scope) -> bool:
    """A held message belongs to no line yet: only who sees every line, or an administrator, sees it."""
    return scope.admin or scope.lines is None


def _row(row: Any) -> HeldRow:
    return HeldRow(
        id=row.id,
        envelope_id=row.envelope_id,
        outcome=row.outcome,
        channel=row.channel,
        account=row.account,
        at=row.at,
        reason=row.reason,
        origin=row.origin,
        subject=row.subject,
        sender=row.sender,
        raw=row.raw,
        released_at=row.released_at,
        ticket=row.number,
        detail=row.detail,
    )


async def held_list(
    connection: AsyncConnection, scope: Scope, outcome: str | None, limit: int, before: str | None
) -> Sequence[HeldRow]:
    if not _may_read(scope):
        return ()
    query = select(held).order_by(held.c.id.desc()).limit(limit)
    if outcome:
        query = query.where(held.c.outcome == outcome)
    if before:
        query = query.where(held.c.id < before)
    return [_row(row) for row in await connection.execute(query)]


async def held_one(connection: AsyncConnection, scope: Scope, held_id: str) -> HeldRow:
    row = (await connection.execute(select(held).where(held.c.id == held_id))).first() if _may_read(scope) else None
    if row is None:
        raise NotFound("No such message")
    return _row(row)


async def receipt(connection: AsyncConnection, envelope_id: str) -> Receipt | None:
    query = select(ledger.c.outcome, ledger.c.number).where(ledger.c.envelope_id == envelope_id)
    row = (await connection.execute(query)).first()
    return None if row is None else Receipt(state=row.outcome, ticket=row.number)


async def ledger_sums(connection: AsyncConnection) -> Sequence[LedgerRow]:
    """Outcomes per channel. ``accepted`` carries what was purged from the raw log: the bus adds what it still has."""
    sums: dict[str, dict[str, int]] = {}
    for row in await connection.execute(select(counters).where(counters.c.channel != RAW_LOG)):
        sums.setdefault(row.channel, {})[row.name] = row.value
    names = [outcome.value for outcome in Outcome]
    return [
        LedgerRow(channel=channel, accepted=values.get("purged", 0), **{name: values.get(name, 0) for name in names})
        for channel, values in sorted(sums.items())
    ]
