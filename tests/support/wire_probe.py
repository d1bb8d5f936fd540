# SPDX-License-Identifier: MIT
"""Plays given answers to a Locust client, byte by byte, and prints as JSON what the client sent and what
its user saw. Run by stock Locust's Python and by katydid-worker, both must be alike.

    wire_probe.py http|fast answers|requests [CASE …]

Each case has a server of its own, so all of them run side by side. A case of `answers` is one GET whose
answer is the bytes given, then a second GET that is answered properly: what a client makes of the first
must not spoil the second. A case of `requests` is a function over a session; the server answers 200.
"""

import sys

import locust  # noqa: F401  first of all: it patches

import json
import re
import socket
import tempfile

import gevent
from gevent.pool import Pool
import requests

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

import wire_cases

PATIENCE_S = 1.5
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Second: yes\r\n\r\nsecond"


class Server:
    """Answers the n-th request with answers[n] (the last one for all further ones). An answer that ends in
    None is followed by the end of the connection."""

    def __init__(self, answers):
        self.answers, self.requests, self.connections = answers, [], []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.greenlet = gevent.spawn(self._accept)

    def _accept(self):
        while True:
            connection, _ = self.socket.accept()
            self.connections.append(connection)
            gevent.spawn(self._serve, connection, len(self.connections))

    def _expected(self, connection):
        """The answer to a request that asks whether its body is wanted; None: nobody asked this server."""
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        if isinstance(answer, dict):
            connection.sendall(answer["asked"])
            return answer
        return None

    def _serve(self, connection, number):
        received = b""
        try:
            while True:
                request, received = self._request(connection, received)
                if request is None:
                    return
                answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
                self.requests.append((number, request))
                if isinstance(answer, dict):
                    answer = answer["then"]
                pieces = answer if isinstance(answer, tuple) else (answer,)
                for piece in pieces:
                    if piece is None:
                        connection.shutdown(socket.SHUT_WR)
                        return
                    connection.sendall(piece)
        except OSError:
            pass

    def _request(self, connection, received):
        """One request as it came, and what came behind it."""
        while (end := received.find(b"\r\n\r\n")) < 0:
            data = connection.recv(65536)
            if not data:
                if received:
                    self.requests.append((0, received))
                return None, b""
            received += data
        end += 4
        head = received[:end]
        if re.search(rb"(?i)\r\nexpect:", head) and (asked := self._expected(connection)) and not asked["then"]:
            return head, b""
        if lengths := re.findall(rb"(?i)\r\ncontent-length: *(\d+)\r\n", head):
            end += int(lengths[-1])
            while len(received) < end and (data := connection.recv(65536)):
                received += data
        elif re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            while not received.endswith(b"0\r\n\r\n") and (data := connection.recv(65536)):
                received += data
            end = len(received)
        return received[:end], received[end:]

    def close(self):
        self.greenlet.kill()
        self.socket.close()
        for connection in self.connections:
            connection.close()


class Recorder:
    def __init__(self):
        self.hook = EventHook()
        self.hook.add_listener(self.on_request)
        self.events = []

    def on_request(self, **meta):
        exception = meta["exception"]
        self.events.append([str(meta["request_type"]), str(meta["name"]), meta["response_length"],
                            exception and exception if isinstance(exception, str) else exception and type(exception).__name__])


def session_for(kind, root):
    recorder = Recorder()
    if kind == "fast":
        session = FastHttpSession(root, recorder.hook, None, network_timeout=PATIENCE_S, connection_timeout=PATIENCE_S,
                                  max_redirects=30, max_retries=0)
    else:
        session = HttpSession(root, recorder.hook, None)
        session.trust_env = False
    return session, recorder


def see(response):
    """What a user sees of an answer."""
    if not hasattr(response, "status_code"):
        return repr(response)
    seen = {"status": response.status_code}
    error = getattr(response, "error", None)
    if error is not None:
        seen["error"] = type(error).__name__
    try:
        seen["content"] = response.content.decode("latin-1") if response.content is not None else None
    except Exception as error:
        seen["content"] = f"raised {type(error).__name__}"
    if not response.status_code:
        seen.pop("content")
        return seen
    if isinstance(seen["content"], str) and len(seen["content"]) > 200:
        seen["content"] = f"{len(seen['content'])}: {seen['content'][:100]}"
    headers = response.headers
    seen["headers"] = sorted([n.lower(), str(v)] for n, v in headers.items()) if headers is not None else None
    if isinstance(response, requests.Response):
        seen["reason"] = response.reason
    history = getattr(response, "history", None)
    if history:
        seen["history"] = [h.status_code for h in history]
        seen["url"] = response.url
    return seen


def call(function, *args, **kwargs):
    try:
        return see(function(*args, **kwargs))
    except Exception as error:
        return f"raised {type(error).__name__}"


def clean(value):
    """Without what differs between runs and versions."""
    text = re.sub(r"python-requests/[\d.]+|python/gevent-http-client-[\d.]+", "UA", json.dumps(value))
    text = re.sub(r"python-urllib3/[\d.]+", "BARE", text)
    text = re.sub(r"gzip, deflate(, br)?(, zstd)?", "ENCODINGS", text)
    text = re.sub(r"(?i)(127\.0\.0\.1 ?|localhost|mple|\*):\d+", r"\1:PORT", text)
    return json.loads(re.sub(r"\b[0-9a-f]{32}\b", "BOUNDARY", text))


def play_answer(kind, answer):
    server = Server([answer, SECOND])
    root = f"http://127.0.0.1:{server.port}"
    session, recorder = session_for(kind, root)
    method = "get"
    kwargs = {} if kind == "fast" else {"timeout": PATIENCE_S}
    if isinstance(answer, tuple) and isinstance(answer[0], str):
        method, server.answers[0] = answer[0], answer[1:]
    first = call(getattr(session, method), "/first", allow_redirects=False, **kwargs)
    second = call(session.get, "/second", **kwargs)
    server.close()
    return {"first": first, "second": second["status"] if isinstance(second, dict) else second,
            "second_text": second.get("content") if isinstance(second, dict) else None, "events": recorder.events[:1],
            "connections": len(server.connections)}


def play_request(kind, run, answers):
    server = Server(answers or [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"])
    root = f"http://127.0.0.1:{server.port}"
    server.answers = [a.replace(b"PORT", str(server.port).encode()) if isinstance(a, bytes) else a for a in server.answers]
    session, recorder = session_for(kind, root)
    with gevent.Timeout(PATIENCE_S * 8, False):
        seen = "hangs"
        seen = call(run, session, root)
    if isinstance(seen, dict):
        seen.pop("headers", None)  # they are what the other half is about
    gevent.sleep(0.02)
    server.close()
    return {"sent": [request.decode("latin-1") for _, request in server.requests], "seen": seen, "events": recorder.events}


def main():
    kind, what, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    jobs = {}
    if what == "answers":
        for name, answer in wire_cases.ANSWERS.items():
            if not wanted or name in wanted:
                for end in ("", "+eof"):
                    played = (*answer, None) if isinstance(answer, tuple) else (answer, None)
                    jobs[name + end] = gevent.spawn(play_answer, kind, played if end else answer)
    else:
        pool = Pool(24)  # many wait, none of them for long
        cases = {**wire_cases.REQUESTS, **(wire_cases.FAST_REQUESTS if kind == "fast" else wire_cases.HTTP_REQUESTS)}
        with tempfile.TemporaryDirectory() as folder:
            wire_cases.FOLDER = folder
            for name, case in cases.items():
                if not wanted or name in wanted:
                    run, answers = case if isinstance(case, tuple) else (case, None)
                    jobs[name] = pool.spawn(play_request, kind, run, answers)
            gevent.joinall(list(jobs.values()))
    gevent.joinall(list(jobs.values()))
    print(json.dumps({name: clean(job.value) for name, job in jobs.items()}))


if __name__ == "__main__":
    main()
