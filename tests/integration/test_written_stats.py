"""Numbers that code writes, forgets or adds are those of the summary, on one process as on many."""

import csv
import json

import pytest

from harness import STOCK_LOCUST, Process, free_port, locustfile, run_katydid
from test_stock_master import worker

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


RAISES = '''
import gevent
from locust import User, constant, events, task
from locust.runners import WorkerRunner

class Once(User):
    wait_time = constant(100)
    @task
    def fail(self): raise ValueError("of a task")

@events.test_start.add_listener
def begin(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(reset, environment)

def reset(environment):
    while not environment.runner.exceptions:
        gevent.sleep(0.1)
    environment.stats.%s()
    gevent.sleep(0.1)
    environment.runner.quit()
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
@pytest.mark.parametrize("how", ["reset_all", "clear_all"])
def test_exceptions_outlast_statistics_that_code_resets(mode, how):
    with locustfile(RAISES % how) as path:
        run = run_katydid("-f", path, "--headless", "--csv", path.parent / "run", *mode)
        assert run.code == 1, run.describe()
        exceptions = list(csv.DictReader(open(path.parent / "run_exceptions.csv", newline="")))
    assert [(row["Count"], row["Message"]) for row in exceptions] == [("1", "of a task")]


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


TABLES = '''
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

def wait_for(is_so):
    while not is_so():
        gevent.sleep(0.1)

def write(stats, runner):
    for name in ("/held", "/in-place", "/exchanged"):
        for milliseconds in (10, 20, 30):
            stats.log_request("GET", name, milliseconds, 5)
    wait_for(lambda: stats.total.num_requests == 9)
    held = stats.get("/held", "GET").response_times
    stats.history.append("by code")
    stats.log_request("GET", "/more", 10, 5)
    wait_for(lambda: stats.total.num_requests == 10)
    held[30] += 8
    held[25] += 1
    stats.get("/in-place", "GET").response_times.pop(20)
    del stats.get("/in-place", "GET").response_times[30]
    stats.get("/exchanged", "GET").response_times = {30: 3}
    stats.log_request("GET", "/more", 10, 5)
    wait_for(lambda: stats.total.num_requests == 11)
    assert (held[30], held[25]) == (9, 1), held  # also while the master's figures are older
    assert stats.get("/held", "GET").response_times is held
    assert "by code" in stats.history
    runner.quit()
'''


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
def test_tables_that_code_writes_into_are_those_that_count(mode):
    with locustfile(TABLES) as path:
        run = run_katydid("-f", path, "--headless", "-t", "20s", "--csv", path.parent / "run", *mode)
        table = list(csv.DictReader(open(path.parent / "run_stats.csv", newline="")))
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    medians = {row["Name"]: float(row["50%"]) for row in table}
    assert medians == {"/held": 30, "/in-place": 10, "/exchanged": 30, "/more": 10, "Aggregated": 20}


ON_A_WORKER = '''
from locust import User, constant, events, task

class Once(User):
    wait_time = constant(0.1)
    done = False
    @task
    def note(self):
        fire = self.environment.events.request.fire
        stats = self.environment.stats
        if Once.done:
            fire(request_type="GET", name="/x", response_time=1, response_length=1)
            return
        Once.done = True
        for name in ("/row", "/reset", "/gone", "/less"):
            for milliseconds in (10, 50):
                fire(request_type="GET", name=name, response_time=milliseconds, response_length=1)
        entry = stats.get("/row", "GET")
        entry.log(30, 3)
        entry.log_error("of the row")
        stats.get("/reset", "GET").reset()
        stats.get("/reset", "GET").log(40, 1)
        del stats.entries[("/gone", "GET")]
        stats.get("/less", "GET").num_requests -= 1
        stats.get("/less", "GET").total_response_time -= 50
        stats.get("/new", "PUT").log(30, 3)
'''

# As stock Locust 2.47 has it: what code does to a row leaves the total alone.
ROWS_OF_A_WORKER = {"/row": (3, 1, 10, 50, 30), "/reset": (1, 0, 40, 40, 40), "/less": (1, 0, 10, 50, 10),
                    "/new": (1, 0, 30, 30, 30)}


def rows_of_a_worker(path):
    with open(path, newline="") as file:
        table = {row["Name"]: row for row in csv.DictReader(file)}
    more = int(table["/x"]["Request Count"])
    assert more > 3 and int(table["Aggregated"]["Request Count"]) == more + 8
    columns = ("Request Count", "Failure Count", "Min Response Time", "Max Response Time", "Average Response Time")
    return {name: tuple(float(row[column]) for column in columns)
            for name, row in table.items() if name not in ("/x", "Aggregated")}


def test_a_row_that_a_worker_changes_is_so_in_its_masters_table(tmp_path):
    with locustfile(ON_A_WORKER) as path:
        run = run_katydid("-f", path, "--headless", "-t", "2s", "--processes", "1", "--csv", tmp_path / "run")
    assert run.code == 0 and rows_of_a_worker(tmp_path / "run_stats.csv") == ROWS_OF_A_WORKER, run.describe()


def test_a_stock_master_gets_it_too(tmp_path):
    port = free_port()
    with locustfile(ON_A_WORKER) as path, worker(path, port):
        with Process([STOCK_LOCUST, "-f", path, "--master", "--master-bind-port", port, "--headless", "-u", 1, "-t", 4,
                      "--expect-workers", 1, "--csv", tmp_path / "run"]) as stock:
            stock.wait()
    assert rows_of_a_worker(tmp_path / "run_stats.csv") == ROWS_OF_A_WORKER, stock.describe()


ERRORS_OF_A_WORKER = '''
from locust import User, constant, task

class Fails(User):
    wait_time = constant(0.05)
    rounds = 0

    @task
    def fail(self):
        stats, fire = self.environment.stats, self.environment.events.request.fire
        self.rounds += 1
        if self.rounds > 20:
            return
        for name in ("/gone", "/kept", "/fewer", "/fewer"):
            fire(request_type="GET", name=name, response_time=1, response_length=0, exception=ValueError("no"))
        for error in stats.errors.values():
            if error.name == "/fewer":
                error.occurrences -= 1
        gone = next(key for key, error in stats.errors.items() if error.name == "/gone")
        if self.rounds == 1:
            stats.errors.clear()
        elif self.rounds % 2:
            del stats.errors[gone]
        else:
            stats.errors = {key: error for key, error in stats.errors.items() if key != gone}
'''


def failures_of(path):
    with open(path, newline="") as file:
        return {row["Name"]: int(row["Occurrences"]) for row in csv.DictReader(file)}


def test_errors_that_a_worker_removes_do_not_come_back(tmp_path):
    with locustfile(ERRORS_OF_A_WORKER) as path:
        run = run_katydid("-f", path, "--headless", "-t", "4s", "--processes", "1", "--csv", tmp_path / "run")
    assert run.code == 1 and failures_of(tmp_path / "run_failures.csv") == {"/kept": 19, "/fewer": 19}, run.describe()


def test_a_stock_master_does_not_get_errors_that_were_removed(tmp_path):
    port = free_port()
    with locustfile(ERRORS_OF_A_WORKER) as path, worker(path, port):
        with Process([STOCK_LOCUST, "-f", path, "--master", "--master-bind-port", port, "--headless", "-u", 1, "-t", 6,
                      "--expect-workers", 1, "--csv", tmp_path / "run"]) as stock:
            stock.wait()
    assert failures_of(tmp_path / "run_failures.csv") == {"/kept": 19, "/fewer": 19}, stock.describe()
