"""``POST /desk/presence``: a signed-in agent says whether they are here; back to where they were."""

from aiohttp import web

from desk.deps import desk_of
from desk.pages.signin import see_other
from desk.session import Me, safe_next
from domain.errors import Invalid
from domain.people import PRESENCES


async def set_own(request: web.Request, me: Me) -> web.Response:
    data = await request.post()
    asked = str(data.get("presence", ""))
    presence = next((each for each in PRESENCES if each == asked), None)
    if presence is None:
        raise Invalid("presence", "unknown value")
    await desk_of(request).accounts.set_presence(me.session.agent.id, presence, None)
    return see_other(safe_next(str(data.get("back", "/desk"))))
