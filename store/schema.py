"""The database's version: bringing it up to date, and refusing one that is newer than this program."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from domain.errors import Permanent
from store.engine import Engines, faults
from store.migrations.env_options import include_object
from store.tables import metadata

_HERE = Path(__file__).parent / "migrations"
_LOCK = 7_261_942_001  # any number, the same in every process


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _refuse_newer(connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise Permanent(
            f"The database is at version {current}, which this program does not know: it was written by a newer "
            "Priyom. Install that version or restore a backup.",
            version=current,
        )
    return current


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    before = _refuse_newer(connection)
    if before != head():
        command.upgrade(_config(connection), "head")
    return before, head()


async def upgrade(engines: Engines) -> tuple[str | None, str]:
    """Migrates to the newest version in one transaction; several processes may try at once. Returns (before, after).

    Raises ``Permanent`` for a database of a newer program, ``Unavailable`` when it cannot be reached."""
    with faults():
        async with engines.write.begin() as connection:
            return await connection.run_sync(_upgrade)


def _check(connection: Connection) -> None:
    current = _refuse_newer(connection)
    if current != head():
        raise Permanent(
            f"The database is at version {current or 'none'} and this program needs {head()}: run `priyom db upgrade`."
        )


async def check(engines: Engines) -> None:
    """Raises ``Permanent`` unless the database is at exactly this program's version."""
    with faults():
        async with engines.read.connect() as connection:
            await connection.run_sync(_check)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"include_object": include_object, "compare_type": True})
    return list(compare_metadata(context, metadata))


async def differences(engines: Engines) -> list[Any]:
    """What the models declare and the migrated database has not, or the other way round. Empty: they match."""
    async with engines.read.connect() as connection:
        return await connection.run_sync(_differences)
