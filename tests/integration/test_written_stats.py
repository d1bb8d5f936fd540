"""Numbers that code writes, forgets or adds are those of the summary, on one process as on many."""

import csv
import json

import pytest

from harness import locustfile, run_katydid

WRITES = '''
import gevent
from locust import User, constant, events, task
from locust.runners import WorkerRunner

class Idle(User):
    wait_time = constant(100)
    @task
    def nothing(self): pass

@events.test_start.add_listener
def begin(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(write, environment)

def write(environment):
    stats = environment.stats
    stats.log_request("GET", "/before", 10, 1)
    stats.log_error("GET", "/before", "old")
    while stats.total.num_requests < 1 or not stats.errors:
        gevent.sleep(0.1)
    stats.%s()
    stats.log_request("GET", "/after", 20, 2)
    stats.get("/entry", "PUT").log(30, 3)
    stats.get("/entry", "PUT").log_error("of the entry")
    stats.total.log(30, 3)
    stats.log_error("GET", "/after", ValueError("by code"))
    environment.runner.log_exception("local", "counted by code", "somewhere")
    environment.runner.quit()
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
@pytest.mark.parametrize("how", ["reset_all", "clear_all"])
def test_what_code_writes_is_what_is_reported(mode, how):
    with locustfile(WRITES % how) as path:
        run = run_katydid("-f", path, "--headless", "--csv", path.parent / "run", "--json", *mode)
        assert run.code == 1, run.describe()
        failures = list(csv.DictReader(open(path.parent / "run_failures.csv", newline="")))
        exceptions = list(csv.DictReader(open(path.parent / "run_exceptions.csv", newline="")))
        total = list(csv.DictReader(open(path.parent / "run_stats.csv", newline="")))[-1]
    rows = {row["name"]: row["num_requests"] for row in json.loads(run.stdout) if row["num_requests"]}
    assert rows == {"/after": 1, "/entry": 1}, run.describe()
    assert (total["Request Count"], total["Failure Count"]) == ("2", "1"), run.describe()
    assert {(row["Name"], row["Error"]) for row in failures} == {("/after", "ValueError('by code')")}
    assert [(row["Count"], row["Message"]) for row in exceptions] == [("1", "counted by code")]


EDITS = '''
import gevent
from locust import User, constant, events, task
from locust.runners import WorkerRunner

class Idle(User):
    wait_time = constant(100)
    @task
    def nothing(self): pass

@events.test_start.add_listener
def begin(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(write, environment.stats, environment.runner)

def wait_for(is_reported):
    while not is_reported():
        gevent.sleep(0.1)

def count(stats):
    for name in ("/reset", "/set", "/gone", "/kept"):
        for milliseconds in (10, 20, 30):
            stats.log_request("GET", name, milliseconds, 5)
        stats.log_error("GET", name, "by code")

def write(stats, runner):
    count(stats)
    runner.log_exception("local", "counted by code", "somewhere")
    wait_for(lambda: stats.total.num_requests == 12 and len(stats.errors) == 4 and runner.exceptions)
    stats.get("/reset", "GET").reset()
    del stats.entries[("/gone", "GET")]
    stats.get("/set", "GET").num_requests = 7
    stats.get("/set", "GET").total_response_time = 700
    stats.get("/set", "GET").num_failures -= 1
    stats.total.num_requests += 100
    stats.log_request("GET", "/reset", 40, 1)  # since then
    wait_for(lambda: stats.get("/reset", "GET").num_requests == 1)
    stats.errors.clear()
    runner.exceptions.clear()
    runner.quit()
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
def test_rows_that_code_edits_are_reported_as_it_left_them(mode):
    """Stock Locust 2.47 writes these figures, and ends with 0: it looks at the lists of errors."""
    with locustfile(EDITS) as path:
        run = run_katydid("-f", path, "--headless", "--csv", path.parent / "run", "--json", *mode)
        assert run.code == 0, run.describe()
        failures = list(csv.DictReader(open(path.parent / "run_failures.csv", newline="")))
        exceptions = list(csv.DictReader(open(path.parent / "run_exceptions.csv", newline="")))
        table = list(csv.DictReader(open(path.parent / "run_stats.csv", newline="")))
    rows = {r["Name"]: (int(r["Request Count"]), int(r["Failure Count"]), float(r["Average Response Time"]))
            for r in table}
    assert rows == {"/reset": (1, 0, 40), "/set": (7, 0, 100), "/kept": (3, 1, 20),
                    "Aggregated": (113, 4, 280 / 113)}, run.describe()
    assert {r["name"]: r["num_requests"] for r in json.loads(run.stdout)} == {"/reset": 1, "/set": 7, "/kept": 3}
    assert failures == exceptions == [], run.describe()


ON_A_WORKER = '''
from locust import User, constant, events, task

class Once(User):
    wait_time = constant(0.1)
    done = False
    @task
    def note(self):
        if not Once.done:
            Once.done = True
            entry = self.environment.stats.get("/row", "PUT")
            entry.log(30, 3)
            entry.log_error("of the row")
        else:
            self.environment.events.request.fire(request_type="GET", name="/x", response_time=1,
                                                 response_length=1)
'''


def test_a_row_that_a_worker_counts_in_is_in_its_masters_table():
    """In its row alone, as in Locust."""
    with locustfile(ON_A_WORKER) as path:
        run = run_katydid("-f", path, "--headless", "-t", "2s", "--json", "--processes", "1")
    rows = {r["name"]: (r["num_requests"], r["num_failures"]) for r in json.loads(run.stdout)}
    assert rows.pop("/row") == (1, 1), run.describe()
    assert rows["/x"][0] > 3 and run.code == 0, run.describe()
