# SPDX-License-Identifier: MIT
"""What locustfiles use of Locust beside users and tasks, in real runs: pytest-style files, constants
that are set at run time, the report, and errors that must be seen."""

import csv
import re

import pytest

from harness import free_port, get, get_json, katydid, locustfile, run_katydid, target, wait_for

PYTEST_STYLE = '''
import pytest

ended = []

@pytest.fixture
def shop(session):
    session.headers["X-From"] = "fixture"
    yield session

def test_page(session):
    session.get("/")

def test_fast(fastsession):
    with fastsession.get("/fast", catch_response=True) as response:
        response.raise_for_status()

@pytest.mark.parametrize("number", [1, 2])
def test_numbers(shop, number):
    shop.get(f"/{number}", name=f"number {number}")

def test_failing(session):
    session.get("/status/500").raise_for_status()
    session.get("/never")

def test_wrong(session):
    session.get("/wrong")
    assert False, "an assertion that fails"
'''


@pytest.fixture(scope="module")
def server():
    with target() as process:
        yield process


def test_pytest_functions_are_users(server):
    with locustfile(PYTEST_STYLE, "test_shop.py") as path:
        run = run_katydid("-f", path, "-H", server.url, "--headless", "-u", "6", "-r", "20", "-t", "4s",
                          "--csv", path.parent / "run")
        with open(path.parent / "run_stats.csv", newline="") as file:
            rows = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert {"/", "/fast", "number 1", "number 2", "/wrong"} <= set(rows), run.describe()
    assert rows["/wrong"] > 1, "the user goes on after an assertion that failed"
    assert "an assertion that fails" in run.stderr and run.code == 1
    assert run.stderr.count("an assertion that fails") < 60, "the log is bounded"


def test_a_pytest_file_that_needs_pytests_own_fixtures_is_refused(server):
    with locustfile("def test_it(request):\n    pass\n", "test_it.py") as path:
        run = run_katydid("-f", path, "-H", server.url, "--headless", "-t", "1s")
    assert run.code == 65
    assert "Could not find fixture for parameter 'request'" in run.stderr


CONSTANTS = '''
import locust.runners, locust.stats
from locust import HttpUser, constant, events, task

locust.stats.PERCENTILES_TO_REPORT = [0.5, 0.77]
locust.stats.PERCENTILES_TO_CHART = [0.25]
locust.stats.PERCENTILES_TO_STATISTICS = [0.5, 0.42]
locust.stats.CONSOLE_STATS_INTERVAL_SEC = 1000
locust.stats.STATS_NAME_WIDTH = 30
locust.stats.CSV_STATS_INTERVAL_SEC = "often"

@events.test_start.add_listener
def on_start(**_):
    locust.stats.PERCENTILES_TO_CHART = [0.25, 0.75]

class One(HttpUser):
    wait_time = constant(0.02)

    @task
    def get(self):
        self.client.get("/")
'''


def test_constants_of_a_locustfile_reach_the_master(server):
    port = free_port()
    with locustfile(CONSTANTS) as path, katydid(
            "-f", path, "-H", server.url, "--autostart", "--autoquit", "0", "-u", "1", "-t", "2m", "--csv",
            path.parent / "run", "--csv-full-history", "--web-port", port, "--web-host", "127.0.0.1") as run:
        run.wait_line("All users spawned")

        def current():
            answer = get_json(f"http://127.0.0.1:{port}/stats/requests")
            return answer if len(answer["current_response_time_percentiles"]) == 2 else None

        answer = wait_for(current, "the constant that was set when the test began")
        assert list(answer["current_response_time_percentiles"]) == [
            "response_time_percentile_0.25", "response_time_percentile_0.75"]
        shown = {key for key in answer["stats"][-1] if key.startswith("response_time_percentile_")}
        assert shown == {"response_time_percentile_0.5", "response_time_percentile_0.42"}
        run.signal(15)
        run.wait()
        head = (path.parent / "run_stats_history.csv").read_text().split("\n", 1)[0]
    assert ",50%,77%,Total Request Count" in head
    assert "CSV_STATS_INTERVAL_SEC makes no sense" in run.stderr
    assert re.search(r"^Type +Name +50% +77% # reqs$", run.stderr, re.M), run.describe()
    tables = re.findall(r"^Type +Name +# reqs", run.stderr, re.M)
    assert len(tables) <= 2, "the table is not printed every two seconds"


REPORT = '''
from locust import HttpUser, constant, events, task
from locust.html import get_html_report

@events.test_stop.add_listener
def write(environment, **_):
    with open({path!r}, "w") as file:
        file.write(get_html_report(environment))

class One(HttpUser):
    wait_time = constant(0.02)

    @task
    def get(self):
        self.client.get("/", name="<b>bold & brave</b>")
'''


@pytest.mark.parametrize("arguments", [(), ("--processes", "1")])
def test_a_locustfile_can_have_the_report(server, tmp_path, arguments):
    report = tmp_path / "report.html"
    with locustfile(REPORT.format(path=str(report))) as path:
        run = run_katydid("-f", path, "-H", server.url, "--headless", "-u", "1", "-t", "2s", *arguments)
    assert run.code == 0, run.describe()
    html = report.read_text()
    assert html.lower().startswith("<!doctype html>") and html.rstrip().endswith("</html>")
    assert "<b>bold" not in html
    is_own = "Request statistics" in html
    assert is_own or "katydid-report" in html


BROKEN = '''
from locust import User, constant, task

class Broken(User):
    wait_time = constant(1)
    fixed_count = 2

    def on_start(self):
        raise RuntimeError("cannot start")

    @task
    def never(self):
        pass
'''


def test_users_that_cannot_start_are_seen():
    port = free_port()
    with locustfile(BROKEN) as path, katydid("-f", path, "--autostart", "-u", "2", "--web-port", port,
                                             "--web-host", "127.0.0.1") as run:
        run.wait_line("cannot start")
        base = f"http://127.0.0.1:{port}"
        rows = wait_for(lambda: get_json(f"{base}/exceptions")["exceptions"], "the exception on the page")
        assert rows[0]["msg"] == "cannot start" and "on_start" in rows[0]["traceback"]
        assert b"cannot start" in get(f"{base}/exceptions/csv")
        run.signal(15)
        assert run.wait() == 1
