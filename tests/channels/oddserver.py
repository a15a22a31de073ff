"""An IMAP server that misbehaves as it is told: what no real one can be made to do. It has one folder."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

CAPABILITY = "IMAP4rev1 IDLE UIDPLUS MOVE"
Answer = Callable[[str, str], str | None]
"""(tag, words behind it) -> instead of the usual answer; None for the usual one."""


@dataclass
class OddServer:
    mails: Mapping[int, bytes] = field(default_factory=dict)
    capability: str = CAPABILITY
    odd: Answer = lambda _tag, _words: None
    greeting: str = "* OK hello\r\n"
    heard: list[str] = field(default_factory=list)
    flags: dict[int, set[str]] = field(default_factory=dict)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting.encode())
        with contextlib.suppress(OSError):
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                self.heard.append(line)
                tag, _, words = line.partition(" ")
                odd = self.odd(tag, words)
                writer.write((self._usual(tag, words) if odd is None else odd).encode("latin-1"))
                if odd is not None and odd.startswith("* BYE"):
                    break
        writer.close()

    def _usual(self, tag: str, words: str) -> str:
        told = ""
        chosen = [int(n) for found in re.findall(r"(?:FETCH|STORE|UID) ([\d,]+) ?", words) for n in found.split(",")]
        if words.startswith("CAPABILITY"):
            told = f"* CAPABILITY {self.capability}\r\n"
        elif words.startswith("SELECT"):
            told = (
                f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 7] it is\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n"
            )
        elif words.startswith("UID SEARCH"):
            above = re.search(r"UID (\d+):\*", words)
            uids = [uid for uid in self.mails if (uid >= int(above[1]) if above else uid in chosen)]
            told = f"* SEARCH {' '.join(map(str, uids))}\r\n"
        elif words.startswith("UID FETCH"):
            told = "".join(self._fetched(uid, "BODY" in words) for uid in chosen if uid in self.mails)
        elif words.startswith("UID STORE"):
            for uid in chosen:
                self.flags.setdefault(uid, set()).update(words[words.rindex("(") + 1 : -1].split())
        elif words.startswith("IDLE"):
            return "+ idling\r\n"
        elif tag == "DONE":
            idled = next(line for line in reversed(self.heard) if line.endswith(" IDLE"))
            return f"{idled.split()[0]} OK done\r\n"
        return f"{told}{tag} OK done\r\n"

    def _fetched(self, uid: int, whole: bool) -> str:
        raw = self.mails[uid].decode("latin-1")
        if whole:
            return f"* {uid} FETCH (BODY[] {{{len(raw)}}}\r\n{raw} UID {uid})\r\n"
        return f'* {uid} FETCH (UID {uid} INTERNALDATE " 1-Nov-2026 10:00:00 +0300" RFC822.SIZE {len(raw)})\r\n'

    def fetched_bodies(self) -> list[str]:
        return [line.split(" ", 1)[1] for line in self.heard if "BODY.PEEK[]" in line]


@contextlib.asynccontextmanager
async def odd_server(server: OddServer) -> AsyncIterator[OddServer]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
