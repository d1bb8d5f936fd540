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
    gevent.sleep(1.2)  # reported
    stats.%s()
    stats.log_request("GET", "/after", 20, 2)
    stats.get("/entry", "PUT").log(30, 3)
    stats.get("/entry", "PUT").log_error("of the entry")
    stats.total.log(30, 3)
    stats.log_error("GET", "/after", ValueError("by code"))
    environment.runner.log_exception("local", "counted by code", "somewhere")
    gevent.sleep(0.5)
    environment.runner.quit()
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
@pytest.mark.parametrize("how", ["reset_all", "clear_all"])
def test_what_code_writes_is_what_is_reported(mode, how):
    with locustfile(WRITES % how) as path:
        run = run_katydid("-f", path, "--headless", "-t", "20s", "--csv", path.parent / "run", "--json", *mode)
        failures = list(csv.DictReader(open(path.parent / "run_failures.csv", newline="")))
        exceptions = list(csv.DictReader(open(path.parent / "run_exceptions.csv", newline="")))
        total = list(csv.DictReader(open(path.parent / "run_stats.csv", newline="")))[-1]
    rows = {row["name"]: row["num_requests"] for row in json.loads(run.stdout) if row["num_requests"]}
    assert rows == {"/after": 1, "/entry": 1}, run.describe()
    assert (total["Request Count"], total["Failure Count"]) == ("2", "2"), run.describe()
    assert {(row["Name"], row["Error"]) for row in failures} == {
        ("/after", "ValueError('by code')"), ("/entry", "of the entry")}
    assert [(row["Count"], row["Message"]) for row in exceptions] == [("1", "counted by code")]
    assert run.code == 1
