"""An origin that echoes WebSocket messages. Prints its port."""

import asyncio
import logging

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    # The cases break the protocol on purpose, hundreds of times.
    logging.disable(logging.CRITICAL)
    options = {"max_size": None, "compression": None, "ping_interval": None}
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
