# SPDX-License-Identifier: MIT
"""--trace and --out otlp-traces: what the target was sent and what a receiver of spans gets are the same ids."""

import http.server
import json
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

import receivers
from harness import free_port, get_json, katydid, locustfile, run_katydid, wait_for

USER = '''
from locust import HttpUser, FastHttpUser, task
class U(HttpUser):
    @task
    def all(self):
        self.client.get("/a?token=secret")
        self.client.post("/b", data="x", name="b")
        self.client.get("/status/404", name="fails")
        self.client.get("/to/a", name="moved")
        self.client.get("/with", headers={"TraceParent": "00-11111111111111111111111111111111-2222222222222222-01", "tracestate": "k=v"})
        self.client.get("/plain", name="plain", stream=True).close()
        self.client.get("http://127.0.0.1:1/", name="refused")
class F(FastHttpUser):
    fixed_count = 1
    @task
    def all(self):
        self.client.get("/fast")
'''
TIMES = 30
VALUE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Target(http.server.ThreadingHTTPServer):
    """Keeps (path, its traceparents, its tracestates) of each request."""

    daemon_threads = True

    def __init__(self):
        self.seen, self.held, self.waits = [], threading.Event(), 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen.append((self.path, self.headers.get_all("traceparent") or [], self.headers.get_all("tracestate") or []))
                if self.path == "/hang":
                    outer.waits += 1
                    outer.held.wait(600)
                moved = self.path.startswith("/to/")
                self.send_response(302 if moved else int(self.path[8:]) if self.path.startswith("/status/") else 200)
                if moved:
                    self.send_header("Location", self.path[3:])
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass


@contextmanager
def traced_target():
    server = Target()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.held.set()
        server.shutdown()
        server.server_close()


def sent(target):
    """{(trace, span): [paths]} of all headers of ours, and {flag: ids}."""
    ids, flags = {}, {}
    for path, values, _ in target.seen:
        if path == "/with":
            continue
        assert len(values) == 1, (path, values)
        trace, span, flag = VALUE.fullmatch(values[0]).groups()
        assert int(trace, 16) and int(span, 16)
        ids.setdefault((trace, span), []).append(path)
        flags.setdefault(flag, set()).add((trace, span))
    return ids, flags


def of_summary(path):
    summary = json.loads(path.read_text())
    return {row["name"]: row for row in summary["rows"]}, {one["kind"]: one for one in summary["outputs"]}


@pytest.mark.parametrize(("protocol", "more"), [("http/protobuf", ()), ("grpc", ("--processes", 2))])
def test_each_request_is_a_span_with_the_ids_the_target_saw(protocol, more, tmp_path):
    receiver = receivers.grpc_receiver if protocol == "grpc" else receivers.http_receiver
    began = time.time_ns()
    with traced_target() as target, locustfile(USER) as file, receiver() as store:
        run = run_katydid("-f", file, "-H", target.url, "--headless", "-i", TIMES, "-u", 4, "-r", 4, "--exit-code-on-error", 0, "--trace", 1,
                          "--summary", tmp_path / "s.json", "--test-id", "t1", "--out", f"otlp-traces={store.url},protocol={protocol},interval=200ms", *more)
    assert run.code == 0, run.describe()
    pushes = store.calls if protocol == "grpc" else store.pushes
    assert {where for where, _, _ in pushes} == {TRACES if protocol == "grpc" else "/v1/traces"}
    spans = [span for push in pushes for span in receivers.spans(push[2])]
    rows, outputs = of_summary(tmp_path / "s.json")
    expected = {name: row["requests"] for name, row in rows.items() if name != "/with"}
    assert Counter(span["attributes"]["request.name"] for span in spans) == expected
    assert outputs["otlp-traces"]["sent"] == len(spans) and outputs["otlp-traces"]["dropped"] == 0
    ids, flags = sent(target)
    assert set(flags) == {"01"}
    made = {(span["trace"], span["span"]): span for span in spans}
    assert len(made) == len(spans) and made.keys() - ids.keys() == {key for key, span in made.items() if span["attributes"]["request.name"] == "refused"}
    assert ids.keys() <= made.keys()
    for key, paths in ids.items():
        check_span(made[key], paths, target, began)
    busy = {worker["id"] for worker in json.loads((tmp_path / "s.json").read_text())["workers"] if worker["requests"]}  # one may do all of it
    assert {span["resource"]["service.instance.id"] for span in spans} <= busy, "the worker that made the request"
    assert {value for path, values, _ in target.seen for value in values if path == "/with"} == {"00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    assert {tuple(states) for path, _, states in target.seen} == {(), ("k=v",)}
    refused = next(span for span in spans if span["attributes"]["request.name"] == "refused")
    assert refused["code"] == 2 and refused["attributes"]["error.type"] == "ConnectionRefusedError" and "http.response.status_code" not in refused["attributes"]


def check_span(span, paths, target, began):
    attributes = span["attributes"]
    name, method = attributes["request.name"], attributes["http.request.method"]
    assert span["name"] == f"{method} {name}" and span["kind"] == 3 and span["parent"] == ""
    assert began < span["start"] <= span["end"] < time.time_ns()
    assert paths == {"moved": ["/to/a", "/a"], "b": ["/b"], "fails": ["/status/404"], "/fast": ["/fast"], "plain": ["/plain"]}.get(name, ["/a?token=secret"])
    host, _, port = target.url.removeprefix("http://").partition(":")
    assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
    assert attributes["http.response.status_code"] == (404 if name == "fails" else 200)
    assert attributes["url.full"].startswith(target.url) and "secret" not in attributes["url.full"]
    assert attributes["user_agent.synthetic.type"] == "test" and attributes["katydid.user_class"] == ("F" if name == "/fast" else "U")
    assert attributes["network.protocol.version"] == "1.1"
    assert (span["code"], attributes.get("error.type")) == ((2, "404") if name == "fails" else (0, None))
    assert attributes.get("http.request.resend_count") == (1 if name == "moved" else None)
    assert span["start"] <= span["events"]["request sent"] <= span["events"]["first byte received"] <= span["end"] + 1000
    assert span["resource"]["service.name"] == "katydid" and span["resource"]["testid"] == "t1"


def test_a_share_of_them_is_sampled(tmp_path):
    """8,000 requests, a tenth: 800 ± 27 at one deviation; 6 of them. The others carry ids, too."""
    user = USER[:USER.index("class U")] + '''
class U(FastHttpUser):
    @task
    def all(self):
        for _ in range(100):
            self.client.get("/")
'''
    with traced_target() as target, locustfile(user) as file, receivers.http_receiver() as store:
        run = run_katydid("-f", file, "-H", target.url, "--headless", "-i", 80, "-u", 4, "-r", 4, "--processes", 2, "--trace", "0.1", "--out", f"otlp-traces={store.url}")
    assert run.code == 0, run.describe()
    ids, flags = sent(target)
    assert len(ids) == len(target.seen) == 8000
    spans = {(span["trace"], span["span"]) for push in store.pushes for span in receivers.spans(push[2])}
    assert spans == flags["01"] and abs(len(spans) - 800) < 6 * 27


def test_a_sample_on_the_page_has_its_trace(tmp_path):
    """Without a receiver of spans: the header alone, and the id where a failed request is shown."""
    user = 'from locust import HttpUser, task, constant\nclass U(HttpUser):\n    wait_time = constant(0.05)\n    @task\n    def one(self):\n        self.client.get("/status/500", name="f")\n'
    with traced_target() as target, locustfile(user) as file, katydid("-f", file, "-H", target.url, "--autostart", "-u", 1, "--trace", 0, "--web-port", 0) as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        kinds = wait_for(lambda: get_json(f"{url}/api/v1/failures")["failures"], "a failure")
        samples = wait_for(lambda: get_json(f"{url}/api/v1/samples?kind={kinds[0]['id']}")["samples"], "a sample")
        traces = {values[0][3:35] for _, values, _ in list(target.seen)}
    assert set(sent(target)[1]) == {"00"}
    assert all(sample["trace"] in traces for sample in samples)


def test_tasks_are_above_their_requests(tmp_path):
    """A task is sampled as a whole, one of an inner set as well; what is asked outside of tasks is a trace of its own."""
    user = '''
from locust import HttpUser, TaskSet, task
class U(HttpUser):
    def on_start(self):
        self.client.get("/start")
    @task
    def two(self):
        self.client.get("/a")
        self.client.get("/b", stream=True).close()
    @task
    def breaks(self):
        self.client.get("/c")
        raise ValueError("it broke")
    @task
    class Inner(TaskSet):
        @task
        def inner(self):
            self.client.get("/d")
            self.interrupt()
'''
    with traced_target() as target, locustfile(user) as file, receivers.http_receiver() as store:
        run = run_katydid("-f", file, "-H", target.url, "--headless", "-i", 40, "-u", 2, "-r", 2, "--exit-code-on-error", 0, "--trace", "0.5", "--out", f"otlp-traces={store.url},tasks=yes")
    spans = [span for push in store.pushes for span in receivers.spans(push[2])]
    tasks = {span["span"]: span for span in spans if span["kind"] == 1}
    requests = [span for span in spans if span["kind"] == 3]
    assert tasks and len(tasks) + len(requests) == len(spans) and all(span["parent"] == "" for span in tasks.values()), run.describe()
    assert {(span["trace"], span["span"]) for span in requests} == sent(target)[1]["01"]
    inside = {"/a": "U.two", "/b": "U.two", "/c": "U.breaks", "/d": "U.inner"}
    for span in requests:
        name = span["attributes"]["request.name"]
        if name == "/start":
            assert span["parent"] == ""
            continue
        task = tasks[span["parent"]]
        assert task["trace"] == span["trace"] and task["name"] == inside[name] and task["start"] <= span["start"] <= span["end"] <= task["end"]
    asked = Counter(span["parent"] for span in requests)
    assert all(asked[key] == (2 if task["name"] == "U.two" else 1) for key, task in tasks.items())
    assert {(task["code"], task["message"]) for task in tasks.values() if task["name"] == "U.breaks"} <= {(2, "ValueError('it broke')")}
    assert {task["code"] for task in tasks.values() if task["name"] != "U.breaks"} <= {0}


def test_nothing_is_sent_that_nobody_asked_for(tmp_path):
    with traced_target() as target, locustfile(USER[:USER.index("class F")]) as file:
        run_katydid("-f", file, "-H", target.url, "--headless", "-i", 4, "-u", 2, "--exit-code-on-error", 0)
    assert {path for path, values, _ in target.seen if values} == {"/with"}


def test_what_was_cut_off_has_a_span_too(tmp_path):
    user = 'from locust import HttpUser, task\nclass U(HttpUser):\n    @task\n    def one(self):\n        self.client.get("/hang")\n'
    with (traced_target() as target, locustfile(user) as file, receivers.http_receiver() as store,
          katydid("-f", file, "-H", target.url, "--headless", "-u", 2, "-r", 2, "--trace", 1, "--out", f"otlp-traces={store.url}") as run):
        wait_for(lambda: target.waits == 2, "requests that hang")
        run.signal(15)
        run.wait()
    spans = [span for push in store.pushes for span in receivers.spans(push[2])]
    assert [span["attributes"]["katydid.outcome"] for span in spans] == ["cut", "cut"]
    assert {(span["trace"], span["span"]) for span in spans} == set(sent(target)[0])


def test_a_receiver_that_comes_late_gets_them_all_and_one_that_never_comes_costs_none_of_the_run(tmp_path):
    port = free_port()
    user = 'from locust import FastHttpUser, constant, task\nclass U(FastHttpUser):\n    wait_time = constant(0.02)\n    @task\n    def all(self):\n        self.client.get("/")\n'
    with (traced_target() as target, locustfile(user) as file,
          katydid("-f", file, "-H", target.url, "--headless", "-u", 2, "-r", 2, "--trace", 1, "--summary", tmp_path / "s.json",
                  "--out", f"otlp-traces=http://127.0.0.1:{port}", "--out", f"otlp-traces=http://127.0.0.1:{free_port()}") as run):
        wait_for(lambda: len(target.seen) > 50, "requests")
        with receivers.http_receiver(port) as store:
            wait_for(lambda: store.pushes, "a push")
            run.signal(15)
            assert run.wait() == 0, run.describe()
    rows, outputs = of_summary(tmp_path / "s.json")
    told = rows["/"]["requests"] + rows["/"]["cut"] + rows["/"]["discarded"]
    assert len({span["span"] for push in store.pushes for span in receivers.spans(push[2])}) == told == outputs["otlp-traces"]["sent"]
    assert outputs["otlp-traces 2"]["sent"] == 0 and outputs["otlp-traces 2"]["dropped"] == told
    assert f"{told} of {told} spans did not arrive" in run.stdout + run.stderr
