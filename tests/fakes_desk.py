"""In-memory ports for the desk and the form channel. Scope is honoured as the store honours it."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from channels.support import describe
from desk.deps import Desk
from desk.pages.queue import matches, order_key
from domain.accounts import AccountState
from domain.commands import Actor, Command
from domain.decision import Decision
from domain.errors import Conflict, Invalid, NotFound, Unavailable
from domain.identity import IdentityLink
from domain.ids import BlobKey, parse_number
from domain.message import Call, StoredFile
from domain.people import Agent, AgentChange, ApiToken, Keep, Presence, Session
from domain.policy import Policy
from domain.ports import Draft, LiveEvent, Recording
from domain.status import OPEN
from domain.ticket import TicketState
from domain.views import (
    AttachmentView,
    Filter,
    HeldRow,
    LineCount,
    Page,
    QueueRow,
    Receipt,
    Scope,
    Sort,
    TicketView,
)
from store.packs import PACKED_UP_TO
from tests import fakes_desk_data as data

SECRET = b"a secret of the tests, long enough to sign with"


@dataclass
class FakeClock:
    moment: datetime = data.NOON

    def now(self) -> datetime:
        return self.moment

    def pass_(self, **span: float) -> None:
        self.moment += timedelta(**span)


class FakeIds:
    def __init__(self) -> None:
        self._count = itertools.count(1)

    def new(self) -> str:
        return f"{next(self._count):026d}"


class FakeBlobs:
    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.away = False
        self._packs = itertools.count()

    async def put(self, content: bytes) -> BlobKey:
        if self.away:
            raise Unavailable("blobs")
        key = BlobKey(hashlib.sha256(content).hexdigest())
        self.contents[key] = content
        return key

    async def put_many(self, contents: Mapping[BlobKey, bytes]) -> None:
        self.contents.update(contents)

    async def pack(self, contents: Mapping[BlobKey, bytes]) -> Mapping[BlobKey, BlobKey]:
        pack = f"pack-{next(self._packs):032x}-0"
        keys = {
            key: BlobKey(f"{pack}-{len(content)}-{key}") if len(content) <= PACKED_UP_TO else key
            for key, content in contents.items()
        }
        self.contents.update({keys[key]: content for key, content in contents.items()})
        return keys

    async def get(self, key: BlobKey) -> bytes:
        if key not in self.contents:
            raise NotFound("There is no such content")
        return self.contents[key]

    async def erase(self, key: BlobKey) -> None:
        self.contents.pop(key, None)


def row_of(found: TicketView) -> QueueRow:
    running = [clock for clock in found.clocks if clock.state in ("running", "breached")]
    nearest = min(running, key=lambda clock: clock.due_at, default=None)
    first = found.messages[0]
    return QueueRow(
        number=found.number, subject=found.subject, status=found.status, priority=found.priority, channel=found.channel,
        requester_name=found.requester.name, requester_address=found.requester.identities[0].address,
        organization=found.requester.organization, plan=found.requester.plan, catalog=found.catalog, kind=found.kind,
        line=found.line, group=found.group, assignee=found.assignee, assignee_name=found.assignee_name,
        created_at=found.created_at, updated_at=found.updated_at, due_at=nearest.due_at if nearest else None,
        due_target=nearest.target if nearest else None, preview=first.text.split("\n")[0], flags=found.flags,
        attachments=len(first.attachments),
    )  # fmt: skip


RECORDED = Call(keys=("asterisk/line/call:1",), event="call", event_id="1", recording_url="https://pbx.example/1.wav")


class FakeViews:
    def __init__(self) -> None:
        self.tickets: dict[int, TicketView] = data.tickets()
        self.held_rows: dict[str, HeldRow] = data.held()
        self.away = False
        self.calls = {"M101": RECORDED}

    def _seen(self, scope: Scope) -> list[QueueRow]:
        if self.away:
            raise Unavailable("database")
        return [row_of(found) for found in self.tickets.values() if scope.sees(found)]

    async def queue(
        self, scope: Scope, wanted: Filter, *, sort: Sort = "urgency", cursor: str | None = None, limit: int = 50
    ) -> Page:
        if cursor is not None and not cursor.isdigit():
            raise Invalid("cursor", "not one of ours")
        found = [row for row in self._seen(scope) if matches(row, wanted) and _has(row, wanted)]
        found.sort(key=lambda row: order_key(row, sort))
        start = int(cursor or 0)
        following = str(start + limit) if start + limit < len(found) else None
        return Page(
            items=tuple(found[start : start + limit]),
            next=following,
            total=min(len(found), 1000),
            capped=len(found) > 1000,
        )

    async def rows(self, scope: Scope, numbers: Sequence[int]) -> Sequence[QueueRow]:
        return [row for row in self._seen(scope) if row.number in numbers]

    async def counts(self, scope: Scope, now: datetime) -> Sequence[LineCount]:
        rows = [row for row in self._seen(scope) if row.status in OPEN]
        return [
            LineCount(
                line=line,
                open=len(mine := [row for row in rows if row.line == line]),
                unassigned=sum(row.assignee is None for row in mine),
                overdue=sum(row.due_at is not None and row.due_at < now for row in mine),
            )
            for line in sorted({row.line for row in rows})
        ]

    async def call(self, scope: Scope, message_id: str) -> tuple[str, Call]:
        for found in self.tickets.values():
            for message in found.messages:
                if message.id == message_id and message_id in self.calls and scope.sees(found):
                    return found.account, self.calls[message_id]
        raise NotFound("No such call")

    async def ticket(self, scope: Scope, number: int) -> TicketView:
        if self.away:
            raise Unavailable("database")
        found = self.tickets.get(number)
        if found is None or not scope.sees(found):
            raise NotFound("There is no such ticket")
        return found

    def _messages(self, scope: Scope) -> list[Any]:
        seen = (found for found in self.tickets.values() if scope.sees(found))
        return [message for found in seen for message in found.messages]

    async def attachment(self, scope: Scope, attachment_id: str) -> AttachmentView:
        every = (item for message in self._messages(scope) for item in message.attachments)
        return _first(item for item in every if item.id == attachment_id)

    async def raw_key(self, scope: Scope, message_id: str) -> BlobKey:
        return BlobKey(_first(m for m in self._messages(scope) if m.id == message_id).raw)

    async def message_html(self, scope: Scope, message_id: str) -> tuple[str, Sequence[AttachmentView]]:
        found = _first(m for m in self._messages(scope) if m.id == message_id and m.html is not None)
        return found.html, found.attachments

    async def held(
        self, scope: Scope, *, outcome: str | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[HeldRow]:
        rows = sorted(self.held_rows.values(), key=lambda row: row.at, reverse=True)
        after = [row for row in rows if outcome in (None, row.outcome)]
        if before:
            after = after[[row.id for row in after].index(before) + 1 :]
        return after[:limit] if scope.lines is None or scope.admin else []

    async def held_one(self, scope: Scope, held_id: str) -> HeldRow:
        if held_id not in self.held_rows or not (scope.lines is None or scope.admin):
            raise NotFound("There is no such message")
        return self.held_rows[held_id]

    async def receipt(self, envelope_id: str) -> Receipt | None:
        return None

    async def ledger(self) -> Sequence[Any]:
        return ()


def _first(found: Any) -> Any:
    for each in found:
        return each
    raise NotFound("There is no such thing")


def _has(row: QueueRow, wanted: Filter) -> bool:
    words = f"{row.subject} {row.preview} {row.requester_name}".lower()
    number = parse_number(wanted.q)
    fits = not wanted.q or wanted.q.lower() in words or row.number == number
    fits = fits and (not wanted.kind or row.kind in wanted.kind)
    fits = fits and (not wanted.catalog or f"{row.catalog}/".startswith(f"{wanted.catalog}/"))
    fits = fits and (wanted.created_from is None or row.created_at >= wanted.created_from)
    return fits and (wanted.created_to is None or row.created_at < wanted.created_to)


class FakeAccounts:
    def __init__(self) -> None:
        self.people: dict[str, Agent] = {agent.id: agent for agent in data.AGENTS}
        self.links: dict[str, str] = {}
        self.sessions: dict[str, Session] = {}
        self.tokens = {
            "token-read": ApiToken(id="t1", name="reports", scope="read"),
            "token-agent": ApiToken(id="t2", name="bot", scope="agent"),
            "token-admin": ApiToken(id="t3", name="admin", scope="admin"),
        }

    def sign_in(self, agent: Agent, now: datetime = data.NOON) -> str:
        secret = f"session-{agent.id}-{len(self.sessions)}"
        session = Session(id=secret, agent=agent, csrf=f"csrf-{secret}", expires_at=now + timedelta(hours=12))
        self.sessions[secret] = session
        return secret

    async def agent(self, agent_id: str) -> Agent | None:
        return self.people.get(agent_id)

    async def change_agent(self, agent_id: str, change: AgentChange) -> Agent:
        agent = self.people[agent_id]
        given = {f.name: getattr(change, f.name) for f in fields(change)}
        kept = {"calendar", "capacity"}
        values = {n: v for n, v in given.items() if (v is not Keep.KEEP if n in kept else v is not None)}
        self.people[agent_id] = replace(agent, **values)
        return self.people[agent_id]

    async def set_presence(self, agent_id: str, presence: Presence, until: datetime | None) -> Agent:
        agent = self.people.get(agent_id)
        if agent is None or not agent.active:
            raise NotFound("There is no such agent")
        self.people[agent_id] = replace(agent, presence=presence, away_until=until)
        return self.people[agent_id]

    async def agents(self) -> Sequence[Agent]:
        return tuple(self.people.values())

    async def agent_by_email(self, email: str) -> Agent | None:
        return next((agent for agent in self.people.values() if agent.email == email), None)

    async def add_agent(self, **_: Any) -> Agent:
        raise Conflict("There is such an agent")

    async def new_link(self, agent_id: str, now: datetime, valid: timedelta) -> str:
        secret = f"link-secret-of-{agent_id}-{len(self.links)}"
        self.links[secret] = agent_id
        return secret

    async def use_link(self, secret: str, now: datetime, valid: timedelta) -> tuple[str, Session] | None:
        agent = self.links.pop(secret, None)
        if agent is None:
            return None
        opened = self.sign_in(self.people[agent], now)
        return opened, self.sessions[opened]

    async def session(self, secret: str, now: datetime) -> Session | None:
        found = self.sessions.get(secret)
        if found is None or found.expires_at <= now:
            return None
        return replace(found, agent=self.people.get(found.agent.id, found.agent))

    async def end_session(self, secret: str) -> None:
        self.sessions.pop(secret, None)

    async def add_token(self, **_: Any) -> str:
        raise Conflict("There is such a token")

    async def token(self, secret: str) -> ApiToken | None:
        return self.tokens.get(secret)


@dataclass
class FakePolicySource:
    current: Policy = field(default_factory=data.policy)


class FakeLive:
    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[LiveEvent]] = set()
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue()
        async with self.changed:
            self.queues.add(queue)
            self.changed.notify_all()
        try:
            yield self._drain(queue)
        finally:
            self.queues.discard(queue)

    async def wait_for(self, count: int) -> None:
        """Until so many listen."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.queues) >= count)

    async def _drain(self, queue: asyncio.Queue[LiveEvent]) -> AsyncIterator[LiveEvent]:
        while True:
            yield await queue.get()

    def tell(self, ticket: int, line: str | None, fact: str = "ticket.created") -> None:
        for queue in self.queues:
            queue.put_nowait(LiveEvent(fact=fact, ticket=ticket, line=line, at=data.NOON))


class FakeIntake:
    def __init__(self, ids: FakeIds) -> None:
        self.drafts: list[Draft] = []
        self.away = False
        self._ids = ids

    async def accept(self, draft: Draft) -> str:
        if self.away:
            raise Unavailable("bus")
        self.drafts.append(draft)
        return draft.id or self._ids.new()


class FakeUploads:
    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}

    async def add(self, file: StoredFile, now: datetime) -> str:
        upload = f"U{len(self.files) + 1}"
        self.files[upload] = file
        return upload

    async def find(self, upload_id: str) -> StoredFile | None:
        return self.files.get(upload_id)


class FakeReservations:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str]] = {}
        self.away = False

    async def reserve(self, key: str, body_hash: str, value: str) -> str:
        if self.away:
            raise Unavailable("bus")
        standing_hash, standing = self.kept.setdefault(key, (body_hash, value))
        if standing_hash != body_hash:
            raise Conflict("The key was used with another body")
        return standing


class FakeReleases:
    def __init__(self, views: FakeViews) -> None:
        self.released: list[tuple[str, str]] = []
        self._views = views

    async def release(self, held_id: str, *, by: str) -> str:
        row = self._views.held_rows[held_id]
        if row.released_at is not None:
            raise Conflict("It has been released already")
        self._views.held_rows[held_id] = replace(row, released_at=data.NOON)
        self.released.append((held_id, by))
        return "RELEASED".rjust(26, "0")


@dataclass
class FakeActions:
    """Takes down what was asked; raises what it is told to."""

    views: FakeViews
    done: list[tuple[int, Command, Actor, int | None]] = field(default_factory=list)
    refusal: Exception | None = None

    async def act(
        self, scope: Scope, number: int, command: Command, actor: Actor, *, version: int | None = None
    ) -> TicketState:
        await self.views.ticket(scope, number)
        if self.refusal is not None:
            raise self.refusal
        self.done.append((number, command, actor, version))
        return None  # type: ignore[return-value]  # the API reads the ticket again


@dataclass
class FakeDeliveries:
    """Takes down what was asked, and answers as it is told."""

    asked: list[tuple[str, int, str]] = field(default_factory=list)
    answer: bool = True

    async def repeat(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        self.asked.append(("repeat", number, delivery))
        return self.answer

    async def called(self, scope: Scope, number: int, delivery: str, now: datetime) -> bool:
        self.asked.append(("called", number, delivery))
        return self.answer


LINK = IdentityLink(id="L1", identity="I102", person="P1", before=None, how="agent", by="token:T1", at=data.NOON)


@dataclass
class FakeIdentities:
    """One link; takes down what was asked. ``fault`` is raised instead."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    fault: Exception | None = None

    def _take(self, *asked: str) -> None:
        self.asked.append(asked)
        if self.fault is not None:
            raise self.fault

    async def invite(self, identity_id: str, now: datetime, valid: timedelta) -> str:
        self._take("invite", identity_id)
        return "secret"

    async def merge(self, scope: Scope, identity_id: str, with_identity: str, by: str, now: datetime) -> IdentityLink:
        self._take("merge", identity_id, with_identity, by)
        return LINK

    async def undo(self, scope: Scope, link_id: str, by: str, now: datetime) -> IdentityLink:
        self._take("undo", link_id, by)
        return LINK

    async def links(self, scope: Scope, identity_id: str) -> Sequence[IdentityLink]:
        self._take("links", identity_id)
        return [LINK]


@dataclass
class FakeChannels:
    told: list[AccountState] = field(default_factory=list)

    async def tell(self, state: AccountState) -> None:
        self.told.append(state)

    async def states(self) -> Sequence[AccountState]:
        return self.told


@dataclass
class FakeRecordings:
    """Three seconds of silence. ``fault`` is raised instead."""

    asked: list[tuple[str, str | None]] = field(default_factory=list)
    fault: Exception | None = None

    @asynccontextmanager
    async def open(self, account: str, call: Call) -> AsyncIterator[Recording]:
        self.asked.append((account, call.recording_url))
        if self.fault is not None:
            raise self.fault

        async def content() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"\0" * 1000

        yield Recording(media_type="audio/wav", size=3000, content=content())


class World:
    """All fakes, and the desk's dependencies over them."""

    def __init__(self) -> None:
        self.clock, self.ids, self.blobs, self.views = FakeClock(), FakeIds(), FakeBlobs(), FakeViews()
        self.accounts, self.policy, self.live = FakeAccounts(), FakePolicySource(), FakeLive()
        self.intake, self.uploads = FakeIntake(self.ids), FakeUploads()
        self.reservations, self.releases = FakeReservations(), FakeReleases(self.views)
        self.actions = FakeActions(self.views)
        self.deliveries = FakeDeliveries()
        self.identities = FakeIdentities()
        self.channels = FakeChannels()
        self.recordings = FakeRecordings()
        self.receipts: dict[str, Receipt] = {}
        for number, found in self.views.tickets.items():
            self.blobs.contents[data.key_of(data.raw_of(number))] = data.raw_of(number)
            for item in found.messages[0].attachments:
                self.blobs.contents.setdefault(item.file.blob, f"отчёт {number}".encode())
        self.blobs.contents[data.key_of(data.PNG)] = data.PNG
        for number in range(1, 6):
            self.blobs.contents[data.key_of(data.raw_of(900 + number))] = data.raw_of(900 + number)

    async def explain(self, scope: Scope, number: int) -> Decision:
        found = (await self.views.ticket(scope, number)).decision
        assert found is not None
        return data.with_tried(found)

    async def receipt_state(self, receipt: str) -> Receipt | None:
        accepted = {draft.id for draft in self.intake.drafts}
        return self.receipts.get(receipt) or (Receipt(state="in_flight") if receipt in accepted else None)

    def desk(self, **changes: Any) -> Desk:
        deps = Desk(
            views=self.views, accounts=self.accounts, blobs=self.blobs, policy=self.policy, live=self.live,
            intake=self.intake, uploads=self.uploads, releases=self.releases, clock=self.clock, ids=self.ids,
            actions=self.actions, deliveries=self.deliveries, identities=self.identities,
            channels=self.channels, recordings=self.recordings, reservations=self.reservations,
            secret=SECRET, explain=self.explain, describe=describe, receipt_state=self.receipt_state, base_url="http://desk.test",
            secure_cookies=False,
        )  # fmt: skip
        return replace(deps, **changes)
