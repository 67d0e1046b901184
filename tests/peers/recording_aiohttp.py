"""An aiohttp server that writes down each request that it handles."""

import os
import sys

from aiohttp import web

SEEN = open(os.environ["SEEN"], "a", buffering=1, encoding="utf-8", errors="surrogateescape")


async def answer(request):
    name = request.headers.get("X-Request-Id", "-")
    marker = request.headers.get("X-Marker", "-")
    version = f"HTTP/{request.version.major}.{request.version.minor}"
    SEEN.write(f"{name} {request.method} {request.raw_path} {version} {marker}\n")
    await request.read()
    return web.Response(text="ok", headers={"X-Seen-Id": name})


application = web.Application()
application.router.add_route("*", "/{path:.*}", answer)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, keepalive_timeout=60)
