"""A connection for aioimaplib: TLS from the start, STARTTLS (RFC 3501, 6.2.1) or none, and what the library leaves out.

The library has the command STARTTLS and no way to do it; it handles an answer's lines by recursion, so that a flood of
them overflows; a fault in what the server says ends in asyncio's log with the pending command, the password in it; and
a lost connection wakes nobody. Called by ``channels.imap.session``.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from aioimaplib import aioimaplib

from channels.imap import wire
from channels.imap.account import ImapAccount

PATIENCE = 30.0
"""Seconds without a word until a server that has work to do counts as away."""
QUICK = 10.0
"""The same for what costs it nothing: connecting, and showing that it is there."""
_PIECE = 4096
"""Bytes handled at once: the shortest lines then stay far below the depth at which recursion ends."""
_LONGEST_GREETING = 8192

GARBLED = "the server says what no IMAP server says"
LOST = "the connection was lost"
_FAULTS = (aioimaplib.AioImapException, LookupError, ValueError, AttributeError, RecursionError)
"""What the library's parser raises on answers that it did not expect."""


class UpgradeRefused(Exception):
    """The server does not begin TLS. What it says is not in it: nobody vouches for it yet."""


class Connection(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]
    """The library's protocol. ``lost`` is set when the connection is of no use any more, ``why`` then says why;
    ``news`` when the server tells of mails that are there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.incomplete_line: bytes = b""
        self.current_command: Any = None
        self.lost = asyncio.Event()
        self.news = asyncio.Event()
        self.why = LOST

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            if self.lost.is_set():
                return
            try:
                self._handle_responses(
                    self.incomplete_line + data[start : start + _PIECE], self._handle_line, self.current_command
                )
                self.incomplete_line, self.current_command = b"", None
            except aioimaplib.IncompleteRead as unfinished:
                self.current_command, self.incomplete_line = unfinished.cmd, unfinished.data
            except _FAULTS:
                self.give_up(GARBLED)

    def _untagged_response(self, line: bytes) -> Any:
        if line.upper().endswith(b" EXISTS"):
            self.news.set()
        return super()._untagged_response(line)

    async def welcome(self, command: bytes) -> None:
        try:
            await super().welcome(command)
        except _FAULTS:
            away = f"the server turns us away: {wire.printable(command)}"
            self.give_up(GARBLED if command.startswith(b"* OK") else away)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def give_up(self, why: str) -> None:
        """Nothing that follows on this connection can be trusted."""
        self.why = why
        self.lost.set()
        if self.transport is not None:
            self.transport.abort()


class Client(aioimaplib.IMAP4):  # type: ignore[misc]
    """The library's client on such a connection."""

    def __init__(self, account: ImapAccount, context: ssl.SSLContext | None) -> None:
        self._account = account
        self.connection = Connection(asyncio.get_running_loop())
        super().__init__(account.host, account.port, timeout=PATIENCE, ssl_context=context)

    def create_client(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop | None,
        conn_lost_cb: Callable[[Exception | None], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.protocol = self.connection
        self._client_task = asyncio.get_running_loop().create_task(self._connect(host, port, ssl_context))

    async def _connect(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        if self._account.security != "starttls":
            await loop.create_connection(lambda: self.connection, host, port, ssl=context)
            return
        upgraded = await asyncio.to_thread(_upgradable, host, port)
        try:
            await loop.create_connection(lambda: self.connection, sock=upgraded, ssl=context, server_hostname=host)
        except BaseException:
            upgraded.close()
            raise
        await self.connection.welcome(
            b"* OK"
        )  # after STARTTLS a server greets nobody again; capabilities are asked anew

    def drop(self) -> None:
        """Closes without a word; nothing is left running."""
        if self.connection.transport is not None:
            self.connection.transport.abort()
        for task in (self._client_task, *self.tasks, *self.connection.tasks):
            task.cancel()


def _upgradable(host: str, port: int) -> socket.socket:
    """A connection on which the server has agreed to begin TLS. Raises ``UpgradeRefused``."""
    plain = socket.create_connection((host, port), timeout=QUICK)
    with contextlib.ExitStack() as stack:
        stack.callback(plain.close)
        if not _line(plain).upper().startswith(b"* OK"):
            raise UpgradeRefused
        plain.sendall(b"a1 STARTTLS\r\n")
        answer = _line(plain)
        while answer.startswith(b"* "):
            answer = _line(plain)
        if not answer.upper().startswith(b"A1 OK"):
            raise UpgradeRefused
        stack.pop_all()
    plain.setblocking(False)
    return plain


def _line(plain: socket.socket) -> bytes:
    """Byte by byte: what came behind the line would be taken for the server's words under TLS."""
    read = bytearray()
    while not read.endswith(b"\n"):
        byte = plain.recv(1)
        if not byte or len(read) > _LONGEST_GREETING:
            raise UpgradeRefused
        read += byte
    return bytes(read)


def context_of(account: ImapAccount) -> ssl.SSLContext | None:
    """Reads certificates from the disk. Raises ``OSError`` (``ssl.SSLError`` is one) for a ``ca_file`` of no use."""
    return None if account.security == "none" else ssl.create_default_context(cafile=account.ca_file)
