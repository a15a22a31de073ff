"""``/desk``: the queue of an agent's lines; ``/desk/rows`` and ``/desk/rail``: its pieces for the live page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from desk import words
from desk.deps import desk_of
from desk.render import render
from desk.session import Me
from domain.errors import Invalid
from domain.status import OPEN
from domain.ticket import UNASSIGNED
from domain.views import Filter, LineCount, QueueRow, Sort

PAGE = 50
MAX_NUMBERS = 50
NOBODY = "none"
"""The value of ``assignee`` that asks for tickets of nobody, in pages, the API and ``Filter.assignee``."""
SORTS: tuple[Sort, ...] = ("urgency", "newest", "oldest", "updated")
EVERY = "all"
"""The value of ``status`` that shows closed tickets too; without a status only open ones are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address of a queue page asks for, checked."""

    wanted: Filter
    sort: Sort
    cursor: str | None
    params: Mapping[str, str]
    """The parameters as they stand in the address, without the cursor."""

    def url(self, **changes: str | None) -> str:
        """The same page with some parameters changed (None: taken away)."""
        merged = {**self.params, **changes}
        query = urlencode([(key, value) for key, value in merged.items() if value])
        return f"/desk?{query}" if query else "/desk"

    @property
    def narrowed(self) -> bool:
        return any(key in self.params for key in ("status", "priority", "channel", "assignee", "q"))


def _one(query: Mapping[str, str], name: str, known: Sequence[str] | None = None) -> str:
    value = query.get(name, "").strip()
    if value and known is not None and value not in known:
        raise Invalid(name, "unknown value")
    return value


def read_query(query: Mapping[str, str], me: Me) -> Asked:
    """Raises ``Invalid`` naming the parameter. A line outside the scope is refused as an unknown one is."""
    values = {
        "line": _one(query, "line"),
        "status": _one(query, "status", [*words.STATUS, EVERY]),
        "priority": _one(query, "priority", list(words.PRIORITY)),
        "channel": _one(query, "channel"),
        "assignee": _one(query, "assignee"),
        "q": _one(query, "q")[:200],
        "sort": _one(query, "sort", SORTS),
    }
    if values["line"] and not me.scope.sees_line(values["line"]):
        raise Invalid("line", "unknown value")
    assignee = me.session.agent.id if values["assignee"] == "me" else values["assignee"]
    sort: Sort = next((name for name in SORTS if name == values["sort"]), "urgency")
    wanted = Filter(
        line=_tuple(values["line"]),
        status=_tuple(values["status"]) if values["status"] != EVERY else (),
        priority=_tuple(values["priority"]),
        channel=_tuple(values["channel"]),
        assignee=_tuple(assignee),
        q=values["q"],
        open_only=not values["status"],
    )
    params = {key: value for key, value in values.items() if value}
    return Asked(wanted=wanted, sort=sort, cursor=query.get("cursor") or None, params=params)


def _tuple(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def matches(row: QueueRow, wanted: Filter) -> bool:
    """Whether a single ticket belongs to the list, by everything but the free text."""
    pairs = (
        (wanted.line, row.line),
        (wanted.status, row.status),
        (wanted.priority, row.priority),
        (wanted.channel, row.channel),
        (wanted.assignee, row.assignee or NOBODY),
    )
    fits = all(not allowed or value in allowed for allowed, value in pairs)
    return fits and not (wanted.open_only and row.status not in OPEN)


def order_key(row: QueueRow, sort: Sort) -> str:
    """A text whose ascending order is the list's, so that the page can put a new row where it belongs."""
    due = row.due_at.isoformat() if row.due_at else "9999"
    return {
        "urgency": f"{row.priority}|{int(UNASSIGNED not in row.flags)}|{due}|{row.number:018d}",
        "newest": f"{_reverse(row.created_at.timestamp())}|{10**18 - row.number:018d}",
        "oldest": f"{row.created_at.isoformat()}|{row.number:018d}",
        "updated": f"{_reverse(row.updated_at.timestamp())}|{10**18 - row.number:018d}",
    }[sort]


def _reverse(seconds: float) -> str:
    return f"{10**12 - seconds:019.6f}"


async def rail(request: web.Request, me: Me, line: str = "") -> dict[str, Any]:
    """The lines of the agent with their counts; lines without tickets count zero."""
    desk = desk_of(request)
    policy = desk.policy.current
    counts = {count.line: count for count in await desk.views.counts(me.scope, desk.clock.now())}
    keys = {key for key in {*policy.lines, *counts} if me.scope.sees_line(key)}
    ordered = sorted(keys, key=lambda key: (policy.lines[key].order if key in policy.lines else 99, key))
    lines = [counts.get(key, LineCount(line=key, open=0, unassigned=0, overdue=0)) for key in ordered]
    total = LineCount(
        line="",
        open=sum(count.open for count in lines),
        unassigned=sum(count.unassigned for count in lines),
        overdue=sum(count.overdue for count in lines),
    )
    return {
        "lines": lines,
        "all_lines": total,
        "shown_line": line,
        "sees_held": me.scope.lines is None or me.scope.admin,
    }


async def queue(request: web.Request, me: Me) -> web.Response:
    """The list. For htmx, asked for the next stretch, rows alone."""
    desk = desk_of(request)
    asked = read_query(request.query, me)
    page = await desk.views.queue(me.scope, asked.wanted, sort=asked.sort, cursor=asked.cursor, limit=PAGE)
    values: dict[str, Any] = {"asked": asked, "page": page, "order_key": order_key, "fresh": False}
    if request.headers.get("HX-Target", "").startswith("more-"):
        return render(request, "queue/stretch.html", **values)
    line = asked.params.get("line", "")
    return render(
        request,
        "queue/page.html",
        **values,
        **await rail(request, me, line),
        section="queue",
        sorts=SORTS,
        channels=_channels(asked),
    )


def _channels(asked: Asked) -> Sequence[str]:
    """Channels offered by the filter: those we have words for, and the one that is asked for."""
    asked_for = asked.params.get("channel")
    return [*words.CHANNEL, *([asked_for] if asked_for and asked_for not in words.CHANNEL else [])]


async def rows(request: web.Request, me: Me) -> web.Response:
    """``/desk/rows?numbers=1,2&...``: those of the tickets that the reader may see and that belong to the list asked
    for, as table rows, and how many the list has now. With a search, membership is left to the next load: only what is
    shown already is renewed."""
    desk = desk_of(request)
    asked = read_query(request.query, me)
    try:
        numbers = [int(part) for part in request.query.get("numbers", "").split(",") if part][:MAX_NUMBERS]
    except ValueError:
        raise Invalid("numbers", "not a list of numbers") from None
    found = await desk.views.rows(me.scope, numbers)
    shown = [row for row in found if matches(row, replace(asked.wanted, q=""))]
    page = await desk.views.queue(me.scope, asked.wanted, sort="newest", limit=1)
    return render(request, "queue/rows.html", items=shown, page=page, asked=asked, order_key=order_key, fresh=True)


async def rail_fragment(request: web.Request, me: Me) -> web.Response:
    return render(request, "rail.html", **await rail(request, me, request.query.get("line", "")), section="queue")
