"""The floor to compare with: an aiosmtpd that throws every mail away. Prints its address."""

import asyncio

import uvloop
from aiosmtpd.smtp import SMTP


class Discard:
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        return "250 OK"


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Discard(), enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
