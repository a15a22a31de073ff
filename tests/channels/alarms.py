"""What the tests of the alerts hook share: a served hook over fakes, and samples."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from channels.alerts.account import AlertAccount
from channels.alerts.http import AlertChannel, AlertDeps
from desk import app as desk
from tests.channels.calls import Book, Client
from tests.fakes_desk import World

SAMPLES = Path(__file__).parents[1] / "samples" / "alert"
TOKEN = "a token of the monitoring system"


def sample(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return values


class Alarms:
    """The hook behind the desk's own layers, as it stands in the web role."""

    def __init__(self, **accounts: AlertAccount) -> None:
        self.world, self.book = World(), Book()
        self.refused: list[tuple[str, str]] = []
        self.app = desk.build(self.world.desk())
        deps = AlertDeps(
            accounts=accounts,
            intake=self.world.intake,
            reservations=self.world.reservations,
            receipt_state=self.world.receipt_state,
            book=self.book,
            clock=self.world.clock,
            ids=self.world.ids,
            refused=lambda account, reason: self.refused.append((account, reason)),
        )
        AlertChannel(deps).add_routes(self.app)
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [dict(draft.meta["alert"]) for draft in self.world.intake.drafts]

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Alarms"]:
        async with TestClient(TestServer(self.app)) as client:
            self._client = client
            yield self

    async def post(self, path: str, body: Any, *, authorization: str | None = f"Bearer {TOKEN}") -> ClientResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        return await self.client.post(f"/hooks/alerts/{path}", data=data, headers=headers)
