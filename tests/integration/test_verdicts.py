# SPDX-License-Identifier: MIT
"""Whether a test passed, as a pipeline gets to know it: thresholds from every place, exit codes, last lines, files."""

import os
import re
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harness import KATYDID, Process, katydid, locustfile, run_katydid

USER = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart")
        self.client.get("/missing")
'''
QUIET = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart")
'''


class Shop:
    """Its answers may turn slow or wrong in the middle of a test."""

    def __init__(self):
        self.delay = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                time.sleep(shop.delay)
                self.send_response(404 if "missing" in self.path else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def a_shop():
    shop = Shop()
    thread = Thread(target=shop.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield shop
    finally:
        shop.server.shutdown()
        thread.join()
        shop.server.server_close()


def run(shop, text, *arguments, **kwargs):
    with locustfile(text) as file:
        return run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, *arguments, **kwargs)


def lines(process):
    return [line for line in process.stderr.splitlines() if line.startswith(("THRESHOLD", "Exit code"))]


def test_a_gate_says_what_it_measured_and_decides_the_exit_code(tmp_path):
    script = USER + '''
thresholds = {
    "http_req_duration{name:/cart}": ["p(95)<5000", {"threshold": "p(99)<6000", "abortOnFail": True}],
    "http_req_failed": ["rate<0.9"],
}
from locust import events
@events.init.add_listener
def more(environment, **_):
    environment.thresholds.add("fail_ratio < 1%", name="few failures", no_data="pass")
'''
    (tmp_path / "gates.toml").write_text('[[threshold]]\nstat = "count"\nwhere = "GET /cart"\nop = ">"\nvalue = 1\n'
                                         'name = "some"\n')
    (tmp_path / "pyproject.toml").write_text('[[tool.katydid.threshold]]\nthreshold = "fails of \'GET /crat\' < 3"\n')
    with a_shop() as shop:
        ended = run(shop, script, "-t", 3, "--thresholds", "gates.toml", "--threshold", "max < 1h", cwd=tmp_path)
    assert ended.code == 99, ended.describe()
    said = [re.sub(r"[\d.]+( ?)(ms|%)? \(n=\d+\)", "N", line) for line in lines(ended)]
    assert said[:4] == ["THRESHOLD pass max < 1h: N", "THRESHOLD pass some: count of 'GET /cart' > 1: N",
                        "THRESHOLD no data fails of 'GET /crat' < 3: no row 'GET /crat'; did you mean 'GET /cart'?",
                        "THRESHOLD pass http_req_duration{name:/cart} p(95)<5000: N"], ended.describe()
    assert re.fullmatch(r"THRESHOLD fail few failures: fail_ratio < 1%: N first at \d\d:\d\d:\d\d", said[6]), said
    assert re.fullmatch(r"Exit code 99: 1 threshold failed; 1 threshold without data; \d+ requests failed", said[7]), said


def test_thresholds_that_hold_leave_the_exit_code_to_the_requests():
    with a_shop() as shop:
        assert run(shop, QUIET, "-t", 2, "--threshold", "fail_ratio < 1%").code == 0
        ended = run(shop, USER, "-t", 2, "--threshold", "fail_ratio < 90%")
        assert ended.code == 1, ended.describe()
        assert run(shop, USER, "-t", 2, "--threshold", "fail_ratio < 90%", "--exit-code-on-error", 0).code == 0


def test_by_the_name_locust_a_failed_threshold_is_1(tmp_path):
    os.symlink(KATYDID, tmp_path / "locust")
    with a_shop() as shop, locustfile(QUIET) as file:
        command = [tmp_path / "locust", "-f", file, "-H", shop.url, "--headless", "-t", 2, "--threshold", "count > 1e9"]
        with Process(command) as ended:
            assert ended.wait() == 1, ended.describe()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--threshold", "p95 < 300mss"], "--threshold: 'p95 < 300mss': column 10: 'mss' is no unit (did you mean ms?)"),
    (["--thresholds", "gates.toml"], "gates.toml:3: abrot: there is no field of that name: did you mean abort?"),
    (["--thresholds", "gates.json"], "gates.json:3: column"),
    (["--thresholds", "nothing.toml"], "cannot read the configuration file nothing.toml"),
    (["--check-fail-ratio", "x"], "give a ratio"),
])
def test_what_is_wrong_is_told_before_anything_starts(tmp_path, arguments, words):
    (tmp_path / "gates.toml").write_text('\n\n[[threshold]]\nthreshold = "p95 < 3"\nabrot = true\n')
    (tmp_path / "gates.json").write_text('["p95 < 3",\n"p95 < 3"\n')
    with locustfile(QUIET) as file:
        ended = run_katydid("-f", file, "--headless", "-t", 1, *arguments, cwd=tmp_path)
    assert ended.code == 2 and words in ended.stderr, ended.describe()


@pytest.mark.parametrize(("text", "words"), [
    ('thresholds = {\n"http_req_duration": ["p(95)<300x"],\n}', "locustfile.py:3: 'p(95)<300x': column 7: '300x' is no number"),
    ('thresholds = {\n"http_reqs": ["rate>1"],\n"http_reqs": ["rate>2"],\n}',
     "locustfile.py:4: http_reqs: stands there twice, and Python forgets the one of line 3"),
])
def test_what_is_wrong_in_a_locustfile_names_its_line(text, words):
    with locustfile("\n" + text + QUIET) as file:
        ended = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-t", 1)
    assert ended.code == 2 and words in ended.stderr, ended.describe()


def test_a_variable_of_that_name_may_be_something_else():
    with a_shop() as shop:
        ended = run(shop, QUIET + '\nthresholds = {"/cart": 300, "x": [1, 2]}\nShopper.thresholds = 7\n', "-t", 1)
    assert ended.code == 0 and not lines(ended), ended.describe()


def test_the_resolved_list_is_printed_and_nothing_starts():
    with locustfile(QUIET + '\nthresholds = {"http_req_failed": ["rate<0.01"]}\n') as file:
        ended = run_katydid("-f", file, "--check-thresholds", env={"KATYDID_THRESHOLDS": "p95 < 1s for 5s\nrps > 3\n"})
    assert ended.code == 0, ended.describe()
    assert ended.stdout.startswith("3 thresholds\np95 < 1s for 5s\n"), ended.describe()
    assert "http_req_failed rate<0.01" in ended.stdout and "from locustfile.py:9" in ended.stdout, ended.describe()


def test_a_threshold_stops_the_test_soon_and_everything_is_written(tmp_path):
    """Slow from some second on: two seconds later it is over, with files, and the reason in the log."""
    with a_shop() as shop, locustfile(QUIET) as file:
        process = katydid("-f", file, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "-t", "10m", "--processes", 2, "--csv", "p",
                          "--threshold", "p95 < 400ms for 1s, stop, after=1s", cwd=tmp_path)
        with process:
            process.wait_line("All users spawned")
            time.sleep(1)
            shop.delay = 0.5
            process.wait_line("stopped by threshold p95 < 400ms for 1s, stop, after=1s: value ")
            assert process.wait() == 99, process.describe()
    assert (tmp_path / "p_stats.csv").stat().st_size > 0
    assert "THRESHOLD fail p95 < 400ms for 1s" in process.stderr and ", stopped the test" in process.stderr


def test_checks_of_locust_plugins_are_there_without_it():
    with a_shop() as shop:
        for arguments, code in [((), 1), (("--check-fail-ratio", 0.9), 0), (("--check-fail-ratio", 0.1), 3),
                                (("--check-rps", 100000), 3), (("--check-avg-response-time", 5000), 1),
                                (("--check-avg-response-time", 0), 3)]:
            ended = run(shop, USER, "-t", 1, *arguments)
            assert ended.code == code, (arguments, ended.describe())
            assert ("CHECK FAILED" in ended.stderr) == (code == 3), ended.describe()
