# SPDX-License-Identifier: MIT
"""What is told of single gRPC calls and WebSocket exchanges, as of requests of HTTP: spans (--trace), samples of what failed
or was slow, lines of files."""

import json
import subprocess
from contextlib import contextmanager

import pytest

import receivers
from harness import CLIENTS, ROOT, Process, get_json, katydid, locustfile, run_katydid, wait_for

LISTENER = '''
from locust import events
@events.request.add_listener
def heard(**_):
    pass
'''
OWN = "00-11111111111111111111111111111111-2222222222222222-01"
GRPC = f'''
import os
from katydid.grpc import GrpcUser, RpcError
from locust import task

class Guest(GrpcUser):
    insecure = True

    def on_start(self):
        self.echo, self.fail = (self.channel.unary_unary(f"/t.T/{{name}}") for name in ("Echo", "Fail"))
        self.many = self.channel.unary_stream("/t.T/Many")

    @task
    def all(self):
        call = self.echo.with_call(b"hello", name="echo")[1]
        own = self.echo.with_call(b"x", metadata=[("traceparent", "{OWN}")], name="own")[1]
        with open(os.environ["SAW"], "a") as file:
            for one in call, own:
                print(*(value for key, value in one.trailing_metadata() if key == "saw-traceparent"), file=file)
        try:
            self.fail(b"5 nothing there")
        except RpcError:
            pass
        assert len(list(self.many(b"3 0"))) == 3
'''
CHAT = '''
from katydid.websocket import WebSocketException, WebSocketUser
from locust import task

class Chatter(WebSocketUser):
    @task
    def all(self):
        with self.ws.connect("/echo?token=secret", name="chat") as ws:
            ws.request("hello", name="say")
            ws.request({"id": 1, "op": "x"}, match=lambda m: m["id"] == 1, name="op")
        with self.ws.connect("/mute", name="mute") as ws:
            try:
                ws.request({"id": 2}, name="never", timeout=0.05)
            except WebSocketException:
                pass
'''


@pytest.fixture(scope="module")
def grpc_host():
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "grpc_server.py"], stdin=subprocess.PIPE) as server:
        yield f"127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['plain']}"


@pytest.fixture(scope="module")
def chat_host(certificate):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "ws_server.py", *certificate]) as server:
        yield f"ws://127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['raw']}"


def spans_of(text, host, tmp_path, *more, times=4):
    with locustfile(text) as file, receivers.http_receiver() as store:
        run = run_katydid("-f", file, "-H", host, "--headless", "-i", times, "-u", 2, "-r", 2, "--exit-code-on-error", 0, "--trace", 1,
                          "--out", f"otlp-traces={store.url},interval=200ms", *more, env={"SAW": str(tmp_path / "saw")})
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    by_name = {}
    for span in (span for push in store.pushes for span in receivers.spans(push[2])):
        by_name.setdefault(span["attributes"]["request.name"], []).append(span)
    return by_name


@pytest.mark.parametrize("listener", ["", LISTENER])
def test_each_grpc_call_is_a_span_with_the_ids_its_server_saw(listener, grpc_host, tmp_path):
    spans = spans_of(GRPC + listener, grpc_host, tmp_path)
    assert {name: len(some) for name, some in spans.items()} == {"echo": 4, "/t.T/Fail": 4, "/t.T/Many": 4}, "a traceparent of the script has no span of ours"
    saw = (tmp_path / "saw").read_text().split()
    assert sorted(saw[0::2]) == sorted(f"00-{span['trace']}-{span['span']}-01" for span in spans["echo"]) and set(saw[1::2]) == {OWN}
    host, _, port = grpc_host.partition(":")
    for name, method, status in ("echo", "Echo", 0), ("/t.T/Fail", "Fail", 5), ("/t.T/Many", "Many", 0):
        for span in spans[name]:
            attributes = span["attributes"]
            assert span["name"] == f"grpc {name}" and span["kind"] == 3 and span["parent"] == "" and span["start"] <= span["end"]
            assert (attributes["rpc.system"], attributes["rpc.service"], attributes["rpc.method"]) == ("grpc", "t.T", method)
            assert attributes["rpc.grpc.status_code"] == status and attributes["katydid.user_class"] == "Guest"
            assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
            assert attributes["user_agent.synthetic.type"] == "test" and attributes["url.full"] == f"http://{grpc_host}/t.T/{method}"
            assert (span["code"], attributes.get("error.type")) == ((2, "NOT_FOUND") if status else (0, None))
            assert span["message"] == ("StatusCode.NOT_FOUND: nothing there" if status else "")
            assert span["start"] <= span["events"]["request sent"] <= span["events"]["first byte received"] <= span["end"] + 1000
            assert ("first message received" in span["events"]) == (method == "Many")


@pytest.mark.parametrize("listener", ["", LISTENER])
def test_each_exchange_of_a_websocket_is_a_span_that_names_its_connection(listener, chat_host, tmp_path):
    spans = spans_of(CHAT + listener, chat_host, tmp_path)
    assert {name: len(some) for name, some in spans.items()} == dict.fromkeys(("connect chat", "request say", "request op", "connect mute", "request never"), 4)
    connections = {name: {(span["trace"], span["span"]) for span in spans[f"connect {name}"]} for name in ("chat", "mute")}
    host, _, port = chat_host.removeprefix("ws://").partition(":")
    for name, room in ("say", "chat"), ("op", "chat"), ("never", "mute"):
        for span in spans[f"request {name}"]:
            attributes = span["attributes"]
            assert span["name"] == f"WS request {name}" and span["kind"] == 3 and span["start"] <= span["end"]
            assert attributes["network.protocol.name"] == "websocket" and attributes["katydid.user_class"] == "Chatter"
            assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
            assert attributes["url.full"].startswith(chat_host + ("/echo" if room == "chat" else "/mute")) and "secret" not in attributes["url.full"]
            assert (span["code"], attributes.get("error.type")) == ((2, "WebSocketTimeoutException") if room == "mute" else (0, None))
            assert set(span["links"]) <= connections[room] and len(span["links"]) == 1
    every = [span for some in spans.values() for span in some]
    assert len({span["trace"] for span in every}) == len(every), "each is a trace of its own"


def test_below_the_task_where_tasks_are_traced(grpc_host, chat_host, tmp_path):
    for text, host in (GRPC, grpc_host), (CHAT, chat_host):
        with locustfile(text) as file, receivers.http_receiver() as store:
            run = run_katydid("-f", file, "-H", host, "--headless", "-i", 4, "-u", 2, "-r", 2, "--exit-code-on-error", 0, "--trace", 1,
                              "--out", f"otlp-traces={store.url},tasks=yes", env={"SAW": str(tmp_path / "saw")})
        spans = [span for push in store.pushes for span in receivers.spans(push[2])]
        tasks = {span["span"]: span for span in spans if span["kind"] == 1}
        inner = [span for span in spans if span["kind"] == 3]
        assert len(tasks) == 4 and len(inner) == 4 * (3 if text == GRPC else 5), run.describe()
        assert all(tasks[span["parent"]]["trace"] == span["trace"] for span in inner)


CUT = '''
import os
from katydid.grpc import GrpcUser
from locust import task

class U(GrpcUser):
    insecure = True

    @task
    def one(self):
        {begin}
        with open(os.environ["SAW"], "a") as file:
            file.write(".")
        {wait}
'''


@pytest.mark.parametrize(("begin", "wait", "method"), [
    ("call = self.channel.unary_unary('/t.T/Wait').future(b'600'); self.channel.unary_unary('/t.T/Echo')(b'x')", "call.result()", "Wait"),
    ("call = self.channel.unary_stream('/t.T/Many')(b'2 600'); next(call)", "next(call)", "Many")])
def test_calls_that_are_cut_off_have_spans(begin, wait, method, grpc_host, tmp_path):
    """Each user knows that its call has arrived before it says so."""
    with (locustfile(CUT.format(begin=begin, wait=wait)) as file, receivers.http_receiver() as store,
          katydid("-f", file, "-H", grpc_host, "--headless", "-u", 2, "-r", 2, "--trace", 1, "--out", f"otlp-traces={store.url}", env={"SAW": str(tmp_path / "saw")}) as run):
        wait_for(lambda: (tmp_path / "saw").exists() and (tmp_path / "saw").read_text() == "..", "calls")
        run.signal(15)
        run.wait()
    spans = [span for push in store.pushes for span in receivers.spans(push[2])]
    waits = [span for span in spans if span["attributes"]["rpc.method"] == method]
    assert [span["attributes"]["katydid.outcome"] for span in waits] == ["cut", "cut"], run.describe()
    assert all("rpc.grpc.status_code" not in span["attributes"] and span["code"] == 0 for span in waits)


@contextmanager
def running(text, host, tmp_path):
    with (locustfile(text) as file,
          katydid("-f", file, "-H", host, "--autostart", "-u", 1, "--trace", 0, "--web-port", 0, env={"SAW": str(tmp_path / "saw")}) as master):
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        yield lambda path: get_json(f"{url}/api/v1/{path}")


def sample_of(get, name, is_failed):
    """One of the samples of a row: of its first kind of failure, or of its slowest."""
    def found():
        if is_failed:
            kinds = [kind for kind in get("failures")["failures"] if kind["name"] == name]
            samples = kinds and get(f"samples?kind={kinds[0]['id']}")["samples"]
        else:
            rows = [number for number, _, row in get("live")["defs"] if row == name]
            samples = rows and get(f"samples?row={rows[0]}")["samples"]
        return samples and samples[0]
    return wait_for(found, f"a sample of {name}")


@pytest.mark.parametrize("listener", ["", LISTENER])
def test_samples_of_grpc_calls(listener, grpc_host, tmp_path):
    text = GRPC.replace("class Guest(GrpcUser):", "class Guest(GrpcUser):\n    wait_time = lambda self: 0.05\n    metadata = {'authorization': 'Bearer secret'}") + listener
    with running(text, grpc_host, tmp_path) as get:
        failed, slow = sample_of(get, "/t.T/Fail", True), sample_of(get, "echo", False)
    assert (failed["kind"], failed["method"], failed["user"], failed["status"]) == ("failed", "grpc", "Guest", 200)
    assert failed["url"] == f"http://{grpc_host}/t.T/Fail" and failed["error"] == "StatusCode.NOT_FOUND: nothing there"
    assert ["grpc-status", "5"] in failed["response_headers"] and ["why", "so"] in failed["response_headers"], "trailers as well"
    assert failed["request_body"] == "(15 bytes of a message)" and failed["response_body"] is None
    assert slow["kind"] == "slow" and slow["error"] is None and slow["time_ms"] > 0 and sum(slow["phases"].values()) > 0
    assert (slow["request_body"], slow["response_body"]) == ("(5 bytes of a message)", "(5 bytes of messages)")
    asked = dict(slow["request_headers"])
    assert asked["traceparent"] == f"00-{slow['trace']}-{asked['traceparent'][36:52]}-00" and "secret" not in json.dumps(slow)


@pytest.mark.parametrize("listener", ["", LISTENER])
def test_samples_of_websockets(listener, chat_host, tmp_path):
    text = CHAT.replace("class Chatter(WebSocketUser):", "class Chatter(WebSocketUser):\n    wait_time = lambda self: 0.05") + listener
    with running(text, chat_host, tmp_path) as get:
        failed, slow, said = sample_of(get, "request never", True), sample_of(get, "request op", False), sample_of(get, "request say", False)
    assert (failed["kind"], failed["method"], failed["user"], failed["status"]) == ("failed", "WS", "Chatter", 0)
    assert failed["request_body"] == '{"id": 2}' and failed["response_body"] is None and "WebSocketTimeoutException" in failed["error"]
    assert failed["url"] == f"{chat_host}/mute" and failed["time_ms"] >= 49
    assert slow["request_body"] == slow["response_body"] == '{"id": 1, "op": "x"}' and sum(slow["phases"].values()) > 0 and slow["error"] is None
    assert said["request_body"] == said["response_body"] == "hello" and "secret" not in said["url"] and said["url"].startswith(f"{chat_host}/echo")


@pytest.mark.parametrize("listener", ["", LISTENER])
def test_lines_of_files_have_urls(listener, grpc_host, chat_host, tmp_path):
    for text, host, name, url in (GRPC, grpc_host, "echo", f"http://{grpc_host}/t.T/Echo"), (CHAT, chat_host, "request never", f"{chat_host}/mute"):
        out = tmp_path / "rows.json"
        with locustfile(text + listener) as file:
            run = run_katydid("-f", file, "-H", host, "--headless", "-i", 4, "-u", 2, "--exit-code-on-error", 0, "--out", f"json={out}", env={"SAW": str(tmp_path / "saw")})
        assert run.code == 0, run.describe()
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        points = [line["data"]["tags"] for line in lines if line["type"] == "Point" and line["metric"] == "http_req_duration" and line["data"]["tags"]["name"] == name]
        assert len(points) == 4 and {tags["url"] for tags in points} == {url}
