"""Past decisions with the messages they were made on, in chunks: what simulation and verification read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.decision import Decision, Step
from domain.message import Message
from domain.views import Past
from store.recall import identities, messages_, tickets
from store.save import attachments, decisions


def decided(row: Row[Any]) -> Decision:
    """A row of decisions, as it was made."""
    steps = (Step(step=s["step"], outcome=s["outcome"], because=s["because"], rule=s.get("rule")) for s in row.steps)
    return Decision(revision=row.revision, decided_at=row.decided_at, steps=tuple(steps), snapshot=row.snapshot)


def normalised(row: Row[Any], files: Sequence[Row[Any]]) -> Message:
    """A row of messages joined with its sender's identity, as it was normalised; ``files``: rows of attachments."""
    values = {
        **row.features,
        "envelope_id": row.envelope_id,
        "channel": row.channel,
        "account": row.account,
        "adapter": row.adapter,
        "received_at": row.at.isoformat(),
        "sender": {"channel": row.sender_channel, "address": row.address, "name": row.author_name},
        "subject": row.subject,
        "text": row.text,
        "raw": row.raw,
        "size": row.size,
        "native_id": row.native_id,
        "recipients": row.recipients,
        "language": row.language,
        "quoted": row.quoted,
        "signature": row.signature,
        "flags": row.flags,
        "attachments": [
            {
                "blob": file.blob,
                "name": file.name,
                "size": file.size,
                "media_type": file.media_type,
                "declared_type": file.declared_type,
                "content_id": file.content_id,
                "inline": file.inline,
            }
            for file in files
        ],
    }
    return msgspec.convert(values, Message)


def with_sender() -> Select[Any]:
    """Messages that decisions were made on, with the columns that ``normalised`` needs."""
    return (
        select(messages_, identities.c.address, identities.c.channel.label("sender_channel"))
        .join_from(messages_, decisions, decisions.c.message_id == messages_.c.id)
        .join(identities, messages_.c.author_id == identities.c.id)
    )


async def files_of(connection: AsyncConnection, message_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    query = select(attachments).where(attachments.c.message_id.in_(message_ids))
    found: dict[str, list[Row[Any]]] = {}
    for row in await connection.execute(query.order_by(attachments.c.message_id, attachments.c.position)):
        found.setdefault(row.message_id, []).append(row)
    return found


async def keys(connection: AsyncConnection, since: datetime, until: datetime | None) -> Sequence[str]:
    query = select(decisions.c.id).where(decisions.c.decided_at >= since).order_by(decisions.c.id)
    if until is not None:
        query = query.where(decisions.c.decided_at < until)
    return [row.id for row in await connection.execute(query)]


async def past(connection: AsyncConnection, first: str, last: str, since: datetime) -> Sequence[Past]:
    """The decisions from one key to another, both included, that are not older than ``since``."""
    query = (
        with_sender()
        .add_columns(
            decisions.c.revision,
            decisions.c.decided_at,
            decisions.c.steps,
            decisions.c.snapshot,
            tickets.c.closed_at,
        )
        .join(tickets, tickets.c.number == messages_.c.number)
        .where(decisions.c.id >= first, decisions.c.id <= last, decisions.c.decided_at >= since)
        .order_by(decisions.c.id)
    )
    rows = list(await connection.execute(query))
    files = await files_of(connection, [row.id for row in rows])
    return [
        Past(
            number=row.number,
            message=normalised(row, files.get(row.id, ())),
            decision=decided(row),
            closed_at=row.closed_at,
        )
        for row in rows
    ]
