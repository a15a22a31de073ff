"""Monitoring systems' tickets, as the router asks for them. Steps of the unit of work."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ticket import Incident
from store.tables import FactRow, MessageRow, TicketRow
from store.tables.base import table

CHANNEL = "alert"
OVER = "alert_resolved"
tickets, messages, facts = table(TicketRow), table(MessageRow), table(FactRow)

_OF_ALERTS: Any = tickets.c.channel == literal_column(f"'{CHANNEL}'")
"""Written out: with a parameter in its place SQLite does not see that the index over these tickets alone will do."""


def query(most: int) -> Select[Any]:
    """Open tickets with their alert's last word: one statement over an index that has no other tickets in it."""
    newest = (
        select(messages.c.id)
        .where(messages.c.number == tickets.c.number, messages.c.channel == CHANNEL, messages.c.direction == "inbound")
        .order_by(messages.c.at.desc(), messages.c.id.desc())
        .limit(1)
        .correlate(tickets)
        .scalar_subquery()
    )
    latest = (
        select(tickets.c.number, tickets.c.catalog, tickets.c.fields)
        .where(_OF_ALERTS, tickets.c.open)
        .order_by(tickets.c.number.desc())
        .limit(most)
        .subquery()
    )
    return (
        select(latest, messages.c.at, messages.c.flags)
        .join_from(latest, tickets, tickets.c.number == latest.c.number)
        .join(messages, messages.c.id == newest)
        .order_by(latest.c.number.desc())
    )


async def incidents(connection: AsyncConnection, most: int) -> Sequence[Incident]:
    """See ``domain.unitofwork.UnitOfWork.incidents``."""
    found = []
    for row in await connection.execute(query(most)):
        if OVER not in row.flags:
            product = row.fields.get("product")
            named = product if isinstance(product, str) else ""
            found.append(Incident(number=row.number, catalog=row.catalog, product=named, at=row.at))
    return found


async def touched(connection: AsyncConnection, numbers: Collection[int]) -> frozenset[int]:
    """Those that a person, or a program in their name, has done something to."""
    by = or_(facts.c.by.like("agent:%"), facts.c.by.like("token:%"))
    found = select(facts.c.number).where(facts.c.number.in_(numbers), by).distinct()
    return frozenset(row.number for row in await connection.execute(found))
