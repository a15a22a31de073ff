"""Writing customers: organisations with their mail domains and contracts, and persons with their identities."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert as plain_insert

from domain.identity import Identity, Organization
from domain.ports import Ids
from store.dialect import insert
from store.engine import Engines, faults
from store.recall import contracts, domains, identities, organizations, persons
from store.writer import Turn, Writer


class SqlPeople:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids

    async def add_organization(self, organization: Organization, now: datetime) -> bool:
        """False where it is there already (nothing changes)."""
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    values = {"id": organization.id, "name": organization.name, "segment": organization.segment}
                    statement = insert(connection, organizations).values(**values, created_at=now)
                    done = await connection.execute(statement.on_conflict_do_nothing().returning(organizations.c.id))
                    if done.first() is None:
                        return False
                    for domain in organization.domains:
                        row = {"domain": domain, "organization_id": organization.id}
                        await connection.execute(plain_insert(domains).values(**row))
                    for contract in organization.contracts:
                        row = {"id": contract.id, "organization_id": organization.id, "plan": contract.plan}
                        await connection.execute(
                            plain_insert(contracts).values(**row, since=contract.since, until=contract.until)
                        )
        return True

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
                            statement.on_conflict_do_update(
                                index_elements=["channel", "address"], set_={"person_id": person_id}
                            )
                        )
        return person_id
