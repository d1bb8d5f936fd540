# SPDX-License-Identifier: MIT
"""max_response_size, of a class and of one request: an answer that is larger is a failure that says so, and costs nobody else
anything. Against a server that says the bytes it is given (HTTP/2 is in test_http2.py)."""

import gzip
import socketserver
import textwrap
import threading

import pytest
from harness import run_script


def answer(body, head=b""):
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (head, len(body)) + body


ANSWERS = {
    "/1000": answer(b"x" * 1000),
    "/1001": answer(b"x" * 1001),
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"y" * 500 + b"\r\n1f5\r\n" + b"z" * 501 + b"\r\n0\r\n\r\n",
    "/packed": answer(gzip.compress(b"x" * 1001), b"Content-Encoding: gzip\r\n"),
    "/hop": b"HTTP/1.1 302 Found\r\nLocation: /1001\r\nContent-Length: 0\r\n\r\n",
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

class User:
    def __init__(self, limit):
        self.max_response_size = limit

    def context(self):
        return {}

def session(cls, limit=None):
    s = cls(URL, events.request, User(limit))
    if cls is HttpSession:
        s.trust_env = False
    return s

def is_refused(response):
    return not response.status_code and "response body of more than 1000 bytes (max_response_size)" in str(response.error)

def failures():
    return {f["name"]: f["error"] for f in _katydid.stats_failures()}
"""


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        stream = self.request.makefile("rb")
        while line := stream.readline():
            while stream.readline().strip():
                pass
            self.request.sendall(ANSWERS[line.split()[1].decode()])


@pytest.fixture
def run(tmp_path):
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda code: run_script(tmp_path, PRELUDE + textwrap.dedent(code), f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def test_a_larger_answer_fails_on_every_road(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            of_class, of_request = session(cls, 1000), session(cls)
            assert len(of_class.get("/1000").content) == 1000
            for path in "/1001", "/chunks", "/packed", "/hop":
                for more in {}, {"auth": ("a", "b")}:
                    assert is_refused(of_class.get(path, **more)), (cls, path)
                    assert len(of_class.get(path, max_response_size=1001, **more).content) == 1001, "the request's counts"
                    assert is_refused(of_request.get(path, max_response_size=1000, **more)), (cls, path)
                    assert len(of_request.get(path, max_response_size=None, **more).content) == 1001
                    assert is_refused(of_request.request("GET", path, max_response_size=1000, **more))
        assert set(failures()) == {"/1001", "/chunks", "/packed", "/hop"}
        assert all("more than 1000 bytes" in error for error in failures().values())
    """)


def test_by_way_of_requests_and_of_a_request_method_of_ones_own(run):
    run("""
        class Own(HttpSession):
            def request(self, *args, **kwargs):
                return super().request(*args, **kwargs)
        s = session(Own)
        assert is_refused(s.get("/1001", max_response_size=1000))
        s = session(HttpSession, 1000)
        s.hooks["response"].append(lambda response, **_: None)
        assert is_refused(s.get("/hop"))
        assert len(s.get("/hop", max_response_size=2000).content) == 1001
    """)


def test_streams_are_for_their_reader_to_limit(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(cls, 1000)
            assert len(s.get("/1001", stream=True).content) == 1001
            assert len(session(cls).get("/chunks", stream=True, max_response_size=1).content) == 1001
        assert not failures()
    """)


def test_what_is_no_size_is_refused_in_words(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            for size in 0, -1, True, "1 MB", 1.5, 1 << 63:
                for make in (lambda: session(cls, size), lambda: session(cls).get("/1000", max_response_size=size),
                             lambda: session(cls).get("/1000", auth=("a", "b"), max_response_size=size)):
                    try:
                        make()
                    except ValueError as error:
                        assert "max_response_size is a number of bytes" in str(error), error
                    else:
                        assert False, (cls, size)
        assert not _katydid.stats_rows()
    """)


def test_a_class_says_it(run):
    run("""
        from locust import FastHttpUser, HttpUser
        from locust.env import Environment
        for base in HttpUser, FastHttpUser:
            class Own(base):
                host, max_response_size = URL, 1000
            user = Own(Environment())
            assert is_refused(user.client.get("/1001")) and user.client.get("/1000").status_code == 200
    """)
