# SPDX-License-Identifier: MIT
"""--out json, csv and jtl: every request that the target saw is in a file, whoever wrote it, and no disk changes the run; and in the first two every value of other metrics."""

import csv
import gzip
import heapq
import io
import json
import os
import re
import urllib.request
from collections import Counter

import pytest

from harness import free_port, get_json, katydid, locustfile, run_katydid, target, wait_for
from read_outputs import read

USER = '''
from locust import HttpUser, task
class Shopper(HttpUser):
    sample_tags = {"tier": "gold"}
    @task
    def all(self):
        self.client.get("/")
        self.client.post("/post", data="x", name='a b,c="d"|e', tags={"n": 1})
        self.client.get("/status/404", name="fails")
        with self.client.get("/", name="judged", catch_response=True) as response:
            response.failure("too slow, really")
        self.environment.events.request.fire(request_type="GRPC", name="call", response_time=1.5, response_length=7, exception=None)
        self.client.get("http://127.0.0.1:1/", name="refused")
'''
LISTENER = '''
from locust import events
@events.request.add_listener
def listen(**_):
    pass
'''
TIMES = 40
EACH = {"/": (TIMES, 0), 'a b,c="d"|e': (TIMES, 0), "fails": (TIMES, TIMES), "judged": (TIMES, TIMES), "call": (TIMES, 0), "refused": (TIMES, TIMES)}
PHASES = ("blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving")


def post(url, **fields):
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json", "X-Katydid": "1"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def counts(path):
    """{name: (requests, failures)} of the summary, and its outputs."""
    summary = json.loads(path.read_text())
    return {row["name"]: (row["requests"], row["failures"]) for row in summary["rows"]}, {one["kind"]: one for one in summary["outputs"]}


def points(text):
    """[(metric, data)] of k6's lines; each metric is told of before it comes."""
    told, found = set(), []
    for line in text.splitlines():
        one = json.loads(line)
        if one["type"] == "Metric":
            assert one["data"]["name"] == one["metric"] and one["data"]["thresholds"] == []
            told.add(one["metric"])
        else:
            assert one["metric"] in told
            found.append((one["metric"], one["data"]))
    return found


OF_REQUESTS = ("http_req", "data_")


def of_json(text):
    """{name: (requests, failures)}"""
    requests, failures = Counter(), Counter()
    for metric, data in points(text):
        if not metric.startswith(OF_REQUESTS):
            continue
        name = data["tags"]["name"]
        requests[name] += data["value"] if metric == "http_reqs" else 0
        failures[name] += data["value"] if metric == "http_req_failed" else 0
    return {name: (requests[name], failures[name]) for name in requests}


def of_csv(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    requests = Counter(row["name"] for row in rows if row["metric_name"] == "http_reqs")
    failures = Counter(row["name"] for row in rows if row["metric_name"] == "http_req_failed" and float(row["metric_value"]))
    return {name: (requests[name], failures[name]) for name in requests}


def of_jtl(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    requests, failures = Counter(row["label"] for row in rows), Counter(row["label"] for row in rows if row["success"] == "false")
    return {name: (requests[name], failures[name]) for name in requests}


def run(file, url, folder, *arguments):
    ended = run_katydid("-f", file, "-H", url, "--headless", "-u", 3, "-r", 3, "-i", TIMES, "--exit-code-on-error", 0, "--summary", "s.json", *arguments, cwd=folder)
    assert ended.code == 0, ended.describe()
    rows, outputs = counts(folder / "s.json")
    assert rows == EACH
    return ended, outputs


@pytest.mark.parametrize("listener", ["", LISTENER], ids=["straight", "by an event"])
def test_every_request_is_in_each_file(listener, tmp_path):
    files = ("--out", "json=r.json", "--out", "csv=deep/r.csv,time=unix_milli", "--jtl", "r.jtl", "--out", "json=r.json.gz", "--out", "jtl=r2.jtl.zst,when-full=wait")
    with target() as shop, locustfile(USER + listener) as file:
        _, outputs = run(file, shop.url, tmp_path, *files, "--series-tags", "region=north")
    text, jtl = (tmp_path / "r.json").read_text(), (tmp_path / "r.jtl").read_text()
    assert of_json(text) == of_csv((tmp_path / "deep/r.csv").read_text()) == of_jtl(jtl) == EACH
    assert gzip.decompress((tmp_path / "r.json.gz").read_bytes()).decode().count('"http_reqs"') == text.count('"http_reqs"')
    assert (tmp_path / "r2.jtl.zst").stat().st_size > 100
    assert {kind: (one["sent"], one["dropped"], one["last_error"]) for kind, one in outputs.items()} == {
        kind: (6 * TIMES, 0, "") for kind in ("json", "csv", "jtl", "json 2", "jtl 2")}
    check_points(points(text))
    check_readers(jtl)


def check_points(found):
    for metric, data in found:
        tags = data["tags"]
        if not metric.startswith(OF_REQUESTS):
            continue
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", data["time"]) and tags["group"] == "" and tags["region"] == "north"
        assert tags["expected_response"] == ("false" if EACH[tags["name"]][1] else "true")
        assert (tags["class"], tags["tier"]) == ("Shopper", "gold") and data["metadata"]["vu"] in ("1", "2", "3")
        if tags["name"] == "call":
            assert metric in ("http_reqs", "http_req_duration", "http_req_failed") and tags["method"] == "GRPC" and "url" not in tags
            assert metric != "http_req_duration" or data["value"] == 1.5
            continue
        assert (tags.get("n") == "1") == (tags["method"] == "POST")
        if tags["name"] == "fails":
            assert (tags["status"], tags["error_code"]) == ("404", "1404") and tags["url"].endswith("/status/404") and "404" in tags["error"]
        if tags["name"] == "refused":
            assert (tags["status"], tags["error_code"]) == ("0", "1212") and "proto" not in tags
        if tags["name"] == "judged":
            assert "slow, really" in tags["error"] and tags["proto"] == "HTTP/1.1"
    for name in set(EACH) - {"call"}:
        values = {metric: sum(data["value"] for which, data in found if which == metric and data["tags"].get("name") == name) for metric, _ in found}
        parts = sum(values[f"http_req_{phase}"] for phase in PHASES)
        assert abs(parts - values["http_req_duration"]) < 0.002 * TIMES, "the phases are the time"
        assert (values["data_sent"] > 0) == (values["data_received"] > 0) == (name != "refused")


def check_readers(text):
    """Jenkins reads line by line and wants whole milliseconds; Taurus int() of its columns."""
    lines = text.splitlines()
    assert lines[0] == ("timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,"
                        "grpThreads,allThreads,URL,Latency,IdleTime,Connect")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 1 + len(rows) == 1 + 6 * TIMES
    for row in rows:
        assert None not in row and None not in row.values()
        for column in ("timeStamp", "elapsed", "Latency", "Connect", "bytes", "sentBytes", "allThreads", "grpThreads", "IdleTime"):
            assert int(row[column]) >= 0
        assert int(row["Latency"]) <= int(row["elapsed"]) and row["success"] in ("true", "false")
        assert 1 <= int(row["grpThreads"]) <= 3 and 1 <= int(row["allThreads"]) <= 3
        if row["label"] == "fails":
            assert row["responseCode"] == "404" and "404" in row["responseMessage"]
        if row["label"] == "judged":
            assert "slow, really" in row["failureMessage"] and row["responseCode"] == "200"
        if row["label"] == "/":
            assert row["responseCode"] == "200" and re.fullmatch(r"Shopper 1-[123]", row["threadName"]) and row["URL"].startswith("http://127.0.0.1")
    assert [int(row["timeStamp"]) // 1000 > 1_500_000_000 for row in rows] == [True] * len(rows)


@pytest.mark.parametrize("workers", ["processes", "master"])
def test_each_of_several_workers_has_a_file_of_its_own(workers, tmp_path):
    with target() as shop, locustfile(USER) as file:
        if workers == "processes":
            run(file, shop.url, tmp_path, "--processes", 2, "--expect-workers", 2, "--out", "json=r.json.gz", "--jtl", "r.jtl")
        else:
            port = free_port()
            with katydid("-f", file, "--worker", "--master-port", port, cwd=tmp_path), katydid("-f", file, "--worker", "--master-port", port, cwd=tmp_path):
                run(file, shop.url, tmp_path, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", 2, "--out", "json=r.json.gz", "--jtl", "r.jtl")
    files = sorted(tmp_path.glob("r.*.json.gz"))
    assert len(files) == 2 and not (tmp_path / "r.json.gz").exists()
    text = gzip.decompress(b"".join(path.read_bytes() for path in files)).decode()
    assert of_json("\n".join(line for line in text.splitlines() if '"Metric"' in line) + "\n" + text) == EACH
    assert {json.loads(line)["data"]["tags"]["worker"] for line in text.splitlines() if '"Point"' in line} <= {path.name.split(".")[1] for path in files}
    parts = [path.read_text().splitlines(keepends=True) for path in sorted(tmp_path.glob("r.*.jtl"))]
    assert of_jtl("".join(parts[0] + parts[1][1:])) == EACH


@pytest.mark.parametrize("form", ["json", "csv,time=unix_nano", "jtl"])
def test_files_of_several_workers_become_one_in_order_of_time(form, tmp_path):
    kind = form.split(",")[0]
    with target() as shop, locustfile(USER) as file:
        run(file, shop.url, tmp_path, "--processes", 3, "--out", f"{form.replace(kind, f'{kind}=plain.{kind}', 1)}", "--out", f"{kind}=packed.{kind}.zst")
    plain, packed = sorted(tmp_path.glob(f"plain.*.{kind}")), sorted(tmp_path.glob(f"packed.*.{kind}.zst"))
    assert len(plain) == len(packed) == 3
    merged = run_katydid("merge", *plain, "--output", tmp_path / "all")
    text = (tmp_path / "all").read_text()
    assert merged.code == 0 and {"json": of_json, "csv": of_csv, "jtl": of_jtl}[kind](text) == EACH, merged.describe()
    assert sorted(body(text)) == sorted(line for path in plain for line in body(path.read_text()))
    assert len(set(text.splitlines()) - set(body(text))) == len(text.splitlines()) - len(body(text)) > 0  # each head once
    assert times(text) == list(heapq.merge(*(times(path.read_text()) for path in plain)))
    out = run_katydid("merge", *packed)
    assert out.code == 0 and {"json": of_json, "csv": of_csv, "jtl": of_jtl}[kind](out.stdout) == EACH, out.describe()
    for words, code, told in ((("-o", plain[0], *plain), 1, "one of those that are read"), ((tmp_path / "s.json",), 1, "this is no file of --out"), ((), 2, "give the files"), (("--ouput", "x"), 2, "there is no option")):
        refused = run_katydid("merge", *words)
        assert refused.code == code and told in refused.stderr, refused.describe()
    (tmp_path / f"cut.{kind}.zst").write_bytes(packed[0].read_bytes()[:-5])
    assert "is cut off" in run_katydid("merge", tmp_path / f"cut.{kind}.zst", *packed[1:]).stderr


def body(text):
    """The lines of requests."""
    return [line for line in text.splitlines() if not line.startswith(('{"type":"Metric"', "metric_name,", "timeStamp,"))]


def times(text):
    return [json.loads(line)["data"]["time"] if line[0] == "{" else line.split(",")[0 if line[0].isdigit() else 1] for line in body(text)]


VALUES = '''
from katydid import check
from katydid.metrics import Counter, Gauge, Rate, Trend
from locust import HttpUser, TaskSet, task
sold, stock, found = Counter("sold", unit="EUR"), Gauge("stock"), Rate("found")
size, took = Trend("size", unit="B"), Trend("took", unit="ms")
class Shopper(HttpUser):
    sample_tags = {"tier": "gold"}
    @task
    class Inner(TaskSet):
        @task
        def buy(self):
            with self.group("pay"):
                response = self.client.get("/", name="/")
                check(response, {"is 200": lambda r: r.status_code == 200, "is a teapot": lambda r: r.status_code == 418}, tags={"shop": "north"})
            sold.add(2.5, tags={"shop": "a,b", "name": "x"})
            stock.add(-3)
            found.add(True)
            size.add(1e18)
            took.add(0.0625)
'''
OF_K6 = {"vus": "gauge default", "vus_max": "gauge default", "iterations": "counter default", "iteration_duration": "trend time", "group_duration": "trend time", "checks": "rate default"}
OF_SCRIPT = {"sold": "counter default", "stock": "gauge default", "found": "rate default", "size": "trend data", "took": "trend time"}


def of_csv_values(text):
    """[(metric, value, tags)], as those of JSON."""
    found = []
    for row in csv.DictReader(io.StringIO(text)):
        extra = dict(one.split("=", 1) for one in row.pop("extra_tags").split("&") if one)
        metric, value = row.pop("metric_name"), float(row.pop("metric_value"))
        row.pop("timestamp"), row.pop("metadata")
        found.append((metric, value, {"group": row.pop("group")} | {key: text for key, text in row.items() if text} | extra))
    return found


def test_values_of_other_metrics_are_in_both_of_k6s_files(tmp_path):
    outs = ("--out", "json=r.json", "--out", "csv=r.csv", "--jtl", "r.jtl", "--out", "json=r.json.gz")
    with target() as shop, locustfile(VALUES) as file:
        ended = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-i", TIMES, "--summary", "s.json", "--series-tags", "region=north", *outs, cwd=tmp_path)
    assert ended.code == 0, ended.describe()
    text = (tmp_path / "r.json").read_text()
    told = {one["metric"]: f"{one['data']['type']} {one['data']['contains']}" for one in map(json.loads, text.splitlines()) if one["type"] == "Metric"}
    assert {metric: told[metric] for metric in told if not metric.startswith(OF_REQUESTS)} == OF_K6 | OF_SCRIPT
    assert points(gzip.decompress((tmp_path / "r.json.gz").read_bytes()).decode()) == points(text)
    rest = [(metric, data) for metric, data in points(text) if not metric.startswith(OF_REQUESTS)]
    values = {metric: [data["value"] for which, data in rest if which == metric] for metric, _ in rest}
    assert values["iterations"] == values["found"] == TIMES * [1] and values["checks"] == TIMES * [1, 0]
    assert values["sold"] == TIMES * [2.5] and values["stock"] == TIMES * [-3] and values["size"] == TIMES * [1e18] and values["took"] == TIMES * [0.0625]
    assert len(values["iteration_duration"]) == len(values["group_duration"]) == TIMES
    assert all(whole >= part > 0 for whole, part in zip(sorted(values["iteration_duration"]), sorted(values["group_duration"]), strict=True))
    assert len(values["vus"]) == len(values["vus_max"]) > 0 and max(values["vus"]) == values["vus_max"][-1] <= 2
    of_all = {"class": "Shopper", "tier": "gold", "region": "north", "group": ""}
    for metric, more in (("checks", {"check": "is a teapot", "group": "pay", "shop": "north"}), ("group_duration", {"group": "pay"}), ("iterations", {}), ("sold", {"shop": "a,b", "name": "x"}), ("took", {})):
        one = next(data for which, data in reversed(rest) if which == metric)
        assert one["tags"] == of_all | more and one["metadata"]["vu"] in ("1", "2")
    assert next(data for which, data in rest if which == "vus").keys() == {"time", "value", "tags"}
    of_csv_file = [one for one in of_csv_values((tmp_path / "r.csv").read_text()) if not one[0].startswith(OF_REQUESTS)]
    assert [(metric, round(data["value"], 6), data["tags"]) for metric, data in rest] == of_csv_file
    assert of_jtl((tmp_path / "r.jtl").read_text()) == {"/": (TIMES, 0)}
    summary = json.loads((tmp_path / "s.json").read_text())
    assert {one["kind"]: (one["sent"], one["dropped"]) for one in summary["outputs"]} == dict.fromkeys(("json", "json 2", "csv", "jtl"), (TIMES, 0))
    assert not {one["metric"] for one in summary.get("metrics", [])} & {"iterations", "iteration_duration"}, "a file adds nothing to the summary"


def test_iterations_of_the_plain_loop_and_of_arrivals_are_in_the_file(tmp_path):
    plain = "from locust import HttpUser, constant, task\nclass Looper(HttpUser):\n    wait_time = constant(0.01)\n    @task\n    def one(self):\n        self.client.get('/')\n"
    slow = plain.replace("Looper", "Arriver").replace("'/'", "'/delay/400'")
    with target() as shop, locustfile(plain) as file:
        ended = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 3, "-r", 3, "-t", 1, "--out", "json=r.json", cwd=tmp_path)
        assert ended.code == 0, ended.describe()
        found = Counter(metric for metric, _ in points((tmp_path / "r.json").read_text()))
        assert found["http_reqs"] - 3 <= found["iterations"] == found["iteration_duration"] <= found["http_reqs"]
    with target() as shop, locustfile(slow) as file:
        ended = run_katydid("-f", file, "-H", shop.url, "--headless", "--scenario", "few:constant-arrival-rate:rate=20/s,duration=2s,users=2,on_busy=drop", "--summary", "s.json", "--out", "json=a.json", cwd=tmp_path)
    scenario, = json.loads((tmp_path / "s.json").read_text())["scenarios"]["scenarios"]
    found = points((tmp_path / "a.json").read_text())
    assert sum(data["value"] for metric, data in found if metric == "dropped_iterations") == scenario["dropped"] > 0, ended.describe()
    assert {data["tags"]["scenario"] for metric, data in found if metric in ("iterations", "dropped_iterations")} == {"few"}


JUDGED = """
from katydid import check, group
from katydid.metrics import Trend
from locust import HttpUser, constant, task
size = Trend("size")
class U(HttpUser):
    wait_time = constant(0.02)
    thresholds = {"http_req_duration": ["p(95)<5000", {"threshold": "avg<2000", "abortOnFail": True}], "http_req_duration{group:pay, name:/}": ["max<9000"], "checks{check:fine}": ["rate>0.9"], "size": ["max<9"]}
    @task
    def t(self):
        with group("pay"):
            check(self.client.get("/"), {"fine": lambda r: r.ok})
        size.add(4)
"""


def test_the_lines_of_metrics_have_the_thresholds_of_the_run(tmp_path):
    with target() as shop, locustfile(JUDGED) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--threshold", "fail_ratio < 50%", "--threshold", "fails of '/' < 1000", "--out", f"json={tmp_path / 'r.json'}", cwd=tmp_path)
    assert run.code == 0, run.describe()
    told = {one["metric"]: (one["data"]["thresholds"], one["data"]["submetrics"]) for one in map(json.loads, (tmp_path / "r.json").read_text().splitlines()) if one["type"] == "Metric"}
    assert told["http_req_duration"] == (["p(95)<5000", "avg<2000"], [{"name": "http_req_duration{group:pay, name:/}", "suffix": "group:pay, name:/", "tags": {"group": "pay", "name": "/"}}])
    assert told["checks"] == ([], [{"name": "checks{check:fine}", "suffix": "check:fine", "tags": {"check": "fine"}}])
    assert told["size"] == (["max<9"], None) and told["http_req_failed"] == (["fail_ratio < 50%"], None) and told["http_reqs"] == ([], None)


def test_json_on_standard_output(tmp_path):
    with target() as shop, locustfile(USER) as file:
        ended, _ = run(file, shop.url, tmp_path, "--out", "json")
    assert of_json("".join(line for line in ended.out if line.startswith('{"'))) == EACH


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["--out", "json=/proc/no/r.json"], 74, "--out json: cannot write /proc/no/r.json"),
    (["--jtl", "/dev/null/r.jtl"], 74, "--out jtl: cannot write"),
    (["--out", "csv"], 2, "name a file, such as --out csv=requests.csv"),
    (["--out", "csv=-"], 2, "standard output is for json"),
    (["--out", "hdrlog=-"], 2, "standard output is for json"),
    (["--out", "json=-", "--processes", "2"], 2, "standard output is for a test in one process"),
    (["--out", "json=r.json,when-full=block"], 2, "give one of drop wait"),
    (["--out", "jtl=r.jtl,when_full=drop"], 2, "did you mean 'when-full'?"),
])
def test_what_cannot_be_written_is_told_before_the_test(arguments, code, words, tmp_path):
    with locustfile(USER) as file:
        ended = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, *arguments, cwd=tmp_path)
    assert ended.code == code and words in ended.stderr and "Ramping" not in ended.stderr, ended.describe()


@pytest.mark.parametrize("arguments", [
    ["--out", "json=r", "--out", "csv=./r"],
    ["--out", "json=r", "--out", "json=r"],
    ["--out", "json=r.gz", "--jtl", "link"],
    ["--out", "csv=r_stats.csv", "--csv", "r"],
    ["--out", "json=deep/../r.json", "--json-file", "r"],
    ["--out", "hdrlog=folder/r", "--html", "deep/r"],
    ["--junit", "r", "--summary", "r"],
    ["--logfile", "r", "--out", "csv=r"],
    ["--out", "json=-", "--json"],
    ["--out", "json=a/../r", "--out", "jtl=r", "--processes", "2"],
])
def test_two_outputs_are_not_given_one_file(arguments, tmp_path):
    (tmp_path / "link").symlink_to("r.gz")
    (tmp_path / "deep").mkdir()
    (tmp_path / "folder").symlink_to("deep")
    with locustfile(USER) as file:
        ended = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, *arguments, cwd=tmp_path)
    log = (tmp_path / "r").read_text() if "--logfile" in arguments else ""
    assert ended.code == 74 and "give each a file of its own" in ended.stderr + log and "Ramping" not in ended.stderr + log, ended.describe()


@pytest.mark.parametrize("kind", ["json", "csv", "jtl"])
def test_a_full_disk_is_told_once_and_the_run_goes_on(kind, tmp_path):
    with target() as shop, locustfile(USER) as file:
        ended, outputs = run(file, shop.url, tmp_path, "--out", f"{kind}=/dev/full,when-full=wait")
    assert (outputs[kind]["sent"], outputs[kind]["dropped"]) == (0, 6 * TIMES) and "No space left" in outputs[kind]["last_error"]
    assert ended.stderr.count("Requests are no longer written: /dev/full") == 1
    assert f"{kind}: {6 * TIMES} of {6 * TIMES} requests are not in the file" in ended.stderr


def test_a_disk_that_stands_still_delays_nothing(tmp_path):
    """A pipe that nobody reads until the run is over."""
    os.mkfifo(tmp_path / "pipe")
    with target() as shop, locustfile(USER) as file:
        _, outputs = run(file, shop.url, tmp_path, "--out", "jtl=pipe")
    assert (outputs["jtl"]["sent"], outputs["jtl"]["dropped"]) == (0, 6 * TIMES)


def test_a_second_run_is_put_behind_the_first(tmp_path):
    lines = tmp_path / "r.json"
    with target() as shop, locustfile(USER) as file, katydid("-f", file, "-H", shop.url, "--web-port", 0, "--out", "json=r.json", "--jtl", "r.jtl", cwd=tmp_path) as run:
        url = run.wait_line(r"(http://[^ ]*:\d+)").group(1).replace("0.0.0.0", "127.0.0.1").rstrip("/")
        sizes = [0]
        for _ in range(2):
            wait_for(lambda: post(f"{url}/api/v1/start", users=1, spawn_rate=1)["ok"], "a start")
            wait_for(lambda: lines.exists() and lines.stat().st_size > sizes[-1] + 10_000, "requests")
            wait_for(lambda: post(f"{url}/api/v1/stop")["ok"], "a stop")
            wait_for(lambda: get_json(f"{url}/api/v1/state")["state"] in ("stopped", "ready"), "the end of the run")
            sizes.append(lines.stat().st_size)
            before = lines.read_bytes()[:sizes[1]] if len(sizes) == 2 else before
        run.signal(15)
        assert run.wait() in (0, 1), run.describe()
    assert lines.read_bytes()[:len(before)] == before and lines.stat().st_size >= sizes[2] > sizes[1]
    jtl = (tmp_path / "r.jtl").read_text()
    assert jtl.count("timeStamp,") == 1 and of_jtl(jtl) == of_json(lines.read_text())


STEADY = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.01)
    @task
    def one(self):
        self.client.get("/")
'''


def test_what_a_killed_worker_had_not_written_is_not_counted_as_written(tmp_path):
    port = free_port()
    with target() as shop, locustfile(STEADY) as file:
        worker = ("-f", file, "--worker", "--master-port", port)
        with (katydid("-f", file, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "--exit-code-on-error", 0, "--summary", "s.json", "--out", "json=r.json.gz", "--master",
                      "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", 2, "--loglevel", "DEBUG", cwd=tmp_path) as run,
              katydid(*worker, cwd=tmp_path) as first, katydid(*worker, cwd=tmp_path)):
            wait_for(lambda: sorted(path.stat().st_size > 2000 for path in tmp_path.glob("r.*.json.gz")) == [True, True], "blocks of both")
            first.signal(9)
            run.wait_line("failed to send heartbeat")
            run.signal(15)
            run.wait()
    summary = json.loads((tmp_path / "s.json").read_text())
    out, = summary["outputs"]
    assert out["sent"] + out["dropped"] == summary["total"]["requests"], out
    text = gzip.decompress(b"".join(path.read_bytes() for path in tmp_path.glob("r.*.json.gz"))).decode()
    assert text.count('"metric":"http_reqs","type":"Point"') >= out["sent"] > 0
    assert 0 < out["dropped"] and "requests are not in the file: a worker was lost" in run.stderr


@pytest.mark.parametrize("kind", ["json", "hdrlog"])
def test_a_file_that_is_removed_while_it_is_written_has_nothing(kind, tmp_path):
    lines = tmp_path / "r"
    with target() as shop, locustfile(STEADY) as file, katydid("-f", file, "-H", shop.url, "--headless", "--summary", "s.json", "--out", f"{kind}=r", cwd=tmp_path) as run:
        wait_for(lambda: lines.exists() and lines.stat().st_size > 500, "lines")
        lines.unlink()
        if kind == "json":
            run.wait_line("Requests are no longer written: .*r: it was removed while it was written")
        run.signal(15)
        assert run.wait() == 0, run.describe()
    out, = json.loads((tmp_path / "s.json").read_text())["outputs"]
    assert out["sent"] == 0 and out["dropped"] > 0 and "it was removed while it was written" in out["last_error"]


def test_an_interval_log_is_read_by_hdrhistogram(tmp_path):
    with target() as shop, locustfile(USER) as file:
        _, outputs = run(file, shop.url, tmp_path, "--out", "hdrlog=times.hlog,interval=200ms")
    found, summary = read("hdrlog", tmp_path / "times.hlog"), json.loads((tmp_path / "s.json").read_text())
    assert outputs["hdrlog"]["sent"] > 0 and outputs["hdrlog"]["dropped"] == 0
    rows = {f"{row['method']}_{row['name']}".replace(" ", "_").replace(",", "_"): row for row in summary["rows"]} | {"": summary["total"]}
    assert set(found["sums"]) == set(rows)
    for tag, (count, values) in found["sums"].items():
        assert count == rows[tag]["requests"]
        for share, value in values.items():
            assert abs(value / 1000 - rows[tag]["percentiles"][share]) <= 0.01 * value / 1000 + 0.002, (tag, share)
    ends = [end for tag, _, end, _ in found["intervals"] if tag is None]
    starts = [start for tag, start, _, _ in found["intervals"] if tag is None]
    assert ends == sorted(ends) and all(start >= end - 0.002 for start, end in zip(starts[1:], ends[:-1], strict=True)), "one after the other"
    assert summary["run"]["started"] - 1 < starts[0] and ends[-1] < summary["run"]["ended"] + 60
