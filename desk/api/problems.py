"""Errors of the API as RFC 9457 problem documents."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web

from domain.errors import Fault, Invalid


class FieldError(msgspec.Struct, frozen=True):
    """A part of the request that is at fault, and why."""

    field: str
    why: str


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. ``type`` is ``about:blank``: the status says the kind."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET


DETAIL = {
    400: "The request could not be read.",
    401: "A valid bearer token is needed: Authorization: Bearer TOKEN.",
    403: "The token's scope does not allow this.",
    404: "There is nothing here that you may see.",
    405: "The method is not allowed here; see the Allow header.",
    409: "The request contradicts what stands already.",
    413: "The request is larger than allowed.",
    415: "The body's media type is not accepted here.",
    422: "The request breaks a rule; see errors.",
    429: "Too many requests; see Retry-After.",
    500: "The request failed on our side. It has been logged.",
    503: "The service is temporarily unavailable; nothing was kept. See Retry-After.",
}
MEDIA_TYPE = "application/problem+json"


class Refused(Exception):
    """Raised by API handlers: an answer with this status."""

    def __init__(self, status: int, detail: str = "", errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(FieldError(field=field, why=why) for field, why in errors)


def problem(status: int, detail: str = "", errors: Sequence[FieldError] = ()) -> web.Response:
    document = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail or DETAIL.get(status, ""),
        errors=tuple(errors) or msgspec.UNSET,
    )
    response = web.Response(body=msgspec.json.encode(document), status=status, content_type=MEDIA_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_of(status: int, fault: Fault | None) -> web.Response:
    if isinstance(fault, Invalid):
        return problem(status, errors=(FieldError(field=fault.field, why=fault.why),))
    return problem(status, fault.public if fault is not None and status == 409 else "")
