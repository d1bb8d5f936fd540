#!/usr/bin/env bash
# geventhttpclient 2.6.1: a body that is a bytearray or a memoryview raises AttributeError, though the
# signature of HTTPClient.request names both; so does a list of bytes, which is an iterable.
#
# What has a length and is not `bytes` is taken for a file and given to socket.sendfile, which looks for
# read(). A generator of the same bytes has no length: it is sent in chunks, and arrives. Locust's
# FastHttpUser hands data= through, so `data=bytearray(...)` fails there and works with HttpUser.
#
# Output seen:
#   geventhttpclient 2.6.1
#   bytes: arrived as b'abc'
#   generator: arrived as b'abc'
#   bytearray: AttributeError: 'bytearray' object has no attribute 'read'
#   memoryview: AttributeError: 'memoryview' object has no attribute 'read'
#   list: AttributeError: 'list' object has no attribute 'read'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check geventhttpclient==2.6.1 gevent==26.9.0
timeout 60 "$work/venv/bin/python" - <<'PY'
import importlib.metadata

from gevent import pywsgi
from geventhttpclient import HTTPClient

arrived = []


def app(environ, start_response):
    try:
        arrived.append(environ["wsgi.input"].read())
    except OSError:  # the client gave up in the middle
        pass
    start_response("200 OK", [("Content-Length", "0")])
    return []


server = pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
print("geventhttpclient", importlib.metadata.version("geventhttpclient"))
bodies = {
    "bytes": b"abc",
    "generator": (piece for piece in (b"a", b"bc")),
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "list": [b"a", b"bc"],
}
seen = {}
for name, body in bodies.items():
    client = HTTPClient("127.0.0.1", server.server_port)
    try:
        client.request("POST", "/", body=body).read()
        seen[name] = f"arrived as {arrived[-1]!r}"
    except AttributeError as error:
        seen[name] = f"AttributeError: {error}"
    finally:
        client.close()
    print(f"{name}: {seen[name]}")
assert seen["bytes"] == seen["generator"] == "arrived as b'abc'", "this has changed"
assert all("AttributeError" in seen[name] for name in ("bytearray", "memoryview", "list")), "this has changed"
PY
