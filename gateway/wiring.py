"""The composition root: settings in, a process's parts out. Constructors open nothing; ``House.open`` does.

A role is an object with ``run(stop)``; ``gateway.roles`` runs one or several of them in a process.
"""

import asyncio
import contextlib
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from channels.alerts.account import AlertAccount
from channels.alerts.sender import AlertSender
from channels.health import Health
from channels.imap import ImapAccount
from channels.ivr.account import IvrAccount
from channels.mailout import MailAccount, MailSender
from channels.receiving import Receiver, Receiving
from channels.smtp import SmtpSettings
from channels.telegram import TelegramAccount, TelegramDeps, TelegramSender
from domain.errors import Permanent
from domain.outgoing import Outlet
from domain.ports import Sender
from domain.views import Receipt
from gateway import accounts, logs, metrics
from gateway.accounts import Channel
from gateway.bus import Bus
from gateway.intake import BusIntake
from gateway.lookup import Lookup
from gateway.policies import Policies
from gateway.relay import Relay
from gateway.releases import BusReleases
from gateway.requests import Requests
from gateway.settings import Settings
from gateway.spool import Spool
from gateway.system import SystemClock, UlidIds
from gateway.topology import INTAKE
from router.actions import TicketActions
from store import Database
from store.blobs import FileBlobs

log = logs.get()


CHANNELS: Mapping[str, Channel] = {
    "alerts": Channel(
        channel="alert", settings=AlertAccount, sender=AlertSender, sends=lambda account: bool(account.annotates)
    ),
    "ivr": Channel(channel="ivr", settings=IvrAccount),
    "imap": Channel(channel="email", settings=ImapAccount),
    "mail": Channel(channel="email", settings=MailAccount, sender=MailSender),
    "telegram": Channel(channel="telegram", settings=TelegramAccount, sender=TelegramSender),
}
"""Channels whose accounts stand in the settings, by their section there."""


@dataclass(slots=True, kw_only=True)
class House:
    """What every role may need."""

    settings: Settings
    clock: SystemClock
    ids: UlidIds
    bus: Bus
    database: Database
    blobs: FileBlobs
    policies: Policies
    relay: Relay
    secret: bytes

    def intake(self, spool: Spool | None) -> BusIntake:
        return BusIntake(self.bus, self.blobs, self.clock, self.ids, spool=spool)

    def spool(self, adapter: str) -> Spool | None:
        """An adapter's own spool, where there is a folder that survives the process."""
        folder = spool_folder(self.settings)
        return Spool(folder / adapter, limit_bytes=self.settings.spool_limit) if folder is not None else None

    @property
    def requests(self) -> Requests:
        """What people may do with their own requests. Who settles one is sent no letter about it."""
        actions = TicketActions(self.database.store, self.policies, self.clock, self.ids)
        releases = BusReleases(self.database, self.bus, self.blobs, self.clock, self.ids)
        return Requests(self.database, actions, releases, self.policies, self.clock, self.ids, self.outlet)

    @property
    def outlet(self) -> Outlet:
        """What this installation can send on."""
        able = {
            line.channel
            for name, line in CHANNELS.items()
            if line.sender is not None and any(map(line.sends, self._accounts(name, line).values()))
        }
        return Outlet(channels=frozenset(able), base_url=(self.settings.base_url or "").rstrip("/"))

    def _accounts(self, adapter: str, line: Channel) -> Mapping[str, Any]:
        return accounts.accounts_of(self.settings.channels, adapter, line.settings)

    def telegram(self, intake: BusIntake) -> TelegramDeps:
        """What every bot works with."""
        return TelegramDeps(
            intake=intake,
            blobs=self.blobs,
            bookmarks=self.database.channels,
            requests=self.requests,
            policy=self.policies,
            book=self.database.channels,
            clock=self.clock,
            log=log,
            refused=lambda reason: metrics.REFUSED.labels(channel="telegram", reason=reason).inc(),
        )

    def receivers(self, adapter: str, intake: BusIntake) -> list[Receiver]:
        """What takes in on each account of a channel that brings a receiver."""
        line = CHANNELS[adapter]
        assert line.receiver is not None
        known = self._accounts(adapter, line)
        return [line.receiver(account, self._receiving(adapter, name, line, intake)) for name, account in known.items()]

    def _receiving(self, adapter: str, account: str, line: Channel, intake: BusIntake) -> Receiving:
        def refused(reason: str) -> None:
            metrics.REFUSED.labels(channel=line.channel, reason=reason).inc()

        return Receiving(
            account=account,
            intake=intake,
            blobs=self.blobs,
            bookmarks=self.database.channels,
            requests=self.requests,
            policy=self.policies,
            health=Health(self.database.channels, self.clock, adapter=adapter, account=account, channel=line.channel),
            clock=self.clock,
            ids=self.ids,
            log=log,
            refused=refused,
        )

    def lookup(self) -> Lookup | None:
        """Our own systems, asked about who writes; None where none is named."""
        settings = self.settings
        if settings.lookup_url is None:
            return None
        return Lookup(
            settings.lookup_url,
            token=settings.lookup_token.get_secret_value() if settings.lookup_token else "",
            timeout=settings.lookup_timeout,
            keep=timedelta(seconds=settings.lookup_keep),
            clock=self.clock,
            private=settings.lookup_private,
        )

    def senders(self) -> dict[str, dict[str, Sender]]:
        """Channel -> account -> its way out."""
        found: dict[str, dict[str, Sender]] = {}
        for adapter, line in CHANNELS.items():
            if line.sender is None:
                continue
            known = self._accounts(adapter, line)
            for name, account in known.items():
                health = Health(self.database.channels, self.clock, adapter=adapter, account=name, channel=line.channel)
                found.setdefault(line.channel, {})[name] = line.sender(account, health)
        return found

    async def receipt(self, envelope_id: str) -> Receipt | None:
        """The ledger's word on an envelope; without one, whether it is under way at all."""
        settled = await self.database.views.receipt(envelope_id)
        if settled is not None:
            return settled
        return Receipt(state="in_flight") if await self._under_way(envelope_id) else None

    async def _under_way(self, envelope_id: str) -> bool:
        folder = spool_folder(self.settings)
        if folder is not None and any(folder.glob(f"*/*.{envelope_id}.*")):
            return True
        last = (await self.bus.stream_state(INTAKE)).last
        async for batch in self.bus.traces(INTAKE, await self.database.books.floor() + 1, last):
            if any(trace.envelope == envelope_id for trace in batch):
                return True
        return False


def spool_folder(settings: Settings) -> Path | None:
    """Embedded: in the data folder. Elsewhere only where an operator names one."""
    return settings.spool_dir or (settings.data_dir / "spool" if settings.embedded else None)


def secret_of(settings: Settings) -> bytes:
    """The configured secret, or the embedded instance's own, made once and kept in the data folder."""
    if settings.secret is not None:
        return hashlib.sha256(settings.secret.get_secret_value().encode()).digest()
    if not settings.embedded:
        raise Permanent("PRIYOM_SECRET: is needed where the bus is not the embedded one: 32 characters and more")
    path = settings.data_dir / "secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def bus_url(settings: Settings) -> str:
    """The configured bus, or the running embedded one's. Raises ``Permanent`` where neither is there."""
    if settings.nats_url is not None:
        return settings.nats_url.get_secret_value()
    path = settings.data_dir / "run" / "nats.url"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        raise Permanent(
            f"{settings.data_dir}: no instance runs here (`priyom up` starts one), and PRIYOM_NATS_URL is not set"
        ) from None


def smtp_settings(settings: Settings, max_size: int) -> SmtpSettings:
    return SmtpSettings(
        max_size=max_size,
        hostname=settings.hostname,
        tls=tls_context(settings),
        connections=settings.smtp_connections,
        connections_per_peer=settings.smtp_connections_per_peer,
        rate_per_peer=settings.smtp_rate_per_peer,
        timeout=settings.smtp_timeout,
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise Permanent("PRIYOM_TLS_CERT and PRIYOM_TLS_KEY go together: one of them is missing")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"PRIYOM_TLS_CERT: cannot use {settings.tls_cert}: {error}") from error
    return context


def build(settings: Settings, *, process: str) -> House:
    accounts.check(settings.channels, CHANNELS)
    clock, ids = SystemClock(), UlidIds()
    bus = Bus(
        bus_url(settings),
        name=f"priyom-{process}",
        replicas=settings.nats_replicas,
        store_limit=settings.rawlog_limit,
    )
    relay = Relay(bus)
    database = Database(settings.database, ids=ids, clock=clock, committed=relay.push)
    return House(
        settings=settings,
        clock=clock,
        ids=ids,
        bus=bus,
        database=database,
        blobs=FileBlobs(settings.blobs),
        policies=Policies(database),
        relay=relay,
        secret=secret_of(settings),
    )


@contextlib.asynccontextmanager
async def opened(house: House, *, patience: float = 30.0) -> AsyncIterator[House]:
    """Bus, blobs, database and policy open; closed in the other order. Raises what stops a start: a database of
    another version, no policy, or a policy that does not compile."""
    await asyncio.to_thread(house.blobs.open)
    try:
        await house.bus.open(patience=patience)
        await house.bus.ensure_topology()
        await house.database.check()
        await house.policies.load()
        yield house
    finally:
        await house.bus.close()
        await house.database.close()
        house.blobs.close()
