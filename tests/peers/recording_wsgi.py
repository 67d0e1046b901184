"""A WSGI application that writes down each request that its server hands it."""

import os

SEEN = open(os.environ["SEEN"], "a", buffering=1, encoding="latin-1")


def answer(environ, start_response):
    name = environ.get("HTTP_X_REQUEST_ID", "-")
    marker = environ.get("HTTP_X_MARKER", "-")
    method, target, version = environ["REQUEST_METHOD"], environ["RAW_URI"], environ["SERVER_PROTOCOL"]
    SEEN.write(f"{name} {method} {target} {version} {marker}\n")
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "2"), ("X-Seen-Id", name)])
    return [b"ok"]
