"""The run second by second: ranges, series, reports and marks of a real run, against its own totals."""

import base64
import gzip
import json
import re
import signal
import urllib.error
import urllib.request

import pytest
from harness import free_port, get_json, katydid, locustfile, run_katydid, target, wait_for

FILE = """
from locust import HttpUser, task, constant, events

NAMES = ["</script><script>alert(1)</script>", "\\u202eevil", "=1+1", "a\\x00b\\x1b[31m", "x" * 1_000_000]

class Shopper(HttpUser):
    wait_time = constant(0.02)
    turn = 0

    @task(8)
    def quick(self):
        self.client.get("/", name="/quick")

    @task(2)
    def failing(self):
        self.client.get("/status/503", name="/failing")

    @task
    def hostile(self):
        Shopper.turn += 1
        name = NAMES[Shopper.turn % len(NAMES)]
        self.environment.events.request.fire(
            request_type="GET", name=name, response_time=3, response_length=1, context={},
            exception=Exception(name[:2000]) if Shopper.turn % 2 else None)
"""


def post(url, name, fields):
    request = urllib.request.Request(f"{url}/api/v1/{name}", json.dumps(fields).encode(),
                                     {"Content-Type": "application/json", "X-Katydid": "1"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def ask(url, path, **headers):
    request = urllib.request.Request(f"{url}/{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


@pytest.fixture(scope="module")
def run():
    """A run of two workers that has ended, its users changed once, marked once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with target() as shop, locustfile(FILE) as file, katydid(
            "-f", file, "-H", shop.url, "--web-port", port, "--processes", "2") as master:
        master.wait_line("2 workers connected")
        master.wait_line("Starting web interface")
        post(url, "start", {"users": 10, "spawn_rate": 10})
        wait_for(lambda: get_json(f"{url}/api/v1/live")["total"][1] > 300, "the first requests")
        post(url, "edit", {"users": 14})
        wait_for(lambda: get_json(f"{url}/stats/requests")["user_count"] == 14, "14 users")
        post(url, "marker", {"text": "deploy <b>"})
        wait_for(lambda: len(get_json(f"{url}/api/v1/range")["rows"]) >= 6, "some closed seconds of every name")
        began = get_json(f"{url}/api/v1/range")
        wait_for(lambda: get_json(f"{url}/api/v1/range")["to"] >= began["to"] + 4, "more seconds")
        post(url, "stop", {})
        wait_for(lambda: get_json(f"{url}/api/v1/state")["state"] == "stopped", "the end of the run")
        yield url


def by_id(rows):
    return {row[0]: row for row in rows}


def named(answer, row):
    return dict(zip(answer["columns"], row))


def test_a_range_over_the_whole_run_is_the_ticks_totals(run):
    tick, whole = get_json(f"{run}/api/v1/live"), get_json(f"{run}/api/v1/range")
    assert whole["complete"] and whole["run"] == tick["run"]
    rates = {"rps", "fail_rps", "total_rps", "total_fail_rps"}
    fixed = [i for i, name in enumerate(whole["columns"]) if name not in rates]
    assert [whole["total"][i] for i in fixed] == [tick["total"][i] for i in fixed]
    assert by_id(whole["rows"]).keys() == by_id(tick["rows"]).keys()
    for row_id, row in by_id(tick["rows"]).items():
        assert [by_id(whole["rows"])[row_id][i] for i in fixed] == [row[i] for i in fixed]
    assert sum(worker[1] for worker in whole["workers"]) == whole["total"][1]
    failures = {f["id"]: f["count"] for f in get_json(f"{run}/api/v1/failures")["failures"]}
    assert {kind: count for kind, count, _, _ in whole["failures"]} == failures


def test_any_partition_of_the_run_adds_up(run):
    whole = get_json(f"{run}/api/v1/range")
    for step in (1, 2, 3):
        edges = [*range(whole["from"], whole["to"], step), whole["to"]]
        parts = [get_json(f"{run}/api/v1/range?from={a}&to={b}") for a, b in zip(edges, edges[1:])]
        for column in (1, 2, 3):
            assert sum(part["total"][column] for part in parts) == whole["total"][column]
        assert max(part["total"][8] or 0 for part in parts) == whole["total"][8]


def test_a_series_adds_up_and_knows_its_workers(run):
    whole = get_json(f"{run}/api/v1/range")
    series = get_json(f"{run}/api/v1/series?step=1&columns=all")
    points = [named(series, point) for point in series["points"]]
    assert round(sum(p["rps"] for p in points)) == whole["total"][1]
    assert round(sum(p["s5"] for p in points)) == named(whole, whole["total"])["s5"]
    assert max(p["users"] for p in points) == 14
    assert any((p["wait"] or 0) > 0 for p in points) and any(p["cpu"] is not None for p in points)
    shares = [get_json(f"{run}/api/v1/series?step=1&worker={index}")["points"] for index in (0, 1)]
    assert round(sum(point[1] for share in shares for point in share)) == whole["total"][1]
    later = get_json(f"{run}/api/v1/series")
    assert len(later["columns"]) == 9 and len(later["points"]) <= 720


def test_other_views_of_a_range(run):
    whole = get_json(f"{run}/api/v1/range")
    row = max(whole["rows"], key=lambda r: r[1])
    spread = get_json(f"{run}/api/v1/distribution?id={row[0]}")
    assert spread["count"] == row[1] and sum(b[2] + b[3] for b in spread["buckets"]) == row[1]
    heat = get_json(f"{run}/api/v1/heatmap")
    assert sum(cell[2] for cell in heat["cells"]) == whole["total"][1]
    sparks = get_json(f"{run}/api/v1/sparks?ids={row[0]},999999")["rows"]
    assert sparks[str(row[0])] and sparks["999999"] == [None] * len(sparks["999999"])


def test_what_happened_is_told(run):
    events = get_json(f"{run}/api/v1/events")["events"]
    assert [event["kind"] for event in events if event["kind"] != "saturated"] == ["start", "users", "marker", "stop"]
    assert [event["text"] for event in events if event["kind"] == "marker"] == ["deploy <b>"]


def test_wrong_questions_name_their_field(run):
    for path, field in {"range?from=x": "from", "series?step=0": "step", "sparks?ids=1;2": "ids",
                        "range?from=9&to=8": "to", "heatmap?id=-1": "id"}.items():
        status, body, _ = ask(run, f"api/v1/{path}")
        assert (status, json.loads(body)["field"]) == (400, field)
    with pytest.raises(urllib.error.HTTPError) as error:
        post(run, "marker", {"text": ""})
    assert error.value.code == 400


def test_closed_ranges_are_cached_and_packed(run):
    status, body, headers = ask(run, "api/v1/distribution", **{"Accept-Encoding": "gzip"})
    tag = headers["ETag"]
    assert status == 200 and tag and headers["Content-Encoding"] == "gzip" and json.loads(gzip.decompress(body))
    status, body, headers = ask(run, "api/v1/distribution", **{"If-None-Match": tag})
    assert (status, body) == (304, b"")
    assert ask(run, "api/v1/distribution?id=1")[2]["ETag"] != tag


def block_of(html):
    text = re.search(rb'id="katydid-report">([^<]*)</script>', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(text)))


def check_report(html, requests):
    report = block_of(html)
    assert report["tick"]["total"][1] == requests
    for part in ("rows_run", "rows_windows"):
        rows = [dict(zip(report[part]["columns"], row)) for row in report[part]["rows"]]
        assert sum(row["count"] for row in rows if row["id"] == 0) == requests
        assert sum(row["count"] for row in rows if row["id"] > 0) == requests
        for row_id in {row["id"] for row in rows}:  # over all of the run: a late report may touch two windows
            own = [row for row in rows if row["id"] == row_id]
            assert sum(sum(row["hist"][1::2]) for row in own) == sum(row["count"] - row["none"] for row in own)
    assert len(html) < 5 << 20
    page = html[:html.index(b'id="katydid-report"')]
    assert b"default-src 'none'; script-src 'sha256-" in page and b"alert(1)" not in html
    return report


def test_the_report_has_the_run_and_nothing_of_its_names_as_html(run):
    requests = get_json(f"{run}/api/v1/live")["total"][1]
    status, html, headers = ask(run, "api/v1/report")
    assert status == 200 and "attachment" in headers["Content-Disposition"]
    report = check_report(html, requests)
    names = {name for _, _, name in report["tick"]["defs"]}
    assert "</script><script>alert(1)</script>" in names and "\u202eevil" in names
    assert sum(count for *_, count in report["failures_windows"]["rows"]) == report["tick"]["total"][2]
    status, html, headers = ask(run, "stats/report")
    assert status == 200 and "Content-Disposition" not in headers and "sandbox" in headers["Content-Security-Policy"]
    assert "attachment" in ask(run, "stats/report?download=1")[2]["Content-Disposition"]


def test_hostile_names_are_only_text_in_csv(run):
    csv = ask(run, "stats/requests/csv")[1].decode()
    assert "'=1+1" in csv and ",=1+1" not in csv


def test_a_reset_begins_a_new_count_and_keeps_the_course(run):
    before = get_json(f"{run}/api/v1/range")
    post(run, "reset", {})
    wait_for(lambda: get_json(f"{run}/api/v1/live")["total"][1] == 0, "the reset")
    assert get_json(f"{run}/api/v1/range")["total"][1] == 0
    kept = get_json(f"{run}/api/v1/range?from={before['from']}&to={before['to']}")
    assert kept["total"][1] == before["total"][1]
    assert get_json(f"{run}/api/v1/events")["events"][-1]["kind"] == "reset"


def test_html_is_written_at_the_end(tmp_path):
    with target() as shop, locustfile(FILE) as file:
        done = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "-t", 3, "--json", "--html",
                           tmp_path / "r_{u}_{r}_{t}.html")
    html = (tmp_path / "r_4_4_3.html").read_bytes()
    requests = sum(row["num_requests"] for row in json.loads(done.stdout))
    assert requests > 0 and check_report(html, requests)["hello"]["state"] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_html_is_written_after_a_signal(tmp_path, number):
    path = tmp_path / "report.html"
    with target() as shop, locustfile(FILE) as file, katydid(
            "-f", file, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "--html", path) as master:
        master.wait_line("All users spawned")
        master.signal(number)
        master.wait()
    report = block_of(path.read_bytes())
    check_report(path.read_bytes(), report["tick"]["total"][1])


def test_a_report_that_cannot_be_written_is_told_before_the_run():
    with locustfile(FILE) as file:
        done = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-u", 1, "--html", "/dev/null/none/r.html")
    assert done.code == 74 and "cannot write" in done.stderr and "Ramping" not in done.stderr
