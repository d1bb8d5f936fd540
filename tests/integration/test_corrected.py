# SPDX-License-Identifier: MIT
"""Response times from when the iteration was to start: what a target that stands still costs those who were to come meanwhile. A slow
machine makes them longer, never shorter."""

import json
import os
import re
import signal
import time

import pytest

from harness import children, katydid, locustfile, run_katydid, target, wait_for

STALL = '''
import time
from locust import HttpUser, User, constant, constant_pacing, task
class One(User):
    wait_time = constant_pacing(0.1)
    @task
    def visit(self):
        if not hasattr(self, "was_slow"):
            self.was_slow = True
            time.sleep(2)
        self.environment.events.request.fire(request_type="X", name="visit", response_time=1, response_length=0, exception=None)
class Idle(User):
    @task
    def visit(self):
        open("began", "a").close()
        self.environment.events.request.fire(request_type="X", name="visit", response_time=1, response_length=0, exception=None)
class Quick(HttpUser):
    wait_time = constant(0.01)
    @task
    def get(self):
        self.client.get("/")
        self.client.get("/other")
'''


def run(tmp_path, *arguments):
    with locustfile(STALL) as file:
        ended = run_katydid("-f", file, "--headless", "--only-summary", "--summary", tmp_path / "s.json", *arguments)
    rows = json.loads((tmp_path / "s.json").read_text())["rows"] if (tmp_path / "s.json").exists() else []
    return ended, {row["name"]: row for row in rows}


def counts(row, key="corrected_histogram"):
    """[(ms, how many)]; the smallest time of each bucket (docs/api.md)."""
    def least_us(bucket):
        shift = max(0, bucket // 128 - 1)
        return (bucket - 128 * shift) << shift

    return [(least_us(at) / 1000, n) for at, n in row[key]["buckets"]] if row[key] else []


def slower(row, ms):
    return sum(n for at, n in counts(row) if at >= ms * 0.99)


@pytest.mark.parametrize("more", [[], ["--processes", 1]], ids=["local", "distributed"])
def test_who_was_to_come_while_the_target_stood_still_waited_as_long(more, tmp_path):
    """At 50/s, for 2 s: of those due in that time, 50 (2 - x) waited longer than x seconds. The raw times know nothing of it."""
    ended, rows = run(tmp_path, *more, "One", "--scenario", "a:constant-arrival-rate:rate=50/s,duration=4s,users=1,on_busy=queue,max_queue=1000",
                      "--threshold", "p99 < 2ms", "--threshold", "corrected_p60 > 300ms")
    row = rows["visit"]
    assert ended.code == 0 and row["requests"] == 200 == sum(n for _, n in counts(row)), ended.describe()
    assert sum(n for at, n in counts(row, "histogram") if at > 2) == 0, row
    assert [slower(row, ms) >= 50 * (2000 - ms) / 1000 for ms in (500, 1000, 1500)] == [True] * 3, counts(row)


def test_pacing_says_when_a_task_was_to_begin(tmp_path):
    """From the first wait on: the first task took 2 s, and the second was to begin 0.1 s after it."""
    ended, rows = run(tmp_path, "One", "-u", 1, "-i", 5)
    row = rows["visit"]
    assert ended.code == 0 and row["requests"] == 5 and sum(n for _, n in counts(row)) == 4, ended.describe()
    assert slower(row, 1900) >= 1, counts(row)


def test_every_request_of_an_iteration_has_both_times(tmp_path):
    with target() as server:
        ended, rows = run(tmp_path, "-H", server.url, "Quick", "--scenario", "a:constant-arrival-rate:rate=20/s,duration=1s",
                          "--threshold", "corrected_p50 of {scenario:a} > 0", "--threshold", "corrected_p99 of {scenario:b} > 0", "--threshold", "corrected_p99 of class 'Quick' < 5m")
        assert sorted(re.findall(r"^THRESHOLD +(pass|fail|no data)", ended.stderr, re.MULTILINE)) == ["no data", "pass", "pass"], ended.describe()
        assert ended.code == 99 and "Response time percentiles from the intended start" in ended.stderr, ended.describe()
        assert rows["/"]["requests"] == 20 and rows["/other"]["requests"] == 20, ended.describe()
        for row in rows.values():
            assert sum(n for _, n in counts(row)) == 20, row
        ended, rows = run(tmp_path, "-H", server.url, "Quick", "-u", 2, "-r", 2, "-i", 6)
        assert ended.code == 0 and rows["/"]["corrected_histogram"] is None and "intended start" not in ended.stderr, ended.describe()


def test_a_generator_that_stood_still_tells_how_late_it_was_and_that_it_was_itself(tmp_path):
    """A worker that is stopped for 2.4 s, at 50/s: nothing is left out, all that was due meanwhile is late by as much as it was, with
    users to spare, and the measurement is told to be the worker's fault."""
    with locustfile(STALL) as file:
        with katydid("-f", file, "--headless", "--only-summary", "--summary", tmp_path / "s.json", "Idle", "--fail-on-invalid", "--scenario",
                     "a:constant-arrival-rate:rate=50/s,duration=6s,users=20,max_queue=1000", cwd=tmp_path) as process:
            wait_for((tmp_path / "began").exists, "the first iteration")
            worker, = children(process.pid)
            os.kill(worker, signal.SIGSTOP)
            is_early = time.time() - (tmp_path / "began").stat().st_mtime < 3  # and so all of the stop is within the plan
            time.sleep(2.4)
            os.kill(worker, signal.SIGCONT)
            assert process.wait() == 75, process.describe()
    summary = json.loads((tmp_path / "s.json").read_text())
    one, = summary["scenarios"]["scenarios"]
    row, = (row for row in summary["rows"] if row["name"] == "visit")
    assert one["due"] == one["started"] + one["dropped"] + one["cut"] == 300 and one["dropped"] == 0, one
    assert one["start_delay"]["max"] > 2300 or not is_early, one
    assert sum(n for at, n in counts(row, "histogram") if at > 2) == 0, row
    assert [slower(row, ms) >= 50 * (2300 - ms) / 1000 for ms in (500, 1000, 1500, 2000)] == [True] * 4 or not is_early, counts(row)
    assert re.search(r"^not valid: worker \S+, from .* \(\w+\)$", process.stderr, re.M), process.describe()
