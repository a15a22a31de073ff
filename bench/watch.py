"""Listens to ``ticket.assigned`` on an instance's bus and writes, when told to end, when each envelope's ticket was
there: JSON, envelope id -> epoch seconds. Its own process, so that nothing delays its clock."""

import asyncio
import json
import signal
import sys
import time

import nats
import uvloop
from nats.aio.msg import Msg


async def main(url: str) -> None:
    seen: list[tuple[float, bytes]] = []
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    client = await nats.connect(url)

    async def note(message: Msg) -> None:
        seen.append((time.time(), message.data))

    await client.subscribe("ticket.assigned", cb=note)
    await client.flush()
    print("listening", flush=True)
    await end.wait()
    await client.close()
    json.dump({json.loads(data)["data"]["envelope"]: at for at, data in seen}, sys.stdout)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
