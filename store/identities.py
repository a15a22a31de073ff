"""One customer over several channels: identities are made one person's only by proof or by an agent's word, and each
link can be undone.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Conflict, NotFound
from domain.identity import IdentityLink, LinkedBy
from domain.ports import Ids
from domain.status import Status
from domain.views import RequestBrief, Scope
from store.dialect import insert
from store.engine import Engines, faults
from store.recall import identities, persons, tickets
from store.save import held
from store.tables import IdentityInviteRow, IdentityLinkRow
from store.tables.base import table
from store.views.scope import visible
from store.writer import Turn, Writer

_links, _invites = table(IdentityLinkRow), table(IdentityInviteRow)
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that waits for its sender's choice, as it is held."""

    held_id: str
    channel: str
    address: str


class SqlIdentities:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids

    async def invite(self, identity_id: str, now: datetime, valid: timedelta) -> str:
        """A secret for the owner of an identity, to be sent there and nowhere else. Raises ``NotFound``."""
        secret = secrets.token_urlsafe(24)
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    known = select(identities.c.id).where(identities.c.id == identity_id)
                    if (await connection.execute(known)).first() is None:
                        raise NotFound("There is no such identity")
                    values = {"secret_hash": _hash(secret), "identity_id": identity_id, "expires_at": now + valid}
                    await connection.execute(plain_insert(_invites).values(**values, used_at=None))
        return secret

    async def accept(
        self, channel: str, address: str, name: str, secret: str, now: datetime, *, how: LinkedBy = "deep_link"
    ) -> bool:
        """The identity is the person's whose identity the secret was sent to. False where it is not ours, used or over.
        Both are verified then: the secret went to the one and came from the other."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    query = select(_invites).where(_invites.c.secret_hash == _hash(secret)).with_for_update()
                    row = (await connection.execute(query)).first()
                    if row is None or row.used_at is not None or row.expires_at <= now:
                        return False
                    used = update(_invites).where(_invites.c.secret_hash == row.secret_hash)
                    await connection.execute(used.values(used_at=now))
                    shown = await self._identity(connection, channel, address, name, now)
                    first = await _identity_row(connection, row.identity_id)
                    person = await self._person_of(connection, first, now, how, by=f"{channel} identity {shown.id}")
                    await self._link(connection, shown, person, how, f"identity {first.id}", now)
                    proven = update(identities).where(identities.c.id.in_([shown.id, first.id]))
                    await connection.execute(proven.values(verified=True))
        return True

    async def challenge(
        self, mail: str, secret: str, now: datetime, valid: timedelta, *, most: int
    ) -> tuple[str, int] | None:
        """A secret of the caller's for the owner of a mail address: their identity, and the request that they touched
        last. None where nobody has asked for anything from there, or as many as ``most`` secrets are still good."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    query = (
                        select(identities.c.id, tickets.c.number)
                        .join_from(identities, tickets, tickets.c.requester_id == identities.c.id)
                        .where(identities.c.channel == "email", identities.c.address == mail)
                        .order_by(tickets.c.updated_at.desc(), tickets.c.number.desc())
                        .limit(1)
                    )
                    found = (await connection.execute(query)).first()
                    if found is None:
                        return None
                    good = (
                        _invites.c.identity_id == found.id,
                        _invites.c.expires_at > now,
                        _invites.c.expires_at <= now + valid,
                    )
                    given = await connection.execute(select(func.count()).select_from(_invites).where(*good))
                    if given.scalar_one() >= most:
                        return None
                    values = {"secret_hash": _hash(secret), "identity_id": found.id, "expires_at": now + valid}
                    await connection.execute(plain_insert(_invites).values(**values, used_at=None))
        return found.id, found.number

    async def shared_number(self, channel: str, address: str, number: str, name: str, now: datetime) -> None:
        """The owner of an identity has shown that a telephone number is theirs."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    shown = await self._identity(connection, channel, address, name, now)
                    phone = await self._identity(connection, "phone", number, name, now)
                    by = f"{channel} identity {shown.id}"
                    known, other = (phone, shown) if phone.person_id and not shown.person_id else (shown, phone)
                    person = await self._person_of(connection, known, now, "shared_number", by=by)
                    await self._link(connection, other, person, "shared_number", by, now)
                    proven = update(identities).where(identities.c.id.in_([shown.id, phone.id]))
                    await connection.execute(proven.values(verified=True))

    async def merge(self, scope: Scope, identity_id: str, with_identity: str, by: str, now: datetime) -> IdentityLink:
        """An agent says that two identities are one person's: the first becomes of the second's person. Raises
        ``NotFound`` where either has no ticket that the agent sees, ``Conflict`` where they are one person's."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    for each in (identity_id, with_identity):
                        await _seen(connection, scope, each, "There is no such identity")
                    one = await _identity_row(connection, identity_id)
                    other = await _identity_row(connection, with_identity)
                    if one.id == other.id or (one.person_id is not None and one.person_id == other.person_id):
                        raise Conflict("These are one person's already")
                    person = await self._person_of(connection, other, now, "agent", by=by)
                    return await self._link(connection, one, person, "agent", by, now)

    async def undo(self, scope: Scope, link_id: str, by: str, now: datetime) -> IdentityLink:
        """Takes a link back: the identity is of whom it was of before. Raises ``NotFound``, ``Conflict`` where it was
        taken back already or is not what holds any more."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    row = (await connection.execute(select(_links).where(_links.c.id == link_id))).first()
                    if row is None:
                        raise NotFound("There is no such link")
                    await _seen(connection, scope, row.identity_id, "There is no such link")
                    identity = await _identity_row(connection, row.identity_id)
                    if row.undone_at is not None or identity.person_id != row.person_id:
                        raise Conflict("This link does not hold any more")
                    gone = update(_links).where(_links.c.id == link_id)
                    await connection.execute(gone.values(undone_at=now, undone_by=by))
                    back = update(identities).where(identities.c.id == row.identity_id)
                    await connection.execute(back.values(person_id=row.before))
        return _shown(row)

    async def links(self, scope: Scope, identity_id: str) -> Sequence[IdentityLink]:
        """See ``domain.ports.Identities.links``."""
        query = (
            select(_links)
            .where(_links.c.identity_id == identity_id, _links.c.undone_at.is_(None))
            .order_by(_links.c.at.desc(), _links.c.id.desc())
        )
        with faults():
            async with self._engines.read.connect() as connection:
                await _seen(connection, scope, identity_id, "There is no such identity")
                return [_shown(row) for row in await connection.execute(query)]

    async def own(self, channel: str, address: str, *, closed_since: datetime | None = None) -> Sequence[RequestBrief]:
        """Requests of whoever has this identity, the one touched last first: open ones, or those closed since."""
        query = select(tickets).where(tickets.c.requester_id.in_(_mine(channel, address)), tickets.c.parent.is_(None))
        if closed_since is None:
            query = query.where(tickets.c.open)
        else:
            query = query.where(tickets.c.status == Status.CLOSED.value, tickets.c.closed_at >= closed_since)
        query = query.order_by(tickets.c.updated_at.desc(), tickets.c.number.desc()).limit(_MOST)
        with faults():
            async with self._engines.read.connect() as connection:
                return [
                    RequestBrief(
                        number=row.number,
                        subject=row.subject,
                        status=row.status,
                        created_at=row.created_at,
                        updated_at=row.updated_at,
                        closed_at=row.closed_at,
                    )
                    for row in await connection.execute(query)
                ]

    async def waiting(self, envelope_id: str) -> Waiting | None:
        """A message that is held, by its envelope; None where it is not there or was let through."""
        query = select(held).where(held.c.envelope_id == envelope_id, held.c.released_at.is_(None))
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(query)).first()
        if row is None or row.payload is None:
            return None
        sender = row.payload.get("sender") or {}
        return Waiting(held_id=row.id, channel=sender.get("channel", ""), address=sender.get("address", ""))

    async def undecided(self, reason: str, before: datetime, most: int) -> Sequence[str]:
        """Held messages of this reason that nobody has let through, held before then."""
        query = (
            select(held.c.id)
            .where(held.c.reason == reason, held.c.at < before, held.c.released_at.is_(None))
            .order_by(held.c.id)
            .limit(most)
        )
        with faults():
            async with self._engines.read.connect() as connection:
                return [row.id for row in await connection.execute(query)]

    async def forget(self, before: datetime) -> None:
        """Drops secrets that are over."""
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    await connection.execute(delete(_invites).where(_invites.c.expires_at < before))

    async def _identity(self, connection: AsyncConnection, channel: str, address: str, name: str, now: datetime) -> Any:
        """The row of an address, made where there is none."""
        values = {"channel": channel, "address": address, "name": name, "verified": False, "unreachable": ""}
        statement = insert(connection, identities).values(id=self._ids.new(), **values, created_at=now)
        await connection.execute(statement.on_conflict_do_nothing())
        where = (identities.c.channel == channel, identities.c.address == address)
        return (await connection.execute(select(identities).where(*where))).one()

    async def _person_of(self, connection: AsyncConnection, row: Any, now: datetime, how: LinkedBy, *, by: str) -> str:
        """The person behind an identity, made where nobody was known to be."""
        if row.person_id is not None:
            return str(row.person_id)
        person_id = self._ids.new()
        name = row.name or row.address
        values = {"id": person_id, "name": name, "vip": False, "contact": False, "created_at": now}
        await connection.execute(plain_insert(persons).values(**values))
        await self._link(connection, row, person_id, how, by, now)
        return person_id

    async def _link(
        self, connection: AsyncConnection, row: Any, person: str, how: LinkedBy, by: str, now: datetime
    ) -> IdentityLink:
        link = IdentityLink(
            id=self._ids.new(), identity=row.id, person=person, before=row.person_id, how=how, by=by, at=now
        )
        if row.person_id == person:
            return link
        values = {"id": link.id, "identity_id": link.identity, "person_id": person, "before": link.before}
        await connection.execute(plain_insert(_links).values(**values, how=how, by=by, at=now))
        await connection.execute(update(identities).where(identities.c.id == row.id).values(person_id=person))
        return link


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _mine(channel: str, address: str) -> Any:
    """The identity, and every other of its person."""
    own = identities.alias()
    kin = select(identities.c.id).join_from(identities, own, identities.c.person_id == own.c.person_id)
    kin = kin.where(own.c.channel == channel, own.c.address == address)
    self_ = select(identities.c.id).where(identities.c.channel == channel, identities.c.address == address)
    return self_.union(kin)


async def _seen(connection: AsyncConnection, scope: Scope, identity_id: str, else_: str) -> None:
    """Raises ``NotFound`` where the identity has asked for nothing that the reader sees."""
    query = select(tickets.c.number).where(visible(scope), tickets.c.requester_id == identity_id).limit(1)
    if (await connection.execute(query)).first() is None:
        raise NotFound(else_)


async def _identity_row(connection: AsyncConnection, identity_id: str) -> Any:
    row = (await connection.execute(select(identities).where(identities.c.id == identity_id))).first()
    if row is None:
        raise NotFound("There is no such identity")
    return row


def _shown(row: Any) -> IdentityLink:
    return IdentityLink(
        id=row.id, identity=row.identity_id, person=row.person_id, before=row.before, how=row.how, by=row.by, at=row.at
    )
