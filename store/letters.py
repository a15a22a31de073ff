"""Messages of ours as rows, and what came back of them. Steps of the unit of work."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.effects import Suppressed
from domain.message import Bounce, StoredFile
from domain.outgoing import Notice, Outgoing
from domain.ports import Ids
from store import rows as rows_of
from store import search
from store.dialect import insert
from store.recall import DEPARTMENT, identities, tickets
from store.tables import DeliveryRow
from store.tables.base import table

deliveries = table(DeliveryRow)

REPLY = "reply"
"""What an outbox row is called whose delivery waits for a sender; it goes to the subject of its channel."""

UNDELIVERED = "undelivered"
"""Flag of a ticket something of which did not arrive."""
NOBODY_THERE = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes (RFC 3463) that say so: nothing else that is sent to the address arrives."""


def add(
    rows: rows_of.Rows, number: int, letters: Iterable[Outgoing], now: datetime, ids: Ids
) -> list[rows_of.Outgoing]:
    """Writes them down; returns the outbox rows that wake the senders."""
    woken = []
    for letter in letters:
        rows.messages.append(_message(number, letter, now))
        rows.attachments.extend(files(letter.id, letter.files, ids))
        names = " ".join(file.name for file in letter.files)
        document = search.Document(
            message_id=letter.id, number=number, body=f"{letter.subject}\n{letter.text}\n{names}"
        )
        rows.documents.append(document)
        state = "muted" if letter.muted else "call_back" if letter.channel == "phone" else "queued"
        rows.deliveries.append(_delivery(number, letter, state, now))
        if state == "queued":
            woken.append(wake(rows, letter.delivery, number, letter.channel, now, ids))
    return woken


def wake(rows: rows_of.Rows, delivery: str, number: int, channel: str, now: datetime, ids: Ids) -> rows_of.Outgoing:
    data = {"delivery": delivery, "ticket": number, "channel": channel}
    out = rows_of.Outgoing(id=ids.new(), fact=REPLY, data=data)
    rows.outbox.append({"id": out.id, "fact": REPLY, "payload": data, "created_at": now})
    return out


def _message(number: int, letter: Outgoing, now: datetime) -> dict[str, Any]:
    own = letter.text if letter.words is None else letter.words
    return {
        "id": letter.id,
        "number": number,
        "envelope_id": None,
        "at": now,
        "direction": "outbound",
        "channel": letter.channel,
        "account": letter.account,
        "adapter": "",
        "author_id": None,
        "agent_id": letter.author.agent,
        "author_name": letter.author.name,
        "native_id": None,
        "subject": letter.subject,
        "text": own,
        "quoted": "",
        "signature": "",
        "full_text": None if own == letter.text else letter.text,
        "html": None,
        "language": letter.language,
        "recipients": [],
        "flags": ["automatic"] if letter.automatic else [],
        "features": {"letter": letter.letter} if letter.letter else {},
        "raw": None,
        "size": len(letter.text.encode()),
    }


def files(message_id: str, given: Iterable[StoredFile], ids: Ids) -> list[dict[str, Any]]:
    """Attachments of a message that was written here."""
    return [
        {
            "id": ids.new(),
            "message_id": message_id,
            "position": position,
            "blob": file.blob,
            "name": file.name,
            "size": file.size,
            "media_type": file.media_type,
            "declared_type": file.media_type,
            "content_id": None,
            "inline": False,
        }
        for position, file in enumerate(given)
    ]


def _delivery(number: int, letter: Outgoing, state: str, now: datetime) -> dict[str, Any]:
    return {
        "id": letter.delivery,
        "message_id": letter.id,
        "number": number,
        "channel": letter.channel,
        "account": letter.account,
        "identity_id": letter.to,
        "agent_id": None,
        "address": letter.address,
        "letter": letter.letter,
        "automatic": letter.automatic,
        "subject": None,
        "text": None,
        "language": letter.language,
        "state": state,
        "attempts": 0,
        "next_at": now,
        "leased_until": None,
        "error": letter.muted,
        "native_id": None,
        "created_at": now,
        "settled_at": now if letter.muted else None,
    }


def notice(given: Notice, now: datetime) -> dict[str, Any]:
    """The delivery of a letter that is no message of its ticket."""
    return {
        "id": given.delivery,
        "message_id": None,
        "number": given.number,
        "channel": "email",
        "account": "",
        "identity_id": given.identity,
        "agent_id": given.agent,
        "address": "",
        "letter": given.letter,
        "automatic": True,
        "subject": given.subject,
        "text": given.text,
        "language": given.language,
        "state": "queued",
        "attempts": 0,
        "next_at": now,
        "leased_until": None,
        "error": "",
        "native_id": None,
        "created_at": now,
        "settled_at": None,
    }


async def introduced(
    connection: AsyncConnection, letters: Iterable[Outgoing], now: datetime, ids: Ids
) -> tuple[Outgoing, ...]:
    """Departments that are written to for the first time are identities from then on: the policy vouches for them."""
    known = []
    for letter in letters:
        if letter.to is None:
            values = {"channel": letter.channel, "address": letter.address, "name": "", "verified": True}
            new = insert(connection, identities).values(id=ids.new(), **values, unreachable="", created_at=now)
            await connection.execute(new.on_conflict_do_nothing())
            where = (identities.c.channel == letter.channel, identities.c.address == letter.address)
            identity = (await connection.execute(select(identities.c.id).where(*where))).scalar_one()
            known.append(replace(letter, to=identity, address=""))
        else:
            known.append(letter)
    return tuple(known)


def departments(number: int, written: Iterable[Outgoing], sent: Iterable[Outgoing]) -> list[dict[str, Any]]:
    """Whoever was introduced takes part in the ticket. ``sent``: the same letters as ``introduced`` gave them back."""
    return [
        {"number": number, "identity_id": after.to, "role": DEPARTMENT}
        for before, after in zip(written, sent, strict=True)
        if before.to is None
    ]


async def returned(connection: AsyncConnection, reports: Iterable[Suppressed], now: datetime) -> None:
    """What came back: the delivery that it was shows so, and so does its ticket."""
    for effect in reports:
        for bounce in effect.message.bounces:
            if effect.number is None or bounce.action not in ("failed", "delayed"):
                continue
            row = await _returned(connection, effect.number, bounce)
            if row is None:
                continue
            said = " ".join(part for part in (bounce.status, bounce.diagnostic) if part) or "it came back"
            if bounce.action == "delayed":
                values: dict[str, Any] = {"error": f"delayed: {said}"}
            else:
                values = {"state": "failed", "error": said, "settled_at": now}
                await mark_undelivered(connection, effect.number, now)
            await connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
            if bounce.action == "failed" and bounce.status in NOBODY_THERE and row.identity_id is not None:
                gone = update(identities).where(identities.c.id == row.identity_id)
                await connection.execute(gone.values(unreachable=said))


async def _returned(connection: AsyncConnection, number: int, bounce: Bounce) -> Any:
    """By the id of what was returned; where the report does not say it, the last that went to the recipient."""
    query = (
        select(deliveries.c.id, deliveries.c.identity_id)
        .join_from(deliveries, identities, deliveries.c.identity_id == identities.c.id, isouter=True)
        .where(deliveries.c.number == number, deliveries.c.channel == "email", deliveries.c.state == "sent")
        .order_by(deliveries.c.created_at.desc())
        .limit(1)
    )
    if bounce.message_id:
        found = (await connection.execute(query.where(deliveries.c.native_id == bounce.message_id))).first()
        if found is not None:
            return found
    to = bounce.recipient.lower()
    mine = or_(deliveries.c.address == to, and_(deliveries.c.address == "", identities.c.address == to))
    return (await connection.execute(query.where(mine))).first()


async def mark_undelivered(connection: AsyncConnection, number: int, now: datetime) -> None:
    """The ticket shows that something of it did not arrive."""
    flags = (await connection.execute(select(tickets.c.flags).where(tickets.c.number == number))).scalar_one()
    if UNDELIVERED in flags:
        return
    values = {"flags": [*flags, UNDELIVERED], "updated_at": now, "version": tickets.c.version + 1}
    await connection.execute(update(tickets).where(tickets.c.number == number).values(**values))
