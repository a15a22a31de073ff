"""The API's routes, once: method, path, who may, what goes in and out. ``serve`` adds them, ``openapi`` describes them.

The form's POST stands here without a handler: the form channel reads it, this table describes it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from aiohttp import web

from desk.api import actions, agents, handlers, models, people, requests
from desk.api.handlers import Call
from desk.api.query import EXPLAIN, HELD, TICKETS, Parameter

Needs = Literal["public", "read", "agent", "admin"]
BINARY = "binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """``needs``: the least scope of the token. ``gives`` None: bytes. ``takes``: the body's model, or ``BINARY`` for a
    multipart file; ``multipart``: the model's fields may come as a form too, with files. ``errors``: statuses beyond
    those that every route of its sort can give. ``session``: whose signed-in browser may ask instead of a token:
    nobody's (None), an administrator's, or any agent's (the handler sees to it that it is about themselves)."""

    method: str
    path: str
    name: str
    about: str
    needs: Needs
    handler: Callable[[Call], Awaitable[web.StreamResponse]] | None
    gives: type[msgspec.Struct] | None
    status: int = 200
    query: Sequence[Parameter] = ()
    takes: type[msgspec.Struct] | str | None = None
    multipart: bool = False
    errors: tuple[int, ...] = ()
    session: Literal["admin", "agent"] | None = None


def _action(
    name: str,
    path: str,
    about: str,
    handler: Callable[[Call], Awaitable[web.StreamResponse]],
    takes: type[msgspec.Struct],
    status: int = 200,
) -> ApiRoute:
    """What is done to a ticket; the answer is the ticket as it stands then."""
    return ApiRoute(
        method="POST",
        path=f"/api/v1/tickets/{{number}}/{path}",
        name=name,
        about=about,
        needs="agent",
        handler=handler,
        gives=models.Ticket,
        status=status,
        takes=takes,
        errors=(404, 409, 415),
    )


ROUTES = (
    ApiRoute(
        method="GET",
        path="/api/v1/tickets",
        name="listTickets",
        about="Tickets, newest first unless sorted",
        needs="read",
        handler=handlers.tickets,
        gives=models.TicketList,
        query=TICKETS,
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/tickets/{number}",
        name="getTicket",
        about="One ticket whole",
        needs="read",
        handler=handlers.ticket,
        gives=models.Ticket,
        query=EXPLAIN,
        errors=(404,),
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/tickets",
        name="fileTicket",
        about="Files a request on a customer's behalf",
        needs="agent",
        handler=actions.file_ticket,
        gives=models.Accepted,
        status=202,
        takes=requests.NewTicket,
        errors=(409, 415),
    ),
    _action("replyToTicket", "reply", "Answers the requester", actions.answer, requests.Reply, 201),
    ApiRoute(
        method="POST",
        path="/api/v1/tickets/{number}/deliveries/{delivery}/retry",
        name="retryDelivery",
        about="Sends once more what failed, is unknown or was muted",
        needs="agent",
        handler=actions.repeat,
        gives=models.Ticket,
        errors=(404, 409),
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/tickets/{number}/deliveries/{delivery}/called",
        name="calledBack",
        about="Says that somebody has telephoned, as an answer to a caller asks for",
        needs="agent",
        handler=actions.called,
        gives=models.Ticket,
        errors=(404, 409),
    ),
    _action("addNote", "note", "Adds an internal note", actions.note, requests.Note, 201),
    _action("setStatus", "status", "Moves a ticket to another status", actions.status, requests.StatusMove),
    _action(
        "assignTicket", "assign", "Gives a ticket to an agent, or back to the line", actions.assign, requests.Assignment
    ),
    _action("escalateTicket", "escalate", "Passes a ticket up", actions.escalate, requests.Escalation),
    _action("returnTicket", "return", "Passes a ticket down", actions.hand_back, requests.Handback),
    _action(
        "classifyTicket",
        "classify",
        "Sets catalog entry, kind, impact, urgency, priority or fields",
        actions.classify,
        requests.Classification,
    ),
    _action(
        "tickChecks", "checks", "Ticks items of the kind's checklists, or unticks them", actions.checks, requests.Checks
    ),
    _action("logWork", "work", "Logs time worked on a ticket", actions.work, requests.Work, 201),
    ApiRoute(
        method="POST",
        path="/api/v1/tickets/{number}/request",
        name="requestInternally",
        about="Asks another department, by a ticket of its own for which this one waits",
        needs="agent",
        handler=actions.request_internally,
        gives=models.Accepted,
        status=202,
        takes=requests.InternalRequest,
        errors=(404, 409, 415),
    ),
    _action("linkTicket", "link", "Links a ticket to another", actions.link, requests.LinkRequest),
    ApiRoute(
        method="GET",
        path="/api/v1/receipts/{receipt}",
        name="getReceipt",
        about="Where a submitted message stands. A receipt is unguessable and is the right to ask",
        needs="public",
        handler=handlers.receipt,
        gives=models.Receipt,
        errors=(404,),
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/attachments",
        name="addAttachment",
        about="Stores a file for a later request",
        needs="agent",
        handler=handlers.upload,
        gives=models.Uploaded,
        status=201,
        takes=BINARY,
        errors=(413, 415),
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/attachments/{id}",
        name="getAttachment",
        about="A file of a message",
        needs="read",
        handler=handlers.attachment,
        gives=None,
        errors=(404,),
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/quarantine",
        name="listHeld",
        about="Messages that made no ticket, newest first",
        needs="read",
        handler=handlers.held,
        gives=models.HeldList,
        query=HELD,
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/quarantine/{id}/release",
        name="releaseHeld",
        about="Makes a ticket of one",
        needs="agent",
        handler=handlers.release,
        gives=models.Accepted,
        status=202,
        errors=(404, 409),
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/identities/{id}/invite",
        name="inviteIdentity",
        about="A secret by which its owner proves that another channel is theirs too",
        needs="agent",
        handler=people.invite,
        gives=models.Invite,
        status=201,
        errors=(404,),
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/identities/{id}/merge",
        name="mergeIdentities",
        about="Says that an identity is the same person's as another one",
        needs="agent",
        handler=people.merge,
        gives=models.IdentityLink,
        status=201,
        takes=requests.Merge,
        errors=(404, 409, 415),
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/identities/{id}/links",
        name="listIdentityLinks",
        about="How an identity came to be its person's, the latest first",
        needs="read",
        handler=people.links,
        gives=models.IdentityLinks,
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/identity-links/{id}/undo",
        name="undoIdentityLink",
        about="Gives an identity back to whom it was of before",
        needs="agent",
        handler=people.undo,
        gives=models.IdentityLinks,
        errors=(404, 409),
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/channels",
        name="listChannels",
        about="How each account of a channel fares",
        needs="read",
        handler=people.channels,
        gives=models.ChannelAccounts,
        session="admin",
    ),
    ApiRoute(
        method="GET",
        path="/api/v1/agents",
        name="listAgents",
        about="Agents as assignment sees them, by name; removed ones too",
        needs="admin",
        handler=agents.agents,
        gives=models.AgentList,
        session="admin",
    ),
    ApiRoute(
        method="PATCH",
        path="/api/v1/agents/{id}",
        name="changeAgent",
        about="Changes an agent's card, removes an agent or brings one back",
        needs="admin",
        handler=agents.change,
        gives=models.Agent,
        takes=requests.AgentChange,
        errors=(404, 415),
        session="admin",
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/agents/{id}/presence",
        name="setPresence",
        about="Says whether an agent is here. A signed-in agent says it of themselves, as me",
        needs="admin",
        handler=agents.presence,
        gives=models.Agent,
        takes=requests.PresenceChange,
        errors=(404, 415),
        session="agent",
    ),
    ApiRoute(
        method="POST",
        path="/api/v1/form/{slug}",
        name="submitForm",
        about="Files a request as the form's page does",
        needs="public",
        handler=None,
        gives=models.Accepted,
        status=202,
        takes=models.Submission,
        multipart=True,
        errors=(404, 409, 413, 415, 429),
    ),
)
