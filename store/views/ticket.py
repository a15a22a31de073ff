"""One ticket as its page and the API show it, and the single reads that hang on it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.decision import Decision
from domain.errors import NotFound
from domain.ids import BlobKey
from domain.message import Attachment, Call, Message
from domain.views import (
    AttachmentView,
    HistoryEntry,
    IdentityView,
    LinkView,
    MessageView,
    RequesterView,
    Scope,
    TicketView,
)
from store.clocks import read_clocks
from store.deliveries import of_messages
from store.recall import identities, messages_, organizations, persons, tickets
from store.save import attachments, decisions, facts_
from store.tables import AgentRow, TicketLinkRow
from store.tables.base import table
from store.views.past import decided, files_of, normalised, with_sender
from store.views.scope import visible

_agents, _ties = table(AgentRow), table(TicketLinkRow)
_NOT_FOUND = "No such ticket"


async def ticket(connection: AsyncConnection, scope: Scope, number: int) -> TicketView:
    """See ``domain.ports.Views.ticket``."""
    query = (
        select(tickets, _agents.c.name.label("assignee_name"))
        .join_from(tickets, _agents, tickets.c.assignee_id == _agents.c.id, isouter=True)
        .where(visible(scope), tickets.c.number == number)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound(_NOT_FOUND)
    decision = await _decision(connection, number)
    return TicketView(
        number=row.number,
        subject=row.subject,
        status=row.status,
        substatus=row.substatus,
        priority=row.priority,
        impact=row.impact,
        urgency=row.urgency,
        channel=row.channel,
        account=row.account,
        requester=await _requester(connection, row),
        catalog=row.catalog,
        kind=row.kind,
        line=row.line,
        group=row.group,
        assignee=row.assignee_id,
        assignee_name=row.assignee_name,
        policy_revision=row.policy_revision,
        version=row.version,
        links=await _links(connection, scope, number),
        checks=tuple(row.checks),
        audiences=tuple(row.audiences),
        created_at=row.created_at,
        updated_at=row.updated_at,
        language=row.language,
        fields=row.fields,
        flags=tuple(row.flags),
        messages=await _messages(connection, number),
        clocks=(await read_clocks(connection, [number])).get(number, ()),
        decision=decision,
        history=await _history(connection, number),
        suggestions=tuple(decision.snapshot.get("suggestions", ())) if decision else (),
    )


async def _requester(connection: AsyncConnection, ticket_row: Any) -> RequesterView:
    query = (
        select(identities, persons.c.name.label("person_name"))
        .join_from(identities, persons, isouter=True)
        .where(identities.c.id == ticket_row.requester_id)
    )
    own = (await connection.execute(query)).one()
    all_of = select(identities).where(
        identities.c.person_id == own.person_id if own.person_id else identities.c.id == own.id
    )
    known = await connection.execute(all_of.order_by(identities.c.id))
    organization = None
    if ticket_row.organization_id:
        name = select(organizations.c.name).where(organizations.c.id == ticket_row.organization_id)
        organization = (await connection.execute(name)).scalar()
    return RequesterView(
        id=own.id,
        name=own.person_name or own.name,
        identities=tuple(
            IdentityView(
                id=i.id,
                channel=i.channel,
                address=i.address,
                verified=i.verified,
                name=i.name,
                unreachable=i.unreachable,
            )
            for i in known
        ),
        organization=organization,
        plan=ticket_row.plan,
    )


async def _links(connection: AsyncConnection, scope: Scope, number: int) -> tuple[LinkView, ...]:
    """Both ways; a ticket outside the scope is not named."""
    found: list[LinkView] = []
    for own, far, theirs in ((_ties.c.number, _ties.c.other, False), (_ties.c.other, _ties.c.number, True)):
        query = select(far.label("far"), _ties.c.relation).join_from(_ties, tickets, tickets.c.number == far)
        rows = await connection.execute(query.where(visible(scope), own == number).order_by(_ties.c.at))
        found.extend(LinkView(number=row.far, relation=row.relation, theirs=theirs) for row in rows)
    asking = select(tickets.c.parent).where(tickets.c.number == number).scalar_subquery()
    for kin, theirs in ((tickets.c.number == asking, False), (tickets.c.parent == number, True)):
        rows = await connection.execute(select(tickets.c.number).where(visible(scope), kin).order_by(tickets.c.number))
        found.extend(LinkView(number=row.number, relation="requested_by", theirs=theirs) for row in rows)
    return tuple(found)


async def _messages(connection: AsyncConnection, number: int) -> tuple[MessageView, ...]:
    query = (
        select(messages_, identities.c.address, _agents.c.name.label("agent_name"))
        .join_from(messages_, identities, messages_.c.author_id == identities.c.id, isouter=True)
        .join(_agents, messages_.c.agent_id == _agents.c.id, isouter=True)
        .where(messages_.c.number == number)
        .order_by(messages_.c.at, messages_.c.id)
    )
    found = list(await connection.execute(query))
    files = await _attachments(connection, [row.id for row in found])
    ways = await of_messages(connection, [row.id for row in found if row.direction == "outbound"])
    return tuple(
        MessageView(
            id=row.id,
            envelope_id=row.envelope_id,
            at=row.at,
            direction=row.direction,
            channel=row.channel,
            author=row.agent_name or row.author_name or row.address or "",
            author_address=row.address or "",
            subject=row.subject,
            text=row.text,
            quoted=row.quoted,
            signature=row.signature,
            full_text=row.full_text,
            html=row.html,
            language=row.language,
            recipients=tuple(row.recipients),
            raw=row.raw,
            flags=tuple(row.flags),
            attachments=tuple(files.get(row.id, ())),
            deliveries=ways.get(row.id, ()),
            call=msgspec.convert(row.features["call"], Call) if "call" in row.features else None,
        )
        for row in found
    )


async def _attachments(connection: AsyncConnection, message_ids: Sequence[str]) -> dict[str, list[AttachmentView]]:
    rows = await files_of(connection, message_ids)
    return {message_id: [_attachment(row) for row in found] for message_id, found in rows.items()}


def _attachment(row: Any) -> AttachmentView:
    return AttachmentView(
        id=row.id,
        file=Attachment(
            blob=BlobKey(row.blob),
            name=row.name,
            size=row.size,
            media_type=row.media_type,
            declared_type=row.declared_type,
            content_id=row.content_id,
            inline=row.inline,
        ),
    )


async def _decision(connection: AsyncConnection, number: int) -> Decision | None:
    """The decision that opened the ticket."""
    query = select(decisions).where(decisions.c.number == number).order_by(decisions.c.decided_at, decisions.c.id)
    row = (await connection.execute(query.limit(1))).first()
    return None if row is None else decided(row)


async def _history(connection: AsyncConnection, number: int) -> tuple[HistoryEntry, ...]:
    query = select(facts_).where(facts_.c.number == number).order_by(facts_.c.at, facts_.c.id)
    return tuple(
        HistoryEntry(at=row.at, fact=row.fact, by=row.by, detail=row.detail) for row in await connection.execute(query)
    )


async def attachment(connection: AsyncConnection, scope: Scope, attachment_id: str) -> AttachmentView:
    query = (
        select(attachments)
        .join_from(attachments, messages_, attachments.c.message_id == messages_.c.id)
        .join(tickets, messages_.c.number == tickets.c.number)
        .where(visible(scope), attachments.c.id == attachment_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("No such attachment")
    return _attachment(row)


async def _message(connection: AsyncConnection, scope: Scope, message_id: str) -> Any:
    query = (
        select(messages_.c.id, messages_.c.html, messages_.c.raw)
        .join_from(messages_, tickets, messages_.c.number == tickets.c.number)
        .where(visible(scope), messages_.c.id == message_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("No such message")
    return row


async def raw_key(connection: AsyncConnection, scope: Scope, message_id: str) -> BlobKey:
    row = await _message(connection, scope, message_id)
    if not row.raw:
        raise NotFound("No such message")
    return BlobKey(row.raw)


async def call(connection: AsyncConnection, scope: Scope, message_id: str) -> tuple[str, Call]:
    query = (
        select(messages_.c.account, messages_.c.features)
        .join_from(messages_, tickets, messages_.c.number == tickets.c.number)
        .where(visible(scope), messages_.c.id == message_id)
    )
    row = (await connection.execute(query)).first()
    if row is None or "call" not in row.features:
        raise NotFound("No such call")
    return row.account, msgspec.convert(row.features["call"], Call)


async def message_html(
    connection: AsyncConnection, scope: Scope, message_id: str
) -> tuple[str, Sequence[AttachmentView]]:
    row = await _message(connection, scope, message_id)
    if row.html is None:
        raise NotFound("This message has no HTML")
    files = await _attachments(connection, [message_id])
    return row.html, files.get(message_id, [])


async def opening_message(connection: AsyncConnection, scope: Scope, number: int) -> tuple[Message, Decision]:
    """The message that opened a ticket, as it was normalised, and the decision made on it."""
    query = (
        with_sender()
        .join(tickets, tickets.c.number == messages_.c.number)
        .where(visible(scope), messages_.c.number == number)
        .order_by(decisions.c.decided_at, decisions.c.id)
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    decision = await _decision(connection, number)
    if row is None or decision is None:
        raise NotFound(_NOT_FOUND)
    files = await files_of(connection, [row.id])
    return normalised(row, files.get(row.id, ())), decision
