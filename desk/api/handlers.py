"""What the API's routes do: read a view, shape it, encode it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from desk.api import models, shape
from desk.api.uploads import receive
from desk.clocks import with_clocks
from desk.deps import Desk
from desk.downloads import attachment_response
from desk.session import Me
from domain.errors import NotFound
from domain.ids import parse_number
from domain.people import ApiToken
from domain.views import Filter, QueueRow, Scope

PAGE = 50
GROUPED = 1000
"""Tickets over which ``group`` counts."""
MANY = ("line", "assignee", "status", "priority", "channel", "kind")
SINGLE = ("catalog", "customer", "q", "created_from", "created_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler gets: the request, its checked query, who asks and what they may see. ``token`` is None on public
    routes, and where a signed-in agent asks instead: that is ``me``."""

    request: web.Request
    desk: Desk
    query: dict[str, Any]
    scope: Scope
    token: ApiToken | None
    me: Me | None = None


def reply(value: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


async def tickets(call: Call) -> web.Response:
    query = call.query
    wanted = Filter(**{key: query[key] for key in (*MANY, *SINGLE) if key in query})
    sort = query.get("sort", "newest")
    page = await call.desk.views.queue(
        call.scope, wanted, sort=sort, cursor=query.get("cursor"), limit=query.get("limit", PAGE)
    )
    answer = shape.ticket_list(page)
    if by := query.get("group"):
        answer = msgspec.structs.replace(answer, groups=await _groups(call, wanted, by))
    return reply(answer)


async def _groups(call: Call, wanted: Filter, by: str) -> tuple[models.GroupCount, ...]:
    counted: Counter[str | None] = Counter()
    cursor: str | None = None
    while counted.total() < GROUPED:
        page = await call.desk.views.queue(call.scope, wanted, sort="newest", cursor=cursor, limit=200)
        counted.update(_value(row, by) for row in page.items)
        cursor = page.next
        if cursor is None:
            break
    return tuple(models.GroupCount(value=value, count=count) for value, count in counted.most_common())


def _value(row: QueueRow, by: str) -> str | None:
    value: str | None = getattr(row, by)
    return value


async def ticket(call: Call) -> web.Response:
    number = parse_number(call.request.match_info["number"])
    if number is None:
        raise NotFound("There is no such ticket")
    return reply(await seen(call, number, explain=call.query.get("explain", False)))


async def seen(call: Call, number: int, *, explain: bool = False) -> models.Ticket:
    """A ticket as it stands now."""
    found = await call.desk.views.ticket(call.scope, number)
    found = with_clocks(found, call.desk.policy.current, call.desk.clock.now())
    explained = await call.desk.explain(call.scope, number) if explain and found.decision else None
    return shape.ticket(found, explained, explain=explain)


async def receipt(call: Call) -> web.Response:
    found = await call.desk.receipt_state(call.request.match_info["receipt"])
    if found is None:
        raise NotFound("There is no such receipt")
    return reply(shape.receipt(found))


async def upload(call: Call) -> web.Response:
    stored = await receive(call.request, call.desk)
    return reply(models.Uploaded(id=await call.desk.uploads.add(stored, call.desk.clock.now())), status=201)


async def attachment(call: Call) -> web.Response:
    found = await call.desk.views.attachment(call.scope, call.request.match_info["id"])
    return attachment_response(await call.desk.blobs.get(found.file.blob), found.file.name, found.file.media_type)


async def held(call: Call) -> web.Response:
    limit = call.query.get("limit", PAGE)
    items = await call.desk.views.held(
        call.scope, outcome=call.query.get("outcome"), limit=limit + 1, before=call.query.get("before")
    )
    shown = tuple(shape.held(item) for item in items[:limit])
    return reply(models.HeldList(items=shown, next=shown[-1].id if len(items) > limit else None))


async def release(call: Call) -> web.Response:
    """202 with a receipt: the message goes its way again with suppression off."""
    assert call.token is not None
    item = await call.desk.views.held_one(call.scope, call.request.match_info["id"])
    envelope = await call.desk.releases.release(item.id, by=f"token:{call.token.id}")
    return reply(models.Accepted(receipt=envelope), status=202)
