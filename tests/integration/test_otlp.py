# SPDX-License-Identifier: MIT
"""--out otlp over gRPC: what a real server of gRPC gets is what the target saw, and its troubles are judged as OpenTelemetry says."""

import json
import struct
import subprocess

import pytest

import receivers
from harness import free_port, katydid, locustfile, run_katydid, target, wait_for

USER = '''
from locust import HttpUser, constant, task
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def all(self):
        self.client.get("/")
        self.client.post("/post", data="x", name="post")
        self.client.get("/status/404", name="fails")
'''
TIMES = 30
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
FEW = ("--headless", "-i", TIMES, "-u", 2, "-r", 2, "--exit-code-on-error", 0)


def of_summary(path):
    summary = json.loads(path.read_text())
    return {row["name"]: row["requests"] for row in summary["rows"]}, {one["kind"]: one for one in summary["outputs"]}


def counts(body):
    """{name: requests} as sums, and as counts of histograms."""
    sums, histograms = {}, {}
    for name, _, attributes, point in receivers.otlp(body):
        if name == "katydid.requests":
            sums[attributes["name"]] = int(receivers.double(point[4][0]))
        if name == "http.client.request.duration":
            assert sum(receivers.packed(receivers.fields(point[8][0])[2][0])) + point[7][0] == point[4][0]
            histograms[attributes["request.name"]] = point[4][0]
    return sums, histograms


@pytest.mark.parametrize("packing", ["", ",gzip"])
def test_a_server_of_grpc_has_all_requests_when_the_run_ends(packing, tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.grpc_receiver() as server:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--summary", tmp_path / "s.json", "--out", f"otlp={server.url},protocol=grpc,interval=1s{packing}")
    assert run.code == 0, run.describe()
    requests, outputs = of_summary(tmp_path / "s.json")
    assert requests == {"/": TIMES, "post": TIMES, "fails": TIMES}
    assert outputs["otlp"]["sent"] == len(server.calls) == server.seen and outputs["otlp"]["dropped"] == 0
    assert {call for call, _, _ in server.calls} == {METRICS}
    assert counts(server.calls[-1][2]) == (requests, requests)
    assert all(headers["user-agent"].startswith("katydid/") for _, headers, _ in server.calls)


def test_the_environment_names_it(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.grpc_receiver() as server:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--summary", tmp_path / "s.json", "--out", "otlp",
                          env={"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": f"127.0.0.1:{server.port}", "OTEL_EXPORTER_OTLP_INSECURE": "true",
                               "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant = a%20b ,x-more=c", "OTEL_SERVICE_NAME": "shop test", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
    assert run.code == 0, run.describe()
    assert counts(server.calls[-1][2])[0] == of_summary(tmp_path / "s.json")[0]
    assert all((headers["x-tenant"], headers["x-more"]) == ("a b", "c") for _, headers, _ in server.calls)
    resource = receivers.attributes(receivers.fields(receivers.fields(receivers.fields(server.calls[-1][2])[1][0])[1][0])[1])
    assert resource["service.name"] == "shop test"


def test_over_tls(tmp_path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with target() as shop, locustfile(USER) as file, receivers.grpc_receiver(0, certificate, key) as server:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--summary", tmp_path / "s.json", "--out", f"otlp=127.0.0.1:{server.port},protocol=grpc,ca={certificate}")
    assert run.code == 0, run.describe()
    assert counts(server.calls[-1][2])[0] == of_summary(tmp_path / "s.json")[0]


@pytest.mark.parametrize(("manner", "is_kept"), [({"code": "UNAVAILABLE", "retry": 0.5}, True), ({"code": "UNAVAILABLE"}, True), ({"code": "RESOURCE_EXHAUSTED", "retry": 1}, True),
                                                 ({"code": "RESOURCE_EXHAUSTED"}, False), ({"code": "INVALID_ARGUMENT"}, False), ({"rejected": 2}, False)])
def test_what_is_kept_and_what_is_dropped(manner, is_kept, tmp_path):
    """Delta values: each push that is not there is missed."""
    with (target() as shop, locustfile(USER) as file, receivers.grpc_receiver() as server,
          katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", tmp_path / "s.json",
                  "--out", f"otlp={server.url},protocol=grpc,temporality=delta,interval=0.2s") as run):
        wait_for(lambda: server.calls, "a push")
        server.answer(**manner)
        before = server.seen
        wait_for(lambda: server.seen > before, "a refused push")
        server.answer()
        taken = len(server.calls)
        wait_for(lambda: len(server.calls) > taken + 2, "pushes again")
        run.signal(15)
        assert run.wait() == 0, run.describe()
    requests, outputs = of_summary(tmp_path / "s.json")
    got = sum(sum(counts(body)[0].values()) for _, _, body in server.calls)
    if is_kept:
        assert outputs["otlp"]["dropped"] == 0 and outputs["otlp"]["sent"] == len(server.calls)
        assert got == sum(requests.values())
    else:
        assert outputs["otlp"]["dropped"] > 0
        word = manner.get("code", "rejects 2 points: too many")
        assert word in run.stdout + run.stderr and word in outputs["otlp"]["last_error"]


def test_a_server_that_hangs_and_one_that_vanishes_and_comes_back(tmp_path):
    port = free_port()
    with (target() as shop, locustfile(USER) as file, receivers.grpc_receiver() as deaf,
          katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", tmp_path / "s.json",
                  "--out", f"otlp={deaf.url},protocol=grpc,interval=0.2s,timeout=300ms", "--out", f"otlp=http://127.0.0.1:{port},protocol=grpc,interval=0.2s") as run):
        deaf.answer(hang=True)
        with receivers.grpc_receiver(port) as first:
            wait_for(lambda: len(first.calls) > 1 and deaf.seen > 1, "pushes")
        with receivers.grpc_receiver(port) as second:
            wait_for(lambda: len(second.calls) > 1, "pushes to the second")
            run.signal(15)
            assert run.wait() == 0, run.describe()
    requests, outputs = of_summary(tmp_path / "s.json")
    assert outputs["otlp"]["dropped"] > 0
    assert outputs["otlp 2"]["dropped"] == 0
    assert counts(second.calls[-1][2]) == (requests, requests)


def test_the_other_protocols_port_is_told(tmp_path):
    """gRPC to what speaks HTTP/1.1 alone, and HTTP to what speaks gRPC."""
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as plain, receivers.grpc_receiver() as server:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--summary", tmp_path / "s.json", "--out", f"otlp={plain.url},protocol=grpc", "--out", f"otlp={server.url}")
    assert run.code == 0, run.describe()
    outputs = of_summary(tmp_path / "s.json")[1]
    assert all(one["sent"] == 0 and one["dropped"] > 0 and one["last_error"] for one in outputs.values()), outputs


def test_two_that_tell_of_the_same_requests_are_named(tmp_path):
    with target() as shop, locustfile(USER) as file:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--otel", "--out", f"otlp=http://127.0.0.1:{free_port()}", cwd=tmp_path)
        alone = run_katydid("-f", file, "-H", shop.url, *FEW, "--otel", cwd=tmp_path)
    assert "--otel and --out otlp: " in run.stderr and "--out otlp" not in alone.stderr, run.describe()


def test_dashboards_for_locusts_own_metrics_find_theirs(tmp_path):
    with target() as shop, locustfile(USER) as file, receivers.http_receiver() as otlp:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--summary", "s.json", "--out", f"otlp={otlp.url},compat=locust", cwd=tmp_path)
    assert run.code == 0, run.describe()
    requests, _ = of_summary(tmp_path / "s.json")
    found = {}
    for name, _, attributes, point in receivers.otlp(otlp.pushes[-1][2]):
        found.setdefault(name, {})[attributes.get("name") or attributes.get("request.name") or attributes.get("user_class")] = point
    for name in ("locust.client.duration", "http.client.request.duration"):
        assert {row: point[4][0] for row, point in found[name].items()} == requests
    assert found["locust.users.count"].keys() == {"U"} == found["katydid.users"].keys()
    assert {"katydid.sent", "katydid.received", "katydid.worker_valid"} <= found.keys()


MIXED = '''
from locust import HttpUser, constant, task
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def all(self):
        self.client.get("/", name="front")
        for kind in ("grpc", "WS"):
            self.environment.events.request.fire(request_type=kind, name=kind, response_time=12, response_length=7, exception=None)
'''
SLOW = ("--headless", "-i", TIMES, "-u", 1, "--exit-code-on-error", 0)  # several seconds, and so several pushes
METRICS_OF = "OTEL_EXPORTER_OTLP_METRICS_"


def resource_of(body):
    """(key, value) of each attribute of the resource, as they are sent."""
    return [tuple(receivers.attributes([pair]).items())[0] for pair in receivers.fields(receivers.fields(receivers.fields(body)[1][0])[1][0])[1]]


def test_names_and_attributes_are_those_of_the_conventions(tmp_path):
    with target() as shop, locustfile(MIXED) as file, receivers.http_receiver() as otlp:
        run = run_katydid("-f", file, "-H", shop.url, *FEW, "--profile", "nightly", "--out", f"otlp={otlp.url}", cwd=tmp_path,
                          env={"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,host.name=here,team=a%20b"})
    assert run.code == 0, run.describe()
    body = otlp.pushes[-1][2]
    times = {name: [] for name in ("http.client.request.duration", "katydid.request.duration")}
    for name, _, attributes, point in receivers.otlp(body):
        times.get(name, []).append((attributes, point))
    ((attributes, point),) = times["http.client.request.duration"]
    assert attributes == {"http.request.method": "GET", "request.name": "front", "server.address": "127.0.0.1", "server.port": int(shop.url.rsplit(":", 1)[1])} and point[4][0] == TIMES
    assert [(attributes, point[4][0]) for attributes, point in sorted(times["katydid.request.duration"], key=lambda one: one[0]["name"])] == [
        ({"method": "WS", "name": "WS"}, TIMES), ({"method": "grpc", "name": "grpc"}, TIMES)]
    resource = resource_of(body)
    assert len(dict(resource)) == len(resource), resource
    wanted = {"service.name": "shop", "host.name": "here", "team": "a b", "profile": "nightly", "user_agent.synthetic.type": "test"}
    assert wanted.items() <= dict(resource).items(), resource


def test_histograms_and_temporality_are_as_the_environment_has_them(tmp_path):
    with target() as shop, locustfile(USER.replace("0.02", "0.1")) as file, receivers.http_receiver() as otlp:
        run = run_katydid("-f", file, "-H", shop.url, *SLOW, "--out", f"otlp={otlp.url},interval=0.2s,buckets=0.000001/30", cwd=tmp_path,
                          env={METRICS_OF + "TEMPORALITY_PREFERENCE": "LowMemory", METRICS_OF + "DEFAULT_HISTOGRAM_AGGREGATION": "explicit_bucket_histogram", "OTEL_SERVICE_NAME": "mine",
                               "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop"})
        wrong = run_katydid("-f", file, "-H", shop.url, *FEW, "--out", f"otlp=http://127.0.0.1:{free_port()}", cwd=tmp_path, env={METRICS_OF + "TEMPORALITY_PREFERENCE": "sometimes"})
    assert run.code == 0, run.describe()
    assert "A variable of OpenTelemetry is not heard" in wrong.stderr and "not heard" not in run.stderr, wrong.describe()
    assert len(otlp.pushes) > 1 and dict(resource_of(otlp.pushes[0][2]))["service.name"] == "mine"
    sums, buckets = {}, {}
    for _, _, body in otlp.pushes:
        for name, kind, attributes, point in receivers.otlp(body):
            if name == "katydid.requests":
                sums[attributes["name"]] = sums.get(attributes["name"], 0) + receivers.double(point[4][0])
            if name == "http.client.request.duration":
                assert kind == 9
                counts = struct.unpack("<3Q", point[6][0])
                assert struct.unpack("<2d", point[7][0]) == (0.000001, 30) and sum(counts) == point[4][0]
                buckets[attributes["request.name"]] = buckets.get(attributes["request.name"], 0) + counts[1]
    assert sums == buckets == {"/": TIMES, "post": TIMES, "fails": TIMES}
