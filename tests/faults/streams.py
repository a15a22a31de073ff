"""What the tests look at on the bus, past Priyom."""

import nats
from nats.js.api import StreamInfo

from tests.journey.system import await_here


def unsettled(url: str) -> int:
    """Messages that no router has settled."""

    async def ask() -> int:
        client = await nats.connect(url)
        info = await client.jetstream().consumer_info("MESSAGE", "router")
        await client.close()
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

    return await_here(ask)


def stream(url: str, name: str) -> StreamInfo:
    async def ask() -> StreamInfo:
        client = await nats.connect(url)
        info = await client.jetstream().stream_info(name)
        await client.close()
        return info

    return await_here(ask)


def headers(url: str, name: str) -> dict[int, tuple[str, dict[str, str]]]:
    """Sequence -> subject and headers of every message of a stream."""

    async def read() -> dict[int, tuple[str, dict[str, str]]]:
        client = await nats.connect(url)
        asked = client.jetstream()
        state = (await asked.stream_info(name)).state
        found = {}
        for sequence in range(state.first_seq, state.last_seq + 1):
            try:
                message = await asked.get_msg(name, seq=sequence)
            except nats.js.errors.NotFoundError:
                continue
            found[sequence] = (str(message.subject), message.headers or {})
        await client.close()
        return found

    return await_here(read)
