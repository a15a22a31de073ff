"""Writing customers: organisations with their mail domains, groups and contracts, and persons with their identities."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Conflict, NotFound
from domain.identity import Contract, Identity, Organization
from domain.ports import Ids
from store.dialect import insert
from store.engine import Engines, faults
from store.recall import contracts, domains, groups_, identities, organizations, persons
from store.writer import Turn, Writer


class SqlPeople:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids

    async def add_organization(self, organization: Organization, now: datetime) -> bool:
        """False where its id is there already (nothing changes). Raises ``Conflict`` where a mail domain is another
        organisation's."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        values = {"id": organization.id, "name": organization.name, "segment": organization.segment}
                        statement = insert(connection, organizations).values(
                            **values,
                            engineer_id=organization.engineer,
                            department=organization.department,
                            created_at=now,
                        )
                        done = await connection.execute(
                            statement.on_conflict_do_nothing().returning(organizations.c.id)
                        )
                        if done.first() is None:
                            return False
                        await _write_parts(connection, organization)
                except IntegrityError:
                    raise Conflict(_TAKEN) from None
        return True

    async def save_organization(self, organization: Organization) -> None:
        """As it is from now on: name, segment, engineer, domains, groups and contracts. Raises ``NotFound``, and
        ``Conflict`` as ``add_organization``."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                try:
                    async with self._engines.write.begin() as connection:
                        statement = update(organizations).where(organizations.c.id == organization.id)
                        done = await connection.execute(
                            statement.values(
                                name=organization.name,
                                segment=organization.segment,
                                engineer_id=organization.engineer,
                                department=organization.department,
                            )
                        )
                        if not done.rowcount:
                            raise NotFound("There is no such organisation")
                        for target in (domains, groups_, contracts):
                            await connection.execute(delete(target).where(target.c.organization_id == organization.id))
                        await _write_parts(connection, organization)
                except IntegrityError:
                    raise Conflict(_TAKEN) from None

    async def organizations(self, named: str | None = None) -> Sequence[Organization]:
        """All by name, or those whose id or name (in any case) is this."""
        with faults():
            async with self._engines.read.connect() as connection:
                wanted = select(organizations).order_by(organizations.c.name, organizations.c.id)
                found = list(await connection.execute(wanted))
                if named is not None:
                    found = [row for row in found if named == row.id or named.casefold() == row.name.casefold()]
                return await _whole(connection, found)

    async def add_person(
        self, name: str, organization_id: str | None, known: Sequence[Identity], now: datetime, *, vip: bool = False
    ) -> str:
        """A person with verified identities; an identity that exists is linked to the person."""
        person_id = self._ids.new()
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    await connection.execute(
                        plain_insert(persons).values(
                            id=person_id, name=name, organization_id=organization_id, vip=vip, created_at=now
                        )
                    )
                    for identity in known:
                        await _link(connection, identity, person_id, now)
        return person_id

    async def set_contact(
        self,
        address: str,
        organization_id: str,
        now: datetime,
        *,
        name: str | None = None,
        vip: bool | None = None,
        named: bool | None = None,
    ) -> str:
        """The person behind a mail address belongs to the organisation then; made where there is none. What is None
        stays as it is. ``named``: one of those that the contract names. Returns the person's id."""
        given = {"name": name, "vip": vip, "contact": named}
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        values["organization_id"] = organization_id
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    query = select(identities.c.person_id, identities.c.name).where(
                        identities.c.channel == "email", identities.c.address == address.lower()
                    )
                    row = (await connection.execute(query)).first()
                    if row is not None and row.person_id is not None:
                        person_id = str(row.person_id)
                        await connection.execute(update(persons).where(persons.c.id == person_id).values(**values))
                        return person_id
                    person_id = self._ids.new()
                    values = {"name": (row.name if row else "") or address, "id": person_id, **values}
                    await connection.execute(plain_insert(persons).values(**values, created_at=now))
                    identity = Identity(
                        id=self._ids.new(), channel="email", address=address.lower(), name=values["name"]
                    )
                    await _link(connection, identity, person_id, now)
        return person_id


_TAKEN = "A mail domain belongs to another organisation already"


async def _write_parts(connection: AsyncConnection, organization: Organization) -> None:
    own = {"organization_id": organization.id}
    rows_of: tuple[tuple[Any, list[dict[str, Any]]], ...] = (
        (domains, [{"domain": domain, **own} for domain in organization.domains]),
        (groups_, [{"group": group, **own} for group in sorted(organization.groups)]),
        (
            contracts,
            [
                {"id": each.id, "plan": each.plan, "since": each.since, "until": each.until, **own}
                for each in organization.contracts
            ],
        ),
    )
    for target, rows in rows_of:
        if rows:
            await connection.execute(plain_insert(target), rows)


async def _whole(connection: AsyncConnection, rows: Sequence[Any]) -> Sequence[Organization]:
    own: dict[str, list[str]] = {}
    for row in await connection.execute(select(domains).order_by(domains.c.domain)):
        own.setdefault(row.organization_id, []).append(row.domain)
    groups: dict[str, set[str]] = {}
    for row in await connection.execute(select(groups_)):
        groups.setdefault(row.organization_id, set()).add(row.group)
    signed: dict[str, list[Contract]] = {}
    for row in await connection.execute(select(contracts).order_by(contracts.c.since, contracts.c.id)):
        contract = Contract(id=row.id, plan=row.plan, since=row.since, until=row.until)
        signed.setdefault(row.organization_id, []).append(contract)
    return [
        Organization(
            id=row.id,
            name=row.name,
            segment=row.segment,
            domains=tuple(own.get(row.id, ())),
            contracts=tuple(signed.get(row.id, ())),
            groups=frozenset(groups.get(row.id, ())),
            engineer=row.engineer_id,
            department=row.department,
        )
        for row in rows
    ]


async def _link(connection: AsyncConnection, identity: Identity, person_id: str, now: datetime) -> None:
    statement = insert(connection, identities).values(
        id=identity.id,
        channel=identity.channel,
        address=identity.address,
        name=identity.name,
        verified=identity.verified,
        person_id=person_id,
        created_at=now,
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["channel", "address"], set_={"person_id": person_id})
    )
