"""The API's routes, once: method, path, who may, what goes in and out. ``serve`` adds them, ``openapi`` describes them.

The form's POST stands here without a handler: the form channel reads it, this table describes it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from aiohttp import web

from desk.api import handlers, models
from desk.api.handlers import Call
from desk.api.query import EXPLAIN, HELD, TICKETS, Parameter

Needs = Literal["public", "read", "agent"]
BINARY = "binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """``needs``: the least scope of the token. ``gives`` None: bytes. ``takes``: models by media type, ``BINARY`` for a
    multipart file. ``errors``: statuses beyond those that every route of its sort can give."""

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
    errors: tuple[int, ...] = ()


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
        path="/api/v1/form/{slug}",
        name="submitForm",
        about="Files a request as the form's page does",
        needs="public",
        handler=None,
        gives=models.Accepted,
        status=202,
        takes=models.Submission,
        errors=(404, 409, 413, 415, 429),
    ),
)
