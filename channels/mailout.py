"""Mail out: a parcel is handed to the relay that the operator names (RFC 5321, 3207, 4954).

Arrives: ``domain.outgoing.Parcel`` from ``gateway.outbound``. Leaves: the mail, with a Message-ID that stays the same
over all attempts. A letter that nobody wrote has the null return path; any other comes back, if it does, to the
ticket's own address.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from typing import Literal

import aiosmtplib
from aiolimiter import AsyncLimiter

from channels.health import Health
from channels.mailbody import compose, message_id, plus_addressed
from domain.errors import Permanent, Temporary, Uncertain
from domain.outgoing import Parcel, Sent

Security = Literal["tls", "starttls", "none"]
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,255}")
_PORTS: Mapping[Security, int] = {"tls": 465, "starttls": 587, "none": 25}
_GONE = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
"""Enhanced codes (RFC 3463) that say that nobody is there: nothing else that is sent to this address arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAccount:
    """A relay that takes our mail, and the address that we send from. ``port``: by ``security``, if it is not said.
    ``tagged``: answers come to ``local+token@domain``; only where the mailbox takes plus-addresses. ``quote``: the
    requester's last words stand below an answer. ``id_domain``: the right side of our Message-IDs; the address's, if it
    is not said. ``per_minute``: mails at most. ``keep_address``: a request that came to another address of ours is
    answered from that one."""

    host: str
    address: str
    name: str = ""
    port: int | None = None
    security: Security = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    tagged: bool = True
    quote: bool = False
    keep_address: bool = True
    id_domain: str = ""
    helo: str = ""
    timeout: float = 30.0
    per_minute: int = 300

    def __post_init__(self) -> None:
        if self.address.count("@") != 1 or not all(self.address.split("@")):
            raise ValueError(f"address: {self.address!r} is not a mail address")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password go together")

    @property
    def domain(self) -> str:
        return self.id_domain or self.address.rpartition("@")[2]


class MailSender:
    """``domain.ports.Sender`` for one account: one mail after the other, over one connection as long as it lasts."""

    repeatable = True

    def __init__(self, account: MailAccount, health: Health) -> None:
        self._account = account
        self._health = health
        self._context = _context(account)
        self._client: aiosmtplib.SMTP | None = None
        self._turn = asyncio.Lock()
        self._limit = AsyncLimiter(account.per_minute, 60)

    async def send(self, parcel: Parcel) -> Sent:
        """See ``domain.ports.Sender.send``."""
        account = self._account
        sender = self._from(parcel)
        if not _ADDRESS.fullmatch(parcel.delivery.address):
            raise Permanent("The address is not one that mail can be sent to", reason="it is no mail address")
        try:
            mail = compose(
                parcel,
                sender=sender,
                sender_name=account.name,
                id_domain=account.domain,
                tagged=account.tagged,
                quote=account.quote,
            )
        except (ValueError, IndexError, MessageError) as error:  # an address that no mail may have
            raise Permanent("The address is not one that mail can be sent to", reason=f"{error}"[:300]) from error
        returns_to = "" if parcel.delivery.automatic else self._return_path(parcel, sender)
        async with self._limit, self._turn:
            await self._hand_over(mail, returns_to, parcel.delivery.address)
        self._health.took()
        return Sent(native_id=message_id(parcel, account.domain))

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            try:
                await client.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    def _from(self, parcel: Parcel) -> str:
        """The address that the requester wrote to, where it is one of the account's domain; else the account's own."""
        domain = self._account.address.rpartition("@")[2].lower()
        if self._account.keep_address:
            for one in parcel.delivery.recipients:
                local, _, own = one.rpartition("@")
                if own.lower() == domain:
                    return f"{local.partition('+')[0]}@{own}"
        return self._account.address

    def _return_path(self, parcel: Parcel, sender: str) -> str:
        return plus_addressed(sender, parcel.token) if self._account.tagged else sender

    async def _hand_over(self, mail: EmailMessage, returns_to: str, to: str) -> None:
        handed = False
        try:
            client = await self._connected()
            await client.mail(returns_to)
            await client.rcpt(to)
            handed = True
            await client.data(mail.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            await self._after(error)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            self._drop()
            why = f"{type(error).__name__}: {error}"[:300]
            await self._health.failing(why)
            if handed:
                raise Uncertain("The relay was lost while it took the mail", reason=why) from error
            raise Temporary("The relay cannot be reached", reason=why) from error
        else:
            await self._health.connected()

    async def _connected(self) -> aiosmtplib.SMTP:
        """The connection of before, if it still answers, or a new one."""
        if self._client is not None and self._client.is_connected:
            try:
                await self._client.rset(timeout=5)
            except (aiosmtplib.SMTPException, OSError):
                self._drop()
            else:
                return self._client
        account = self._account
        client = aiosmtplib.SMTP(
            hostname=account.host,
            port=account.port or _PORTS[account.security],
            username=account.username or None,
            password=account.password or None,
            local_hostname=account.helo or None,
            timeout=account.timeout,
            use_tls=account.security == "tls",
            start_tls=account.security == "starttls",
            tls_context=self._context if account.security != "none" else None,
        )
        await client.connect()
        self._client = client
        return client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _after(self, error: aiosmtplib.SMTPResponseException) -> None:
        """What the relay refused: for good, for now, or everything we send."""
        said = f"{error.code} {error.message}"[:300]
        if isinstance(error, (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPHeloError)):
            self._drop()
            await self._health.failing(said)
            raise Temporary("The relay refuses us", reason=said) from error
        await self._health.connected()
        if error.code == 421:
            self._drop()
        if 400 <= error.code < 500:
            raise Temporary("The relay does not take it now", reason=said) from error
        unreachable = any(str(error.message).startswith(code) for code in _GONE)
        raise Permanent("The relay refused the mail", reason=said, unreachable=unreachable) from error


def _context(account: MailAccount) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"ca_file: cannot use {account.ca_file}: {error}") from error
