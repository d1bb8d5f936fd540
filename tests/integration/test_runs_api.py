"""Stored runs over the API: what is listed, what a stored run answers, what may be changed of it and by whom; and that several masters share a folder."""

import json
import os
import signal
import subprocess
import textwrap
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from harness import KATYDID, free_port, get_json, katydid, run_katydid, wait_for
from harness import shop as shop_server
from test_web import ask, command

TEXT = """
    from locust import User, constant, task

    class Shop(User):
        wait_time = constant(0.05)

        @task
        def buy(self):
            for name, error in (("/buy", None), ("/pay", ValueError("no money"))):
                self.environment.events.request.fire(request_type="GET", name=name, response_time=12, response_length=3, exception=error, context={})
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two runs, made at once by two masters, and a third master whose page shows them."""
    folder = tmp_path_factory.mktemp("runs")
    file = folder / "shop.py"
    file.write_text(textwrap.dedent(TEXT))
    words = ["-f", file, "-t", 3, "-u", 2, "--history", folder / "h", "--headless", "--json"]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda more: run_katydid(*words, *more), (["--tag", "build=1", "--profile", "small"], ["--note", "the Second", "--threshold", "p95 < 1ms"])))
    port = free_port()
    with katydid("-f", file, "--web-port", port, "--history", folder / "h") as master:
        master.wait_line("Starting web interface")
        url = f"http://127.0.0.1:{port}"
        first = get_json(f"{url}/api/v1/runs?tag=build=1")["runs"][0]
        second = get_json(f"{url}/api/v1/runs?text=second")["runs"][0]
        yield SimpleNamespace(url=url, file=file, folder=folder / "h", first=first, second=second, counted=[sum(row["num_requests"] for row in json.loads(run.stdout)) for run in ended])


def listed(shop, query=""):
    return [run["id"] for run in get_json(f"{shop.url}/api/v1/runs?{query}")["runs"]]


def test_runs_are_listed_and_filtered(shop):
    first, second = shop.first, shop.second
    assert (first["requests"], second["requests"]) == tuple(shop.counted)
    assert (first["profile"], first["tags"], first["verdict"] in ("-", "not valid"), first["users"], second["note"]) == ("small", {"build": "1"}, True, 2, "the Second")
    assert first["fail_ratio"] == 0.5 and first["p95"] > 0 and first["rps"] > 0 and len(first["spark"]) > 0
    answer = get_json(f"{shop.url}/api/v1/runs?limit=1")
    assert (len(answer["runs"]), answer["total"], set(answer["profiles"])) == (1, 2, {"small", ""})
    assert listed(shop, "limit=1&skip=1") != listed(shop, "limit=1") and listed(shop, "skip=2") == []
    for query, found in (("profile=small", [first]), ("profile=large", []), ("tag=build", [first]), ("tag=build=2", []), ("text=SECOND", [second]), ("text=small", [first]),
                         (f"text={first['id']}", [first]), ("text=100%25", []), ("verdict=running", []), (f"verdict={second['verdict'].replace(' ', '+')}&text=second", [second])):
        assert listed(shop, query) == [run["id"] for run in found], query


def test_a_stored_run_answers_what_a_live_one_does(shop):
    of = f"{shop.url}/api/v1/runs/{shop.first['id']}"
    assert get_json(of)["totals"]["requests"] == shop.counted[0]
    hello, tick = get_json(f"{of}/state"), get_json(f"{of}/live")
    assert (hello["state"], hello["run"], tick["total"][1], sorted(name for _, _, name in tick["defs"])) == ("stopped", shop.first["run"], shop.counted[0], ["/buy", "/pay"])
    whole = get_json(f"{of}/range")
    assert (whole["total"][1], len(whole["rows"]), whole["complete"]) == (shop.counted[0], 2, True)
    points = get_json(f"{of}/series?step=1")["points"]
    assert sum(point[1] for point in points) == pytest.approx(shop.counted[0], abs=1)
    second, count = next((point[0], point[1]) for point in points if point[1])
    assert get_json(f"{of}/range?from={second}&to={second + 1}")["total"][1] == count <= shop.counted[0]
    assert get_json(f"{of}/distribution")["count"] == shop.counted[0]
    assert sum(cell[2] for cell in get_json(f"{of}/heatmap")["cells"]) == shop.counted[0]
    [failure] = get_json(f"{of}/failures")["failures"]
    assert (failure["name"], failure["count"], failure["in_range"]) == ("/pay", shop.counted[0] // 2, shop.counted[0] // 2)
    assert {event["kind"] for event in get_json(f"{of}/events")["events"]} >= {"start", "stop"}
    assert get_json(f"{of}/exceptions")["exceptions"] == [] and len(get_json(f"{of}/workers")["workers"]) == 1
    assert get_json(f"{of}/sparks?ids=1")["rows"].keys() == {"1"}
    assert len(get_json(f"{shop.url}/api/v1/runs/{shop.second['id']}/verdict")["thresholds"]) == 1
    status, report, headers = ask(f"{of}/report")
    assert status in (200, 503) and ("katydid-report" in report or "WEBUI=0" in report), report[:200]
    status, _, headers = ask(f"{of}/range?from={second}&to={second + 1}")
    assert ask(f"{of}/range?from={second}&to={second + 1}", headers={"If-None-Match": headers["ETag"]})[0] == 304


def test_figures_have_their_intervals(shop):
    intervals = get_json(f"{shop.url}/api/v1/runs/{shop.first['id']}")["intervals"]
    assert {(one["method"], one["name"]) for one in intervals} == {("", ""), ("GET", "/buy"), ("GET", "/pay")} and intervals[0]["name"] == ""
    failed = next(one for one in intervals if (one["name"], one["metric"]) == ("", "fail_ratio"))
    assert 0 < failed["low"] < failed["value"] == 0.5 < failed["high"] < 1 and failed["n"] == shop.counted[0]
    points = get_json(f"{shop.url}/api/v1/trend?metric=fail_ratio&profile=small")["points"]
    assert points[0]["steady"] == {key: failed[key] for key in ("value", "low", "high", "n", "blocks")}


def test_a_run_in_outline_is_the_run(shop):
    of = f"{shop.url}/api/v1/runs/{shop.first['id']}"
    outline = get_json(f"{of}/outline")
    assert outline["run"]["id"] == shop.first["id"]
    assert outline["distribution"] == get_json(f"{of}/distribution") and outline["heatmap"] == get_json(f"{of}/heatmap")
    assert outline["series"]["points"] == get_json(f"{of}/series?columns=all")["points"]
    assert ask(f"{shop.url}/api/v1/runs/nothing/outline")[0] == 404


def test_a_run_is_named_as_on_the_command_line(shop):
    for name in (shop.first["id"][:20], "profile:small", "tag:build=1"):
        assert get_json(f"{shop.url}/api/v1/runs/{name}/state")["run"] == shop.first["run"], name
    for path, expected in (("runs/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404), ("runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/range", 404), ("runs/nothing/live", 404), (f"runs/{'1' * 200}/state", 404),
                           ("runs/latest~7/series", 404), ("runs/latest/nothing", 404), ("runs/latest/range/more", 404), ("runs/", 404), ("runs/latest/series?from=x", 400),
                           ("compare", 400), ("compare?a=latest", 400), ("compare?a=latest&b=/etc/passwd.kdrun", 400), ("compare?a=latest&b=latest~9", 404)):
        status, text, _ = ask(f"{shop.url}/api/v1/{path}")
        assert status == expected, (path, status, text[:200])


def test_what_is_asked_wrongly_is_named(shop):
    for query, field in (("limit=0", "limit"), ("limit=501", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=1.5", "limit"), ("skip=-1", "skip"), ("skip=1e3", "skip"),
                         ("valid=2", "valid"), ("valid=yes", "valid"), ("verdict=good", "verdict"), ("limits=3", "")):
        status, text, _ = ask(f"{shop.url}/api/v1/runs?{query}")
        assert (status, json.loads(text)["field"]) == (400, field), (query, text)
    for path in ("trend?metrics=p95", "compare?a=latest&b=latest&force=x", "compare?a=latest&b=latest&forced=1"):
        assert ask(f"{shop.url}/api/v1/{path}")[0] == 400, path


def test_of_several_runs_none_is_guessed(shop):
    for path in ("runs/latest%202", "runs/latest%202/range"):
        status, text, _ = ask(f"{shop.url}/api/v1/{path}")
        assert (status, "means 2 runs" in text) == (400, True), (path, text)
    status, text, _ = ask(f"{shop.url}/api/v1/runs/latest%202", "DELETE", headers={"X-Katydid": "1"})
    assert (status, "means 2 runs" in text, len(listed(shop, ""))) == (400, True, 2), text


def test_a_pipe_in_the_place_of_a_run_keeps_nobody_waiting(shop, tmp_path):
    """Opening one waits for whoever writes it: no question may, nor the end of the master."""
    words = ["-f", shop.file, "-t", 1, "--history", tmp_path / "h", "--headless"]
    run_katydid(*words)
    [file] = (tmp_path / "h").glob("*.kdrun")
    file.unlink()
    os.mkfifo(file)
    port = free_port()
    with katydid("-f", shop.file, "--web-port", port, "--history", tmp_path / "h") as master:
        master.wait_line("Starting web interface")
        url = f"http://127.0.0.1:{port}/api/v1"
        status, text, _ = ask(f"{url}/runs/latest/range")
        assert (status, "this is no file of a run" in text) == (503, True), text
        assert ask(f"{url}/compare?a=latest&b=latest")[0] == 404
        assert len(get_json(f"{url}/runs")["runs"]) == 1
        assert ask(f"{url}/runs/latest", "DELETE", headers={"X-Katydid": "1"})[0] == 200
        master.signal(signal.SIGTERM)
        master.wait()
    assert not file.exists()


def test_runs_are_compared_as_the_command_line_does(shop):
    ids = [shop.first["id"], shop.second["id"]]
    line = subprocess.run([KATYDID, "compare", *ids, "--json", "--history", shop.folder], capture_output=True, text=True, timeout=60)
    answer = get_json(f"{shop.url}/api/v1/compare?a={ids[0]}&b={ids[1]}")
    assert answer == json.loads(line.stdout) and answer["refusal"], answer  # too short


def test_who_may_change_a_run(shop):
    path = f"runs/{shop.second['id']}"
    for name, field in (("note", "text"), ("pin", "name")):
        for headers, expected in (({"Origin": "http://evil.test"}, 403), ({"Sec_Fetch_Site": "cross-site"}, 403), ({"X_Katydid": None}, 403), ({"Content_Type": "text/plain"}, 415)):
            assert command(shop.url, f"{path}/{name}", {field: "x"}, **headers)[0] == expected, (name, headers)
        for body in (b"{", b"[]", {}, {field: 5}, {field: "x", "more": 1}, {field: "x" * 5000}, b'{"%s": "a", "%s": "b"}' % (field.encode(), field.encode())):
            status, text, _ = command(shop.url, f"{path}/{name}", body)
            assert (status, json.loads(text)["field"]) == (400, field), (name, body, text)
        assert command(shop.url, f"runs/nothing/{name}", {field: "x"})[0] == 404
        assert ask(f"{shop.url}/api/v1/{path}/{name}")[0] == 405
    for headers in ({}, {"X-Katydid": "1", "Origin": "http://evil.test"}, {"X-Katydid": "1", "Sec-Fetch-Site": "same-site"}):
        assert ask(f"{shop.url}/api/v1/{path}", "DELETE", headers=headers)[0] == 403
    status, _, headers = ask(f"{shop.url}/api/v1/{path}", "POST", b"")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")
    assert get_json(f"{shop.url}/api/v1/{path}")["note"] == "the Second"


def test_notes_pins_and_an_end(shop):
    words = ["-f", shop.file, "-t", 1, "--history", shop.folder, "--headless", "--tag", "short=1"]
    assert run_katydid(*words).code in (0, 1)  # 1: requests failed; of a machine that stood still there may be none
    [run] = listed(shop, "tag=short")
    path = f"runs/{run}"
    assert command(shop.url, f"{path}/note", {"text": "<b>slow</b> disk"})[0] == 200
    assert command(shop.url, f"{path}/pin", {"name": "base"})[0] == 200
    known = get_json(f"{shop.url}/api/v1/runs/pinned:base")
    assert (known["id"], known["note"]) == (run, "<b>slow</b> disk") and listed(shop, "text=slow") == [run]
    delete = lambda: ask(f"{shop.url}/api/v1/{path}", "DELETE", headers={"X-Katydid": "1"})  # noqa: E731
    status, text, _ = delete()
    assert status == 409 and "pinned as base" in json.loads(text)["error"]
    assert command(shop.url, f"{path}/pin", {"name": ""})[0] == 200
    assert get_json(f"{shop.url}/api/v1/{path}/state")["run"] == known["run"]  # it is open
    assert delete()[0] == 200 and delete()[0] == 404
    assert ask(f"{shop.url}/api/v1/{path}/state")[0] == 404 and not list(shop.folder.glob(f"{run}*"))


KEPT = """
    import logging
    from katydid.metrics import Trend
    from locust import HttpUser, task

    size = Trend("basket_size")

    class Buyer(HttpUser):
        @task
        def buy(self):
            self.client.get("/cart")
            self.client.get("/nothing-here")
            size.add(7)
            logging.warning("bought")
"""


def test_scenarios_metrics_samples_and_lines_are_stored_too(tmp_path):
    file = tmp_path / "buyer.py"
    file.write_text(textwrap.dedent(KEPT))
    words = ["-f", file, "-t", 3, "--history", tmp_path / "h", "--headless"]
    with shop_server() as server:
        run_katydid(*words, "-H", server.url, "--rate", "5/s")
    port = free_port()
    with katydid("-f", file, "--web-port", port, "--history", tmp_path / "h") as master:
        master.wait_line("Starting web interface")
        url = f"http://127.0.0.1:{port}/api/v1/runs/latest"
        kept = get_json(f"{url}/kept")
        [plan] = kept["scenarios"]["scenarios"]
        assert plan["name"] == "rate" and plan["started"] > 0 and plan["users"] == 0 < plan["most_users"] and get_json(f"{url}/state")["plans"] == 1, plan
        [listed] = get_json(f"http://127.0.0.1:{port}/api/v1/runs")["runs"]
        assert listed["users"] is None and listed["users_most"] > 0 and listed["iterations"]["started"] == plan["started"], listed
        [series] = [one for one in kept["metrics"]["series"] if one["metric"] == "basket_size"]
        course = kept["metrics"]["courses"][kept["metrics"]["series"].index(series)]
        assert series["count"] == sum(point[1] for point in course["points"]) > 0
        failed = [kind for kind in kept["samples"]["kinds"] if kind[1] == "/nothing-here" and kind[2]]
        assert failed and failed[0][3][0]["status"] == 404
        assert "class Buyer" in kept["script"]["text"] and get_json(url)["sha256"] == kept["script"]["sha256"]
        assert any("bought" in str(line) for line in kept["logs"]["lines"])
        report = ask(f"{url}/report?samples=1&logs=1")[1]
        assert "katydid-report" in report or "WEBUI=0" in report
        assert ask(f"{url}x/kept")[0] == 404
    folder = tmp_path / "h"

    def export(*more, history=folder):
        return subprocess.run([KATYDID, "runs", "export", "latest", *more, "--history", history], capture_output=True, text=True, timeout=60, check=True).stdout

    assert json.loads(export("--json")).keys() >= {"scenarios", "metrics"} and "samples" not in json.loads(export("--json"))
    assert json.loads(export("--json", "--samples"))["samples"]["kinds"]
    for more, has in (([], False), (["--samples"], True)):  # what people hand on has none, unless they say so
        file = tmp_path / f"{has}.kdrun"
        export(file, *more)
        there = tmp_path / str(has)
        subprocess.run([KATYDID, "runs", "import", file, "--history", there], capture_output=True, timeout=60, check=True)
        whole = json.loads(export("--json", "--samples", history=there))
        assert (whole["samples"] is not None, whole["logs"] is not None, whole["script"] is not None, whole["metrics"] is not None) == (has, has, has, True)


def test_a_run_that_goes_on_is_seen_by_another_master_too(shop):
    port = free_port()
    with katydid("-f", shop.file, "--web-port", port, "--history", shop.folder, "--autostart", "-u", 1, "--tag", "on=1") as other:
        url = f"http://127.0.0.1:{port}"
        other.wait_line("Starting web interface")
        wait_for(lambda: listed(shop, "tag=on"), "the run in the list")
        [run] = get_json(f"{shop.url}/api/v1/runs?tag=on")["runs"]
        assert (run["verdict"], run["run"]) == ("running", get_json(f"{url}/api/v1/state")["run"])
        assert ask(f"{shop.url}/api/v1/runs/{run['id']}", "DELETE", headers={"X-Katydid": "1"})[0] == 409
        assert get_json(f"{url}/api/v1/runs/{shop.first['id']}/range")["total"][1] == shop.counted[0]  # while its own run is on
        wait_for(lambda: get_json(f"{shop.url}/api/v1/runs/{run['id']}/live")["total"][1] > 0, "requests in its file")
    wait_for(lambda: get_json(f"{shop.url}/api/v1/runs?tag=on")["runs"][0]["verdict"] != "running", "its end")


@pytest.mark.parametrize("words", [["--history", "off"], ["--history", "{}/nothing"]], ids=["off", "nothing yet"])
def test_without_stored_runs_the_list_says_why(shop, tmp_path, words):
    port = free_port()
    with katydid("-f", shop.file, "--web-port", port, *(word.format(tmp_path) for word in words)) as master:
        master.wait_line("Starting web interface")
        url = f"http://127.0.0.1:{port}"
        answer = get_json(f"{url}/api/v1/runs")
        assert (answer["runs"], answer["total"]) == ([], 0) and answer["notice"]
        for path in ("runs/latest", "runs/latest/range", "compare?a=latest&b=latest"):
            assert ask(f"{url}/api/v1/{path}")[0] == 404, path
