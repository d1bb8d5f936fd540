# SPDX-License-Identifier: MIT
"""--out and docs/grafana with the stores themselves, which `make outputs-test` installs and builds: what each of them has at the end is what the target saw, and what the panels ask for is there.
PostgreSQL is tested by tests/integration/test_timescale.py, every time."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import ROOT, Process, free_port, get_json, katydid, listens, locustfile, target, wait_for
from receivers import user_of_rows

BUILT = ROOT / "build" / "stores"
GRAFANA = ROOT / "docs" / "grafana"
USER = user_of_rows("a b,c=d")
CHECKED = USER.replace('self.client.get("/")', 'check(self.client.get("/"), {"is a teapot": lambda r: r.status_code == 418})').replace("from locust", "from katydid import check\nfrom locust", 1)
PATHS = {"GET__": "/", "POST_a_b_c_d": "a b,c=d", "GET_fails": "fails"}  # in names without tags
NAMES = set(PATHS.values())


STAGES = ["Stage 1 of stages: 3 users in 1s", "Stage 2 of stages: 3 users for "]  # and how long


def run_for(seconds, folder, *outs, user=USER, lossy=()):
    """The rows of a run's summary, {name: requests}; no output dropped anything but those kinds."""
    outs = [word for out in outs for word in ("--out", out)]
    with target() as shop, locustfile(user) as file, katydid("-f", file, "-H", shop.url, "--headless", "--stages", f"1s:3,{seconds - 1}s:3", "--exit-code-on-error", 0, "--test-id", "night",
                                                             "--threshold", "fail_ratio < 0.01", "--summary", "s.json", *outs, cwd=folder) as run:
        assert run.wait() == 99, run.describe()
    summary = json.loads((folder / "s.json").read_text())
    assert all(one["kind"] in lossy or (one["sent"] > 0 and one["dropped"] == 0) for one in summary["outputs"]), summary["outputs"]
    rows = {row["name"]: row["requests"] for row in summary["rows"]}
    assert set(rows) == NAMES
    return rows


def ask(url, **query):
    return get_json(f"{url}?{urllib.parse.urlencode(query)}")


def is_there(url):
    def look():
        try:
            return urllib.request.urlopen(url, timeout=5).status < 400
        except OSError:
            return False
    wait_for(look, url)


def filled(query, **variables):
    for name, value in variables.items():
        query = query.replace(f"${name}", value)
    assert not re.search(r"\$\w", query), query
    return query


# ---- Prometheus, and what speaks as it does -----------------------------------------------------


@contextmanager
def prometheus(folder, scraped=None, program="/usr/bin/prometheus", options=(), **more):
    port = free_port()
    jobs = [{"job_name": "katydid", "scrape_interval": "1s", "static_configs": [{"targets": [scraped]}], **more}] if scraped else []
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))
    with Process([program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", *options]):
        is_there(f"http://127.0.0.1:{port}/-/ready")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def victoria(folder):
    port, graphite = free_port(), free_port()
    with Process([BUILT / "victoria-metrics", f"-storageDataPath={folder}/victoria", f"-httpListenAddr=127.0.0.1:{port}", f"-graphiteListenAddr=127.0.0.1:{graphite}", "-search.latencyOffset=0s",
                  "-search.disableCache"]):
        is_there(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}", graphite


def of_promql(url, query, at=None):
    """{name: value}"""
    found = ask(f"{url}/api/v1/query", query=query, time=at or time.time() + 5)["data"]["result"]
    return {one["metric"]["name"]: round(float(one["value"][1])) for one in found}


def summed(url, metric):
    (one,) = ask(f"{url}/api/v1/query", query=f'sum_over_time({{__name__="{metric}"}}[10m])', time=time.time() + 5)["data"]["result"]
    return round(float(one["value"][1]))


def marks_of(url, name, began):
    """{text: unix ms} of an annotation, which Grafana takes from the values."""
    (one,) = [one for one in json.loads((GRAFANA / "prometheus.json").read_text())["annotations"]["list"] if one["name"] == name]
    found = ask(f"{url}/api/v1/query_range", query=filled(one["expr"], testid="night"), start=began, end=time.time() + 5, step=1)["data"]["result"]
    assert not one.get("useValueForTime") or all(began * 1000 - 1000 < float(value) < time.time() * 1000 + 1000 for series in found for _, value in series["values"]), found
    return {series["metric"].get("text"): float(series["values"][-1][1]) for series in found}


def check_panels(url, began, is_over=True):
    dashboard = json.loads((GRAFANA / "prometheus.json").read_text())
    for panel in dashboard["panels"]:
        found = [ask(f"{url}/api/v1/query_range", query=filled(one["expr"], testid="night", window="10s"), start=began, end=time.time(), step=1)["data"]["result"] for one in panel["targets"]]
        assert all(found), panel["title"]
    (start,) = marks_of(url, "Start", began).values()
    first, second = sorted((at, text) for text, at in marks_of(url, "Stages", began).items())
    assert [text[:len(words)] for (_, text), words in zip((first, second), STAGES)] == STAGES and start <= first[0] and abs(second[0] - first[0] - 1000) < 2, (start, first, second)
    assert marks_of(url, "Failed thresholds", began)
    assert marks_of(url, "Markers", began) == {}
    if is_over:
        check_stop(url, began, second[0])
    variable = dashboard["templating"]["list"][0]["query"]["query"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable).groups()  # Grafana's own word, and what it asks for it
    assert ask(f"{url}/api/v1/label/{label}/values", **{"match[]": metric, "start": int(began), "end": int(time.time()) + 1})["data"] == ["night"]


def check_stop(url, began, after):
    wait_for(lambda: marks_of(url, "Stop", began), "the stop")
    assert all(at > after for at in marks_of(url, "Stop", began).values())


def end_and_look(run, url, began):
    """Nobody scrapes a run that is over: what is not there any more has ended."""
    at = 1000 * time.time()
    assert marks_of(url, "Stop", began) == {}
    run.signal(15)
    run.wait()
    check_stop(url, began, at - 5000)


@pytest.mark.parametrize("how", ["classic,version=1", "classic"])
def test_prometheus_is_written_to(how, tmp_path):
    began = time.time()
    with prometheus(tmp_path) as url:
        rows = run_for(15, tmp_path, f"remote-write={url}/api/v1/write,trend={how},interval=1s")
        assert of_promql(url, "last_over_time(katydid_requests_total[10m])") == rows
        assert of_promql(url, 'last_over_time(katydid_request_duration_seconds_bucket{le="+Inf"}[10m])') == rows
        assert of_promql(url, "katydid_requests_total") == {}, "what is over is marked"
        check_panels(url, began)


def check_native(url, folder, began):
    """Counts are those of the target, quantiles within a bucket (9 %); and the panels find them."""
    summary = json.loads((folder / "s.json").read_text())
    rows = {row["name"]: row for row in summary["rows"]}
    at = "last_over_time(katydid_request_duration_seconds[10m])"
    assert of_promql(url, f"histogram_count({at})") == {name: row["requests"] for name, row in rows.items()}
    for share in (0.5, 0.95, 0.99):
        for one in ask(f"{url}/api/v1/query", query=f"histogram_quantile({share}, {at})", time=time.time() + 5)["data"]["result"]:
            value = rows[one["metric"]["name"]]["percentiles"][f"{100 * share:g}"]
            assert abs(float(one["value"][1]) * 1000 - value) <= 0.1 * value, (share, one, value)
    check_panels(url, began)


@pytest.mark.parametrize("version", ["auto", "1"])
def test_the_newest_prometheus_takes_native_histograms(version, tmp_path):
    began = time.time()
    with prometheus(tmp_path, program=BUILT / "prometheus") as url:
        rows = run_for(15, tmp_path, f"remote-write={url}/api/v1/write,trend=native,version={version},interval=1s")
        assert of_promql(url, "last_over_time(katydid_requests_total[10m])") == rows
        check_native(url, tmp_path, began)
        assert of_promql(url, "katydid_requests_total") == of_promql(url, "histogram_count(katydid_request_duration_seconds)") == {}, "what is over is marked"


def test_the_newest_prometheus_scrapes_native_histograms(tmp_path):
    port = free_port()
    with prometheus(tmp_path, f"127.0.0.1:{port}", BUILT / "prometheus", scrape_native_histograms=True) as url, target() as shop, locustfile(USER) as file, \
            katydid("-f", file, "-H", shop.url, "--headless", "--stages", "1s:3,1h:3", "--test-id", "night", "--threshold", "fail_ratio < 0.01", "--out", f"prometheus=:{port}", cwd=tmp_path) as run:
        began = time.time()
        wait_for(lambda: set(of_promql(url, "rate(katydid_requests_total[10s]) > 0")) == NAMES, "rates of every name")
        wait_for(lambda: time.time() > began + 15, "a window of the panels")
        at = time.time() - 2  # both are of one scrape
        counts = of_promql(url, "histogram_count(katydid_request_duration_seconds)", at)
        assert set(counts) == NAMES and counts == of_promql(url, "katydid_requests_total", at)
        assert all(float(one["value"][1]) > 0 for one in ask(f"{url}/api/v1/query", query="histogram_quantile(0.95, rate(katydid_request_duration_seconds[10s]))", time=at)["data"]["result"])
        check_panels(url, began, is_over=False)
        end_and_look(run, url, began)


def test_prometheus_has_what_k6s_dashboards_ask_for(tmp_path):
    with prometheus(tmp_path) as url:
        rows = run_for(5, tmp_path, f"remote-write={url}/api/v1/write,schema=k6,interval=1s")
        assert of_promql(url, "last_over_time(k6_http_reqs_total[10m])") == rows
        for metric in ("k6_vus", "k6_http_req_failed_rate", "k6_http_req_duration_p99", "k6_data_sent_total"):
            assert ask(f"{url}/api/v1/query", query=f'last_over_time({metric}{{testid="night"}}[10m])')["data"]["result"], metric


def test_prometheus_scrapes(tmp_path):
    port = free_port()
    with prometheus(tmp_path, f"127.0.0.1:{port}") as url, target() as shop, locustfile(USER) as file, katydid("-f", file, "-H", shop.url, "--headless", "--stages", "1s:3,1h:3", "--test-id", "night", "--threshold", "fail_ratio < 0.01", "--out", f"prometheus=:{port}", cwd=tmp_path) as run:
        began = time.time()
        wait_for(lambda: set(of_promql(url, "rate(katydid_requests_total[10s]) > 0")) == NAMES, "rates of every name")
        wait_for(lambda: time.time() > began + 10, "a window of the panels")
        check_panels(url, began, is_over=False)
        end_and_look(run, url, began)


def test_victoriametrics_takes_four_kinds(tmp_path):
    with victoria(tmp_path) as (url, graphite):
        rows = run_for(10, tmp_path, f"remote-write={url}/api/v1/write,interval=1s", f"influxdb={url}/kat", f"graphite=127.0.0.1:{graphite},interval=1s", f"otlp={url}/opentelemetry/v1/metrics,interval=1s")
        urllib.request.urlopen(f"{url}/internal/force_flush", timeout=30).close()
        assert of_promql(url, "last_over_time(katydid_requests_total[10m])") == rows
        assert of_promql(url, "sum_over_time(katydid_requests_count[10m])") == rows
        assert {name: summed(url, f"katydid.night.requests.{path}.count") for path, name in PATHS.items()} == rows
        otlp = ask(f"{url}/api/v1/query", query='last_over_time({__name__="katydid.requests"}[10m])', time=time.time() + 5)["data"]["result"]
        assert {one["metric"]["name"]: round(float(one["value"][1])) for one in otlp} == rows


def test_victoriametrics_takes_influxdb_2_and_datadog(tmp_path):
    """Of Datadog's two addresses it has that of series, not that of distributions."""
    with victoria(tmp_path) as (url, _):
        rows = run_for(6, tmp_path, f"influxdb={url}/kat,version=2,org=us", f"datadog={url}/datadog,api_key=@{key_file(tmp_path)},interval=1s", lossy=("datadog",))
        urllib.request.urlopen(f"{url}/internal/force_flush", timeout=30).close()
        assert of_promql(url, "sum_over_time(katydid_requests_count[10m])") == rows
        of_datadog = ask(f"{url}/api/v1/query", query='sum_over_time({__name__="katydid.requests"}[10m])', time=time.time() + 5)["data"]["result"]
        assert {one["metric"]["name"]: round(float(one["value"][1])) for one in of_datadog} == {name.replace(",", "_"): n for name, n in rows.items()}
        assert all(one["metric"]["testid"] == "night" and one["metric"]["host"] for one in of_datadog)
    one = next(one for one in json.loads((tmp_path / "s.json").read_text())["outputs"] if one["kind"] == "datadog")
    assert one["sent"] > 0 and one["dropped"] > 0 and "distribution_points" in one["last_error"], one


def key_file(folder):
    (folder / "key").write_text("0123")
    return folder / "key"


def test_the_newest_prometheus_takes_otlp(tmp_path):
    with prometheus(tmp_path, program=BUILT / "prometheus", options=["--web.enable-otlp-receiver"]) as url:
        rows = run_for(10, tmp_path, f"otlp={url}/api/v1/otlp/v1/metrics,interval=1s")
        assert of_promql(url, "last_over_time(katydid_requests_total[10m])") == rows
        times = ask(f"{url}/api/v1/query", query="histogram_count(last_over_time(http_client_request_duration_seconds[10m]))", time=time.time() + 5)["data"]["result"]
        assert {one["metric"]["request_name"]: round(float(one["value"][1])) for one in times} == rows
        assert {one["metric"]["job"] for one in times} == {"katydid"}


def test_the_newest_prometheus_refuses_deltas_and_that_is_told_once(tmp_path):
    """It answers 500, which a sender that repeats what got one would send for ever."""
    with prometheus(tmp_path, program=BUILT / "prometheus", options=["--web.enable-otlp-receiver"]) as url:
        run_for(5, tmp_path, f"otlp={url}/api/v1/otlp/v1/metrics,interval=1s,temporality=delta", lossy=("otlp",))
    (one,) = json.loads((tmp_path / "s.json").read_text())["outputs"]
    assert one["sent"] == 0 and one["dropped"] > 0 and "it may want temporality=cumulative" in one["last_error"], one


# ---- InfluxDB ----------------------------------------------------------------------------------


@contextmanager
def influxdb(folder):
    port, rpc = free_port(), free_port()
    (folder / "influxdb.conf").write_text(f'''reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
''')
    with Process(["/usr/bin/influxd", "-config", folder / "influxdb.conf"]):
        is_there(f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}"


def test_influxdb_and_its_panels(tmp_path):
    began = int(time.time()) - 1
    with influxdb(tmp_path) as url:
        rows = run_for(10, tmp_path, f"influxdb={url}/kat", user=CHECKED)

        def series(query):
            (result,) = ask(f"{url}/query", db="kat", q=query)["results"]
            assert "error" not in result, result
            return result.get("series", [])

        assert {one["tags"]["name"]: one["values"][0][1] for one in series('SELECT sum("count") FROM "katydid_requests" GROUP BY "name"')} == rows
        for panel in json.loads((GRAFANA / "influxdb.json").read_text())["panels"]:
            for one in panel["targets"]:
                assert series(filled(one["query"], testid="night", timeFilter=f"time >= {began}s", window="5s")), panel["title"]
        dashboard = json.loads((GRAFANA / "influxdb.json").read_text())
        (marks,) = series(filled(dashboard["annotations"]["list"][0]["query"], testid="night", timeFilter=f"time >= {began}s"))
        titles, texts = (marks["columns"].index(dashboard["annotations"]["list"][0][column]) for column in ("titleColumn", "textColumn"))
        assert {"start", "stage", "threshold", "stop"} <= {one[titles] for one in marks["values"]}
        assert [one[texts][:len(words)] for one, words in zip([one for one in marks["values"] if one[titles] == "stage"], STAGES)] == STAGES
        (ids,) = series(dashboard["templating"]["list"][0]["query"])
        assert ids["values"] == [["testid", "night"]]


def test_influxdb_and_what_dashboards_of_k6_ask(tmp_path):
    """Queries in the form of the dashboards for k6 that people import, by their numbers 2587 and 13719 at grafana.com."""
    with influxdb(tmp_path) as url:
        rows = run_for(10, tmp_path, f"influxdb={url},schema=k6")

        def values(query):
            (result,) = ask(f"{url}/query", db="k6", q=query)["results"]
            assert "error" not in result, result
            return {one.get("tags", {}).get("name"): one["values"][0][1] for one in result.get("series", [])}

        assert values('SELECT sum("value") FROM "http_reqs" GROUP BY "name"') == rows
        assert values('SELECT max("value") FROM "vus"') == {None: 3}
        times = values('SELECT percentile("value", 95) FROM "http_req_duration" GROUP BY "name"')
        summary = {row["name"]: row["percentiles"]["95"] for row in json.loads((tmp_path / "s.json").read_text())["rows"]}
        assert set(times) == NAMES and all(summary[name] / 3 < times[name] < summary[name] * 3 for name in NAMES), (times, summary)
        for function in ("mean", "median", "min", "max"):
            assert values(f'SELECT {function}("value") FROM /^http_req_waiting$/ WHERE time > 0')[None] > 0
        assert 0 < values('SELECT mean("value") FROM "http_req_failed"')[None] < 1


# ---- StatsD, Graphite --------------------------------------------------------------------------


@contextmanager
def statsd_exporter():
    udp, port = free_port(), free_port()
    with Process([BUILT / "statsd_exporter", f"--statsd.listen-udp=127.0.0.1:{udp}", "--statsd.listen-tcp=", f"--web.listen-address=127.0.0.1:{port}", "--statsd.read-buffer=4194304"]):
        is_there(f"http://127.0.0.1:{port}/metrics")
        yield udp, lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()


def test_statsd_exporter_understands_both(tmp_path):
    with statsd_exporter() as (plain, of_plain), statsd_exporter() as (dog, of_dog):
        rows = run_for(5, tmp_path, f"statsd=127.0.0.1:{plain}", f"dogstatsd=127.0.0.1:{dog}")

        def plain_counts():
            return {PATHS[name]: int(float(n)) for name, n in re.findall(r"^katydid_(\w+)_requests (\S+)$", of_plain(), re.M)}

        def dog_counts():
            return {re.search(r'name="([^"]*)"', tags).group(1): int(float(n)) for tags, n in re.findall(r"^katydid_requests\{(.*)\} (\S+)$", of_dog(), re.M)}

        wait_for(lambda: plain_counts() == rows, "all counts of statsd")
        wait_for(lambda: dog_counts() == {name.replace(",", "_"): n for name, n in rows.items()}, "all counts of dogstatsd")
        for text in (of_plain(), of_dog()):
            assert re.search(r"^statsd_exporter_samples_total [1-9]|^statsd_exporter_lines_total [1-9]", text, re.M)
            assert not re.search(r"^statsd_exporter_sample_errors_total\{.*\} [1-9]", text, re.M)


@contextmanager
def carbon(folder):
    port, pickled, query = free_port(), free_port(), free_port()
    (folder / "conf").mkdir()
    (folder / "conf" / "carbon.conf").write_text(f'''[cache]
STORAGE_DIR = {folder}
CONF_DIR = {folder}/conf
LOG_DIR = {folder}
PID_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickled}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
ENABLE_TAGS = False
''')
    (folder / "conf" / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 1s:1h\n")
    with Process(["/usr/bin/carbon-cache", f"--config={folder}/conf/carbon.conf", "--nodaemon", "start"], env={"GRAPHITE_ROOT": str(folder)}) as process:
        wait_for(lambda: listens(port), f"carbon\n{process.describe()}")
        yield port


def of_whisper(path):
    """The sum of all values; Debian's whisper is for Debian's Python."""
    done = subprocess.run(["/usr/bin/python3", "-c", "import sys, whisper; print(sum(v for v in whisper.fetch(sys.argv[1], 0)[1] if v is not None))", path], capture_output=True, text=True, timeout=60, check=True)
    return round(float(done.stdout))


def test_carbon_keeps_every_second(tmp_path):
    with carbon(tmp_path) as port:
        rows = run_for(8, tmp_path, f"graphite=127.0.0.1:{port},interval=1s")
        for path, name in PATHS.items():
            file = Path(tmp_path, "whisper", "katydid", "night", "requests", path, "count.wsp")
            wait_for(lambda file=file, name=name: file.exists() and of_whisper(file) == rows[name], f"all of {name} in {file}")
