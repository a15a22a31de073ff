"""SMTP and LMTP on aiosmtpd: takes mail for our own recipients, and says 250 only once it is durable.

Arrives: RFC 5321 (and RFC 2033) dialogues, with STARTTLS (RFC 3207), SIZE (RFC 1870), 8BITMIME (RFC 6152) and SMTPUTF8
(RFC 6531). Leaves: a ``Draft`` with the untouched bytes for intake. Called by gateway.wiring, which opens the sockets.

Failure policy, in the protocol's own terms (enhanced codes: RFC 3463):
- a recipient that is not ours, a source route, a percent-hack: 550 5.1.1 / 5.7.1; nothing is ever relayed;
- over the size limit: 552 5.3.4;
- too many connections or mails: 421 4.7.0 / 452 4.3.1, try again later;
- bus and spool away, any internal fault: 451 4.3.0, without a word of its text;
- told to stop: what is in DATA is finished, everybody else hears 421 4.3.2.
"""

import asyncio
import contextlib
import functools
import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels.support import SlidingWindow
from domain.errors import Fault, Permanent, Temporary
from domain.ports import Clock, Draft, Intake, PolicySource

_MAX_RECIPIENTS = 100
_LOCAL_PART = re.compile(r"^[^\x00-\x20\x7f@%!:,;<>()\[\]\\\"]{1,64}$")
_MAX_ADDRESS = 254
_LONGEST_LINE = 262_144
"""RFC 5322 allows 998 octets; programs that write HTML in one line are many, and their mail is wanted."""

_BUSY = "421 4.7.0 Too many connections, try again later"
_SLOW_DOWN = "452 4.3.1 Too many messages, try again later"
_FAULT = "451 4.3.0 Temporary failure, try again later"
_STOPPING = "421 4.3.2 Service is shutting down"


class Log(Protocol):
    """The structured logger's part that is used here."""

    def info(self, event: str, **detail: Any) -> Any: ...
    def warning(self, event: str, **detail: Any) -> Any: ...
    def error(self, event: str, **detail: Any) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """``timeout``: seconds of silence. Rates are mails a minute from one address."""

    hostname: str = "localhost"
    tls: ssl.SSLContext | None = None
    max_size: int = 26_214_400
    connections: int = 500
    connections_per_peer: int = 50
    rate_per_peer: int = 6_000
    timeout: float = 300.0


@dataclass(slots=True)
class Doorkeeper:
    """Counts who is inside. ``stopping`` closes the door to new transactions."""

    settings: SmtpSettings
    rate: SlidingWindow
    clock: Clock
    peers: Counter[str] = field(default_factory=Counter)
    in_data: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set["_Admitted"] = field(default_factory=set)
    stopping: bool = False

    def admit(self, peer: str) -> bool:
        total = sum(self.peers.values())
        if total >= self.settings.connections or self.peers[peer] >= self.settings.connections_per_peer:
            return False
        self.peers[peer] += 1
        return True

    def slow(self, peer: str) -> bool:
        """Whether this peer has sent more than its share of mails in the last minute."""
        return self.rate.wait(peer, self.clock.now()) > 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """While a mail is between the DATA command and its answer."""
        self.in_data += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.in_data -= 1
            if not self.in_data:
                self.idle.set()

    def leave(self, peer: str) -> None:
        self.peers[peer] -= 1
        if self.peers[peer] <= 0:
            del self.peers[peer]


def refusal(address: str, domains: frozenset[str], addresses: frozenset[str]) -> str | None:
    """Why mail for ``address`` is not taken (an SMTP reply), or None if it is ours.

    Quoted local parts, source routes (``@a:b@c``), percent and bang hacks are never ours. A plus-tag is ours where the
    address without it is."""
    local, at, domain = address.rpartition("@")
    if not at or len(address.encode()) > _MAX_ADDRESS or not _LOCAL_PART.match(local):
        if local.lower() == "" and address.lower() == "postmaster":
            return None  # RFC 5321, 4.5.1
        return "550 5.1.3 This address cannot be delivered to"
    domain = domain.lower().rstrip(".")
    plain = f"{local.partition('+')[0]}@{domain}".lower()
    if domain in domains or plain in addresses or f"{local}@{domain}".lower() in addresses:
        return None
    return "550 5.7.1 Not one of our addresses; relaying is denied"


class Handler:
    """aiosmtpd's hooks. One for all connections."""

    def __init__(
        self,
        intake: Intake,
        policy: PolicySource,
        door: Doorkeeper,
        log: Log,
        adapter: str,
        account: str,
        refused: Callable[[str], None],
    ) -> None:
        self._intake = intake
        self._policy = policy
        self._door = door
        self._log = log
        self._adapter = adapter
        self._account = account
        self._refused = refused

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """AUTH is not offered: mail is taken for our own recipients only, from anybody."""
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        if self._door.stopping:
            return _STOPPING
        if self._door.slow(_peer(session)):
            self._refused("rate")
            return _SLOW_DOWN
        envelope.mail_from = address  # "<>" for the null sender: aiosmtpd takes an empty one for none at all
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        mail = self._policy.current.mail
        refused = refusal(address, mail.domains, mail.addresses)
        if refused is not None:
            self._refused("recipient")
            self._log.info("smtp.recipient_refused", code=refused[:9])
            return refused
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients, send the rest in another transaction"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """LMTP answers once for each recipient; all share one effect, and so one answer."""
        answer = await self._store(session, envelope)
        return "\r\n".join([answer] * len(envelope.rcpt_tos)) if self._adapter == "lmtp" else answer

    async def _store(self, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        meta = {
            "mail_from": "" if envelope.mail_from == "<>" else envelope.mail_from or "",
            "rcpt_tos": [str(r) for r in envelope.rcpt_tos],
            "peer": _peer(session),
            "helo": session.host_name or "",
            "tls": session.ssl is not None,
        }
        draft = Draft(
            channel="email",
            account=self._account,
            adapter=self._adapter,
            media_type="message/rfc822",
            raw=content,
            meta=meta,
        )
        try:
            envelope_id = await self._intake.accept(draft)
        except Permanent as fault:
            self._refused("size")
            self._log.warning("smtp.refused", reason=fault.reason)
            return f"552 5.3.4 {fault.public}"
        except Temporary as fault:
            self._refused("unavailable")
            self._log.warning("smtp.postponed", reason=fault.reason)
            return _FAULT
        return f"250 2.0.0 Accepted as {envelope_id}"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong inside is ours to read in the log, and the peer's to try again."""
        reason = error.reason if isinstance(error, Fault) else type(error).__name__
        self._log.error("smtp.failed", error=type(error).__name__, reason=reason)
        return _FAULT


def _peer(session: Session) -> str:
    peer = session.peer
    return str(peer[0]) if isinstance(peer, tuple) else "local"


class _Admitted:
    """What SMTP and LMTP connections share: the doorkeeper at both ends of their life."""

    door: Doorkeeper
    in_data = False
    _inside: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peername = transport.get_extra_info("peername")
        peer = str(peername[0]) if isinstance(peername, tuple) else "local"
        starting_tls = self._inside is not None
        if not starting_tls:
            answer = _STOPPING if self.door.stopping else None if self.door.admit(peer) else _BUSY
            if answer is not None:
                transport.write(answer.encode() + b"\r\n")  # type: ignore[attr-defined]
                transport.close()
                return
            self._inside = peer
            self.door.connections.add(self)
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        if self._inside is not None:
            self.door.leave(self._inside)
            self.door.connections.discard(self)
            self._inside = None
            super().connection_lost(error)  # type: ignore[misc]

    @functools.wraps(SMTP.smtp_DATA)
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        self.in_data = True
        try:
            with self.door.transaction():
                await super().smtp_DATA(arg)  # type: ignore[misc]
        finally:
            self.in_data = False
        if self.door.stopping:
            self.dismiss()

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        await self.push("502 5.5.1 AUTH is not offered here")  # type: ignore[attr-defined]

    def dismiss(self) -> None:
        """The last word to a peer while we stop."""
        transport: asyncio.Transport | None = self.transport  # type: ignore[attr-defined]
        if transport is not None:
            transport.write(_STOPPING.encode() + b"\r\n")
            transport.close()


class _Smtp(_Admitted, SMTP):
    line_length_limit = _LONGEST_LINE


class _Lmtp(_Admitted, LMTP):
    line_length_limit = _LONGEST_LINE


def protocol_factory(
    handler: Handler, door: Doorkeeper, settings: SmtpSettings, *, lmtp: bool
) -> Callable[[], asyncio.Protocol]:
    """For ``loop.create_server``: a protocol a connection."""
    kind: type[_Smtp] | type[_Lmtp] = _Lmtp if lmtp else _Smtp
    options: Mapping[str, Any] = {
        "hostname": settings.hostname,
        "ident": "Priyom",
        "data_size_limit": settings.max_size,
        "enable_SMTPUTF8": True,
        "decode_data": False,
        "tls_context": settings.tls,
        "timeout": settings.timeout,
    }

    def make() -> asyncio.Protocol:
        protocol = kind(handler, **options)
        protocol.door = door
        return cast("asyncio.Protocol", protocol)

    return make


class SmtpServer:
    """One listener. ``serve`` takes an open socket; ``stop`` lets what is in DATA finish within the grace time, and
    tells everybody else, and whoever needs longer, to come again."""

    def __init__(
        self,
        settings: SmtpSettings,
        intake: Intake,
        policy: PolicySource,
        log: Log,
        clock: Clock,
        *,
        lmtp: bool = False,
        refused: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._settings = settings
        self._door = Doorkeeper(settings, SlidingWindow(settings.rate_per_peer, timedelta(minutes=1)), clock)
        adapter = "lmtp" if lmtp else "smtp"
        self._handler = Handler(intake, policy, self._door, log, adapter, adapter, refused)
        self._lmtp = lmtp
        self._server: asyncio.Server | None = None

    async def serve(self, listening: Any) -> None:
        factory = protocol_factory(self._handler, self._door, self._settings, lmtp=self._lmtp)
        self._server = await asyncio.get_running_loop().create_server(factory, sock=listening, backlog=512)

    async def stop(self, grace: float) -> None:
        self._door.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._door.connections):
            if not connection.in_data:
                connection.dismiss()
        if self._door.in_data:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._door.idle.wait()
        for connection in list(self._door.connections):
            connection.dismiss()
