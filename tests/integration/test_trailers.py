# SPDX-License-Identifier: MIT
"""response.trailers of both clients, by HTTP/1.1 against a server that says the bytes it is given (those of HTTP/2 are in
test_http2.py)."""

import socketserver
import textwrap
import threading

import pytest
from harness import run_script

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n"
ANSWERS = {
    "/none": HEAD + b"\r\n",
    "/some": HEAD + b"X-Sum: 1\r\nx-more: a\r\nX-MORE: b\r\n\r\n",
    "/odd": HEAD + b"no colon\r\nX-Sum: 1\r\n folded\r\n\r\n",
    "/acts": HEAD + b"Set-Cookie: a=1\r\nContent-Length: 7\r\nContent-Encoding: gzip\r\nLocation: /none\r\nConnection: close\r\n\r\n",
    "/ends": HEAD + b"X-Sum: 1\r\nX-Cu",
    "/many": HEAD + b"X: y\r\n" * 256 + b"\r\n",
    "/long": HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    "/big": HEAD[:HEAD.index(b"5\r\n")] + b"40000\r\n" + b"z" * 0x40000 + b"\r\n0\r\n" + b"".join(b"T%d: %b\r\n" % (i, b"y" * 1000) for i in range(300)) + b"\r\n",
    "/room": HEAD + b"".join(b"T%d: %b\r\n" % (i, b"y" * 200) for i in range(250)) + b"\r\n",
    "/length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
}

PRELUDE = """
import sys
import locust
import _katydid
from locust import events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

URL = sys.argv[1]
events.request.add_listener(_katydid.record_request)

def session(cls):
    s = cls(URL, events.request, None)
    if cls is HttpSession:
        s.trust_env = False
    return s
"""


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.connections += 1
        stream = self.request.makefile("rb")
        while line := stream.readline():
            while stream.readline().strip():
                pass
            path = line.split()[1].decode()
            count = b"%d" % self.server.connections
            said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(count), count)
            self.request.sendall(said if path == "/connections" else ANSWERS[path])
            if path == "/ends":
                return


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    connections = 0

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def run(tmp_path):
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda code: run_script(tmp_path, PRELUDE + textwrap.dedent(code), f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def test_trailers_are_there_beside_the_headers(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(cls)
            for path in "/none", "/length":
                assert dict(s.get(path).trailers) == {}
            r = s.get("/some")
            assert dict(r.trailers) == {"X-Sum": "1", "x-more": "a, b"} and r.trailers["x-SUM"] == "1" and "X-More" in r.trailers
            assert r.text == "hello" and "X-Sum" not in r.headers and r.headers["trailer"] == "X-Sum"
            assert dict(s.get("/odd").trailers) == {"X-Sum": "1 folded"}
            assert len(s.get("/room").trailers) == 250 and s.get("/room").headers["Transfer-Encoding"] == "chunked"
            assert dict(s.get("/ends").trailers) == {"X-Sum": "1"}, "the end of the connection is the body's"
    """)


def test_nothing_follows_from_them(run):
    run("""
        for i, cls in enumerate((HttpSession, FastHttpSession)):
            s = session(cls)
            for _ in range(3):
                r = s.get("/acts")
                assert r.status_code == 200 and r.text == "hello" and r.trailers["Content-Length"] == "7" and not r.history
            assert "a=1" not in str(r.cookies) and int(s.get("/connections").text) == i + 1, "one connection a session"
    """)


def test_those_of_a_stream_come_at_its_end(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            with session(cls).get("/some", stream=True, catch_response=True) as r:
                assert "X-Sum" not in r.headers
                assert b"".join(r.iter_content(2)) == b"hello" if cls is HttpSession else r.text == "hello"
                assert dict(r.trailers) == {"X-Sum": "1", "x-more": "a, b"}
    """)


def test_too_many_of_them_are_a_failure_of_that_request(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(cls)
            for path in "/many", "/long", "/big":
                with s.get(path, catch_response=True) as r:
                    assert r.status_code == 0 and r.error is not None and dict(r.trailers) == {}, (path, r.error)
            assert s.get("/some").trailers["X-Sum"] == "1"
        assert {f["name"] for f in _katydid.stats_failures()} == {"/many", "/long", "/big"}
    """)
