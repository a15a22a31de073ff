"""What the tests of the telephony hook share: a served hook over fakes, signatures worked out anew, and samples."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from channels.ivr.account import IvrAccount
from channels.ivr.http import IvrChannel, IvrDeps
from desk import app as desk
from domain.accounts import AccountState
from tests.fakes_desk import World
from tests.fakes_desk_data import NOON

Client = TestClient[web.Request, web.Application]
SAMPLES = Path(__file__).parents[1] / "samples" / "ivr"
SECRET = "correct horse battery"
NOW = str(int(NOON.timestamp()))


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


class Book:
    """Takes down what is told of accounts."""

    def __init__(self) -> None:
        self.told: list[AccountState] = []

    async def tell(self, state: AccountState) -> None:
        self.told.append(state)

    async def states(self) -> Sequence[AccountState]:
        return self.told


class Hook:
    """The hook behind the desk's own layers, as it stands in the web role."""

    def __init__(self, **accounts: IvrAccount) -> None:
        self.world, self.book = World(), Book()
        self.refused: list[tuple[str, str]] = []
        self.app = desk.build(self.world.desk())
        deps = IvrDeps(
            accounts=accounts,
            intake=self.world.intake,
            reservations=self.world.reservations,
            receipt_state=self.world.receipt_state,
            book=self.book,
            clock=self.world.clock,
            ids=self.world.ids,
            refused=lambda account, reason: self.refused.append((account, reason)),
        )
        IvrChannel(deps).add_routes(self.app)
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @property
    def events(self) -> list[dict[str, Any]]:
        return [dict(draft.meta["event"]) for draft in self.world.intake.drafts]

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Hook"]:
        async with TestClient(TestServer(self.app)) as client:
            self._client = client
            yield self

    async def post(self, path: str, body: bytes, **headers: str) -> ClientResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(f"/hooks/ivr/{path}", data=body, headers=sent)

    async def canonical(self, body: bytes, *, stamp: str = NOW, path: str = "pbx") -> ClientResponse:
        return await self.post(path, body, **stamped(body, stamp), Content_Type="application/json")

    async def twilio(self, body: bytes, *, path: str = "line", url: str | None = None) -> ClientResponse:
        signature = twilio_signature(url or str(self.client.make_url(f"/hooks/ivr/{path}")), form_pairs(body))
        return await self.post(path, body, X_Twilio_Signature=signature, Content_Type=FORM)

    async def mango(self, text: bytes, path: str = "office/events/call") -> ClientResponse:
        return await self.post(path, mango_form(text), Content_Type=FORM)


FORM = "application/x-www-form-urlencoded"


def stamped(body: bytes, stamp: str = NOW, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
    return {"X_Intake_Timestamp": stamp, "X_Intake_Signature": digest}


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True)


def twilio_signature(url: str, pairs: list[tuple[str, str]], secret: str = SECRET) -> str:
    """Written from the vendor's description: each name once for each different value, in order."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()


def mango_form(text: bytes, *, key: str = "the-vpbx-key", salt: str = SECRET) -> bytes:
    sign = hashlib.sha256(key.encode() + text + salt.encode()).hexdigest()
    return f"vpbx_api_key={key}&sign={sign}&json={quote_plus(text)}".encode()


async def problem(answer: ClientResponse) -> tuple[int, list[str]]:
    """Status and the fields at fault of a problem document."""
    assert answer.content_type == "application/problem+json", await answer.text()
    document = await answer.json()
    assert document["status"] == answer.status
    assert set(document) <= {"type", "title", "status", "detail", "errors"}
    return answer.status, [error["field"] for error in document.get("errors", ())]
