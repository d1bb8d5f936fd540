# SPDX-License-Identifier: MIT
"""Arrivals against what the target saw: it keeps when each request came. What was due when follows from the plan alone; how far the
requests came from that is said by the generator, and only as far as it says is the target's word held against the plan."""

import contextlib
import json
import math
import re
import subprocess
import sys
import urllib.request

import pytest

from distances import ks_distance
from harness import ROOT, free_port, katydid, locustfile, run_katydid
from queue_server import capacity_of

BUYER = '''
from locust import HttpUser, task
class Buyer(HttpUser):
    @task
    def buy(self):
        self.client.get("/")
'''
SLACK_S = 0.05


@contextlib.contextmanager
def queue(servers, mean_s):
    with subprocess.Popen([sys.executable, ROOT / "tests/support/queue_server.py", str(servers), str(mean_s)], stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def truth(url):
    with urllib.request.urlopen(url + "/truth") as answer:
        return json.load(answer)


def summary_of(tmp_path, url, *arguments):
    with locustfile(BUYER) as file:
        ended = run_katydid("-f", file, "--headless", "--only-summary", "-H", url, "--summary", tmp_path / "summary.json", *arguments)
    assert ended.code == 0, ended.describe()
    return json.loads((tmp_path / "summary.json").read_text()), ended


def off_by(came, intended):
    """How much later than intended nine of ten requests came, at most: the target is not always given the processor at once, either.
    How far the plan begins after the target's clock is unknown: as if the earliest were in time."""
    off = sorted(at - plan for at, plan in zip(came, intended))
    return off[len(off) * 9 // 10] - off[0]


@pytest.mark.parametrize("processes", [1, 4])
def test_the_target_sees_an_even_schedule(tmp_path, processes):
    with queue(50, 0) as url:
        summary, ended = summary_of(tmp_path, url, "--processes", processes, "--scenario",
                                    "buy:ramping-arrival-rate:stages=1s:200/s,2s:200/s,users=40,max_queue=500")
        came = sorted(truth(url)["came"])
    one = summary["scenarios"]["scenarios"][0]
    assert one["due"] == one["started"] == len(came) == 500, ended.describe()
    intended = [math.sqrt((k + 0.5) / 100) if k < 100 else 1 + (k + 0.5 - 100) / 200 for k in range(500)]
    if one["start_delay"]["max"] < 20:  # else the machine was busy, and the generator says so
        assert off_by(came, intended) < one["start_delay"]["max"] / 1e3 + SLACK_S, ended.describe()
        area = lambda t: min(1.0, (100 * t * t if t < 1 else 100 + 200 * (t - 1)) / 500)  # noqa: E731
        first = min(at - plan for at, plan in zip(came, intended))
        assert ks_distance([at - first for at in came], area) < SLACK_S, ended.describe()


def test_machines_with_other_clocks_start_together(tmp_path):
    """Monotonic clocks count from each machine's start: here from 5,000 s before, and from a day before that."""
    port, intended = free_port(), [1 / 200 + k / 100 for k in range(400)]
    machines = [["unshare", "--time", "--monotonic", since, "--boottime", since] for since in (5000, 91400)]
    with queue(50, 0) as url, locustfile(BUYER) as file, contextlib.ExitStack() as held:
        master = held.enter_context(katydid("-f", file, "--master", "--master-bind-port", port, "--headless", "--only-summary", "--expect-workers", 3, "-H", url,
                                            "--summary", tmp_path / "summary.json", "--scenario", "buy:constant-arrival-rate:rate=100/s,duration=4s,users=20,max_queue=400"))
        for prefix in ([], *machines):
            held.enter_context(katydid("-f", file, "--worker", "--master-port", port, prefix=prefix))
        assert master.wait() == 0, master.describe()
        came = sorted(truth(url)["came"])
    one = json.loads((tmp_path / "summary.json").read_text())["scenarios"]["scenarios"][0]
    assert one["due"] == one["started"] == len(came) == 400, master.describe()
    if one["start_delay"]["max"] < 20:  # else the machine was busy, and the generator says so
        assert off_by(came, intended) < one["start_delay"]["max"] / 1e3 + SLACK_S, master.describe()


@pytest.mark.parametrize("processes", [1, 3])
def test_requests_are_throttled_over_all_workers(tmp_path, processes):
    """Users that never wait send as many as they may; at the end each has one more moment at most."""
    with queue(8, 0.001) as url:
        summary, ended = summary_of(tmp_path, url, "--processes", processes, "--scenario", "a:constant-vus:users=9,duration=4s,throttle=50/s")
        came = len(truth(url)["came"])
    assert summary["total"]["requests"] == came and 50 < came <= 200 + 9, ended.describe()


def test_workers_without_a_user_take_nothing_of_a_throttle(tmp_path):
    with queue(8, 0.001) as url:
        summary, ended = summary_of(tmp_path, url, "--processes", 3, "--scenario", "a:ramping-vus:start_users=1,stages=2s:1,0s:2,2s:2,throttle=50/s")
        came = len(truth(url)["came"])
    assert summary["total"]["requests"] == came and 150 < came <= 200 + 3, ended.describe()


def test_the_target_sees_a_poisson_process(tmp_path):
    """Gaps between arrivals of rate r are exponential: as far from it as 1 % of true samples are, and as the generator was late."""
    with queue(50, 0) as url:
        summary, ended = summary_of(tmp_path, url, "--scenario",
                                    "buy:constant-arrival-rate:rate=200/s,duration=4s,distribution=poisson,seed=11,users=40,max_queue=1000")
        came = sorted(truth(url)["came"])
    one = summary["scenarios"]["scenarios"][0]
    assert one["due"] == one["started"] == len(came), ended.describe()
    assert abs(len(came) - 800) < 4 * math.sqrt(800), ended.describe()
    if one["start_delay"]["p99"] < 2:
        gaps = [b - a for a, b in zip(came, came[1:])]
        assert ks_distance(gaps, lambda gap: 1 - math.exp(-200 * gap)) < 1.63 / math.sqrt(len(gaps)) + 0.1, ended.describe()


def test_up_to_which_rate_answers_are_good(tmp_path):
    """The first level's 80 arrivals are good, and none of those behind them."""
    with locustfile("""
        from katydid.load import scenario_of
        from katydid.metrics import Rate
        from locust import User, task
        goodput = Rate("goodput")

        class Asker(User):
            @task
            def ask(self):
                goodput.add(scenario_of(self).iteration_in_test < 80)
    """) as file:
        run = run_katydid("-f", file, "--headless", "--scenario", "sweep:find-knee:step=20/s,level=4s,goodput=95%", "-t", 60, "--summary", tmp_path / "s.json")
    one = json.loads((tmp_path / "s.json").read_text())["scenarios"]["scenarios"][0]["knee"]
    assert run.code == 0, run.describe()
    if one["state"] == "generator":  # the machine was too busy, and that is said
        assert one["goodput"]["per_s"] is None, one
        return
    assert one["state"] == "goodput" and len(one["levels"]) == 3, (one, run.describe())
    assert one["goodput"]["least"] == 0.95 and one["goodput"]["per_s"] == 20 and one["goodput"]["share"] == 1, one
    assert [level["good"] for level in one["levels"]] == [1, 0, 0], one
    assert "goodput of 95 % or more: up to 20/s (100 % there)" in run.stderr, run.describe()


def test_the_knee_of_a_target_with_a_known_capacity(tmp_path):
    """c servers with a mean time of s serve c/s a second, whatever the machine makes of s: the target says how long it really was."""
    with queue(4, 0.04) as url:  # 100/s
        summary, ended = summary_of(tmp_path, url, "--scenario",
                                    "find:find-knee:start_rate=60/s,step=40/s,level=4s,distribution=poisson,seed=3,max_users=2000,"
                                    "users=50,graceful_stop=5s")
        seen = truth(url)
    one = summary["scenarios"]["scenarios"][0]["knee"]
    assert one["state"] in ("found", "generator"), ended.describe()
    if one["state"] == "found" and all(level["is_valid"] for level in one["levels"]):
        assert one["levels"][-1]["is_saturated"] and one["levels"][-2]["is_saturated"], one
        assert one["capacity"]["is_measured"] and one["capacity"]["low"] <= one["capacity"]["per_s"] <= one["capacity"]["high"], one
        found, capacity = one["capacity"], capacity_of(seen, one)
        # short levels: no closer than it says that it is; make bench BENCH=knee has long ones
        assert abs(found["per_s"] - capacity) < max(0.1 * capacity, (found["high"] - found["low"]) / 2), (capacity, one)
        assert re.search(r"Scenario 'find', after \d+ levels: The target was saturated", ended.stderr), ended.describe()
