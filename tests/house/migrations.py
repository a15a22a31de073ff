"""``make check``: the migrations lead to exactly what the models declare, on both databases."""

import asyncio
import sys
import tempfile

from gateway.system import SystemClock, UlidIds
from store import Database, schema
from tests.servers import postgres_server


async def differences(url: str) -> list[object]:
    database = Database(url, ids=UlidIds(), clock=SystemClock())
    try:
        await database.upgrade()
        return await schema.differences(database.engines)
    finally:
        await database.close()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres:
        urls = {"SQLite": f"sqlite:///{folder}/check.db", "PostgreSQL": postgres.database()}
        found = {name: asyncio.run(differences(url)) for name, url in urls.items()}
    for name, wrong in found.items():
        print(f"{name}: {wrong or 'the migrations match the models'}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
