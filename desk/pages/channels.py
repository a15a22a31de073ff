"""``/desk/channels``: how each account of a channel fares, for administrators."""

from aiohttp import web

from desk.deps import desk_of
from desk.pages.queue import rail
from desk.render import render
from desk.session import Me, sees_held


async def channels(request: web.Request, me: Me) -> web.Response:
    sees_held(me)
    states = await desk_of(request).channels.states()
    worst = {"failing": 0, "lagging": 1, "connected": 2}
    return render(
        request,
        "channels.html",
        accounts=sorted(states, key=lambda each: (worst[each.condition], each.adapter, each.account)),
        section="channels",
        **await rail(request, me),
    )
