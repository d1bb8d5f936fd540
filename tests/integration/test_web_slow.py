"""Slow clients of the page, 200 at a time of every kind: whoever else comes is answered while they are there."""

import contextlib
import json
import re
import socket
import time

import pytest
from harness import wait_for
from test_web_host import PLAIN, Caller, page

MANY = 200
ADDED = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.add_url_rule("/size", "size", lambda: str(len(request.get_data())), methods=["POST"])
"""


@pytest.fixture(scope="module")
def server():
    with page(ADDED) as process:
        yield process


def head(process, method, path, *more):
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{process.port}", *more, "", ""]).encode()


@contextlib.contextmanager
def clients(process, count, sent):
    """So many connections that have sent this, and take nothing."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", process.port))
            client.sendall(sent)
            opened.append(client)
        yield opened


def is_open(client):
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        client.setblocking(True)


def taken(client):
    """How many bytes are there for it, to the end."""
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(1 << 20):
            count += len(chunk)
    return count


def ask_in_turn(process, seconds=3.0):
    """Requests of somebody else for so long; the longest that one took."""
    call, longest, until = Caller(process.call.base), 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        assert json.loads(call("/api/v1/state")[1])["type"] == "hello"
        longest = max(longest, time.monotonic() - began)
    return longest


def script_of(process):
    return re.search(r'src="\./(assets/[^"]+\.js)"', process.call("/")[1])[1]


@pytest.mark.parametrize("kind", ["silent", "half a line", "half a head", "half a body", "unread answers", "mixed"])
def test_two_hundred_hold_nobody(server, kind):
    script = head(server, "GET", "/" + script_of(server))
    sent = {
        "silent": b"", "half a line": b"GET /api/v1/st", "half a head": head(server, "GET", "/api/v1/state")[:-2],
        "half a body": head(server, "POST", "/api/v1/start", "X-Katydid: 1", "Content-Type: application/json", "Content-Length: 5000") + b"{",
        "unread answers": script, "mixed": script,
    }[kind]
    with clients(server, MANY // (1 + (kind == "mixed")), sent) as slow, clients(server, MANY // 2 if kind == "mixed" else 0, b"GET"):
        longest = ask_in_turn(server)
        assert sum(map(is_open, slow)) > len(slow) // 2, "they were to be there meanwhile"
    print(f"{kind}: the longest answer took {longest:.3f} s")


def test_answers_too_large_to_be_kept_hold_no_thread(tmp_path):
    """Of those that take nothing of theirs some have to go, when there are more than threads may wait for."""
    with page(PLAIN, "--csv", tmp_path / "x", "--csv-full-history", "--autostart", "-u", "1") as process:
        history = tmp_path / "x_stats_history.csv"
        wait_for(history.exists, "the file")
        with history.open("a") as file:
            file.writelines("x" * 999 + "\n" for _ in range(4_000))
        with clients(process, 80, head(process, "GET", "/stats/requests_full_history/csv")) as slow:
            longest = ask_in_turn(process)
            status, text, _ = process.call("/stats/requests_full_history/csv")
            assert status == 200 and len(text) > 4_000_000, "who takes it gets it"
            assert min(taken(client) for client in slow) < 4_000_000, "somebody had to go"
    print(f"the longest answer took {longest:.3f} s")


def test_uploads_that_stand_still_give_way(server):
    upload = head(server, "POST", "/size", "Content-Length: 200000") + b"x" * 100_000
    with clients(server, 40, upload) as slow:
        wait_for(lambda: server.call("/size", b"x" * 300_000)[1] == "300000", "the upload of somebody else")
        assert json.loads(server.call("/api/v1/state")[1])["type"] == "hello"
        assert any(map(is_open, slow))
