"""The web server as a stranger meets it: made-up runs (tests/support/webdemo.c), raw sockets, forged requests."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zlib
from contextlib import ExitStack, contextmanager
from urllib.parse import urlparse

import pytest
from harness import BUILD, wait_for
from viewer import Viewer

DEMO = BUILD / "support" / "webdemo"


@contextmanager
def demo(*args):
    process = subprocess.Popen([DEMO, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()  # ends it in the orderly way
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def url():
    with demo("--running", "--rows", "40", "--history", "30") as address:
        yield address


def ask(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode(), answer.headers


def command(url, name, fields, **headers):
    every = {"Content-Type": "application/json", "X-Katydid": "1", **{k.replace("_", "-"): v for k, v in headers.items()}}
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return ask(f"{url}/api/v1/{name}", "POST", body, {k: v for k, v in every.items() if v})


def test_commands_need_our_header_our_type_and_our_origin(url):
    own = url
    assert command(url, "edit", {"users": 50})[0] == 200
    assert command(url, "edit", {"users": 50}, Origin=own)[0] == 200
    assert command(url, "edit", {"users": 50}, Origin="http://evil.test")[0] == 403
    assert command(url, "edit", {"users": 50}, Origin="null")[0] == 403
    assert command(url, "edit", {"users": 50}, Sec_Fetch_Site="cross-site")[0] == 403
    assert command(url, "edit", {"users": 50}, X_Katydid=None)[0] == 403
    assert command(url, "edit", {"users": 50}, Content_Type="text/plain")[0] == 415
    assert ask(f"{url}/api/v1/stop")[0] == 405
    assert ask(f"{url}/api/v1/state", "POST", b"")[0] == 405


@pytest.mark.parametrize("path", ["/stop", "/stats/reset"])
def test_changes_by_get_are_for_programs_not_for_other_sites(url, path):
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Referer": "http://evil.test/"},
        {"Origin": "http://evil.test"},
        {"User-Agent": "Mozilla/5.0"},
    ):
        assert ask(url + path, headers=headers)[0] == 403, headers


def test_malformed_commands_name_the_field(url):
    for body, field in ((b"{", ""), (b"[]", ""), (b'{"users":"x"}', "users"), (b'{"spawn_rate":0}', "spawn_rate"), (b"\0", "")):
        status, text, _ = command(url, "edit", body)
        assert (status, json.loads(text)["field"]) == (400, field), body
        assert json.loads(text)["error"]
    assert command(url, "edit", b" " * 20000)[0] == 413
    assert command(url, "edit", b"[" * 16000)[0] == 400  # deeper than a server thread's stack is


def test_foreign_hosts_are_misdirected(url):
    for host in ("evil.test", "127.0.0.1.evil.test", "10.0.0.1:80"):
        assert ask(f"{url}/", headers={"Host": host})[0] == 421
    port = urlparse(url).port
    assert ask(f"{url}/api/v1/state", headers={"Host": f"localhost:{port}"})[0] == 200


def test_every_answer_has_the_security_headers(url):
    for path in ("/", "/none", "/api/v1/state", "/stop?%", "/a/../..//etc/passwd", f"/dir?{'x' * 12000}"):
        _, _, headers = ask(url + path)
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def raw(url, text):
    where = urlparse(url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(text)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def test_broken_requests_end_their_connection_only(url):
    host = urlparse(url).netloc.encode()
    smuggled = (
        b"POST /api/v1/stop HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /stop HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    )
    assert raw(url, smuggled).count(b"HTTP/1.1 ") == 1
    endless = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nX: " + b"a" * 20000 + b"\r\n\r\n"
    assert raw(url, endless).startswith(b"HTTP/1.1 4")
    for text in (b"\r\n\r\n", b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"):
        raw(url, text)
    assert ask(f"{url}/api/v1/state")[0] == 200


def test_a_slow_request_is_given_up(url):
    where = urlparse(url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        while connection.recv(4096):  # until the socket's timeout
            pass


SLOW = {
    "silent": b"",
    "half a line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: %s\r\n",
    "half a body": b"POST /swarm HTTP/1.1\r\nHost: %s\r\nContent-Length: 5000\r\n\r\nuser",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_slow_requests_keep_nobody_waiting(url, sent):
    where = urlparse(url)
    slow = [socket.create_connection((where.hostname, where.port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(sent.replace(b"%s", where.netloc.encode()))
    assert ask(f"{url}/api/v1/state")[0] == 200
    for connection in slow:  # they were not waited for
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.close()


def test_the_oldest_who_asks_nothing_makes_room(url):
    where = urlparse(url)
    with ExitStack() as opened:
        idle = [opened.enter_context(socket.create_connection((where.hostname, where.port), timeout=60)) for _ in range(600)]
        assert ask(f"{url}/api/v1/state")[0] == 200
        assert idle[0].recv(1) == b""


def test_bodies_that_nobody_reads(url):
    host = urlparse(url).netloc.encode()
    head = b"POST /swarm HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    assert raw(url, head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello").startswith(b"HTTP/1.1 411")
    assert raw(url, head + b"Content-Length: 200000\r\n\r\n" + b"x" * 200000).startswith(b"HTTP/1.1 413")
    continued = raw(url, head + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\na=%zz")
    assert continued.startswith(b"HTTP/1.1 400")
    where = urlparse(url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"a=%zz")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(b"GET /worker-count HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)  # that is all it has to say
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_locusts_routes(url):
    status, text, _ = ask(f"{url}/swarm", "POST", b"user_count=60&spawn_rate=60")
    assert (status, json.loads(text)["success"]) == (200, True)
    status, text, _ = ask(f"{url}/swarm", "POST", b"user_count=many&spawn_rate=60")
    assert (status, json.loads(text)["success"]) == (200, False)
    parts = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask(f"{url}/swarm", "POST", b"--x", parts)[0] == 400
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n60\r\n' % name for name in (b"user_count", b"spawn_rate")
    )
    status, text, _ = ask(f"{url}/swarm", "POST", body + b"--x--", parts)
    assert (status, json.loads(text)["message"]) == (200, "Swarming started")
    assert ask(f"{url}/swarm", "POST", b"{}", {"Content-Type": "application/json"})[0] == 415
    status, _, headers = ask(f"{url}/swarm")
    assert (status, headers["Allow"]) == (405, "POST, OPTIONS")
    stats = json.loads(ask(f"{url}/stats/requests")[1])
    assert stats["stats"][-1]["name"] == "Aggregated" and stats["state"] in ("running", "spawning")
    _, text, headers = ask(f"{url}/stats/requests/csv")
    assert text.startswith("Type,Name,Request Count,Failure Count") and "attachment" in headers["Content-Disposition"]
    assert json.loads(ask(f"{url}/exceptions")[1])["exceptions"] is not None
    assert "worker_count" in json.loads(ask(f"{url}/worker-count")[1])


def test_polling_is_the_same_as_the_socket(url):
    viewer = Viewer(url)
    tick = viewer.message("tick")
    polled = json.loads(ask(f"{url}/api/v1/live")[1])
    assert tick["since"] == 0 and polled.keys() == tick.keys()
    query = f"since={polled['tick']}&defs=40&boot={polled['boot']}&run={polled['run']}"
    again = json.loads(ask(f"{url}/api/v1/live?{query}")[1])
    assert again["since"] == polled["tick"] and again["defs"] == []
    viewer.close()


def test_a_socket_brings_the_columns_it_asks_for(url):
    viewer = Viewer(url, query="?columns=3&pack=deflate")
    opcodes = set()
    while 2 not in opcodes:
        frame = viewer.frame()
        opcodes.add(frame[0])
    tick = json.loads(zlib.decompress(frame[1]))
    columns = json.loads(ask(f"{url}/api/v1/state")[1])["columns"]["row"]
    assert tick["columns"] == 3 and len(tick["total"]) == len(columns)
    assert len(tick["rows"]) == 40 and all(len(row) == 2 for row in tick["rows"])
    viewer.say({"type": "ack", "tick": tick["tick"]})
    viewer.say({"type": "sub", "columns": 15})
    while tick["columns"] == 3:
        tick = viewer.message("tick")
        viewer.say({"type": "ack", "tick": tick["tick"]})
    assert tick["since"] > 0 and tick["defs"] == []
    assert len(tick["rows"]) == 40 and all(len(row) == 4 for row in tick["rows"])
    viewer.close()


def test_sockets_need_our_origin(url):
    assert Viewer(url, origin=False).status == 403
    assert Viewer(url, origin="http://evil.test").status == 403


def test_hostile_texts_end_the_socket(url):
    for text in ("{", '{"type":"start"}', '{"type":"sub","columns":-1}', "[" * 4000, "x" * 5000):
        viewer = Viewer(url)
        viewer.say(text)
        until = time.monotonic() + 60
        while viewer.frame():
            assert time.monotonic() < until
        viewer.close()


def test_a_viewer_that_acknowledges_nothing_is_sent_away(url):
    viewer = Viewer(url)
    assert viewer.message("bye")["why"] == "too slow"
    viewer.close()


def test_a_stalled_viewer_delays_nobody():
    with demo("--running", "--rows", "3000") as url:
        stalled = [Viewer(url, buffer=4096) for _ in range(4)]  # never read, never acknowledge
        viewer = Viewer(url)
        arrivals = []
        while len(arrivals) < 8:
            tick = viewer.message("tick")
            viewer.say({"type": "ack", "tick": tick["tick"]})
            arrivals.append(time.monotonic())
        gaps = [b - a for a, b in zip(arrivals[1:], arrivals[2:])]
        assert max(gaps) < 5, gaps  # one who waits for the stalled ones waits for their end
        for other in stalled:
            other.close()
        viewer.close()


def test_sockets_are_limited_and_places_come_back():
    with demo("--running") as url:
        viewers = [Viewer(url) for _ in range(25)]
        assert [v.status for v in viewers].count(101) == 24
        assert ask(f"{url}/api/v1/live")[0] == 200
        for viewer in viewers:
            viewer.close()
        wait_for(lambda: Viewer(url).status == 101, "a free place")
