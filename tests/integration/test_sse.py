# SPDX-License-Identifier: MIT
"""Streams of server-sent events with both clients, against a server with a known schedule (tests/support/sse_server.py)."""

import json
import shutil
import subprocess
import sys
import textwrap

import pytest
from harness import ROOT, STOCK_LOCUST, Process, free_port, get_json, listens, locustfile, run_katydid, run_script, wait_for

PRELUDE = """
import json, sys, time
import locust
import gevent, katydid, _katydid
from locust import events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

URL = sys.argv[1]
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)
BOTH = HttpSession, FastHttpSession
told = []
events.request.add_listener(lambda **about: told.append(about))

def session(cls=HttpSession, url=URL):
    s = cls(url, events.request, None)
    if cls is HttpSession:
        s.trust_env = False
    return s

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def failures():
    return {(f["method"], f["name"]): f["error"] for f in _katydid.stats_failures()}
"""


@pytest.fixture(scope="module")
def url():
    with Process([sys.executable, ROOT / "tests" / "support" / "sse_server.py"]) as server:
        yield f"http://127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['port']}"


@pytest.fixture
def run(url, tmp_path):
    def run(code):
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), url)

    return run


def test_events_as_they_come(run):
    run("""
        for cls in BOTH:
            with session(cls).sse("/events?n=5&typed&retry", name=cls.__name__) as stream:
                assert stream.ok and stream.response.status_code == 200
                seen = list(stream.until(n=5))
            assert [e.id for e in seen] == list("12345") and {e.event for e in seen} == {"tick"}
            assert [e.retry for e in seen] == [10] * 5 and seen[0].json() == float(seen[0].data)
            times = [e.time for e in seen]
            assert times == sorted(times) and times[0] > 0
            row = rows()
            assert row["SSE open", cls.__name__]["num_requests"] == row["SSE first", cls.__name__]["num_requests"] == 1
            assert ("SSE close", cls.__name__) not in row, "the user had enough"
            first, = (about for about in told if about["request_type"] == "SSE first" and about["name"] == cls.__name__)
            assert first["response_time"] == times[0] * 1000 and first["response_length"] == len(seen[0].data)
        assert not failures()
        assert list(katydid.sse(session(), "/events?n=1").until(n=1))[0].id == "1"
    """)


def test_all_line_ends_at_every_byte(run):
    run("""
        for cls in BOTH:
            with session(cls).sse("/split", ends=True) as stream:
                assert [(e.event, e.data, e.id) for e in stream] == [("x", "one \\ntwo é", str(i)) for i in range(3)]
                assert stream.error is None and stream.count == 3 and stream.last_event_id == "2"
            with session(cls).sse("/gzip", ends=True) as stream:
                assert [e.data for e in stream] == ["0", "1", "2"], stream.error
        assert not failures()
    """)


def test_what_is_no_stream(run):
    run("""
        for cls in BOTH:
            s = session(cls)
            for path, wanted in {
                "/json": "StreamError('application/json instead of text/event-stream')",
                "/html": "StreamError('text/html instead of text/event-stream')",
                "/404": "LocustBadStatusCode(code=404)" if cls is FastHttpSession
                        else "HTTPError('404 Client Error: Not Found for url: /404')",
            }.items():
                with s.sse(path, name=path) as stream:
                    assert not stream.ok and list(stream) == [] and stream.error is not None
                    assert failures()["SSE open", path] == wanted, failures()
            assert s.sse("/json").response.json()["error"]["message"] == "no model of that name"
            with s.sse("/204", name="204") as stream:
                assert list(stream) == [] and stream.error is None and stream.response.status_code == 204
            assert ("SSE open", "204") not in failures() and rows()["SSE open", "204"]["num_requests"] >= 1
            with session(cls, "http://127.0.0.1:1").sse("/events", name="nobody") as stream:
                assert list(stream) == [] and "refused" in str(stream.error)
            assert "refused" in failures()["SSE open", "nobody"]
    """)


def test_an_end_that_nobody_wanted_is_a_failure(run):
    run("""
        for cls in BOTH:
            s = session(cls)
            for path, wanted in {
                "/events?n=2&end": "StreamError('the server ended the stream')",
                "/break?n=2": "HTTPConnectionClosed('connection closed.')" if cls is FastHttpSession
                              else "ChunkedEncodingError(ProtocolError('Response ended prematurely'))",
            }.items():
                with s.sse(path, name=path) as stream:
                    assert len(list(stream)) == 2 and repr(stream.error) == wanted
                assert failures()["SSE close", path] == wanted, failures()
            with s.sse("/flow?bytes=3000000", name="long") as stream:
                assert list(stream) == []
            assert failures()["SSE close", "long"] == "StreamError('an event of more than 1048576 bytes')"
            with s.sse("/flow?bytes=90000", name="short", max_event=1000) as stream:
                assert list(stream) == []
            assert failures()["SSE close", "short"] == "StreamError('an event of more than 1000 bytes')"
    """)


def test_a_stream_is_opened_again_behind_its_last_event(run, url):
    run("""
        for cls in BOTH:
            with session(cls).sse("/events?n=3&end&retry", name=cls.__name__, reconnect=True) as stream:
                assert [e.id for e in stream.until(n=8)] == list("12345678")
            assert rows()["SSE open", cls.__name__]["num_requests"] == 3
            with session(cls).sse("/once", reconnect=True, name="once") as stream:
                assert [e.id for e in stream] == ["1"] and stream.response.status_code == 404, "and no third time"
            assert rows()["SSE open", "once"]["num_requests"] == 2 * (BOTH.index(cls) + 1)
            with session(cls).sse("/events?n=1&end&retry=0", name="at once", reconnect=True) as stream:
                assert [(e.id, e.retry) for e in stream.until(n=50)] == [(str(i), 0) for i in range(1, 51)], "3 s each would be late"
            with session(cls).sse("/events?n=1&end", reconnect=True) as stream:  # waits 3 s before the next; the server says nothing
                assert [e.id for e in stream.until(seconds=2)] == ["1"]
        assert set(failures()) == {("SSE open", "once")}, failures()
    """)
    assert get_json(url + "/seen")["ids"].count("3") >= 2


def test_an_id_that_no_header_can_say_opens_the_stream_again(run, url):
    run("""
        for cls in BOTH:
            for mark, wanted in (("%20", [" 1", " 2", " 3", " 4"]), ("%01", ["\\x011", "\\x012"] * 2)):
                with session(cls).sse("/events?n=2&gap=1&end&retry&mark=" + mark, name="odd", reconnect=True) as stream:
                    assert [event.id for event in stream.until(n=4)] == wanted
        assert not failures()
    """)


def test_streams_of_one_connection(url, run, tmp_path):
    """HTTP/2, by nginx before the same server: several streams of a user side by side."""
    port = free_port()
    (tmp_path / "nginx.conf").write_text(f"""daemon off; pid "{tmp_path}/pid"; error_log "{tmp_path}/error.log"; worker_processes 1;
        events {{ worker_connections 100; }}
        http {{ access_log off; proxy_temp_path "{tmp_path}/proxy"; client_body_temp_path "{tmp_path}/body"; fastcgi_temp_path "{tmp_path}/f";
                uwsgi_temp_path "{tmp_path}/u"; scgi_temp_path "{tmp_path}/s";
        server {{ listen 127.0.0.1:{port} http2; location / {{ proxy_pass {url}; proxy_http_version 1.1; proxy_buffering off; }} }} }}""")
    with Process([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"]):
        wait_for(lambda: listens(port), "nginx")
        run(f"""
            class User:
                http2 = "prior-knowledge"
                def context(self):
                    return {{}}

            for cls in BOTH:
                s = cls("http://127.0.0.1:{port}", events.request, User())

                def read(path):
                    with s.sse(path, name="all") as stream:
                        assert stream.response.http_version == "HTTP/2", stream.error
                        return [(e.id, e.time) for e in stream.until(n=5)]

                group = [gevent.spawn(read, f"/events?n=5&gap={{gap}}") for gap in (5, 10, 15)]
                gevent.joinall(group, raise_error=True)
                for ids, times in (zip(*user.value) for user in group):
                    assert ids == tuple("12345") and list(times) == sorted(times) and times[0] > 0, (cls, ids, times)
            assert not failures() and rows()["SSE open", "all"]["num_requests"] == 6
            assert _katydid.client_counters()["connections_opened"] == 2
        """)


def test_until_has_limits(run):
    run("""
        for cls in BOTH:
            s = session(cls)
            with s.sse("/events?n=4&gap=1") as stream:
                assert [e.id for e in stream.until(n=2)] == ["1", "2"]
                assert [e.id for e in stream.until(n=2, seconds=60)] == ["3", "4"]
                assert list(stream.until(seconds=0.05)) == [] and stream.error is None
                assert list(stream.until(n=0)) == []
                assert stream.ok, "it is open still"
            with s.sse("/events?n=1000000&gap=0.1") as stream:
                assert sum(1 for _ in stream.until(seconds=1)) < 1000000
        assert not failures()
    """)


def test_times_are_those_of_the_network(run):
    """However late its user comes round to an event: here something has the loop until long after it was sent."""
    run("""
        for cls in BOTH:
            for _ in range(20):
                with session(cls).sse("/events?n=1&gap=50") as stream:
                    opened = time.monotonic()
                    while time.monotonic() < opened + 0.4:
                        pass
                    over = time.monotonic()
                    event = next(stream.until(n=1))
                if float(event.data) + 0.05 < over:  # else it was the server that was late
                    assert opened + event.time < over, (opened + event.time, over)
                    break
            else:
                raise AssertionError("the server was late each time")
    """)


def test_who_is_ended_while_it_waits_is_cut(run, url):
    run("""
        for cls in BOTH:
            name = cls.__name__
            s = session(cls)

            def look(path):
                with s.sse(path, name=name) as stream:
                    for event in stream:
                        pass

            def reads(path, until):
                user = gevent.spawn(look, path)
                while not until():
                    gevent.sleep(0.001)
                user.kill()

            aside = lambda: {r["method"]: r["cut"] for r in _katydid.stats_rows() if r["name"] == name and r["cut"]}
            reads("/events?n=1&gap=1", lambda: ("SSE first", name) in rows())
            assert aside() == {"SSE close": 1}, aside()
            reads("/events?n=1&gap=3600000", lambda: rows()["SSE open", name]["num_requests"] == 2)
            assert aside() == {"SSE close": 1, "SSE first": 1}, aside()
        assert not failures()
    """)
    wait_for(lambda: get_json(url + "/seen")["open"] == 0, "closed streams")


def test_who_is_ended_while_it_reads_what_is_no_stream_is_discarded(run):
    run("""
        from katydid import _sse_own
        reading, read_body = [], _sse_own.Streams.read_body

        def look_and_read(response):
            reading.append(response.status_code)
            read_body(response)
        _sse_own.Streams.read_body = staticmethod(look_and_read)
        for cls in BOTH:
            user = gevent.spawn(session(cls).sse, "/stuck", name=cls.__name__)
            while reading != [200]:
                gevent.sleep(0.001)
            user.kill()
            assert reading.pop() and rows()["SSE open", cls.__name__]["discarded"] == 1, rows()
    """)


USERS = """
    import katydid
    from locust import FastHttpUser, HttpUser, task

    class Reader(HttpUser):
        @task
        def read(self):
            with self.client.sse("/events?n=1000000&gap=20", name="events") as stream:
                for event in stream:
                    pass

    class Fast(FastHttpUser):
        read = Reader.read
        @task
        def look(self):
            self.read()
"""


def test_a_stop_ends_those_who_read(url, tmp_path):
    with locustfile(USERS) as file:
        run = run_katydid("-f", file, "-H", url, "--headless", "-u", 20, "-r", 20, "-t", 2, "--csv", tmp_path / "out", "--summary", tmp_path / "s.json")
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    for row in "SSE open", "SSE first":
        line, = (line for line in (tmp_path / "out_stats.csv").read_text().splitlines() if line.startswith(f"{row},events"))
        assert line.split(",")[2:4] == ["20", "0"], line
    summary = json.loads((tmp_path / "s.json").read_text())
    cut = {(r["method"], r["name"]): r["cut"] for r in summary["rows"]}
    assert cut["SSE close", "events"] == 20, cut
    assert "sse_events{name:events}" in run.stderr and "sse_gap{name:events}" in run.stderr, run.describe()


def test_under_stock_locust(url, tmp_path):
    code = """
        import sys; sys.path.insert(0, KATYDID)
        import katydid, gevent
        from locust import FastHttpUser, HttpUser, constant, task
        from locust.exception import StopUser

        done = set()

        class Plain(HttpUser):
            wait_time = constant(1)
            @task
            def read(self):
                name = type(self).__name__
                with self.client.sse("/events?n=5&typed", name=name) as stream:
                    assert [(e.event, e.id) for e in stream.until(n=5)] == [("tick", str(i)) for i in range(1, 6)]
                with katydid.sse(self.client, "/split" if name == "Plain" else "/events?n=2&end", name=f"{name} ends", ends=True) as stream:
                    assert len(list(stream)) == (3 if name == "Plain" else 2), stream.error
                with self.client.sse("/events?n=2&end", name=f"{name} early") as stream:
                    assert len(list(stream)) == 2
                with self.client.sse("/json", name=f"{name} json") as stream:
                    assert list(stream) == [] and not stream.ok
                with self.client.sse("http://127.0.0.1:1/", name=f"{name} refused") as stream:
                    assert list(stream) == [] and not stream.ok
                with self.client.sse("/events?n=2&end&retry", name=f"{name} again", reconnect=True) as stream:
                    assert [e.id for e in stream.until(n=5)] == list("12345")
                with self.client.sse("/events?n=1", name=f"{name} late") as stream:
                    assert len(list(stream.until(n=1))) == 1 and list(stream.until(seconds=0.1)) == []
                with self.client.sse("/empty?lines=3000", name=f"{name} empty", max_event=2000) as stream:
                    assert list(stream.until(seconds=20)) == [] and "more than 2000 bytes" in str(stream.error), stream.error
                done.add(name)
                if len(done) == 2:
                    self.environment.runner.quit()
                raise StopUser

        class Fast(FastHttpUser):
            wait_time = constant(1)
            read = Plain.read
            @task
            def look(self):
                Plain.read(self)
    """
    pylib = tmp_path / "pylib"
    pylib.mkdir()
    (pylib / "katydid").symlink_to(ROOT / "worker" / "pylib" / "katydid")
    with locustfile(textwrap.dedent(code).replace("KATYDID", repr(str(pylib)))) as file:
        run = subprocess.run([STOCK_LOCUST, "-f", file, "-H", url, "--headless", "-u", "2", "-r", "2", "-t", "90", "--json"],
                             capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False)
    assert "Traceback" not in run.stderr and "AssertionError" not in run.stderr, run.stdout + run.stderr
    rows = {(row["method"], row["name"]): row for row in json.loads(run.stdout)}
    assert {key for key, row in rows.items() if row["num_failures"]} == {
        *(("SSE close", f"{user} {name}") for user in ("Fast", "Plain") for name in ("early", "empty")),
        *(("SSE open", f"{user} {name}") for user in ("Fast", "Plain") for name in ("json", "refused"))}
    assert all(rows["SSE open", f"{name} again"]["num_requests"] >= 3 for name in ("Plain", "Fast"))
