# SPDX-License-Identifier: MIT
"""Metrics of a locustfile's own, from several workers to what the run leaves."""

import csv
import json
import signal
import subprocess

from harness import BUILD, STOCK_LOCUST, VENV, Process, free_port, get_json, katydid, locustfile, run_katydid, target, wait_for

METRICS = '''
import os
from locust import User, constant, events, task
from katydid.metrics import Counter, Gauge, Rate, Trend

sold = Counter("sold", unit="EUR")
basket = Trend("basket")
full = Rate("full")
stock = Gauge("stock")
process = Gauge("process")
told = Counter("told")
sold.add(1000)  # before the run: of no run

@events.quitting.add_listener
def tell(environment, **_):
    print("TOLD", environment.counted if hasattr(environment, "counted") else 0)

class U(User):
    wait_time = constant(0.05)
    @task
    def shop(self):
        self.environment.counted = getattr(self.environment, "counted", 0) + 1
        told.add(1)
        sold.add(2, tags={"shop": "north"})
        sold.add(3, tags={"shop": 7})
        basket.add(-1.5)
        basket.add(float("nan"))
        full.add(True)
        full.add(0)
        stock.add(5)
        process.add(os.getpid())
'''


def metrics(path):
    with open(path, newline="") as file:
        return {(row["Metric"], row["Tags"]): row for row in csv.DictReader(file)}


def test_values_of_all_workers_are_added_up_once(tmp_path):
    with locustfile(METRICS) as file:
        run = run_katydid("-f", file, "--headless", "-u", 4, "-r", 4, "-t", 3, "--processes", 2, "--csv", tmp_path / "o", "--summary", tmp_path / "o.json")
    assert run.code == 0, run.describe()
    counted = sum(int(line.split()[1]) for line in (run.stdout + run.stderr).splitlines() if line.startswith("TOLD"))
    rows = metrics(tmp_path / "o_metrics.csv")
    assert counted > 20, run.describe()
    assert float(rows["told", ""]["Sum"]) == counted
    assert float(rows["sold", "{shop:north}"]["Sum"]) == 2 * counted
    assert float(rows["sold", "{shop:7}"]["Sum"]) == 3 * counted and rows["sold", "{shop:7}"]["Unit"] == "EUR"
    assert int(rows["basket", ""]["Count"]) == counted and float(rows["basket", ""]["50%"]) == -1.5
    assert (int(rows["full", ""]["Count"]), int(rows["full", ""]["True"])) == (2 * counted, counted)
    assert float(rows["stock", ""]["Latest"]) == 5
    assert int(rows["metrics_rejected", "{metric:basket}"]["Sum"]) == counted
    summary = json.loads((tmp_path / "o.json").read_text())
    gauge = next(m for m in summary["metrics"] if m["metric"] == "process")
    said = {of["worker"]: of["value"] for of in gauge["workers"]}
    assert set(said) == {w["id"] for w in summary["workers"]} and len(set(said.values())) == 2  # a process each
    assert said[gauge["worker"]] == gauge["value"] and f"(worker {gauge['worker']})" in run.stderr
    assert "sold{shop:north}" in run.stderr and ("sold", "") not in rows, run.describe()


def test_a_running_test_shows_them():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with locustfile(METRICS) as file, katydid("-f", file, "--web-port", port, "--autostart", "-u", 1, "-r", 1) as master:
        master.wait_line("Starting web interface")

        def sold():
            series = get_json(f"{url}/api/v1/metrics")["series"]
            return sum(s["sum"] for s in series if s["metric"] == "sold")

        wait_for(lambda: sold() >= 50, "the sum of what was sold")
        before = sold()
        assert before < 1000 and before % 5 == 0


def test_one_name_is_one_type(tmp_path):
    (tmp_path / "other.py").write_text('from katydid.metrics import Trend\nbasket = Trend("basket")\n')
    main = "import sys; sys.path.insert(0, {!r})\nimport other\nfrom katydid.metrics import Counter\nCounter('basket')\n"
    with locustfile(main.format(str(tmp_path)) + METRICS) as file:
        run = run_katydid("-f", file, "--headless", "-t", 1)
    text = run.stdout + run.stderr
    assert run.code != 0 and "metric 'basket' is a Counter in" in text and "a Trend in" in text, run.describe()
    assert "other.py:2" in text and f"{file}:4" in text, run.describe()

CHECKS = '''
from locust import HttpUser, constant, task
from katydid import check, group

class U(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        with self.group("buy"):
            with self.client.get("/", catch_response=True) as r:
                all_hold = check(r, {"status is 200": lambda r: r.status_code == 200, "there": r.text is not None})
                assert all_hold is True
                assert check(r, {"raises": lambda r: 1 / 0, "after": lambda r: True}, fail=True) is False
            with group("pay"):
                self.client.get("/status/500")
            assert check.that("stock left", 3, tags={"shop": 7}) is True
        with group("good"):
            self.client.get("/good")
        check.that("outside", False)
'''


def test_checks_and_groups_are_counted(tmp_path):
    with target() as shop, locustfile(CHECKS) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--csv", tmp_path / "o")
    assert run.code == 1 and "AssertionError" not in run.stdout + run.stderr, run.describe()
    with open(tmp_path / "o_checks.csv", newline="") as csv_file:
        checks = {row["Check"]: row for row in csv.DictReader(csv_file)}
    passed = {name: int(row["Passed"]) for name, row in checks.items()}
    failed = {name: int(row["Failed"]) for name, row in checks.items()}
    n = passed["status is 200"]
    assert n > 5 and passed["there"] == passed["after"] == failed["raises"] == n and failed["status is 200"] == 0
    assert checks["raises"]["Tags"] == "{group:buy}" and checks["stock left"]["Tags"] == "{group:buy,shop:7}"
    assert 0 < int(checks["outside"]["First Failed"]) <= int(checks["outside"]["Last Failed"]) and checks["outside"]["Tags"] == ""
    rows = metrics(tmp_path / "o_metrics.csv")
    buy, pay, good = ({m: rows[f"group_{m}", f"{{group:{path}}}"] for m in ("duration", "busy", "failed")}
                      for path in ("buy", "buy / pay", "good"))
    assert int(buy["failed"]["True"]) == int(buy["duration"]["Count"]) and int(pay["failed"]["True"]) > 0
    assert int(good["failed"]["True"]) == 0 < int(good["failed"]["Count"])
    assert float(buy["busy"]["Sum"]) <= float(buy["duration"]["Sum"]) and float(pay["busy"]["Sum"]) <= float(buy["busy"]["Sum"])
    assert "raises: " not in run.stderr and "GET /: raises" in run.stderr and "Checks" in run.stderr, run.describe()


ENDS = '''
import time
from locust import User, constant, task
from katydid import group

class U(User):
    wait_time = constant(0.05)
    @task(5)
    def leaves(self):
        try:
            with group("outer"):
                with group("raises"):
                    raise ValueError
        except ValueError:
            pass
    @task
    def sleeps(self):
        with group("sleeps"):
            time.sleep(1000)
'''


def test_a_group_that_the_end_cuts_off_is_neither_good_nor_bad(tmp_path):
    with locustfile(ENDS) as file:
        run = run_katydid("-f", file, "--headless", "-u", 20, "-r", 20, "-t", 3, "--csv", tmp_path / "o")
    rows = metrics(tmp_path / "o_metrics.csv")
    assert int(rows["group_cut", "{group:sleeps}"]["Sum"]) > 0 and ("group_duration", "{group:sleeps}") not in rows, run.describe()
    outer, inner = (rows["group_failed", f"{{group:{path}}}"] for path in ("outer", "outer / raises"))
    assert int(outer["True"]) == int(outer["Count"]) == int(inner["True"]) == int(inner["Count"]) > 0

TAGS = '''
from locust import FastHttpUser, HttpUser, constant, task
from katydid import group

class Gold(HttpUser):
    wait_time = constant(0.05)
    sample_tags = {"tier": "tin", "kind": "browser"}
    def on_start(self):
        self.tags = {"tier": "gold"}
    @task
    def t(self):
        self.client.get("/")
        with group("buy"):
            self.client.get("/plain", auth=lambda r: r, tags={"unseen": 1})
        self.client.get("/status/500", tags={"tier": "own"})

class Fast(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/fast", tags={"tier": 7})
        self.environment.events.request.fire(request_type="X", name="fired", response_time=5, response_length=0, exception=None,
                                             context={}, tags={"tier": "fired"})
'''


def test_requests_are_kept_apart_by_wanted_tags_only(tmp_path):
    with target() as shop, locustfile(TAGS) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--csv", tmp_path / "o",
                          "--series-tags", "tier", "group", "class", "region=eu")
        plain = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 1, "--csv", tmp_path / "p")
    rows = metrics(tmp_path / "o_metrics.csv")
    tags = {tags for metric, tags in rows if metric == "http_req_duration"}
    assert tags == {
        "{class:Gold,method:GET,name:/,region:eu,tier:gold}",
        "{class:Gold,group:buy,method:GET,name:/plain,region:eu,tier:gold}",
        "{class:Gold,method:GET,name:/status/500,region:eu,tier:own}",
        "{class:Fast,method:GET,name:/fast,region:eu,tier:7}",
        "{method:X,name:fired,region:eu,tier:fired}",
    }, run.describe()
    with open(tmp_path / "o_stats.csv", newline="") as stats:
        counts = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(stats)}
    for (metric, tag), row in rows.items():
        if metric == "http_req_failed":
            name = tag.partition("name:")[2].partition(",")[0]
            assert int(row["Count"]) == counts[name] and int(row["True"]) == (counts[name] if name == "/status/500" else 0), tag
    assert "tags" not in run.stderr.replace("--series-tags", ""), run.describe()
    assert all(metric.startswith("group_") for metric, _ in metrics(tmp_path / "p_metrics.csv")), plain.describe()

SAME_AGAIN = '''
from locust import User, constant, events, task

class Word(str):
    pass

class Shop(User):
    wait_time = constant(1000)

    def fire(self, name, tags, times=1):
        for _ in range(times):
            self.environment.events.request.fire(request_type="X", name=name, response_time=5, response_length=0, exception=None, context={}, tags=tags)

    @task
    def t(self):
        tags = {"tier": "gold", "shop": "8"}
        self.fire("changed", tags, 6)
        tags["tier"] = "silver"
        self.fire("changed", tags, 3)
        del tags["shop"]
        tags["x"] = "of no interest"
        self.fire("changed", tags, 2)
        self.fire("other", tags, 2)
        self.fire("other", dict(reversed(tags.items())), 2)
        for tier in ("a", "b") * 4:
            self.fire("turns", {"tier": tier, "shop": "9"})
        self.fire("nothing", {"tier": None, "shop": ""}, 3)
        self.fire("words", {Word("tier"): Word("x"), "shop": 5}, 3)
        self.fire("words", {"tier": "x", "shop": "5"}, 3)
'''


def test_a_dict_of_tags_counts_as_it_is_then(tmp_path):
    with locustfile(SAME_AGAIN) as file:
        run = run_katydid("-f", file, "--headless", "-u", 1, "-t", 1, "--csv", tmp_path / "o", "--series-tags", "tier", "shop=7")
    counts = {tags: int(row["Count"]) for (metric, tags), row in metrics(tmp_path / "o_metrics.csv").items() if metric == "http_req_duration"}
    assert counts == {
        "{method:X,name:changed,shop:8,tier:gold}": 6, "{method:X,name:changed,shop:8,tier:silver}": 3,
        "{method:X,name:changed,shop:7,tier:silver}": 2, "{method:X,name:other,shop:7,tier:silver}": 4,
        "{method:X,name:turns,shop:9,tier:a}": 4, "{method:X,name:turns,shop:9,tier:b}": 4,
        "{method:X,name:words,shop:5,tier:x}": 6,
    }, run.describe()


EVERYWHERE = '''
from locust import FastHttpUser, HttpUser, TaskSet, constant, task
from katydid import check, group
from katydid.metrics import Counter, Gauge, Rate, Trend
things = [Counter("sold", unit="EUR"), Trend("basket", scale=100), Gauge("stock"), Rate("found")]

class Set(TaskSet):
    @task
    def leave(self):
        with self.group("set"):
            self.interrupt()

class Slow(HttpUser):
    wait_time = constant(0.05)
    sample_tags = {"tier": "tin"}
    tasks = [Set]
    @task
    def t(self):
        with self.group("buy"), group("pay"):
            with self.client.get("/", tags={"x": 1}, catch_response=True) as r:
                assert check(r, {"ok": lambda r: r.status_code == 200}) and not check(r, {"bad": lambda r: 1 / 0}, fail=True)
        for thing in things:
            thing.add(1, tags={"a": "b"})
            thing.add(float("nan"))
        assert check.that("fine", True)

class Fast(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/fast", tags={"x": 1})
'''


def test_the_same_file_runs_under_stock_locust(tmp_path):
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    subprocess.run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", tmp_path / "site",
                    wheel], check=True, timeout=100)
    with target() as shop, locustfile(EVERYWHERE) as file:
        options = ["-f", file, "-H", shop.url, "--headless", "-u", "2", "-r", "2"]
        ours = run_katydid(*options, "-t", "2", "--only-summary")
        rows = {("CHECK", "ok"), ("CHECK", "bad"), ("CHECK", "fine"), ("GROUP", "buy"), ("GROUP", "set"), ("METRIC", "sold"), ("GET", "/fast")}
        with Process([STOCK_LOCUST, *options], env={"PYTHONPATH": str(tmp_path / "site")}) as stock:
            # Not -t: its time would begin before stock has loaded.
            wait_for(lambda: rows <= {tuple(line.split()[:2]) for line in stock.stderr.splitlines() if len(line.split()) > 3}, "each kind of row")
            stock.signal(signal.SIGTERM)
            code = stock.wait()
    assert ours.code == code == 1 and "Traceback" not in stock.stderr + ours.stderr, stock.stderr + ours.describe()
    assert "check failed: bad: ZeroDivisionError" in stock.stderr and "group failed" not in stock.stderr, stock.stderr
