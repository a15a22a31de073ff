"""``/desk/quarantine``: messages that made no ticket, why, and the click that makes one."""

from aiohttp import web

from desk.deps import desk_of
from desk.downloads import attachment_response, decode_raw
from desk.pages.files import RAW_SHOWN
from desk.pages.queue import rail
from desk.pages.signin import see_other
from desk.render import render
from desk.session import Me, sees_held
from domain.errors import Conflict, Invalid, NotFound
from domain.ids import BlobKey

PAGE = 50
TABS = ("quarantined", "suppressed")


async def held(request: web.Request, me: Me) -> web.Response:
    sees_held(me)
    outcome = request.query.get("outcome", "quarantined")
    if outcome not in TABS:
        raise Invalid("outcome", "unknown value")
    items = await desk_of(request).views.held(
        me.scope, outcome=outcome, limit=PAGE + 1, before=request.query.get("before") or None
    )
    return render(
        request,
        "quarantine/page.html",
        items=items[:PAGE],
        next=items[PAGE - 1].id if len(items) > PAGE else None,
        outcome=outcome,
        tabs=TABS,
        section="held",
        **await rail(request, me),
    )


async def held_one(request: web.Request, me: Me) -> web.Response:
    """One held message with its raw form; ``?download=1`` gives the bytes."""
    sees_held(me)
    desk = desk_of(request)
    item = await desk.views.held_one(me.scope, request.match_info["held"])
    raw = await _raw(request, item.raw)
    if request.query.get("download") == "1":
        if raw is None:
            raise NotFound("The raw message is gone")
        return attachment_response(raw, f"message-{item.id}.txt", "application/octet-stream")
    return render(
        request,
        "quarantine/one.html",
        item=item,
        raw=None if raw is None else decode_raw(raw[:RAW_SHOWN]),
        total=len(raw or b""),
        cut=raw is not None and len(raw) > RAW_SHOWN,
        limit=RAW_SHOWN,
        section="held",
        **await rail(request, me),
    )


async def _raw(request: web.Request, key: str | None) -> bytes | None:
    try:
        return await desk_of(request).blobs.get(BlobKey(key)) if key else None
    except NotFound:
        return None


async def release(request: web.Request, me: Me) -> web.Response:
    """Makes a ticket of it. Releasing twice is harmless: the page says where it went."""
    sees_held(me)
    desk = desk_of(request)
    item = await desk.views.held_one(me.scope, request.match_info["held"])
    try:
        await desk.releases.release(item.id, by=f"agent:{me.session.agent.id}")
    except Conflict:
        return see_other(f"/desk/quarantine/{item.id}")
    return see_other(f"/desk/quarantine/{item.id}?released=1")
