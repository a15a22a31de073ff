"""Web forms: POSTs of the page ``/form/{slug}`` and of the API ``/api/v1/form/{slug}`` -> Draft -> intake.

What arrives: JSON or multipart with the contract's fields. What leaves: a Draft whose raw body is JSON (see ``draft``),
its files in the blobs; then 303 to the receipt's page, or 202 with the receipt. The receipt is the envelope's id.

Failures: a broken rule answers 422 naming each field, over a limit 413, too often 429 with Retry-After, another body
under a used idempotency key 409. ``Unavailable`` answers 503 with Retry-After: nothing was kept, and the page comes
back with everything that was typed. A filled honeypot gets what success looks like, and nothing is sent on.

The HTML is not this module's: ``FormPages`` draws it.
"""

import hashlib
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from channels import formbody
from channels.formbody import Mistake, Submitted
from channels.formrules import (
    KEY,
    LIMITS,
    TOKEN_LIFE,
    body_hash,
    check,
    draft,
    is_loopback,
    make_token,
    offered,
    read_token,
)
from channels.support import SlidingWindow, sniff
from domain.errors import Conflict, Permanent, Unavailable
from domain.message import StoredFile
from domain.policy import CatalogEntry, FormPolicy
from domain.ports import Blobs, Clock, Ids, Intake, PolicySource, Reservations, Uploads
from domain.views import Receipt

HONEYPOT = "website"
_CARRIED = re.compile(r"[a-z0-9_]{1,40}")
_OWN_PARAMETERS = frozenset(
    {"subject", "catalog", "lang", "name", "email", "phone", "body", "locale", "consent", "filed_by"}
)
_MOST_CARRIED, _LONGEST_CARRIED = 20, 200
RETRY_S = 10
_RECEIPT = re.compile(r"[0-9A-Z]{26}")


class FormPages(Protocol):
    """Draws the form's pages, in the reader's language and with the form's ``frame-ancestors``."""

    def form(
        self,
        request: web.Request,
        form: FormPolicy,
        choices: Sequence[CatalogEntry],
        values: Mapping[str, str],
        mistakes: Sequence[tuple[str, str, Mapping[str, object]]],
        *,
        status: int,
        carried: Mapping[str, str],
    ) -> web.Response:
        """``values`` holds what was typed, and ``token`` and ``idempotency_key`` for the hidden fields. ``mistakes``:
        (field, English sentence with {names}, values of the names). ``carried``: fields that go along unseen."""
        ...

    def sent(self, request: web.Request, form: FormPolicy, receipt: str, state: Receipt) -> web.Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Submissions within ``window``. A loopback peer is a proxy or a local script and has no address to limit."""

    per_address: int = 30
    per_email: int = 20
    window: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDeps:
    """What gateway hands over. ``receipt_state``: None for what nobody accepted. ``secret`` signs the form's token."""

    policy: PolicySource
    intake: Intake
    blobs: Blobs
    uploads: Uploads
    reservations: Reservations
    clock: Clock
    ids: Ids
    secret: bytes
    receipt_state: Callable[[str], Awaitable[Receipt | None]]
    pages: FormPages
    limits: Limits = field(default_factory=Limits)


class Rejected(Exception):
    """Not accepted: ``status`` and the mistakes, each naming its field."""

    def __init__(self, status: int, mistakes: Sequence[Mistake], retry_after: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.mistakes = tuple(mistakes)
        self.retry_after = retry_after


def carried(query: Mapping[str, str]) -> dict[str, str]:
    """What the link to the form knew (``?product=crm&version=8.4``), by field; hints, as whatever is typed."""
    known = {name: value.strip()[:_LONGEST_CARRIED] for name, value in query.items() if _CARRIED.fullmatch(name)}
    own = {name: value for name, value in known.items() if value and name not in _OWN_PARAMETERS}
    return dict(list(own.items())[:_MOST_CARRIED])


class FormChannel:
    """The handlers of both entrances. ``add_routes`` puts them on an application."""

    def __init__(self, deps: FormDeps) -> None:
        self._deps = deps
        self._by_address = SlidingWindow(deps.limits.per_address, deps.limits.window)
        self._by_email = SlidingWindow(deps.limits.per_email, deps.limits.window)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/form/{slug}", self.show)
        app.router.add_post("/form/{slug}", self.submit)
        app.router.add_get("/form/{slug}/sent/{receipt}", self.sent)
        app.router.add_post("/api/v1/form/{slug}", self.api)

    async def show(self, request: web.Request) -> web.Response:
        form = self._form(request)
        wanted = {key: request.query.get(key, "") for key in ("subject", "catalog")}
        values = {key: value[: LIMITS[key]] for key, value in wanted.items()}
        return self._page(request, form, values, (), 200, carried=carried(request.query))

    async def sent(self, request: web.Request) -> web.Response:
        """An unknown receipt looks like one on its way, so that the honeypot's does too."""
        form, receipt = self._form(request), request.match_info["receipt"]
        if not _RECEIPT.fullmatch(receipt):
            raise web.HTTPNotFound
        state = await self._deps.receipt_state(receipt)
        return self._deps.pages.sent(request, form, receipt, state or Receipt(state="in_flight"))

    async def submit(self, request: web.Request) -> web.Response:
        """The page's POST. Whatever goes wrong, the page comes back with what was typed."""
        form = self._form(request)
        submitted = Submitted()
        try:
            submitted = await formbody.read(request, form)
            self._check_token(form, submitted)
            if submitted.values.get(HONEYPOT):
                return _see_other(form, self._deps.ids.new())
            return _see_other(form, await self._accept(request, form, submitted))
        except Rejected as rejected:
            answer = self._page(
                request, form, submitted.values, rejected.mistakes, rejected.status, carried=submitted.fields
            )
            return _with_retry(answer, rejected.retry_after)
        except formbody.WrongType:
            raise web.HTTPUnsupportedMediaType from None
        except formbody.Unreadable:
            raise web.HTTPBadRequest from None
        except formbody.TooLarge:
            raise web.HTTPRequestEntityTooLarge(max_size=formbody.MAX_TEXT) from None
        finally:
            submitted.close()

    async def api(self, request: web.Request) -> web.Response:
        """202 {"receipt"}, or a problem document (RFC 9457)."""
        submitted = Submitted()
        try:
            form = self._form(request)
            submitted = await formbody.read(request, form)
            return web.json_response({"receipt": await self._accept(request, form, submitted)}, status=202)
        except web.HTTPNotFound:
            return problem(404, "There is no such form.")
        except Rejected as rejected:
            errors = [{"field": mistake.field, "why": str(mistake)} for mistake in rejected.mistakes]
            return _with_retry(problem(rejected.status, TITLES[rejected.status], errors), rejected.retry_after)
        except formbody.WrongType:
            return problem(415, "Send application/json or multipart/form-data.")
        except formbody.Unreadable:
            return problem(400, "The body is not what its media type says.")
        except formbody.TooLarge:
            return problem(413, f"The fields may have {formbody.MAX_TEXT} bytes together.")
        finally:
            submitted.close()

    def _form(self, request: web.Request) -> FormPolicy:
        form = self._deps.policy.current.forms.get(request.match_info["slug"])
        if form is None:
            raise web.HTTPNotFound
        return form

    async def _accept(self, request: web.Request, form: FormPolicy, submitted: Submitted) -> str:
        """Returns the receipt, once the message is safe. Raises ``Rejected``."""
        policy = self._deps.policy.current
        mistakes = [*submitted.mistakes, *check(submitted, form, policy)]
        if mistakes:
            raise Rejected(413 if submitted.too_large else 422, mistakes)
        self._brake(request, submitted)
        try:
            files = await self._store(submitted)
            return await self._send(request, form, submitted, files)
        except Unavailable:
            why = Mistake("", "The service is busy for a moment. Nothing was lost: please send again.")
            raise Rejected(503, [why], RETRY_S) from None
        except Conflict:
            raise Rejected(409, [Mistake("idempotency_key", "This was sent before with other content.")]) from None
        except Permanent as fault:
            raise Rejected(413, [Mistake("body", "This is too large to be taken.")]) from fault

    def _brake(self, request: web.Request, submitted: Submitted) -> None:
        now, peer = self._deps.clock.now(), request.remote or ""
        wait = 0.0 if is_loopback(peer) else self._by_address.wait(peer, now)
        if not wait and (email := submitted.values.get("email", "").strip().lower()):
            wait = self._by_email.wait(email, now)
        if wait:
            why = Mistake("", "That was a lot at once. Please wait a little and send again.")
            raise Rejected(429, [why], math.ceil(wait))

    async def _store(self, submitted: Submitted) -> tuple[StoredFile, ...]:
        """Files into the blobs, one after the other: at most one is in memory."""
        files: list[StoredFile] = []
        for number, stored in enumerate(submitted.stored):
            found = await self._deps.uploads.find(stored)
            if found is None:
                raise Rejected(422, [Mistake(f"files[{number}]", "No file went up under this id.")])
            files.append(found)
        for upload in submitted.uploads:
            upload.content.seek(0)
            content = upload.content.read()
            blob = await self._deps.blobs.put(content)
            files.append(StoredFile(blob=blob, name=upload.name, size=upload.size, media_type=sniff(content)))
        return tuple(files)

    async def _send(
        self, request: web.Request, form: FormPolicy, submitted: Submitted, files: tuple[StoredFile, ...]
    ) -> str:
        receipt = self._deps.ids.new()
        key = submitted.values.get("idempotency_key", "").strip()
        if key:
            receipt = await self._reserved(form.slug, key, body_hash(form, submitted, files), receipt)
            if await self._stands(receipt):
                return receipt
        made = draft(form, submitted, files, receipt=receipt, now=self._deps.clock.now(), peer=request.remote or "")
        return await self._deps.intake.accept(made)

    async def _reserved(self, slug: str, key: str, hashed: str, receipt: str) -> str:
        """The receipt that stands under the client's key. With the bus away, ours: the store's key decides then."""
        name = hashlib.sha256(f"form\0{slug}\0{key}".encode()).hexdigest()
        try:
            return await self._deps.reservations.reserve(name, hashed, receipt)
        except Unavailable:
            return receipt

    async def _stands(self, receipt: str) -> bool:
        """Whether this receipt was accepted already. A reservation whose acceptance failed is taken up again."""
        try:
            return await self._deps.receipt_state(receipt) is not None
        except Unavailable:
            return False

    def _check_token(self, form: FormPolicy, submitted: Submitted) -> None:
        """Raises ``Rejected`` for a page that is stale, foreign or was sent back faster than anybody types."""
        issued = read_token(self._deps.secret, form.slug, submitted.values.get("token", ""))
        age = self._deps.clock.now().timestamp() - (issued or 0)
        if issued is None or age > TOKEN_LIFE.total_seconds():
            submitted.values.pop("token", None)
            raise Rejected(422, [Mistake("", "The page had been open for long. Please look it over and send again.")])
        if age < form.min_seconds:
            raise Rejected(422, [Mistake("", "That was very quick. Please look it over and send again.")])

    def _page(
        self,
        request: web.Request,
        form: FormPolicy,
        values: Mapping[str, str],
        mistakes: Sequence[Mistake],
        status: int,
        *,
        carried: Mapping[str, str],
    ) -> web.Response:
        now = self._deps.clock.now()
        shown = {**values, "consent": "", HONEYPOT: ""}
        shown["token"] = values.get("token") or make_token(self._deps.secret, form.slug, now)
        if not KEY.fullmatch(shown.get("idempotency_key", "")) or status == 409:
            shown["idempotency_key"] = self._deps.ids.new()
        told = [(mistake.field, mistake.why, mistake.values) for mistake in mistakes]
        choices = offered(self._deps.policy.current, form)
        return self._deps.pages.form(request, form, choices, shown, told, status=status, carried=carried)


TITLES = {
    409: "The idempotency key was used with another body.",
    413: "The request is larger than allowed.",
    422: "The request breaks a rule; see errors.",
    429: "Too many requests; see Retry-After.",
    503: "The service is temporarily unavailable; nothing was kept.",
}


def problem(status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> web.Response:
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    full = {**document, "errors": list(errors)} if errors else document
    return web.json_response(full, status=status, content_type="application/problem+json")


def _see_other(form: FormPolicy, receipt: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/form/{form.slug}/sent/{receipt}"})


def _with_retry(response: web.Response, seconds: int | None) -> web.Response:
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response
