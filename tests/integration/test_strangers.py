# SPDX-License-Identifier: MIT
"""Servers that say anything: what parsers of ours in Python make of it (tests/support/strangers.py), and what a test notices: one failed
request with words for it, and users that go on. KATYDID_STRANGERS=100000 is the long form."""

import contextlib
import gzip
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import CLIENTS, ROOT, WORKER, allow_preloaded, run_script

ROUNDS = os.environ.get("KATYDID_STRANGERS", "500")


@pytest.mark.parametrize("what", ["language_models", "graphql", "graphql_live", "handshakes", "streams", "rows", "reflection", "endless_imports"])
def test_whatever_they_say(what):
    env = allow_preloaded({**os.environ, "VIRTUAL_ENV": str(CLIENTS)})
    done = subprocess.run([WORKER, "--python", ROOT / "tests" / "support" / "strangers.py", what, ROUNDS, *os.environ.get("KATYDID_STRANGERS_SEED", "").split()],
                          capture_output=True, text=True, timeout=1800, env=env, check=False)
    assert done.returncode == 0 and "all done" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]


# ---- over the wire ----

HALF = '"\\ud83d"'  # of a pair: what is left of an emoji that was cut in two
EVENTS, LINES, JSON = "text/event-stream", "application/x-ndjson", "application/json"
BOMB = gzip.compress(b"data: " + b"x" * (64 << 20), 6)


def chat(text, **more):
    return ('data: {"choices": [{"delta": {"content": %s}, "finish_reason": "stop"}], "usage": %s}\n\ndata: [DONE]\n\n' % (text, json.dumps(more))).encode()


ANSWERS = {  # path: (status, headers, body)
    "/half": (200, {"Content-Type": EVENTS}, chat(HALF, completion_tokens=3)),
    "/error": (429, {"Content-Type": JSON}, b'{"error": {"type": %s, "message": %s}}' % (HALF.encode(), HALF.encode())),
    "/within": (200, {"Content-Type": EVENTS}, b'data: {"error": {"message": %s}}\n\n' % HALF.encode()),
    "/many": (200, {"Content-Type": EVENTS}, chat('"ken"', completion_tokens=10**400, prompt_tokens=-5)),
    "/nan": (200, {"Content-Type": EVENTS}, chat('"ken"', completion_tokens=float("nan"))),
    "/line": (200, {"Content-Type": LINES}, b'{"message": {"content": "' + b"x" * (3 << 20)),
    "/event": (200, {"Content-Type": EVENTS}, b"data: " + b"x" * (3 << 20)),
    "/bomb": (200, {"Content-Type": EVENTS, "Content-Encoding": "gzip"}, BOMB),
    "/deep": (200, {"Content-Type": LINES}, b'{"message": {"tool_calls": [{"function": {"arguments": ' + b"[" * 900 + b"]" * 900 + b"}}]}}\n"),
    "/graphql": (200, {"Content-Type": JSON}, b'{"errors": [{"message": %s, "path": [%s], "extensions": {"code": %s}}]}' % ((HALF.encode(),) * 3)),
    "/nested": (200, {"Content-Type": JSON}, b'{"errors": [' + b"[" * 900 + b"]" * 900 + b"]}"),
    "/none": (200, {"Content-Type": JSON}, b"[" * 100_000),
    "/well": (200, {"Content-Type": EVENTS}, chat('"to ken"', completion_tokens=2)),
    **{f"/to/{i}": (302, {"Location": target}, b"") for i, target in enumerate(
        ["http://[", "ws:x", "wss://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:\xb2/", "http:///", "javascript:1", "http://a b/"])},
}


class Stranger(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def do_GET(self):
        status, headers, body = ANSWERS[self.path]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # who has heard enough hangs up
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


PRELUDE = """
import resource, sys
import locust, gevent, katydid, _katydid
from katydid.llm import LLMUser
from katydid.websocket import WebSocketUser
from locust.env import Environment

told = []

def made(kind):
    environment = Environment(user_classes=[kind])
    environment.events.request.add_listener(lambda **about: told.append(about))
    return kind(environment)

def most_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


def test_language_models_that_are_none(url, tmp_path):
    run_script(tmp_path, PRELUDE + """
class Chatter(LLMUser):
    host, model, slo = sys.argv[1], "m", {"ttft": 60}

user, before = made(Chatter), most_kb()
wrong = {"/error": "\\ud83d: \\ud83d", "/within": "\\ud83d", "/event": "an event of more than 1048576 bytes", "/bomb": "an event of more than 1048576 bytes"}
for path, text in wrong.items():
    a = user.llm.chat([], path=path, name=path)
    assert text in str(a.error) and len(told) == 1 and told.pop()["exception"] is not None, (path, a.error)
for path, text in {"/line": "an event of more than 1048576 bytes", "/deep": "the stream ended before the answer was finished"}.items():
    a = user.llm.ollama_chat([], path=path, name=path)
    assert str(a.error) in (text, "an event of another form") and len(told) == 1 and told.pop()["exception"] is not None, (path, a.error)
a = user.llm.chat([], path="/half", name="/half")
assert a.ok and a.text == "\\ud83d" and a.tokens_out == 3 and told.pop()["response_length"] == 3, a.error
for path in "/many", "/nan":
    a = user.llm.chat([], path=path, name=path)
    assert a.ok and a.tokens_by == "pieces" and a.tokens_in is None and a.tokens_out == 1 and told.pop()["exception"] is None, a.error
assert most_kb() - before < 30_000, (before, most_kb())
assert user.llm.chat([], path="/well", name="/well").text == "to ken"
""", url)


def test_services_of_graphql_that_are_none(url, tmp_path):
    run_script(tmp_path, PRELUDE + """
from locust import HttpUser
class Asker(HttpUser):
    host = sys.argv[1]

user = made(Asker)
for path, text in {"/graphql": "\\ud83d at \\ud83d (\\ud83d)", "/nested": "[[[", "/none": "an answer that is none of GraphQL", "/well": "an answer that is none"}.items():
    a = katydid.graphql(user.client, "query Q { q }", url=path)
    assert not a.ok and text in str(a.error) and len(told) == 1 and told.pop()["exception"] is not None, (path, a.error)
""", url)


def test_redirects_of_websockets_that_lead_nowhere(url, tmp_path):
    run_script(tmp_path, PRELUDE + """
from katydid import websocket_client
class Talker(WebSocketUser):
    host = sys.argv[1].replace("http", "ws")

user = made(Talker)
for i in range(8):
    try:
        user.ws.connect(f"/to/{i}", name="talk")
    except Exception as error:
        assert len(told) == 1 and told.pop()["exception"] is error, (i, error, told)
    else:
        raise AssertionError(i)
    try:
        websocket_client.create_connection(f"{user.host}/to/{i}", timeout=10)
    except (OSError, websocket_client.WebSocketException):
        pass
    else:
        raise AssertionError(i)
""", url)
