"""Lists of tickets: filtered, sorted, searched, page by page with a cursor, always within the reader's scope."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Invalid
from domain.ids import parse_number
from domain.views import Filter, LineCount, Page, QueueRow, Scope, Sort
from store import search
from store.recall import identities, organizations, persons, tickets
from store.tables import AgentRow
from store.tables.base import table
from store.views.scope import visible

TOTAL_CAP = 1_000
_agents = table(AgentRow)

_ORDERS: Mapping[str, tuple[tuple[ColumnElement[Any], bool], ...]] = {
    "urgency": tuple((tickets.c[name], False) for name in ("priority", "place", "due_sort", "number")),
    "newest": ((tickets.c.number, True),),
    "oldest": ((tickets.c.number, False),),
    "updated": ((tickets.c.updated_at, True), (tickets.c.number, True)),
}


def _listing() -> Select[Any]:
    return (
        select(
            tickets,
            func.coalesce(persons.c.name, identities.c.name).label("requester_name"),
            identities.c.address.label("requester_address"),
            organizations.c.name.label("organization_name"),
            _agents.c.name.label("assignee_name"),
        )
        .join_from(tickets, identities, tickets.c.requester_id == identities.c.id)
        .join(persons, identities.c.person_id == persons.c.id, isouter=True)
        .join(organizations, tickets.c.organization_id == organizations.c.id, isouter=True)
        .join(_agents, tickets.c.assignee_id == _agents.c.id, isouter=True)
    )


def _row(row: Any) -> QueueRow:
    return QueueRow(
        number=row.number,
        subject=row.subject,
        status=row.status,
        priority=row.priority,
        channel=row.channel,
        requester_name=row.requester_name,
        requester_address=row.requester_address,
        organization=row.organization_name,
        plan=row.plan,
        catalog=row.catalog,
        kind=row.kind,
        line=row.line,
        group=row.group,
        assignee=row.assignee_id,
        assignee_name=row.assignee_name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        due_at=row.due_at,
        due_target=row.due_target,
        preview=row.preview,
        flags=tuple(row.flags),
        attachments=row.attachments,
    )


async def queue(
    connection: AsyncConnection, scope: Scope, wanted: Filter, sort: Sort, cursor: str | None, limit: int
) -> Page:
    """See ``domain.ports.Views.queue``."""
    conditions = [visible(scope), *await _conditions(connection, wanted)]
    matching = select(tickets.c.number).where(*conditions).limit(TOTAL_CAP + 1).subquery()
    counted = int((await connection.execute(select(func.count()).select_from(matching))).scalar_one())
    order = _ORDERS[sort]
    after = _after(order, _decode(cursor, sort, len(order))) if cursor else None
    if after is not None:
        conditions.append(after)
    query = _listing().where(*conditions).limit(limit + 1)
    query = query.order_by(*(column.desc() if down else column.asc() for column, down in order))
    found = list(await connection.execute(query))
    more = len(found) > limit
    following = _encode(sort, [getattr(found[limit - 1], c.name) for c, _ in order]) if more else None
    return Page(
        items=tuple(_row(row) for row in found[:limit]),
        next=following,
        total=min(counted, TOTAL_CAP),
        capped=counted > TOTAL_CAP,
    )


async def rows(connection: AsyncConnection, scope: Scope, numbers: Sequence[int]) -> Sequence[QueueRow]:
    """The named tickets that the reader may see, in the order asked."""
    query = _listing().where(visible(scope), tickets.c.number.in_(list(numbers)[:200]))
    found = {row.number: _row(row) for row in await connection.execute(query)}
    return [found[number] for number in numbers if number in found]


async def counts(connection: AsyncConnection, scope: Scope, now: datetime) -> Sequence[LineCount]:
    query = (
        select(
            tickets.c.line,
            func.count().label("open"),
            func.sum(case((tickets.c.assignee_id.is_(None), 1), else_=0)).label("unassigned"),
            func.sum(case((tickets.c.due_sort < int(now.timestamp()), 1), else_=0)).label("overdue"),
        )
        .where(visible(scope), tickets.c.open)
        .group_by(tickets.c.line)
        .order_by(tickets.c.line)
    )
    return [
        LineCount(line=row.line, open=row.open, unassigned=row.unassigned, overdue=row.overdue)
        for row in await connection.execute(query)
    ]


async def _conditions(connection: AsyncConnection, wanted: Filter) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    for column, values in (
        (tickets.c.line, wanted.line),
        (tickets.c.status, wanted.status),
        (tickets.c.priority, wanted.priority),
        (tickets.c.channel, wanted.channel),
        (tickets.c.kind, wanted.kind),
    ):
        if values:
            chosen.append(column.in_(values))
    if wanted.assignee:
        chosen.append(_assigned_to(wanted.assignee))
    if wanted.catalog:
        under = tickets.c.catalog.startswith(f"{wanted.catalog}/", autoescape=True)
        chosen.append(or_(tickets.c.catalog == wanted.catalog, under))
    if wanted.customer:
        address = identities.c.address == wanted.customer.lower()
        named = or_(identities.c.id == wanted.customer, address)
        person = select(identities.c.person_id).where(named, identities.c.person_id.is_not(None))
        whose = select(identities.c.id).where(or_(named, identities.c.person_id.in_(person)))
        owner = or_(organizations.c.id == wanted.customer, organizations.c.name == wanted.customer)
        owned = select(organizations.c.id).where(owner)
        chosen.append(or_(tickets.c.requester_id.in_(whose), tickets.c.organization_id.in_(owned)))
    if wanted.created_from:
        chosen.append(tickets.c.created_at >= wanted.created_from)
    if wanted.created_to:
        chosen.append(tickets.c.created_at < wanted.created_to)
    if wanted.open_only:
        chosen.append(tickets.c.open)
    if wanted.q.strip():
        chosen.append(await _matching(connection, wanted.q))
    return chosen


def _assigned_to(assignees: Sequence[str]) -> ColumnElement[bool]:
    """``none`` stands for tickets that are nobody's yet."""
    named = tickets.c.assignee_id.in_([a for a in assignees if a != "none"])
    return or_(named, tickets.c.assignee_id.is_(None)) if "none" in assignees else named


async def _matching(connection: AsyncConnection, query: str) -> ColumnElement[bool]:
    number = parse_number(query)
    if number is None and query.strip().isdigit() and len(query.strip()) < 19:
        number = parse_number(f"T-{query.strip()}")
    found = await search.find(connection, query, notes=True, limit=TOTAL_CAP)
    return tickets.c.number.in_([*found, *([number] if number is not None else [])])


def _after(order: Sequence[tuple[ColumnElement[Any], bool]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind the cursor; the columns of one order all run the same way."""
    columns = tuple_(*(column for column, _ in order))
    given = tuple_(*(_literal(column, value) for (column, _), value in zip(order, values, strict=True)))
    return and_(columns < given) if order[0][1] else and_(columns > given)


def _literal(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    from sqlalchemy import literal  # noqa: PLC0415

    if column is tickets.c.updated_at:
        try:
            value = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise Invalid("cursor", "not a cursor of this list") from None
    return literal(value, column.type)


def _encode(sort: str, values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(msgspec.json.encode([sort, *plain])).decode().rstrip("=")


def _decode(cursor: str, sort: str, length: int) -> Sequence[Any]:
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid("cursor", "not a cursor of this list") from None
    if not isinstance(values, list) or len(values) != length + 1 or values[0] != sort:
        raise Invalid("cursor", "not a cursor of this list; it was made for another order")
    if not all(isinstance(value, (str, int)) for value in values[1:]):
        raise Invalid("cursor", "not a cursor of this list")
    return values[1:]
