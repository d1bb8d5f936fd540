# SPDX-License-Identifier: MIT
"""--out: what receivers get is what the target saw, and none of them delays the run."""

import contextlib
import gzip
import json
import math
import os
import re
import socketserver
import threading
import urllib.error

import pytest

import receivers
from harness import SANITIZED, free_port, get, katydid, locustfile, run_katydid, target, wait_for
from read_outputs import read
from receivers import user_of_rows

USER = user_of_rows("a b,c=d|e")
NAMES = {"/": "GET", "a b,c=d|e": "POST", "fails": "GET"}


def of_summary(path):
    summary = json.loads(path.read_text())
    rows = {row["name"]: row for row in summary["rows"] if row["name"] in NAMES}
    assert set(rows) == set(NAMES)
    return rows, {one["kind"]: one for one in summary["outputs"]}


def rows_of(influx):
    """(name, time): fields of each row's point; one that was sent again is the same."""
    return {(tags["name"], at): (tags, values) for path, _, body in influx.pushes if "write" in path
            for measurement, tags, values, at in receivers.influx(body) if measurement == "katydid_requests"}


def run_until_all(influx, *arguments, **kwargs):
    """A run that ends when every name has been told of; however slow the machine."""
    with katydid(*arguments, "--headless", "--exit-code-on-error", 0, **kwargs) as run:
        wait_for(lambda: {name for name, _ in rows_of(influx)} == set(NAMES), "every name")
        run.signal(15)
        run.code = run.wait()
        return run


def total(pairs):
    """{name: sum}"""
    found = {}
    for name, value in pairs:
        found[name] = found.get(name, 0) + value
    return found


def test_every_receiver_has_all_requests_when_the_run_ends(tmp_path):
    with (target() as shop, locustfile(USER) as file, receivers.http_receiver() as influx, receivers.http_receiver() as otlp,
          receivers.http_receiver() as delta, receivers.http_receiver() as remote, receivers.http_receiver() as native,
          receivers.http_receiver() as dog, receivers.udp_receiver() as (statsd, statsd_end),
          receivers.udp_receiver() as (agent, agent_end), receivers.tcp_receiver() as (carbon, carbon_end)):
        remote.answer = native.answer = (204, {"X-Prometheus-Remote-Write-Samples-Written": "1"})
        run = run_until_all(influx, "-f", file, "-H", shop.url, "-u", 3, "-r", 3, "--test-id", "t 1", "--threshold", "fail_ratio < 0.01", "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url}/kat", "--out", f"otlp={otlp.url},gzip", "--out", f"otlp={delta.url},temporality=delta,interval=1s,timeout=10s",
                          "--out", f"remote-write={remote.url}/w,version=1", "--out", f"remote-write={native.url}/w,trend=native,interval=1s",
                          "--out", f"datadog={dog.url},interval=1s,timeout=10s", "--out", f"statsd=127.0.0.1:{statsd}", "--out", f"dogstatsd=127.0.0.1:{agent},container=c0ffee-1",
                          "--out", f"graphite=127.0.0.1:{carbon}", env={"DD_API_KEY": "0123456789"}, cwd=tmp_path)
        lines = {"statsd": statsd_end(), "dogstatsd": agent_end(), "graphite": carbon_end()}
    assert run.code == 99, run.describe()
    assert "0123456789" not in run.stdout + run.stderr + (tmp_path / "s.json").read_text()
    rows, outputs = of_summary(tmp_path / "s.json")
    requests = {name: row["requests"] for name, row in rows.items()}
    failures = {name: row["failures"] for name, row in rows.items() if row["failures"]}
    assert all(one["sent"] > 0 and one["dropped"] == 0 and one["last_error"] == "" for one in outputs.values()), outputs
    check_influx(influx, requests, failures)
    check_statsd(lines["statsd"], requests)
    check_dogstatsd(lines["dogstatsd"], requests)
    check_graphite(lines["graphite"], requests)
    check_datadog(dog, requests)
    check_remote_write(remote, native, requests)
    check_otlp(otlp, delta, requests)


def check_influx(influx, requests, failures):
    assert influx.pushes[0][0].startswith("/query?q=CREATE%20DATABASE")
    writes = [body for path, _, body in influx.pushes if path == "/write?precision=ms&db=kat"]
    lines = [line for body in writes for line in receivers.influx(body)]
    rows = rows_of(influx)
    assert all(tags["testid"] == "t 1" and tags["method"] == NAMES[tags["name"]] for tags, _ in rows.values())
    assert total((name, values["count"]) for (name, _), (_, values) in rows.items()) == requests
    assert {name: n for name, n in total((name, values["fails"]) for (name, _), (_, values) in rows.items()).items() if n} == failures
    titles = [line[2]["title"] for line in lines if line[0] == "katydid_events"]
    assert titles[0] == '"start"' and titles[-1] == '"stop"'
    assert any("fail_ratio" in line[2]["text"] for line in lines if line[0] == "katydid_events" and line[1]["kind"] == "threshold")


def check_statsd(lines, requests):
    names = {"GET__": "/", "POST_a_b_c_d_e": "a b,c=d|e", "GET_fails": "fails"}
    counts, times = [], []
    for line in lines:
        name, value = line.split(":")
        prefix, row, what = name.split(".") if name.count(".") == 2 else (*name.split("."), "")
        assert prefix == "katydid"
        if what == "requests":
            counts.append((names[row], int(value.removesuffix("|c"))))
        if what == "response_time":
            times.append((names[row], 1 if "@" not in value else 1 / float(value.split("@")[1])))
    assert total(counts) == requests
    assert total(times).keys() == requests.keys()
    assert all(abs(n - requests[name]) < 0.1 for name, n in total(times).items())


def check_dogstatsd(lines, requests):
    names = {name.replace(",", "_").replace("|", "_"): name for name in NAMES}
    counts, times = [], []
    for line in lines:
        name, *values = line.split("|")[0].split(":")
        tags = dict(tag.split(":", 1) for tag in line.split("|#")[1].split("|")[0].split(","))
        assert tags["testid"] == "t 1"
        assert line.endswith("|c:c0ffee-1")
        if name == "katydid.requests":
            counts.append((names[tags["name"]], int(values[0])))
        if name == "katydid.response_time":
            assert line.split("|")[1] == "d"
            times.append((names[tags["name"]], len(values) * (1 if "|@" not in line else 1 / float(line.split("|@")[1].split("|")[0]))))
    assert total(counts) == requests
    assert all(abs(n - requests[name]) < 0.1 for name, n in total(times).items())


def check_graphite(lines, requests):
    names = {"GET__": "/", "POST_a_b_c_d_e": "a b,c=d|e", "GET_fails": "fails"}
    counts, seen = [], set()
    for line in lines:
        path, value, at = line.split(" ")
        assert path.startswith("katydid.t_1.") and (path, at) not in seen
        seen.add((path, at))
        if path.split(".")[2] == "requests" and path.endswith(".count"):
            counts.append((names[path.split(".")[3]], float(value)))
    assert total(counts) == requests


def check_datadog(dog, requests):
    assert all(headers["DD-API-KEY"] == "0123456789" for _, headers, _ in dog.pushes)
    names = {name.replace(",", "_"): name for name in NAMES}

    def points(path, metric):
        for where, _, body in dog.pushes:
            for series in json.loads(body)["series"] if where == path else []:
                tags = dict(tag.split(":", 1) for tag in series["tags"])
                if series["metric"] == metric:
                    yield names[tags["name"]], series["points"][0]

    assert total((name, point["value"]) for name, point in points("/api/v2/series", "katydid.requests")) == requests
    assert total((name, len(point[1])) for name, point in points("/api/v1/distribution_points", "katydid.response_time")) == requests


def check_remote_write(remote, native, requests):
    last, stale = {}, set()
    for _, headers, body in remote.pushes:
        assert headers["Content-Type"] == "application/x-protobuf" and headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
        for labels, samples, _ in receivers.remote_write_1(body):
            (at, value), = samples
            key = tuple(labels.items())
            assert key not in last or at >= last[key][0]
            if math.isnan(value):
                stale.add(key)
            else:
                last[key] = (at, value)
    rows = {dict(key)["name"]: value for key, (_, value) in last.items() if dict(key)["__name__"] == "katydid_requests_total"}
    buckets = {dict(key)["name"]: value for key, (_, value) in last.items()
               if dict(key)["__name__"] == "katydid_request_duration_seconds_bucket" and dict(key)["le"] == "+Inf"}
    assert rows == requests == buckets and {key for key in last if dict(key)["__name__"] == "katydid_requests_total"} <= stale
    histograms = {}
    for _, headers, body in native.pushes:
        assert headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
        for labels, samples, whole in receivers.remote_write_2(body):
            assert len(samples) + len(whole) == 1
            for _, histogram in whole:
                assert labels["__name__"] == "katydid_request_duration_seconds"
                histograms[labels["name"]] = (histogram[1][0], receivers.native_count(histogram, 6, 11, 12))
    assert histograms == {name: (n, n) for name, n in requests.items()}


def check_otlp(otlp, delta, requests):
    assert {path for path, _, _ in otlp.pushes + delta.pushes} == {"/v1/metrics"}

    def points(push):
        sums, histograms = [], []
        for name, kind, attributes, point in receivers.otlp(push[2]):
            if name == "katydid.requests":
                assert kind == 7
                sums.append((attributes["name"], receivers.double(point[4][0])))
            if name == "http.client.request.duration":
                assert kind == 10
                counts = receivers.packed(receivers.fields(point[8][0])[2][0])
                assert sum(counts) + point[7][0] == point[4][0] and len(counts) <= 160
                histograms.append((attributes["request.name"], point[4][0]))
        return total(sums), total(histograms)

    assert points(otlp.pushes[-1]) == (requests, requests)
    for which in (0, 1):
        assert total(pair for push in delta.pushes for pair in points(push)[which].items()) == requests


def test_a_receiver_of_the_first_protocol_gets_that(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as old, receivers.http_receiver() as influx:
        run = run_until_all(influx, "-f", file, "-H", shop.url, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url}", "--out", f"remote-write={old.url}/w,interval=1s")
    assert run.code == 0, run.describe()
    rows, outputs = of_summary(tmp_path / "s.json")
    assert outputs["remote-write"]["dropped"] == 0
    assert old.pushes[0][1]["X-Prometheus-Remote-Write-Version"] == "2.0.0"
    assert all(headers["X-Prometheus-Remote-Write-Version"] == "0.1.0" for _, headers, _ in old.pushes[1:])
    last = {labels["name"]: samples[0][1] for _, _, body in old.pushes[1:] for labels, samples, _ in receivers.remote_write_1(body)
            if labels["__name__"] == "katydid_requests_total" and not math.isnan(samples[0][1])}
    assert last == {name: row["requests"] for name, row in rows.items()}


def test_series_have_the_names_of_k6s_dashboards(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as influx, receivers.http_receiver() as k6:
        run = run_until_all(influx, "-f", file, "-H", shop.url, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url}", "--out", f"remote-write={k6.url}/w,version=1,schema=k6,interval=1s")
    assert run.code == 0, run.describe()
    rows, _ = of_summary(tmp_path / "s.json")
    last = {(labels["__name__"], labels.get("name")): samples[0][1] for _, _, body in k6.pushes for labels, samples, _ in receivers.remote_write_1(body) if not math.isnan(samples[0][1])}
    assert all(name.startswith("k6_") for name, _ in last)
    for name, row in rows.items():
        assert last["k6_http_reqs_total", name] == row["requests"] == last["k6_http_req_duration_count", name]
        assert last["k6_http_req_failed_rate", name] == row["failures"] / row["requests"]
        assert abs(last["k6_http_req_duration_p99", name] * 1000 - row["percentiles"]["99"]) <= 0.01 * row["percentiles"]["99"] + 0.002
    assert last["k6_data_received_total", None] > 0 < last["k6_data_sent_total", None] and last["k6_vus_max", None] == 1 and ("k6_vus", None) in last


def test_points_have_the_names_of_k6s_dashboards(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as influx, receivers.http_receiver() as k6:
        run = run_until_all(influx, "-f", file, "-H", shop.url, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url}",
                            "--out", f"influxdb={k6.url},schema=k6,points=3", "--out", f"influxdb={k6.url}/mine,schema=k6,version=2,org=o,points=1000")
    assert run.code == 0, run.describe()
    rows, outputs = of_summary(tmp_path / "s.json")
    assert outputs["influxdb 2"]["dropped"] == outputs["influxdb 3"]["dropped"] == 0
    written = {database: [line for path, _, body in k6.pushes if "write" in path and database in path for line in receivers.influx(body)] for database in ("db=k6", "bucket=mine")}
    assert any("CREATE%20DATABASE%20%22k6%22" in path or "CREATE+DATABASE" in path for path, _, _ in k6.pushes), k6.pushes
    for database, lines in written.items():
        points = {}
        for metric, tags, values, at in lines:
            assert (metric, tags.get("name"), at) not in {(m, n, a) for (m, n), found in points.items() for a, _ in found} or metric == "katydid_events"
            points.setdefault((metric, tags.get("name")), []).append((at, values))
        for name, row in rows.items():
            assert sum(values["value"] for _, values in points["http_reqs", name]) == row["requests"]
            failed = points["http_req_failed", name]
            assert round(sum(values["value"] * values["count"] for _, values in failed)) == row["failures"]
            times = [values["value"] for _, values in points["http_req_duration", name]]
            assert row["min_ms"] * 0.99 <= min(times) and max(times) <= row["max_ms"] * 1.01
            if database == "bucket=mine":
                assert len(times) == row["requests"]
        assert points["vus_max", None][-1][1]["value"] == 1 and sum(values["value"] for _, values in points["data_received", None]) > 0
        assert {"vus", "http_req_waiting", "http_req_blocked", "data_sent"} <= {metric for metric, _ in points}


MIXED = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def all(self):
        self.client.get("/")
        for kind in ("grpc", "WS"):
            self.environment.events.request.fire(request_type=kind, name=kind, response_time=12, response_length=7, exception=None)
'''


def test_what_is_not_http_is_in_no_http_reqs(tmp_path):
    with target() as shop, locustfile(MIXED) as file, receivers.http_receiver() as influx, receivers.http_receiver() as remote:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 1, "-t", 2, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url},schema=k6", "--out", f"remote-write={remote.url}/w,version=1,schema=k6,interval=1s")
    assert run.code == 0, run.describe()
    requests = {row["name"]: row["requests"] for row in json.loads((tmp_path / "s.json").read_text())["rows"]}
    points = [one for path, _, body in influx.pushes if "write" in path for one in receivers.influx(body)]
    names = {}
    for metric, tags, _, _ in points:
        names.setdefault(tags.get("name"), set()).add(metric)
    assert names["/"] == {"http_reqs", "http_req_failed", "http_req_duration"}
    assert names["grpc"] == {"grpc_req_duration"} and names["WS"] == {"reqs", "req_failed", "req_duration"}
    assert total((tags["name"], values["value"]) for metric, tags, values, _ in points if metric == "http_reqs") == {"/": requests["/"]}
    last = {(labels["__name__"], labels.get("name")): samples[0][1] for _, _, body in remote.pushes for labels, samples, _ in receivers.remote_write_1(body) if not math.isnan(samples[0][1])}
    assert {name for name, row in last if row == "grpc"} == {f"k6_grpc_req_duration_{stat}" for stat in ("med", "p90", "p95", "p99", "avg", "min", "max", "count", "sum")}
    assert {row: value for (name, row), value in last.items() if name == "k6_http_reqs_total"} == {"/": requests["/"]}
    assert last["k6_reqs_total", "WS"] == requests["WS"] and abs(last["k6_grpc_req_duration_p95", "grpc"] - 0.012) < 2e-4


def kept(exposition):
    """{what: bytes} of what a master says that it keeps; each is within its limit."""
    lines = [line for line in exposition.splitlines() if line.startswith("katydid_kept_")]
    told = {(line.split("{")[0], line.split('what="')[1].split('"')[0]): float(line.split()[-1]) for line in lines}
    found = {what: size for (family, what), size in told.items() if family == "katydid_kept_bytes"}
    heap = {line.split('state="')[1].split('"')[0]: float(line.split()[-1]) for line in exposition.splitlines() if line.startswith("katydid_heap_bytes{")}
    assert set(heap) == {"used", "free"} and (SANITIZED or heap["used"] > found["histograms"]), heap
    assert set(found) == {"timeline", "histograms", "samples", "metrics", "logs"} and all(size <= told["katydid_kept_limit_bytes", what] for what, size in found.items()), told
    return found


def test_buckets_are_those_that_were_asked_for(tmp_path):
    port, page = free_port(), free_port()
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as remote:
        with katydid("-f", file, "-H", shop.url, "--autostart", "--web-port", page, "--exit-code-on-error", 0, "--metrics-buckets", "0.5 2 60", "--out", f"prometheus=:{port},buckets=0.001/30", "--out", f"remote-write={remote.url}/w,version=1,interval=1s") as run:
            def bounds(url):
                try:
                    lines = get(url).decode().splitlines()
                except OSError:
                    return None
                return {line.split('le="')[1].split('"')[0] for line in lines if line.startswith("katydid_request_duration_seconds_bucket")}
            assert wait_for(lambda: bounds(f"http://127.0.0.1:{port}/metrics"), "a scrape") == {"0.001", "30", "+Inf"}
            assert wait_for(lambda: bounds(f"http://127.0.0.1:{page}/metrics"), "a scrape of the page") == {"0.5", "2", "60", "+Inf"}
            wait_for(lambda: kept(get(f"http://127.0.0.1:{page}/metrics").decode())["histograms"], "memory of histograms")
            packed = gzip.decompress(get(f"http://127.0.0.1:{port}/metrics", **{"Accept-Encoding": "gzip"})).decode()
            assert 'le="0.001"' in packed
            wait_for(lambda: remote.pushes, "a push")
            run.signal(15)
            assert run.wait() == 0, run.describe()
    assert {labels["le"] for _, _, body in remote.pushes for labels, _, _ in receivers.remote_write_1(body) if labels["__name__"] == "katydid_request_duration_seconds_bucket"} == {"0.5", "2", "60", "+Inf"}


def test_graphite_has_the_paths_of_jmeter(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.tcp_receiver() as (carbon, carbon_end):
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 3, "--exit-code-on-error", 0, "--summary", tmp_path / "s.json", "--out", f"graphite=127.0.0.1:{carbon},schema=jmeter")
        lines = carbon_end()
    assert run.code == 0, run.describe()
    summary = json.loads((tmp_path / "s.json").read_text())
    sums, paths = {}, set()
    for line in lines:
        path, value, _ = line.split(" ")
        sums[path] = sums.get(path, 0) + float(value)
        paths.add(path)
    rows = {"GET-/": "/", "POST-a-b,c=d|e": "a b,c=d|e", "GET-fails": "fails"}
    for node, row in [("all", summary["total"])] + [(node, next(row for row in summary["rows"] if row["name"] == name)) for node, name in rows.items()]:
        assert sums[f"jmeter.{node}.a.count"] == row["requests"] == sums[f"jmeter.{node}.h.count"]
        assert sums[f"jmeter.{node}.ko.count"] == row["failures"] and sums[f"jmeter.{node}.ok.count"] == row["requests"] - row["failures"]
        assert sums[f"jmeter.{node}.rb.bytes"] == row["received_bytes"]
    assert {f"jmeter.GET-/.ok.{what}" for what in ("min", "max", "avg", "pct90", "pct95", "pct99")} <= paths
    assert "jmeter.GET-fails.ko.pct95" in paths and "jmeter.GET-fails.ok.pct95" not in paths and "jmeter.test.meanAT" in paths


def test_points_have_all_times_as_a_histogram(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as influx:
        run = run_until_all(influx, "-f", file, "-H", shop.url, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url},histogram")
    assert run.code == 0, run.describe()
    rows, _ = of_summary(tmp_path / "s.json")
    texts = [[tags["name"], values["hdr"].strip('"')] for tags, values in rows_of(influx).values() if "hdr" in values]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    seen = read("hdrtexts", tmp_path / "texts.json")
    for name, row in rows.items():
        count, median = seen[name]
        assert count == row["requests"] and abs(median / 1000 - row["percentiles"]["50"]) <= 0.02 * row["percentiles"]["50"]


def test_requests_are_signed_for_aws(tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret/key", "AWS_SESSION_TOKEN": "a-session"}
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as amazon:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--exit-code-on-error", 0, "--out", f"remote-write={amazon.url}/workspaces/ws-1/api/v1/remote_write,aws-region=eu-west-1,version=1", env=keys, cwd=tmp_path)
        assert run.code == 0 and amazon.pushes and "s3cret" not in run.stderr, run.describe()
        for (path, headers, _), body in zip(amazon.pushes, amazon.raw, strict=True):
            assert headers["X-Amz-Security-Token"] == "a-session" and "Credential=AKIDEXAMPLE/" in headers["Authorization"]
            assert headers["Authorization"].endswith("Signature=" + receivers.aws_signature("s3cret/key", "eu-west-1", "aps", path, headers, body))
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--out", f"remote-write={amazon.url}/w,aws-region=eu-west-1", cwd=tmp_path, env={"AWS_ACCESS_KEY_ID": ""})
    assert run.code == 2 and "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in run.stderr, run.describe()


def test_receivers_that_refuse_hang_and_vanish_are_counted_and_come_back(tmp_path):
    """The run is as long as it is without them; who comes back gets what was kept for it."""
    with (target() as shop, locustfile(USER) as file, receivers.http_receiver() as busy, receivers.http_receiver() as deaf,
          receivers.http_receiver() as strict, katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", tmp_path / "s.json",
                                                       "--out", f"influxdb={busy.url},version=2,org=o", "--out", f"influxdb={deaf.url},version=2,timeout=200ms",
                                                       "--out", f"influxdb={strict.url},version=2", "--out", f"otlp=http://127.0.0.1:{free_port()}") as run):
        busy.answer, deaf.answer, strict.answer = (503, {"Retry-After": "1"}), None, (400, {})
        wait_for(lambda: busy.seen > 1 and deaf.seen > 0 and strict.seen > 1, "pushes")
        busy.answer = strict.answer = (204, {})
        wait_for(lambda: {name for name, _ in rows_of(busy)} == set(NAMES) and len(busy.pushes) > 3 and strict.pushes, "what was kept")
        run.signal(15)
        run.wait()
    rows, outputs = of_summary(tmp_path / "s.json")
    assert total((name, values["count"]) for (name, _), (_, values) in rows_of(busy).items()) == {name: row["requests"] for name, row in rows.items()}
    assert outputs["influxdb"]["dropped"] == 0 and outputs["influxdb"]["sent"] >= 4
    assert outputs["influxdb 2"]["sent"] == 0 and outputs["influxdb 2"]["dropped"] > 0
    assert outputs["influxdb 3"]["sent"] > 0 and "answers 400" in outputs["influxdb 3"]["last_error"]
    assert outputs["otlp"]["dropped"] > 0 and "127.0.0.1" in outputs["otlp"]["last_error"]
    assert "influxdb: " not in run.stderr.split("Shutting down")[1], "it has everything"
    assert "pushes did not arrive" in run.stderr


def test_who_has_too_much_or_a_fault_of_its_own_is_asked_again(tmp_path):
    """429 and 500; but not OTLP's receivers after a 500: its protocol forbids that, and what they missed is counted."""
    with contextlib.ExitStack() as stack:
        shop, file = stack.enter_context(target()), stack.enter_context(locustfile(USER))
        influxes, remotes, otlps = ([stack.enter_context(receivers.http_receiver()) for _ in range(2)] for _ in range(3))
        all_of_them = influxes + remotes + otlps
        outs = [f"influxdb={one.url},version=2,org=o" for one in influxes] + [f"remote-write={one.url}/w,version=1,interval=1s" for one in remotes] + [f"otlp={one.url},temporality=delta,interval=1s" for one in otlps]
        for busy, broken in (influxes, remotes, otlps):
            busy.answer, broken.answer = (429, {"Retry-After": "1"}), (500, {})
        run = stack.enter_context(katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", tmp_path / "s.json", *(word for out in outs for word in ("--out", out))))
        wait_for(lambda: all(one.seen > 1 for one in all_of_them), "pushes")
        assert not any(one.pushes for one in all_of_them)
        for one in all_of_them:
            one.answer = (200, {}) if one in otlps else (204, {})
        wait_for(lambda: all({name for name, _ in rows_of(one)} == set(NAMES) for one in influxes) and all(one.pushes for one in all_of_them), "what was kept")
        run.signal(15)
        assert run.wait() == 0, run.describe()
    rows, outputs = of_summary(tmp_path / "s.json")
    requests = {name: row["requests"] for name, row in rows.items()}
    for one in influxes:
        assert total((name, values["count"]) for (name, _), (_, values) in rows_of(one).items()) == requests
    for one in remotes:
        assert {labels["name"]: samples[0][1] for _, _, body in one.pushes for labels, samples, _ in receivers.remote_write_1(body)
                if labels["__name__"] == "katydid_requests_total" and not math.isnan(samples[0][1])} == requests
    gained = [total((attributes["name"], receivers.double(point[4][0])) for _, _, body in one.pushes for name, _, attributes, point in receivers.otlp(body) if name == "katydid.requests") for one in otlps]
    lost = outputs.pop(max(kind for kind in outputs if kind.startswith("otlp")))
    assert all(one["dropped"] == 0 for one in outputs.values()) and gained[0] == requests, outputs
    assert lost["dropped"] > 0 and "answers 500" in lost["last_error"] and sum(gained[1].values()) < sum(requests.values())


class Endless(socketserver.BaseRequestHandler):
    """An answer that does not end."""

    def handle(self):
        with contextlib.suppress(OSError):
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.request.sendall(b"x" * 65536)


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Endless) as server, target() as shop, locustfile(USER) as file:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--exit-code-on-error", 0, cwd=tmp_path,
                          *("--out", f"otlp=http://127.0.0.1:{server.server_address[1]},interval=1s,timeout=10s"))
        server.shutdown()
    assert (run.code, "its answer is longer than 1 MB" in run.stderr) == (0, True), run.describe()


def has_figures(url):
    with contextlib.suppress(urllib.error.URLError):  # the port of its own may open after the page's
        text = get(url).decode()
        return 'katydid_requests_total{method="GET",name="fails"' in text and text


def test_it_is_scraped_on_both_ports(tmp_path):
    port = free_port()
    with target() as shop, locustfile(USER) as file, katydid("-f", file, "-H", shop.url, "--autostart", "-u", 2, "--web-port", 0, "--out", f"prometheus=:{port}") as run:
        page = run.wait_line(r"(http://[^ ]*:\d+)").group(1).replace("0.0.0.0", "127.0.0.1")
        for url in (f"http://127.0.0.1:{port}/metrics", f"{page.rstrip('/')}/metrics"):
            text = wait_for(lambda url=url: has_figures(url), "figures")
            assert "# TYPE katydid_request_duration_seconds histogram" in text and "# EOF" not in text
            assert re.search(r"^katydid_bytes_sent_total\{testid=.*\} [1-9]", text, re.M) and re.search(r"^katydid_bytes_received_total\{testid=.*\} [1-9]", text, re.M)
            assert re.search(r'^katydid_worker_valid\{testid=".*",worker=".+"\} [01]$', text, re.M) and re.search(r'^katydid_users\{testid=".*",user_class="U"\} 2$', text, re.M)
            target_of = wait_for(lambda url=url: re.search(r'^katydid_users_target\{testid=".*",user_class="U"\} 2$', get(url).decode(), re.M) and get(url).decode(), "the target of the class")
            assert re.search(r'^katydid_users_target\{testid="[^"]*"\} 0$', target_of, re.M)
            assert get(url, Accept="application/openmetrics-text;version=1.0.0").decode().endswith("# EOF\n")
            body = get(url, Accept="application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.5")
            families, at = {}, 0
            while at < len(body):
                length, at = receivers.varint(body, at)
                family = receivers.fields(body[at:at + length])
                families[family[1][0].decode()] = family
                at += length
            for metric in families["katydid_request_duration_seconds"][4]:
                histogram = receivers.fields(receivers.fields(metric)[7][0])
                assert receivers.native_count(histogram, 7, 12, 13) == histogram[1][0] > 0


@pytest.mark.parametrize(("arguments", "words"), [
    (["--out", "influx=http://h"], "did you mean 'influxdb'?"),
    (["--out", "statsd,intervall=1s"], "did you mean 'interval'?"),
    (["--out", "influxdb,token=secret"], "set INFLUX_TOKEN"),
    (["--out", "graphite=h:x"], "is no address"),
    (["--out", "dogstatsd=h:1,container=a b"], "container=a b is no id"),
    (["--out", "prometheus,buckets=0.5/0.1"], "--out prometheus: buckets=0.5/0.1: give seconds that rise"),
    (["--metrics-buckets", "1/x"], "--metrics-buckets: '1/x' is no list of bounds"),
    (["--timescale", "--pgport", "x"], "--pgport: 'x' is no port: give a number from 1 to 65535"),
    (["--out", "timescale=postgres://h:99999/d"], "'99999' is no port"),
    (["--timescale", "--test-env", "production-1"], "env=production-1 (--test-env): the column env of testrun has 10 characters at most"),
])
def test_what_is_wrong_is_told_before_anything_starts(arguments, words, tmp_path):
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, *arguments, cwd=tmp_path)
    assert run.code == 2 and words in run.stderr, run.describe()
    assert "Ramping" not in run.stderr


@pytest.mark.parametrize("form", ['["{}"]', '"{}"', '[{{kind = "statsd"}}, "{}"]'])
def test_a_project_names_outputs_as_texts_too(form, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.katydid]\nout = " + form.format("influx=http://h") + "\n")
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, cwd=tmp_path)
    assert run.code == 2 and "did you mean 'influxdb'?" in run.stderr, run.describe()


def test_other_places_and_who_must_be_there(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f'[[tool.katydid.out]]\nkind = "graphite"\ntarget = "127.0.0.1:{free_port()}"\ninterval = "1s"\n')
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, "--out-required", cwd=tmp_path)
        assert run.code == 74 and "--out graphite" in run.stderr and "Ramping" not in run.stderr, run.describe()
        with receivers.http_receiver() as influx:
            run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, "--out-required", cwd=os.path.dirname(file),
                              env={"KATYDID_OUT": f"influxdb={influx.url},version=3\ninfluxdb={influx.url}/two,version=3", "INFLUX_TOKEN": "s3cret"})
        assert {path.split("db=")[1] for path, _, _ in influx.pushes} == {"katydid", "two"}, run.describe()
        assert all(headers["Authorization"] == "Bearer s3cret" for _, headers, _ in influx.pushes) and "s3cret" not in run.stderr


def test_a_run_beside_another_of_the_same_test_id_is_warned_of(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as store:
        words = ("-f", file, "-H", shop.url, "--headless", "-u", 1, "--history", tmp_path / "h", "--exit-code-on-error", 0, "--test-id")
        out = ("--out", f"influxdb={store.url}/kat")
        with katydid(*words, "night", *out, cwd=tmp_path) as first:
            wait_for(lambda: "running" in run_katydid("runs", "--history", tmp_path / "h").stdout, "the run in the history")
            same, other, alone = (run_katydid(*words, *more, "-t", 1, cwd=tmp_path) for more in (("night", *out), ("nigh", *out), ("night",)))
            first.signal(15)
            assert first.wait() == 0, first.describe()
        later = run_katydid(*words, "night", *out, "-t", 1, cwd=tmp_path)
    assert [run.code for run in (same, other, alone, later)] == [0] * 4
    assert ["Another run with --test-id night goes on (" in run.stderr for run in (first, same, other, alone, later)] == [False, True, False, False, False]


COUNTS = """
from katydid import check
from katydid.metrics import Counter, Gauge, Rate, Trend
from locust import HttpUser, constant, task
sold, stock, found, size = Counter("sold"), Gauge("stock"), Rate("found"), Trend("cart.size")
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def count(self):
        check(self.client.get("/"), {"is 200": lambda r: r.status_code == 200, "is a teapot": lambda r: r.status_code == 418}, tags={"shop": "a|b"})
        sold.add(2.5, tags={"shop": "north"})
        stock.add(-3)
        found.add(True)
        size.add(4)
"""


def test_checks_and_metrics_go_to_graphite(tmp_path):
    with target() as shop, locustfile(COUNTS) as file, receivers.tcp_receiver() as (plain, plain_end), receivers.tcp_receiver() as (tagged, tagged_end):
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--test-id", "night", "--summary", tmp_path / "s.json",
                          "--out", f"graphite=127.0.0.1:{plain}", "--out", f"graphite=127.0.0.1:{tagged},tags=yes", cwd=tmp_path)
        nodes, tags = plain_end(), tagged_end()
    assert run.code == 0, run.describe()
    n = {one["metric"]: one["count"] for one in json.loads((tmp_path / "s.json").read_text())["metrics"]}["sold"]

    def sums(lines):
        """Of the values of each path; the latest of those that are no counts."""
        found = {}
        for path, value, _ in map(str.split, lines):
            found[path] = float(value) + (0 if re.search(r"\.(value|mean|run_p\d+)", path) else found.get(path, 0))
        return found

    start = "katydid.night."
    assert n > 0 and {start + "checks.is_200.a_b.pass": n, start + "checks.is_200.a_b.fail": 0, start + "checks.is_a_teapot.a_b.fail": n, start + "metrics.sold.north.sum": 2.5 * n, start + "metrics.stock.value": -3,
                      start + "metrics.found.pass": n, start + "metrics.cart_size.count": n, start + "metrics.cart_size.mean": 4, start + "metrics.cart_size.run_p95": 4}.items() <= sums(nodes).items()
    assert {"katydid.checks.pass;testid=night;check=is_200;shop=a|b": n, "katydid.metrics.sold.sum;testid=night;shop=north": 2.5 * n}.items() <= sums(tags).items()


def test_checks_and_metrics_go_to_statsd_and_datadog(tmp_path):
    with (target() as shop, locustfile(COUNTS) as file, receivers.http_receiver() as store, receivers.udp_receiver() as (statsd, statsd_end), receivers.udp_receiver() as (agent, agent_end)):
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--test-id", "night", "--summary", tmp_path / "s.json", "--out", f"datadog={store.url},interval=1s,timeout=10s",
                          "--out", f"statsd=127.0.0.1:{statsd}", "--out", f"dogstatsd=127.0.0.1:{agent}", env={"DD_API_KEY": "0123456789"}, cwd=tmp_path)
        plain, dog = statsd_end(), agent_end()
    assert run.code == 0, run.describe()
    n = {one["metric"]: one["count"] for one in json.loads((tmp_path / "s.json").read_text())["metrics"]}["sold"]
    of_plain, of_dog, of_store = {}, {}, {}
    for line in plain:
        name, value, kind = re.fullmatch(r"katydid\.([^:]*):(-?[\d.]+)\|(\w+)(?:\|@.*)?", line).groups()
        of_plain[name] = float(value) if kind == "g" else of_plain.get(name, 0) + float(value)
    for line in dog:
        name, value, tags = re.fullmatch(r"katydid\.([^:]*):(-?[\d.]+)(?::[\d.:]+)?\|\w(?:\|@[^|]*)?\|#testid:night,?([^|]*)", line).groups()
        of_dog[name, tags] = of_dog.get((name, tags), 0) + float(value)
    for path, _, body in store.pushes:
        for one in json.loads(body)["series"] if path == "/api/v2/series" else []:
            key = one["metric"].removeprefix("katydid."), ",".join(one["tags"][1:])
            of_store[key] = of_store.get(key, 0) * (one["type"] == 1) + one["points"][0]["value"]
    assert n > 0 and {"check.is_200.a_b.pass": n, "check.is_a_teapot.a_b.fail": n, "metric.sold.north": 2.5 * n, "metric.stock": -3, "metric.found.pass": n,
                      "metric.cart_size.count": n, "metric.cart_size.mean": 4}.items() <= of_plain.items()
    assert ["katydid.metric.stock:0|g", "katydid.metric.stock:-3|g"] == [line for line in plain if "stock" in line][:2], "a sign alone is added to what there is"
    assert {("checks", "check:is 200,shop:a_b,result:pass"): n, ("checks", "check:is a teapot,shop:a_b,result:fail"): n, ("metric.sold", "shop:north"): 2.5 * n,
            ("metric.found", "result:pass"): n, ("metric.cart_size.count", ""): n}.items() <= of_dog.items()
    assert {("checks", "check:is 200,shop:a|b,result:pass"): n, ("checks", "check:is a teapot,shop:a|b,result:fail"): n, ("metric.sold", "shop:north"): 2.5 * n, ("metric.stock", ""): -3,
            ("metric.found", "result:pass"): n, ("metric.cart.size.count", ""): n, ("metric.cart.size.mean", ""): 4}.items() <= of_store.items()


LABELLED = """
from katydid import group
from locust import HttpUser, constant, task
class Buyer(HttpUser):
    wait_time = constant(0.02)
    @task
    def buy(self):
        self.client.get("/")
        with group("checkout"):
            self.client.post("/post", data="x", name="basket")
            with group("pay"):
                self.client.get("/status/404", name="pay")
class Looker(HttpUser):
    wait_time = constant(0.02)
    @task
    def look(self):
        self.client.get("/")
        self.environment.events.request.fire(request_type="JMS", name="fired", response_time=3, response_length=0, exception=None)
"""
SCENARIOS = ("--scenario", "shop:constant-vus:users=2,duration=2s,class=Buyer", "--scenario", "browse:constant-vus:users=1,duration=2s,class=Looker")
LABELS = {("/", "shop", "Buyer", ""), ("basket", "shop", "Buyer", "checkout"), ("pay", "shop", "Buyer", "checkout / pay"), ("/", "browse", "Looker", ""), ("fired", "browse", "Looker", "")}


def labelled(tags, name="name"):
    return tags[name], tags.get("scenario", ""), tags.get("user_class", ""), tags.get("group", "")


def test_requests_have_their_scenario_class_and_group(tmp_path):
    with (target() as shop, locustfile(LABELLED) as file, receivers.http_receiver() as influx, receivers.http_receiver() as bare, receivers.http_receiver() as otlp, receivers.http_receiver() as remote,
          receivers.http_receiver() as native, receivers.http_receiver() as dog, receivers.udp_receiver() as (agent, agent_end)):
        remote.answer = native.answer = (204, {"X-Prometheus-Remote-Write-Samples-Written": "1"})
        run = run_katydid("-f", file, "-H", shop.url, "--headless", *SCENARIOS, "--exit-code-on-error", 0, "--processes", 2, "--summary", tmp_path / "s.json", "--out", f"influxdb={influx.url}", "--out", f"influxdb={bare.url},labels=none",
                          "--out", f"otlp={otlp.url},temporality=delta,interval=1s", "--out", f"remote-write={remote.url}/w,version=1", "--out", f"remote-write={native.url}/w,trend=native,labels=group",
                          "--out", f"datadog={dog.url},interval=1s,timeout=10s", "--out", f"dogstatsd=127.0.0.1:{agent}", env={"DD_API_KEY": "0123456789"}, cwd=tmp_path)
        lines = agent_end()
    assert run.code == 0, run.describe()
    summary = json.loads((tmp_path / "s.json").read_text())
    rows = {row["name"]: row["requests"] for row in summary["rows"]}
    assert summary["metrics"] == [one for one in summary["metrics"] if "katydid_request" not in one["metric"]]

    def check(parts, keys=LABELS):
        """The parts that there are, of which those of a row are together what it has."""
        parts = {key: n for key, n in total(parts).items() if n}
        assert parts.keys() == keys
        assert total((key[0], n) for key, n in parts.items()) == rows

    points = [(tags, values) for _, _, body in influx.pushes for measurement, tags, values, _ in receivers.influx(body) if measurement == "katydid_requests"]
    check((labelled(tags), values.get("count", 0)) for tags, values in points)
    assert all(("p95" in values) == bool(values.get("count")) for _, values in points)
    totals = [values for _, _, body in influx.pushes for measurement, _, values, _ in receivers.influx(body) if measurement == "katydid_total"]
    assert sum(values.get("bytes", 0) for _, values in points) == sum(values["bytes"] for values in totals) > 0
    assert total((labelled(tags), values.get("fails", 0)) for tags, values in points)["pay", "shop", "Buyer", "checkout / pay"] == rows["pay"]
    check(((labelled(tags), values["count"]) for _, _, body in bare.pushes for measurement, tags, values, _ in receivers.influx(body) if measurement == "katydid_requests"), {(name, "", "", "") for name in rows})
    for name in ("katydid_requests_total", "katydid_request_duration_seconds_count", "katydid_request_duration_seconds_bucket"):
        last = {labelled(labels): samples[0][1] for _, _, body in remote.pushes for labels, samples, _ in receivers.remote_write_1(body) if labels["__name__"] == name and labels.get("le", "+Inf") == "+Inf" and not math.isnan(samples[0][1])}
        check(last.items())
    histograms = {labelled(labels): receivers.native_count(whole[0][1], 6, 11, 12) for _, _, body in native.pushes for labels, _, whole in receivers.remote_write_2(body) if whole}
    check(histograms.items(), {(name, "", "", group) for name, _, _, group in LABELS})
    sums, times = [], []
    for _, _, body in otlp.pushes:
        for name, _, attributes, point in receivers.otlp(body):
            if name == "katydid.requests":
                sums.append((labelled(attributes), receivers.double(point[4][0])))
            if name in ("http.client.request.duration", "katydid.request.duration"):
                times.append((labelled(attributes, "request.name" if name[0] == "h" else "name"), point[4][0]))
    check(sums)
    check(times)
    series = [(dict(tag.split(":", 1) for tag in one["tags"]), one) for path, _, body in dog.pushes for one in json.loads(body)["series"]]
    check((labelled(tags), one["points"][0]["value"]) for tags, one in series if one["metric"] == "katydid.requests")
    check((labelled(tags), len(one["points"][0][1])) for tags, one in series if one["metric"] == "katydid.response_time")
    sent = [(line.split(":")[0], line.split("|")[0].split(":")[1:], dict(tag.split(":", 1) for tag in line.split("|#")[1].split("|")[0].split(","))) for line in lines]
    check((labelled(tags), int(values[0])) for name, values, tags in sent if name == "katydid.requests")
    check((labelled(tags), len(values)) for name, values, tags in sent if name == "katydid.response_time")


def test_differences_are_sent_each_second_by_themselves(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as all_since, receivers.http_receiver() as delta:
        with katydid("-f", file, "-H", shop.url, "--headless", "--exit-code-on-error", 0, "--out", f"otlp={all_since.url}", "--out", f"otlp={delta.url},temporality=delta", cwd=tmp_path) as run:
            wait_for(lambda: len(delta.pushes) >= 6, "six pushes")
            assert len(all_since.pushes) < len(delta.pushes)
            run.signal(15)
            assert run.wait() == 0, run.describe()


def test_labels_are_asked_for_where_they_tell_something_apart(tmp_path):
    """One class, no scenarios, no group: requests have no more than method and name, and no series is kept for them."""
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as influx:
        run = run_until_all(influx, "-f", file, "-H", shop.url, "--out", f"influxdb={influx.url}", cwd=tmp_path)
        assert run.code == 0, run.describe()
        assert {labelled(tags)[1:] for tags, _ in rows_of(influx).values()} == {("", "", "")}
        wrong = run_katydid("-f", file, "--headless", "-t", 1, "--out", f"influxdb={influx.url},labels=scenario/klass", cwd=tmp_path)
    assert wrong.code == 2 and "labels=scenario/klass: give some of scenario user_class group auto none, by slashes" in wrong.stderr
