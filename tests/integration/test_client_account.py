# SPDX-License-Identifier: MIT
"""Every request that reaches the target is in one number: reported, cut off, discarded or resent; a redirect that was followed
belongs to the request that it led to."""

import json
import re
import socket
import subprocess
import textwrap
import threading

import pytest
from harness import BUILD, PATIENCE, WORKER, wait_for


class Target:
    """Answers by the path, and counts what it read."""

    def __init__(self):
        self.seen = {}
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.full = socket.create_server(("127.0.0.1", 0), backlog=0)  # nobody accepts: who comes late waits
        self.fillers = [self._fill() for _ in range(4)]
        threading.Thread(target=self._accept, daemon=True).start()

    def _fill(self):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(self.full.getsockname())
        return s

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            data, number = b"", 0
            while True:
                try:
                    part = connection.recv(65536)
                except OSError:
                    return
                if not part:
                    return
                data += part
                head, end, body = data.partition(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.I)
                if not end or len(body) < int(length.group(1) if length else 0):
                    continue
                data, number = b"", number + 1
                path = head.split()[1].decode().partition("?")[0]
                if path == "/seen":  # asked by the script itself
                    with self.lock:
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(self.seen).encode())
                    return
                with self.lock:
                    self.seen[path] = self.seen.get(path, 0) + 1
                if not self._answer(connection, path, number):
                    return

    def _answer(self, connection, path, number):
        where = {"/to_ok": "/ok", "/to_hang": "/hang", "/to_ftp": "ftp://x/", "/to_self": "/to_self", "/to_port": "http://127.0.0.1:99999/", "/to_space": "http://a b/",
                 "/to_full": "http://127.0.0.1:%d/" % self.full.getsockname()[1]}.get(path)
        if path == "/drop_later" and number > 1:
            return False
        if where:
            connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
        elif path == "/half":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            return False
        elif path != "/hang":
            connection.sendall(b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\nok" % (500 if path == "/500" else 200))
        return True

    def close(self):
        for s in (self.listener, self.full, *self.fillers):
            s.close()


PRELUDE = """
import gc, json, sys, time, urllib.request
from functools import partial
import gevent, _katydid
from gevent.event import Event
from locust import FastHttpUser, HttpUser, events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import StopUser

URL = sys.argv[1]
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)

def session(cls, **kwargs):
    s = cls(URL, events.request, None, **kwargs)
    if cls is HttpSession:
        s.trust_env = False
    return s

def seen(**wanted):
    "Whether the target has had so many requests of each path."
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(URL + "/seen") as answer:
        counts = json.load(answer)
    return all(counts.get("/" + path, 0) >= n for path, n in wanted.items())

def ended(*calls, until=lambda: True):
    "Ends all of them at one moment in which each waits."
    deadline = time.monotonic() + 60
    all = [gevent.spawn(call) for call in calls]
    while not until() and time.monotonic() < deadline:
        gevent.sleep(0.05)
    gevent.sleep(0.2)  # and they go on waiting
    over = [(g.args, g.value, getattr(g.value, "error", None), g.exception) for g in all if g.ready()]
    assert not over, over
    gevent.killall(all)

def on_all_roads(verb, path):
    return [partial(getattr(session(cls), verb), path, **kwargs) for cls, kwargs in ROADS]

def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind:
        return
    raise AssertionError("nothing was raised")

BOTH = (HttpSession, FastHttpSession)
ROADS = ((HttpSession, {}), (HttpSession, {"stream": True}), (HttpSession, {"timeout": 9}), (HttpSession, {"hooks": {"response": []}}),
         (HttpSession, {"files": {"f": ("a", b"b")}}), (HttpSession, {"verify": False, "proxies": {"ftp": "x"}}),
         (FastHttpSession, {}), (FastHttpSession, {"stream": True}), (FastHttpSession, {"timeout": 9}),
         (FastHttpSession, {"files": {"f": ("a", b"b")}}), (FastHttpSession, {"data": {"a": ["b", "c"]}}),
         (FastHttpSession, {"catch_response": True}), (HttpSession, {"catch_response": True}))
"""


@pytest.fixture
def target():
    it = Target()
    yield it
    it.close()


@pytest.fixture
def count(target, tmp_path):
    def count(code):
        script = tmp_path / "script.py"
        script.write_text(PRELUDE + textwrap.dedent(code) + textwrap.dedent("""
            gc.collect()
            t = _katydid.stats_total()
            print("COUNTS", t["num_requests"], t["cut"], t["discarded"], t["resent"], t["num_failures"])
        """))
        out = subprocess.run([WORKER, "--python", script, target.url], capture_output=True, text=True, timeout=PATIENCE)
        found = re.search(r"COUNTS (\d+) (\d+) (\d+) (\d+) (\d+)", out.stdout)
        assert out.returncode == 0 and found, out.stdout[-2000:] + out.stderr[-4000:]
        return dict(zip(("reported", "cut", "discarded", "resent", "failed"), map(int, found.groups())))

    return count


def test_ended_while_it_waits_for_an_answer(count, target):
    numbers = count("""
        ended(*on_all_roads("post", "/hang"), until=partial(seen, hang=13))
    """)
    assert numbers["cut"] == target.seen["/hang"] == 13 and numbers["reported"] == numbers["discarded"] == 0, numbers


def test_ended_behind_a_redirect(count, target):
    numbers = count("""
        ended(*on_all_roads("get", "/to_full"), *on_all_roads("get", "/to_hang"), until=partial(seen, hang=13, to_full=13))
    """)
    assert target.seen == {"/to_full": 13, "/to_hang": 13, "/hang": 13}
    assert numbers["cut"] == 26 and numbers["reported"] == numbers["discarded"] == 0, numbers


def test_not_sent_is_not_counted(count, target):
    port = target.full.getsockname()[1]
    numbers = count(f"""
        ended(*on_all_roads("get", "http://127.0.0.1:{port}/"))
    """)
    assert not target.seen and not any(numbers.values()), numbers


def test_the_task_raises_before_it_has_judged(count, target):
    numbers = count("""
        def slow_block(s, entered):
            with s.get("/ok", catch_response=True):
                entered.set()
                gevent.sleep(99)
        def block(s, path, error):
            with s.get(path, catch_response=True):
                raise error
        for cls in BOTH:
            s = session(cls)
            for path in ("/ok", "/500", "/half", "/to_ok"):
                raises(KeyError, block, s, path, KeyError("mine"))
            raises(StopUser, block, s, "/ok", StopUser())
            entered = Event()
            ended(partial(slow_block, s, entered), until=entered.is_set)
            s.get("/ok", catch_response=True)  # never entered
            raises(BaseException, block, s, "/to_ok", gevent.GreenletExit())
    """)
    assert numbers["discarded"] == 16 and numbers["reported"] == numbers["cut"] == 0, numbers
    assert sum(target.seen.values()) == 16 + 4, target.seen


def test_what_is_raised_on_the_way_leaves_no_request_untold(count, target):
    numbers = count("""
        def angry(response, *args, **kwargs):
            raise RuntimeError("hook")
        s = session(HttpSession)
        raises(RuntimeError, s.get, "/ok", hooks={"response": angry})
        raises(Exception, s.get, "/to_ftp")
        raises(Exception, s.get, "/to_ftp", stream=True)
        for cls in BOTH:
            for path in ("/to_ftp", "/to_port", "/to_self", "/to_space"):
                for kwargs in ({}, {"stream": True}):
                    try:
                        session(cls).get(path, **kwargs)
                    except Exception:
                        pass
    """)
    chains = 1 + 2 + 16
    assert numbers["reported"] + numbers["discarded"] == chains and numbers["cut"] == 0, numbers
    assert target.seen["/ok"] == 1 and target.seen["/to_ftp"] == 6 and target.seen["/to_port"] == target.seen["/to_space"] == 4


def test_a_kept_connection_that_the_target_closes(count, target):
    numbers = count("""
        for cls, kwargs in ROADS:
            if "files" in kwargs or "data" in kwargs or "catch_response" in kwargs:
                continue
            s = session(cls)
            for _ in range(3):
                assert s.get("/drop_later", **kwargs).content == b"ok"
            if cls is HttpSession:
                s.get("/ok", **kwargs).content
                assert s.post("/drop_later", data="x", **kwargs).status_code == 0
    """)
    # of the three requests of a session the second is taken and not answered, so is its third
    assert numbers["resent"] > 0 and numbers["cut"] == numbers["discarded"] == 0, numbers
    assert numbers["reported"] + numbers["resent"] == sum(target.seen.values()), (numbers, target.seen)
    assert numbers["failed"] == 5, numbers


ROWS = """
from locust import FastHttpUser, HttpUser, constant, events, task
from locust.runners import WorkerRunner

class Shopper(HttpUser):
    wait_time = constant(0.05)

    @task
    def cut(self):
        self.client.get("/ok")
        self.client.get("/hang")

class Careless(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def discarded(self):
        with self.client.get("/ok", name="careless", catch_response=True) as r:
            r.json()["nothing"]

@events.quitting.add_listener
def tell(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        entries, total = environment.stats.entries, environment.stats.total
        print("SEEN", sorted((name, e.total_response_time / e.num_requests > 0) for (name, _), e in entries.items()))
        print("OURS", [environment.stats.get(name, "GET").cut + environment.stats.get(name, "GET").discarded > 0 for name in ("/hang", "careless")],
              total.cut > 0, total.discarded > 0, flush=True)
"""


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
def test_code_meets_no_row_without_a_request(mode, target, tmp_path):
    """Scripts divide by their number; Locust has no such rows."""
    locustfile = tmp_path / "rows.py"
    locustfile.write_text(ROWS)
    run = subprocess.run([BUILD / "katydid", "-f", locustfile, "-H", target.url, "--headless", "-u", "2", "-r", "2", "-t", "2s", "--only-summary", *mode],
                         capture_output=True, text=True, timeout=PATIENCE)
    assert "SEEN [('/ok', True)]" in run.stdout and "OURS [True, True] True True" in run.stdout, run.stdout + run.stderr


def test_retries_of_the_fast_client(count, target):
    numbers = count("""
        s = session(FastHttpSession, network_timeout=0.2)
        assert s.get("/hang", max_retries=2).status_code == 0
        assert s.post("/hang", max_retries=2, data="x").status_code == 0
    """)
    assert target.seen["/hang"] == numbers["reported"] + numbers["resent"] == 4, numbers


def test_the_words_of_a_run(target, tmp_path):
    locustfile = tmp_path / "words.py"
    locustfile.write_text(textwrap.dedent("""
        from locust import FastHttpUser, constant, task

        class Careless(FastHttpUser):
            wait_time = constant(0.05)

            @task
            def nothing(self):
                with self.client.get("/ok", catch_response=True) as r:
                    r.json()["nothing"]
                """))
    out = tmp_path / "out"
    run = subprocess.run([BUILD / "katydid", "-f", locustfile, "-H", target.url, "--headless", "-u", "2", "-r", "2", "-t", "2s",
                          "--only-summary", "--csv", out], capture_output=True, text=True, timeout=PATIENCE)
    discarded = re.search(r"(\d+) requests were answered, but their task raised", run.stderr)
    cut = re.search(r"(\d+) requests? w(?:as|ere) cut off in flight", run.stderr)  # the end may come in the middle of one
    assert discarded and int(discarded.group(1)) + (int(cut.group(1)) if cut else 0) == target.seen["/ok"], run.stderr
    assert not cut or int(cut.group(1)) <= 2, run.stderr
