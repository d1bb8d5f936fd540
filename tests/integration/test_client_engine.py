# SPDX-License-Identifier: MIT
"""What the clients do beyond stock Locust's: cut requests, sharing, overriding, memory, threads."""

import subprocess

from client_scripts import client_run, client_url  # noqa: F401  fixtures
from harness import SANITIZED


def test_killed_in_flight_is_cut_and_nothing_else(run):
    run("""
        def user(s):
            s.get("/delay/5", name="slow")
        def count():
            global own
            own += 1
            return int(other.get("/count").text) - own
        own, other = 0, session()
        before = count()
        gs = [gevent.spawn(user, session(c)) for c in (HttpSession, HttpSession, FastHttpSession)]
        with gevent.Timeout(60):
            while count() < before + 3:
                gevent.sleep(0.01)
        gevent.killall(gs)
        assert all(isinstance(g.value, gevent.GreenletExit) for g in gs), [g.value for g in gs]
        assert rows()["slow"]["cut"] == 3, rows()
        assert rows()["slow"]["num_requests"] == 0 and not failures()
    """)


def test_gevent_timeout_propagates_and_is_cut(run):
    run("""
        s = session()
        for wait in (0.1, 0.1):
            try:
                with gevent.Timeout(wait):
                    s.get("/delay/5", name="late")
                raise AssertionError("no timeout")
            except gevent.Timeout:
                pass
        assert s.get("/echo").status_code == 200
        assert rows()["late"]["cut"] == 2 and not failures()
    """)


def test_what_leaves_a_with_block_unrecorded_is_discarded(run):
    run("""
        s = session()
        try:
            with s.get("/echo", name="block", catch_response=True):
                raise KeyError("mine")
        except KeyError:
            pass
        s.get("/echo", name="block", catch_response=True)  # never entered
        gc.collect()
        with s.get("/echo", name="block", catch_response=True) as r:
            r.failure("no")
        assert rows()["block"]["discarded"] == 2 and not rows()["block"]["cut"], rows()["block"]
        assert rows()["block"]["num_requests"] == 1
        assert failures() == {("block", "CatchResponseError('no')"): 1}, failures()
    """)


def test_direct_records_have_locusts_failure_texts(run):
    run("""
        s, f = session(), session(FastHttpSession)
        s.get("/status/404", name="n")
        s.get("/close", name="n")
        s.get("http://127.0.0.1:1/", name="n")
        s.post("/echo", name="ok", json={"a": 1})
        f.get("/status/404", name="f")
        f.get("http://127.0.0.1:1/", name="f")
        s.get("/delay/2", name="t", timeout=0.05)
        want = {
            ("n", "HTTPError('404 Client Error: Not Found for url: n')"),
            ("n", "RemoteDisconnected('Remote end closed connection without response')"),
            ("n", "ConnectionRefusedError(111, 'Connection refused')"),
            ("f", "LocustBadStatusCode(code=404)"),
            ("f", "ConnectionRefusedError(111, 'Connection refused')"),
        }
        assert want < set(failures()), failures()
        assert [e for n, e in failures() if n == "t"][0].startswith("ReadTimeout(ReadTimeoutError("), failures()
        assert rows()["ok"]["num_requests"] == 1 and rows()["ok"]["min_response_time"] > 0
    """)


def test_what_failed_can_be_closed(run):
    run("""
        s = session()
        for more in {}, {"stream": True}, {"proxies": {}}:
            for url in "http://127.0.0.1:1/", "/close":
                response = s.get(url, **more)
                assert response.status_code == 0
                response.close()
        s.get("/echo", stream=True).close()
        assert s.get("/echo").status_code == 200
    """)


def test_listeners_are_called_and_may_steer(run):
    run("""
        from locust.exception import RescheduleTask
        seen = []
        @events.request.add_listener
        def listen(request_type, name, response, exception, context, **kw):
            seen.append((request_type, name, response.status_code, exception, context))
            if name == "again":
                raise RescheduleTask()
        s = session()
        s.get("/echo", context={"k": 1})
        try:
            s.get("/echo", name="again")
            raise AssertionError("not steered")
        except RescheduleTask:
            pass
        events.request.remove_listener(listen)
        s.get("/echo", name="silent")
        assert [x[:3] for x in seen] == [("GET", "/echo", 200), ("GET", "again", 200)], seen
        assert seen[0][4] == {"k": 1}
        assert rows()["/echo"]["num_requests"] == 1 and rows()["silent"]["num_requests"] == 1
    """)


def test_record_request_takes_what_is_there(run):
    run("""
        events.request.fire(request_type="CUSTOM", name="timer", response_time=12.5)
        events.request.fire(request_type="CUSTOM", name="timer", response_time=None, exception=ValueError("x"))
        events.request.fire(request_type="CUSTOM", name="timer", response_time=1, response_length=10, extra=1)
        row = rows()["timer"]
        assert row["num_requests"] == 3 and row["num_none_requests"] == 1 and row["num_failures"] == 1, row
        assert row["total_response_time"] == 13.5 and row["total_content_length"] == 10
        assert failures() == {("timer", "ValueError('x')"): 1}
    """)


def test_overriding_is_honoured(run):
    run("""
        class Mine(HttpSession):
            def request(self, method, url, **kwargs):
                kwargs.setdefault("headers", {})["X-Mine"] = "1"
                return super().request(method, url, name="mine", **kwargs)
        r = session(Mine).get("/echo", params={"a": 1})
        assert ["X-Mine", "1"] in r.json()["headers"] and r.json()["path"] == "/echo?a=1"
        assert rows()["mine"]["num_requests"] == 1

        class Strips(HttpSession):
            def should_strip_auth(self, old, new):
                return True
        echo = session(Strips).get("/to?url=/echo", auth=("u", "p")).json()
        assert "Authorization" not in dict(echo["headers"])

        s, calls = session(), []
        real = s.request
        s.request = lambda *a, **k: calls.append(a) or real(*a, **k)
        assert s.get("/echo").status_code == 200 and calls == [("GET", "/echo")], calls

        class Client(HttpUser):
            host = URL
        u = Client(Environment(user_classes=[Client], events=events))
        assert u.client.get("/echo").status_code == 200 and u.client.trust_env is False
    """)


def test_shared_pools(run):
    run("""
        import urllib3
        pool = HTTPClientPool(concurrency=2)
        sessions = [session(FastHttpSession, client_pool=pool) for _ in range(6)]
        before = _katydid.client_counters()["connections_opened"]
        gevent.joinall([gevent.spawn(s.get, "/delay/0.05", name="pooled") for s in sessions])
        assert _katydid.client_counters()["connections_opened"] - before == 2
        assert rows()["pooled"]["num_requests"] == 6 and not failures()
        assert rows()["pooled"]["max_response_time"] > 100  # waiting for a connection counts
        sessions[0].client.clientpool.close()

        manager = urllib3.PoolManager(maxsize=3, block=True)
        sessions = [session(pool_manager=manager) for _ in range(9)]
        before = _katydid.client_counters()["connections_opened"]
        gevent.joinall([gevent.spawn(s.get, "/delay/0.05", name="managed") for s in sessions])
        assert _katydid.client_counters()["connections_opened"] - before == 3
        assert rows()["managed"]["num_requests"] == 9 and not failures()

        manager = urllib3.PoolManager(maxsize=3, block=True)
        HttpSession._goes_through_requests = True  # as --otel does
        sessions = [session(pool_manager=manager) for _ in range(9)]
        before = _katydid.client_counters()["connections_opened"]
        gevent.joinall([gevent.spawn(s.get, "/delay/0.05", name="traced") for s in sessions])
        assert _katydid.client_counters()["connections_opened"] - before == 3
        assert rows()["traced"]["num_requests"] == 9 and not failures()
    """)


def test_fast_odds_and_ends(run):
    run("""
        import io, ssl
        f = session(FastHttpSession)
        assert list(f.iter_lines("/stream/3")) == ["line 0", "line 1", "line 2"]
        r = f.get("/gzip", stream=True)
        assert b"compressed" in r.read()
        for more in {}, {"timeout": 60}:  # in C, and in Python
            f.max_redirects = 2
            r = f.get("/redirect/5", **more)
            assert str(r.error) == f"URL {URL}/redirect/5: Redirection limit reached (2)", r.error
        f.max_redirects = 30
        r = f.get("/bytes/5000", stream=True)
        assert sum(len(c) for c in r.iter_content(512)) == 5000
        r = f.get("/bytes/5000", stream=True)
        assert len(r.stream.read(512)) + sum(len(c) for c in r.stream) == 5000
        r = f.get("/stream/3", stream=True)
        assert r.stream.readline(b"\\n") == b"line 0\\n" and r.readline(b"\\n") == b"line 1\\n"
        assert r.stream.readline(b"never") == b"" == r.stream.read()
        for bad in ("echo", f"{URL}echo", "http://127.0.0.1:99999/"):  # a slash too few is no port
            try:
                raise AssertionError(f.get(bad))
            except ValueError as error:
                assert str(error).startswith("Port "), error
        assert "gaierror" in repr(f.get("http:///x").error)
        assert f.post("/echo", data="ü").request.body == "ü".encode()
        assert f.post("/echo", data={"a": 1}).request.body == b"a=1"
        assert f.post("/echo", json=[1]).request.body == "[1]"
        log = io.StringIO()
        f.get("/echo", debug_stream=log)
        assert "REQUEST: " in log.getvalue() and "RESPONSE: " in log.getvalue()
        assert f.get("/redirect/4", max_redirects=9).status_code == 200
        assert f.get("/redirect/1", allow_redirects=False).status_code == 302
        assert f.get("/redirect/1", allow_redirects=False).headers["Location"] == "/echo/end"
        r = f.get("/headers?X-A=1&X-A=2")
        assert r.headers["x-a"] == ["1", "2"] and r.headers.get("none") is None
        named = FastHttpSession(URL, hook, None, headers={"X-All": "1"})
        assert "X-All" in dict(named.get("/echo").json()["headers"])
        proxied = FastHttpSession("http://elsewhere.test", hook, None, proxy_host="127.0.0.1", proxy_port=URL.rpartition(":")[2])
        assert proxied.get("/echo").json()["path"] == "http://elsewhere.test/echo"
        assert f.post("/echo", data="ü").json()["body"] == "\\xc3\\xbc"
        with f.post("/echo", json={"a": 1}, catch_response=True) as r:
            assert r.json()["body"] == '{"a": 1}'
            r.success()
        from geventhttpclient.client import HTTPClientPool as theirs
        slow = FastHttpSession(URL, hook, None, network_timeout=0.1)
        r = slow.get("/delay/1")
        assert r.status_code == 0 and "RetriesExceeded" in repr(r.error), r.error

        class Rest(FastHttpUser):
            host = URL
            def missing(self):
                with self.rest("GET", "/text?type=application/json&body=7b6e6f", name="rest") as r:
                    pass
                with self.rest("POST", "/echo", json={"a": 1}, name="rest") as r:
                    assert r.js["method"] == "POST"
                    assert r.js["method"] == "GET", "wrong,"
                with self.rest_("GET", "/echo") as r:
                    assert "_=" in r.js["path"]
        u = Rest(Environment(user_classes=[Rest], events=events))
        u.missing()
        assert sum(r["num_failures"] for r in _katydid.stats_rows() if r["name"] == "rest") == 2, failures()
        assert rows()["/echo?_=..."]["num_failures"] == 0
    """)


def test_other_threads_use_requests(run):
    run("""
        s = session()
        s.get("/echo")
        pool = gevent.get_hub().threadpool
        r = pool.apply(s.get, ("/redirect/1",), {"name": "thread"})
        assert r.status_code == 200 and rows()["thread"]["num_requests"] == 1, r
        assert s.get("/echo").status_code == 200
    """)


def test_retries_and_contexts_of_fast_sessions(run):
    run("""
        import ssl
        f = FastHttpSession(URL, hook, None, network_timeout=0.1, max_retries=2)
        count = session().get("/count").json()
        assert f.get("/delay/1").status_code == 0
        assert f.post("/delay/1").status_code == 0
        asked = [session().get("/count").json() - count]
        while asked[-1] - len(asked) < 4 and len(asked) < 200:  # the server may see the timed-out ones late
            gevent.sleep(0.05)
            asked.append(session().get("/count").json() - count)
        assert asked[-1] - len(asked) == 4, asked  # 3 GETs, 1 POST, besides those of the count
        made = []
        def factory():
            made.append(1)
            return ssl._create_unverified_context()
        f = FastHttpSession(URL, hook, None, ssl_context_factory=factory)
        assert f.get("/echo").status_code == 200 and f.get("https://127.0.0.1:1/").status_code == 0 and made == [1]
    """)


def test_a_body_that_was_read_is_kept(run):
    run("""
        s = FastHttpSession(URL, hook, None)
        r = s.get("/json", stream=True)
        assert r.content == r.content != b"" and r.json()["ok"]
    """)


def test_a_listener_keeps_no_response_alive(run):
    run("""
        import weakref
        gc.disable()
        seen = []
        events.request.add_listener(lambda response, exception, **kw: seen.append((weakref.ref(response), repr(exception))))
        s = session()
        r = s.get("/status/404")
        assert r.request_meta["exception"].response is r and "404" in seen[0][1]
        for _ in range(10):
            s.get("/echo")
        assert [ref() is None for ref, _ in seen[1:]] == [True] * 10
    """)


def test_streams(run):
    run("""
        s = session()
        with s.get("/stream/5", stream=True, catch_response=True) as r:
            assert [l for l in r.iter_lines(decode_unicode=True)] == [f"line {i}" for i in range(5)]
        r = s.get("/drip/1000", stream=True, timeout=3)
        assert r.raw.read(3) == b"***"
        r.close()
        r = s.get("/bytes/200000", stream=True)
        assert len(r.content) == 200000 and r.request_meta["response_length"] == 200000
        try:
            list(s.get("/short", stream=True).iter_content(10))
            raise AssertionError("no error")
        except __import__("requests").exceptions.ChunkedEncodingError:
            pass
        assert s.get("/echo").status_code == 200
    """)


def test_json_bodies_are_json_dumps(run):
    run(r"""
        import random
        s = session()
        def value(depth):
            kind = random.randrange(9 if depth else 7)
            return [
                lambda: random.randrange(-10**12, 10**12), lambda: random.uniform(-1e9, 1e9), lambda: None,
                lambda: random.random() < 0.5, lambda: 10 ** random.randrange(30), lambda: 1e300 * random.random(),
                lambda: "".join(chr(random.choice([random.randrange(0x80), random.randrange(0x3000), 0x1F600])) for _ in range(8)),
                lambda: [value(depth - 1) for _ in range(4)],
                lambda: {str(value(0)): value(depth - 1) for _ in range(4)},
            ][kind]()
        random.seed(5)
        for _ in range(150):
            v = value(3)
            if v is None:
                continue
            body = s.post("/echo", json=v).json()["body"]
            assert body == json.dumps(v), (body, v)
        deep = v = []
        for _ in range(200):
            v.append([]); v = v[0]
        assert s.post("/echo", json=deep).json()["body"] == json.dumps(deep)
        assert s.post("/echo", json={1: (2, 3)}).json()["body"] == '{"1": [2, 3]}'
        loop = []; loop.append(loop)
        try:
            s.post("/echo", json=loop)
        except ValueError as e:
            assert "Circular" in str(e)
        try:
            s.post("/echo", json={"x": object()})
        except TypeError:
            pass
    """)


def test_json_answers_are_json_loads(run):
    run(r"""
        import math
        from urllib.parse import quote
        s = session()
        good = [
            '{"a": [1, -2, 3.5, 1e3, -0.0, 1E-2, 0], "b": {"c": null, "d": true, "e": false}}', '  [ ]  ', '{ }  ', '"text"',
            '"\\u00e9\\ud83d\\ude00\\n\\t\\/\\b\\f\\r\\""', '"ünï → 😀"', '{"ü": 1, "ü": 2}', '12345678901234567890123',
            '[1e400]', '[NaN, Infinity, -Infinity]', '"\\ud800"', '[' * 80 + ']' * 80, '1234', 'true', 'null', '[0.1, 123456789.123456789]',
            '{"' + 'k' * 100 + '": "' + 'v' * 1000 + '"}', '[{"id": 1}, {"id": 2}]', '"\x7f"',
        ]
        bad = ['[1,]', '{"a":}', '01234', '[1 2]', '{"a" 1}', '"open', '[1]]', "{'a': 1}", '"\n\n"', 'nulls', '-----', '1.2.3', '[1.]', '"\\x41"', '', '+111', '{"a": 1,}']
        def ask(text):
            return s.get("/text?type=application/json&body=" + text.encode().hex(), name="json")
        for text in good:
            mine, theirs = ask(text).json(), json.loads(text)
            assert repr(mine) == repr(theirs), (text, mine, theirs)
        for text in bad:
            try:
                json.loads(text)
                raise AssertionError("valid: " + text)
            except json.JSONDecodeError as e:
                want = str(e)
            try:
                ask(text).json()
                raise AssertionError("took " + text)
            except json.JSONDecodeError as e:
                assert str(e) == want, (text, e, want)
        assert ask("[1.5]").json(parse_float=str) == ["1.5"]
    """)


if not SANITIZED:  # which keep freed memory

    def test_memory_of_a_user_between_requests(run):
        run("""
            def rss():
                with open("/proc/self/statm") as f:
                    return int(f.read().split()[1]) * 4096
            s = session(); s.get("/echo"); gc.collect()
            sessions, each = [], []
            for attempt in range(3):  # the kernel may bring back pages of others meanwhile
                before = rss()
                sessions.append([session() for _ in range(300)])
                for one in sessions[-1]:
                    one.get("/echo")
                gc.collect()
                each.append((rss() - before) / 300)
            assert min(each) < 4096, each
        """)


def test_no_leaks(run):
    run("""
        def work(s, f):
            s.get("/json").json(); s.post("/echo", json={"a": 1}); s.get("/status/404"); s.get("/redirect/2")
            s.get("/echo", params={"a": 1}, headers={"X": "1"}, auth=("a", "b")).headers["server"]
            s.get("http://127.0.0.1:1/"); s.post("/echo", files={"a": b"1"}); s.get("/stream/1", stream=True).content
            f.get("/redirect/2"); f.post("/echo", data={"a": 1}); f.get("/status/500").text
            with s.get("/echo", catch_response=True) as r:
                r.request_meta["name"] = "x"
        def count():
            gc.collect()
            return len(gc.get_objects())
        s, f = session(), session(FastHttpSession)
        for _ in range(5):
            work(s, f)
        before = count()
        for _ in range(30):
            work(s, f)
        assert count() - before < 30, count() - before
    """)


def test_a_busy_loop_does_not_make_the_target_look_slow(run):
    run("""
        s = session()
        s.get("/delay/0.001", name="warm")
        answered = gevent.spawn(s.get, "/delay/0.1", name="in time")
        gevent.sleep(0)  # it is sent
        end = time.monotonic() + 5
        while time.monotonic() < end:  # nobody else gets a turn; the answer waits in its socket
            pass
        answered.join()
        assert 90 <= rows()["in time"]["max_response_time"] < 4500, rows()
    """)


def test_requests_in_the_midst_of_a_request(run):
    """A finaliser, or a text that looks something up, may send a request while the head of another is written."""
    run("""
        import threading
        from urllib.parse import urlencode

        class Talkative:
            "Sends a request when it goes, which may be at any moment."
            def __init__(self, s):
                self.s, self.me = s, self
            def __del__(self):
                self.s.headers["X-Late"] = "y" * 300
                self.s.get("/echo", params={"late": "z" * 400}, auth=("late", "late"), name="late")

        gc.set_threshold(1, 1, 1)
        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            s.headers = dict(s.headers)
            if cls is HttpSession:
                s.cookies.set("a", "b")
            for i in range(60):
                Talkative(s)
                if cls is HttpSession:
                    s.cookies.set("n", str(i))  # the jar is read anew, by Python
                r = s.post("/echo?i=%d" % i, {"a": "b" * 50, "n": i}, params={"p": i}, auth=("me", "secret"), headers={"X-Own": "o" * 100},
                           name="early")
                told = json.loads(r.text)
                headers = {k.lower(): v for k, v in dict(told["headers"]).items()}
                assert told["path"] == f"/echo?i={i}&p={i}", told
                assert headers["x-own"] == "o" * 100 and headers["authorization"] == "Basic bWU6c2VjcmV0", headers
                assert "zz" not in r.text and "late=" not in r.text, r.text
        gc.set_threshold(700, 10, 10)
        assert rows()["early"]["num_requests"] == 120 and rows()["late"]["num_requests"] > 10, rows()
    """)


def test_texts_that_send_requests_when_they_are_read(run):
    """A str of somebody's own class may do anything in its methods, another request among it."""
    run("""
        class Text(str):
            depth = 0
            def ask(self):
                if Text.depth == 0:
                    Text.depth += 1
                    self.s.headers["X-Late"] = "y" * 300
                    r = self.s.post("/echo", data={"late": "z" * 400}, auth=("late", "late"), headers={"X-Own": "late"}, name="late")
                    assert r.status_code == 200, r
                    Text.depth -= 1
            def __str__(self):
                self.ask()
                return str.__str__(self)
            def encode(self, *args):
                self.ask()
                return str.encode(self, *args)
            def __format__(self, spec):
                self.ask()
                return str.__format__(self, spec)
            def __iter__(self):
                self.ask()
                return str.__iter__(self)
            def lower(self):
                self.ask()
                return str.lower(self)

        def text(s, value):
            t = Text(value)
            t.s = s
            return t

        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            s.headers = dict(s.headers)
            for kwargs in ({"data": "body"}, {"data": text(s, "body")}, {"data": {"a": text(s, "b")}}, {"json": {"a": text(s, "b")}},
                           {"params": {"p": text(s, "q")}}, {"data": {text(s, "a"): 1}}, {"files": {"f": (text(s, "n"), b"c")}}):
                for i in range(5):
                    r = s.post("/echo", auth=(text(s, "me"), text(s, "secret")), headers={"X-Own": "o" * 100}, name="early", **kwargs)
                    assert r.status_code == 200, (cls, kwargs, r.error, r.text)
                    told = json.loads(r.text)
                    headers = {k.lower(): v for k, v in dict(told["headers"]).items()}
                    assert headers["x-own"] == "o" * 100 and headers["authorization"] == "Basic bWU6c2VjcmV0", (kwargs, headers)
                    assert "zz" not in r.text and "late=" not in r.text, (kwargs, r.text)
        assert rows()["early"]["num_requests"] == 70 and rows()["early"]["num_failures"] == 0, rows()
        assert rows()["late"]["num_requests"] > 10, rows()
    """)


def test_two_readers_of_one_streamed_answer(run):
    run("""
        for cls in (HttpSession, FastHttpSession):
            r = session(cls).get("/drip/10", stream=True)
            def read(n):
                return b"".join(r.iter_content(n)) if cls is HttpSession else r.content
            first = gevent.spawn(read, 64)
            gevent.sleep(0)  # until it waits for more
            second = gevent.spawn(read, 64)
            gevent.joinall([first, second], timeout=20)
            assert first.ready() and second.ready()
            assert first.successful() and first.value, first.exception
            assert second.exception is not None, second.value
    """)


def test_a_response_with_a_report_of_its_own(run):
    run("""
        for cls in (HttpSession, FastHttpSession):
            s, told = session(cls), []
            with s.get("/echo", name="kept", catch_response=True) as r:
                r._report_request = lambda *error: told.append(r.request_meta["exception"])
                r.failure("mine")
            assert [str(e) for e in told] == ["mine"], told
            with s.get("/echo", name="passed on", catch_response=True) as r:
                def report(original=r._report_request):
                    r.request_meta["name"] = "renamed"
                    original()
                r._report_request = report
            with s.get("/echo", name="plain", catch_response=True) as r:
                pass
        assert sorted(rows()) == ["plain", "renamed"], rows()
        assert all(row["num_requests"] == 2 for row in rows().values()), rows()
    """)


GERMAN = """
LC_TIME
abday "So";"Mo";"Di";"Mi";"Do";"Fr";"Sa"
day "Sonntag";"Montag";"Dienstag";"Mittwoch";"Donnerstag";"Freitag";"Samstag"
abmon "Jan";"Feb";"Mrz";"Apr";"Mai";"Jun";"Jul";"Aug";"Sep";"Okt";"Nov";"Dez"
mon "Januar";"Februar";"Maerz";"April";"Mai";"Juni";"Juli";"August";"September";"Oktober";"November";"Dezember"
d_t_fmt "%c"
d_fmt "%x"
t_fmt "%X"
am_pm "";""
END LC_TIME
"""


def test_dates_of_cookies_in_another_language(run, tmp_path, monkeypatch):
    """A locale of the test's own making: no distribution has German ones without being asked."""
    source = tmp_path / "german"
    source.write_text(GERMAN)
    subprocess.run(["localedef", "-c", "-i", source, tmp_path / "de_DE"], capture_output=True)
    monkeypatch.setenv("LOCPATH", str(tmp_path))
    run("""
        import locale
        locale.setlocale(locale.LC_TIME, "de_DE")
        assert time.strftime("%a", time.gmtime(0)) == "Do"
        from urllib.parse import quote
        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            for n, (date, is_kept) in enumerate([("Thu, 07 May 2099 10:00:00 GMT", True), ("Wed, 06 May 2009 10:00:00 GMT", False),
                                                 ("Thursday, 07-May-59 10:00:00 GMT", True), ("Wed May  6 10:00:00 2009", False),
                                                 ("Thu, 07-Dec-2051 10:00:00 GMT", True), ("Mon, 07-Mar-2005 10:00:00 GMT", False)]):
                s.get(f"/headers?Set-Cookie={quote(f'c{n}=1; Path=/; Expires={date}')}")
                sent = dict(s.get("/echo").json()["headers"]).get("Cookie", "")
                assert (f"c{n}=" in sent) == is_kept, (date, sent)
    """)


def test_a_cookie_with_a_nul_is_none(run):
    run("""
        from urllib.parse import quote
        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            for line in ("\\0=1; Path=/", "a\\0b=1; Path=/", "c=1\\0; Path=/", "d=1; Path=/\\0", "e=1; Path=/"):
                s.get(f"/headers?Set-Cookie={quote(line)}")
            assert dict(s.get("/echo").json()["headers"])["Cookie"] == "e=1"
    """)


def test_cookies_beyond_ascii_go_back_as_they_came_when_code_touched_the_jar(run):
    run("""
        from urllib.parse import quote
        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            (s.cookies if cls is HttpSession else s.cookiejar).clear()
            cookies = ["latin=Z\u00fcrich", "sid=1", "utf=Z\u00c3\u00bcrich"]
            for cookie in cookies:
                s.get("/cookies/raw?c=" + quote(cookie + "; Path=/"))
            sent = dict(s.get("/echo").json()["headers"]).get("Cookie", "")
            assert sorted(sent.split("; ")) == cookies, (cls, sent)
    """)


def test_redirects_to_ever_new_hosts_fill_a_bounded_table(run):
    run("""
        gc.disable()  # a collection takes dicts without references to others out of its lists
        def tables():
            return [d for d in gc.get_objects() if type(d) is dict and any(
                type(key) is tuple and len(key) > 3 and str(key[0]).startswith("http://127.") for key in list(d))]
        for cls in (HttpSession, FastHttpSession):
            s = session(cls)
            for n in range(1200):
                s.get(f"/to?url=http://127.1.{n // 250}.{n % 250 + 1}:1/", name="/to")
        sizes = [len(table) for table in tables()]
        assert sizes and max(sizes) <= 1024, sizes
        assert s.get("/json").status_code == 200
    """)


def test_what_counts_as_a_failed_request_of_the_fast_client(run):
    """All that Locust has in the list but gevent's Timeout, which is the code's own."""
    run("""
        import ssl, zlib
        from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, HTTPConnectionClosed, HTTPParseError
        for error in (ConnectionError, ConnectionRefusedError, ConnectionResetError, OSError, ssl.SSLError, HTTPConnectionClosed, HTTPParseError,
                      zlib.error):
            assert issubclass(error, FAILURE_EXCEPTIONS), error
        assert session(FastHttpSession).get("/garbage").status_code == 0
    """)
