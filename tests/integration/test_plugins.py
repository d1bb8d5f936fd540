"""Plug-ins of Locust from their registry, unchanged: locust-plugins, locust-telemetry, and what har2locust writes."""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import BUILD, KATYDID, ROOT, Process, locustfile, run_katydid, target

PLUGINS = Path(os.environ.get("KATYDID_PLUGINS_VENV", ROOT / "build" / "venv-plugins"))

LIMITED = '''
import locust_plugins
from locust import HttpUser, SequentialTaskSet, constant, task

class Shopper(HttpUser):
    wait_time = constant(0.01)
    @task
    def buy(self): self.client.get("/")

class Ordered(HttpUser):
    wait_time = constant(0.01)
    @task
    class Steps(SequentialTaskSet):
        @task
        def one(self): self.client.get("/1")
        @task
        def two(self): self.client.get("/2")

class Refused(HttpUser):
    wait_time = constant(0.01)
    @task
    def fail(self): self.client.get("/status/500")
'''


@pytest.fixture(scope="module")
def server():
    with target() as process:
        yield process


def run(text, server, *arguments, **kwargs):
    with locustfile(text) as path:
        process = run_katydid("-f", path, "-H", server.url, "--headless", "--only-summary", "-t", "30s", *arguments,
                              cwd=path.parent, env={"VIRTUAL_ENV": str(PLUGINS)}, **kwargs)
        process.files = {p.name: p.read_text() for p in path.parent.iterdir() if p.suffix == ".csv"}
    assert "Traceback" not in process.stderr, process.describe()
    return process


@pytest.mark.parametrize("arguments", [
    ["Shopper", "-u", "3"], ["Shopper", "Ordered", "-u", "4"], ["Shopper", "-u", "2", "--processes", "1"],
    ["Shopper", "-u", "3", "-i", "20", "--ips", "30"],
], ids=["users", "sets", "processes", "paced"])
def test_iterations_end_the_test(server, arguments):
    server.reset()
    process = run(LIMITED, server, "-r", "10", "-i", "20", *arguments)
    assert "All iterations are done, shutting down" in process.stderr, process.describe()
    assert server.log()["requests"] == 20 and process.code == 0, process.describe()
    assert "time limit reached" not in process.stderr


@pytest.mark.parametrize("check, users, code", [
    (["--check-rps", "100000"], "Shopper", 3), (["--check-fail-ratio", "0.5"], "Refused", 3),
    (["--check-fail-ratio", "1"], "Refused", 0), (["--check-avg-response-time", "5000"], "Shopper", 0),
], ids=["rps", "failures", "failures allowed", "response time"])
def test_checks_are_the_exit_code(server, check, users, code):
    process = run(LIMITED, server, "-i", "4", *check, users)
    assert process.code == code and ("CHECK FAILED" in process.stderr) == (code == 3), process.describe()


HALF = '''
from locust import HttpUser, constant, events, task

class Half(HttpUser):
    done = 0
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/")
        self.client.get("/status/404")
        Half.done += 1
        if Half.done == 5:
            self.environment.runner.quit()

@events.init.add_listener
def show(environment, **_):
    o = environment.parsed_options
    print("THEIRS", o.check_rps, o.check_fail_ratio, o.check_avg_response_time, flush=True)
'''
NONE = "THEIRS None None None"


@pytest.mark.parametrize("name", ["katydid", "locust"])
@pytest.mark.parametrize("arguments, code, failed, theirs", [
    ([], 1, 0, NONE), (["--check-fail-ratio", "0.9"], 0, 0, "THEIRS None 0.9 None"),
    (["--check-fail-ratio", "0.1", "--check-rps", "100000"], 3, 2, "THEIRS 100000.0 0.1 None"),
    (["--check-avg-response-time", "50000"], 1, 0, "THEIRS None None 50000.0"),
    (["--check-avg-response-time=0", "--threshold", "count > 1e9", "--processes", "1"], {"katydid": 99, "locust": 1}, 1, "THEIRS None None 0.0"),
], ids=["none", "forgiven", "both", "mean", "beside a threshold"])
def test_the_plug_in_and_the_master_have_one_word_on_checks(server, tmp_path, name, arguments, code, failed, theirs):
    """A value reaches the locustfile's option of that name too, and what failed is told once, with the code it has without the plug-in."""
    (tmp_path / name).symlink_to(KATYDID)
    with locustfile("import locust_plugins" + HALF) as path:
        with Process([tmp_path / name, "-f", path, "-H", server.url, "--headless", "--only-summary", "-t", "2m", *arguments],
                     env={"VIRTUAL_ENV": str(PLUGINS)}) as process:
            assert process.wait() == (code[name] if isinstance(code, dict) else code), process.describe()
    assert process.stderr.count("CHECK FAILED") == failed and "Traceback" not in process.stderr, process.describe()
    assert ("check" in "".join(process.stderr.partition("Exit code")[1:])) == bool(failed), process.describe()
    assert theirs in process.stdout, process.describe()


def test_checks_of_the_environment_are_told_once(server):
    with locustfile("import locust_plugins" + HALF) as path:
        process = run_katydid("-f", path, "-H", server.url, "--headless", "--only-summary", "-t", "2m",
                              env={"VIRTUAL_ENV": str(PLUGINS), "LOCUST_CHECK_FAIL_RATIO": "0.1"})
    assert process.code == 3 and process.stderr.count("CHECK FAILED") == 1 and "Exit code 3: 1 check failed" in process.stderr, process.describe()


EXTRAS = '''
import locust_plugins
from locust import HttpUser, constant, events, task
from locust_plugins.csvreader import CSVDictReader
from locust_plugins.listeners.jmeter import JmeterListener
from locust_plugins.transaction_manager import TransactionManager

with open("shoppers.csv", "w") as file:
    file.write("name\\nann\\nbob\\n")
shoppers = CSVDictReader("shoppers.csv")

@events.init.add_listener
def on_init(environment, **_):
    JmeterListener(env=environment, results_filename="jmeter.csv", flush_size=2)

class Shopper(HttpUser):
    wait_time = constant(0.01)
    def on_start(self):
        self.transactions = TransactionManager()
    @task
    def buy(self):
        self.transactions.start_transaction("buying")
        self.client.get("/", name=next(shoppers)["name"])
        self.transactions.end_transaction("buying")
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
def test_listeners_of_locust_plugins(server, mode):
    process = run(EXTRAS, server, "-i", "6", "--log-transactions-in-file", "--csv", "run", *mode)
    rows = list(csv.DictReader(process.files["jmeter.csv"].splitlines()))
    assert sorted(row["label"] for row in rows) == ["ann"] * 3 + ["bob"] * 3, process.describe()
    assert {row["responseCode"] for row in rows} == {"200"}
    transactions = process.files["run_transactions.csv"].splitlines()[1:]
    assert len(transactions) == 6 and all(",buying," in line for line in transactions), process.files


TELEMETRY = '''
from locust import HttpUser, constant, task
from locust_telemetry import entrypoint
entrypoint.initialize()

class Shopper(HttpUser):
    wait_time = constant(0.1)
    @task
    def buy(self): self.client.get("/")
'''


def test_telemetry_is_recorded(server):
    with locustfile(TELEMETRY) as path:
        process = run_katydid("-f", path, "-H", server.url, "--headless", "--only-summary", "-t", "3s", "--processes", "1", "--testplan", "plan",
                              "--enable-telemetry-recorder", "json", "--lt-stats-recorder-interval", "1",
                              env={"VIRTUAL_ENV": str(PLUGINS)})
    seen = {}
    for line in (process.stdout + process.stderr).splitlines():
        record = json.loads(line).get("telemetry") if line.startswith("{") else None
        if record:
            seen.setdefault((record["source"], record["telemetry_name"].removeprefix("locust.tl.")), record)
    assert {("MasterRunner", "event.test.start"), ("MasterRunner", "event.spawn.complete"), ("MasterRunner", "event.test.stop"),
            ("MasterRunner", "request.metric.stats"), ("WorkerRunner", "system.metric.cpu")} <= set(seen), process.describe()
    assert process.code == 0 and seen["MasterRunner", "request.metric.stats"]["num_failures"] == 0


@pytest.mark.parametrize("exporter", ["console", "none"])
def test_a_start_says_whether_opentelemetry_is_on(server, exporter):
    with locustfile(LIMITED) as path:
        process = run_katydid("-f", path, "-H", server.url, "--headless", "--only-summary", "-t", "1s", "--otel", "Shopper", env={
            "VIRTUAL_ENV": str(PLUGINS), "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": exporter})
    start = next(line for line in process.stderr.splitlines() if "Starting Locust" in line)
    assert start.endswith(", OpenTelemetry enabled") == (exporter == "console"), process.describe()


def entry(method, url, headers, body=None):
    request = {"method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [], "headersSize": -1,
               "bodySize": -1, "headers": [{"name": name, "value": value} for name, value in headers.items()]}
    if body is not None:
        request["postData"] = {"mimeType": headers["Content-Type"], "text": body}
    answer = {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [], "cookies": [], "redirectURL": "",
              "headersSize": -1, "bodySize": 2, "content": {"size": 2, "mimeType": "application/json", "text": "{}"}}
    return {"_resourceType": "xhr", "startedDateTime": "2026-01-01T00:00:00.000Z", "time": 5, "request": request, "response": answer,
            "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 1}}


def test_what_har2locust_writes_runs(server, tmp_path):
    entries = [entry("GET", server.url + "/page?a=1&b=x%20y", {"Accept": "text/html", "X-Own": "1"}),
               entry("POST", server.url + "/form", {"Content-Type": "application/x-www-form-urlencoded"}, "a=1&b=2"),
               entry("PUT", server.url + "/text", {"Content-Type": "text/plain"}, "line 1\nline 2")]
    page = {"startedDateTime": "2026-01-01T00:00:00.000Z", "id": "page_1", "title": "shop", "pageTimings": {}}
    recorded = tmp_path / "recorded.har"
    recorded.write_text(json.dumps({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "pages": [page], "entries": entries}}))
    written = subprocess.run([PLUGINS / "bin" / "python", "-m", "har2locust", "--disable-plugins=ruff.py", recorded], check=True,
                             capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(BUILD / "python")})
    text = "import locust_plugins\n" + written.stdout.replace("@task", "wait_time = lambda self: 60\n    @task")
    process = run(text, server, "-t", "2s", "--json")
    rows = {(row["method"], row["name"]): (row["num_requests"], row["num_failures"]) for row in json.loads(process.stdout)}
    assert rows == {("GET", "/page?a=1&b=x%20y"): (1, 0), ("POST", "/form"): (1, 0), ("PUT", "/text"): (1, 0)}, process.describe()


RESOURCES = '''
import sys, types
import locust_plugins
from locust import constant, task

class Page:
    """What lxml makes of a page, as far as the plug-in asks."""
    def xpath(self, path):
        return ["style.css", "more.css"] if path == '//link[@rel="stylesheet"]/@href' else []

lxml = types.ModuleType("lxml")
lxml.html = types.SimpleNamespace(fromstring=lambda text: Page())
lxml.etree = types.SimpleNamespace(ParserError=ValueError)
sys.modules.update({"lxml": lxml, "lxml.html": lxml.html, "lxml.etree": lxml.etree})
from locust_plugins.users.ftp import FtpUser
from locust_plugins.users.resource import FastHttpUserWithResources, HttpUserWithResources

class Slow(HttpUserWithResources):
    wait_time = constant(0.01)
    @task
    def t(self): self.client.get("/slow")

class Fast(FastHttpUserWithResources):
    wait_time = constant(0.01)
    bundle_resource_stats = False
    @task
    def t(self): self.client.get("/fast", name="quick")
'''


def test_users_of_locust_plugins_that_replace_request_of_their_client(server):
    process = run(RESOURCES, server, "-u", "2", "-r", "10", "-i", "4", "--json")
    rows = {row["name"].removeprefix(server.url): (row["num_requests"], row["num_failures"]) for row in json.loads(process.stdout)}
    slow, fast = rows["/slow"][0], rows["quick"][0]
    assert slow + fast == 4 and slow and fast, process.describe()
    assert rows == {"/slow": (slow, 0), "/slow_resources": (2 * slow, 0), "quick": (fast, 0), "/style.css": (fast, 0), "/more.css": (fast, 0)}
