"""``/desk/tickets/{number}``: one ticket whole, and the pieces around it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from desk import words
from desk.clocks import with_clocks
from desk.deps import Desk, desk_of
from desk.pages.mailview import has_remote_images
from desk.pages.queue import rail
from desk.pages.timeline import draw
from desk.render import render
from desk.session import Me
from desk.signing import sign_inline
from domain.decision import Decision
from domain.errors import NotFound
from domain.ids import parse_number
from domain.views import AttachmentView, MessageView, TicketView

PREVIEWED = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Images that browsers decode without running anything."""
INTERNAL_STEPS = frozenset({"snapshot"})


def number_of(request: web.Request) -> int:
    number = parse_number(request.match_info["number"])
    if number is None:
        raise NotFound("There is no such ticket")
    return number


async def names_of_agents(desk: Desk) -> Mapping[str, str]:
    return {agent.id: agent.name for agent in await desk.accounts.agents()}


async def ticket(request: web.Request, me: Me) -> web.Response:
    desk = desk_of(request)
    policy, now = desk.policy.current, desk.clock.now()
    found = with_clocks(await desk.views.ticket(me.scope, number_of(request)), policy, now)
    agents = await names_of_agents(desk)
    return render(
        request,
        "ticket/page.html",
        ticket=found,
        messages=[shown(desk, message) for message in found.messages],
        clocks=[(clock, draw(clock, now)) for clock in found.clocks],
        steps=steps(found.decision),
        agents=agents,
        kind=policy.kinds.get(found.kind),
        plan=policy.plans.get(found.requester.plan),
        history=[
            (entry, words.fact(policy, entry, agents), words.actor(entry.by, agents))
            for entry in reversed(found.history)
        ],
        suggestions=await suggested(desk, me, found),
        **await rail(request, me, found.line),
        section="ticket",
    )


def shown(desk: Desk, message: MessageView) -> dict[str, Any]:
    """A message with what its template needs beside the view."""
    return {
        "message": message,
        "frame": frame_height(message),
        "remote": bool(message.html) and has_remote_images(message.html or ""),
        "attachments": [(item, preview(desk, item)) for item in message.attachments if not hidden(item)],
    }


def hidden(item: AttachmentView) -> bool:
    """An image that the HTML shows in its place is not listed again."""
    return item.file.inline and item.file.content_id is not None


def preview(desk: Desk, item: AttachmentView) -> str | None:
    if item.file.media_type not in PREVIEWED:
        return None
    return f"/desk/inline/{sign_inline(desk.secret, item.file.blob, item.file.media_type, desk.clock.now())}"


def frame_height(message: MessageView) -> str:
    """A class for the frame: it cannot tell its own height, since nothing in it may run."""
    length = len(message.html or "")
    return "low" if length < 800 else "middle" if length < 4000 else "tall"


def steps(decision: Decision | None) -> list[Any]:
    return [step for step in decision.steps if step.step not in INTERNAL_STEPS] if decision else []


async def suggested(desk: Desk, me: Me, found: TicketView) -> list[tuple[int, str]]:
    """Tickets that the subject names, as far as the reader may see them."""
    if not found.suggestions:
        return []
    return [(row.number, row.subject) for row in await desk.views.rows(me.scope, found.suggestions)]


async def why(request: web.Request, me: Me) -> web.Response:
    """The decision with every rule that was tried: a fragment for htmx, a page of its own without."""
    desk = desk_of(request)
    number = number_of(request)
    found = await desk.views.ticket(me.scope, number)
    decision = await desk.explain(me.scope, number)
    template = "ticket/why.html" if request.headers.get("HX-Request") else "ticket/why_page.html"
    agents = await names_of_agents(desk)
    extra = {} if request.headers.get("HX-Request") else await rail(request, me, found.line)
    return render(
        request,
        template,
        ticket=found,
        steps=steps(decision),
        decision=decision,
        agents=agents,
        section="ticket",
        **extra,
    )
