"""A lean SMTP client for load: its own process, so that it is not the measured one's Python that waits for it.

``python -m bench.load HOST:PORT --mails FILE --connections N [--rate R]`` prints one JSON line. With a rate, mails are
offered at that many a second whatever the answers do (open loop); without, each connection sends its next mail when
the last one is answered (closed loop).
"""

import asyncio
import json
import pickle
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop


class Connection:
    """One SMTP session. ``send`` gives the reply to DATA."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        connection = cls(*await asyncio.open_connection(host, port))
        await connection._reply()
        await connection._ask(b"EHLO bench")
        return connection

    async def _reply(self) -> bytes:
        while True:
            line = await self._reader.readline()
            if not line or line[3:4] != b"-":
                return line.strip()

    async def _ask(self, command: bytes) -> bytes:
        self._writer.write(command + b"\r\n")
        return await self._reply()

    async def send(self, sender: str, recipient: str, data: bytes) -> bytes:
        """``data`` is dot-stuffed already and ends with CRLF."""
        for command in (f"MAIL FROM:<{sender}>".encode(), f"RCPT TO:<{recipient}>".encode()):
            reply = await self._ask(command)
            if not reply.startswith(b"250"):
                return reply
        reply = await self._ask(b"DATA")
        if not reply.startswith(b"354"):
            return reply
        self._writer.write(data + b".\r\n")
        return await self._reply()

    def close(self) -> None:
        self._writer.close()


def stuffed(raw: bytes) -> bytes:
    """RFC 5321, 4.5.2."""
    return b".".join((b"\r\n" + raw).split(b"\r\n."))[2:] if b"\r\n." in b"\r\n" + raw else raw


async def closed_loop(address: str, mails: list[tuple[str, str, bytes]], connections: int) -> dict[str, object]:
    host, _, port = address.rpartition(":")
    opened = [await Connection.open(host, int(port)) for _ in range(connections)]
    queue = iter(mails)
    latencies: list[float] = []
    accepted = 0

    async def work(connection: Connection) -> None:
        nonlocal accepted
        for sender, recipient, data in queue:
            started = time.perf_counter()
            reply = await connection.send(sender, recipient, data)
            latencies.append(time.perf_counter() - started)
            accepted += reply.startswith(b"250")

    started = time.time()
    await asyncio.gather(*(work(connection) for connection in opened))
    ended = time.time()
    for connection in opened:
        connection.close()
    return {"accepted": accepted, "started": started, "ended": ended, "latencies": latencies}


async def open_loop(
    address: str, mails: list[tuple[str, str, bytes]], connections: int, rate: float
) -> dict[str, object]:
    host, _, port = address.rpartition(":")
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Connection.open(host, int(port)))
    latencies: list[float] = []
    accepted = 0

    async def one(due: float, mail: tuple[str, str, bytes]) -> None:
        nonlocal accepted
        connection = await free.get()
        reply = await connection.send(*mail)
        latencies.append(time.perf_counter() - due)  # from when it was offered: waiting for a connection counts
        accepted += reply.startswith(b"250")
        free.put_nowait(connection)

    begin = time.perf_counter()
    started = time.time()
    tasks = []
    for number, mail in enumerate(mails):
        due = begin + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due, mail)))
    await asyncio.gather(*tasks)
    return {"accepted": accepted, "started": started, "ended": time.time(), "latencies": latencies}


def main(
    address: str,
    mails: Annotated[Path, typer.Option()],
    connections: Annotated[int, typer.Option()] = 20,
    rate: Annotated[float, typer.Option()] = 0.0,
) -> None:
    loaded: list[tuple[str, str, bytes]] = pickle.loads(mails.read_bytes())
    if rate:
        result = uvloop.run(open_loop(address, loaded, connections, rate))
    else:
        result = uvloop.run(closed_loop(address, loaded, connections))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    typer.run(main)
