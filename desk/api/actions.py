"""What the API does to tickets: body checked, command made, the ticket answered as it stands then."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from desk.api import models, requests
from desk.api.handlers import Call, reply, seen
from desk.api.problems import Refused as Problem
from domain.commands import (
    Actor,
    AddNote,
    Assign,
    Classify,
    Command,
    Escalate,
    LinkTo,
    LogWork,
    Reply,
    Return,
    SetStatus,
    Tick,
)
from domain.errors import Invalid, NotFound, Refused
from domain.ids import parse_number
from domain.message import StoredFile
from domain.ports import Draft
from domain.status import Status
from domain.ticket import Level, Priority
from domain.views import Scope

B = TypeVar("B", bound=requests.Request)
_PATH = " - at `$."


async def body_of(request: web.Request, model: type[B]) -> B:
    """Raises ``Refused`` 415, 400 or 422 that names the field."""
    if request.content_type != "application/json":
        raise Problem(415, "Send application/json.")
    try:
        return msgspec.json.decode(await request.read(), type=model)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(_PATH)
        raise Problem(422, errors=((path.rstrip("`") or "body", _plain(why)),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(400, "The body is not JSON.") from None


def _plain(why: str) -> str:
    return why.replace("Object ", "the body ").replace("`", "")


async def note(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Note)
    files = await _files(call, given.attachments)
    return await _act(call, AddNote(text=given.text, files=files), given.version, status=201)


async def answer(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Reply)
    command = Reply(
        text=given.text,
        files=await _files(call, given.attachments),
        to=given.to,
        status=Status(given.status) if given.status else None,
        substatus=given.substatus,
        fields=given.fields,
    )
    return await _act(call, command, given.version, status=201)


async def repeat(call: Call) -> web.Response:
    """409 where it is no delivery that failed, is unknown or was muted."""
    return await _delivery(call, call.desk.deliveries.repeat, "Only what failed, is unknown or was muted goes again.")


async def called(call: Call) -> web.Response:
    """409 where nobody had to telephone."""
    return await _delivery(call, call.desk.deliveries.called, "There is no call to make.")


async def _delivery(call: Call, do: Callable[[Scope, int, str, datetime], Awaitable[bool]], else_: str) -> web.Response:
    number = parse_number(call.request.match_info["number"])
    if number is None:
        raise NotFound("There is no such ticket")
    ticket = await seen(call, number)
    delivery = call.request.match_info["delivery"]
    if not any(each.id == delivery for message in ticket.messages for each in message.deliveries):
        raise NotFound("There is no such delivery")
    if not await do(call.scope, number, delivery, call.desk.clock.now()):
        raise Problem(409, else_)
    return reply(await seen(call, number))


async def status(call: Call) -> web.Response:
    given = await body_of(call.request, requests.StatusMove)
    command = SetStatus(
        status=Status(given.status), substatus=given.substatus, reason=given.reason, fields=given.fields
    )
    return await _act(call, command, given.version)


async def assign(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Assignment)
    agent = given.assignee
    if agent is not None and "@" in agent:
        found = await call.desk.accounts.agent_by_email(agent)
        agent = found.id if found else agent
    return await _act(call, Assign(agent=agent, reason=given.reason), given.version)


async def escalate(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Escalation)
    command = Escalate(reason=given.reason, line=given.line, group=given.group, fields=given.fields)
    return await _act(call, command, given.version)


async def hand_back(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Handback)
    return await _act(call, Return(reason=given.reason, line=given.line, group=given.group), given.version)


async def classify(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Classification)
    command = Classify(
        catalog=given.catalog,
        kind=given.kind,
        impact=Level(given.impact) if given.impact else None,
        urgency=Level(given.urgency) if given.urgency else None,
        priority=Priority(given.priority) if given.priority else None,
        fields=given.fields,
        reason=given.reason,
    )
    return await _act(call, command, given.version)


async def checks(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Checks)
    command = Tick(done=frozenset(given.done), undone=frozenset(given.undone))
    return await _act(call, command, given.version)


async def work(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Work)
    return await _act(call, LogWork(minutes=given.minutes, text=given.text), given.version, status=201)


async def link(call: Call) -> web.Response:
    given = await body_of(call.request, requests.LinkRequest)
    other = parse_number(given.ticket)
    if other is None:
        raise Problem(422, errors=(("ticket", "no such ticket"),))
    return await _act(call, LinkTo(other=other, relation=given.relation), given.version)


async def _act(call: Call, command: Command, version: int | None, *, status: int = 200) -> web.Response:
    number = parse_number(call.request.match_info["number"])
    if number is None:
        raise NotFound("There is no such ticket")
    try:
        await call.desk.actions.act(call.scope, number, command, actor_of(call), version=version)
    except Refused as refused:
        raise Problem(409, refused.public, refused.missing) from None
    except Invalid as invalid:
        raise Problem(422, errors=((invalid.field, invalid.why),)) from None
    return reply(await seen(call, number), status=status)


def actor_of(call: Call) -> Actor:
    assert call.token is not None
    return Actor(id=f"token:{call.token.id}", name=call.token.name)


async def _files(call: Call, ids: Sequence[str]) -> tuple[StoredFile, ...]:
    files = []
    for position, each in enumerate(ids):
        found = await call.desk.uploads.find(each)
        if found is None:
            raise Problem(422, errors=((f"attachments[{position}]", "no file went up under this id"),))
        files.append(found)
    return tuple(files)


async def file_ticket(call: Call) -> web.Response:
    """202 with a receipt: a request filed for somebody goes the way of every message, and is as safe."""
    given = await body_of(call.request, requests.NewTicket)
    _check(call, given)
    files = await _files(call, given.attachments)
    actor = actor_of(call)
    raw = {**msgspec.to_builtins(given), "filed_by": actor.id, "catalog": given.catalog or None}
    return await _accepted(call, raw, files, given.idempotency_key)


async def request_internally(call: Call) -> web.Response:
    """202 with a receipt, like every filed request; the router opens the ticket and lets this one wait for it."""
    given = await body_of(call.request, requests.InternalRequest)
    number = parse_number(call.request.match_info["number"])
    if number is None:
        raise NotFound("There is no such ticket")
    ticket = await call.desk.views.ticket(call.scope, number)
    if ticket.status not in (Status.IN_PROGRESS, Status.INTERNAL):
        raise Problem(
            409, "Another department is asked while the ticket is in work.", (("status", "must be in_progress"),)
        )
    errors = [(name, "is empty") for name in ("subject", "body") if not getattr(given, name).strip()]
    entry = call.desk.policy.current.catalog.get(given.catalog)
    if entry is None or entry.retired:
        errors.append(("catalog", "no such entry"))
    elif entry.line == ticket.line:
        errors.append(("catalog", f"belongs to line {ticket.line}, where the ticket is"))
    if errors:
        raise Problem(422, errors=tuple(errors))
    actor = actor_of(call)
    raw = {**msgspec.to_builtins(given), "filed_by": actor.id, "name": actor.name}
    return await _accepted(call, raw, await _files(call, given.attachments), given.idempotency_key, parent=number)


async def _accepted(
    call: Call, raw: dict[str, Any], files: Sequence[StoredFile], key: str, *, parent: int | None = None
) -> web.Response:
    actor = actor_of(call)
    raw.pop("attachments")
    receipt = call.desk.ids.new()
    if key:
        hashed = hashlib.sha256(msgspec.json.encode((raw, parent, sorted(file.blob for file in files)))).hexdigest()
        name = hashlib.sha256(f"api\0{actor.id}\0{key}".encode()).hexdigest()
        receipt = await call.desk.reservations.reserve(name, hashed, receipt)
        if await call.desk.receipt_state(receipt) is not None:
            return reply(models.Accepted(receipt=receipt), status=202)
    draft = Draft(
        channel="api",
        account=actor.id,
        adapter="api",
        media_type="application/json",
        raw=msgspec.json.encode({**raw, "idempotency_key": key or receipt}),
        files=tuple(files),
        meta={"peer": call.request.remote or "", "filed_by": actor.id} | ({} if parent is None else {"parent": parent}),
        id=receipt,
    )
    return reply(models.Accepted(receipt=await call.desk.intake.accept(draft)), status=202)


def _check(call: Call, given: requests.NewTicket) -> None:
    errors = []
    if not given.subject.strip():
        errors.append(("subject", "is empty"))
    if not given.body.strip():
        errors.append(("body", "is empty"))
    if not (given.email.strip() or given.phone.strip()):
        errors.append(("email", "or phone is needed: it says whom the answer is for"))
    elif given.email.strip() and given.email.strip().count("@") != 1:
        errors.append(("email", "is not an address"))
    if given.catalog and given.catalog not in call.desk.policy.current.catalog:
        errors.append(("catalog", "no such entry"))
    if errors:
        raise Problem(422, errors=tuple(errors))
