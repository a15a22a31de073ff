"""One signed-in connection to a mailbox account: the few commands that a receiver needs, each with an end.

Called by ``channels.imap.receiver``. Every wait ends when the answer is there, when the connection is lost, or when the
server has been silent for too long; then ``SessionFault`` is raised, and the session is of no further use.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any

from aioimaplib import aioimaplib

from channels.imap import wire
from channels.imap.account import ImapAccount
from channels.imap.connection import GARBLED, PATIENCE, QUICK, Client, UpgradeRefused, context_of
from channels.imap.wire import Head, Mailbox
from domain.errors import Fault

PROBE_EVERY = 15.0
"""Seconds of quiet after which the server must show that it is there. With ``QUICK`` a dead connection shows within
25 s, and IDLE is begun anew long before the 29 minutes after which servers end it."""
_LONGEST_FETCH = 600.0
_FAREWELL = 2.0


class SessionFault(Fault):
    """The account cannot be read at present. ``reason`` is for an operator: no password, no user's name."""

    def __init__(self, reason: str) -> None:
        super().__init__("The mailbox cannot be read", reason=reason)


class FolderFault(SessionFault):
    """One of its folders cannot be read."""


class Session:
    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._client: Client | None = None
        self._selected: tuple[str, Mailbox] | None = None
        self._idles = account.idle

    @property
    def news(self) -> asyncio.Event:
        """Set when the server tells that mails are there; cleared by who looks."""
        return self._connected.connection.news

    @property
    def _connected(self) -> Client:
        if self._client is None:
            raise SessionFault("not connected")
        return self._client

    async def open(self) -> None:
        """Connects and signs in."""
        try:
            context = await asyncio.to_thread(context_of, self._account)
        except OSError as error:
            word = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise SessionFault(f"ca_file: cannot use {self._account.ca_file}: {word}") from error
        self._client = Client(self._account, context)
        try:
            async with asyncio.timeout(QUICK):
                await self._ask("connecting", self._client.wait_hello_from_server())
        except OSError as error:
            raise SessionFault(self._unreached(error)) from error
        except UpgradeRefused as error:
            raise SessionFault("the server does not begin TLS (STARTTLS)") from error
        if self._account.security == "none" and self._client.has_capability("LOGINDISABLED"):
            raise SessionFault("the server takes no password without TLS: set security to tls or starttls")
        answer = await self._ask(
            "LOGIN", self._client.login(wire.quoted(self._account.username), self._account.password)
        )
        if answer.result != "OK":
            raise SessionFault(f"the server refuses the login: {self._word(answer)}")
        await self._ask("CAPABILITY", self._client.connection.capability())

    def _unreached(self, error: OSError) -> str:
        where = f"{self._account.host}:{self._account.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"TLS: the certificate of {where} is not trusted: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"TLS with {where} fails: {error.reason}"
        if isinstance(error, TimeoutError):
            return f"{where} does not answer"
        known = not isinstance(error, socket.gaierror) and error.errno is not None and error.errno > 0
        return f"cannot connect to {where}: {os.strerror(error.errno) if known and error.errno else error.strerror}"

    async def select(self, folder: str) -> Mailbox:
        """The folder, opened for reading and marking unless it is open already."""
        if self._selected is not None and self._selected[0] == folder:
            return self._selected[1]
        self._selected = None
        answer = await self._ask("SELECT", self._connected.select(wire.folder_name(folder)))
        if answer.result != "OK":
            raise FolderFault(f"the folder {folder} cannot be opened: {self._word(answer)}")
        found = wire.mailbox(answer.lines)
        if found is None:
            raise FolderFault(f"the server names no UIDVALIDITY of the folder {folder}")
        if not found.writable:
            raise FolderFault(f"the folder {folder} is read-only for this user: nothing could be marked as taken")
        self._selected = (folder, found)
        return found

    async def ensure_folder(self, folder: str) -> None:
        """Makes the folder, where there is none."""
        coded = wire.folder_name(folder)
        answer = await self._ask("STATUS", self._connected.status(coded, "(MESSAGES)"))
        if answer.result == "OK":
            return
        answer = await self._ask("CREATE", self._connected.create(coded))
        if answer.result != "OK":
            raise SessionFault(f"the folder {folder} is not there and cannot be made: {self._word(answer)}")

    async def uids(self, *, above: int, since: date | None = None) -> list[int]:
        """Of the mails in the folder, ascending. ``since``: when the mailbox got them, to the day."""
        criteria = [f"UID {above + 1}:*", *([f"SINCE {wire.search_date(since)}"] if since else [])]
        return [uid for uid in await self._search(criteria) if uid > above]  # n:* names the last mail, however low

    async def there(self, uids: Sequence[int]) -> set[int]:
        return set(await self._search([f"UID {wire.uid_set(uids)}"])) if uids else set()

    async def _search(self, criteria: Sequence[str]) -> list[int]:
        answer = await self._ask("SEARCH", self._connected.uid_search(*criteria, charset=None))
        if answer.result != "OK":
            raise SessionFault(f"the server does not search: {self._word(answer)}")
        return wire.numbers(answer.lines)

    async def heads(self, uids: Sequence[int]) -> dict[int, Head]:
        """What the server does not tell of is left out."""
        return wire.heads(await self._fetch(uids, "(UID INTERNALDATE RFC822.SIZE)")) if uids else {}

    async def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Whole mails, unmarked by it; what the server does not hand out is left out."""
        return wire.bodies(await self._fetch(uids, "(UID BODY.PEEK[])")) if uids else {}

    async def _fetch(self, uids: Sequence[int], wanted: str) -> wire.Lines:
        command = self._connected.uid("fetch", wire.uid_set(uids), wanted)  # its own timer ends a silence within
        answer = await self._ask("FETCH", command, patience=_LONGEST_FETCH)
        lines: wire.Lines = answer.lines
        return lines

    async def flag(self, uids: Sequence[int], flag: str) -> str:
        """Why the server refused; empty where it did not."""
        if not uids:
            return ""
        command = self._connected.uid("store", wire.uid_set(uids), "+FLAGS.SILENT", f"({flag})")
        return self._refusal(await self._ask("STORE", command))

    async def move(self, uids: Sequence[int], folder: str) -> str:
        """MOVE (RFC 6851). A server without it copies and marks as deleted, and removes these alone where it has
        UIDPLUS (RFC 4315): a plain EXPUNGE would remove what others marked."""
        client, chosen, coded = self._connected, wire.uid_set(uids), wire.folder_name(folder)
        if not uids:
            return ""
        if client.has_capability("MOVE"):
            return self._refusal(await self._ask("MOVE", client.uid("move", chosen, coded)))
        refused = self._refusal(await self._ask("COPY", client.uid("copy", chosen, coded)))
        refused = refused or await self.flag(uids, r"\Deleted")
        if refused or not client.has_capability("UIDPLUS"):
            return refused
        return self._refusal(await self._ask("EXPUNGE", client.uid("expunge", chosen)))

    async def rest(self, seconds: float, stop: asyncio.Event, alive: Callable[[], Awaitable[None]]) -> None:
        """Until the server tells of mails, the time is up, or ``stop``; ``alive`` is told whenever the server has shown
        that it is there. Raises when it has gone meanwhile."""
        while seconds > 0 and not stop.is_set() and not self.news.is_set():
            part = min(seconds, PROBE_EVERY)
            seconds -= part
            if self._idles and self._connected.has_capability("IDLE"):
                await self._idle(part, stop)
            else:
                await self._quiet(part, stop)
                if not stop.is_set():
                    await self._ask("NOOP", self._connected.noop(), patience=QUICK)
            await alive()

    async def _idle(self, seconds: float, stop: asyncio.Event) -> None:
        """IDLE (RFC 2177). The answer to DONE shows that the server is there."""
        client = self._connected
        ended = await self._ask("IDLE", self._begin_idle(seconds + PATIENCE), patience=QUICK)
        if ended is None:
            self._idles = False
            return
        await self._quiet(seconds, stop)
        client.idle_done()
        await self._ask("DONE", ended, patience=_FAREWELL if stop.is_set() else QUICK)

    async def _begin_idle(self, seconds: float) -> "asyncio.Future[Any] | None":
        """None for a server that offers IDLE and refuses it: it is asked now and then instead."""
        try:
            ended: asyncio.Future[Any] = await self._connected.idle_start(seconds)
        except aioimaplib.Abort:
            return None
        return ended

    async def _quiet(self, seconds: float, stop: asyncio.Event) -> None:
        connection = self._connected.connection
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, connection.news, connection.lost)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _ask(self, what: str, command: Awaitable[Any], *, patience: float = PATIENCE) -> Any:
        """The answer, whatever it says. No error of the library's is let out: it may quote the command."""
        connection = self._connected.connection
        running, lost = asyncio.ensure_future(command), asyncio.ensure_future(connection.lost.wait())
        try:
            await asyncio.wait({running, lost}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                silent = f"no answer to {what} within {patience:.0f} s"
                raise SessionFault(connection.why if connection.lost.is_set() else silent)
            return running.result()
        except OSError:  # some kinds of it are a ValueError as well
            raise
        except aioimaplib.CommandTimeout:
            raise SessionFault(f"no answer to {what} within {PATIENCE:.0f} s") from None
        except (aioimaplib.AioImapException, LookupError, ValueError, AttributeError):
            raise SessionFault(connection.why if connection.lost.is_set() else f"{GARBLED} ({what})") from None
        finally:
            running.cancel()
            lost.cancel()

    def _refusal(self, answer: Any) -> str:
        return "" if answer.result == "OK" else self._word(answer) or "no reason given"

    def _word(self, answer: Any) -> str:
        """What the server says, without what it might repeat of ours."""
        said = bytes(answer.lines[-1]) if answer.lines else b""
        for secret in (self._account.password, self._account.username):
            said = said.replace(secret.encode(), b"***")
        return wire.printable(said)

    async def leave(self) -> None:
        """Says goodbye, where that is quick."""
        with contextlib.suppress(SessionFault):
            await self._ask("LOGOUT", self._connected.logout(), patience=_FAREWELL)

    def drop(self) -> None:
        if self._client is not None:
            self._client.drop()
