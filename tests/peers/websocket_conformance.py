"""Runs Autobahn's cases (kosoku) against an echo server, bare and through a gateway; prints what only the gateway fails.

Arguments: port of the echo server, address of the gateway, path, field line with a credential. The cases cannot send a
credential, so a small relay adds it to each handshake.
"""

import asyncio
import json
import sys

from kosoku import FailureError, run_fuzzingclient


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


def relay_to(address, path, credential):
    host, port = address.rsplit(":", 1)

    async def relay(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        line, fields = head.split(b"\r\n", 1)
        kept = [field for field in fields.split(b"\r\n") if field and not field.lower().startswith((b"host:", b"origin:"))]
        request = [b"GET %s HTTP/1.1" % path.encode(), b"Host: localhost", credential.encode(), *kept]
        ahead, back = await asyncio.open_connection(host, int(port))
        back.write(b"\r\n".join(request) + b"\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(ahead, writer), return_exceptions=True)
        back.close()
        writer.close()

    return relay


async def failures(port):
    try:
        results = await run_fuzzingclient(f"127.0.0.1:{port}", ["*"], ["9.*", "12.*", "13.*"], concurrency=4)
    except FailureError as failure:
        results = failure.results
    return results


def failed(results):
    return {result.case_id for result in results if not result.passed}


async def main():
    echo, gateway, path, credential = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    relay = await asyncio.start_server(relay_to(gateway, path, credential), "127.0.0.1", 0, limit=1 << 20)
    bare = await failures(echo)
    through = await failures(relay.sockets[0].getsockname()[1])
    report = {"cases": len(through), "bare": len(failed(bare)), "only_through": sorted(failed(through) - failed(bare))}
    print(json.dumps(report))


asyncio.run(main())
