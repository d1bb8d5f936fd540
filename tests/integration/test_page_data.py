"""What the page is told of a run and of its locustfile: phases, status codes, samples, logs, one user tried, the file
loaded anew. One master for all of it."""

import base64
import gzip
import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest
from harness import get_json, katydid, locustfile, target, wait_for

FILE = """
    import logging
    import locust._try
    from locust import FastHttpUser, HttpUser, TaskSet, constant, events, task

    locust._try.TIME_S = 4.0

    @events.init_command_line_parser.add_listener
    def options(parser):
        parser.add_argument("--colour", choices=["red", "blue"], default="red", help="of the shop")
        parser.add_argument("--depth", type=int, default=3)
        parser.add_argument("--own-token", is_secret=True, default="hidden")
        parser.add_argument("--dry", action="store_true")

    class Shopper(HttpUser):
        weight = 3
        wait_time = constant(0.02)

        def on_start(self):
            logging.info("hello in %s", self.environment.parsed_options.colour)

        @task
        def good(self):
            self.client.get("/delay/30?token=SECRET", name="/good", headers={"Authorization": "Bearer SECRET"})

        @task
        def bad(self):
            self.client.post("/status/503", json={"password": "SECRET", "n": 1}, name="/bad")

        @task
        def missing(self):
            with self.client.get("/status/404", name="/missing", catch_response=True) as answer:
                answer.success()

    class Nested(FastHttpUser):
        wait_time = constant(0.02)

        @task
        class Inside(TaskSet):
            @task
            def fails(self):
                self.client.get("/json", name="/inside")
                raise ValueError("on purpose")

    class Endless(HttpUser):
        fixed_count = 1

        @task
        def never(self):
            self.environment.runner.quit()
            self.client.get("/hang")
"""


def command(url, name, **fields):
    request = urllib.request.Request(
        f"{url}/api/v1/{name}", data=json.dumps(fields).encode(),
        headers={"Content-Type": "application/json", "X-Katydid": "1"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return json.loads(refusal.read())


class Page:
    def __init__(self, url, server, path):
        self.url, self.server, self.path = url, server, path

    def get(self, what):
        return get_json(f"{self.url}/api/v1/{what}")

    def command(self, name, **fields):
        return command(self.url, name, **fields)

    def state(self):
        return self.get("state")["state"]

    def report(self):
        with urllib.request.urlopen(f"{self.url}/api/v1/report", timeout=60) as answer:
            text = re.search(rb'id="katydid-report">([^<]*)</script>', answer.read())[1]
        return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def page():
    with target() as server, locustfile(FILE) as path, \
            katydid("-f", path, "--web-port", "0", "-H", server.url) as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{url}/api/v1/script"), "the locustfile")
        yield Page(url, server, path)


@pytest.fixture(scope="module")
def run(page):
    """A run of three users that has ended; the numbers of the target beside it."""
    page.server.reset()
    settings = {"Nested": {"weight": 0}, "Endless": {"fixed_count": 0, "weight": 0}}
    assert page.command("start", users=3, spawn_rate=30, class_settings=settings)["ok"]
    wait_for(lambda: page.get("live")["total"][1] > 150, "some requests")
    page.command("stop")
    wait_for(lambda: page.state() == "stopped", "the end")
    page.ended = page.get("live")
    page.names = {name: number for number, _method, name in page.ended["defs"]}
    return page


def row(page, name):
    """A row of the last tick as a dict."""
    columns = page.get("state")["columns"]["row"]
    return next(dict(zip(columns, r)) for r in page.ended["rows"] if r[0] == page.names[name])


def test_the_script_tells_classes_tasks_options_and_text(page):
    script = page.get("script")
    text = page.path.read_text()
    assert script["text"] == text and script["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    classes = {each["name"]: each for each in script["classes"]}
    assert list(classes) == ["Shopper", "Nested", "Endless"]
    assert classes["Shopper"]["all_tasks"] == ["good", "bad", "missing"]
    assert "fails" in classes["Nested"]["tasks"]["Inside"]["tasks"]
    options = {each["name"]: each for each in script["options"]}
    assert {name: each["type"] for name, each in options.items()} == {
        "colour": "choice", "depth": "int", "own_token": "text", "dry": "bool"}
    assert options["colour"]["choices"] == ["red", "blue"] and options["depth"]["default"] == 3
    assert options["own_token"]["is_secret"] and options["own_token"]["default"] is None
    assert "hidden" not in json.dumps(script["options"])
    assert script["shape"] is None and script["error"] is None


def test_a_form_is_checked_without_a_start(page):
    before = page.state()
    good = {"users": 5, "spawn_rate": 2, "options": {"colour": "blue"},
            "class_settings": {"Shopper": {"weight": 2, "tasks": ["good"]}}}
    assert page.command("check", **good) == {"ok": True}
    for wrong, field in (
        ({"users": 0}, "users"), ({"spawn_rate": -1}, "spawn_rate"), ({"host": "no url"}, "host"), ({"run_time": "x"}, "run_time"),
        ({"user_classes": ["Nobody"]}, "user_classes"), ({"options": {"depth": "deep"}}, "depth"),
        ({"shape_class": "None"}, "shape_class"), ({"class_settings": {"Nobody": {}}}, "class_settings"),
        ({"class_settings": {"Shopper": {"tasks": []}}}, "class_settings"), ({"nonsense": 1}, "nonsense"),
    ):
        answer = page.command("check", **{**good, **wrong})
        assert not answer["ok"] and answer["field"] == field and len(answer["error"]) > 10, (wrong, answer)
    assert page.state() == before
    assert {each["name"]: each["weight"] for each in page.get("script")["classes"]}["Shopper"] == 3


def test_one_user_is_tried_outside_the_statistics(page):
    answer = page.command("try", user_class="Nested")
    assert answer["ok"] and answer["task"] == "Inside.fails" and "on purpose" in answer["exception"]
    (request,) = answer["requests"]
    assert (request["method"], request["name"], request["status"]) == ("GET", "/inside", 200)
    assert "Folding chair" in request["response_body"]
    assert ["Content-Type", "application/json"] in request["response_headers"]
    assert abs(sum(request["phases"].values()) - request["time_ms"]) < 0.01 < request["time_ms"]
    answer = page.command("try", user_class="Shopper", options={"colour": "blue"})
    assert [line[3] for line in answer["logs"]] == ["hello in blue"] and answer["exception"] is None
    assert "SECRET" not in json.dumps(answer)
    assert page.get("live")["total"][1] == 0 and page.state() == "ready"


def test_an_endless_task_is_ended_and_cannot_end_the_master(page):
    answer = page.command("try", user_class="Endless")
    assert answer["ok"] and "4 s" in answer["exception"] and answer["seconds"] > 3.9
    assert page.get("live")["total"][3] == 0 and page.state() == "ready"


def test_a_trial_that_cannot_be_says_why(page):
    for asked, field in (({"user_class": "Nobody"}, "user_class"), ({"user_class": "Shopper", "options": {"x": 1}}, "options")):
        answer = page.command("try", **asked)
        assert not answer["ok"] and answer["field"] == field, answer


def test_status_codes_bytes_and_phases_add_up(run):
    log = run.server.log()
    total = dict(zip(run.get("state")["columns"]["row"], run.ended["total"]))
    assert log["requests"] == total["requests"] + total["cut"]
    good, bad, missing = row(run, "/good"), row(run, "/bad"), row(run, "/missing")
    assert (good["s2"], bad["s5"], missing["s4"]) == (good["requests"], bad["requests"], missing["requests"])
    assert total["s0"] + total["s2"] + total["s3"] + total["s4"] + total["s5"] == total["requests"]
    assert bad["failures"] == bad["requests"] and missing["failures"] == 0
    assert good["received"] == good["requests"] * (12 + len("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n"))
    assert good["sent"] > good["requests"] * 100
    start, end = int(run.ended["started"]), int(run.ended["ended"]) + 2
    series = run.get(f"series?from={start}&to={end}&columns=all&step=3600&id={run.names['/good']}")
    (point,) = [dict(zip(series["columns"], p)) for p in series["points"] if p[1]]
    phases = sum(point[name] for name in ("queue", "dns", "connect", "tls", "send", "wait", "receive"))
    assert abs(phases - point["mean"]) < 0.05 and point["wait"] > 28 and point["tls"] == 0


def test_the_wait_for_the_first_byte_has_percentiles(run):
    good = row(run, "/good")
    assert 28 < good["wait_p50"] <= good["wait_p90"] <= good["wait_p95"] <= good["wait_p99"] <= good["max"]
    assert good["wait_p50"] <= good["p50"]
    whole = run.get("range")
    (ranged,) = [dict(zip(whole["columns"], r)) for r in whole["rows"] if r[0] == run.names["/good"]]
    assert [ranged[name] for name in ("wait_p50", "wait_p99")] == [good[name] for name in ("wait_p50", "wait_p99")]
    report = run.report()
    (kept,) = [dict(zip(report["rows_run"]["columns"], r)) for r in report["rows_run"]["rows"] if r[2] == run.names["/good"]]
    assert sum(kept["wait_hist"][1::2]) == good["requests"]


def test_what_had_no_answer_has_no_wait():
    text = """
from locust import HttpUser, task, constant
class U(HttpUser):
    host = "http://127.0.0.1:1"
    wait_time = constant(0.05)
    @task
    def refused(self):
        self.client.get("/", name="/refused")
        self.environment.events.request.fire(request_type="GET", name="/own", response_time=5, response_length=0, exception=None, context={})
"""
    with locustfile(text) as path, katydid("-f", path, "--web-port", "0", "--autostart", "-u", "1") as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        live = wait_for(lambda: (live := get_json(f"{url}/api/v1/live"))["total"][1] > 3 and live, "some requests")
        columns = get_json(f"{url}/api/v1/state")["columns"]["row"]
        for numbers in [live["total"], *live["rows"]]:
            assert [dict(zip(columns, numbers))[name] for name in ("wait_p50", "wait_p99")] == [None, None]


def test_samples_are_masked_and_of_their_kind(run):
    (failure,) = [each for each in run.get("failures")["failures"] if each["name"] == "/bad"]
    samples = run.get(f"samples?kind={failure['id']}")["samples"]
    assert 1 <= len(samples) <= 5
    for sample in samples:
        assert sample["status"] == 503 and sample["error"] == failure["text"] and sample["user"] == "Shopper"
        assert json.loads(sample["request_body"]) == {"password": "(masked)", "n": 1}
        assert sample["response_body"] == "Hello there\n" and sample["worker"]
    slow = run.get(f"samples?row={run.names['/good']}")["samples"]
    assert 1 <= len(slow) <= 10
    assert [s["time_ms"] for s in slow] == sorted((s["time_ms"] for s in slow), reverse=True)
    assert all(["Authorization", "(masked)"] in s["request_headers"] and s["url"].endswith("token=(masked)") for s in slow)
    assert "SECRET" not in json.dumps([samples, slow])
    assert run.get("samples?kind=4000000")["samples"] == []


def test_logs_of_master_and_workers_come_by_their_numbers(run):
    logs = wait_for(lambda: (found := run.get("logs")) and any("hello in red" in line[5] for line in found["lines"]) and found,
                    "the worker's lines")
    sources = {line[3] for line in logs["lines"]}
    assert "master" in sources and len(sources) == 2
    hello = next(line for line in logs["lines"] if line[5] == "hello in red")
    assert hello[2] == "INFO" and hello[4] == "root" and hello[6] >= 3
    numbers = [line[0] for line in logs["lines"]]
    assert numbers == sorted(numbers) and logs["seq"] >= numbers[-1]
    assert all(line[0] > hello[0] for line in run.get(f"logs?since={hello[0]}")["lines"])


def test_workers_tell_their_health(run):
    columns = run.get("workers")["columns"]
    (worker,) = [dict(zip(columns, w)) for w in run.get("workers")["workers"]]
    assert worker["fds"] > 5 and worker["connections"] >= 0 and worker["lag_p99"] >= 0 and worker["memory"] > 1e6


def test_the_file_is_loaded_anew_between_tests(run):
    before = run.path.read_text()
    run.path.write_text(before.replace("weight = 3", "weight = 8"))
    assert run.command("reload") == {"ok": True}
    assert {c["name"]: c["weight"] for c in run.get("script")["classes"]}["Shopper"] == 8
    run.path.write_text(before + "\nraise RuntimeError('broken on purpose')\n")
    answer = run.command("reload")
    assert not answer["ok"] and "broken on purpose" in answer["error"] and "Traceback" in answer["error"]
    run.path.write_text(before)
    assert run.command("start", users=2, spawn_rate=10, user_classes=["Nested"])["ok"]
    wait_for(lambda: run.get("live")["total"][1] > 0, "a run of the file as it was")
    answer = run.command("reload")
    assert not answer["ok"] and "between tests" in answer["error"]
    run.command("stop")
    wait_for(lambda: run.state() == "stopped", "the end")


def test_a_start_without_a_host_names_the_field():
    file = """
from locust import HttpUser, User, constant, task

class Own(User):
    wait_time = constant(1)
    @task
    def nothing(self):
        pass

class Lost(HttpUser):
    wait_time = constant(1)
    @task
    def index(self):
        self.client.get("/")
"""
    with target() as server, locustfile(file) as path, katydid("-f", path, "--web-port", "0") as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{url}/api/v1/script"), "the locustfile")
        for host in ({}, {"host": ""}):
            for name in ("check", "start"):
                answer = command(url, name, users=2, spawn_rate=2, **host)
                assert not answer["ok"] and answer["field"] == "host" and "Lost" in answer["error"], answer
        assert get_json(f"{url}/api/v1/state")["state"] == "ready"
        load = {"users": 2, "spawn_rate": 2}
        assert command(url, "check", user_classes=["Own"], **load)["ok"], "it needs none"
        assert command(url, "check", class_settings={"Lost": {"weight": 0}}, **load)["ok"]
        assert command(url, "check", host=server.url, **load)["ok"]
        assert command(url, "start", host=server.url, **load)["ok"]
        wait_for(lambda: server.log()["requests"] > 0, "requests")
        command(url, "stop")
        wait_for(lambda: get_json(f"{url}/api/v1/state")["state"] == "stopped", "the end")
        assert command(url, "check", **load)["ok"], "the host of the last test"
        assert not command(url, "check", host="", **load)["ok"]


@pytest.mark.parametrize("mode", [(), ("--processes", "1")], ids=["local", "processes"])
@pytest.mark.parametrize("has_shape", [False, True], ids=["users", "shape"])
def test_a_test_that_ends_by_itself_says_why(mode, has_shape):
    file = """
from locust import HttpUser, LoadTestShape, constant, task

class Lost(HttpUser):
    wait_time = constant(0.1)
    @task
    def index(self):
        self.client.get("/")
"""
    shape = """
class Shape(LoadTestShape):
    def tick(self):
        return (2, 2) if self.get_run_time() < 60 else None
"""
    with locustfile(file + shape * has_shape) as path, katydid("-f", path, "--web-port", "0", *mode) as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{url}/api/v1/workers")["workers"], "a worker")
        body = urllib.parse.urlencode({"user_count": 2, "spawn_rate": 2}).encode()
        assert json.load(urllib.request.urlopen(f"{url}/swarm", body))["success"]
        wait_for(lambda: "base host" in get_json(f"{url}/api/v1/state")["notice"], "the reason")
        if not mode:
            wait_for(lambda: get_json(f"{url}/api/v1/state")["state"] == "stopped", "the end")
            assert "base host" in get_json(f"{url}/api/v1/events")["events"][-1]["text"]
        trial = command(url, "try", user_class="Lost")
        assert "fill in Host" in trial["exception"] and "--host" not in trial["exception"], trial
