"""An API with a hole for each entry of the OWASP API Security Top 10 (2023).

It is for loopback and for the tour (docs/tour.md) only. It believes whoever calls it, because "the network is internal":
that is what makes each attack work, and what a gateway in front of it has to make up for.

    python3 origin.py 9000
"""

import json
import re
import sys
import traceback
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USERS = {
    "alice": {"name": "alice", "email": "alice@example.com", "role": "user", "password": "correct horse"},
    "bob": {"name": "bob", "email": "bob@example.com", "role": "user", "password": "battery staple"},
    "root": {"name": "root", "email": "root@example.com", "role": "admin", "password": "hunter2"},
}
NOTES = {
    1: {"id": 1, "owner": "alice", "text": "alice's diary", "internal_score": 7},
    2: {"id": 2, "owner": "bob", "text": "bob's diary", "internal_score": 3},
    # From before notes had to have a text.
    3: {"id": 3, "owner": "carol", "internal_score": 0},
}
TICKETS = {"left": 10}
PAID = set()


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "NotesServer/0.1-debug"

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, url.path)
            if method == self.command and match:
                try:
                    return action(self, query, *match.groups())
                except Exception:
                    # API8, misconfiguration: the caller gets the stack trace.
                    return self.answer(500, {"error": traceback.format_exc()})
        return self.answer(404, {"error": "no such page"})

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")

    def caller(self):
        """API2, broken authentication: the name in a field is believed, whoever wrote it."""
        return USERS.get(self.headers.get("Portcullis-Subject", ""))

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        # API8, misconfiguration: any page may read the answers.
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def note(origin, _, number):
    """API1, broken object level authorization: any note for any caller."""
    found = NOTES.get(int(number))
    if found is None:
        return origin.answer(404, {"error": "no such note"})
    return origin.answer(200, {**found, "length": len(found["text"])})


def notes(origin, query):
    """API4, unrestricted resource consumption: as many as the caller asks for."""
    limit = int(query.get("limit", 10))
    return origin.answer(200, [NOTES[1 + at % 2] for at in range(limit)])


def me(origin, _):
    """API3, broken object property level authorization: the whole record goes out, the password with it."""
    user = origin.caller()
    return origin.answer(200, user) if user else origin.answer(401, {"error": "who are you?"})


def change_me(origin, _):
    """API3 again: whatever comes in is written, the role with it (mass assignment)."""
    user = origin.caller()
    if user is None:
        return origin.answer(401, {"error": "who are you?"})
    user.update(origin.body())
    return origin.answer(200, user)


def delete_user(origin, _, name):
    """API5, broken function level authorization: an administrator's function for everyone."""
    return origin.answer(200, {"deleted": name}) if name in USERS else origin.answer(404, {"error": "no such user"})


def buy(origin, _):
    """API6, unrestricted access to sensitive business flows: one caller can buy all tickets."""
    origin.body()
    if TICKETS["left"] == 0:
        return origin.answer(409, {"error": "sold out"})
    TICKETS["left"] -= 1
    return origin.answer(201, {"left": TICKETS["left"]})


def preview(origin, _):
    """API7, server side request forgery: fetches whatever address the caller names."""
    # The image server is not part of this example; this one stands in for it.
    here = f"http://127.0.0.1:{origin.server.server_port}/images/"
    url = origin.body()["url"].replace("https://images.example.com/", here)
    with urllib.request.urlopen(url, timeout=2) as page:
        return origin.answer(200, {"page": page.read(1000).decode("utf-8", "replace")})


def image(origin, _, name):
    return origin.answer(200, {"image": name})


def internal(origin, _):
    """What only neighbours on this network were to see."""
    return origin.answer(200, {"secret": "the inside of the network"})


def old_users(origin, _):
    """API9, improper inventory management: the first version was never taken down."""
    return origin.answer(200, list(USERS.values()))


def debug(origin, _):
    """API9 again: a page that no document mentions."""
    return origin.answer(200, {"users": USERS, "paid": sorted(PAID)})


def paid(origin, _):
    """API10, unsafe consumption of APIs: what claims to come from the payment service is believed."""
    message = origin.body()
    if message["paid"]:
        PAID.add(message["order"])
    return origin.answer(200, {"order": message["order"], "paid": message["paid"]})


ROUTES = [
    ("GET", r"/v2/notes/(\d+)", note),
    ("GET", r"/v2/notes", notes),
    ("GET", r"/v2/me", me),
    ("PATCH", r"/v2/me", change_me),
    ("DELETE", r"/v2/users/([a-z]+)", delete_user),
    ("POST", r"/shop/tickets", buy),
    ("POST", r"/v2/previews", preview),
    ("POST", r"/v2/payments", paid),
    ("GET", r"/v2/members", old_users),
    ("GET", r"/v1/users", old_users),
    ("GET", r"/images/(.+)", image),
    ("GET", r"/internal", internal),
    ("GET", r"/v2/debug", debug),
]

if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Origin)
    print(server.server_port, flush=True)
    server.serve_forever()
