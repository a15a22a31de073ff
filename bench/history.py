"""A store with a past: seeded mails decided by the sample policy, a chosen number of them, without the bus."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.corpus import generate
from config.loader import SAMPLE, compile_policy, load_folder
from domain.message import Envelope, Message
from domain.policy import Policy
from gateway.policies import apply
from gateway.system import UlidIds
from normalizer.pipeline import normalize
from router.service import Router
from store import Database

BATCH = 200
AGENTS = 12


@dataclass
class _Moving:
    """A clock that goes on with the messages."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class _Fixed:
    current: Policy


def messages(count: int, *, seed: int = 1) -> Sequence[Message]:
    """Plain mails of the corpus, normalised, a minute apart up to now."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=count)
    found = []
    for number, mail in enumerate(generate(count, seed=seed, text_only=True)):
        envelope = Envelope(
            id=f"BENCH{seed}{number:019}",
            channel="email",
            account="support",
            adapter="smtp",
            received_at=start + timedelta(minutes=number),
            media_type="message/rfc822",
            size=len(mail.raw),
            sha256="0" * 64,  # type: ignore[arg-type]
            raw=mail.raw,
            meta={"mail_from": mail.sender, "rcpt_tos": ["support@example.org"]},
        )
        found.append(normalize(envelope, mail.raw).message)
    return found


async def fill(url: str, count: int, *, policy: Path = SAMPLE, seed: int = 1) -> int:
    """Makes the store and decides the mails in it; returns how many were decided."""
    clock = _Moving(datetime.now(UTC))
    ids = UlidIds()
    database = Database(url, ids=ids, clock=clock)
    documents = load_folder(policy)
    try:
        await database.upgrade()
        number = await apply(database, None, documents, author="bench", comment="", clock=clock)
        compiled = compile_policy(documents, number)
        for agent in range(AGENTS):
            line = sorted(compiled.lines)[agent % len(compiled.lines)]
            await database.accounts.add_agent(
                email=f"agent{agent}@example.org", name=f"Agent {agent}", lines=[line], admin=False
            )
        router = Router(database.store, _Fixed(compiled), clock, ids, b"0" * 32)
        sources = messages(count, seed=seed)
        done = 0
        for at in range(0, count, BATCH):
            batch = sources[at : at + BATCH]
            clock.at = batch[-1].received_at
            done += len((await router.route(batch)).effects)
        return done
    finally:
        await database.close()
