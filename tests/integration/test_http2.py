# SPDX-License-Identifier: MIT
"""HTTP/2 with both clients, against a server by the Python package h2 that says back what it got and breaks the rules on
request (tests/support/h2_server.py), against nghttpd, nginx and Node."""

import json
import os
import re
import subprocess
import textwrap
from contextlib import contextmanager

import pytest
from harness import CLIENTS, PATIENCE, WORKER, Process, csv_row, free_port, listens, locustfile, run_katydid, run_script, wait_for
from http2_scripts import PRELUDE, http2_ports, http2_run  # noqa: F401  two are fixtures


def test_a_request_is_what_it_would_be_by_http_1(run):
    run("""
        for url in PLAIN, TLS:
            for cls in HttpSession, FastHttpSession:
                s = session(url, cls=cls)
                r = s.get("/some?q=1", headers={"X-Name": "Value", "Connection": "keep-alive", "TE": "gzip"})
                assert r.http_version == "HTTP/2" and r.status_code == 200, r.error
                said, host = r.json(), url.split("//")[1]
                assert (said["method"], said["path"], said["authority"]) == ("GET", "/some?q=1", host), said
                assert said["scheme"] == url.split(":")[0]
                assert said["headers"]["x-name"] == "Value"
                assert not said["headers"].keys() & {"host", "connection", "te", "keep-alive", "transfer-encoding"}, said
                said = s.post("/form", data={"a": "1"}).json()
                assert (said["method"], said["length"], said["headers"]["content-length"]) == ("POST", 3, "3"), said
                assert s.get("/own", headers={"Host": "other.example"}).json()["authority"] == "other.example"
                assert s.put("/p", json={"a": [1, 2]}).json()["length"] > 0
                if cls is HttpSession:
                    assert r.raw.version == 20 and r.reason == "OK"
                    assert s.head("/echo").status_code == 200 and s.head("/echo").content == b""
        assert not failures()
    """)


def test_one_connection_per_user_and_side_by_side(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            group = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(40)]
            gevent.joinall(group, raise_error=True)
            assert [len(g.value.content) for g in group] == list(range(40))
            number = log(s)[-1][0]
            assert [c for c, _, path in log(s) if path == "/bytes/39"][-1] == number
            held = gevent.spawn(s.get, "/hold")
            while not any(path == "/hold" for _, _, path in log(s)):
                gevent.sleep(0.001)
            s.get("/echo")
            assert held.get(timeout=60).text == "held"  # while another was answered on the same connection
        assert len({c for c, _, path in log() if path.startswith("/bytes")}) == 2, "a connection each"
    """)


def test_a_server_that_takes_one_at_a_time(run):
    run("""
        s = session(ONE)
        group = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(20)]
        gevent.joinall(group, raise_error=True)
        assert [len(g.value.content) for g in group] == list(range(20))
        assert len({c for c, _, path in log() if path.startswith("/bytes")}) == 1
    """)


def test_more_connections_of_a_user_when_the_first_is_full(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            for url, most, expected in (ONE, 3, 3), (PLAIN, 3, 1):
                user = User("prior-knowledge")
                user.max_connections = most
                s = cls(url, events.request, user)
                seen = len(log())
                group = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(20)]
                gevent.joinall(group, raise_error=True)
                assert [len(g.value.content) for g in group] == list(range(20))
                used = {c for c, _, path in log()[seen:] if path.startswith("/bytes")}
                assert len(used) == expected, (cls, url, used)
        for most in 0, True, "2", 1 << 20:
            user.max_connections = most
            try:
                HttpSession(PLAIN, events.request, user)
            except ValueError as error:
                assert "max_connections is a number of connections" in str(error)
            else:
                assert False, most
    """)


def test_a_body_above_its_limit_is_reset_and_costs_no_other(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            seen = len(log())
            held = gevent.spawn(s.get, "/hold")
            while not any(path == "/hold" for _, _, path in log()[seen:]):
                gevent.sleep(0.001)
            r = s.get("/bytes/3000000", max_response_size=2999999, name="large")
            assert not r.status_code and "more than 2999999 bytes (max_response_size)" in str(r.error), r.error
            assert len(s.get("/bytes/3000000", max_response_size=3000000).content) == 3000000
            s.get("/echo")
            assert held.get(timeout=60).text == "held"
            new = log()[seen:]
            connection = next(c for c, _, path in new if path == "/hold")
            assert "reset 8" in [path for c, _, path in new if c == connection], new
            assert {c for c, _, path in new if path.startswith("/bytes")} == {connection}
        assert set(failures()) == {"large"}
    """)


def test_the_server_chooses(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            r = session(OLD, cls=cls).get("/x")
            assert (r.http_version, r.text) == ("HTTP/1.1", "http/1.1"), r.error
            r = session(TLS, False, cls=cls).get("/x")
            assert r.http_version == "HTTP/1.1", "not asked for"
            r = session(PLAIN, True, cls=cls).get("/x")
            assert r.http_version == "HTTP/1.1", "without TLS nothing is agreed on"
        assert not failures()
        try:
            session(PLAIN, "3")
        except ValueError as error:
            assert "prior-knowledge" in str(error)
        else:
            assert False
    """)


def test_redirects_cookies_statuses(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            r = s.get("/redirect/3")
            assert r.json()["path"] == "/echo" and len(r.history) == 3, r.text
            s.get("/cookie")
            assert s.get("/echo").json()["headers"]["cookie"] == "a=1; b=2"
            assert s.get("/status/204").content == b""
            assert s.get("/status/404", name=cls.__name__).status_code == 404
        assert "404" in failures()["HttpSession"] and "Not Found" in failures()["HttpSession"], failures()
    """)


def test_large_bodies_both_ways(run):
    run("""
        import tempfile
        size = 3 << 20
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            for cls in HttpSession, FastHttpSession:
                for url in PLAIN, TLS:
                    s = session(url, cls=cls)
                    assert len(s.get(f"/bytes/{size}").content) == size
                    assert s.post("/echo", data=b"x" * size).json()["length"] == size
                    file.seek(0)
                    assert s.post("/echo", data=file).json()["length"] == size
                    said = s.post("/echo", data=iter([b"12", b"345"])).json()
                    assert said["length"] == 5 and "content-length" not in said["headers"], said
                    if cls is FastHttpSession:
                        assert s.post("/echo", data=b"abc", headers={"Expect": "100-continue"}).json()["length"] == 3
        assert not failures()
    """)


def test_streams(run):
    run("""
        s = session(PLAIN)
        r = s.get("/bytes/3000000", stream=True)
        assert sum(len(part) for part in r.iter_content(100000)) == 3000000
        slow = s.get("/endless", stream=True)
        parts = slow.iter_content(10000)
        assert len(next(parts)) == 10000
        assert len(s.get("/bytes/3000000").content) == 3000000  # a reader that waits holds up nobody
        slow.close()
        while not any(path == "reset 8" for _, _, path in log(s)):
            gevent.sleep(0.001)
        assert not failures()
    """)


def test_what_comes_around_an_answer(run):
    run("""
        s = session(PLAIN)
        for cls in HttpSession, FastHttpSession:
            said = session(PLAIN, cls=cls).get("/trailers", name="with trailers")
            assert said.text == "body" and dict(said.trailers) == {"x-checksum": "1"} and said.trailers["X-Checksum"] == "1"
            assert "x-checksum" not in said.headers and dict(session(PLAIN, cls=cls).get("/log", name="log").trailers) == {}
        assert s.get("/hints").text == "after hints"
        assert s.get("/misdirected").status_code == 200
        assert [path for _, _, path in log(s)].count("/misdirected") == 2
        assert rows()["/misdirected"]["num_requests"] == 1 and rows()["/misdirected"]["resent"] == 1, rows()["/misdirected"]
        early = session(PLAIN).post("/early", data=b"x" * (30 << 20), name="early")
        assert early.status_code == 413 and early.text == "too much"
        assert failures().keys() == {"early"}, failures()
    """)


def test_what_was_not_taken_is_sent_again(run):
    run("""
        s = session(PLAIN)
        for path in "/refused", "/goaway":
            r = s.post(path, data=b"1")
            assert r.text == "now", r.error
            assert rows()[path]["num_requests"] == 1 and rows()[path]["resent"] == 0, "it was none of the server's requests"
        for _ in range(3):
            assert s.get("/goaway/soft").text == "the last"
        assert len({c for c, _, path in log(s) if path == "/goaway/soft"}) == 3
        assert s.get("/old").http_version == "HTTP/1.1"
        assert s.get("/more").http_version == "HTTP/1.1", "it was told once"
        assert not failures()
    """)


def test_failures_name_their_reason(run):
    run("""
        expected = {
            "/refused/always": "stream reset by the server: REFUSED_STREAM (0x7)",
            "/late/refused": "stream reset by the server: REFUSED_STREAM (0x7)",
            "/late/old": "stream reset by the server: HTTP_1_1_REQUIRED (0xd)",
            "/goaway/calm": "connection ended by the server: ENHANCE_YOUR_CALM (0xb)",
            "/reset": "stream reset by the server: INTERNAL_ERROR (0x2)",
            "/short": "IncompleteRead(5 bytes read, 5 more expected)",
            "/long": "more body than Content-Length says",
            "/interim": "body after an interim answer",
            "/many-headers": "response head too large",
            "/noise": "the server broke the rules of HTTP/2: FRAME_SIZE_ERROR", "/gone": "Remote end closed connection without response",
        }
        for path, text in expected.items():
            s = session(PLAIN)
            other = s.get("/echo")
            r = s.post(path, data=b"1")
            assert not r.status_code and r.error, path
            assert text in failures()[path], (path, failures()[path])
            assert s.get("/echo").status_code == 200, "the next one does not suffer"
            assert rows()[path]["num_requests"] == 1 and rows()[path]["num_failures"] == 1, path
            r = session(PLAIN, cls=FastHttpSession).post(path, data=b"1", name="fast")
            assert not r.status_code and r.error, path
        assert [path for _, _, path in log()].count("/late/refused") == 2, "an answer had begun: it is not asked for again"
        again = session(PLAIN)
        again.get("/echo")
        again.get("/gone", name="lost twice")
        assert rows()["lost twice"]["resent"] == 1, "idempotent, on a connection that was used before: as HTTP/1.1"
    """)


def test_what_a_hostile_server_does_costs_one_connection(run):
    run("""
        s = session(PLAIN)
        for path in "/endless-head", "/settings", "/pings", "/empty", "/resets", "/padding":
            for n in range(2):
                s.get(path, name=path)
            assert s.get("/echo").status_code == 200, path
        assert {path for path in failures()} == {"/endless-head", "/resets"}, failures()
    """)


def test_windows(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            stuck = gevent.spawn(s.post, "/stuck", data=b"x" * 100000, name="stuck")
            while [path for _, _, path in log()].count("/stuck") < 1 + (cls is FastHttpSession):
                gevent.sleep(0.001)
            assert s.post("/echo", data=b"y" * 200000).json()["length"] == 200000, "one that gets no window holds up no other"
            assert not stuck.ready()
            stuck.kill()
            s = session(NARROW, cls=cls)
            s.get("/echo")  # its settings are there
            assert s.post("/echo", data=b"z" * 3000).json()["length"] == 3000
            assert s.post("/echo", data=iter([b"z" * 500, b"y" * 500])).json()["length"] == 1000
        assert not failures(), failures()
    """)


def test_a_cancelled_request_is_cut_and_reset(run):
    run("""
        s = session(PLAIN)
        s.get("/echo")
        under_way = []
        for path in "/endless", "/hold":
            under_way.append(gevent.spawn(s.get, path, name="cut"))
            while path not in [asked for _, _, asked in log()]:
                gevent.sleep(0.001)
        gevent.killall(under_way)
        assert rows()["cut"]["cut"] == 2 and rows()["cut"]["num_requests"] == 0
        assert s.get("/echo").status_code == 200
        while [path for _, _, path in log()].count("reset 8") < 2:
            gevent.sleep(0.001)
        numbers = {c for c, _, path in log() if path in ("/hold", "/endless", "/echo")}
        assert len(numbers) == 1, "and its connection goes on"
        assert not failures()
    """)


def test_users_that_share_connections(run):
    run("""
        class Gateway(User):
            connections = "shared:2"
        class Other(Gateway):
            pass
        def of(cls, url, session_class=HttpSession):
            s = session_class(url, events.request, cls("prior-knowledge"))
            if session_class is HttpSession:
                s.trust_env = False
            return s
        def numbers(path):
            return {c for c, _, asked in log() if asked == path}
        for n in range(4):
            of(Gateway, PLAIN).get("/one-by-one")
            of(Gateway, PLAIN, FastHttpSession).get("/one-by-one")
        assert len(numbers("/one-by-one")) == 1, "there is room on the first"
        of(Other, PLAIN).get("/one-by-one")
        assert len(numbers("/one-by-one")) == 2, "of the class only"
        group = [gevent.spawn(of(Gateway, ONE).get, "/full") for _ in range(20)]
        gevent.joinall(group, raise_error=True)
        assert {g.value.status_code for g in group} == {200}
        assert 1 <= len(numbers("/full")) <= 2, numbers("/full")
        Gateway.connections = "shared:0"
        try:
            of(Gateway, PLAIN)
        except ValueError as error:
            assert "shared:N" in str(error)
        else:
            assert False, "no connection at all"
    """)


def test_what_is_refused_may_be_a_failure(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = cls(PLAIN, events.request, type("Once", (User,), {"retry_refused": False})("prior-knowledge"))
            s.trust_env = False
            assert not s.get("/refused/always", name=f"once {cls.__name__}").status_code
            assert "REFUSED_STREAM (0x7)" in failures()[f"once {cls.__name__}"]
            for _ in range(2):
                assert s.get("/goaway", name="closed in order").text == "now", "that refuses nothing"
        assert [path for _, _, path in log()].count("/refused/always") == 2
    """)


def test_pings(run):
    run("""
        def asking(seconds, cls=HttpSession):
            s = cls(PLAIN, events.request, type("Asking", (User,), {"http2_ping": seconds})("prior-knowledge"))
            s.trust_env = False
            return s
        def numbers(path):
            return [c for c, _, asked in log(watch) if asked == path]
        watch = session(PLAIN)
        quiet = [asking(2), asking(2, FastHttpSession)]
        for s in quiet:
            s.get("/quiet")
        first = numbers("/quiet")
        while min(numbers("ping").count(c) for c in first) < 2:
            assert not [c for c in numbers("goaway 0") if c in first], "the server answered"
            gevent.sleep(0.05)
        for s in quiet:
            s.get("/quiet")
        assert len(set(numbers("/quiet"))) == 2, "an answer keeps the connection"
        for cls, text in (HttpSession, "timed out"), (FastHttpSession, "connection closed"):
            before = _katydid.client_counters()["connections_open"]
            r = asking(0.2, cls).post("/deaf", name=text)
            assert not r.status_code and text in failures()[text], failures()
            assert _katydid.client_counters()["connections_open"] == before
        for seconds in "often", -1, True:
            try:
                asking(seconds)
            except ValueError as error:
                assert "http2_ping" in str(error)
            else:
                assert False, "it is no time"
    """)


def test_a_connection_ends_in_order(run):
    run("""
        s = session(PLAIN)
        s.get("/echo")
        s.close()
        while [path for _, _, path in log()].count("goaway 0") < 1:
            gevent.sleep(0.001)
    """)


SCRIPT = """
    from locust import FastHttpUser, HttpUser, constant, task
    class Normal(HttpUser):
        wait_time = constant(0.01)
        {normal}
        @task
        def t(self):
            r = self.client.get("/bytes/5", name="normal")
            assert r.http_version == "{version}", r.http_version
    class Fast(FastHttpUser):
        wait_time = constant(0.01)
        {fast}
        @task
        def t(self):
            r = self.client.get("/bytes/5", name="fast")
            assert r.http_version == "{version}", r.http_version
"""


@pytest.mark.parametrize(("option", "normal", "version"), [
    ((), 'http2 = "prior-knowledge"', "HTTP/2"), (("--http2=prior-knowledge",), "", "HTTP/2"),
    (("--http2", "prior-knowledge"), "", "HTTP/2"), (("--http2",), "", "HTTP/1.1"), (("--http2=prior-knowledge",), "http2 = False", "HTTP/1.1")])
def test_a_run(option, normal, version, ports, tmp_path):
    with locustfile(textwrap.dedent(SCRIPT.format(normal=normal, fast=normal, version=version))) as file:
        run = run_katydid("-f", file, "-H", f"http://127.0.0.1:{json.loads(ports)['plain']}", "--headless", "-u", 4, "-r", 100, "-i", 40,
                          *option, "--processes", 2, "--csv", tmp_path / "out", "--out", f"csv={tmp_path}/all.csv")
    assert run.code == 0, run.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) >= 40
    lines = "".join(p.read_text() for p in tmp_path.glob("all*.csv"))
    assert {"HTTP/2": "HTTP/2.0", "HTTP/1.1": "HTTP/1.1"}[version] in lines, lines[:500]


def test_metrics(ports, tmp_path):
    with locustfile("""
from locust import HttpUser, constant, task
class Refused(HttpUser):
    http2 = "prior-knowledge"
    wait_time = constant(0.01)
    @task
    def t(self):
        self.client.get("/refused/always")
""") as file:
        run = run_katydid("-f", file, "-H", f"http://127.0.0.1:{json.loads(ports)['plain']}", "--headless", "-u", 3, "-r", 100, "-i", 60,
                          "--summary", tmp_path / "summary.json", "--threshold", "count of http2_refused >= 120", "--threshold", "count of http2_retries >= 60")
    summary = json.loads((tmp_path / "summary.json").read_text())
    metrics = {one["metric"]: one for one in summary["metrics"]}
    assert metrics["http2_refused"]["sum"] == 120 and metrics["http2_retries"]["sum"] == 60, metrics
    assert metrics["http2_connections"]["max"] <= 3 and metrics["http2_streams"]["max"] <= 3, metrics
    assert metrics["http2_head_ratio"]["min"] > 1, metrics
    assert all(one["state"] == "pass" for one in summary["thresholds"]), run.describe()


def test_an_option_that_is_none():
    with locustfile("") as file:
        run = run_katydid("-f", file, "--http2=3", "--list")
    assert run.code == 2 and "prior-knowledge" in run.stderr


# ---- other servers ------------------------------------------------------------------------------

GETS = """
for cls in HttpSession, FastHttpSession:
    s = cls(sys.argv[1], events.request, User(True if sys.argv[1].startswith("https") else "prior-knowledge"))
    s.verify = s.trust_env = False
    group = [gevent.spawn(s.get, "/page.txt") for _ in range(300)]
    gevent.joinall(group, raise_error=True)
    answers = {(g.value.http_version, g.value.text, str(g.value.error)) for g in group}
    assert answers == {("HTTP/2", "a page", "None")}, answers
    for n in range(200):  # one after the other, and with pauses
        assert s.get("/page.txt").text == "a page"
        if n % 50 > 45:
            gevent.sleep(0.01)
    assert len(s.get("/large.bin").content) == 20000000
assert not failures(), failures()
"""


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.txt").write_text("a page")
    (folder / "large.bin").write_bytes(b"x" * 20000000)
    return folder


def get_pages(url, tmp_path):
    prelude = re.sub(r"^(PLAIN, TLS|WIDE, ASKS).*\n.*\n", "", PRELUDE, flags=re.MULTILINE)
    run_script(tmp_path, prelude + GETS, url)


@contextmanager
def listening(command, port, **kwargs):
    with Process(command, **kwargs) as server:
        wait_for(lambda: listens(port), f"{command[0]} to listen")
        yield server


@pytest.mark.parametrize("is_tls", [False, True])
def test_nghttpd(is_tls, pages, certificate, tmp_path):
    port = free_port()
    tls = [certificate[1], certificate[0]] if is_tls else ["--no-tls"]
    with listening(["nghttpd", "-a", "127.0.0.1", "-d", pages, *([] if is_tls else tls), port, *(tls if is_tls else [])], port):
        get_pages(f"http{'s' if is_tls else ''}://127.0.0.1:{port}", tmp_path)


@pytest.mark.parametrize("is_tls", [False, True])
def test_nginx(is_tls, pages, certificate, tmp_path):
    port = free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
        {"user root;" if os.geteuid() == 0 else ""} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{ }}
        http {{
          access_log off; client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
          uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e; keepalive_requests 100;
          server {{ listen 127.0.0.1:{port} {"ssl" if is_tls else ""} http2; root {pages};
                    ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; }}
        }}""")
    with listening(["nginx", "-c", conf, "-p", tmp_path, "-e", tmp_path / "error.log"], port):
        get_pages(f"http{'s' if is_tls else ''}://127.0.0.1:{port}", tmp_path)


NODE = """
const http2 = require("http2"), fs = require("fs");
const answer = (request, response) => {
  response.setHeader("content-type", "text/plain");
  response.end(fs.readFileSync(process.argv[2] + request.url));
};
const server = process.argv[4] ? http2.createSecureServer({ cert: fs.readFileSync(process.argv[4]), key: fs.readFileSync(process.argv[5]) }, answer)
                               : http2.createServer(answer);
server.listen(Number(process.argv[3]), "127.0.0.1");
"""


@pytest.mark.parametrize("is_tls", [False, True])
def test_node(is_tls, pages, certificate, tmp_path):
    port = free_port()
    script = tmp_path / "server.js"
    script.write_text(NODE)
    with listening(["node", script, pages, port, *(certificate if is_tls else ())], port):
        get_pages(f"http{'s' if is_tls else ''}://127.0.0.1:{port}", tmp_path)


RESUMING = """
const http2 = require("http2"), fs = require("fs");
const server = http2.createSecureServer({ allowHTTP1: true, cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) },
  (request, response) => response.end(String((request.stream ? request.stream.session : request).socket.isSessionReused())));
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ tls: server.address().port })));
"""


@pytest.mark.parametrize("http2", [False, True])
def test_each_ticket_of_a_server_is_used(http2, certificate, tmp_path):
    """Node gives two on a full handshake, and none on one that resumes."""
    (tmp_path / "server.js").write_text(RESUMING)
    (tmp_path / "script.py").write_text(textwrap.dedent("""
        import json, sys, locust
        from locust import events
        from locust.clients import HttpSession

        class User:
            http2 = sys.argv[2] == "True"

        s = HttpSession(f"https://127.0.0.1:{json.loads(sys.argv[1])['tls']}", events.request, User())
        s.trust_env = s.verify = False
        for _ in range(6):
            response = s.get("/")
            print(response.http_version, response.text)
            s.close()
    """))
    with Process(["node", tmp_path / "server.js", *certificate]) as server:
        ports = server.wait_line(r"^\{.*\}$").group(0)
        out = subprocess.run([WORKER, "--python", tmp_path / "script.py", ports, str(http2)], capture_output=True, text=True, timeout=PATIENCE)
    assert out.returncode == 0, out.stderr[-4000:]
    version = "HTTP/2" if http2 else "HTTP/1.1"
    assert out.stdout.split("\n")[:-1] == [f"{version} {was}" for was in ("false", "true", "true")] * 2, out.stdout
