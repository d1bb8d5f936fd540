# SPDX-License-Identifier: MIT
"""--out otlp and otlp-traces with a collector of OpenTelemetry (make outputs-test builds it): what it understood of metrics and spans is
what the target saw, over HTTP and over gRPC."""

import json
import subprocess
from contextlib import contextmanager

import pytest

from harness import ROOT, free_port, listens, locustfile, run_katydid, target, wait_for

COLLECTOR = ROOT / "build" / "stores" / "collector"
USER = '''
from locust import HttpUser, task
class U(HttpUser):
    @task
    def all(self):
        self.client.get("/")
        self.client.get("/delay/3", name="slow")
        self.client.get("/status/404", name="fails")
'''
TIMES = 60
NAMES = {"/", "slow", "fails"}


@contextmanager
def collector(folder):
    """Its addresses for gRPC and HTTP, and what reads what it understood: {"resourceMetrics" or "resourceSpans": [...]}, when it has ended."""
    grpc, http = free_port(), free_port()
    config, out, log = folder / "c.yaml", folder / "out.jsonl", folder / "c.log"
    config.write_text(json.dumps({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{grpc}"}, "http": {"endpoint": f"127.0.0.1:{http}"}}}},
        "exporters": {"file": {"path": str(out)}},
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": {signal: {"receivers": ["otlp"], "exporters": ["file"]} for signal in ("metrics", "traces")}}}))
    with log.open("w") as to, subprocess.Popen([COLLECTOR, "--config", config], stdout=to, stderr=to) as process:
        def end():
            process.terminate()
            process.wait(60)
            return [json.loads(line) for line in out.read_text().splitlines()]
        try:
            wait_for(lambda: process.poll() is not None or (listens(grpc) and listens(http)), "the collector")
            assert process.poll() is None, log.read_text()
            yield {"grpc": f"http://127.0.0.1:{grpc}", "http/protobuf": f"http://127.0.0.1:{http}"}, end
        finally:
            process.kill()


def attributes(pairs):
    return {pair["key"]: next(iter(pair["value"].values())) for pair in pairs}


def points(pushes, name):
    """(attributes, point, metric's kind) of each data point of that metric."""
    for push in pushes:
        for resource in push.get("resourceMetrics", []):
            for metric in resource["scopeMetrics"][0]["metrics"]:
                kind = next((kind for kind in ("sum", "exponentialHistogram") if kind in metric), None)
                if metric["name"] == name:
                    yield from ((attributes(point["attributes"]), point, metric[kind]) for point in metric[kind]["dataPoints"])


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_understands_all_of_it(protocol, tmp_path):
    with target() as shop, locustfile(USER) as file, collector(tmp_path) as (addresses, end):
        to = f"{addresses[protocol]},protocol={protocol}"
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-i", TIMES, "-u", 3, "-r", 3, "--exit-code-on-error", 0, "--trace", 1, "--summary", "s.json",
                          "--out", f"otlp={to},interval=500ms,gzip", "--out", f"otlp={to},interval=500ms,temporality=delta,service=delta", "--out", f"otlp-traces={to},gzip", cwd=tmp_path)
        pushes = end()
    assert run.code == 0, run.describe()
    summary = json.loads((tmp_path / "s.json").read_text())
    rows = {row["name"]: row for row in summary["rows"]}
    assert set(rows) == NAMES and all(row["requests"] == TIMES for row in rows.values())
    assert all(one["sent"] > 0 and one["dropped"] == 0 for one in summary["outputs"]), summary["outputs"]
    check_metrics(pushes, rows)
    spans = [span for push in pushes for resource in push.get("resourceSpans", []) for span in resource["scopeSpans"][0]["spans"]]
    assert sorted(attributes(span["attributes"])["request.name"] for span in spans) == sorted(name for name in NAMES for _ in range(TIMES))
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 and span["kind"] == 3 for span in spans)
    assert sum(span["status"].get("code") == 2 for span in spans) == TIMES


def check_metrics(pushes, rows):
    """Of cumulative values the last, of the others the sum."""
    last, gained = {}, {name: [0, 0, 0.0] for name in NAMES}
    for labels, point, metric in points(pushes, "http.client.request.duration"):
        counts = [int(n) for n in point["positive"].get("bucketCounts", [])]
        assert sum(counts) + int(point.get("zeroCount", 0)) == int(point["count"])
        if metric["aggregationTemporality"] == 2:
            last[labels["request.name"]] = (int(point["count"]), point["sum"], bucket_span(point, counts))
        else:
            gained[labels["request.name"]][0] += int(point["count"])
            gained[labels["request.name"]][2] += point["sum"]
    for name, row in rows.items():
        count, total, (low, high) = last[name]
        assert count == gained[name][0] == row["requests"]
        assert total == pytest.approx(gained[name][2]) and total * 1000 == pytest.approx(row["mean_ms"] * count, rel=1e-3)
        assert low * 1000 <= row["min_ms"] * 1.01 and row["max_ms"] <= high * 1000 * 1.01
    sums = {labels["name"]: point["asDouble"] for labels, point, metric in points(pushes, "katydid.requests") if metric["aggregationTemporality"] == 2}
    assert sums == {name: row["requests"] for name, row in rows.items()}


def bucket_span(point, counts):
    """Seconds: where the lowest bucket in use begins, and the highest ends."""
    base, offset = 2 ** (2 ** -point["scale"]), point["positive"].get("offset", 0)
    used = [i for i, n in enumerate(counts) if n]
    return base ** (offset + used[0]), base ** (offset + used[-1] + 1)
