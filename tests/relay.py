"""A mail relay for the tests: a real SMTP server that keeps what it took, and answers as it is told."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from gateway.sockets import bind

ACCEPTED = "250 taken"


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail and its envelope. ``returns_to`` is the empty string for the null return path."""

    returns_to: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class Relay:
    """``answer``: to DATA; ``recipient``: to RCPT of an address. Both may be changed while it runs."""

    taken: list[Taken] = field(default_factory=list)
    answer: Callable[[Taken], str] = lambda _mail: ACCEPTED
    recipient: Callable[[str], str | None] = lambda _address: None
    users: dict[str, str] = field(default_factory=dict)
    logins: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        refusal = self.recipient(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        returns_to = "" if envelope.mail_from in (None, "<>") else envelope.mail_from
        mail = Taken(returns_to, tuple(envelope.rcpt_tos), raw)
        word = self.answer(mail)
        if word.startswith("2"):
            with self._lock:
                self.taken.append(mail)
        return word

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins += 1
        known = isinstance(data, LoginPassword) and self.users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=known, handled=known)

    def to(self, address: str) -> list[Taken]:
        """What was taken for an address, in order."""
        with self._lock:
            return [mail for mail in self.taken if address in mail.to]


@contextlib.contextmanager
def relay(
    *, tls: ssl.SSLContext | None = None, starttls: bool = False, users: dict[str, str] | None = None, port: int = 0
) -> Iterator[Relay]:
    """Listens on ``port`` (a free one, if it is 0) until it is left."""
    kept = Relay(users=users or {})
    with contextlib.closing(bind("relay", f"127.0.0.1:{port}")) as free:
        kept.port = free.getsockname()[1]
    options: dict[str, Any] = {"data_size_limit": 64 * 1024 * 1024}
    if users:
        options |= {"authenticator": kept.authenticate, "auth_require_tls": False, "auth_required": True}
    if starttls:
        options["tls_context"] = tls
    server = Controller(
        kept, hostname="127.0.0.1", port=kept.port, ssl_context=None if starttls else tls, ready_timeout=10, **options
    )
    server.start()
    try:
        yield kept
    finally:
        server.stop(no_assert=True)
